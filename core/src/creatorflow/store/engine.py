"""The one owner of the database: opens it, migrates it, runs transactions on one thread of its own.

SQLite in WAL mode with ``synchronous=FULL``: a transaction that returned is on disk, which the publishing ledger relies on. All access
goes through one thread, so an fsync or a lock wait of another process never blocks the event loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from creatorflow.api.errors import StorageError, Text
from creatorflow.store.schema import HEAD, metadata

__all__ = ["Store"]

T = TypeVar("T")

#: Milliseconds that a transaction waits for another process's transaction.
BUSY_MS = 10_000
#: Seconds to wait for a process that creates or migrates the database.
MIGRATE_S = 60


class Store:
    """A database file, opened by its first transaction; one per process, closed at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="creatorflow-store")
        self._engine: Engine | None = None

    async def open(self) -> Store:
        """Create or migrate the database when needed.

        Raises:
            StorageError: not writable, full, corrupt, locked too long, or made by a newer version.
        """
        await self._run(self._open)
        return self

    async def close(self) -> None:
        """Close the connection; safe to call twice."""
        if self._engine is not None:
            await self._run(self._engine.dispose)
            self._engine = None
        self._pool.shutdown(wait=True)

    async def __aenter__(self) -> Store:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in one immediate transaction; when this returns, its rows are durable.

        Cancelling the caller does not stop a transaction that has begun.
        """
        return await self._run(lambda: self._transaction(work, "BEGIN IMMEDIATE"))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in one read transaction: a consistent view."""
        return await self._run(lambda: self._transaction(work, "BEGIN"))

    async def check(self) -> list[str]:
        """Look for damage (SQLite's ``quick_check``); return what was found, in SQLite's words, nothing when all is well.

        Raises:
            StorageError: the file cannot be opened, or is no database.
        """

        def work(connection: Connection) -> list[str]:
            found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check(20)")]
            return [] if found == ["ok"] else found

        return await self.read(work)

    async def _run(self, call: Callable[[], T]) -> T:
        context = contextvars.copy_context()  # events written on our thread carry the caller's trace id
        return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, self._guard, call)

    def _guard(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except (DBAPIError, sqlite3.Error) as error:
            raise _storage_error(self.path, error) from error
        except Timeout as error:  # an OSError too, but without words for people
            raise StorageError(
                Text(
                    en=f"Another process has been creating or migrating {str(self.path)!r} for {MIGRATE_S} s. Wait for it, then try again.",
                    zh=f"另一个进程正在创建或迁移“{self.path}”，已超过 {MIGRATE_S} 秒。请等待其完成后重试。",
                )
            ) from error
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StorageError(
                Text(
                    en=f"The data directory {str(self.path.parent)!r} cannot be used ({reason}). "
                    "Check its owner and free space, or choose another with --home.",
                    zh=f"数据目录“{self.path.parent}”无法使用（{reason}）。请检查权限与剩余空间，或用 --home 指定其他目录。",
                )
            ) from error

    def _transaction(self, work: Callable[[Connection], T], begin: str) -> T:
        if self._engine is None:
            self._open()
        assert self._engine is not None
        with self._engine.connect().execution_options(creatorflow_begin=begin) as connection, connection.begin():
            return work(connection)

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_engine(
            f"sqlite:///{self.path}",
            connect_args={"timeout": BUSY_MS / 1000},
            hide_parameters=True,  # exceptions must not carry what people wrote
        )
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
        self._engine = engine
        try:
            self._migrate(engine)
        except BaseException:
            self._engine = None
            engine.dispose()
            raise

    def _migrate(self, engine: Engine) -> None:
        if self._version() == HEAD:
            return
        # One process creates or migrates; the others wait for it and then find the version they want.
        with FileLock(str(self.path) + ".migrate.lock", timeout=MIGRATE_S):
            version = self._version()
            if version is None:
                self._transaction(_create, "BEGIN IMMEDIATE")
            elif version != HEAD:
                from creatorflow.store.migrations import upgrade  # Alembic costs 0.6 s: only when a migration is due

                upgrade(engine, self.path, version)
        self.path.chmod(0o600)

    def _version(self) -> str | None:
        def read(connection: Connection) -> str | None:
            tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name = 'alembic_version'")
            if tables.first() is None:
                return None
            row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
            return None if row is None else str(row[0])

        return self._transaction(read, "BEGIN")


def _create(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (HEAD,))


def _configure(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves; see _begin
    for pragma in (f"busy_timeout = {BUSY_MS}", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    # Switching a fresh file to WAL answers "locked" at once, without the busy timeout, while another process does the same (measured:
    # 1 of 100 times with four processes).
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
        time.sleep(0.01)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("creatorflow_begin", "BEGIN"))


#: What a full disk, a quota or a file size limit looks like, depending on which write met it.
_NO_SPACE = {
    "SQLITE_FULL",
    "SQLITE_IOERR_WRITE",
    "SQLITE_IOERR_SHMSIZE",
    "SQLITE_IOERR_FSYNC",
    "SQLITE_IOERR_DIR_FSYNC",
}


def _storage_error(path: Path, error: Exception) -> StorageError:
    cause = getattr(error, "orig", error)
    code = getattr(cause, "sqlite_errorname", "")
    said = str(cause)
    if code in {"SQLITE_CORRUPT", "SQLITE_NOTADB"} or "malformed" in said or "not a database" in said:
        text = Text(
            en=f"The database {str(path)!r} is damaged. Nothing was deleted: move it aside together with its -wal file and "
            "restore a backup, or start with an empty one.",
            zh=f"数据库“{path}”已损坏。没有删除任何内容：请将它连同 -wal 文件一起移走，然后恢复备份或从空库开始。",
        )
    elif code in _NO_SPACE or "is full" in said:
        text = Text(
            en=f"The disk is full: {str(path)!r} could not be written. Free some space and run the command again; nothing was lost.",
            zh=f"磁盘已满：“{path}”无法写入。请清理空间后重试；没有丢失任何内容。",
        )
    elif code.startswith("SQLITE_BUSY") or "locked" in said:
        text = Text(
            en=f"The database {str(path)!r} is held by another process for more than {BUSY_MS // 1000} s. Try again.",
            zh=f"数据库“{path}”被其他进程占用超过 {BUSY_MS // 1000} 秒，请稍后重试。",
        )
    elif code.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_PERM")):
        text = Text(
            en=f"The database {str(path)!r} cannot be opened or written ({code}). Check its owner, permissions and disk.",
            zh=f"数据库“{path}”无法打开或写入（{code}）。请检查所有者、权限与磁盘。",
        )
    else:
        text = Text(
            en=f"The database {str(path)!r} refused an operation ({code or type(cause).__name__}). Please report this.",
            zh=f"数据库“{path}”拒绝了一次操作（{code or type(cause).__name__}），请反馈此问题。",
        )
    return StorageError(text, {"sqlite": code})
