"""The event log: one order for all readers, nothing lost, nothing before its change is durable."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from creatorflow.events import EventLog
from creatorflow.log import tracing
from creatorflow.store import Connection, Store

APPEND = """
import asyncio, sys
from pathlib import Path
from creatorflow.store import Store
from creatorflow.events import EventLog
async def main():
    async with Store(Path(sys.argv[1])) as store:
        log = EventLog(store)
        for n in range(int(sys.argv[3])):
            await store.write(lambda c: log.append(c, "shared", "t.happened", {"by": sys.argv[2], "n": n}))
asyncio.run(main())
"""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store(tmp_path / "creatorflow.db") as opened:
        yield opened


async def put(store: Store, log: EventLog, stream: str, type_: str = "t.happened", **data: int) -> int:
    event = await store.write(lambda connection: log.append(connection, stream, type_, data))
    log.wake()
    return event.id


async def test_each_stream_counts_from_one_and_the_cursor_orders_all(store: Store) -> None:
    log = EventLog(store)
    with tracing("ab" * 16):
        await put(store, log, "job:1", n=1)
    await put(store, log, "job:2", n=2)
    await put(store, log, "job:1", "t.other", n=3)
    events = await log.read()
    assert [(event.stream, event.seq) for event in events] == [("job:1", 1), ("job:2", 1), ("job:1", 2)]
    assert [event.data["n"] for event in events] == [1, 2, 3]
    assert events[0].id < events[1].id < events[2].id == await log.tail()
    assert (events[0].trace_id, events[1].trace_id) == ("ab" * 16, None)
    assert events[0].ts.tzinfo is not None


async def test_a_cursor_resumes_without_gap_or_repeat(store: Store) -> None:
    log = EventLog(store)
    for n in range(25):
        await put(store, log, f"s{n % 3}", n=n)
    seen: list[int] = []
    cursor = 0
    while page := await log.read(after=cursor, limit=4):
        assert len(page) <= 4
        seen += [event.data["n"] for event in page]
        cursor = page[-1].id
    assert seen == list(range(25))
    assert await log.read(after=cursor) == []


async def test_filters_leave_numbers_alone(store: Store) -> None:
    log = EventLog(store)
    await put(store, log, "a", "t.x", n=1)
    await put(store, log, "a", "t.y", n=2)
    await put(store, log, "b", "t.y", n=3)
    assert [event.data["n"] for event in await log.read(types=["t.y"])] == [2, 3]
    assert [(event.data["n"], event.seq) for event in await log.read(stream="a", types=["t.y"])] == [(2, 2)]
    assert await log.read(types=[]) == []


async def test_an_event_of_a_failed_change_was_never_there(store: Store) -> None:
    log = EventLog(store)

    def change(connection: Connection) -> None:
        log.append(connection, "a", "t.x", {})
        raise RuntimeError("the change failed")

    with pytest.raises(RuntimeError):
        await store.write(change)
    assert await log.read() == []
    assert await log.tail() == 0
    await put(store, log, "a", n=1)
    assert [event.seq for event in await log.read()] == [1]


async def test_every_waiting_reader_is_woken_at_once(store: Store) -> None:
    log = EventLog(store, poll_s=300)  # so that only a wake-up can end the waiting in time
    for n in range(20):
        cursor = await log.tail()
        readers = [asyncio.create_task(log.wait(cursor)) for _ in range(8)]
        await asyncio.sleep(0)
        await put(store, log, "a", n=n)
        await asyncio.wait_for(asyncio.gather(*readers), 20)


async def test_what_is_already_there_is_not_waited_for(store: Store) -> None:
    log = EventLog(store, poll_s=300)
    await put(store, log, "a")
    await asyncio.wait_for(log.wait(0), 20)


async def test_another_process_is_noticed(store: Store) -> None:
    log = EventLog(store, poll_s=0.05)
    waiting = asyncio.create_task(log.wait(0))
    command = [sys.executable, "-c", APPEND, str(store.path), "other", "1"]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=60)
    await asyncio.wait_for(waiting, 20)
    assert [event.data["by"] for event in await log.read()] == ["other"]


async def test_two_processes_on_one_stream_leave_no_gap(store: Store) -> None:
    commands = [[sys.executable, "-c", APPEND, str(store.path), name, "40"] for name in ("a", "b")]
    await asyncio.gather(*(asyncio.to_thread(subprocess.run, command, check=True, timeout=120) for command in commands))
    events = await EventLog(store).read()
    assert [event.seq for event in events] == list(range(1, 81))
    for name in ("a", "b"):
        assert [event.data["n"] for event in events if event.data["by"] == name] == list(range(40))


async def test_a_cursor_never_sees_an_id_again_after_rows_are_gone(store: Store) -> None:
    log = EventLog(store)
    last = await put(store, log, "a")
    await store.write(lambda connection: connection.exec_driver_sql("DELETE FROM events"))
    assert await put(store, log, "a") > last
