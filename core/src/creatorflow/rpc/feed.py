"""Entries of the event log as notifications: pulled by cursor, only as fast as the host reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from creatorflow.log import get_logger
from creatorflow.rpc.dispatcher import notification
from creatorflow.rpc.events import EVENT_TYPES
from creatorflow.rpc.outlet import Outlet

__all__ = ["EventFeed", "EventSource", "event_line"]

_log = get_logger("creatorflow.rpc")

_PAGE = 64
_RETRY_S = 1.0


class LogEntry(Protocol):
    """The part of an event that is shown."""

    @property
    def id(self) -> int:
        """Cursor in the whole log."""

    @property
    def stream(self) -> str:
        """What it is about."""

    @property
    def seq(self) -> int:
        """Number within the stream, from 1 without gaps."""

    @property
    def ts(self) -> datetime:
        """When it happened, aware."""

    @property
    def type(self) -> str:
        """Name of the event."""

    @property
    def trace_id(self) -> str | None:
        """Trace of the work that caused it."""

    @property
    def data(self) -> Mapping[str, Any]:
        """What happened."""


class EventSource(Protocol):
    """The event log as the feed needs it (``creatorflow.events.EventLog``)."""

    async def read(self, after: int = 0, limit: int = 500, types: Any = None) -> Sequence[LogEntry]:
        """Return events after the cursor, in order."""

    async def tail(self) -> int:
        """Return the cursor of the newest event."""

    async def wait(self, after: int) -> None:
        """Return when there is an event after the cursor."""


def event_line(event: LogEntry) -> bytes:
    """Encode an event as a notification: its data, and where it stands in the log."""
    return notification(
        event.type,
        {
            **event.data,
            "event_id": event.id,
            "stream": event.stream,
            "seq": event.seq,
            "ts": event.ts.isoformat(timespec="milliseconds"),
            "trace_id": event.trace_id,
        },
    )


class EventFeed:
    """Sends what is appended to the log from the first call on that uses the data directory.

    It starts that late because opening the database is most of the cost of a cold start. One page at most waits for a host that does
    not read; nothing is lost, since the rest stays in the log.

    Args:
        source: opens the log; called once.
        outlet: where the lines go.
    """

    def __init__(self, source: Callable[[], EventSource], outlet: Outlet) -> None:
        self._open = source
        self._outlet = outlet
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def ensure_started(self) -> None:
        """Take the cursor and begin to send; returns at once when that was done before.

        Raises:
            StorageError: the data directory cannot be used.
        """
        if self._task is not None:
            return
        async with self._lock:
            if self._task is None:
                source = self._open()
                cursor = await source.tail()
                self._task = asyncio.get_running_loop().create_task(self._run(source, cursor))

    async def stop(self) -> None:
        """Send nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, source: EventSource, cursor: int) -> None:
        while not self._outlet.broken:
            try:
                await self._outlet.drained()
                cursor = await self._page(source, cursor)
            except Exception as exc:  # a locked or full disk passes; the cursor stays where it was
                _log.error("the event log could not be read", exc=exc)
                await asyncio.sleep(_RETRY_S)

    async def _page(self, source: EventSource, cursor: int) -> int:
        """Send one page and return the new cursor; wait when there is nothing."""
        tail = await source.tail()
        events = await source.read(cursor, _PAGE, EVENT_TYPES)
        for event in events:
            self._outlet.send_event(event_line(event))
        if len(events) == _PAGE:
            return events[-1].id
        # A short page is complete up to the tail seen before it: events of other types are passed over.
        cursor = max([cursor, tail, *(event.id for event in events)])
        if not events:
            await source.wait(cursor)
        return cursor
