"""One sink that takes secrets, and for logs also private things, out of anything that is about to be shown (protocol_notes §17)."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from creatorflow.log.known import KnownSecrets
from creatorflow.log.paths import hide_paths, path_digest

__all__ = ["forget_secrets", "redact", "register_secret", "set_content_logging"]

GONE = "[redacted]"
MAX_DEPTH = 12
MAX_TEXT = 64 * 1024  # characters of one string in a log line

_known = KnownSecrets()
_content_logged = False

# Keys whose value is a secret whatever it looks like. Compared in lower case with "-" and camelCase turned into "_"; plural counters such
# as max_tokens or token_count stay readable.
_SECRET_KEY = re.compile(
    r"(?:^|_)(?:token|secret|password|passwd|pwd|passphrase|authorization|cookies?|csrf|xsrf|api_?key|access_?key|private_?key|master_?key"
    r"|secret_?key|session_?id|sessdata|storage_state|credentials?|ticket|signature|sub|subp|auth)$"
)
# Keys whose value is what people wrote.
_CONTENT_KEY = frozenset(
    {"content", "body", "text", "title", "prompt", "prompts", "messages", "completion", "markdown", "comment"}
)

_HEADER_LINE = re.compile(
    r"(?i)(?<![\w-])((?:proxy-)?authorization|(?:set-)?cookie|x-csrf-token|x-xsrf-token|x-api-key)(['\"]?\s*:\s*)[^\r\n]+"
)
_KEY_VALUE = re.compile(
    r"(?i)(?<![a-z0-9])([\w-]*(?:token|secret|password|passwd|passphrase|csrf|xsrf|api[_-]?key|access[_-]?key|private[_-]?key|session[_-]?id"
    r"|sessdata|ticket|authorization)|subp?)(['\"]?\s*[=:]\s*['\"]?)([^\s'\"&;,<>()\[\]{}]{4,})"
)
_SCHEME_AND_KEY = re.compile(
    r"(?i:\b(bearer|basic)\s+)[A-Za-z0-9+/=._~-]{6,}"
    r"|\b(sk|pk|rk|ghp|gho|ghs|ghu|github_pat|glpat|xox[abpr])[-_][A-Za-z0-9_-]{12,}"
    r"|\b(AKIA|ASIA|LTAI)[A-Za-z0-9]{12,}"
    r"|\b(eyJ)[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"
)
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_BASE64 = re.compile(r"(?:data:[\w/+.-]+;base64,)?[A-Za-z0-9+/_-]{160,}={0,2}")
# A long run of letters of both cases with digits: session ids and keys look so, words and lower-case digests do not.
_KEY_LIKE = re.compile(
    r"(?<![A-Za-z0-9_-])(?=[A-Za-z_-]*\d)(?=[a-z0-9_-]*[A-Z])(?=[A-Z0-9_-]*[a-z])[A-Za-z0-9_-]{32,}(?![A-Za-z0-9_-])"
)
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@'\"]+@")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def register_secret(value: str | bytes | None) -> None:
    """Remember a secret for the life of the process; it disappears from everything that passes ``redact``.

    Its URL-encoded, JSON-escaped and base64 forms disappear too. Values shorter than six characters are ignored: they would blank out
    ordinary words.
    """
    if value is None:
        return
    _known.add(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)


def forget_secrets() -> None:
    """Forget all registered secrets; for tests and for a host that embeds several homes one after the other."""
    _known.clear()


def set_content_logging(on: bool) -> None:
    """Say whether log lines may hold prompts and posts (``[log] content``)."""
    global _content_logged  # noqa: PLW0603 - one sink per process is the point
    _content_logged = on


def redact(value: Any, *, for_user: bool = False) -> Any:
    """Return a copy of a value without secrets.

    Strings stay strings, mappings dicts, sequences lists; an exception becomes ``{"type", "message"}``, bytes a size and digest, anything
    else its redacted ``str``.

    Args:
        value: what is about to be written.
        for_user: False for logs and diagnostics: absolute paths, prompts, posts, pictures and key-like strings go too. True for what the
            user and the host are to see (error sentences, events): their own paths, posts and pictures stay, secrets still go.
    """
    return _walk(value, for_user, 0)


def _walk(value: Any, for_user: bool, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value if value is None or math.isfinite(value) else str(value)  # NaN is no JSON
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        if depth > MAX_DEPTH:
            return "[too deep]"
        if isinstance(value, Mapping):
            return _mapping(value, for_user, depth)
        return [_walk(item, for_user, depth + 1) for item in value]
    if isinstance(value, BaseException):
        return _exception(value, for_user)
    return _leaf(value, for_user)


def _leaf(value: Any, for_user: bool) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return _digest("bytes", bytes(value))
    if isinstance(value, PurePath):
        return _text(str(value), True) if for_user else path_digest(str(value))
    return _text(value if isinstance(value, str) else _plain(value), for_user)


def _mapping(value: Mapping[Any, Any], for_user: bool, depth: int) -> dict[str, Any]:
    # A cookie as browsers and Playwright write it: the name is no secret, the value is.
    is_cookie = "name" in value and "value" in value and ("domain" in value or "httpOnly" in value)
    cleaned: dict[str, Any] = {}
    for key, item in value.items():
        name = _text(str(key), for_user)
        if (is_cookie and key == "value") or _is_secret_key(str(key)):
            cleaned[name] = item if item is None or isinstance(item, bool) else GONE
        elif not for_user and not _content_logged and str(key).lower() in _CONTENT_KEY and not _is_small(item):
            cleaned[name] = _digest("content", _plain(item).encode("utf-8", "replace"))
        else:
            cleaned[name] = _walk(item, for_user, depth + 1)
    return cleaned


def _exception(error: BaseException, for_user: bool) -> dict[str, str]:
    # A validation error of pydantic quotes the rejected input, which may be anything: its type and count must do.
    if type(error).__name__ == "ValidationError" and hasattr(error, "error_count"):
        return {"type": type(error).__name__, "message": f"{error.error_count()} validation errors"}
    message = _plain(error)
    if not for_user and isinstance(error, OSError):  # here we know what is a path, wherever it begins
        for name in (error.filename, error.filename2):
            if isinstance(name, str) and name:
                message = message.replace(repr(name), path_digest(name)).replace(name, path_digest(name))
    return {"type": type(error).__name__, "message": _text(message, for_user)}


def _text(text: str, for_user: bool) -> str:
    text = _known.replace(text, GONE)
    if len(text) < 6:
        return text
    if not for_user and len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + f"[… {len(text) - MAX_TEXT} more characters]"
    if "-----BEGIN" in text:
        text = _PEM.sub(GONE, text)
    if not for_user:
        text = _BASE64.sub(lambda found: _digest("base64", found[0].encode()), text)
    if ":" in text or "=" in text:
        text = _HEADER_LINE.sub(rf"\1\2{GONE}", text)
        text = _KEY_VALUE.sub(rf"\1\2{GONE}", text)
        text = _USERINFO.sub(rf"\1{GONE}@", text)
    text = _SCHEME_AND_KEY.sub(_keep_prefix, text)
    if for_user:
        return text
    return hide_paths(_KEY_LIKE.sub(lambda found: _digest("key", found[0].encode()), text))


def _keep_prefix(found: re.Match[str]) -> str:
    return f"{next(filter(None, found.groups()))} {GONE}"


def _is_secret_key(key: str) -> bool:
    return _SECRET_KEY.search(_CAMEL.sub("_", key).replace("-", "_").lower()) is not None


def _is_small(item: Any) -> bool:
    return item is None or isinstance(item, bool | int | float)


def _plain(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # a broken __str__ must not lose the log line
        return f"[{type(value).__name__}: {type(error).__name__} in __str__]"


def _digest(kind: str, data: bytes) -> str:
    return f"[{kind} {len(data)} bytes sha256:{hashlib.sha256(data).hexdigest()[:8]}]"
