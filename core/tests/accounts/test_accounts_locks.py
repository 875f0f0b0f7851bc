"""One worker per account: within a process, between processes, and after a worker was killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from creatorflow.accounts import AccountLock, is_free
from creatorflow.api.errors import NotFound, StorageError, Unavailable
from creatorflow.config import Directories
from creatorflow.store import AccountRecord, Store
from creatorflow.store import accounts as rows

from .conftest import stored

HOLD = """
import asyncio, sys
from pathlib import Path
from creatorflow.accounts import AccountLock
from creatorflow.config import Directories
from creatorflow.store import Store
async def main():
    directories = Directories(Path(sys.argv[1]))
    async with Store(directories.database) as store:
        async with AccountLock(directories, sys.argv[2]).holding(store, budget_s=60) as epoch:
            print(epoch, flush=True)
            await asyncio.to_thread(sys.stdin.readline)
asyncio.run(main())
"""


@pytest.fixture
def directories(home: Path) -> Directories:
    return Directories(home)


@pytest.fixture
async def row(store: Store) -> AccountRecord:
    return await stored(store)


@asynccontextmanager
async def holder(home: Path, row: AccountRecord) -> AsyncIterator[tuple[Process, int]]:
    """Run another process that holds the lock until its stdin closes; yield it and the epoch it got."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(home), row.id, stdin=PIPE, stdout=PIPE
    )
    assert process.stdout is not None
    epoch = int(await asyncio.wait_for(process.stdout.readline(), 60))
    try:
        yield process, epoch
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_each_owner_gets_a_new_epoch(store: Store, directories: Directories, row: AccountRecord) -> None:
    assert is_free(directories, row.id)
    lock = AccountLock(directories, row.id)
    for expected in (1, 2, 3):
        async with lock.holding(store, budget_s=5) as epoch:
            assert epoch == expected
            assert lock.held
            assert not is_free(directories, row.id)
        assert is_free(directories, row.id)
    found = await store.read(lambda connection: rows.get_account(connection, row.id))
    assert found is not None
    assert found.epoch == 3


async def test_it_is_given_back_when_the_work_fails(store: Store, directories: Directories, row: AccountRecord) -> None:
    with pytest.raises(RuntimeError):
        async with AccountLock(directories, row.id).holding(store, budget_s=5):
            raise RuntimeError("in the job")
    assert is_free(directories, row.id)


async def test_a_second_worker_in_this_process_waits_too(
    store: Store, directories: Directories, row: AccountRecord
) -> None:
    order: list[str] = []

    async def work(name: str) -> int:
        async with AccountLock(directories, row.id).holding(store, budget_s=60) as epoch:
            order.append(f"{name} in")
            await asyncio.sleep(0)
            order.append(f"{name} out")
            return epoch

    epochs = await asyncio.gather(*(work(str(n)) for n in range(5)))
    assert sorted(epochs) == [1, 2, 3, 4, 5]
    for begin, end in zip(order[::2], order[1::2], strict=True):
        assert begin.replace(" in", " out") == end


async def test_accounts_do_not_block_each_other(store: Store, directories: Directories, row: AccountRecord) -> None:
    other = await stored(store, "bob")
    async with (
        AccountLock(directories, row.id).holding(store, budget_s=5),
        AccountLock(directories, other.id).holding(store, budget_s=5) as epoch,
    ):
        assert epoch == 1


async def test_another_process_is_waited_for_then_named(
    store: Store, directories: Directories, home: Path, row: AccountRecord
) -> None:
    waited: list[float] = []
    async with holder(home, row) as (process, epoch):
        assert not is_free(directories, row.id)
        lock = AccountLock(directories, row.id, "pinboard:alice")
        with pytest.raises(Unavailable, match=r"working for pinboard:alice .* 1\.2 s") as caught:
            await lock.acquire(store, budget_s=1.2, on_wait=waited.append)
        assert "另一个进程" in caught.value.text.zh
        assert caught.value.details["lock"] == "busy"
        assert not lock.held
        assert len(waited) == 1
        assert 1.0 <= waited[0] <= 1.2

        waiting = asyncio.create_task(lock.acquire(store, budget_s=60))
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(waiting, 30) == epoch + 1
        lock.release()
        lock.release()


async def test_a_killed_worker_holds_nothing(
    store: Store, directories: Directories, home: Path, row: AccountRecord
) -> None:
    async with holder(home, row) as (process, epoch):
        process.send_signal(signal.SIGKILL)
        await process.wait()
        assert is_free(directories, row.id)
        async with AccountLock(directories, row.id).holding(store, budget_s=5) as mine:
            assert mine == epoch + 1


async def test_a_removed_account_cannot_be_taken_over(
    store: Store, directories: Directories, row: AccountRecord
) -> None:
    await store.write(lambda connection: rows.delete_account(connection, row.id))
    lock = AccountLock(directories, row.id, "pinboard:alice")
    with pytest.raises(NotFound, match="pinboard:alice was removed"):
        await lock.acquire(store, budget_s=5)
    assert not lock.held
    assert is_free(directories, row.id)


async def test_waiting_does_not_block_the_loop_and_can_be_cancelled(
    store: Store, directories: Directories, row: AccountRecord
) -> None:
    async with AccountLock(directories, row.id).holding(store, budget_s=5):
        lock = AccountLock(directories, row.id)
        waiting = asyncio.create_task(lock.acquire(store, budget_s=60))
        for _ in range(10):
            await asyncio.wait_for(asyncio.sleep(0.001), 5)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert is_free(directories, row.id)


async def test_a_folder_that_cannot_hold_locks_is_named(store: Store, home: Path, row: AccountRecord) -> None:
    (home / "locks").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="locks"):
        await AccountLock(Directories(home), row.id).acquire(store, budget_s=5)
    (home / "locks").unlink()
    (home / "locks" / f"account-{row.id}.lock").mkdir(parents=True)
    with pytest.raises(StorageError, match="lock"):
        await AccountLock(Directories(home), row.id).acquire(store, budget_s=5)
