"""Fits one content to one platform: picks the form, applies overrides, writes the text that will be posted. No I/O."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from creatorflow.api import (
    Content,
    ContentError,
    Declarations,
    Form,
    PlatformDescriptor,
    Text,
    TextResult,
    count_text,
)
from creatorflow.publish.content import PLATFORM_KEYS
from creatorflow.publish.rules import FormRules
from creatorflow.publish.views import Finding, Localized, Severity

__all__ = ["check_text", "choose_form", "compose_text", "finding", "for_platform", "questions"]

Render = Callable[[str, Mapping[str, Any]], TextResult]


def finding(severity: Severity, code: str, field: str, message: Text, fix: Text | None = None) -> Finding:
    """Build a finding."""
    return Finding(
        severity=severity,
        code=code,
        field=field,
        message=Localized.of(message),
        fix=None if fix is None else Localized.of(fix),
    )


def for_platform(content: Content, descriptor: PlatformDescriptor) -> tuple[Content, dict[str, Any], list[Finding]]:
    """Apply ``platforms: {name: …}``; return the content, the adapter's own fields, and what is wrong with them."""
    override = dict(content.platforms.get(descriptor.name, {}))
    fields = {key: override.pop(key) for key in list(override) if key not in PLATFORM_KEYS}
    findings = [_unknown_field(descriptor, key) for key in fields if key not in descriptor.fields]
    data = content.model_dump(exclude={"platforms"})
    declared = override.pop("declarations", None)
    data.update(override)
    if isinstance(declared, Mapping):
        data["declarations"] = {**content.declarations.model_dump(), **declared}
    try:
        return Content.model_validate(data), fields, findings
    except ValidationError as error:
        key = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ContentError(
            Text(
                en=f"'platforms: {descriptor.name}: {key}' has the wrong type or value. Write it as at the top level of the post.",
                zh=f"“platforms: {descriptor.name}: {key}” 的类型或取值不正确，写法应与文章顶层相同。",
            ),
            {"field": f"platforms.{descriptor.name}.{key}"},
        ) from error


def _unknown_field(descriptor: PlatformDescriptor, key: str) -> Finding:
    known = sorted(PLATFORM_KEYS | set(descriptor.fields))
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    hint_zh = f"是否应为 “{near[0]}”？" if near else ""
    return finding(
        Severity.BLOCKING,
        "unknown_field",
        f"platforms.{descriptor.name}.{key}",
        Text(
            en=f"{descriptor.name} has no field {key!r}.{hint}",
            zh=f"{descriptor.title.zh}没有字段 “{key}”。{hint_zh}",
        ),
        Text(en=f"Known fields: {', '.join(known)}.", zh=f"可用字段：{', '.join(known)}。"),
    )


def choose_form(content: Content, descriptor: PlatformDescriptor) -> tuple[Form, Finding | None]:
    """Return the form this platform will publish, and a blocking finding when it has none that fits."""
    offered = [Form(name) for name in descriptor.content_forms]
    if content.form is not None:
        wanted = content.form
    elif len(offered) == 1:
        wanted = offered[0]
    elif content.video is not None:
        wanted = Form.VIDEO
    elif content.images:
        wanted = Form.IMAGE
    else:
        wanted = Form.ARTICLE if Form.TEXT not in offered and Form.ARTICLE in offered else Form.TEXT
    if wanted in offered:
        return wanted, None
    names = ", ".join(form.value for form in offered)
    return offered[0], finding(
        Severity.BLOCKING,
        "form_not_offered",
        "form",
        Text(
            en=f"{descriptor.name} does not publish posts of form {wanted.value!r}.",
            zh=f"{descriptor.title.zh}不支持 “{wanted.value}” 形式的内容。",
        ),
        Text(en=f"It takes: {names}.", zh=f"支持：{names}。"),
    )


