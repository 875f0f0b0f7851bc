"""The database under bad conditions: damaged, full, locked, unwritable, newer, opened by two at once. One clear sentence each."""

# ruff: noqa: ASYNC220, ASYNC240 - the tests look at files and processes themselves
from __future__ import annotations

import asyncio
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from creatorflow.api.errors import StorageError
from creatorflow.store import AssetRecord, Connection, Store, assets, engine
from creatorflow.store.schema import HEAD

ASSET = AssetRecord("ab" * 32, "image/png", 5, "cat.png", datetime(2026, 11, 1, 8, tzinfo=UTC))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "creatorflow.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with Store(path) as opened:
        yield opened


async def put(store: Store, name: str = "cat.png", sha256: str = ASSET.sha256) -> None:
    record = AssetRecord(sha256, ASSET.mime, ASSET.size, name, ASSET.created_at)
    await store.write(lambda connection: assets.add_asset(connection, record))


async def test_a_fresh_home_gets_a_private_database(store: Store, path: Path) -> None:
    await put(store)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    settings = await store.read(
        lambda connection: [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    )
    assert settings == ["wal", 2, 1]  # 2 is FULL


async def test_what_was_written_is_there_after_a_kill(path: Path) -> None:
    code = """
import asyncio, os, signal, sys
from pathlib import Path
from creatorflow.store import Store
async def main():
    store = await Store(Path(sys.argv[1])).open()
    await store.write(lambda c: c.exec_driver_sql(
        "INSERT INTO assets VALUES ('a', 'image/png', 5, 'cat.png', '2026-11-01 08:00:00.000000')"))
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code, str(path)], check=False, timeout=60, capture_output=True
    )
    assert done.returncode == -9, done.stderr
    async with Store(path) as store:
        found = await store.read(lambda connection: assets.get_asset(connection, "a"))
    assert found is not None
    assert found.name == "cat.png"


async def test_a_change_that_fails_leaves_nothing(store: Store) -> None:
    def change(connection: Connection) -> None:
        assets.add_asset(connection, ASSET)
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await store.write(change)
    assert await store.read(lambda connection: assets.get_asset(connection, ASSET.sha256)) is None


async def test_cancelling_the_caller_does_not_stop_a_transaction_that_began(store: Store) -> None:
    began, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def change(connection: Connection) -> None:
        loop.call_soon_threadsafe(began.set)
        assert go_on.wait(20)
        assets.add_asset(connection, ASSET)

    task = asyncio.create_task(store.write(change))
    await asyncio.wait_for(began.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    assert await store.read(lambda connection: assets.get_asset(connection, ASSET.sha256)) == ASSET


async def test_a_time_without_offset_is_refused(store: Store) -> None:
    naive = AssetRecord("cd" * 32, "image/png", 5, "cat.png", datetime(2026, 11, 1, 8))
    with pytest.raises(Exception, match="naive datetime"):
        await store.write(lambda connection: assets.add_asset(connection, naive))


@pytest.mark.parametrize("damage", ["no database", "header", "page"])
async def test_a_damaged_database_is_named_and_left_alone(path: Path, damage: str) -> None:
    async with Store(path) as store:
        for n in range(200):
            await put(store, "x" * 400, f"{n:064d}")
        await store.write(lambda connection: connection.exec_driver_sql("SELECT 1").all())
    with closing(sqlite3.connect(path)) as direct:
        direct.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    if damage == "no database":
        data[:] = b"these are my notes, not a database at all" * 400
    elif damage == "header":
        data[:16] = b"\0" * 16
    else:
        data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StorageError, match="is damaged") as caught:
        async with Store(path) as store:
            await store.read(lambda connection: assets.get_asset(connection, f"{0:064d}"))
    assert str(path) in caught.value.text.zh
    assert path.read_bytes() == data


async def test_a_full_disk_loses_nothing(store: Store) -> None:
    await put(store)
    pages = await store.read(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    await store.read(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}").scalar_one())

    async def fill() -> None:
        for n in range(100):
            await put(store, "x" * 1000, f"{n:064d}")

    with pytest.raises(StorageError, match="disk is full") as caught:
        await fill()
    assert "磁盘已满" in caught.value.text.zh
    assert await store.read(lambda connection: assets.get_asset(connection, ASSET.sha256)) == ASSET
    await store.read(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 100000").scalar_one())
    await put(store, sha256="ee" * 32)  # and goes on when there is room again


async def test_a_database_held_by_another_process_is_waited_for_then_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Store(path) as store:
        await put(store)
    monkeypatch.setattr(engine, "BUSY_MS", 200)
    code = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
db.execute("COMMIT")
print("free", flush=True)
sys.stdin.readline()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        async with Store(path) as store:
            assert await store.read(lambda connection: assets.get_asset(connection, ASSET.sha256)) == ASSET
            with pytest.raises(StorageError, match="held by another process"):
                await put(store, sha256="ee" * 32)
            other.stdin.write("\n")
            assert other.stdout.readline() == "free\n"
            await put(store, sha256="ee" * 32)
        other.stdin.write("\n")


@pytest.mark.parametrize("at", ["home", "creatorflow.db"])
async def test_an_unusable_place_is_named(tmp_path: Path, at: str) -> None:
    if at == "home":
        (tmp_path / "home").write_text("a file where the folder should be")
    else:
        (tmp_path / "home" / "creatorflow.db").mkdir(parents=True)
    with pytest.raises(StorageError, match=re.escape(str(tmp_path))) as caught:
        await Store(tmp_path / "home" / "creatorflow.db").open()
    assert re.search("cannot be (used|opened)", caught.value.text.en)


async def test_a_database_of_a_newer_version_is_refused(path: Path) -> None:
    async with Store(path) as store:
        await store.write(
            lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        )
    with pytest.raises(StorageError, match=rf"newer CreatorFlow \(schema 9999, this one knows {HEAD}\)"):
        await Store(path).open()
    with closing(sqlite3.connect(path)) as direct:
        assert direct.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


async def test_processes_that_open_a_fresh_home_together_agree(path: Path) -> None:
    code = """
import asyncio, sys
from pathlib import Path
from creatorflow.store import Store
async def main():
    async with Store(Path(sys.argv[1])) as store:
        await store.write(lambda c: c.exec_driver_sql(
            "INSERT INTO assets VALUES (?, 'image/png', 5, 'x', '2026-11-01 08:00:00.000000')", (sys.argv[2],)))
asyncio.run(main())
"""
    commands = [[sys.executable, "-c", code, str(path), str(n)] for n in range(4)]
    await asyncio.gather(*(asyncio.to_thread(subprocess.run, command, check=True, timeout=120) for command in commands))
    with closing(sqlite3.connect(path)) as direct:
        assert direct.execute("SELECT count(*) FROM assets").fetchone() == (4,)
        assert direct.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


async def test_opening_a_fresh_database_together_never_fails(tmp_path: Path) -> None:
    for n in range(40):  # the switch to WAL lost this race about once in a hundred openings
        stores = [Store(tmp_path / str(n) / "creatorflow.db") for _ in range(4)]
        await asyncio.gather(*(store.open() for store in stores))
        await asyncio.gather(*(put(store, sha256=str(at)) for at, store in enumerate(stores)))
        for store in stores:
            await store.close()


async def test_an_error_of_the_database_repeats_no_values(store: Store) -> None:
    def change(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO assets (sha256, mime) VALUES (?, ?)", ("my-private-words", "x"))

    with pytest.raises(StorageError) as caught:
        await store.write(change)
    told = [caught.value, caught.value.__cause__]
    assert "my-private-words" not in " ".join(f"{error!s} {error!r}" for error in told)


async def test_closing_twice_is_harmless(path: Path) -> None:
    store = await Store(path).open()
    await store.close()
    await store.close()
