"""Who works on which job in this process: one at a time per account, across processes too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from creatorflow.accounts.locks import AccountLock
from creatorflow.api import CreatorFlowError, Draft, JobState, Text, Unavailable
from creatorflow.log import get_logger, tracing
from creatorflow.publish.ledger import Ledger, now
from creatorflow.publish.readback import ReadBackDesk
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
        async with self._hold(job, account, self._settings.publish.lock_wait_seconds) as epoch:
            job = await self._ledger.get(job_id)  # another process may have done it while we waited for the lock
            if job.state != JobState.DUE.value:
                return job
            account = await self._account(job)
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

    async def _account(self, job: JobRecord) -> AccountRecord:
        return await self._accounts.get(f"{job.platform}:{job.account_name}")

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
        try:
            async with self._hold(job, account, 1.0):
                return await self._reconcile(job.job_id, account, wait_s)
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
        draft = Draft.model_validate(job.draft)
        with tracing(job.trace_id):
            try:
                async with self._accounts.open_adapter(account, job_id=job.job_id) as adapter:
                    await self._accounts.record_session(account, await adapter.check_session())
                    return await self._desk.settle(adapter, job, draft, wait_s)
            except CreatorFlowError as error:
                _log.warning("reconciling is not possible now", job_id=job_id, reason=error.text.en)
                why = error.text
                return await self._ledger.write(lambda connection: self._still_open(connection, job_id, why))

    def _still_open(self, connection: Connection, job_id: str, why: Text) -> JobRecord:
        job = jobs.get_job(connection, job_id)
        assert job is not None
        reason = Text(en=f"It could not be read back now: {why.en}", zh=f"暂时无法回读：{why.zh}")
        if job.state == JobState.RECONCILING.value:
            return self._ledger.moved(connection, job, JobState.UNCERTAIN, reason=reason)
        jobs.change_job(connection, job_id, [job.state], reason=reason.as_dict(), updated_at=now())
        return job

    async def release(self, job: JobRecord) -> JobRecord:
        """Let a job whose time has come go on, or call it missed when it is too late to send it without permission."""
        return job if job.state == JobState.DUE.value else await self._ledger.resume(job)

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
