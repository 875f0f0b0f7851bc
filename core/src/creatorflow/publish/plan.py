"""The pre-flight: one content, one account, no network; says exactly what would go out, or why it cannot."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from creatorflow.api import (
    AccountRef,
    Content,
    ContentError,
    Draft,
    Form,
    ImageProcessor,
    ImageTarget,
    MediaFile,
    NotFound,
    PlatformDescriptor,
    PluginLogger,
    ProcessorDescriptor,
    Text,
    TextProcessor,
    TextResult,
    count_text,
)
from creatorflow.log import get_logger
from creatorflow.publish.compose import check_text, choose_form, compose_text, finding, for_platform, questions
from creatorflow.publish.rules import FormRules, ImageRules, load_rules
from creatorflow.publish.views import Finding, Localized, PlanView, Severity

if TYPE_CHECKING:
    from creatorflow.assets import AssetResolver
    from creatorflow.plugins import Catalogue

__all__ = ["Planner"]


@dataclass(slots=True)
class _ProcessorContext:
    """What a processor gets from the planner."""

    work_dir: Path
    log: PluginLogger

    def progress(self, text: Text, fraction: float | None = None) -> None:
        """Processing is quick next to uploading: only logged."""
        self.log.debug(text.en, fraction=fraction)


class Planner:
    """Makes plans; keeps nothing between them."""

    def __init__(self, catalogue: Catalogue, assets: AssetResolver, work_dir: Path) -> None:
        self._catalogue = catalogue
        self._assets = assets
        self._work_dir = work_dir

    async def plan(
        self, content: Content, account: AccountRef, *, base_dir: Path | None, roots: Sequence[Path] = ()
    ) -> PlanView:
        """Fit ``content`` to the account's platform.

        Findings that block or ask stand in the result; only a content that cannot be read at all raises.

        Raises:
            ContentError, PathDenied: a media file is missing, damaged or outside the allowed roots.
            NotFound: the platform is not installed. PluginError: its rules are broken.
        """
        descriptor = self._catalogue.platform(account.platform)
        content, fields, findings = for_platform(content, descriptor)
        form, wrong_form = choose_form(content, descriptor)
        if wrong_form is not None:
            findings.append(wrong_form)
        rules = load_rules(descriptor).form(form)
        text, notes = compose_text(content, rules, descriptor, self._renderer(rules))
        findings += notes
        findings += check_text(text, content, rules, descriptor)
        findings += questions(content.declarations, rules, descriptor)
        counted = _image_count(len(content.images), rules.images, account, descriptor)
        findings += counted
        images: tuple[MediaFile, ...] = ()
        operations: list[Text] = []
        if content.images and not any(item.severity is Severity.BLOCKING for item in counted):
            paths = [self._assets.resolve(ref, base_dir=base_dir, roots=roots) for ref in content.images]
            images, operations, notes = await self._images(content, paths, rules.images, descriptor)
            findings += notes
        if content.video is not None and form is not Form.VIDEO and wrong_form is None:
            findings.append(_unused(descriptor, "video", form))
        draft = Draft(
            platform=descriptor.name,
            form=form,
            title=content.title or "" if rules.title.policy == "own" else "",
            text=text,
            topics=content.topics,
            mentions=content.mentions,
            images=images,
            location=content.location if rules.location else None,
            collection=content.collection if rules.collection else None,
            visibility=content.visibility,
            declarations=content.declarations,
            fields=fields,
        )
        return PlanView(
            platform=descriptor.name,
            account=account.name,
            form=form,
            ok=not any(item.severity is not Severity.WARNING for item in findings),
            draft=draft,
            payload_hash=draft.payload_hash(),
            length=count_text(rules.text.counter, text),
            max_length=rules.text.max,
            findings=tuple(findings),
            operations=tuple(Localized.of(item) for item in operations),
            diff=_diff(content.body, text),
        )

    def _processor(self, mime: str) -> ProcessorDescriptor | None:
        try:
            return self._catalogue.processor_for(mime)
        except NotFound:
            return None

    def _renderer(self, rules: FormRules) -> Any:
        mime = rules.text.render
        descriptor = None if mime is None else self._processor(mime)
        if descriptor is None:
            return None
        processor = cast("type[TextProcessor]", self._catalogue.load(descriptor))()

        def render(source: str, options: Mapping[str, Any]) -> TextResult:
            return processor.render(source, options)

        return render

    async def _images(
        self,
        content: Content,
        paths: Sequence[Path],
        rules: ImageRules,
        descriptor: PlatformDescriptor,
    ) -> tuple[tuple[MediaFile, ...], list[Text], list[Finding]]:
        processor = self._processor("image/jpeg")
        if processor is None:
            files, notes = await self._unprocessed(paths, content.images, rules, descriptor)
            return files, [], notes
        self._work_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        fitter = cast("type[ImageProcessor]", self._catalogue.load(processor))(
            _ProcessorContext(self._work_dir, get_logger(f"creatorflow.plugin.{processor.name}"))
        )
        target = ImageTarget(
            mimes=frozenset(rules.mimes),
            max_bytes=rules.max_bytes,
            min_side=rules.min_side,
            max_side=rules.max_side,
            max_pixels=rules.max_pixels,
            strip_metadata=rules.strip_metadata,
        )
        try:
            results = await fitter.fit(paths, target)
        except ContentError as error:
            raise _as_written(error, paths, content.images) from error
        fitted: list[MediaFile] = []
        operations: list[Text] = []
        for ref, result in zip(content.images, results, strict=True):
            stored = await self._assets.ingest(result.path)
            fitted.append(
                MediaFile(
                    path=stored.path,
                    name=ref,
                    sha256=stored.sha256,
                    mime=result.info.mime,
                    size=stored.size,
                    width=result.info.width,
                    height=result.info.height,
                )
            )
            if result.path.is_relative_to(self._work_dir):
                result.path.unlink(missing_ok=True)
            operations += [Text(en=f"{ref}: {item.en}", zh=f"{ref}：{item.zh}") for item in result.operations]
        return tuple(fitted), operations, []

    async def _unprocessed(
        self, paths: Sequence[Path], refs: Sequence[str], rules: ImageRules, descriptor: PlatformDescriptor
    ) -> tuple[tuple[MediaFile, ...], list[Finding]]:
        """Without an image processor only the type and the size of a file can be checked; the author is told."""
        hint = Text(en="pip install creatorflow-pillow", zh="pip install creatorflow-pillow")
        unchecked = Text(
            en="No image processor is installed: pictures go out as they are, damage is not noticed and metadata "
            "(perhaps the place) is not removed.",
            zh="未安装图片处理器：图片将原样发出，不检查损坏，也不清除元数据（可能含拍摄地点）。",
        )
        findings = [finding(Severity.WARNING, "no_image_processor", "images", unchecked, hint)]
        files = []
        for ref, path in zip(refs, paths, strict=True):
            stored = await self._assets.ingest(path)
            if (rules.mimes and stored.mime not in rules.mimes) or (rules.max_bytes and stored.size > rules.max_bytes):
                what = Text(
                    en=f"{ref!r} ({stored.mime}, {stored.size} bytes) is not what {descriptor.name} takes: "
                    f"{', '.join(rules.mimes)}, at most {rules.max_bytes} bytes.",
                    zh=f"“{ref}”（{stored.mime}，{stored.size} 字节）不符合{descriptor.title.zh}的要求："
                    f"{'、'.join(rules.mimes)}，最大 {rules.max_bytes} 字节。",
                )
                findings.append(finding(Severity.BLOCKING, "image_not_accepted", "images", what, hint))
            files.append(
                MediaFile(path=stored.path, name=ref, sha256=stored.sha256, mime=stored.mime, size=stored.size)
            )
        return tuple(files), findings


def _as_written(error: ContentError, paths: Sequence[Path], refs: Sequence[str]) -> ContentError:
    """Name a picture as its author did: a processor only knows where the file lies on this machine."""
    en, zh = error.text.en, error.text.zh
    details = dict(error.details)
    for path, ref in zip(paths, refs, strict=True):
        en, zh = en.replace(str(path), ref), zh.replace(str(path), ref)
        if details.get("path") == str(path):
            details["path"] = ref
    return ContentError(Text(en=en, zh=zh), details, error.cause)


def _image_count(count: int, rules: ImageRules, account: AccountRef, descriptor: PlatformDescriptor) -> list[Finding]:
    limit = rules.max
    if rules.max_by_right is not None:
        right = account.rights.get(rules.max_by_right)
        if isinstance(right, int):
            limit = right
    name = descriptor.name
    if count > limit:
        what = Text(
            en=f"{count} pictures were given, {name} takes at most {limit} here.",
            zh=f"共 {count} 张图片，{descriptor.title.zh}此处最多 {limit} 张。",
        )
        fix = Text(
            en=f"Remove {count - limit}, or list fewer under 'platforms: {name}: images'.",
            zh=f"请减少 {count - limit} 张，或在 “platforms: {name}: images” 中单独列出。",
        )
        return [finding(Severity.BLOCKING, "too_many_images", "images", what, fix)]
    if count < rules.min:
        what = Text(
            en=f"{name} needs at least {rules.min} picture(s) for this form.",
            zh=f"{descriptor.title.zh}的这种形式至少需要 {rules.min} 张图片。",
        )
        return [finding(Severity.BLOCKING, "too_few_images", "images", what)]
    if rules.warn_above is not None and count > rules.warn_above:
        what = Text(
            en=f"{count} pictures: not every {name} account may post more than {rules.warn_above}.",
            zh=f"共 {count} 张图片：并非所有{descriptor.title.zh}账号都能发布超过 {rules.warn_above} 张。",
        )
        return [finding(Severity.WARNING, "many_images", "images", what)]
    return []


def _unused(descriptor: PlatformDescriptor, field: str, form: Form) -> Finding:
    return finding(
        Severity.BLOCKING,
        "field_not_in_form",
        field,
        Text(
            en=f"A post of form {form.value!r} on {descriptor.name} has no {field!r}, so it would be lost.",
            zh=f"{descriptor.title.zh}的 “{form.value}” 形式没有 “{field}”，发布后会丢失。",
        ),
        Text(en=f"Remove {field!r} or change 'form'.", zh=f"请删除 “{field}” 或修改 “form”。"),
    )


def _diff(source: str, text: str) -> tuple[str, ...]:
    lines = difflib.unified_diff(source.splitlines(), text.splitlines(), "body", "post", lineterm="", n=1)
    return tuple(lines)
