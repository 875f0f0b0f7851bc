"""One TLS listener on loopback that stands for all hosts of its replicas, and the control API beside it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

from creatorflow_testkit.replica import Replica, RequestRecord, SiteClock
from creatorflow_testkit.replica.pipeline import Site
from creatorflow_testkit.sandbox.certs import make_certificates
from creatorflow_testkit.sandbox.control import ControlApi
from creatorflow_testkit.sandbox.facts import SandboxFacts
from creatorflow_testkit.sandbox.loading import load_replica

__all__ = ["Sandbox"]

_MAX_BODY = 256 * 2**20  # pictures and video pieces; a sandbox is never exposed, the cap only guards this machine
_CUTTING = {"request_lost", "answer_lost"}


class Sandbox:
    """Replicas behind one TLS port of 127.0.0.1; an async context manager.

    The directory keeps the certificate authority, the ports, the control token and one folder per replica with its
    ledger, so that a sandbox opened again on it continues where the last one stopped.
    """

    def __init__(
        self,
        directory: Path,
        replicas: Sequence[str | type[Replica] | Replica],
        *,
        port: int = 0,
        control_port: int = 0,
        latency_ms: float = 0.0,
    ) -> None:
        """Load the replicas; nothing listens yet.

        Args:
            directory: made when missing; one running sandbox per directory.
            replicas: ``"package.module:Class"``, classes or objects; host names must not overlap.
            port: TLS port; 0: the port of the last run if it is free, else any.
            control_port: the same for the control API.
            latency_ms: milliseconds that each answer takes at least.

        Raises:
            ReplicaNotFound: a loader string is wrong.
            ValueError: two replicas have one name or host, or there is none.
        """
        self.directory = directory
        self.clock = SiteClock()
        self.latency_ms = latency_ms
        self.replicas = {replica.name: replica for replica in map(load_replica, replicas)}
        self._wanted = (port, control_port)
        self._sites: dict[str, Site] = {}
        for replica in self.replicas.values():
            site = Site(replica)
            for host in replica.hosts:
                if host in self._sites:
                    other = self._sites[host].replica.name
                    raise ValueError(f"host {host!r} is claimed by the replicas {other!r} and {replica.name!r}")
                self._sites[host] = site
        if len(self.replicas) != len(replicas) or not replicas:
            raise ValueError(f"a sandbox needs replicas with different names, got {[str(item) for item in replicas]}")
        self.requests: deque[RequestRecord] = deque(maxlen=20_000)
        self._numbers = 0
        self._runners: list[web.BaseRunner] = []
        self._answering: set[asyncio.Task[Any]] = set()
        self.facts: SandboxFacts

    # ---- what clients need ---------------------------------------------------------------------------------------
    @property
    def port(self) -> int:
        """TLS port on 127.0.0.1."""
        return self.facts.port

    @property
    def ca_file(self) -> Path:
        """PEM file of the authority that clients must trust."""
        return self.facts.ca_file

    @property
    def leaf_spki(self) -> str:
        """Base64 SHA-256 of the leaf's public key, for Chromium's pin list."""
        return self.facts.leaf_spki

    @property
    def host_map(self) -> dict[str, str]:
        """Production host to ``127.0.0.1:port``."""
        return dict(self.facts.host_map)

    @property
    def control_url(self) -> str:
        """Base URL of the control API, without a trailing slash."""
        return self.facts.control_url

    @property
    def control_token(self) -> str:
        """Bearer token of the control API."""
        return self.facts.control_token

    def config_fragment(self) -> str:
        """TOML for ``config.toml`` that sends the platforms' hosts here."""
        return self.facts.config_fragment()

    def replica(self, name: str) -> Replica:
        """A running replica, for tests in the same process."""
        return self.replicas[name]

    # ---- life ----------------------------------------------------------------------------------------------------
    async def __aenter__(self) -> Sandbox:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open ledgers and ports; returns when both listeners accept connections."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        certificates = make_certificates(self.directory, self._sites)
        for replica in self.replicas.values():
            replica.open(self.directory / replica.name, self.clock)
        last = SandboxFacts.last_ports(self.directory)
        token = secrets.token_urlsafe(32)
        site_socket = _bind(self._wanted[0], last[0])
        try:
            control_socket = _bind(self._wanted[1], last[1])
        except OSError:
            site_socket.close()
            raise
        port, control_port = site_socket.getsockname()[1], control_socket.getsockname()[1]
        self.facts = SandboxFacts(
            platforms=tuple(self.replicas),
            port=port,
            ca_file=certificates.ca_file.resolve(),
            leaf_spki=certificates.leaf_spki,
            host_map=dict.fromkeys(self._sites, f"127.0.0.1:{port}"),
            control_url=f"http://127.0.0.1:{control_port}",
            control_token=token,
        )
        site_app = web.Application(client_max_size=_MAX_BODY)
        site_app.router.add_route("*", "/{path:.*}", self._dispatch)
        await self._listen(site_app, site_socket, certificates.server_context())
        await self._listen(ControlApi(self, token, f"127.0.0.1:{control_port}").application(), control_socket, None)
        self.facts.write(self.directory)

    async def stop(self) -> None:
        """Close the listeners and the ledgers; requests that still wait (delays) are dropped."""
        open_ends = [end.transport for runner in self._runners if runner.server for end in runner.server.connections]
        for runner in self._runners:
            await runner.cleanup()
        self._runners = []
        # A delayed answer whose client has left is nobody's any more: aiohttp forgot it with the connection.
        for task in list(self._answering):
            task.cancel()
        # A closing TLS connection waits for the client's farewell, and a client that is gone never sends one.
        for transport in open_ends:
            if transport is not None:
                with contextlib.suppress(
                    AttributeError
                ):  # CPython 3.11.2: a TLS transport whose connection is lost already
                    transport.abort()
        await asyncio.gather(*self._answering, return_exceptions=True)
        await asyncio.sleep(0)  # let the loop carry the aborts out before somebody closes it
        for replica in self.replicas.values():
            replica.close()

    async def _listen(self, app: web.Application, sock: socket.socket, tls: Any) -> None:
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.2)
        await runner.setup()
        await web.SockSite(runner, sock, ssl_context=tls).start()
        self._runners.append(runner)

    # ---- requests ------------------------------------------------------------------------------------------------
    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        host = request.host.partition(":")[0].lower()
        site = self._sites.get(host)
        at, platform, route = self.clock.time(), site.replica.name if site else "", ""
        status, struck = 500, list[str]()
        task = asyncio.current_task()
        if task is not None:
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        try:
            if site is None:
                text = json.dumps({"error": f"no replica answers for the host {host!r}", "hosts": sorted(self._sites)})
                answer: web.StreamResponse = web.Response(status=421, text=text, content_type="application/json")
            elif (endpoint := site.find(request, host)) is None:
                answer = await site.replica.unknown_path(request)
            else:
                route = endpoint.name
                answer, struck = await site.serve(request, endpoint, self.latency_ms / 1000)
            status = 0 if _CUTTING & set(struck) else answer.status
            return answer
        finally:
            self._numbers += 1
            self.requests.append(
                RequestRecord(
                    self._numbers, at, platform, route, request.method, host, request.path, status, tuple(struck)
                )
            )


def _bind(wanted: int, last: int) -> socket.socket:
    """A listening-ready loopback socket: the wanted port or an error; else the last one if free, else any."""
    for port in [wanted] if wanted else [last, 0]:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            sock.close()
            if wanted:
                raise
        else:
            return sock
    raise OSError("no loopback port is free")
