"""A proxy per account: everything goes through it, or nothing goes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from creatorflow.api.errors import ConfigError, Unavailable
from creatorflow.log import forget_secrets, redact

if TYPE_CHECKING:
    from core.tests.net.conftest import Web

HOST = "public.example"


class Proxy:
    """A CONNECT proxy that leads every tunnel to one port."""

    def __init__(self, leads_to: int, status: str = "200 Connection established") -> None:
        self.leads_to = leads_to
        self.status = status
        self.heads: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
        if not self.status.startswith("200"):
            await writer.drain()
            writer.close()
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.leads_to)
        try:
            await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
        finally:
            there_writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    with contextlib.suppress(ConnectionError, RuntimeError):
        sink.close()


@asynccontextmanager
async def running(web: Web, proxy: Proxy, *, auth: str = "") -> AsyncIterator[str]:
    async with web.tcp(proxy.serve) as port:
        yield f"http://{auth}127.0.0.1:{port}"


async def test_live_calls_go_through_the_accounts_proxy_and_names_are_resolved_there(web: Web) -> None:
    forget_secrets()
    async with web.site(HOST) as site:
        proxy = Proxy(site.port)
        async with (
            running(web, proxy, auth="user:p%40ssw0rd@") as url,
            web.factory({}).client([HOST], proxy=url) as client,
        ):
            for _ in range(2):
                assert (await client.request("POST", f"https://{HOST}/x", content=b"x")).status_code == 200
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n".encode())
    assert base64.b64encode(b"user:p@ssw0rd") in head
    assert [seen.headers["host"] for seen in site.seen] == [HOST, HOST]
    assert "proxy-authorization" not in site.seen[0].headers
    assert redact("tried p%40ssw0rd, p@ssw0rd", for_user=True) == "tried [redacted], [redacted]"
    forget_secrets()


async def test_the_settings_proxy_serves_accounts_without_their_own(web: Web) -> None:
    async with web.site(HOST) as site:
        proxy = Proxy(site.port)
        async with running(web, proxy) as url, web.factory({}, proxy=url).client([HOST]) as client:
            await client.request("GET", f"https://{HOST}/")
    assert len(proxy.heads) == len(site.seen) == 1


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 Bad Gateway"])
async def test_a_proxy_that_refuses_means_nothing_was_sent(web: Web, status: str) -> None:
    async with web.site(HOST) as site:
        proxy = Proxy(site.port, status)
        async with running(web, proxy) as url, web.factory({}).client([HOST], proxy=url) as client:
            with pytest.raises(Unavailable) as caught:
                await client.request("POST", f"https://{HOST}/", content=b"x")
    assert caught.value.details == {"host": HOST, "reason": "proxy", "sent": False}
    assert site.connections == 0


async def test_a_dead_proxy_is_never_gone_around(web: Web) -> None:
    async with web.site(HOST) as site:
        async with running(web, Proxy(site.port)) as url:
            pass
        async with web.factory({}).client([HOST], proxy=url) as client:
            with pytest.raises(Unavailable) as caught:
                await client.request("POST", f"https://{HOST}/", content=b"x")
    assert caught.value.details == {"host": HOST, "reason": "connect", "sent": False}
    assert site.connections == 0


async def test_the_proxy_cannot_pose_as_the_site(web: Web) -> None:
    async with (
        web.site("other.example") as impostor,
        running(web, Proxy(impostor.port)) as url,
        web.factory({}).client([HOST], proxy=url) as client,
    ):
        with pytest.raises(Unavailable) as caught:
            await client.request("POST", f"https://{HOST}/", content=b"x")
    assert caught.value.details == {"host": HOST, "reason": "certificate", "sent": False}
    assert impostor.heads == 0


async def test_mapped_hosts_bypass_the_proxy(web: Web) -> None:
    async with web.site(HOST) as site:
        proxy = Proxy(site.port)
        async with running(web, proxy) as url, web.factory({HOST: site.address}).client([HOST], proxy=url) as client:
            await client.request("GET", f"https://{HOST}/")
    assert proxy.heads == []
    assert len(site.seen) == 1


@pytest.mark.parametrize(
    "url", ["socks5://u:hunter22@127.0.0.1:1080", "127.0.0.1:8080", "http://", "http://h:99999", "http://h/path"]
)
def test_other_proxies_are_refused_in_words_without_the_password(web: Web, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        web.factory({}).client([HOST], proxy=url)
    assert "http://" in caught.value.text.en
    assert "代理" in caught.value.text.zh
    assert "hunter22" not in repr(caught.value)
