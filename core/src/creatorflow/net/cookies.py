"""Cookies of one account: Playwright's list of dicts on the outside, a cookie jar on the inside, always read by domain."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from email.message import Message
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.request import Request as UrllibRequest

from creatorflow.api.context import Clock
from creatorflow.api.errors import InvalidInput, Text

__all__ = ["CookieStore"]

_HTTP_ONLY = ("HttpOnly", "httponly", "HTTPOnly", "Httponly", "HTTPONLY")  # the jar keeps the spelling of the server
_SAME_SITE = ("SameSite", "samesite", "Samesite", "SAMESITE")
SESSION = -1  # Playwright's mark of a cookie without an expiry


class CookieStore:
    """The jar of one client.

    Names are never looked up alone: after a login chain the same name exists for several domains at once (facts/weibo.md §2.1).
    """

    def __init__(self, cookies: Sequence[Mapping[str, Any]], *, clock: Clock | None = None) -> None:
        self._clock = clock
        # Like a browser: a site under .com.cn cannot set a cookie for all of .com.cn, and a cookie without Domain stays with its host.
        # (httpx keeps its cookies in a jar with the standard policy, which sends such a cookie to subdomains too: hence our own.)
        policy = DefaultCookiePolicy(strict_domain=True, strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain)
        self._jar = CookieJar(policy=policy)
        for cookie in cookies:
            self._jar.set_cookie(_made(cookie))

    def header(self, url: str) -> str | None:
        """Return the Cookie header for a URL, None when no cookie fits or the URL has no host (which the guard refuses afterwards)."""
        if not re.match(r"https?://[^/]", url):
            return None
        request = UrllibRequest(url)  # noqa: S310 - only a carrier of the URL for the jar; nothing is opened
        self._jar.add_cookie_header(request)
        return request.get_header("Cookie")

    def keep(self, url: str, set_cookie: Sequence[str]) -> None:
        """Take over the Set-Cookie headers of an answer."""
        if set_cookie:
            self._jar.extract_cookies(_Answer(set_cookie), UrllibRequest(url))  # type: ignore[arg-type]  # noqa: S310 - as above

    def get(self, name: str, domain: str) -> str | None:
        """Return the value that would be sent to a host; its own cookie wins over a parent domain's, path ``/`` over deeper ones."""
        host = domain.lower().lstrip(".")
        now = self._now()
        fitting = [
            cookie
            for cookie in self._jar
            if cookie.name == name and _is_sent(cookie.domain, host) and not cookie.is_expired(now)
        ]
        best = max(fitting, key=lambda cookie: (len(cookie.domain.lstrip(".")), -len(cookie.path)), default=None)
        return None if best is None else best.value

    def export(self) -> list[dict[str, Any]]:
        """Return the cookies that have not expired, ordered by domain, path and name, in Playwright's shape."""
        now = self._now()
        kept = [_exported(cookie) for cookie in self._jar if not cookie.is_expired(now)]
        return sorted(kept, key=lambda cookie: (cookie["domain"], cookie["path"], cookie["name"]))

    def _now(self) -> int:
        return int(self._clock.now().timestamp() if self._clock else time.time())


class _Answer:
    """The part of an answer that the jar reads."""

    def __init__(self, set_cookie: Sequence[str]) -> None:
        self._message = Message()
        for value in set_cookie:
            self._message["Set-Cookie"] = value  # appends

    def info(self) -> Message:
        return self._message


def _is_sent(cookie_domain: str, host: str) -> bool:
    if cookie_domain.startswith("."):
        return host == cookie_domain[1:] or host.endswith(cookie_domain)
    return host == cookie_domain


def _made(cookie: Mapping[str, Any]) -> Cookie:
    name, value, domain = cookie.get("name"), cookie.get("value"), cookie.get("domain")
    if not (
        isinstance(name, str) and name and isinstance(value, str) and isinstance(domain, str) and domain.strip(".")
    ):
        raise InvalidInput(
            Text(
                en="A cookie needs a name, a value and a domain, all of them text. Export the cookies again, with their domains.",
                zh="每个 cookie 都必须有文本形式的 name、value 和 domain。请重新导出 cookie,并保留域名。",
            ),
            details={"keys": sorted(str(key) for key in cookie)},
        )
    expires = cookie.get("expires")
    lasts = isinstance(expires, int | float) and not isinstance(expires, bool) and expires > 0
    rest = {"HttpOnly": ""} if cookie.get("httpOnly") else {}
    if cookie.get("sameSite"):
        rest["SameSite"] = str(cookie["sameSite"])
    path = cookie.get("path") or "/"
    return Cookie(
        version=0,
        name=name,
        value=value,
        port=None,
        port_specified=False,
        domain=domain.lower(),
        domain_specified=domain.startswith("."),
        domain_initial_dot=domain.startswith("."),
        path=str(path),
        path_specified=True,
        secure=bool(cookie.get("secure")),
        expires=int(expires) if lasts and expires is not None else None,
        discard=not lasts,
        comment=None,
        comment_url=None,
        rest=rest,
    )


def _exported(cookie: Cookie) -> dict[str, Any]:
    exported: dict[str, Any] = {
        "name": cookie.name,
        "value": cookie.value or "",
        "domain": cookie.domain,
        "path": cookie.path,
        "expires": SESSION if cookie.expires is None else cookie.expires,
        "secure": cookie.secure,
        "httpOnly": any(cookie.has_nonstandard_attr(name) for name in _HTTP_ONLY),
    }
    same_site = next((found for name in _SAME_SITE if (found := cookie.get_nonstandard_attr(name))), None)
    if same_site:
        exported["sameSite"] = same_site.capitalize()
    return exported
