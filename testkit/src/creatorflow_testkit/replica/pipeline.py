"""What happens to each request on its way to a handler and back: latency, faults, cut connections."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import StreamReader, web

from creatorflow_testkit.replica.base import Answered, Replica
from creatorflow_testkit.replica.clock import SiteClock
from creatorflow_testkit.replica.faults import ArmedFault
from creatorflow_testkit.replica.routes import ENDPOINT, PARAMS, Endpoint

__all__ = ["RequestRecord", "Site", "cut"]

_GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class RequestRecord:
    """One request that reached the sandbox.

    Attributes:
        number: 1, 2, 3 … over all replicas of the sandbox.
        at: the site's time when the request had arrived in full, seconds since 1970.
        platform: replica name, ``""`` for a host nobody answers for.
        route: route name, ``""`` for a path without a route.
        method: HTTP method.
        host: host name as asked for.
        path: decoded path without the query.
        status: HTTP status sent; 0 when the connection was cut instead.
        faults: the faults of the framework that struck it.
    """

    number: int
    at: float
    platform: str
    route: str
    method: str
    host: str
    path: str
    status: int
    faults: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data for the control API."""
        return asdict(self)


def cut(request: web.Request) -> web.StreamResponse:
    """Abort the TLS connection at once, without an answer or a farewell; return the value to make the handler end."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)  # never sent: the transport is gone


async def receive(request: web.Request, clock: SiteClock, slow: ArmedFault | None) -> None:
    """Read the whole body (slowly if asked), then put it back for the handler's own ``read``, ``post`` or ``multipart``.

    Reading it here makes a later cut deterministic: the client has sent everything by then.
    """
    rate = float(slow.params["bytes_per_s"]) if slow else 0.0
    if slow and not rate:
        await clock.sleep(float(slow.params["seconds"]))
    body = bytearray()
    # A slow site reads in small bites, so that the client feels the pressure while it writes.
    bite = max(1, int(rate / 10)) if rate else 65536
    while chunk := await request.content.read(bite):
        body += chunk
        if rate:
            await clock.sleep(len(chunk) / rate)
    # The limit is above the size: a reader that thinks it is full would ask the parser, which is done, to pause.
    fresh = StreamReader(request.protocol, max(2**16, len(body)), loop=asyncio.get_running_loop())
    fresh.feed_data(bytes(body))
    fresh.feed_eof()
    request._payload = fresh  # no public way to hand a body back; guarded by test_pipeline_body


class Site:
    """One replica with its routes compiled, and the way of a request through it."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self._table = [(endpoint, endpoint.pattern()) for endpoint in replica.endpoints()]
        # Literal paths win over templates, longer templates over shorter ones, whatever the order of declaration.
        self._table.sort(key=lambda item: ("{" in item[0].path, -len(item[0].path)))

    def find(self, request: web.Request, host: str) -> Endpoint | None:
        """The route of a request; leaves it and the path's named parts on the request."""
        for endpoint, pattern in self._table:
            if host not in endpoint.hosts or endpoint.method not in {request.method, "*"}:
                continue
            if match := pattern.fullmatch(request.path):
                request[ENDPOINT] = endpoint
                request[PARAMS] = match.groupdict()
                return endpoint
        return None

    async def serve(
        self, request: web.Request, endpoint: Endpoint, latency: float
    ) -> tuple[web.StreamResponse, list[str]]:
        """Answer a request.

        Args:
            request: not read yet.
            endpoint: its route.
            latency: seconds that every answer takes at least.

        Returns:
            The answer and the framework's faults that struck; with ``request_lost`` or ``answer_lost`` the connection
            is gone and the answer must not be counted as one.
        """
        replica, faults = self.replica, self.replica.faults
        struck: list[str] = []

        def take(name: str) -> ArmedFault | None:
            fault = faults.take(name, endpoint.name)
            if fault:
                struck.append(name)
            return fault

        await receive(request, replica.clock, take("slow_upload"))
        if latency:
            await replica.clock.sleep(latency)
        if take("request_lost"):
            return cut(request), struck
        if wall := take("risk_wall"):
            replica.refuse(request, "", "risk_wall")
            return await replica.risk_answer(request, wall), struck
        if down := take("list_down"):
            return web.Response(status=int(down.params["status"]), text="Service Unavailable"), struck
        lost, gateway, late = take("answer_lost"), take("status_502_after_accept"), take("answer_delayed")
        await replica.tick()
        answer = await _answer(replica, endpoint, request)
        if lost:
            return cut(request), struck
        if late:
            await replica.clock.sleep(float(late.params["seconds"]))
        if gateway:
            return web.Response(status=502, text=_GATEWAY_PAGE, content_type="text/html"), struck
        return answer, struck


async def _answer(replica: Replica, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
    try:
        answer: web.StreamResponse = await getattr(replica, endpoint.attribute)(request)
    except Answered as shortcut:
        return shortcut.response
    except web.HTTPException as error:  # a raised status is an answer like any other, and faults apply to it
        copy = web.Response(status=error.status, text=error.text, content_type=error.content_type)
        for key in ("Location", "Set-Cookie"):
            for value in error.headers.getall(key, []):
                copy.headers.add(key, value)
        for morsel in error.cookies.values():
            copy.cookies[morsel.key] = morsel
        return copy
    return answer
