"""Bytes of one line to a JSON value, and back: strict in, clean out."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from creatorflow.api.errors import Text
from creatorflow.rpc.errors import RpcFault

__all__ = ["BLANK", "MAX_DEPTH", "decode", "encode", "has_lone_surrogate"]

#: Deepest nesting of arrays and objects that is read.
MAX_DEPTH = 64

#: What ``decode`` returns for a line without content.
BLANK = object()

_BOM = b"\xef\xbb\xbf"
_WHITESPACE = b" \t\r"
# Possessive and always matching, so that no input makes it slow: an unterminated string runs to the end of the line.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+', re.DOTALL)
_NOT_BRACKET = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def _fault(name: str, reason: str, en: str, zh: str) -> RpcFault:
    return RpcFault(name, Text(en=en, zh=zh), details={"reason": reason})


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _fault(
            "invalid_request",
            "duplicate_key",
            "An object holds the same key twice; send each key once.",
            "对象中有重复的键，每个键只能出现一次。",
        )
    return value


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("out of range")
    return value


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
_raw_decode = _decoder.raw_decode


def _plain(value: Any) -> Any:
    """Turn a pydantic model inside a result into JSON, without importing pydantic."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"a result holds {type(value).__name__}, which JSON does not have")
    return dump(mode="json", by_alias=True)


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


def decode(line: bytes) -> Any:
    """Parse one line (without its line feed); ``BLANK`` for an empty one.

    Raises:
        RpcFault: ``parse_error`` for bytes that are not JSON, ``invalid_request`` for nesting over 64 levels or a key given twice.
    """
    if line.startswith(_BOM):
        line = line[3:]
    line = line.strip(_WHITESPACE)
    if not line:
        return BLANK
    # A depth over the limit needs more brackets than that, so nearly every line is done after two counts.
    if line.count(b"[") + line.count(b"{") > MAX_DEPTH and _too_deep(line):
        raise _fault(
            "invalid_request",
            "too_deep",
            f"Nesting deeper than {MAX_DEPTH} levels is not read.",
            f"嵌套超过 {MAX_DEPTH} 层，无法读取。",
        )
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise _fault("parse_error", "encoding", "The line is not UTF-8.", "这一行不是 UTF-8 编码。") from exc
    try:
        value, end = _raw_decode(text)
    except (ValueError, RecursionError) as exc:  # ValueError also covers numbers with too many digits
        raise _syntax_fault(exc) from exc
    if end != len(text):
        raise _syntax_fault(None, end)
    return value


def _syntax_fault(exc: BaseException | None, position: int | None = None) -> RpcFault:
    if isinstance(exc, json.JSONDecodeError):
        position = exc.pos
    at_en, at_zh = ("", "") if position is None else (f" (column {position + 1})", f"（第 {position + 1} 列）")
    return _fault(
        "parse_error",
        "syntax",
        f"The line is not valid JSON{at_en}; send one JSON value per line.",
        f"这一行不是合法的 JSON{at_zh}；每行只能有一个 JSON 值。",
    )


def _too_deep(line: bytes) -> bool:
    """Say whether brackets nest deeper than the limit, in linear passes and without recursion."""
    brackets = _STRING.sub(b"", line).translate(None, _NOT_BRACKET).translate(_ONE_KIND)
    for _ in range(MAX_DEPTH):  # each pass takes the innermost level off every tower
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return brackets.count(b"[") > MAX_DEPTH or b"[]" in brackets


def has_lone_surrogate(line: bytes, value: Any) -> bool:
    """Say whether half a surrogate pair (an escape whose partner is missing) stands in ``value``, parsed from ``line``."""
    return _ESCAPED_SURROGATE.search(line) is not None and _walk(value)


def _walk(value: Any) -> bool:
    if isinstance(value, str):
        return _LONE_SURROGATE.search(value) is not None
    if isinstance(value, dict):
        return any(_walk(key) or _walk(item) for key, item in value.items())
    if isinstance(value, list):
        return any(_walk(item) for item in value)
    return False


def encode(value: Any) -> bytes:
    """Write ``value`` as one line without its line feed: UTF-8, no raw line separator, no NaN, no surrogate.

    NaN and infinite numbers become null, half surrogate pairs become U+FFFD: a reader must never choke on one odd field.

    Raises:
        TypeError: ``value`` holds something that JSON does not have.
        ValueError: it refers to itself.
    """
    try:
        text = _encoder.encode(value)
    except ValueError:
        text = _encoder.encode(_without_nan(value, 0))
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        data = _LONE_SURROGATE.sub("\ufffd", text).encode("utf-8")
    # Legal in JSON, but many readers split lines at them; inside JSON they can only stand in strings.
    if b"\xe2\x80" in data:
        data = data.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    if b"\xc2\x85" in data:
        data = data.replace(b"\xc2\x85", b"\\u0085")
    return data


def _without_nan(value: Any, depth: int) -> Any:
    if depth > 200:
        raise ValueError("a result nests too deep or refers to itself")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item, depth + 1) for item in value]
    return _without_nan(_plain(value), depth + 1) if hasattr(value, "model_dump") else value
