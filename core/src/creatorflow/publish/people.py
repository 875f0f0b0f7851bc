"""What follows when a person answers: a question, a resolution, a new login."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from creatorflow.api import AccountRef, Content, JobState, Text
from creatorflow.publish.ledger import Ledger, now
from creatorflow.publish.plan import Planner
from creatorflow.store import AccountRecord, Connection, JobRecord, TaskRecord, jobs

if TYPE_CHECKING:
    from creatorflow.accounts import AccountService
    from creatorflow.config import Settings
    from creatorflow.tasks import TaskService

__all__ = ["People", "account_ref", "resolve"]


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
        self, *, settings: Settings, ledger: Ledger, planner: Planner, accounts: AccountService, tasks: TaskService
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._planner = planner
        self._accounts = accounts
        tasks.register_answer_handler("question", self.question_answered)
        tasks.register_answer_handler("resolution", self.resolution_answered)
        accounts.register_session_restored(self.session_restored)

    async def question_answered(self, task: TaskRecord) -> None:
        """Merge the answer into the content; with the last question answered the job goes on."""
        assert task.job_id is not None
        job = await self._ledger.get(task.job_id)
        if job.state != JobState.WAITING_HUMAN.value:
            return
        key = (task.subject or "").removeprefix("declarations.")
        value: Any = {"true": True, "false": False}.get(task.answer or "", task.answer)
        declared = {**job.content.get("declarations", {}), key: value}
        content = Content.model_validate({**job.content, "declarations": declared})
        account = await self._accounts.get(f"{job.platform}:{job.account_name}")
        plan = await self._planner.plan(content, account_ref(account), base_dir=None)
        values: dict[str, Any] = {"content": content.model_dump(mode="json")}
        if plan.ok:
            values |= {"draft": plan.draft.model_dump(mode="json"), "payload_hash": plan.payload_hash}
            await self._ledger.resume(job, **values)
        else:
            await self._ledger.write(
                lambda connection: jobs.change_job(connection, job.job_id, [JobState.WAITING_HUMAN.value], **values)
            )

    async def resolution_answered(self, task: TaskRecord) -> None:
        """Settle a job that needed attention."""
        assert task.job_id is not None
        job = await self._ledger.get(task.job_id)
        if job.state == JobState.NEEDS_ATTENTION.value:
            await resolve(self._ledger, job, task.answer or "absent", None, task.answered_by or "user")

    async def session_restored(self, account: AccountRecord) -> None:
        """Put the jobs that waited for this account's session back to due."""
        environment = self._settings.network.environment
        waiting = await self._ledger.store.read(
            lambda connection: jobs.list_jobs(
                connection, environment=environment, states=[JobState.WAITING_HUMAN.value], limit=10_000
            )
        )
        for job in waiting:
            if job.account_id == account.id and job.draft is not None:
                await self._ledger.resume(job)
