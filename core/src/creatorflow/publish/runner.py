"""Runs one job from "due" to its end: the order of steps that keeps a post from being made twice or lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from creatorflow.api import (
    Cause,
    ContentError,
    Draft,
    HumanNeeded,
    JobState,
    PlatformAdapter,
    PluginError,
    PostState,
    ProofRung,
    Receipt,
    StaleOwner,
    StorageError,
    Text,
)
from creatorflow.log import get_logger, redact, tracing
from creatorflow.publish.commit import EngineCommit
from creatorflow.publish.ledger import Ledger, clean, now
from creatorflow.publish.matching import SKEW
from creatorflow.publish.outcome import Outcome, after_intent, before_intent
from creatorflow.publish.readback import ReadBackDesk
from creatorflow.store import AccountRecord, Connection, JobRecord, accounts, jobs, tasks

if TYPE_CHECKING:
    from creatorflow.accounts import AccountService
    from creatorflow.tasks import TaskService

__all__ = ["JobRunner", "Progress"]

#: ``(job, step, sentence, fraction of the step or None)``
Progress = Callable[[JobRecord, str, Text, float | None], None]

PREPARE_BUDGET_S = 900.0
SUBMIT_BUDGET_S = 120.0

#: How far back the baseline looks: further than a search, so that nothing older than the attempt can be mistaken for its post.
BASELINE_WINDOW = SKEW + timedelta(hours=1)

_log = get_logger("creatorflow.publish")


@dataclass(slots=True)
class _Attempt:
    """What the steps of one attempt share; ``job`` is always the newest row."""

    job: JobRecord
    account: AccountRecord
    commit: EngineCommit | None = None


class JobRunner:
    """Executes attempts. The caller holds the account's lock and its epoch."""

    def __init__(
        self,
        ledger: Ledger,
        account_service: AccountService,
        task_service: TaskService,
        desk: ReadBackDesk,
        progress: Progress,
    ) -> None:
        self._ledger = ledger
        self._accounts = account_service
        self._tasks = task_service
        self._desk = desk
        self._progress = progress

    async def run(
        self, job: JobRecord, account: AccountRecord, *, epoch: int, until_s: float, interrupted: Callable[[], JobState]
    ) -> JobRecord:
        """Make one attempt of a job in state ``due`` and return the job as it then is.

        Args:
            job: the job, freshly read under the lock.
            account: its account.
            epoch: the epoch taken with the lock.
            until_s: for how many seconds after the submit the post is looked for in the lists.
            interrupted: where an attempt goes that is cancelled before anything was sent (due or cancelled).
        """
        attempt = _Attempt(job, account)
        with tracing(job.trace_id):
            try:
                # Shielded: once the row says "preparing", whoever stops us must find it and put it where it belongs.
                begin = self._ledger.write(lambda connection: self._begin(connection, job, epoch))
                attempt.job = await asyncio.shield(begin)
                await self._steps(attempt, _stored_draft(job), until_s)
            except asyncio.CancelledError:
                await asyncio.shield(self._settle_cancelled(attempt, interrupted()))
                raise
            except Exception as error:
                _log.warning("attempt ended with an error", job_id=job.job_id, error=type(error).__name__)
                _log.debug("attempt error", job_id=job.job_id, detail=repr(error))
                await asyncio.shield(self._settle_error(attempt, error))
        return await self._ledger.get(job.job_id)

    def _begin(self, connection: Connection, job: JobRecord, epoch: int) -> JobRecord:
        number = job.attempt + 1
        jobs.add_attempt(connection, job.job_id, number, epoch, now())
        accounts.change_account(connection, job.account_id, last_used_at=now())
        return self._ledger.moved(connection, job, JobState.PREPARING, attempt=number, epoch=epoch)

    async def _steps(self, attempt: _Attempt, draft: Draft, until_s: float) -> None:
        job = attempt.job

        def report(text: Text, fraction: float | None = None) -> None:
            self._progress(attempt.job, "preparing", text, fraction)

        async with self._accounts.open_adapter(attempt.account, progress=report, job_id=job.job_id) as adapter:
            async with asyncio.timeout(PREPARE_BUDGET_S):
                self._say(attempt, "session", Text(en="Checking the session", zh="检查登录状态"))
                attempt.account = await self._accounts.record_session(attempt.account, await adapter.check_session())
                if await self._earlier_attempt_is_out(attempt, adapter):
                    return
                self._say(attempt, "preparing", Text(en="Uploading and filling in", zh="上传并填写"))
                prepared = await adapter.prepare(draft, await self._checkpoint(job))
                baseline = [post.post_id for post in await adapter.list_posts(now() - BASELINE_WINDOW)]
                await self._ledger.write(
                    lambda connection: jobs.change_attempt(
                        connection, job.job_id, job.attempt, checkpoint=prepared.checkpoint, baseline=baseline
                    )
                )
            attempt.commit = EngineCommit(self._ledger, job, attempt.account, draft)
            self._say(attempt, "submitting", Text(en="Submitting", zh="提交"))
            async with asyncio.timeout(SUBMIT_BUDGET_S):
                receipt = await adapter.submit(prepared, attempt.commit)
            attempt.job = attempt.commit.job
            _check_receipt(receipt, job.platform)
            await asyncio.shield(self._confirm(attempt, receipt))
            self._say(attempt, "accepted", Text(en="Accepted by the platform", zh="平台已受理"))
            if attempt.job.state == JobState.CONFIRMED.value:
                self._say(attempt, "reading_back", Text(en="Looking for the post in the list", zh="在列表中核实"))
                attempt.job = await self._desk.follow(adapter, attempt.job, draft, until_s)

    def _say(self, attempt: _Attempt, step: str, text: Text) -> None:
        self._progress(attempt.job, step, text, None)

    async def _earlier_attempt_is_out(self, attempt: _Attempt, adapter: PlatformAdapter) -> bool:
        """Before a new attempt, look once more for the post of an earlier one that got past its intent."""
        found = await self._desk.search(adapter, attempt.job, _stored_draft(attempt.job), retrying=True)
        if found is not None and found.ambiguous:
            attempt.job = await self._desk.ambiguous(attempt.job, found)
            return True
        if found is None or found.post is None:
            return False
        post = found.post
        attempt.job = await self._ledger.move(
            attempt.job,
            JobState.CONFIRMED,
            reason=Text(
                en="The post of an earlier attempt was found; nothing was sent again.",
                zh="找到了此前尝试发布的内容，未再次发送。",
            ),
            post_id=post.post_id,
            post_url=post.url,
            proof=ProofRung.LISTED.value,
        )
        return True

    async def _checkpoint(self, job: JobRecord) -> dict[str, Any] | None:
        """Return the newest checkpoint of earlier attempts: uploaded media need not be uploaded twice."""
        earlier = await self._ledger.attempts(job.job_id)
        return next((item.checkpoint for item in reversed(earlier) if item.checkpoint), None)

    async def _confirm(self, attempt: _Attempt, receipt: Receipt) -> None:
        job, bound = attempt.job, attempt.account.uid
        evidence = {
            "kind": "receipt",
            "at": now().isoformat(),
            "post_id": receipt.post_id,
            "delayed": receipt.delayed,
            "platform": redact(dict(receipt.evidence), for_user=True),  # JSON and without secrets, whatever it was
        }

        def work(connection: Connection) -> JobRecord:
            jobs.change_attempt(
                connection, job.job_id, job.attempt, evidence=[evidence], submitted_at=now(), ended_at=now()
            )
            placed: dict[str, Any] = {
                "post_id": receipt.post_id,
                "post_url": receipt.post_url,
                "proof": ProofRung.ACCEPTED.value,
            }
            confirmed = self._ledger.moved(connection, job, JobState.CONFIRMED, **placed)
            if attempt.commit is not None and not attempt.commit.armed:
                return self._ledger.moved(
                    connection, confirmed, JobState.NEEDS_ATTENTION, reason=_not_armed(job.platform, receipt)
                )
            if receipt.uid is not None and bound is not None and receipt.uid != bound:
                return self._ledger.moved(
                    connection, confirmed, JobState.NEEDS_ATTENTION, reason=_wrong_owner(receipt.uid, bound)
                )
            return confirmed

        attempt.job = await self._ledger.write(work)

    async def _settle_cancelled(self, attempt: _Attempt, interrupted: JobState) -> None:
        job = await self._ledger.get(attempt.job.job_id)
        if job.state == JobState.PREPARING.value:
            reason = Text(en="Interrupted before anything was sent.", zh="在发送前被中断，未发送任何内容。")
            await self._ledger.move(job, interrupted, reason=reason)
        elif job.state in {JobState.INTENT.value, JobState.SUBMITTING.value}:
            reason = Text(
                en="Interrupted while submitting; the post will be looked for.", zh="提交过程中被中断，将回读核实。"
            )
            await self._ledger.move(job, JobState.UNCERTAIN, reason=reason)

    async def _settle_error(self, attempt: _Attempt, error: Exception) -> None:
        """Bring the job to where the error leads; the database, not our memory, says how far the attempt had come."""
        job = await self._ledger.get(attempt.job.job_id)
        state = JobState(job.state)
        if isinstance(error, StaleOwner):
            _log.warning("another process owns the account", job_id=job.job_id)
            return
        if isinstance(error, StorageError) and state in {JobState.DUE, JobState.PREPARING}:
            raise error  # nothing was sent; the row stays as it is and is resumed when the disk is well again
        if state is JobState.PREPARING:
            if attempt.commit is not None and not attempt.commit.called and not isinstance(error, PluginError):
                _log.warning("the adapter failed before it armed", job_id=job.job_id)
            asked = str(error.details.get("task_id")) if isinstance(error, HumanNeeded) else ""
            await self._apply(job, before_intent(error, job.platform), attempt.account, asked)
        elif state in {JobState.INTENT, JobState.SUBMITTING}:
            outcome = after_intent(error, job.platform, attempt=job.attempt)
            await self._apply(job, outcome, attempt.account)

    async def _apply(self, job: JobRecord, outcome: Outcome, account: AccountRecord, asked: str = "") -> None:
        """Write the outcome; ``asked``: the task that already asks a person, if there is one."""
        why = clean(outcome.reason)
        evidence = {"kind": "error", "at": now().isoformat(), "cause": outcome.cause.value, "reason": why.as_dict()}

        def work(connection: Connection) -> None:
            ended = None if outcome.state is JobState.UNCERTAIN else now()
            jobs.change_attempt(connection, job.job_id, job.attempt, evidence=[evidence], ended_at=ended)
            self._ledger.moved(connection, job, outcome.state, reason=why, cause=outcome.cause.value)
            # A session that is not accepted gets its "login" task from the account, once for all its jobs.
            if outcome.state is JobState.WAITING_HUMAN and outcome.cause is not Cause.SESSION:
                known = tasks.get_task(connection, asked)
                if known is None or known.state != "open":
                    self._tasks.open(connection, kind="confirm", prompt=why, account_id=account.id, job_id=job.job_id)

        await self._ledger.write(work)
        if outcome.cause is Cause.SESSION:
            await self._accounts.mark_expired(account, why, job_id=job.job_id)


