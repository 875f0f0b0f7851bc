"""What the outside sees of a human task."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from creatorflow.store import TaskRecord

__all__ = ["SECRET_KINDS", "TaskState", "TaskView"]

#: Kinds whose answer is a secret (a one-time code): it is handed to the asker and shown to nobody.
SECRET_KINDS = frozenset({"sms", "password"})


class TaskState(StrEnum):
    """Every state of a task; all but ``open`` are final."""

    OPEN = "open"
    ANSWERED = "answered"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    OBSOLETE = "obsolete"


class TaskView(BaseModel):
    """A human task as commands, RPC and the console show it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    task_id: str
    kind: str = Field(description="qr, sms, confirm, login, question, resolution, ...")
    state: TaskState
    account_id: str | None = Field(default=None, description="platform:name, None when no account is concerned")
    job_id: str | None = None
    prompt: dict[str, str] = Field(description="the question by language: en, zh-CN")
    choices: tuple[str, ...] = Field(default=(), description="allowed answers; empty: any text")
    has_picture: bool = False
    picture: str | None = Field(default=None, description="PNG in base64, only from task.get while the task is open")
    answer: str | None = Field(default=None, description="None while open, and always for one-time codes")
    answered_by: str | None = None
    created_at: datetime
    expires_at: datetime | None = None
    closed_at: datetime | None = None

    @classmethod
    def of(cls, row: TaskRecord, account_id: str | None, *, with_picture: bool = False) -> TaskView:
        """Build the view of a row; ``account_id`` is the public name of the row's account."""
        return cls(
            task_id=row.task_id,
            kind=row.kind,
            state=TaskState(row.state),
            account_id=account_id,
            job_id=row.job_id,
            prompt=row.prompt,
            choices=tuple(row.choices or ()),
            has_picture=row.picture is not None,
            picture=row.picture if with_picture else None,
            answer=None if row.kind in SECRET_KINDS else row.answer,
            answered_by=row.answered_by,
            created_at=row.created_at,
            expires_at=row.expires_at,
            closed_at=row.closed_at,
        )
