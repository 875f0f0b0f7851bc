"""What commands and hosts see of plans and jobs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from creatorflow.api import Draft, Form, JobState, Text
from creatorflow.store import AttemptRecord, JobRecord

__all__ = ["AttemptView", "Finding", "JobView", "Localized", "PlanView", "Severity", "job_view"]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Localized(_View):
    """One sentence in both languages."""

    en: str
    zh_cn: str = Field(serialization_alias="zh-CN")

    @classmethod
    def of(cls, text: Text) -> Localized:
        """Wrap a ``Text``."""
        return cls(en=text.en, zh_cn=text.zh)

    def text(self) -> Text:
        """Return the ``Text``."""
        return Text(en=self.en, zh=self.zh_cn)


class Severity(StrEnum):
    """``blocking`` stops the publish; ``question`` waits for a person; the rest only informs."""

    BLOCKING = "blocking"
    QUESTION = "question"
    WARNING = "warning"


class Finding(_View):
    """One thing the plan found: what, where, and how to mend it."""

    severity: Severity
    code: str
    field: str
    message: Localized
    fix: Localized | None = None
    choices: tuple[str, ...] = ()


class PlanView(_View):
    """The plan of one post for one account: exactly what would go out."""

    platform: str
    account: str
    form: Form
    ok: bool = Field(description="true when nothing blocks and nothing is asked")
    draft: Draft
    payload_hash: str
    length: int = Field(description="text length by the platform's counter")
    max_length: int | None = None
    findings: tuple[Finding, ...] = ()
    operations: tuple[Localized, ...] = Field(default=(), description="what was done to media")
    diff: tuple[str, ...] = Field(default=(), description="unified diff from the body to the text that will be posted")


class AttemptView(_View):
    """One attempt with its evidence."""

    attempt: int
    started_at: datetime
    intent_at: datetime | None
    submitted_at: datetime | None
    ended_at: datetime | None
    reads: int
    evidence: tuple[dict[str, Any], ...] = ()


class JobView(_View):
    """One publish job. ``state``: the words of ``JobState``, or ``ready`` for a dry run."""

    job_id: str | None
    platform: str
    account: str
    state: str
    post_id: str | None = None
    post_url: str | None = None
    proof: str | None = None
    reason: str | None = None
    bundle: str | None = None
    account_id: str = ""
    environment: str = ""
    cause: str | None = None
    attempt: int = 0
    replayed: bool = False
    due_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    trace_id: str = ""
    seconds: float | None = None
    preview: dict[str, Any] | None = None
    attempts: tuple[AttemptView, ...] = ()


def job_view(
    job: JobRecord, locale: str, *, attempts: list[AttemptRecord] | None = None, replayed: bool = False
) -> JobView:
    """Build the view of a stored job."""
    reason = None
    if job.reason is not None:
        reason = job.reason["zh-CN" if locale.startswith("zh") else "en"]
    return JobView(
        job_id=job.job_id,
        platform=job.platform,
        account=job.account_name,
        account_id=f"{job.platform}:{job.account_name}",
        environment=job.environment,
        state=JobState(job.state).value,
        post_id=job.post_id,
        post_url=job.post_url,
        proof=job.proof,
        reason=reason,
        cause=job.cause,
        bundle=job.bundle,
        attempt=job.attempt,
        replayed=replayed,
        due_at=job.due_at,
        created_at=job.created_at,
        updated_at=job.updated_at,
        trace_id=job.trace_id,
        seconds=round((job.updated_at - job.created_at).total_seconds(), 2),
        attempts=tuple(
            AttemptView(
                attempt=item.attempt,
                started_at=item.started_at,
                intent_at=item.intent_at,
                submitted_at=item.submitted_at,
                ended_at=item.ended_at,
                reads=item.reads,
                evidence=tuple(item.evidence or ()),
            )
            for item in attempts or []
        ),
    )
