"""Queries on jobs, attempts, idempotency keys and history. Rules about them live in ``creatorflow.publish``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from creatorflow.store.records import AttemptRecord, JobRecord, record
from creatorflow.store.schema import idempotency_keys, publish_attempts, publish_history, publish_jobs

__all__ = [
    "add_attempt",
    "add_history",
    "add_job",
    "add_key",
    "attempts",
    "change_attempt",
    "change_job",
    "due_jobs",
    "former_account",
    "get_attempt",
    "get_job",
    "key",
    "list_jobs",
    "post_ids",
    "same_content",
    "set_history_status",
]


def add_job(connection: Connection, job: JobRecord) -> None:
    """Insert a job."""
    connection.execute(insert(publish_jobs).values(**{name: getattr(job, name) for name in JobRecord.__slots__}))


def get_job(connection: Connection, job_id: str) -> JobRecord | None:
    """Return the job, or None."""
    row = connection.execute(select(publish_jobs).where(publish_jobs.c.job_id == job_id)).mappings().first()
    return None if row is None else record(JobRecord, row)


def change_job(connection: Connection, job_id: str, expected: Collection[str], **values: Any) -> bool:
    """Change a job if it is in one of the ``expected`` states; say whether it was."""
    statement = (
        update(publish_jobs)
        .where(publish_jobs.c.job_id == job_id, publish_jobs.c.state.in_(list(expected)))
        .values(**values)
    )
    return connection.execute(statement).rowcount == 1


def list_jobs(
    connection: Connection,
    *,
    environment: str,
    states: Collection[str] | None = None,
    platform: str | None = None,
    account_name: str | None = None,
    limit: int = 100,
) -> list[JobRecord]:
    """Return jobs, newest first."""
    query = select(publish_jobs).where(publish_jobs.c.environment == environment)
    if states is not None:
        query = query.where(publish_jobs.c.state.in_(list(states)))
    if platform is not None:
        query = query.where(publish_jobs.c.platform == platform)
    if account_name is not None:
        query = query.where(publish_jobs.c.account_name == account_name)
    return _jobs(
        connection, query.order_by(publish_jobs.c.created_at.desc(), publish_jobs.c.job_id.desc()).limit(limit)
    )


def due_jobs(connection: Connection, *, environment: str, now: datetime) -> list[JobRecord]:
    """Return jobs whose time has come, longest due first."""
    query = select(publish_jobs).where(
        publish_jobs.c.environment == environment,
        publish_jobs.c.state.in_(["scheduled", "due", "waiting_network"]),
        (publish_jobs.c.due_at.is_(None)) | (publish_jobs.c.due_at <= now),
    )
    return _jobs(connection, query.order_by(publish_jobs.c.due_at, publish_jobs.c.created_at))


def same_content(connection: Connection, account_id: str, fingerprint: str) -> list[JobRecord]:
    """Return every job of this account with this content, newest first."""
    query = select(publish_jobs).where(
        publish_jobs.c.account_id == account_id, publish_jobs.c.fingerprint == fingerprint
    )
    return _jobs(connection, query.order_by(publish_jobs.c.created_at.desc()))


def post_ids(connection: Connection, account_id: str, *, besides: str) -> list[str]:
    """Return the ids of the posts that other jobs of this account made; ``besides``: the job whose own are left out."""
    query = select(publish_jobs.c.post_id).where(
        publish_jobs.c.account_id == account_id, publish_jobs.c.job_id != besides, publish_jobs.c.post_id.is_not(None)
    )
    return [str(row[0]) for row in connection.execute(query)]


def former_account(connection: Connection, platform: str, environment: str, uid: str) -> tuple[str, int] | None:
    """Return (row id, highest epoch) under which jobs of this person were made last, or None: keys and duplicates hang on that id."""
    query = (
        select(publish_jobs.c.account_id, func.max(publish_jobs.c.epoch))
        .where(
            publish_jobs.c.platform == platform,
            publish_jobs.c.environment == environment,
            publish_jobs.c.uid == uid,
        )
        .group_by(publish_jobs.c.account_id)
        .order_by(func.max(publish_jobs.c.created_at).desc())
    )
    row = connection.execute(query).first()
    return None if row is None else (str(row[0]), int(row[1]))


def _jobs(connection: Connection, query: Select[Any]) -> list[JobRecord]:
    return [record(JobRecord, row) for row in connection.execute(query).mappings()]


def add_attempt(connection: Connection, job_id: str, attempt: int, epoch: int, now: datetime) -> None:
    """Begin an attempt."""
    connection.execute(
        insert(publish_attempts).values(job_id=job_id, attempt=attempt, epoch=epoch, reads=0, started_at=now)
    )


def get_attempt(connection: Connection, job_id: str, attempt: int) -> AttemptRecord | None:
    """Return one attempt, or None."""
    query = select(publish_attempts).where(publish_attempts.c.job_id == job_id, publish_attempts.c.attempt == attempt)
    row = connection.execute(query).mappings().first()
    return None if row is None else record(AttemptRecord, row)


def attempts(connection: Connection, job_id: str) -> list[AttemptRecord]:
    """Return the attempts of a job, oldest first."""
    query = select(publish_attempts).where(publish_attempts.c.job_id == job_id).order_by(publish_attempts.c.attempt)
    return [record(AttemptRecord, row) for row in connection.execute(query).mappings()]


def change_attempt(connection: Connection, job_id: str, attempt: int, **values: Any) -> None:
    """Change one attempt."""
    connection.execute(
        update(publish_attempts)
        .where(publish_attempts.c.job_id == job_id, publish_attempts.c.attempt == attempt)
        .values(**values)
    )


def key(connection: Connection, scope: str, name: str) -> tuple[str, str] | None:
    """Return (digest, job_id) of an idempotency key, or None."""
    query = select(idempotency_keys.c.digest, idempotency_keys.c.job_id).where(
        idempotency_keys.c.scope == scope, idempotency_keys.c.key == name
    )
    row = connection.execute(query).first()
    return None if row is None else (row[0], row[1])


def add_key(connection: Connection, scope: str, name: str, *, digest: str, job_id: str, now: datetime) -> None:
    """Remember an idempotency key for ever."""
    connection.execute(
        insert(idempotency_keys).values(scope=scope, key=name, digest=digest, job_id=job_id, created_at=now)
    )


def add_history(connection: Connection, **values: Any) -> None:
    """Write one confirmed post to the history; the same id again (a later attempt of the job) replaces the row."""
    changed = connection.execute(update(publish_history).where(publish_history.c.id == values["id"]).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(publish_history).values(**values))


def set_history_status(connection: Connection, history_id: str, status: str) -> None:
    """Record what became of a confirmed post (a later review refusal)."""
    connection.execute(update(publish_history).where(publish_history.c.id == history_id).values(status=status))
