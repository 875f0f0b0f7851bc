"""The job ledger: admits jobs, changes their state, announces every change. One method, one durable transaction."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from creatorflow.api import Content, Draft, JobState, KeyMismatch, NotFound, ProofRung, Text
from creatorflow.events import EventLog
from creatorflow.log import new_trace_id, redact
from creatorflow.publish.refusals import Overtaken, duplicate, planned_already
from creatorflow.publish.states import MAY_BE_OUT, UNSENT, check
from creatorflow.store import AccountRecord, AttemptRecord, Connection, JobRecord, Store, jobs, tasks

if TYPE_CHECKING:
    from creatorflow.tasks import TaskService

__all__ = ["Admission", "Ledger", "Request", "clean", "now"]

T = TypeVar("T")


def now() -> datetime:
    """Return the current time in UTC, cut to milliseconds as the log shows it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def clean(text: Text) -> Text:
    """Return a sentence without known secrets: an adapter may have put one into its words."""
    return Text(en=str(redact(text.en, for_user=True)), zh=str(redact(text.zh, for_user=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One content for one account, planned, asking to become a job."""

    account: AccountRecord
    content: Content
    draft: Draft
    fingerprint: str
    key: str | None = None
    allow_duplicate: bool = False
    due_at: datetime | None = None
    late_minutes: int = 15
    questions: tuple[dict[str, Any], ...] = ()

    def digest(self) -> str:
        """Return what an idempotency key stands for: content, target and time."""
        parts = [self.draft.payload_hash(), self.account.id, self.due_at.isoformat() if self.due_at else None]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a request. ``replayed``: the job existed before, by key or by content in flight."""

    job: JobRecord
    replayed: bool


class Ledger:
    """The one writer of publish jobs."""

    def __init__(self, store: Store, events: EventLog, task_service: TaskService) -> None:
        self.store = store
        self._events = events
        self._tasks = task_service

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run one transaction and wake the readers of the event log."""
        result = await self.store.write(work)
        self._events.wake()
        return result

    async def get(self, job_id: str) -> JobRecord:
        """Return a job.

        Raises:
            NotFound: no such job.
        """
        job = await self.store.read(lambda connection: jobs.get_job(connection, job_id))
        if job is None:
            raise NotFound(
                Text(
                    en=f"There is no publish job {job_id!r}. 'creatorflow jobs list' shows the jobs of this home directory.",
                    zh=f"没有发布任务 “{job_id}”。可用 'creatorflow jobs list' 查看。",
                ),
                {"job_id": job_id},
                kind="job",
            )
        return job

    async def attempts(self, job_id: str) -> list[AttemptRecord]:
        """Return the attempts of a job, oldest first."""
        return await self.store.read(lambda connection: jobs.attempts(connection, job_id))

    async def admit(self, requests: Sequence[Request]) -> list[Admission]:
        """Turn all requests into jobs, or none: keys, duplicates and the jobs themselves in one transaction.

        Raises:
            DuplicateContent: the same content is out, or may be, on one of the accounts.
            KeyMismatch: the key was used for something else.
        """
        return await self.write(lambda connection: [self._admit(connection, request) for request in requests])

    def _admit(self, connection: Connection, request: Request) -> Admission:
        scope = f"publish:{request.account.id}"
        if request.key is not None:
            known = jobs.key(connection, scope, request.key)
            if known is not None:
                digest, job_id = known
                if digest != request.digest():
                    raise KeyMismatch(
                        Text(
                            en=f"The idempotency key {request.key!r} was used before for another content or time "
                            f"(job {job_id}). Use a new key for a new post.",
                            zh=f"幂等键 “{request.key}” 已用于其他内容或时间（任务 {job_id}）。新内容请使用新的键。",
                        ),
                        {"job_id": job_id},
                    )
                job = jobs.get_job(connection, job_id)
                assert job is not None
                return Admission(job, replayed=True)
        if not request.allow_duplicate:
            earlier = self._earlier(connection, request)
            if earlier is not None:
                if request.key is not None:
                    self._remember_key(connection, request, earlier.job_id)
                return Admission(earlier, replayed=True)
        job = self._new_job(connection, request)
        if request.key is not None:
            self._remember_key(connection, request, job.job_id)
        return Admission(job, replayed=False)

    def _earlier(self, connection: Connection, request: Request) -> JobRecord | None:
        """Return the unsent job of the same content that this request joins; refuse a double post."""
        same = jobs.same_content(connection, request.account.id, request.fingerprint)
        for job in same:
            if JobState(job.state) in MAY_BE_OUT:
                raise duplicate(job)
        waiting = [job for job in same if JobState(job.state) in UNSENT]
        joined = next((job for job in waiting if job.due_at == request.due_at), None)
        if joined is None and waiting:
            raise planned_already(waiting[0])
        return joined

    def _remember_key(self, connection: Connection, request: Request, job_id: str) -> None:
        assert request.key is not None
        scope = f"publish:{request.account.id}"
        jobs.add_key(connection, scope, request.key, digest=request.digest(), job_id=job_id, now=now())

    def _new_job(self, connection: Connection, request: Request) -> JobRecord:
        moment, account = now(), request.account
        state = JobState.SCHEDULED if request.due_at is not None else JobState.DUE
        if request.questions:
            state = JobState.WAITING_HUMAN
        job = JobRecord(
            job_id=f"job_{uuid.uuid4().hex[:16]}",
            account_id=account.id,
            platform=account.platform,
            account_name=account.account_name,
            environment=account.environment,
            state=state.value,
            content=request.content.model_dump(mode="json"),
            draft=None if request.questions else request.draft.model_dump(mode="json"),
            payload_hash=request.draft.payload_hash(),
            fingerprint=request.fingerprint,
            attempt=0,
            epoch=account.epoch,
            due_at=request.due_at,
            late_minutes=request.late_minutes,
            uid=account.uid,
            post_id=None,
            post_url=None,
            proof=None,
            reason=None,
            cause=None,
            bundle=None,
            trace_id=new_trace_id(),
            created_at=moment,
            updated_at=moment,
        )
        jobs.add_job(connection, job)
        self._announce(connection, job, None)
        self.ask(connection, job, request.questions)
        return job

    def ask(self, connection: Connection, job: JobRecord, questions: Sequence[dict[str, Any]]) -> None:
        """Open a task for every question of a plan (findings as JSON)."""
        for question in questions:
            self._tasks.open(
                connection,
                kind="question",
                subject=question["field"],
                prompt=Text(en=question["message"]["en"], zh=question["message"]["zh-CN"]),
                choices=tuple(question["choices"]),
                account_id=job.account_id,
                job_id=job.job_id,
            )

    async def retry(self, job: JobRecord) -> JobRecord:
        """Put a job that is not out back to due, now.

        Raises:
            DuplicateContent: since this job ended, another job with the same content went out, or is about to.
        """

        def work(connection: Connection) -> JobRecord:
            for other in jobs.same_content(connection, job.account_id, job.fingerprint):
                open_or_out = JobState(other.state) in MAY_BE_OUT | UNSENT
                if other.job_id != job.job_id and open_or_out and other.updated_at >= job.updated_at:
                    raise duplicate(other) if JobState(other.state) in MAY_BE_OUT else planned_already(other)
            return self.moved(connection, job, JobState.DUE, due_at=None)

        return await self.write(work)

    async def move(self, job: JobRecord, to: JobState, **values: Any) -> JobRecord:
        """Change one job's state durably; see ``moved``."""
        return await self.write(lambda connection: self.moved(connection, job, to, **values))

    def moved(
        self,
        connection: Connection,
        job: JobRecord,
        to: JobState,
        *,
        reason: Text | None = None,
        **values: Any,
    ) -> JobRecord:
        """Change a job's state within a transaction, announce it, open and close the human tasks that follow from it.

        Raises:
            Overtaken: another writer was quicker; nothing was changed.
            RuntimeError: the table of states does not hold this change.
        """
        before = JobState(job.state)
        check(before, to)
        values |= {"state": to.value, "updated_at": now()}
        reason = None if reason is None else clean(reason)
        values["reason"] = None if reason is None else reason.as_dict()
        values.setdefault("cause", None)
        if not jobs.change_job(connection, job.job_id, [before.value], **values):
            raise Overtaken.of(job)
        job = replace(job, **values)
        self._announce(connection, job, before)
        if to is JobState.CONFIRMED:
            self._remember_post(connection, job)
        elif before is JobState.CONFIRMED:
            jobs.set_history_status(connection, job.job_id, to.value)
        if to is not JobState.WAITING_HUMAN:
            self._close_tasks(connection, job.job_id)
        if to is JobState.NEEDS_ATTENTION:
            self._ask_for_resolution(connection, job, reason)
        return job

    def _close_tasks(self, connection: Connection, job_id: str) -> None:
        for task in tasks.list_tasks(connection, states=["open"], job_id=job_id):
            self._tasks.close(connection, task.task_id, "obsolete")

    async def resume(self, job: JobRecord, **values: Any) -> JobRecord:
        """Let a parked job go on: due, back to its schedule when that is still to come, or missed when its time is over."""
        return await self.write(lambda connection: self._resumed(connection, job, values))

    def _resumed(self, connection: Connection, job: JobRecord, values: dict[str, Any]) -> JobRecord:
        moment = now()
        if job.due_at is None or job.due_at <= moment <= job.due_at + timedelta(minutes=job.late_minutes or 0):
            return self.moved(connection, job, JobState.DUE, **values)
        if moment < job.due_at:
            return self.moved(connection, job, JobState.SCHEDULED, **values)
        reason = Text(
            en=f"Missed: it was due {job.due_at:%Y-%m-%d %H:%M} UTC, too long ago to send it without asking. "
            f"'creatorflow jobs retry {job.job_id}' sends it now.",
            zh=f"已错过：应在 {job.due_at:%Y-%m-%d %H:%M} UTC 发布，超时过久，不再自动发送。"
            f"可用 'creatorflow jobs retry {job.job_id}' 立即发送。",
        )
        missed = self.moved(connection, job, JobState.MISSED, reason=reason, **values)
        self._tasks.open(connection, kind="missed", prompt=reason, account_id=job.account_id, job_id=job.job_id)
        return missed

    def proved(self, connection: Connection, job: JobRecord, rung: ProofRung) -> JobRecord:
        """Record a higher proof rung of a confirmed post."""
        values: dict[str, Any] = {"proof": rung.value, "updated_at": now()}
        jobs.change_job(connection, job.job_id, [JobState.CONFIRMED.value], **values)
        job = replace(job, **values)
        self._announce(connection, job, JobState.CONFIRMED)
        return job

    def _announce(self, connection: Connection, job: JobRecord, before: JobState | None) -> None:
        data = {
            "job_id": job.job_id,
            "platform": job.platform,
            "account": job.account_name,
            "account_id": f"{job.platform}:{job.account_name}",
            "state": job.state,
            "previous": before.value if before else None,
            "attempt": job.attempt,
            "post_id": job.post_id,
            "post_url": job.post_url,
            "proof": job.proof,
            "reason": job.reason,
            "trace_id": job.trace_id,
        }
        self._events.append(connection, f"job:{job.job_id}", "publish.state_changed", data)
        if job.state == JobState.NEEDS_ATTENTION.value and before is not JobState.NEEDS_ATTENTION:
            self._events.append(connection, f"job:{job.job_id}", "publish.needs_attention", data)

    def _remember_post(self, connection: Connection, job: JobRecord) -> None:
        jobs.add_history(
            connection,
            id=job.job_id,
            draft_id=None,
            platform=job.platform,
            account_id=f"{job.platform}:{job.account_name}",
            environment=job.environment,
            post_id=job.post_id or "",
            post_url=job.post_url or "",
            status=JobState.CONFIRMED.value,
            published_at=job.updated_at,
        )

    def _ask_for_resolution(self, connection: Connection, job: JobRecord, reason: Text | None) -> None:
        why = reason or Text(en="The outcome is not known.", zh="结果未知。")
        self._tasks.open(
            connection,
            kind="resolution",
            prompt=Text(
                en=f"{why.en} Look at {job.platform}:{job.account_name} and say whether the post is there.",
                zh=f"{why.zh}请查看账号 {job.platform}:{job.account_name}，确认该内容是否已发布。",
            ),
            choices=("confirmed", "absent"),
            account_id=job.account_id,
            job_id=job.job_id,
        )
