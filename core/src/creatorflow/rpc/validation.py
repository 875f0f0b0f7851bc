"""Parameters by name or by position to a checked model; errors name the field and never quote Python."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from creatorflow.api.errors import Text
from creatorflow.rpc.errors import RpcFault
from creatorflow.rpc.registry import Method
from creatorflow.rpc.wire import encode

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["check_params"]

#: pydantic error type -> what the value must be; ``{…}`` is filled from the error's context.
_PROBLEMS: dict[str, tuple[str, str]] = {
    "missing": ("is required", "必填"),
    "string_type": ("must be a string", "必须是字符串"),
    "string_too_short": ("must have at least {min_length} characters", "至少需要 {min_length} 个字符"),
    "string_too_long": ("must have at most {max_length} characters", "最多 {max_length} 个字符"),
    "string_pattern_mismatch": ("does not have the right form ({pattern})", "格式不正确（{pattern}）"),
    "int_type": ("must be a whole number", "必须是整数"),
    "int_from_float": ("must be a whole number", "必须是整数"),
    "float_type": ("must be a number", "必须是数字"),
    "bool_type": ("must be true or false", "必须是 true 或 false"),
    "list_type": ("must be an array", "必须是数组"),
    "tuple_type": ("must be an array", "必须是数组"),
    "dict_type": ("must be an object", "必须是对象"),
    "model_type": ("must be an object", "必须是对象"),
    "literal_error": ("must be one of {expected}", "必须是以下之一：{expected}"),
    "enum": ("must be one of {expected}", "必须是以下之一：{expected}"),
    "greater_than_equal": ("must be at least {ge}", "不能小于 {ge}"),
    "greater_than": ("must be more than {gt}", "必须大于 {gt}"),
    "less_than_equal": ("must be at most {le}", "不能大于 {le}"),
    "less_than": ("must be less than {lt}", "必须小于 {lt}"),
    "too_short": ("must have at least {min_length} items", "至少需要 {min_length} 项"),
    "too_long": ("must have at most {max_length} items", "最多 {max_length} 项"),
    "timezone_aware": (
        "needs a UTC offset, e.g. 2026-12-01T20:00+08:00",
        "需要带时区偏移，例如 2026-12-01T20:00+08:00",
    ),
    "datetime_type": ("must be a time such as 2026-12-01T20:00+08:00", "必须是时间，例如 2026-12-01T20:00+08:00"),
    "datetime_parsing": ("must be a time such as 2026-12-01T20:00+08:00", "必须是时间，例如 2026-12-01T20:00+08:00"),
    "datetime_from_date_parsing": (
        "must be a time such as 2026-12-01T20:00+08:00",
        "必须是时间，例如 2026-12-01T20:00+08:00",
    ),
    "path_type": ("must be a path", "必须是路径"),
}
_OTHER = ("is not valid here", "在此无效")


def check_params(method: Method, name: str, params: Any) -> BaseModel | None:
    """Check ``params`` (absent, null, an object, or an array in registry order) against the method's model.

    Args:
        method: the method that was resolved.
        name: the name it was called by, for messages.
        params: the parsed JSON value.

    Raises:
        RpcFault: ``invalid_params``; ``details.field`` is the first wrong field as a dotted path, ``details.problems`` lists all.
    """
    model = method.params_model()
    if model is None:
        if params:
            field = next(iter(params)) if isinstance(params, dict) else "0"
            raise _fault(name, [(field, (f"is unknown: {name} takes no parameters", f"未知：{name} 不接受参数"))])
        return None
    if isinstance(params, list):
        params = _by_position(model, name, params)
    from pydantic import ValidationError  # only methods with parameters pay for pydantic

    try:
        # Strict JSON rules: "5" is no number, 1 is no true, but dates and enums may be strings.
        return model.model_validate_json(encode(params or {}), strict=True)
    except ValidationError as exc:
        raise _fault(name, _merged([_problem(model, error) for error in _true(exc.errors(include_url=False))])) from exc


def _true(errors: Sequence[Any]) -> list[Any]:
    """Leave out "too few items" of an array with a wrong item: pydantic counts only the right ones."""

    def has_wrong_item(place: tuple[Any, ...]) -> bool:
        return any(len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in errors)

    return [error for error in errors if error["type"] != "too_short" or not has_wrong_item(error["loc"])]


def _by_position(model: type[BaseModel], name: str, params: list[Any]) -> dict[str, Any]:
    fields = list(model.model_fields)
    if len(params) > len(fields):
        count = len(fields)
        raise _fault(
            name, [(str(count), (f"is one too many: {name} takes {count}", f"多余：{name} 最多 {count} 个参数"))]
        )
    return dict(zip(fields, params, strict=False))


def _problem(model: type[BaseModel], error: Mapping[str, Any]) -> tuple[str, tuple[str, str]]:
    # where several types are possible pydantic adds the one it tried, such as dict[str,any], which is no part of the message
    field = ".".join(str(part) for part in error["loc"] if "[" not in str(part)) or "params"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][-1]), _keys(model, error["loc"]), n=1)
        if near:
            return field, (f"is unknown, perhaps {near[0]!r} was meant", f"未知，可能应为 {near[0]!r}")
        return field, ("is unknown", "未知")
    known = _PROBLEMS.get(error["type"])
    if known is not None:
        context = error.get("ctx") or {}
        expected = (
            str(context.get("expected", "")).replace(", ", "、").replace(" or ", "、")
        )  # pydantic's list is English
        return field, (known[0].format_map(context), known[1].format_map({**context, "expected": expected}))
    text = (error.get("ctx") or {}).get("error")  # a validator of ours that raised with a sentence for people
    if error["type"] == "value_error" and isinstance(text, ValueError) and text.args and isinstance(text.args[0], Text):
        return field, (text.args[0].en, text.args[0].zh)
    return field, _OTHER


def _merged(problems: list[tuple[str, tuple[str, str]]]) -> list[tuple[str, tuple[str, str]]]:
    """Make one problem of those that each possible type of a field found."""
    merged: dict[str, tuple[str, str]] = {}
    for field, (en, zh) in problems:
        before = merged.get(field)
        merged[field] = (en, zh) if before is None else (f"{before[0]}, or {en}", f"{before[1]}，或{zh}")
    return list(merged.items())


def _keys(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Return the field names known at the place of the error: of the innermost model on the way there."""
    for part in location[:-1]:
        info = model.model_fields.get(str(part))
        inner = None if info is None else info.annotation
        candidates = [inner, *getattr(inner, "__args__", ())]
        nested = next((item for item in candidates if hasattr(item, "model_fields")), None)
        if nested is None:
            return []
        model = nested
    names = list(model.model_fields)
    return names + [info.alias for info in model.model_fields.values() if info.alias]


def _fault(name: str, problems: list[tuple[str, tuple[str, str]]]) -> RpcFault:
    field, (en, zh) = problems[0]
    more_en, more_zh = ("", "")
    if len(problems) > 1:
        more_en, more_zh = f" ({len(problems) - 1} more)", f"（另有 {len(problems) - 1} 处）"
    return RpcFault(
        "invalid_params",
        Text(en=f"{name}: parameter {field!r} {en}.{more_en}", zh=f"{name}：参数 {field!r} {zh}。{more_zh}"),
        details={
            "field": field,
            "problems": [{"field": place, "en": text[0], "zh-CN": text[1]} for place, text in problems],
        },
    )
