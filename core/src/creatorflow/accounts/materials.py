"""What an account can be added with: its shape checked, cookies brought into one form. Nothing here repeats a value in a message."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from creatorflow.api.descriptors import PlatformDescriptor
from creatorflow.api.errors import InvalidInput, Text
from creatorflow.config import check_proxy

__all__ = [
    "COOKIES",
    "CREDENTIALS",
    "PROXY",
    "STORAGE_STATE",
    "check_name",
    "read_materials",
    "session_cookies",
    "split_proxy",
    "with_cookies",
]

COOKIES, STORAGE_STATE, CREDENTIALS = "cookies", "storage_state", "credentials"
#: Kind under which a proxy address with a password lies in the vault.
PROXY = "proxy"

MAX_COOKIES = 2_000
MAX_NAME = 64
_SAME_SITE = {"lax": "Lax", "strict": "Strict", "none": "None", "no_restriction": "None"}


def check_name(name: str) -> str:
    """Return the account name in its stored form (NFC): letters and digits of any script, then also ``_``, ``.`` and ``-``; at most 64.

    Raises:
        InvalidInput: any other name.
    """
    found = unicodedata.normalize("NFC", name)
    first, rest = found[:1], found[1:]
    good = first.isalnum() and all(
        char.isalnum() or char in "_.-" or unicodedata.category(char).startswith("M") for char in rest
    )
    if not good or len(found) > MAX_NAME:
        shown = "".join(char if char.isprintable() else "?" for char in name[:80])
        raise InvalidInput(
            Text(
                en=f"{shown!r} cannot be an account name. Use 1 to {MAX_NAME} letters or digits (any script), and inside also _ . -",
                zh=f"“{shown}”不能作为账号名。请使用 1 到 {MAX_NAME} 个字母、汉字或数字，中间还可用 _ . -",
            ),
            {"field": "name"},
        )
    return found


def read_materials(
    descriptor: PlatformDescriptor, *, storage_state: Any = None, cookies: Any = None, credentials: Any = None
) -> dict[str, Any]:
    """Check what was given and return it by kind.

    Args:
        descriptor: says which kinds the platform takes, and the domain for cookies that name none.
        storage_state: as Playwright writes it.
        cookies: a JSON list (Playwright's or a browser extension's), or a map of names to values.
        credentials: an object with an API's own fields.

    Raises:
        InvalidInput: nothing given, a kind that the platform does not take, or another shape.
    """
    given = {STORAGE_STATE: storage_state, COOKIES: cookies, CREDENTIALS: credentials}
    given = {kind: value for kind, value in given.items() if value is not None}
    taken = ", ".join(descriptor.credential_kinds)
    for kind in given:
        if kind not in descriptor.credential_kinds:
            raise InvalidInput(
                Text(
                    en=f"An account of {descriptor.name} cannot be added with {kind}. It takes: {taken}.",
                    zh=f"{descriptor.name} 的账号不支持用 {kind} 添加。支持：{taken}。",
                ),
                {"field": kind, "taken": list(descriptor.credential_kinds)},
            )
    if not given or {STORAGE_STATE, COOKIES} <= given.keys():
        raise InvalidInput(
            Text(
                en=f"Give one session for the account of {descriptor.name}: {taken}.",
                zh=f"请为 {descriptor.name} 账号提供一种登录信息：{taken}。",
            ),
            {"taken": list(descriptor.credential_kinds)},
        )
    host = next(iter(descriptor.requirements.hosts), "")
    domain = "." + host.removeprefix("*.") if host else ""
    readers = {
        STORAGE_STATE: lambda value: _storage_state(value, domain),
        COOKIES: lambda value: _cookies(value, domain, COOKIES),
        CREDENTIALS: _credentials,
    }
    return {kind: readers[kind](value) for kind, value in given.items()}


def session_cookies(materials: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the cookies of a session, whichever kind holds them."""
    if COOKIES in materials:
        return list(materials[COOKIES])
    return list(materials.get(STORAGE_STATE, {}).get("cookies", ()))


