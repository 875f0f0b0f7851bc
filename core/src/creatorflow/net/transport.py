"""The guarded transport below httpx: each hop is checked, mapped names go to loopback, other names to the address that was checked.

Redirecting happens where the TCP connection is made, so that Host header, SNI and certificate check keep the original name.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpcore
import httpx
from httpcore import SOCKET_OPTION

from creatorflow.net.policy import OutboundPolicy, Via, allowed_address, denied, private

__all__ = ["GuardedTransport"]

MAX_CONNECTIONS = 10
KEEP_ALIVE_S = 30.0
FIRST_ADDRESS_S = 3.0  # a dead first address (IPv6 without a route) must not eat the whole budget


class GuardedTransport(httpx.AsyncBaseTransport):
    """One connection pool for direct and mapped hosts, a second one through the proxy; never a retry."""

    def __init__(self, policy: OutboundPolicy, *, tls: ssl.SSLContext, proxy: str | None) -> None:
        self._policy = policy
        self._direct = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE_S,
            http1=True,
            http2=False,
            retries=0,
            network_backend=_GuardedBackend(policy),
        )
        self._proxied = None if proxy is None else _proxy_pool(proxy, tls)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Check and send one hop; ``extensions["trace"]`` learns when the first byte may have left.

        Raises:
            UrlDenied, OfflineDenied: this hop was not sent.
            httpcore exceptions: as they come; ``OutboundClient`` translates them.
        """
        if request.url.userinfo:
            raise denied(request.url.host, "userinfo", "the URL holds a user name", "网址中包含用户名")
        if request.url.port is not None and not 0 < request.url.port < 65536:
            raise denied(request.url.host, "url", "the port is not valid", "端口无效")
        route = self._policy.route(request.url.scheme, request.url.raw_host.decode("ascii"))
        pool = self._direct
        if route.via is Via.PROXY:
            assert self._proxied is not None, "the policy only chooses the proxy when there is one"
            pool = self._proxied
        assert isinstance(request.stream, httpx.AsyncByteStream)
        answer = await pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=answer.status, headers=answer.headers, stream=_Body(answer.stream), extensions=answer.extensions
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._direct.aclose()
        if self._proxied is not None:
            await self._proxied.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def _proxy_pool(proxy: str, tls: ssl.SSLContext) -> httpcore.AsyncHTTPProxy:
    url = httpx.URL(proxy)
    return httpcore.AsyncHTTPProxy(
        proxy_url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/"),
        proxy_auth=(url.username.encode(), url.password.encode())
        if url.userinfo
        else None,  # httpcore takes only ASCII text
        ssl_context=tls,
        proxy_ssl_context=tls if url.scheme == "https" else None,
        max_connections=MAX_CONNECTIONS,
        keepalive_expiry=KEEP_ALIVE_S,
        http1=True,
        http2=False,
        retries=0,
        network_backend=_Backend(),
    )


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that is also closed when the TLS handshake is cancelled; httpcore closes it only for errors, and would leak it."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the signature of httpcore
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            await self._inner.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections; by itself without checks: that is for the proxy, whose address is the user's own setting."""

    def __init__(self) -> None:
        self._tcp = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of httpcore
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect; the caller speaks TLS afterwards."""
        return _Stream(await self._tcp.connect_tcp(host, port, timeout, local_address, socket_options))

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: nothing outbound is a Unix socket."""
        raise denied(path, "unix_socket", "Unix sockets are not outbound addresses", "不支持 Unix 套接字")

    async def sleep(self, seconds: float) -> None:
        """Wait; httpcore only asks between retries, which are off."""
        await asyncio.sleep(seconds)


class _GuardedBackend(_Backend):
    """Connects to the mapped address, or to an address that was resolved once and checked."""

    def __init__(self, policy: OutboundPolicy) -> None:
        super().__init__()
        self._policy = policy

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect for an origin host; the caller speaks TLS with the origin's name afterwards."""
        mapped = self._policy.network.mapped(host)
        addresses = [mapped] if mapped else [(found, port) for found in await _resolve(host, port)]
        last = len(addresses) - 1
        for number, (address, at_port) in enumerate(addresses):
            patience = timeout if number == last else FIRST_ADDRESS_S
            try:
                return await super().connect_tcp(address, at_port, patience, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == last:
                    raise
        raise AssertionError("_resolve returns at least one address")


async def _resolve(host: str, port: int) -> list[str]:
    """Resolve once and keep the public addresses, so that a second answer of the name server cannot lead inside.

    Raises:
        UrlDenied: the name leads inside only.
        httpcore.ConnectError: it does not resolve.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:  # socket.gaierror is one
        raise httpcore.ConnectError("name resolution failed") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    public = [address for address in addresses if allowed_address(address)]
    if not public:
        raise private(host)
    return public
