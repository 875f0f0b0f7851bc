"""Watches one adapter at work from three sides: its calls, its HTTP requests, and what the site had when it armed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from creatorflow.net import OutboundFactory

if TYPE_CHECKING:
    from creatorflow.accounts import AccountService
    from creatorflow.api import Commit, PlatformAdapter, Prepared, Receipt, Sending
    from creatorflow.config import Settings

    from creatorflow_testkit.contract.site import ContractSite

__all__ = ["Arm", "HandCommit", "Spy"]

Hook = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Arm:
    """One call of ``commit.arm``.

    Attributes:
        sending: what the adapter said it was about to send.
        posts: posts in the ledger at that moment.
        sent: publishing requests that had reached the site since the attempt began.
        mark: number of the site's newest request at that moment.
    """

    sending: Sending
    posts: int
    sent: int
    mark: int


@dataclass
class Spy:
    """Attributes: what was seen, and hooks that tests hang in (each runs once).

    Attributes:
        site: the replica.
        patience_s: longest time that a request after ``arm`` may wait for its answer, seconds; None: as long as the adapter says.
        calls: names of adapter methods in the order they were called, over all adapters of the engine.
        arms: every ``arm``.
        submits: how often ``submit`` was called.
        opened: adapters that the engine opened; ``closed``: those it closed.
        after_prepare: runs when ``prepare`` has returned.
        after_arm: runs when ``arm`` has returned and before the adapter goes on.
    """

    site: ContractSite
    patience_s: float | None = None
    calls: list[str] = field(default_factory=list)
    arms: list[Arm] = field(default_factory=list)
    submits: int = 0
    opened: int = 0
    closed: int = 0
    after_prepare: list[Hook] = field(default_factory=list)
    after_arm: list[Hook] = field(default_factory=list)
    _armed: bool = False
    _begin: int = 0
    _start: int = 0

    def factory(self, settings: Settings) -> OutboundFactory:
        """Make the client factory whose clients lose patience after ``arm``: no test waits for an adapter's own long time-outs."""
        spy = self

        class Impatient(OutboundFactory):
            def client(self, *args: Any, **options: Any) -> Any:
                client = super().client(*args, **options)
                send = client.request

                async def request(*given: Any, timeout_s: float = 30.0, **more: Any) -> Any:
                    limit = min(timeout_s, spy.patience_s) if spy._armed and spy.patience_s else timeout_s
                    return await send(*given, timeout_s=limit, **more)

                client.request = request  # type: ignore[method-assign]
                return client

        return Impatient(settings)

    def watch(self, accounts: AccountService) -> None:
        """See every adapter that this service opens from now on."""
        original = accounts.open_adapter

        @asynccontextmanager
        async def opened(*args: Any, **options: Any) -> AsyncIterator[PlatformAdapter]:
            async with original(*args, **options) as adapter:
                self.opened += 1
                self._armed = False
                self._wrap(adapter)
                yield adapter

        accounts.open_adapter = opened  # type: ignore[method-assign]

    def _wrap(self, adapter: PlatformAdapter) -> None:
        methods: Any = adapter  # set on the object: the class stays as its author wrote it
        for name in ("check_session", "list_posts"):
            setattr(adapter, name, self._noting(name, getattr(adapter, name)))
        prepare, submit, aclose = adapter.prepare, adapter.submit, adapter.aclose

        async def spied_prepare(*args: Any, **options: Any) -> Prepared:
            self.calls.append("prepare")
            self._begin = await self._mark()
            prepared = await prepare(*args, **options)
            await _run(self.after_prepare)
            return prepared

        async def spied_submit(prepared: Prepared, commit: Commit) -> Receipt:
            self.calls.append("submit")
            self.submits += 1
            try:
                return await submit(prepared, _SpiedCommit(self, commit))
            finally:
                self._armed = False

        async def spied_close() -> None:
            self.closed += 1
            await aclose()

        methods.prepare, methods.submit, methods.aclose = spied_prepare, spied_submit, spied_close

    def _noting(self, name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def noted(*args: Any, **options: Any) -> Any:
            self.calls.append(name)
            return await method(*args, **options)

        return noted

    async def _mark(self) -> int:
        seen = await asyncio.to_thread(self.site.control.requests)
        return int(seen[-1]["number"]) if seen else 0

    async def start(self) -> None:
        """Count requests from now on; what earlier tests sent does not matter."""
        self._start = await self._mark()

    async def publishing_requests(self, since: int | None = None) -> int:
        """How many requests reached the site's publishing routes since the start (or after a request's number), answered or not."""
        found = await self.requests(self._start if since is None else since)
        return len([item for item in found if item["route"] in self.site.routes("publish")])

    async def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """Requests that reached the site after request number ``since``."""
        return await asyncio.to_thread(self.site.control.requests, since=since)

    async def note_arm(self, sending: Sending) -> None:
        """Look at the site at the moment of ``arm``."""
        posts = await asyncio.to_thread(self.site.control.count_posts)
        sent = await self.publishing_requests(self._begin)
        self.arms.append(Arm(sending, posts, sent, await self._mark()))

    async def armed(self) -> None:
        """The engine let the request go."""
        self._armed = True
        await _run(self.after_arm)


class _SpiedCommit:
    """Looks at the site, then asks the engine's own commit."""

    def __init__(self, spy: Spy, real: Commit) -> None:
        self._spy = spy
        self._real = real

    async def arm(self, sending: Sending) -> None:
        await self._spy.note_arm(sending)
        await self._real.arm(sending)
        await self._spy.armed()


class HandCommit:
    """The commit of a post that is made beside the engine, as a person would make it in the browser."""

    async def arm(self, sending: Sending) -> None:
        """Let it go."""


async def _run(hooks: list[Hook]) -> None:
    waiting, hooks[:] = list(hooks), []
    for hook in waiting:
        await hook()
