"""A real TLS site on loopback that tests script request by request, and that counts what arrives."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from creatorflow.config import NetworkSettings, Settings
from creatorflow.net import OutboundFactory


@dataclass
class Seen:
    """One complete request as it arrived; ``connection`` numbers the TCP connections from 1."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    body_bytes: int = 0


Handler = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Site:
    """``seen`` is the site's own ledger of complete requests, ``heads`` counts requests of which at least one byte arrived."""

    handler: Handler
    keep_bodies: bool = True
    seen: list[Seen] = field(default_factory=list)
    heads: int = 0
    connections: int = 0
    port: int = 0
    sni: list[str | None] = field(default_factory=list)
    slam_at_next_byte: bool = False  # close the idle connection at the moment the next request begins to arrive
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self._writers.add(writer)
        try:
            while (request := await self._read(reader, writer, number)) is not None:
                self.seen.append(request)
                await self.handler(request, writer)
                await writer.drain()
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> Seen | None:
        first = await reader.read(1)
        if not first:
            return None
        self.heads += 1
        if self.slam_at_next_byte:
            writer.transport.abort()
            return None
        method, target, _ = (first + await reader.readline()).decode().split(" ", 2)
        headers: dict[str, str] = {}
        while (line := (await reader.readline()).decode("latin-1").strip()) != "":
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        left = int(headers.get("content-length", "0"))
        seen = Seen(method, target, headers, b"", number, left)
        while left:
            chunk = await reader.read(min(left, 65536))
            if not chunk:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(chunk)
            if self.keep_bodies:
                seen.body += chunk
        return seen

    def drop_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()


class Web:
    """A certificate authority, sites under it, and factories that reach them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.ca_file))

    @asynccontextmanager
    async def site(self, *names: str, handler: Handler | None = None, keep_bodies: bool = True) -> AsyncIterator[Site]:
        """Serve HTTPS with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        made = Site(handler or _ok, keep_bodies)
        context.sni_callback = lambda _socket, name, _context: made.sni.append(name)
        async with _listening(made.serve, context) as made.port:
            yield made
            made.drop_all()

    @asynccontextmanager
    async def tcp(
        self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> AsyncIterator[int]:
        """Serve plain TCP; yields the port."""
        async with _listening(serve, None) as port:
            yield port

    def settings(self, hosts: Mapping[str, str], **network: Any) -> Settings:
        """Return the settings of a sandbox with this host map (live when it is empty)."""
        values = {"environment": "sandbox" if hosts else "live", "host_map": dict(hosts), "ca_file": self.ca_file}
        return Settings(home=self.folder, network=NetworkSettings.model_validate({**values, **network}))

    def factory(
        self, hosts: Mapping[str, str], *, max_response_bytes: int = 1 << 20, **network: Any
    ) -> OutboundFactory:
        """Return a factory over ``settings(...)``."""
        return OutboundFactory(self.settings(hosts, **network), max_response_bytes=max_response_bytes)

    @staticmethod
    def answer(
        status: str = "200 OK",
        body: bytes = b"{}",
        headers: Sequence[tuple[str, str]] = (),
        kind: str = "application/json",
    ) -> bytes:
        """Return the bytes of an answer."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", f"Content-Type: {kind}"]
        lines += [f"{name}: {value}" for name, value in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def _ok(_request: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(Web.answer())


@asynccontextmanager
async def _listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], context: ssl.SSLContext | None
) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def run() -> None:
            try:
                await serve(reader, writer)
            finally:
                writer.transport.abort()

        task = asyncio.get_running_loop().create_task(run())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@pytest.fixture
def web(tmp_path: Path) -> Web:
    return Web(tmp_path)
