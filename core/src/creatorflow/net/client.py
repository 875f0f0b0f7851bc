"""The outbound client of one account, tool or provider (``creatorflow.api.HttpClient``)."""

from __future__ import annotations

import asyncio
import json as jsonlib
import logging
import re
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpcore
import httpx

from creatorflow.api.errors import (
    Cause,
    CreatorFlowError,
    OfflineDenied,
    Text,
    Unavailable,
    UrlDenied,
)
from creatorflow.log import get_logger
from creatorflow.net.body import FileBody, checked_headers
from creatorflow.net.cookies import CookieStore
from creatorflow.net.policy import denied

__all__ = ["OutboundClient", "OutboundResponse"]

MAX_REDIRECTS = 10
MAX_REDIRECT_BODY = 64 * 1024

# httpx logs every address with its query at INFO, httpcore headers at DEBUG: both may hold secrets. We write our own line.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """A complete answer. ``url`` is the address that answered, after redirects; ``headers`` are case-insensitive."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    url: str

    @property
    def text(self) -> str:
        """The body in the charset of the Content-Type, else UTF-8; undecodable bytes become U+FFFD."""
        charset = re.search(r"(?i)charset=[\"']?([\w.:-]+)", self.headers.get("content-type", ""))
        with suppress(LookupError):
            return self.content.decode(charset[1] if charset else "utf-8", "replace")
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Parse the body.

        Raises:
            ValueError: it is not JSON.
        """
        try:
            return jsonlib.loads(self.content)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None


class OutboundClient:
    """Sends each request at most once, within a time budget, to declared hosts only; keeps the account's cookies."""

    def __init__(
        self,
        *,
        transport: httpx.AsyncBaseTransport,
        cookies: CookieStore,
        user_agent: str | None,
        locale: str,
        plugin: str,
        max_response_bytes: int,
    ) -> None:
        self._cookies = cookies
        self._max_response_bytes = max_response_bytes
        self._log = get_logger("creatorflow.net", plugin=plugin)
        self._http = httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            timeout=None,  # noqa: S113 - one budget around the whole exchange instead
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # cookies are CookieStore's business
            headers={
                "User-Agent": user_agent or _own_name(),
                "Accept-Language": _accept_language(locale),
                "Accept-Encoding": "gzip, deflate",
            },
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | Path | None = None,
        follow_redirects: bool = False,
        timeout_s: float = 30.0,
    ) -> OutboundResponse:
        """Send one request and read the answer; see ``creatorflow.api.HttpClient``.

        ``params`` are added to those in the URL. A redirect hop is checked like the first one.

        Raises:
            Unavailable: no complete answer within ``timeout_s`` seconds; cause NETWORK. ``details["sent"]`` is False when certainly no byte
                of the request left (name, connection, TLS, proxy or pool trouble), True when some may have.
            OfflineDenied, UrlDenied: the address named in it got nothing; ``details["sent"]`` is True when an earlier hop was sent.
            ContentError, InvalidInput: the file of ``content`` cannot be read, a header holds a line break; nothing was sent.
        """
        exchange = _Exchange(method)
        started = time.perf_counter()
        try:
            request = self._http.build_request(
                method,
                _merged(url, params),
                headers=checked_headers(headers or {}),
                data=data,
                json=json,
                content=content if isinstance(content, bytes) else None,
                extensions={"trace": exchange.trace},
            )
            exchange.request = request
            if isinstance(content, Path):
                body = await FileBody.opened(content)
                # With a length httpx does not choose chunked encoding, which some of the sites refuse.
                request.headers["Content-Length"] = str(body.size)
                request.stream = body
            async with asyncio.timeout(timeout_s):
                answer = await self._exchange(request, follow_redirects)
        except (UrlDenied, OfflineDenied) as error:
            error.details = {**error.details, "sent": exchange.sent}
            self._line(exchange, started, error=error.code)
            raise
        except CreatorFlowError as error:
            self._line(exchange, started, error=error.code)
            raise
        except TimeoutError as error:
            raise self._failed(exchange, started, "timeout", timeout_s) from error
        except (httpx.HTTPError, *_CORE_ERRORS, OSError) as error:
            raise self._failed(exchange, started, _kind(error)) from error
        self._line(exchange, started, status=answer.status_code, bytes=len(answer.content))
        return answer

    async def _exchange(self, request: httpx.Request, follow_redirects: bool) -> OutboundResponse:
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._hop(request)
            try:
                if not (follow_redirects and response.next_request):
                    content = await self._read(response)
                    return OutboundResponse(response.status_code, response.headers, content, str(response.url))
                await self._drain(response)
                request = response.next_request
            finally:
                await response.aclose()
        raise httpx.TooManyRedirects("too many redirects", request=request)

    async def _hop(self, request: httpx.Request) -> httpx.Response:
        if "cookie" not in request.headers and (cookie := self._cookies.header(str(request.url))):
            request.headers["cookie"] = cookie
        response = await self._http.send(request, stream=True)
        self._cookies.keep(str(request.url), response.headers.get_list("set-cookie"))
        return response

    async def _drain(self, response: httpx.Response) -> None:
        """Read the short body of a redirect, so that its connection can be used again; a long one is dropped with the connection."""
        size = 0
        async for part in response.aiter_raw():
            size += len(part)
            if size > MAX_REDIRECT_BODY:
                return

    async def _read(self, response: httpx.Response) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > self._max_response_bytes:
                raise _too_large(response.url.host, self._max_response_bytes)
            parts.append(part)
        return b"".join(parts)

    def cookie(self, name: str, domain: str) -> str | None:
        """Return the cookie value that would be sent to ``domain`` (a host name, a leading dot is ignored), or None."""
        return self._cookies.get(name, domain)

    def export_cookies(self) -> list[dict[str, Any]]:
        """Return the cookies as they are now: name, value, domain, path, expires (-1: session), secure, httpOnly, sameSite if known."""
        return self._cookies.export()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _failed(self, exchange: _Exchange, started: float, kind: str, timeout_s: float | None = None) -> Unavailable:
        self._line(exchange, started, error=kind)
        host = exchange.host
        en = f"no complete answer within {timeout_s:g} s" if timeout_s is not None else _SENTENCES[kind][0]
        zh = f"{timeout_s:g} 秒内没有收到完整的答复" if timeout_s is not None else _SENTENCES[kind][1]
        done_en = "the request may have arrived" if exchange.sent else "nothing was sent"
        done_zh = "请求可能已送达" if exchange.sent else "请求未发出"
        return Unavailable(
            Text(
                en=f"{host}: {en}; {done_en}. Check the connection (and the proxy, if one is set), then try again.",
                zh=f"{host}：{zh}；{done_zh}。请检查网络（以及代理设置）后重试。",
            ),
            details={"host": host, "reason": kind, "sent": exchange.sent},
            cause=Cause.NETWORK,
        )

    def _line(self, exchange: _Exchange, started: float, **fields: Any) -> None:
        """Write the one line of an exchange: never headers, bodies or the query."""
        ms = round((time.perf_counter() - started) * 1000)
        self._log.debug(
            "exchange",
            method=exchange.method,
            host=exchange.host,
            url_path=exchange.path,
            sent=exchange.sent,
            ms=ms,
            **fields,
        )