def with_cookies(materials: Mapping[str, Any], cookies: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the session with other cookies; storage state keeps everything else."""
    changed = dict(materials)
    if STORAGE_STATE in changed:
        changed[STORAGE_STATE] = {**changed[STORAGE_STATE], "cookies": cookies}
    elif COOKIES in changed:
        changed[COOKIES] = cookies
    return changed


def split_proxy(kept: str | None, proxy: str | None, materials: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Return (proxy to show in the row, materials): an address with a password goes into the vault.

    Args:
        kept: what the row shows now.
        proxy: the new one; None keeps, "" removes.
        materials: by kind; gets ``proxy`` when there is a password.
    """
    if proxy is None:
        return kept, materials
    if not proxy:
        return None, materials
    parts = urlsplit(check_proxy(proxy))
    if parts.username is None and parts.password is None:
        return proxy, materials
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    # The password by itself too: what lies in the vault is what the log's redaction gets to know.
    return bare, {**materials, PROXY: {"url": proxy, "password": unquote(parts.password or "")}}


def _storage_state(value: Any, domain: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("cookies"), list):
        raise _shape(
            STORAGE_STATE,
            'is no Playwright storage state: an object with a list "cookies"',
            "不是 Playwright 的 storage state：应为含 cookies 列表的对象",
        )
    if not isinstance(value.get("origins", []), list):
        raise _shape("storage_state.origins", "is no list", "不是列表")
    if not value["cookies"] and not value.get("origins"):
        raise _shape(
            STORAGE_STATE, "holds no session: no cookies and no origins", "不含登录状态：没有 cookies 也没有 origins"
        )
    cookies = _cookies(value["cookies"], domain, "storage_state.cookies") if value["cookies"] else []
    return {**value, "cookies": cookies, "origins": value.get("origins", [])}


def _credentials(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise _shape(CREDENTIALS, "is no object with fields", "不是含字段的对象")
    return value


def _cookies(value: Any, domain: str, field: str) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("cookies"), list):
            raise _storage_state_as_cookies(field)
        value = [{"name": name, "value": content} for name, content in value.items()]
    if not isinstance(value, list) or not value:
        raise _shape(
            field,
            "is neither a list of cookies nor a map of names to values",
            "既不是 cookie 列表，也不是名称到值的映射",
        )
    if len(value) > MAX_COOKIES:
        raise _shape(field, f"holds more than {MAX_COOKIES} cookies", f"超过 {MAX_COOKIES} 个 cookie")
    return [_cookie(item, domain, f"{field}[{at}]") for at, item in enumerate(value)]


def _cookie(item: Any, domain: str, field: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise _shape(field, "is no object", "不是对象")
    for name, optional in (("name", False), ("value", True), ("domain", True), ("path", True)):
        if name in item and not isinstance(item[name], str):
            raise _shape(f"{field}.{name}", "is no text", "不是文本")
        if not optional and not item.get(name):
            raise _shape(f"{field}.{name}", "is missing", "缺失")
    if not isinstance(item.get("value"), str):
        raise _shape(f"{field}.value", "is missing", "缺失")
    if any(unicodedata.category(char) == "Cc" for char in item["name"] + item["value"]):
        raise _shape(field, "contains control characters", "含有控制字符")
    where = item.get("domain") or domain
    if not where.strip("."):
        raise _shape(f"{field}.domain", "is missing", "缺失")
    cookie = {
        "name": item["name"],
        "value": item["value"],
        "domain": where,
        "path": item.get("path") or "/",
        "expires": _expires(item),
        "secure": bool(item.get("secure", False)),
        "httpOnly": bool(item.get("httpOnly", False)),
    }
    same_site = _SAME_SITE.get(str(item.get("sameSite", "")).lower())
    return {**cookie, "sameSite": same_site} if same_site else cookie


def _expires(item: Mapping[str, Any]) -> float:
    # Playwright says "expires", browser extensions say "expirationDate"; both are seconds since 1970, -1 or none: session.
    found = item.get("expires", item.get("expirationDate", -1))
    if isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found) and found > 0:
        return float(found)
    return -1


def _storage_state_as_cookies(field: str) -> InvalidInput:
    """The right file under the wrong name: no fresh export would help."""
    return InvalidInput(
        Text(
            en=f"{field} is a Playwright storage state. Give the same file with --storage-state (RPC: storage_state); there is nothing "
            "to export again, and nothing was stored.",
            zh=f"{field} 是 Playwright 的 storage state。请用 --storage-state（RPC：storage_state）提供同一文件；无需重新导出，未存入任何内容。",
        ),
        {"field": field, "give_as": STORAGE_STATE},
    )


def _shape(field: str, en: str, zh: str) -> InvalidInput:
    return InvalidInput(
        Text(
            en=f"{field} {en}. Export the session again; nothing was stored.",
            zh=f"{field} {zh}。请重新导出登录信息；未存入任何内容。",
        ),
        {"field": field},
    )
