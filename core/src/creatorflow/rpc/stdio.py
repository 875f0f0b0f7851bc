"""JSON-RPC over the process's own stdin and stdout: one line in, one line out, nothing else ever on stdout."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from creatorflow.log import get_logger
from creatorflow.rpc.dispatcher import Dispatcher, notification
from creatorflow.rpc.feed import EventFeed, EventSource
from creatorflow.rpc.inlet import Inlet
from creatorflow.rpc.outlet import Outlet
from creatorflow.rpc.parent import ParentWatch
from creatorflow.rpc.pipes import LineSplitter, Pipes
from creatorflow.rpc.registry import MethodRegistry
from creatorflow.rpc.session import PROTOCOL_VERSIONS, Session

__all__ = ["StdioServer"]

_log = get_logger("creatorflow.rpc")

_FLUSH_S = 2.0  # for the last answers to leave, once everything is answered
_EXIT_S = 3.0  # for the rest of the process to stop after that


class StdioServer:
    """Serves one host over one pair of descriptors until its input ends, it dies, or somebody asks us to stop.

    Args:
        registry: what can be called.
        app: handed to the handlers.
        pipes: from ``take_over``.
        session: the connection's state, e.g. with another locale or other limits.
        events: opens the event log whose entries become notifications; None for none.
        prepare: awaited before each call that needs the data directory; loads at the first one what a start does without.
        version: shown in ``sidecar.ready``.
    """

    def __init__(
        self,
        registry: MethodRegistry,
        *,
        app: Any,
        pipes: Pipes,
        session: Session | None = None,
        events: Callable[[], EventSource] | None = None,
        prepare: Callable[[], Awaitable[None]] | None = None,
        version: str = "",
    ) -> None:
        self.session = session or Session()
        self._version = version
        #: Seconds that the drain took, once it is over.
        self.drained_s = 0.0
        self._prepare = prepare
        self._outlet = Outlet(pipes.writer, self._on_backlog)
        self._feed = None if events is None else EventFeed(events, self._outlet)
        self.dispatcher = Dispatcher(
            registry,
            app=app,
            session=self.session,
            send=self._outlet.send,
            prepare=self._ready,
        )
        self._splitter = LineSplitter(self.session.limits.line_bytes, self.dispatcher.feed, self.dispatcher.oversized)
        self._inlet = Inlet(pipes.reader, self._on_data, self._on_end)
        self._parent = ParentWatch(self._on_parent_death)

    async def run(self) -> None:
        """Serve until the end; every accepted request is answered when this returns."""
        self._outlet.send(
            notification(
                "sidecar.ready",
                {
                    "version": self._version,
                    "protocol_versions": list(PROTOCOL_VERSIONS),
                    "pid": os.getpid(),
                    "transport": "stdio",
                },
            )
        )
        self._catch_signals()
        self._inlet.start()
        self._parent.start()
        try:
            await self.session.quit.wait()
        finally:
            self._parent.stop()
            await self._finish()

    async def _ready(self) -> None:
        if self._prepare is not None:
            await self._prepare()
        if self._feed is not None:
            await self._feed.ensure_started()

    def tell(self, name: str, params: Mapping[str, Any]) -> None:
        """Send a notification that is not in the log (progress); dropped while the host reads too slowly."""
        self._outlet.offer(notification(name, params))

    async def _finish(self) -> None:
        started = time.monotonic()
        await self.dispatcher.drain()
        self.drained_s = time.monotonic() - started
        self._inlet.stop()
        if self._feed is not None:
            await self._feed.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._outlet.drained(), _FLUSH_S)

    def _on_data(self, data: bytes) -> None:
        self._outlet.hold()
        try:
            self._splitter.feed(data)
        finally:
            self._outlet.release()
        if self._outlet.broken:
            self.session.quit.set()

    def _on_end(self) -> None:
        self._splitter.end()
        self.session.quit.set()

    def _on_backlog(self, full: bool) -> None:
        if full:
            self._inlet.pause()
        else:
            self._inlet.resume()

    def _on_parent_death(self) -> None:
        _log.warning("the process that started this sidecar has ended; stopping")
        self.session.quit.set()

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in {signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGTERM)}:
            try:
                loop.add_signal_handler(number, self.session.quit.set)
            except (NotImplementedError, RuntimeError):  # Windows, or not the main thread
                with contextlib.suppress(ValueError):
                    signal.signal(number, lambda *_: loop.call_soon_threadsafe(self.session.quit.set))


def leave(code: int) -> None:
    """End the process with ``code`` even if a thread that nobody can stop (a codec, a driver) still runs."""
    guard = threading.Timer(_EXIT_S, os._exit, (code,))
    guard.daemon = True
    guard.start()
    sys.stderr.flush()
