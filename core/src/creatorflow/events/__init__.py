"""The append-only event log that every transport reads by cursor.

An event is written in the transaction of the change it tells about, and no reader gets one that is not in the log. Readers of other
processes are found too: besides a wake-up inside this process the log is looked at every ``poll_s``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from creatorflow.log import trace_id
from creatorflow.store import Connection, Store
from creatorflow.store import EventRecord as Event
from creatorflow.store import events as rows

__all__ = ["Event", "EventLog"]


class EventLog:
    """Append inside transactions, read by cursor, wait for more."""

    def __init__(self, store: Store, *, poll_s: float = 0.5) -> None:
        self._store = store
        self._poll_s = poll_s
        self._more = asyncio.Event()

    def append(self, connection: Connection, stream: str, type_: str, data: dict[str, Any]) -> Event:
        """Write one event within the caller's transaction. Call ``wake`` after the commit."""
        return rows.add_event(
            connection, stream=stream, ts=datetime.now(UTC), type_=type_, trace_id=trace_id() or None, data=data
        )

    def wake(self) -> None:
        """Tell the readers of this process that the log grew."""
        # A new signal each time: a reader that is about to wait cannot lose the one it already holds to another reader's clearing.
        grown, self._more = self._more, asyncio.Event()
        grown.set()

    async def read(
        self, after: int = 0, limit: int = 500, types: Collection[str] | None = None, stream: str | None = None
    ) -> list[Event]:
        """Return events after the cursor, in order; an empty list at the tail."""
        return await self._store.read(
            lambda connection: rows.read_events(connection, after=after, limit=limit, types=types, stream=stream)
        )

    async def tail(self) -> int:
        """Return the cursor of the newest event."""
        return await self._store.read(rows.last_event_id)

    async def wait(self, after: int) -> None:
        """Return when the log holds an event after the cursor."""
        while True:
            grown = self._more  # taken before looking: a change in between has set it
            if await self.tail() > after:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(grown.wait(), self._poll_s)
