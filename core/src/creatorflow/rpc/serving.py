"""A transport and the services behind it, for as long as the host wants."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from creatorflow.rpc.methods import core_methods
from creatorflow.rpc.session import Session
from creatorflow.rpc.stdio import StdioServer, leave
from creatorflow.rpc.version import core_version

if TYPE_CHECKING:
    from creatorflow.app import App
    from creatorflow.rpc.pipes import Pipes

__all__ = ["Services", "serve_stdio"]

#: Seconds after the start until due jobs are looked for. Hosts start a sidecar to ask it something: that answer comes first.
_SWEEP_AFTER_S = 2.0


class Services:
    """Loads the services, each with its heavy imports, at the first call that needs them, and on a thread: others are answered meanwhile."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = asyncio.Lock()
        self._loaded = False

    async def load(self) -> None:
        """Import and build what publishing needs; returns at once when that was done before."""
        if not self._loaded:
            async with self._lock:
                await asyncio.to_thread(self._import)
                self._loaded = True

    def _import(self) -> None:
        import creatorflow.accounts
        import creatorflow.publish  # noqa: F401  importing is the work

        _ = self._app.catalogue

    async def sweep(self) -> None:
        """Run due jobs and settle open ones, from soon after the start on."""
        await asyncio.sleep(_SWEEP_AFTER_S)
        await self.load()
        await self._app.sweep_forever()


async def serve_stdio(app: App, pipes: Pipes) -> None:
    """Serve one host until it is done, then finish or stop honestly what is open.

    Args:
        app: closed at the end.
        pipes: the private descriptors.
    """
    services = Services(app)
    session = Session(locale=app.locale)

    async def prepare() -> None:
        await services.load()
        if not progress:
            progress.append(app.publisher.on_progress(lambda message: server.tell("publish.progress", message)))

    progress: list[object] = []
    server = StdioServer(
        core_methods(),
        app=app,
        pipes=pipes,
        session=session,
        events=lambda: app.events,
        prepare=prepare,
        version=core_version(),
    )
    sweeper = asyncio.get_running_loop().create_task(services.sweep())
    try:
        await server.run()
    finally:
        sweeper.cancel()
        await asyncio.wait([sweeper])
        await app.aclose(max(1.0, session.limits.drain_publish_s - server.drained_s))
        leave(0)