def compose_text(
    content: Content, rules: FormRules, descriptor: PlatformDescriptor, render: Render | None
) -> tuple[str, list[Finding]]:
    """Write the text exactly as it will be posted."""
    findings: list[Finding] = []
    body = content.body
    if rules.text.render is not None and body:
        if render is None:
            if _looks_like_markdown(body):
                findings.append(_no_renderer(rules.text.render))
        else:
            result = render(body, rules.text.render_options)
            body = result.text
            findings += [finding(Severity.WARNING, "rendering", "body", text) for text in result.warnings]
    body = body.strip("\n")
    if content.title and rules.title.policy == "prepend":
        body = rules.title.prepend_style.replace("{title}", content.title) + ("\n" + body if body else "")
    body = _with_mentions(_with_topics(body, content, rules), content, rules) or rules.text.when_empty or ""
    return body, findings + _left_out(content, rules, descriptor)


def _with_topics(body: str, content: Content, rules: FormRules) -> str:
    style = rules.text.topic_style
    if style is None:
        return body
    words = [style.replace("{name}", topic) for topic in content.topics]
    line = " ".join(word for word in dict.fromkeys(words) if word not in body)
    if not line:
        return body
    if not body:
        return line
    return f"{line}\n{body}" if rules.text.topic_position == "prepend" else f"{body}\n{line}"


def _with_mentions(body: str, content: Content, rules: FormRules) -> str:
    style = rules.text.mention_style
    if style is None:
        return body
    missing = [name for name in content.mentions if not re.search(rf"@{re.escape(name)}(?![\w-])", body)]
    line = "".join(style.replace("{name}", name) for name in missing)
    if not line:
        return body
    return f"{body}\n{line.rstrip()}" if body else line.rstrip()


def _left_out(content: Content, rules: FormRules, descriptor: PlatformDescriptor) -> list[Finding]:
    """Name everything the author gave that this platform will not show: nothing is dropped silently."""
    lost = []
    if content.title and rules.title.policy == "drop":
        lost.append("title")
    if content.topics and rules.topics.max == 0 and rules.text.topic_style is None:
        lost.append("topics")
    if content.mentions and rules.mentions.max == 0 and rules.text.mention_style is None:
        lost.append("mentions")
    if content.location and not rules.location:
        lost.append("location")
    if content.collection and not rules.collection:
        lost.append("collection")
    if content.cover and content.video is None:
        lost.append("cover")
    return [
        finding(
            Severity.WARNING,
            "left_out",
            name,
            Text(
                en=f"{descriptor.name} cannot show {name!r}; it is left out.",
                zh=f"{descriptor.title.zh}不支持 “{name}”，发布时会略去。",
            ),
        )
        for name in lost
    ]


_MARKDOWN = re.compile(r"(^\s{0,3}(#{1,6}\s|[-*+]\s|\d+\.\s|>|```|\|)|\*\*|__|\]\(|!\[)", re.MULTILINE)


def _looks_like_markdown(body: str) -> bool:
    return _MARKDOWN.search(body) is not None


def _no_renderer(mime: str) -> Finding:
    return finding(
        Severity.WARNING,
        "no_renderer",
        "body",
        Text(
            en=f"No processor for {mime} is installed: Markdown marks in the body will be posted as they stand.",
            zh=f"未安装 {mime} 处理器：正文中的 Markdown 记号会原样发布。",
        ),
        Text(en="pip install creatorflow-markdown", zh="pip install creatorflow-markdown"),
    )


