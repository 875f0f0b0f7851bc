"""Alembic migrations, run in process; imported only when a database is older than this code."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from creatorflow.api.errors import StorageError, Text
from creatorflow.store.schema import HEAD, metadata

__all__ = ["run", "script_directory", "upgrade"]


def script_directory() -> ScriptDirectory:
    """Return the shipped migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return ScriptDirectory.from_config(config)


def upgrade(engine: Engine, path: Path, version: str) -> None:
    """Bring the database from ``version`` to ``HEAD`` in one transaction.

    Raises:
        StorageError: the version is not known to this code: a newer one wrote the database.
    """
    scripts = script_directory()
    if version not in {revision.revision for revision in scripts.walk_revisions()}:
        raise StorageError(
            Text(
                en=f"The database {str(path)!r} was written by a newer CreatorFlow (schema {version}, this one knows {HEAD}). "
                "Upgrade with: pip install -U creatorflow",
                zh=f"数据库“{path}”由更新版本的 CreatorFlow 写入（结构版本 {version}，本程序为 {HEAD}）。请运行：pip install -U creatorflow",
            )
        )
    run(engine, scripts, HEAD)


def run(engine: Engine, scripts: ScriptDirectory, head: str) -> None:
    """Apply every migration up to ``head`` in one transaction: all of them, or none."""
    with (
        EnvironmentContext(Config(), scripts, fn=lambda rev, _context: scripts._upgrade_revs(head, rev)) as environment,
        engine.connect().execution_options(creatorflow_begin="BEGIN IMMEDIATE") as connection,
    ):
        environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
        with connection.begin():
            environment.run_migrations()
