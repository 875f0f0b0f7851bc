"""Queries on the event log."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from creatorflow.store.records import EventRecord, record
from creatorflow.store.schema import events

__all__ = ["add_event", "last_event_id", "read_events"]


def add_event(
    connection: Connection, *, stream: str, ts: datetime, type_: str, trace_id: str | None, data: dict[str, Any]
) -> EventRecord:
    """Append one event to ``stream`` with the next number of that stream."""
    query = select(func.coalesce(func.max(events.c.seq), 0)).where(events.c.stream == stream)
    seq = int(connection.execute(query).scalar_one()) + 1
    values: dict[str, Any] = {"stream": stream, "seq": seq, "ts": ts, "type": type_, "trace_id": trace_id, "data": data}
    key = connection.execute(insert(events).values(**values)).inserted_primary_key
    assert key is not None
    return EventRecord(id=int(key[0]), **values)


def read_events(
    connection: Connection,
    *,
    after: int = 0,
    limit: int = 500,
    types: Collection[str] | None = None,
    stream: str | None = None,
) -> list[EventRecord]:
    """Return events with an id above ``after``, in order."""
    query = select(events).where(events.c.id > after)
    if types is not None:
        query = query.where(events.c.type.in_(list(types)))
    if stream is not None:
        query = query.where(events.c.stream == stream)
    rows = connection.execute(query.order_by(events.c.id).limit(limit)).mappings()
    return [record(EventRecord, row) for row in rows]


def last_event_id(connection: Connection) -> int:
    """Return the id of the newest event, 0 when there is none."""
    return int(connection.execute(select(func.coalesce(func.max(events.c.id), 0))).scalar_one())
