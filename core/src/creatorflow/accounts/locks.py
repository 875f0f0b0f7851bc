"""One worker per account: a file lock that dies with its process, and an epoch in the database that outlives it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from filelock import FileLock, Timeout

from creatorflow.api.errors import NotFound, StorageError, Text, Unavailable
from creatorflow.config import Directories
from creatorflow.store import Store
from creatorflow.store import accounts as account_rows

__all__ = ["AccountLock", "hold_file", "is_free"]

_POLL_S = 0.05


class AccountLock:
    """The right to work for one account; held only while a job of it runs.

    Args:
        directories: of this installation.
        account_row_id: row id of the account.
        label: ``platform:name``, for messages.
    """

    def __init__(self, directories: Directories, account_row_id: str, label: str = "") -> None:
        self._account = account_row_id
        self._label = label or account_row_id
        self._lock = _file_lock(_place(directories, account_row_id))

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._lock.is_locked

    async def acquire(self, store: Store, *, budget_s: float, on_wait: Callable[[float], None] | None = None) -> int:
        """Wait for the lock, then take the account over in the database.

        Args:
            store: holds the epoch.
            budget_s: longest wait, seconds.
            on_wait: called about once a second with the seconds waited so far.

        Returns:
            The new epoch; whoever still works with an older one is stale.

        Raises:
            Unavailable: another worker held it for the whole budget.
            NotFound: the account was removed (kind ``account``).
            StorageError: the lock file cannot be made.
        """
        if not await hold_file(self._lock, budget_s=budget_s, on_wait=on_wait):
            raise Unavailable(
                Text(
                    en=f"Another process is working for {self._label} and did not finish within {budget_s:g} s. Try again when it is "
                    "done, or raise [publish] lock_wait_seconds.",
                    zh=f"另一个进程正在使用账号 {self._label}，{budget_s:g} 秒内未结束。请等它完成后重试，或调大 [publish] "
                    "lock_wait_seconds。",
                ),
                {"account": self._label, "lock": "busy"},
            )
        try:
            known = await store.read(lambda connection: account_rows.get_account(connection, self._account))
            if known is None:
                raise _removed(self._label)
            return await store.write(lambda connection: account_rows.bump_epoch(connection, self._account))
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the lock back; safe to call twice."""
        self._lock.release(force=True)

    @contextlib.asynccontextmanager
    async def holding(
        self, store: Store, *, budget_s: float, on_wait: Callable[[float], None] | None = None
    ) -> AsyncIterator[int]:
        """Hold the lock for a block and yield the epoch; see ``acquire``."""
        epoch = await self.acquire(store, budget_s=budget_s, on_wait=on_wait)
        try:
            yield epoch
        finally:
            self.release()


def is_free(directories: Directories, account_row_id: str) -> bool:
    """Say whether nobody works for the account at this moment; a worker that died does not count."""
    path = _place(directories, account_row_id)
    if not path.exists():
        return True
    lock = _file_lock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    return True


async def hold_file(lock: FileLock, *, budget_s: float, on_wait: Callable[[float], None] | None = None) -> bool:
    """Acquire a file lock without blocking the event loop; say whether it was got within ``budget_s`` seconds."""
    clock = asyncio.get_running_loop().time
    start = told = clock()
    while True:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            pass
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StorageError(
                Text(
                    en=f"The lock file {lock.lock_file} cannot be used ({reason}). Check the owner and rights of the data directory.",
                    zh=f"无法使用锁文件 {lock.lock_file}（{reason}）。请检查数据目录的所有者与权限。",
                )
            ) from error
        else:
            return True
        now = clock()
        if now - start >= budget_s:
            return False
        if on_wait is not None and now - told >= 1.0:
            told = now
            on_wait(now - start)
        await asyncio.sleep(min(_POLL_S, budget_s))


def _file_lock(path: Path) -> FileLock:
    # One lock object may be acquired and released on different threads; each object is a holder of its own.
    return FileLock(str(path), thread_local=False, mode=0o600)


def _place(directories: Directories, account_row_id: str) -> Path:
    return directories.locks / f"account-{account_row_id}.lock"


def _removed(label: str) -> NotFound:
    return NotFound(
        Text(
            en=f"Account {label} was removed. Add it again with: creatorflow accounts add",
            zh=f"账号 {label} 已被移除。可用 creatorflow accounts add 重新添加。",
        ),
        {"account": label},
        kind="account",
    )
