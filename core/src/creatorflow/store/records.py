"""Rows as frozen objects; the field names are the column names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import RowMapping

__all__ = [
    "AccountRecord",
    "AssetRecord",
    "AttemptRecord",
    "EventRecord",
    "JobRecord",
    "SecretRecord",
    "TaskRecord",
    "VaultKeyRecord",
    "record",
]

R = TypeVar("R")


def record(kind: type[R], row: RowMapping) -> R:
    """Build a record from a row that has exactly its columns."""
    return kind(**dict(row))


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """One account on one platform in one environment."""

    id: str
    platform: str
    account_name: str
    environment: str
    uid: str | None
    display_name: str
    avatar_url: str
    status: str
    rights: dict[str, Any] | None
    state: dict[str, Any] | None
    proxy: str | None
    epoch: int
    created_at: datetime
    checked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class SecretRecord:
    """One sealed secret of an account; see ``creatorflow.accounts.vault`` for the bytes."""

    id: str
    account_id: str
    kind: str
    key_version: int
    wrapped_key: bytes
    sealed: bytes
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class VaultKeyRecord:
    """One master key of the vault: not the key, but where it lies (``source``: keyring or sealed) and the proof that it is the right one."""

    version: int
    vault_id: str
    source: str
    backend: str
    proof: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One publish job: one content for one account."""

    job_id: str
    account_id: str
    platform: str
    account_name: str
    environment: str
    state: str
    content: dict[str, Any]
    draft: dict[str, Any] | None
    payload_hash: str
    fingerprint: str
    attempt: int
    epoch: int
    due_at: datetime | None
    late_minutes: int | None
    uid: str | None
    post_id: str | None
    post_url: str | None
    proof: str | None
    reason: dict[str, str] | None
    cause: str | None
    bundle: str | None
    trace_id: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt of a job; ``intent_at`` set means that the irreversible step may have begun."""

    job_id: str
    attempt: int
    epoch: int
    checkpoint: dict[str, Any] | None
    baseline: list[str] | None
    sending: dict[str, Any] | None
    evidence: list[dict[str, Any]] | None
    reads: int
    started_at: datetime
    intent_at: datetime | None
    submitted_at: datetime | None
    last_read_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One human task."""

    task_id: str
    kind: str
    state: str
    account_id: str | None
    job_id: str | None
    subject: str | None
    prompt: dict[str, str]
    choices: list[str] | None
    picture: str | None
    answer: str | None
    answered_by: str | None
    created_at: datetime
    expires_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One event; ``id`` is the cursor of the whole log, ``seq`` counts within ``stream`` from 1 without gaps."""

    id: int
    stream: str
    seq: int
    ts: datetime
    type: str
    trace_id: str | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AssetRecord:
    """One stored file, named by its content."""

    sha256: str
    mime: str
    size: int
    name: str
    created_at: datetime