def _stored_draft(job: JobRecord) -> Draft:
    """Return the plan of a job.

    Raises:
        ContentError: it cannot be read: another version wrote it.
    """
    try:
        return Draft.model_validate(job.draft)
    except ValueError as error:
        raise ContentError(
            Text(
                en=f"The stored plan of job {job.job_id} cannot be read by this version. Nothing was sent; publish the post again.",
                zh=f"此版本无法读取任务 {job.job_id} 已保存的计划。未发送任何内容，请重新发布。",
            ),
            {"job_id": job.job_id},
        ) from error


def _check_receipt(receipt: object, platform: str) -> None:
    """Refuse what is no receipt: a post without an id cannot be proven, so it is looked for like any lost answer.

    Raises:
        PluginError: no ``Receipt``, or one without an id, or of a post that is not out.
    """
    if isinstance(receipt, Receipt) and receipt.state not in {PostState.DRAFT, PostState.REJECTED}:
        words = (receipt.post_id, receipt.post_url, receipt.uid or "")
        if receipt.post_id and receipt.post_url and all(isinstance(word, str) for word in words):
            return
    raise PluginError(
        Text(
            en=f"The adapter of {platform!r} returned no receipt with a post id and an address. Tell its author.",
            zh=f"平台 “{platform}” 的适配器没有返回带有内容 ID 和地址的回执，请联系插件作者。",
        )
    )


def _not_armed(platform: str, receipt: Receipt) -> Text:
    return Text(
        en=f"The post is out ({receipt.post_url}), but the adapter of {platform!r} sent it without asking (commit.arm). Do not use it "
        "again before its author has mended it.",
        zh=f"内容已发布（{receipt.post_url}），但平台 “{platform}” 的适配器未经确认（commit.arm）就发送了。在作者修复之前请勿继续使用。",
    )


def _wrong_owner(seen: str, bound: str) -> Text:
    return Text(
        en=f"The platform says that the post belongs to uid {seen}, the account is bound to {bound}.",
        zh=f"平台显示该内容属于 uid {seen}，而账号绑定的是 {bound}。",
    )
