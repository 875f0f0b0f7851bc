"""The migrations build what the code expects, and a database of an older version is brought to the newest one or left as it was."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from creatorflow.api.errors import StorageError
from creatorflow.store import AssetRecord, Store, assets, engine, migrations
from creatorflow.store.schema import HEAD
from sqlalchemy import create_engine

SECOND = '''
"""A later version, made by this test."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("assets", sa.Column("note", sa.Text(), nullable=True))
    op.execute("UPDATE assets SET note = 'migrated'")
'''

THIRD = '''
"""A version whose migration fails half-way."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("note", sa.Text(), nullable=True))
    op.execute("UPDATE no_such_table SET note = 1")
'''

ASSET = AssetRecord("ab" * 32, "image/png", 5, "cat.png", datetime(2026, 11, 1, 8, tzinfo=UTC))


def schema(path: Path) -> dict[str, str]:
    """Return every table and index of a database as SQL, columns and constraints in a fixed order."""
    with closing(sqlite3.connect(path)) as direct:
        rows = direct.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: _ordered(sql) for name, sql in rows if name != "alembic_version"}


def _ordered(sql: str) -> str:
    head, _, body = re.sub(r"\s+", " ", sql).partition("(")
    parts = re.split(r", (?![^(]*\))", body.rstrip().removesuffix(")"))
    columns = [part.strip() for part in parts if not part.strip().startswith("CONSTRAINT")]
    constraints = sorted(part.strip() for part in parts if part.strip().startswith("CONSTRAINT"))
    return "\n".join([head, *columns, *constraints])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "creatorflow.db"


async def made(path: Path) -> None:
    async with Store(path) as store:
        await store.write(lambda connection: assets.add_asset(connection, ASSET))


def test_there_is_one_head_and_it_is_what_the_code_expects() -> None:
    assert migrations.script_directory().get_heads() == [HEAD]


async def test_the_migrations_build_what_a_fresh_home_gets(path: Path, tmp_path: Path) -> None:
    await made(path)
    migrated = tmp_path / "migrated.db"
    with closing(sqlite3.connect(migrated)) as direct:
        direct.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    sql = create_engine(f"sqlite:///{migrated}")
    migrations.run(sql, migrations.script_directory(), HEAD)
    sql.dispose()
    fresh = schema(path)
    assert len(fresh) > 10
    assert schema(migrated) == fresh


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Code of a later version: one more migration, and a head that names it. Returns the folder of its versions."""
    folder = tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "0002_later.py").write_text(SECOND)
    config = Config()
    config.set_main_option("script_location", str(folder))
    monkeypatch.setattr(migrations, "script_directory", lambda: ScriptDirectory.from_config(config))
    monkeypatch.setattr(migrations, "HEAD", "0002")
    monkeypatch.setattr(engine, "HEAD", "0002")
    return folder / "versions"


async def test_an_older_database_is_brought_to_the_newest_version(
    path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    await made(path)
    request.getfixturevalue("later")
    async with Store(path) as store:
        found = await store.read(
            lambda connection: connection.exec_driver_sql("SELECT name, note FROM assets").fetchall()
        )
    assert [tuple(row) for row in found] == [("cat.png", "migrated")]
    with closing(sqlite3.connect(path)) as direct:
        assert direct.execute("SELECT version_num FROM alembic_version").fetchall() == [("0002",)]


async def test_a_migration_that_fails_leaves_the_database_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    await made(path)
    before = schema(path)
    versions = request.getfixturevalue("later")
    (versions / "0003_broken.py").write_text(THIRD)
    monkeypatch.setattr(migrations, "HEAD", "0003")
    monkeypatch.setattr(engine, "HEAD", "0003")
    with pytest.raises(StorageError):
        await Store(path).open()
    assert schema(path) == before
    with closing(sqlite3.connect(path)) as direct:
        assert direct.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
        assert direct.execute("SELECT name FROM assets").fetchall() == [("cat.png",)]
