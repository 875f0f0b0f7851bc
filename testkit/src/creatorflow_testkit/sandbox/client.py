"""Steering a sandbox from any process: ``ControlClient`` (blocking) and ``AsyncControlClient``. Stdlib only."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from creatorflow_testkit.replica.accounts import TestAccount
from creatorflow_testkit.replica.ledger import LedgerEntry, LedgerPost
from creatorflow_testkit.sandbox.facts import SandboxFacts

__all__ = ["AsyncControlClient", "ControlClient", "ControlError"]


class ControlError(RuntimeError):
    """The control API refused a call; the message is its answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ControlClient:
    """The control API as blocking calls; safe to share between threads.

    ``platform`` may be left out everywhere when the sandbox has one replica only.
    """

    def __init__(self, url: str, token: str, *, platform: str = "", timeout: float = 20.0) -> None:
        """Talk to a running sandbox.

        Args:
            url: ``control_url`` of the sandbox.
            token: ``control_token`` of the sandbox.
            platform: the replica meant when a call names none.
            timeout: seconds per call.
        """
        self.url = url.rstrip("/")
        self._token = token
        self._platform = platform
        self._timeout = timeout
        # A proxy from the environment must never see loopback calls.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @classmethod
    def of(cls, facts: SandboxFacts) -> ControlClient:
        """A client from what a sandbox tells about itself."""
        only = facts.platforms[0] if len(facts.platforms) == 1 else ""
        return cls(facts.control_url, facts.control_token, platform=only)

    @classmethod
    def from_directory(cls, directory: Path) -> ControlClient:
        """A client for the sandbox that runs in ``directory``."""
        return cls.of(SandboxFacts.read(directory))

    # ---- the sandbox ---------------------------------------------------------------------------------------------
    def sandbox(self) -> dict[str, Any]:
        """Facts of the sandbox with ``latency_ms``, ``clock_offset_s`` and ``time``."""
        return dict(self._call("GET", "/v1/sandbox"))

    def set_latency(self, milliseconds: float) -> None:
        """Make every answer of every replica take at least so long."""
        self._call("PUT", "/v1/sandbox", {"latency_ms": milliseconds})

    def advance_clock(self, seconds: float) -> None:
        """Push the sites' clock (list delays, schedules, expiries) without waiting."""
        self._call("PUT", "/v1/sandbox", {"advance_s": seconds})

    def requests(self, platform: str | None = None, *, since: int = 0) -> list[dict[str, Any]]:
        """Requests that reached the sandbox, oldest first, as ``RequestRecord`` fields.

        Args:
            platform: only those of one replica; ``""``: only those for hosts that nobody answers for.
            since: only those with a greater ``number``.
        """
        query = {"since": str(since)} | ({} if platform is None else {"platform": platform})
        return list(self._call("GET", "/v1/requests?" + urlencode(query)))

    # ---- faults --------------------------------------------------------------------------------------------------
    def arm(
        self,
        name: str,
        *,
        count: int | None = 1,
        route: str = "",
        after: int = 0,
        platform: str = "",
        **params: Any,
    ) -> int:
        """Arm a fault; arguments as in ``Faults.arm``. Returns its id."""
        body = {"name": name, "count": count, "route": route, "after": after, "params": params}
        return int(self._call("POST", self._at(platform, "faults"), body)["fault_id"])

    def faults(self, *, platform: str = "") -> list[dict[str, Any]]:
        """The armed faults."""
        return list(self._call("GET", self._at(platform, "faults"))["armed"])

    def known_faults(self, *, platform: str = "") -> list[dict[str, Any]]:
        """Every fault that can be armed, with summary, kinds of routes and parameters."""
        return list(self._call("GET", self._at(platform, "faults"))["known"])

    def clear(self, name: str | None = None, *, fault_id: int | None = None, platform: str = "") -> int:
        """Disarm all faults, those of one name, or one arming; returns how many."""
        query = {key: str(value) for key, value in (("name", name), ("id", fault_id)) if value is not None}
        return int(self._call("DELETE", self._at(platform, "faults") + "?" + urlencode(query))["cleared"])

    # ---- what the site knows -------------------------------------------------------------------------------------
    def entries(self, kind: str | None = None, *, uid: str | None = None, platform: str = "") -> list[LedgerEntry]:
        """Lines of the ledger."""
        query = {key: value for key, value in (("kind", kind), ("uid", uid)) if value is not None}
        found = self._call("GET", self._at(platform, "ledger") + "?" + urlencode(query))
        return [LedgerEntry(**item) for item in found]

    def posts(self, uid: str | None = None, *, platform: str = "") -> list[LedgerPost]:
        """Every post ever accepted."""
        query = {} if uid is None else {"uid": uid}
        found = self._call("GET", self._at(platform, "posts") + "?" + urlencode(query))
        return [LedgerPost.from_json(item) for item in found]

    def count_posts(self, uid: str | None = None, *, platform: str = "") -> int:
        """How many posts were ever accepted."""
        return len(self.posts(uid, platform=platform))

    def make_account(self, *, platform: str = "", **wishes: Any) -> TestAccount:
        """Make a logged-in test account; the replica documents the wishes it takes."""
        return TestAccount(**self._call("POST", self._at(platform, "accounts"), wishes))

    # ---- steering ------------------------------------------------------------------------------------------------
    def settings(self, *, platform: str = "") -> dict[str, Any]:
        """All settings of a replica."""
        return dict(self._call("GET", self._at(platform, "settings")))

    def change_settings(self, *, platform: str = "", **values: Any) -> dict[str, Any]:
        """Change settings of a replica; returns all."""
        return dict(self._call("PUT", self._at(platform, "settings"), values))

    def reset(self, *, platform: str = "", keep_accounts: bool = True) -> None:
        """Empty a replica; the old ledger file is kept beside the new one."""
        self._call("POST", self._at(platform, "reset"), {"keep_accounts": keep_accounts})

    def act(self, action: str, *, platform: str = "", **params: Any) -> Any:
        """Run a control action of a replica (a phone that scans, a moderator, an expiry)."""
        return self._call("POST", self._at(platform, "actions/" + quote(action)), params)

    def routes(self, *, platform: str = "") -> list[dict[str, Any]]:
        """Routes of a replica with kind and provenance."""
        return list(self._call("GET", self._at(platform, "routes")))

    def _at(self, platform: str, tail: str) -> str:
        name = platform or self._platform
        if not name:
            raise ControlError(400, "this sandbox has several replicas: say which one with platform=…")
        return f"/v1/{quote(name)}/{tail}"

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)  # noqa: S310
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raw = error.read()
            try:
                message = str(json.loads(raw)["error"])
            except (ValueError, KeyError, TypeError):
                message = raw.decode(errors="replace")
            raise ControlError(error.code, f"{method} {path}: {message}") from None


class AsyncControlClient:
    """The same calls for coroutines; each runs in a thread, so the event loop stays free."""

    def __init__(self, blocking: ControlClient) -> None:
        self.blocking = blocking

    def __getattr__(self, name: str) -> Any:
        """The coroutine form of the blocking method ``name``: ``await control.arm("answer_lost")``."""
        method = getattr(self.blocking, name)
        if not callable(method) or name.startswith("_"):
            raise AttributeError(name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await asyncio.to_thread(method, *args, **kwargs)

        return call
