"""What follows when a person answers: a question, a resolution, a new login."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from creatorflow.api import AccountRef, Content, ContentError, CreatorFlowError, JobState, PathDenied, Text
from creatorflow.log import get_logger
from creatorflow.publish.ledger import Ledger, now
from creatorflow.publish.plan import Planner
from creatorflow.publish.refusals import Overtaken, account_gone
from creatorflow.publish.views import Severity
from creatorflow.store import AccountRecord, Connection, JobRecord, TaskRecord, jobs, tasks
from creatorflow.tasks import TaskState

if TYPE_CHECKING:
    from creatorflow.accounts import AccountService
    from creatorflow.config import Settings
    from creatorflow.tasks import TaskService

__all__ = ["People", "account_ref", "resolve"]

_log = get_logger("creatorflow.publish.people")


def account_ref(account: AccountRecord) -> AccountRef:
    """Return what a plan needs to know of an account."""
    return AccountRef(
        platform=account.platform,
        name=account.account_name,
        environment=account.environment,
        uid=account.uid,
        rights=account.rights or {},
    )


async def resolve(ledger: Ledger, job: JobRecord, outcome: str, evidence: str | None, by: str) -> None:
    """Write down a person's verdict on a job: confirmed, rejected or absent."""
    reason = Text(en=f"Settled by {by}: {outcome}.", zh=f"由 {by} 人工判定：{outcome}。")

    def work(connection: Connection) -> None:
        attempt = jobs.get_attempt(connection, job.job_id, job.attempt)
        entry = {"kind": "resolved", "by": by, "outcome": outcome, "evidence": evidence, "at": now().isoformat()}
        if attempt is not None:
            noted = [*(attempt.evidence or []), entry]
            jobs.change_attempt(connection, job.job_id, job.attempt, evidence=noted, ended_at=now())
        placed: dict[str, Any] = {"post_url": evidence} if evidence and outcome == "confirmed" else {}
        ledger.moved(connection, job, JobState(outcome), reason=reason, **placed)

    await ledger.write(work)


class People:
    """Continues jobs when their people have acted."""

    def __init__(
        self,
        *,
        settings: Settings,
        ledger: Ledger,
        planner: Planner,
        accounts: AccountService,
        task_service: TaskService,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._planner = planner
        self._accounts = accounts
        for kind in ("question", "confirm", "qr", "sms"):
            task_service.register_answer_handler(kind, self.answered)
        task_service.register_answer_handler("resolution", self.resolution_answered)
        accounts.register_session_restored(self.session_restored)

    async def answered(self, task: TaskRecord) -> None:
        """Let the job of an answered question go on, if that was the last one."""
        assert task.job_id is not None
        job = await self._ledger.get(task.job_id)
        if job.environment == self._settings.network.environment:
            await self._go_on(job)

    async def sweep(self) -> None:
        """Let every waiting job go on for which no question is open: whoever took the answer may have died before it did."""
        for job in await self._waiting():
            try:
                await self._go_on(job)
            except CreatorFlowError as error:
                _log.warning("a waiting job cannot go on now", job_id=job.job_id, reason=error.text.en)

    async def _waiting(self) -> list[JobRecord]:
        environment = self._settings.network.environment
        return await self._ledger.store.read(
            lambda connection: jobs.list_jobs(
                connection, environment=environment, states=[JobState.WAITING_HUMAN.value], limit=10_000
            )
        )

    async def _go_on(self, job: JobRecord) -> None:
        if job.state != JobState.WAITING_HUMAN.value:
            return
        asked, login = await self._ledger.store.read(lambda connection: _questions(connection, job))
        if login or any(task.state == TaskState.OPEN for task in asked):
            return
        account = await self._accounts.by_row(job.account_id)
        try:
            if account is None:
                await self._ledger.move(job, JobState.CANCELLED, reason=account_gone(job))
            elif job.draft is not None:
                await self._ledger.resume(job)
            else:
                await self._plan_again(job, account, asked)
        except Overtaken:
            return

    async def _plan_again(self, job: JobRecord, account: AccountRecord, asked: Sequence[TaskRecord]) -> None:
        """Merge the answers into the content; go on, ask what is still missing, or end a job that cannot be published any more."""
        said: dict[str, Any] = {
            (task.subject or "").removeprefix("declarations."): {"true": True, "false": False}.get(
                task.answer, task.answer
            )
            for task in asked
            if task.kind == "question" and task.answer is not None
        }
        content = Content.model_validate(
            {**job.content, "declarations": {**job.content.get("declarations", {}), **said}}
        )
        why: Text | None = None
        try:
            plan = await self._planner.plan(content, account_ref(account), base_dir=None)
        except (ContentError, PathDenied) as error:
            why = error.text
        else:
            why = next((item.message.text() for item in plan.findings if item.severity is Severity.BLOCKING), None)
        if why is not None:
            reason = Text(en=f"It cannot be published any more: {why.en}", zh=f"已无法发布：{why.zh}")
            await self._ledger.move(job, JobState.CANCELLED, reason=reason)
            return
        values: dict[str, Any] = {"content": content.model_dump(mode="json")}
        if plan.ok:
            values |= {"draft": plan.draft.model_dump(mode="json"), "payload_hash": plan.payload_hash}
            await self._ledger.resume(job, **values)
            return
        left = [
            item.model_dump(mode="json", by_alias=True) for item in plan.findings if item.severity is Severity.QUESTION
        ]

        def work(connection: Connection) -> None:
            # Only once, although two processes may have come here with the same last answer.
            open_ = [task for task in tasks.list_tasks(connection, job_id=job.job_id) if task.state == TaskState.OPEN]
            if not open_ and jobs.change_job(connection, job.job_id, [job.state], **values):
                self._ledger.ask(connection, job, left)

        await self._ledger.write(work)

    async def resolution_answered(self, task: TaskRecord) -> None:
        """Settle a job that needed attention."""
        assert task.job_id is not None
        job = await self._ledger.get(task.job_id)
        if job.state == JobState.NEEDS_ATTENTION.value:
            await resolve(self._ledger, job, task.answer or "absent", None, task.answered_by or "user")

    async def session_restored(self, account: AccountRecord) -> None:
        """Put the jobs that waited for this account's session back to due."""
        for job in await self._waiting():
            if job.account_id == account.id and job.draft is not None:
                with contextlib.suppress(Overtaken):
                    await self._ledger.resume(job)


def _questions(connection: Connection, job: JobRecord) -> tuple[list[TaskRecord], bool]:
    """Return the tasks of a job, oldest first, and whether its account's login is asked for."""
    login = any(
        task.kind == "login" and task.account_id == job.account_id
        for task in tasks.list_tasks(connection, states=[TaskState.OPEN])
    )
    return tasks.list_tasks(connection, job_id=job.job_id), login