class _Exchange:
    """What is known about one request while it runs."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.request: httpx.Request | None = None
        self.sent = False

    @property
    def host(self) -> str:
        return self.request.url.host if self.request is not None else "?"

    @property
    def path(self) -> str:
        return self.request.url.path if self.request is not None else "?"

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        # CONNECT goes to the proxy; the request itself begins after the tunnel and its TLS stand.
        if event == "http11.send_request_headers.started" and info["request"].method != b"CONNECT":
            self.sent = True


def _merged(url: str, params: Mapping[str, str | int] | None) -> httpx.URL:
    try:
        address = httpx.URL(url)
        return address.copy_merge_params(params) if params else address
    except httpx.InvalidURL as error:
        raise denied("", "url", "it is not a valid URL", "不是有效的网址") from error


_CORE_ERRORS = (
    httpcore.ConnectionNotAvailable,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
)

_SENTENCES = {
    "connect": ("no connection (name, network or certificate)", "无法建立连接（域名、网络或证书）"),
    "certificate": ("its certificate is not valid for this name", "其证书对该域名无效"),
    "proxy": ("the proxy did not open the connection", "代理未能建立连接"),
    "protocol": ("the connection broke before the answer was complete", "连接在收到完整答复前中断"),
    "redirects": ("too many redirects", "重定向次数过多"),
    "io": ("the connection or the file broke off", "连接或文件读取中断"),
}


def _kind(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "certificate"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpcore.ProxyError):
        return "proxy"
    if isinstance(error, httpcore.ConnectError | httpcore.ConnectTimeout):
        return "connect"
    if isinstance(error, httpx.TooManyRedirects):
        return "redirects"
    return "io" if isinstance(error, OSError) else "protocol"


def _too_large(host: str, limit: int) -> Unavailable:
    return Unavailable(
        Text(
            en=f"{host}: the answer is larger than {limit} bytes and was dropped; the request has arrived. Report this if it happens again.",
            zh=f"{host}：答复超过 {limit} 字节，已丢弃；请求已送达。若再次出现，请反馈。",
        ),
        details={"host": host, "reason": "too_large", "limit": limit, "sent": True},
        cause=Cause.NETWORK,
    )


def _accept_language(locale: str) -> str:
    if locale.lower().startswith("zh"):
        return "zh-CN,zh;q=0.9,en;q=0.8"
    return "en-US,en;q=0.9" if locale in ("en", "en-US") else f"{locale},{locale.partition('-')[0]};q=0.9,en;q=0.8"


@lru_cache(maxsize=1)
def _own_name() -> str:
    from importlib.metadata import version

    return f"CreatorFlow/{version('creatorflow')}"
