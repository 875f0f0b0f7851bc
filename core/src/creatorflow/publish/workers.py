"""Who works on which job in this process: one at a time per account, across processes too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from creatorflow.accounts.locks import AccountLock, is_free
from creatorflow.api import Cause, CredentialRejected, Draft, JobState, StorageError, Text, Unavailable
from creatorflow.log import get_logger, tracing
from creatorflow.publish.ledger import Ledger, clean, now
from creatorflow.publish.outcome import sentence
from creatorflow.publish.readback import ReadBackDesk
from creatorflow.publish.refusals import Overtaken, account_gone
from creatorflow.publish.runner import JobRunner
from creatorflow.publish.states import AFTER_INTENT, UNSENT
from creatorflow.store import AccountRecord, Connection, JobRecord, jobs

if TYPE_CHECKING:
    from creatorflow.accounts import AccountService
    from creatorflow.config import Settings
    from creatorflow.tasks import TaskService

__all__ = ["JobWorkers"]

_log = get_logger("creatorflow.publish.workers")

#: Seconds that the answering process may take from the answer to the job's next state, and between two looks at it.
_ANSWER_S = 10.0
_POLL_S = 0.1

#: Longest session check before a read-back, seconds.
CHECK_S = 60.0

ProgressListener = Callable[[dict[str, Any]], None]


class JobWorkers:
    """Takes account locks, runs attempts and reconciles, waits for people, keeps the tasks of this process."""

    def __init__(
        self,
        *,
        settings: Settings,
        ledger: Ledger,
        accounts: AccountService,
        tasks: TaskService,
        desk: ReadBackDesk,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._accounts = accounts
        self._tasks = tasks
        self._desk = desk
        self._runner = JobRunner(ledger, accounts, tasks, desk, self._report)
        self._running: dict[str, asyncio.Task[JobRecord]] = {}
        self._listeners: list[ProgressListener] = []
        #: Where a cancelled attempt goes when nothing was sent: a stopping service resumes it later, a cancelling user does not.
        self._interrupted = JobState.DUE
        self._cancelled: set[str] = set()

    def start(self, job: JobRecord, *, until_listed: bool) -> asyncio.Task[JobRecord]:
        """Work on a job in the background; the task that already does is returned."""
        task = self._running.get(job.job_id)
        if task is None or task.done():
            task = asyncio.create_task(self._work(job.job_id, until_listed), name=f"publish {job.job_id}")
            self._running[job.job_id] = task
            task.add_done_callback(lambda done: self._forget(job.job_id, done))
        return task

    def _forget(self, job_id: str, task: asyncio.Task[JobRecord]) -> None:
        if self._running.get(job_id) is task:
            del self._running[job_id]
        if not task.cancelled() and task.exception() is not None:
            _log.debug("job task ended with an error", job_id=job_id, error=repr(task.exception()))

    async def _work(self, job_id: str, until_listed: bool) -> JobRecord:
        try:
            return await self._until_parked(job_id, until_listed)
        except asyncio.CancelledError:
            await asyncio.shield(self._stopped(job_id))
            raise

    async def _stopped(self, job_id: str) -> None:
        """Cancel a job that was stopped for good before its attempt began (it waited for the account's lock)."""
        job = await self._ledger.get(job_id)
        if job.state == JobState.DUE.value and self._after_interrupt(job_id) is JobState.CANCELLED:
            reason = Text(en="Cancelled before anything was sent.", zh="已在发送前取消。")
            with contextlib.suppress(Overtaken):
                await self._ledger.move(job, JobState.CANCELLED, reason=reason)

    async def _until_parked(self, job_id: str, until_listed: bool) -> JobRecord:
        deadline = asyncio.get_running_loop().time() + self._settings.publish.human_wait_seconds
        wait_s = self._settings.publish.wait_seconds if until_listed else 0.0
        while True:
            job = await self._attempt(job_id, wait_s)
            if job.state == JobState.UNCERTAIN.value:
                job = await self.reconcile(job, wait_s)
            if job.state == JobState.WAITING_HUMAN.value and await self._answered(job, deadline):
                continue
            return job

    async def _attempt(self, job_id: str, wait_s: float) -> JobRecord:
        job = await self._ledger.get(job_id)
        if job.state != JobState.DUE.value:
            return job
        account = await self._account(job)
        if account is None:
            return await self.orphaned(job)
        async with self._hold(job, account, self._settings.publish.lock_wait_seconds) as epoch:
            job = await self.release(
                await self._ledger.get(job_id)
            )  # much may have happened while we waited for the lock
            account = await self._account(job)
            if job.state != JobState.DUE.value or account is None:
                return job
            return await self._runner.run(
                job, account, epoch=epoch, until_s=wait_s, interrupted=lambda: self._after_interrupt(job_id)
            )

    def _after_interrupt(self, job_id: str) -> JobState:
        return JobState.CANCELLED if job_id in self._cancelled else self._interrupted

    def _hold(
        self, job: JobRecord, account: AccountRecord, budget_s: float
    ) -> contextlib.AbstractAsyncContextManager[int]:
        def waiting(_seconds: float) -> None:
            text = Text(
                en=f"Waiting: another process is publishing on {job.platform}:{job.account_name}",
                zh=f"等待中：另一进程正在使用账号 {job.platform}:{job.account_name} 发布",
            )
            self._report(job, "waiting_lock", text, None)

        lock = AccountLock(self._settings.directories, account.id, f"{job.platform}:{job.account_name}")
        return lock.holding(self._ledger.store, budget_s=budget_s, on_wait=waiting)

    async def _account(self, job: JobRecord) -> AccountRecord | None:
        # By its row, never by its name: another person may have been added under the name since.
        return await self._accounts.by_row(job.account_id)

    async def orphaned(self, job: JobRecord) -> JobRecord:
        """End the machine's part of a job whose account was removed, unless somebody still works on it."""
        if not is_free(self._settings.directories, job.account_id):
            return job
        ends = {
            JobState.DUE: JobState.FAILED,
            JobState.PREPARING: JobState.FAILED,
            JobState.WAITING_HUMAN: JobState.CANCELLED,
        }
        reason = account_gone(job)

        def work(connection: Connection) -> JobRecord:
            found = jobs.get_job(connection, job.job_id)
            assert found is not None
            state = JobState(found.state)
            if state in ends:
                return self._ledger.moved(connection, found, ends[state], reason=reason, cause=Cause.ACCOUNT.value)
            if state in {JobState.INTENT, JobState.SUBMITTING}:
                found = self._ledger.moved(connection, found, JobState.UNCERTAIN, reason=reason)
            if JobState(found.state) in {JobState.UNCERTAIN, JobState.RECONCILING}:
                return self._ledger.moved(connection, found, JobState.NEEDS_ATTENTION, reason=reason)
            return found

        return await self._ledger.write(work)

    async def _answered(self, job: JobRecord, deadline: float) -> bool:
        """Wait within the budget for a person; True when the job can go on."""
        text = Text(
            en="Waiting for a person: see 'creatorflow tasks list'", zh="等待人工处理：见 'creatorflow tasks list'"
        )
        self._report(job, "waiting_human", text, None)
        clock, settled_by = asyncio.get_running_loop().time, None
        while (moment := clock()) < deadline:
            if (await self._ledger.get(job.job_id)).state != JobState.WAITING_HUMAN.value:
                break
            open_tasks = [task for task in await self._tasks.list(["open"]) if task.job_id == job.job_id]
            if open_tasks:
                await self._tasks.wait(open_tasks[0].task_id, deadline - moment)
                continue
            # Answered, but whoever took the answer (perhaps another process) is still planning anew before it moves the job.
            settled_by = settled_by or moment + _ANSWER_S
            if moment >= settled_by:
                break
            await asyncio.sleep(_POLL_S)
        return (await self._ledger.get(job.job_id)).state == JobState.DUE.value

    async def reconcile(self, job: JobRecord, wait_s: float) -> JobRecord:
        """Settle one job that nobody works on; a job with a live owner is left alone. Never submits."""
        task = self._running.get(job.job_id)
        if task is not None and task is not asyncio.current_task():
            return job
        account = await self._account(job)
        if account is None:
            return await self.orphaned(job)
        try:
            async with self._hold(job, account, 1.0):
                return await self._reconcile(job.job_id, account, wait_s)
        except Overtaken:  # a person settled it at this moment
            return await self._ledger.get(job.job_id)
        except Unavailable as error:
            if error.details.get("lock") != "busy":
                raise
            return await self._ledger.get(job.job_id)

    async def _reconcile(self, job_id: str, account: AccountRecord, wait_s: float) -> JobRecord:
        job = await self._ledger.get(job_id)
        if job.state == JobState.PREPARING.value:
            reason = Text(en="Its process ended before anything was sent.", zh="执行它的进程在发送前结束。")
            return await self._ledger.move(job, JobState.DUE, reason=reason)
        if JobState(job.state) not in AFTER_INTENT:
            return job
        if job.state in {JobState.INTENT.value, JobState.SUBMITTING.value}:
            reason = Text(en="Its process ended while submitting.", zh="执行它的进程在提交时结束。")
            job = await self._ledger.move(job, JobState.UNCERTAIN, reason=reason)
        with tracing(job.trace_id):
            try:
                draft = Draft.model_validate(job.draft)
                async with self._accounts.open_adapter(account, job_id=job.job_id) as adapter:
                    async with asyncio.timeout(CHECK_S):
                        info = await adapter.check_session()
                    await self._accounts.record_session(account, info)
                    return await self._desk.settle(adapter, job, draft, wait_s)
            except (Overtaken, StorageError):
                raise
            except Exception as error:
                why = sentence(error, job.platform, sent=False)
                _log.warning("reconciling is not possible now", job_id=job_id, reason=why.en)
                if isinstance(error, CredentialRejected):
                    await self._accounts.mark_expired(account, clean(why), job_id=job_id)
                return await self._desk.unreadable(job_id, why)

    async def release(self, job: JobRecord) -> JobRecord:
        """Let a job whose time has come go on, or call it missed when it is too late to send it without permission."""
        latest = None if job.due_at is None else job.due_at + timedelta(minutes=job.late_minutes or 0)
        open_ = {JobState.SCHEDULED.value, JobState.WAITING_NETWORK.value}
        if job.state in open_ or (job.state == JobState.DUE.value and latest is not None and now() > latest):
            try:
                return await self._ledger.resume(job)
            except Overtaken:  # the sweep of another process was quicker
                return await self._ledger.get(job.job_id)
        return job

    async def cancel(self, job_id: str) -> bool:
        """Stop this process's work on a job, unless it is past its intent; say whether this process had it."""
        task = self._running.get(job_id)
        if task is None:
            return False
        if JobState((await self._ledger.get(job_id)).state) in UNSENT:
            self._cancelled.add(job_id)
            task.cancel()
            await asyncio.wait([task], timeout=10)
            self._cancelled.discard(job_id)
        return True

    def running(self) -> list[str]:
        """Return the ids of the jobs that this process works on."""
        return [job_id for job_id, task in self._running.items() if not task.done()]

    def on_progress(self, listener: ProgressListener) -> Callable[[], None]:
        """Add a listener; return what removes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _report(self, job: JobRecord, step: str, text: Text, fraction: float | None) -> None:
        message = {
            "job_id": job.job_id,
            "platform": job.platform,
            "account": job.account_name,
            "step": step,
            "text": text.as_dict(),
            "fraction": fraction,
        }
        for listener in list(self._listeners):
            listener(message)

    async def drain(self, timeout_s: float, *, interrupted: JobState) -> None:
        """Finish or stop everything this process works on."""
        self._interrupted = interrupted
        running = [task for task in self._running.values() if not task.done()]
        if not running:
            return
        _done, late = await asyncio.wait(running, timeout=timeout_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=10)