def check_text(text: str, content: Content, rules: FormRules, descriptor: PlatformDescriptor) -> list[Finding]:
    """Check lengths, counts, visibility and declarations."""
    findings: list[Finding] = []
    length, limit = count_text(rules.text.counter, text), rules.text.max
    name = descriptor.name
    if limit is not None and length > limit:
        findings.append(
            finding(
                Severity.BLOCKING,
                "text_too_long",
                "body",
                Text(
                    en=f"The text counts {length} on {name}, the limit is {limit}.",
                    zh=f"正文在{descriptor.title.zh}计为 {length} 字，上限为 {limit}。",
                ),
                Text(
                    en=f"Shorten it by {length - limit}, or give a shorter one under 'platforms: {name}: body'.",
                    zh=f"请缩短 {length - limit} 字，或在 “platforms: {name}: body” 中另写一段。",
                ),
            )
        )
    if rules.text.required and not text.strip():
        findings.append(_missing("body", "text", descriptor))
    if rules.title.policy == "refuse" and content.title:
        findings.append(
            finding(
                Severity.BLOCKING,
                "title_not_offered",
                "title",
                Text(en=f"{name} has no title.", zh=f"{descriptor.title.zh}没有标题。"),
                Text(en="Remove 'title'.", zh="请删除 “title”。"),
            )
        )
    if rules.title.required and not content.title:
        findings.append(_missing("title", "title", descriptor))
    if content.title and rules.title.max is not None:
        findings += _too_many("title", count_text(rules.title.counter, content.title), rules.title.max, descriptor)
    for field in ("topics", "mentions"):
        maximum = getattr(rules, field).max
        if maximum:
            findings += _too_many(field, len(getattr(content, field)), maximum, descriptor)
    if content.visibility not in rules.visibility.allowed:
        allowed = ", ".join(item.value for item in rules.visibility.allowed)
        findings.append(
            finding(
                Severity.BLOCKING,
                "visibility_not_offered",
                "visibility",
                Text(
                    en=f"{name} has no visibility {content.visibility.value!r}.",
                    zh=f"{descriptor.title.zh}不支持可见范围 “{content.visibility.value}”。",
                ),
                Text(en=f"Choose one of: {allowed}.", zh=f"可选：{allowed}。"),
            )
        )
    return findings


def _missing(field: str, what: str, descriptor: PlatformDescriptor) -> Finding:
    return finding(
        Severity.BLOCKING,
        f"{what}_missing",
        field,
        Text(en=f"{descriptor.name} needs a {what}.", zh=f"{descriptor.title.zh}要求填写 “{field}”。"),
        Text(en=f"Add {field!r} to the post.", zh=f"请在文章中补上 “{field}”。"),
    )


def _too_many(field: str, count: int, limit: int, descriptor: PlatformDescriptor) -> list[Finding]:
    if count <= limit:
        return []
    return [
        finding(
            Severity.BLOCKING,
            f"{field}_over_limit",
            field,
            Text(
                en=f"{field!r} counts {count} on {descriptor.name}, the limit is {limit}.",
                zh=f"“{field}” 在{descriptor.title.zh}计为 {count}，上限为 {limit}。",
            ),
            Text(en=f"Remove {count - limit}.", zh=f"请减少 {count - limit}。"),
        )
    ]


def questions(declared: Declarations, rules: FormRules, descriptor: PlatformDescriptor) -> list[Finding]:
    """Return a question per demanded declaration that the author has not made, and a block per one the platform cannot carry."""
    findings = []
    for key in rules.declarations.demanded:
        if getattr(declared, key) is None:
            choices = () if key == "reprint_source" else ("true", "false")
            findings.append(
                Finding(
                    severity=Severity.QUESTION,
                    code="declaration_missing",
                    field=f"declarations.{key}",
                    message=Localized.of(
                        Text(
                            en=f"{descriptor.name} demands the declaration {key!r}; the post does not make it.",
                            zh=f"{descriptor.title.zh}要求声明 “{key}”，文章中没有说明。",
                        )
                    ),
                    fix=Localized.of(
                        Text(
                            en=f"Write 'declarations: {{{key}: …}}' in the front matter, or answer the task.",
                            zh=f"请在 front matter 中写 “declarations: {{{key}: …}}”，或回答该任务。",
                        )
                    ),
                    choices=choices,
                )
            )
    for key in Declarations.model_fields:
        if getattr(declared, key) and key not in rules.declarations.allowed:
            findings.append(
                finding(
                    Severity.BLOCKING,
                    "declaration_not_offered",
                    f"declarations.{key}",
                    Text(
                        en=f"{descriptor.name} has no place for the declaration {key!r}, so it would be lost.",
                        zh=f"{descriptor.title.zh}无法填写声明 “{key}”，发布后会丢失。",
                    ),
                    Text(
                        en=f"Remove it for this platform: 'platforms: {descriptor.name}: declarations: {{{key}: null}}'.",
                        zh=f"可仅对该平台删除：“platforms: {descriptor.name}: declarations: {{{key}: null}}”。",
                    ),
                )
            )
    return findings
