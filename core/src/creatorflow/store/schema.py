"""Every table of the database. Names that the product's first sketch used (``accounts``, ``publish_history``) are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

__all__ = [
    "HEAD",
    "accounts",
    "assets",
    "events",
    "idempotency_keys",
    "metadata",
    "publish_attempts",
    "publish_history",
    "publish_jobs",
    "secrets",
    "tasks",
    "vault_keys",
]

#: Newest migration; a test keeps it equal to the head of ``migrations/versions``.
HEAD = "0001"


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes only; stored in UTC, returned in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: every stored time needs an offset")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, *args: Any, null: bool = False) -> Column[Any]:
    return Column(name, Text, *args, nullable=null)


def _time(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, UtcDateTime, nullable=null)


def _json(name: str) -> Column[Any]:
    return Column(name, JSON(none_as_null=True), nullable=True)


accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    _text("platform"),
    _text("account_name"),
    _text("environment"),
    _text("uid", null=True),
    _text("display_name"),
    _text("avatar_url"),
    _text("status"),
    _json("rights"),
    _json("state"),
    _text("proxy", null=True),
    Column("epoch", Integer, nullable=False, default=0),
    _time("created_at"),
    _time("checked_at", null=True),
    _time("last_used_at", null=True),
    UniqueConstraint("platform", "account_name", "environment"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("id", Text, primary_key=True),
    _text("account_id", ForeignKey("accounts.id", ondelete="CASCADE")),
    _text("kind"),
    Column("key_version", Integer, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    UniqueConstraint("account_id", "kind"),
)

# One row per master key: where it lies and a value that proves it is the right one. Beside the secrets, so that a backup holds both.
vault_keys = Table(
    "vault_keys",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    _text("vault_id"),
    _text("source"),
    _text("backend"),
    Column("proof", LargeBinary, nullable=False),
    _time("created_at"),
)

publish_jobs = Table(
    "publish_jobs",
    metadata,
    Column("job_id", Text, primary_key=True),
    _text("account_id"),
    _text("platform"),
    _text("account_name"),
    _text("environment"),
    _text("state"),
    _json("content"),
    _json("draft"),
    _text("payload_hash"),
    _text("fingerprint"),
    Column("attempt", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    _time("due_at", null=True),
    Column("late_minutes", Integer, nullable=True),
    _text("uid", null=True),
    _text("post_id", null=True),
    _text("post_url", null=True),
    _text("proof", null=True),
    _json("reason"),
    _text("cause", null=True),
    _text("bundle", null=True),
    _text("trace_id"),
    _time("created_at"),
    _time("updated_at"),
    Index(None, "account_id", "fingerprint"),
    Index(None, "state", "due_at"),
)

publish_attempts = Table(
    "publish_attempts",
    metadata,
    Column("job_id", Text, ForeignKey("publish_jobs.job_id"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("epoch", Integer, nullable=False),
    _json("checkpoint"),
    _json("baseline"),
    _json("sending"),
    _json("evidence"),
    Column("reads", Integer, nullable=False, default=0),
    _time("started_at"),
    _time("intent_at", null=True),
    _time("submitted_at", null=True),
    _time("last_read_at", null=True),
    _time("ended_at", null=True),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    _text("digest"),
    _text("job_id"),
    _time("created_at"),
)

publish_history = Table(
    "publish_history",
    metadata,
    Column("id", Text, primary_key=True),
    _text("draft_id", null=True),
    _text("platform"),
    _text("account_id"),
    _text("environment"),
    _text("post_id"),
    _text("post_url"),
    _text("status"),
    _time("published_at"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("task_id", Text, primary_key=True),
    _text("kind"),
    _text("state"),
    _text("account_id", null=True),
    _text("job_id", null=True),
    _text("subject", null=True),
    _json("prompt"),
    _json("choices"),
    _text("picture", null=True),
    _text("answer", null=True),
    _text("answered_by", null=True),
    _time("created_at"),
    _time("expires_at", null=True),
    _time("closed_at", null=True),
    Index(None, "state"),
    Index(None, "job_id"),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    _text("stream"),
    Column("seq", Integer, nullable=False),
    _time("ts"),
    _text("type"),
    _text("trace_id", null=True),
    _json("data"),
    UniqueConstraint("stream", "seq"),
    sqlite_autoincrement=True,  # a cursor must never see an id again
)

assets = Table(
    "assets",
    metadata,
    Column("sha256", Text, primary_key=True),
    _text("mime"),
    Column("size", Integer, nullable=False),
    _text("name"),
    _time("created_at"),
)
