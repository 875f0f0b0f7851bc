"""A platform's rules as data: the shape of ``rules.toml`` and the rules that hold for one form.

A table may say where its numbers come from: ``source``, ``date`` and ``confidence`` (D documented, S read in public source, U reported by
users, M general knowledge, I inference).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from creatorflow.api import COUNTERS, Form, PlatformDescriptor, PluginError, Text, Visibility

__all__ = ["FormRules", "ImageRules", "Rules", "TextRules", "load_rules"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    source: str | None = None
    date: str | None = None
    confidence: Literal["D", "S", "U", "M", "I"] | None = None

    @field_validator("date", mode="before")
    @classmethod
    def _date(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else str(value)


class TextRules(_Table):
    """The text of a post. ``topic_style``/``mention_style`` hold ``{name}``; absent means they are not written into the text.

    ``when_empty`` is the text that the site itself gives a post without words; the plan writes it, so that nothing is left to guess.
    """

    counter: str = "code_points"
    max: int | None = Field(default=None, ge=1)
    required: bool = False
    when_empty: str | None = None
    topic_style: str | None = None
    topic_position: Literal["append", "prepend"] = "append"
    mention_style: str | None = None
    render: str | None = None
    render_options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("counter")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in COUNTERS:
            raise ValueError(f"unknown counter {value!r}; known: {', '.join(sorted(COUNTERS))}")
        return value


class TitleRules(_Table):
    """``own``: the platform has a title field. Otherwise what happens to a given title: prepended to the text, dropped, or refused."""

    policy: Literal["own", "prepend", "drop", "refuse"] = "drop"
    counter: str = "code_points"
    max: int | None = Field(default=None, ge=1)
    required: bool = False
    prepend_style: str = "【{title}】"


class CountRules(_Table):
    """How many of something. ``max = 0``: not offered by the platform."""

    max: int | None = Field(default=None, ge=0)


class ImageRules(_Table):
    """Pictures. Sizes in bytes, sides in pixels."""

    min: int = Field(default=0, ge=0)
    max: int = Field(default=0, ge=0)
    max_by_right: str | None = None
    warn_above: int | None = None
    mimes: tuple[str, ...] = ()
    max_bytes: int | None = None
    min_side: int | None = None
    max_side: int | None = None
    max_pixels: int | None = None
    strip_metadata: bool = True


class VisibilityRules(_Table):
    """Who may see a post."""

    allowed: tuple[Visibility, ...] = (Visibility.PUBLIC,)


class ScheduleRules(_Table):
    """Whether the platform has its own timer that our adapter uses."""

    native: bool = False


class DeclarationRules(_Table):
    """Which declarations can be made, and which must be."""

    allowed: tuple[str, ...] = ()
    demanded: tuple[str, ...] = ()


class FormRules(_Table):
    """The rules of one form, defaults of the platform applied."""

    text: TextRules = TextRules()
    title: TitleRules = TitleRules()
    topics: CountRules = CountRules()
    mentions: CountRules = CountRules()
    images: ImageRules = ImageRules()
    visibility: VisibilityRules = VisibilityRules()
    schedule: ScheduleRules = ScheduleRules()
    declarations: DeclarationRules = DeclarationRules()
    location: bool = False
    collection: bool = False


class Rules(_Table):
    """A whole ``rules.toml``; ``forms`` holds complete rules per form."""

    forms: dict[Form, FormRules]

    def form(self, form: Form) -> FormRules:
        """Return the rules of a form that the platform has."""
        return self.forms[form]


def parse_rules(source: str) -> Rules:
    """Parse a ``rules.toml``.

    Raises:
        ValueError: not TOML, an unknown schema or key, or a wrong value; the message names it.
    """
    data = tomllib.loads(source)
    if data.pop("schema", None) != 1:
        raise ValueError("schema = 1 is missing: this CreatorFlow reads only schema 1")
    forms = data.pop("forms", {})
    if not isinstance(forms, dict) or not forms:
        raise ValueError("at least one [forms.<form>] table is needed")
    merged = {name: _merge(data, table) for name, table in forms.items()}
    return Rules.model_validate({"forms": merged})


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(out.get(key), Mapping):
            out[key] = _merge(out[key], value)
        else:
            out[key] = value
    return out


@lru_cache(maxsize=64)
def _load(resource: str) -> Rules:
    package, _, name = resource.partition(":")
    return parse_rules(files(package).joinpath(name).read_text(encoding="utf-8"))


def load_rules(descriptor: PlatformDescriptor) -> Rules:
    """Load the rules a platform ships.

    Raises:
        PluginError: the file is missing or wrong; the platform cannot be used until its author mends it.
    """
    try:
        rules = _load(descriptor.rules)
    except (OSError, ImportError, ValueError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise PluginError(
            Text(
                en=f"The rules of platform {descriptor.name!r} ({descriptor.rules}) cannot be used: {reason}. Tell its author; "
                f"see 'creatorflow plugins check'.",
                zh=f"平台 “{descriptor.name}” 的规则文件（{descriptor.rules}）无法使用：{reason}。请联系插件作者，可运行 'creatorflow plugins check'。",
            )
        ) from error
    missing = [form for form in descriptor.content_forms if form not in rules.forms]
    if missing:
        raise PluginError(
            Text(
                en=f"The rules of platform {descriptor.name!r} lack [forms.{missing[0]}], which its descriptor declares.",
                zh=f"平台 “{descriptor.name}” 的规则缺少描述中声明的 [forms.{missing[0]}]。",
            )
        )
    return rules
