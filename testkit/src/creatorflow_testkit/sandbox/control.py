"""The control API: plain HTTP with JSON on loopback, guarded by a random token; how tests steer and read a sandbox."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from creatorflow_testkit.replica import FaultError, Replica, SettingError

if TYPE_CHECKING:
    from creatorflow_testkit.sandbox.server import Sandbox

__all__ = ["ControlApi"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlApi:
    """Handlers of the control API; see ``ControlClient`` for the same calls from Python."""

    def __init__(self, sandbox: Sandbox, token: str, authority: str) -> None:
        """Serve one sandbox.

        Args:
            sandbox: whose replicas are steered.
            token: bearer token that every request must carry.
            authority: the only accepted ``Host``, against DNS rebinding.
        """
        self._sandbox = sandbox
        self._token = token
        self._authority = authority

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_routes(
            [
                web.get("/v1/sandbox", self._get_sandbox),
                web.put("/v1/sandbox", self._put_sandbox),
                web.get("/v1/requests", self._get_requests),
                web.get("/v1/{platform}/faults", self._get_faults),
                web.post("/v1/{platform}/faults", self._post_fault),
                web.delete("/v1/{platform}/faults", self._delete_faults),
                web.get("/v1/{platform}/ledger", self._get_ledger),
                web.get("/v1/{platform}/posts", self._get_posts),
                web.post("/v1/{platform}/accounts", self._post_account),
                web.get("/v1/{platform}/settings", self._get_settings),
                web.put("/v1/{platform}/settings", self._put_settings),
                web.post("/v1/{platform}/reset", self._post_reset),
                web.post("/v1/{platform}/actions/{action}", self._post_action),
                web.get("/v1/{platform}/routes", self._get_routes),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host != self._authority:
            return _error(421, f"the control API answers for {self._authority} only")
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return _error(401, "the control API needs the token of sandbox.json as 'Authorization: Bearer …'")
        try:
            return await handler(request)
        except (FaultError, SettingError, TypeError, ValueError) as error:
            return _error(400, str(error))
        except web.HTTPException as error:
            return _error(error.status, error.text or error.reason)

    def _replica(self, request: web.Request) -> Replica:
        name = request.match_info["platform"]
        replica = self._sandbox.replicas.get(name)
        if replica is None:
            known = ", ".join(self._sandbox.replicas)
            raise web.HTTPNotFound(text=f"no replica named {name!r} runs here; running: {known}")
        return replica

    # ---- the sandbox ---------------------------------------------------------------------------------------------
    def _state(self) -> dict[str, Any]:
        sandbox = self._sandbox
        return {
            **sandbox.facts.to_json(),
            "latency_ms": sandbox.latency_ms,
            "clock_offset_s": sandbox.clock.offset,
            "time": sandbox.clock.time(),
        }

    async def _get_sandbox(self, request: web.Request) -> web.Response:
        return _json(self._state())

    async def _put_sandbox(self, request: web.Request) -> web.Response:
        body = await _body(request)
        if unknown := set(body) - {"latency_ms", "advance_s"}:
            raise SettingError(f"unknown key {sorted(unknown)[0]!r}; known: advance_s, latency_ms")
        if "latency_ms" in body:
            self._sandbox.latency_ms = float(body["latency_ms"])
        self._sandbox.clock.advance(float(body.get("advance_s", 0)))
        return _json(self._state())

    async def _get_requests(self, request: web.Request) -> web.Response:
        since = int(request.query.get("since", "0"))
        platform = request.query.get("platform")
        return _json(
            [
                item.to_json()
                for item in self._sandbox.requests
                if item.number > since and platform in {None, item.platform}
            ]
        )

    # ---- one replica ---------------------------------------------------------------------------------------------
    async def _get_faults(self, request: web.Request) -> web.Response:
        replica = self._replica(request)
        known = [
            {"name": spec.name, "summary": spec.summary, "kinds": list(spec.kinds), "params": dict(spec.params)}
            for spec in replica.faults.specs.values()
        ]
        return _json({"armed": [item.to_json() for item in replica.faults.active()], "known": known})

    async def _post_fault(self, request: web.Request) -> web.Response:
        replica, body = self._replica(request), await _body(request)
        if unknown := set(body) - {"name", "count", "route", "after", "params"}:
            raise FaultError(f"unknown key {sorted(unknown)[0]!r}; known: after, count, name, params, route")
        params = dict(body.pop("params", {}))
        return _json(replica.arm(body.pop("name", ""), **body, **params).to_json())

    async def _delete_faults(self, request: web.Request) -> web.Response:
        replica, number = self._replica(request), request.query.get("id")
        name = request.query.get("name")
        if name is not None and name not in replica.faults.specs:
            raise FaultError(f"no fault named {name!r}; known: {', '.join(sorted(replica.faults.specs))}")
        return _json({"cleared": replica.faults.clear(name, fault_id=int(number) if number else None)})

    async def _get_ledger(self, request: web.Request) -> web.Response:
        replica = self._replica(request)
        await replica.tick()
        found = replica.ledger.entries(request.query.get("kind"), request.query.get("uid"))
        return _json([entry.to_json() for entry in found])

    async def _get_posts(self, request: web.Request) -> web.Response:
        replica = self._replica(request)
        await replica.tick()
        return _json([post.to_json() for post in replica.ledger.posts(request.query.get("uid"))])

    async def _post_account(self, request: web.Request) -> web.Response:
        account = await self._replica(request).make_account(**await _body(request))
        return _json(account.to_json())

    async def _get_settings(self, request: web.Request) -> web.Response:
        return _json(self._replica(request).settings)

    async def _put_settings(self, request: web.Request) -> web.Response:
        return _json(self._replica(request).change_settings(await _body(request)))

    async def _post_reset(self, request: web.Request) -> web.Response:
        body = await _body(request)
        self._replica(request).reset(keep_accounts=bool(body.get("keep_accounts", True)))
        return _json({})

    async def _post_action(self, request: web.Request) -> web.Response:
        replica = self._replica(request)
        return _json(await replica.act(request.match_info["action"], await _body(request)))

    async def _get_routes(self, request: web.Request) -> web.Response:
        return _json(
            [
                {
                    "name": item.name,
                    "method": item.method,
                    "hosts": list(item.hosts),
                    "path": item.path,
                    "kind": item.kind,
                    "provenance": item.provenance.kind.value,
                    "source": item.provenance.source,
                }
                for item in self._replica(request).endpoints()
            ]
        )


def _json(value: Any, status: int = 200) -> web.Response:
    text = json.dumps(value, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json")


def _error(status: int, message: str) -> web.Response:
    return _json({"error": message}, status)


async def _body(request: web.Request) -> dict[str, Any]:
    raw = await request.read()
    value = json.loads(raw) if raw else {}
    if not isinstance(value, dict):
        raise SettingError("the body must be a JSON object")
    return value
