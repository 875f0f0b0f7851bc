"""The publishing engine as commands, hosts and agents use it."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creatorflow.api import (
    Content,
    InvalidInput,
    JobState,
    Text,
)
from creatorflow.log import get_logger
from creatorflow.publish.content import content_from_mapping
from creatorflow.publish.ledger import Admission, Ledger, Request, now
from creatorflow.publish.matching import fingerprint
from creatorflow.publish.people import People, account_ref, resolve
from creatorflow.publish.plan import Planner
from creatorflow.publish.refusals import cannot_cancel, check_due, checked_key, other_environment, refuse_blocked
from creatorflow.publish.rehearsal import rehearse
from creatorflow.publish.states import AFTER_INTENT
from creatorflow.publish.views import JobView, PlanView, Severity, job_view
from creatorflow.publish.workers import JobWorkers
from creatorflow.store import AccountRecord, JobRecord, jobs

if TYPE_CHECKING:
    from creatorflow.accounts import AccountService
    from creatorflow.assets import AssetResolver
    from creatorflow.config import Settings

__all__ = ["PublishService"]

_log = get_logger("creatorflow.publish")


@dataclass(frozen=True, slots=True)
class _Planned:
    account: AccountRecord
    plan: PlanView


class PublishService:
    """Plans, publishes, and keeps the books."""

    def __init__(
        self,
        *,
        settings: Settings,
        ledger: Ledger,
        planner: Planner,
        assets: AssetResolver,
        accounts: AccountService,
        workers: JobWorkers,
        people: People,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._planner = planner
        self._assets = assets
        self._accounts = accounts
        self._workers = workers
        self._people = people

    @property
    def locale(self) -> str:
        """Language of the sentences in views."""
        return self._settings.locale

    async def plan(
        self,
        content: Content | dict[str, Any],
        targets: Sequence[str],
        *,
        base_dir: Path | None = None,
        roots: Sequence[Path] = (),
    ) -> builtins.list[PlanView]:
        """Say, without network, what would go out on every target.

        Args:
            content: the post, or the mapping of the RPC parameter ``content``.
            targets: accounts as ``platform:name``.
            base_dir: folder that relative media paths belong to.
            roots: further folders that media may come from.
        """
        return [item.plan for item in await self._plans(_content(content), targets, base_dir, roots)]

    async def _plans(
        self, content: Content, targets: Sequence[str], base_dir: Path | None, roots: Sequence[Path]
    ) -> list[_Planned]:
        if not targets:
            raise InvalidInput(
                Text(
                    en="No target was given. Name one with --to PLATFORM:ACCOUNT.",
                    zh="没有指定目标账号，请用 --to 平台:账号 指定。",
                )
            )
        if len(set(targets)) != len(targets):
            raise InvalidInput(
                Text(
                    en="The same target was given twice. Name each account once.",
                    zh="同一目标账号出现了两次，请只写一次。",
                )
            )
        found = [await self._accounts.get(target) for target in targets]
        return [
            _Planned(account, await self._planner.plan(content, account_ref(account), base_dir=base_dir, roots=roots))
            for account in found
        ]

    async def publish(
        self,
        content: Content | dict[str, Any],
        targets: Sequence[str],
        *,
        idempotency_key: str | None = None,
        allow_duplicate: bool = False,
        dry_run: bool = False,
        at: datetime | None = None,
        base_dir: Path | None = None,
        roots: Sequence[Path] = (),
        wait_s: float | None = None,
        until_listed: bool = False,
    ) -> builtins.list[JobView]:
        """Publish one content on every target, each exactly once.

        Args:
            content: the post, or the mapping of the RPC parameter ``content``.
            targets: accounts as ``platform:name``.
            idempotency_key: 1 to 255 visible characters; the same key again returns the first job.
            allow_duplicate: publish although the same content is out already.
            dry_run: do everything up to the commit point, store no job, send nothing irreversible.
            at: store only; a worker publishes at this time (aware). ``schedule`` in the content means the same.
            base_dir: folder that relative media paths belong to.
            roots: further folders that media may come from.
            wait_s: seconds to wait for the jobs' ends; None: until they end or are parked. Jobs go on after it.
            until_listed: look for the post in the lists for up to ``[publish] wait_seconds`` instead of once.

        Raises:
            PlanBlocked: the content does not fit one of the platforms; nothing was sent anywhere.
            DuplicateContent, KeyMismatch: refused for one account; nothing was sent anywhere.
            VaultError: the vault cannot be opened here; no job was made.
        """
        content = _content(content)
        planned = await self._plans(content, targets, base_dir, roots)
        refuse_blocked(item.plan for item in planned)
        if dry_run:
            return [await rehearse(self._accounts, item.account, item.plan, self.locale) for item in planned]
        due = at or content.schedule
        check_due(due)
        await self._accounts.open_vault()  # without the accounts' secrets no job can run: say so before there is one
        durable = await self._durable(content, base_dir, roots)
        requests = [self._request(item, durable, idempotency_key, allow_duplicate, due) for item in planned]
        admitted = await self._ledger.admit(requests)
        if due is None:
            await self._run_all(admitted, wait_s, until_listed)
        return [await self._view(item.job.job_id, replayed=item.replayed) for item in admitted]

    def _request(
        self, item: _Planned, content: Content, key: str | None, allow_duplicate: bool, due: datetime | None
    ) -> Request:
        asked = [finding for finding in item.plan.findings if finding.severity is Severity.QUESTION]
        return Request(
            account=item.account,
            content=content,
            draft=item.plan.draft,
            fingerprint=fingerprint(item.plan.draft),
            key=checked_key(key),
            allow_duplicate=allow_duplicate,
            due_at=due,
            late_minutes=int(self._settings.publish.late_minutes),
            questions=tuple(finding.model_dump(mode="json", by_alias=True) for finding in asked),
        )

    async def _durable(self, content: Content, base_dir: Path | None, roots: Sequence[Path]) -> Content:
        """Copy the media into the asset store, so that a later run does not depend on the author's files."""

        async def stored(ref: str) -> str:
            return str((await self._assets.ingest(self._assets.resolve(ref, base_dir=base_dir, roots=roots))).uri)

        platforms = {}
        for name, table in content.platforms.items():
            images = table.get("images")
            platforms[name] = {**table, "images": [await stored(ref) for ref in images]} if images else table
        changes: dict[str, Any] = {
            "images": tuple([await stored(ref) for ref in content.images]),
            "platforms": platforms,
            "schedule": None,
        }
        for key in ("video", "cover"):
            ref = getattr(content, key)
            changes[key] = None if ref is None else await stored(ref)
        return content.model_copy(update=changes)

    async def _run_all(self, admitted: Sequence[Admission], wait_s: float | None, until_listed: bool) -> None:
        running = [self._workers.start(item.job, until_listed=until_listed) for item in admitted]
        done, _pending = await asyncio.wait(running, timeout=wait_s)
        for task in done:
            if not task.cancelled():  # stopped by cancel() or drain(): the row says how it ended
                task.result()

    async def get(self, job_id: str) -> JobView:
        """Return one job with its attempts and evidence."""
        job = await self._ledger.get(job_id)
        return job_view(job, self.locale, attempts=await self._ledger.attempts(job_id))

    async def _view(self, job_id: str, *, replayed: bool = False) -> JobView:
        return job_view(await self._ledger.get(job_id), self.locale, replayed=replayed)

    async def list(
        self, state: str | None = None, platform: str | None = None, account: str | None = None, limit: int = 100
    ) -> builtins.list[JobView]:
        """Return jobs of the current environment, newest first."""
        if state is not None and state not in set(JobState):
            raise InvalidInput(
                Text(
                    en=f"There is no job state {state!r}. States: {', '.join(JobState)}.",
                    zh=f"没有任务状态 “{state}”。可用：{'、'.join(JobState)}。",
                )
            )
        environment = self._settings.network.environment
        found = await self._ledger.store.read(
            lambda connection: jobs.list_jobs(
                connection,
                environment=environment,
                states=None if state is None else [state],
                platform=platform,
                account_name=account,
                limit=limit,
            )
        )
        return [job_view(job, self.locale) for job in found]

    async def reconcile(self, job_id: str | None = None, wait_s: float = 0.0) -> builtins.list[JobView]:
        """Settle what a crash or a lost answer left open, by reading only; all open jobs when none is named.

        ``preparing`` jobs without a live owner become ``due`` again. ``wait_s``: seconds to keep reading until each job is settled.
        """
        if job_id is not None:
            await self._workers.reconcile(await self._ours(job_id), wait_s)
            return [await self._view(job_id)]
        states = [state.value for state in (*AFTER_INTENT, JobState.PREPARING)]
        environment = self._settings.network.environment
        found = await self._ledger.store.read(
            lambda connection: jobs.list_jobs(connection, environment=environment, states=states, limit=10_000)
        )
        for job in found:
            try:
                await self._workers.reconcile(job, wait_s)
            except Exception as error:  # one job's trouble is not the others'; it stays open and is tried again
                _log.warning("an open job could not be settled now", job_id=job.job_id, error=repr(error))
        return [await self._view(job.job_id) for job in found]

    async def _ours(self, job_id: str) -> JobRecord:
        """Return a job of the environment in force: sandbox and live never mix."""
        job = await self._ledger.get(job_id)
        if job.environment != self._settings.network.environment:
            raise other_environment(job, self._settings.network.environment)
        return job

    async def retry(self, job_id: str, wait_s: float | None = None, until_listed: bool = False) -> JobView:
        """Start a new attempt of a job that is certainly not out (failed, rejected, absent) or was missed.

        Raises:
            DuplicateContent: another job with the same content went out meanwhile, or is about to.
        """
        job = await self._ours(job_id)
        if JobState(job.state) not in {JobState.FAILED, JobState.REJECTED, JobState.ABSENT, JobState.MISSED}:
            raise InvalidInput(
                Text(
                    en=f"Job {job_id} is {job.state!r}; only failed, rejected, absent or missed jobs can be tried again. "
                    f"For an uncertain one run 'creatorflow jobs reconcile {job_id}'.",
                    zh=f"任务 {job_id} 处于 “{job.state}”；只有 failed、rejected、absent、missed 可以重试。"
                    f"未决任务请运行 'creatorflow jobs reconcile {job_id}'。",
                ),
                {"job_id": job_id, "state": job.state},
            )
        job = await self._ledger.retry(job)
        await self._run_all([Admission(job, replayed=False)], wait_s, until_listed)
        return await self._view(job_id)

    async def resolve(self, job_id: str, outcome: str, evidence: str | None = None, by: str = "user") -> JobView:
        """Let a person settle an uncertain job: ``confirmed`` (evidence: the post's URL), ``rejected`` or ``absent``."""
        job = await self._ours(job_id)
        if outcome not in {"confirmed", "rejected", "absent"}:
            raise InvalidInput(
                Text(
                    en=f"The outcome {outcome!r} is not known. Say confirmed, rejected or absent.",
                    zh=f"未知的结论 “{outcome}”，请用 confirmed、rejected 或 absent。",
                )
            )
        if JobState(job.state) not in {JobState.UNCERTAIN, JobState.RECONCILING, JobState.NEEDS_ATTENTION}:
            raise InvalidInput(
                Text(
                    en=f"Job {job_id} is {job.state!r}; only uncertain jobs and those that need attention are resolved by a person.",
                    zh=f"任务 {job_id} 处于 “{job.state}”；只有未决或需要处理的任务才由人工给出结论。",
                ),
                {"job_id": job_id, "state": job.state},
            )
        await resolve(self._ledger, job, outcome, evidence, by)
        return await self._view(job_id)

    async def cancel(self, job_id: str) -> JobView:
        """Cancel a job that has not been sent; cancelling twice is fine."""
        job = await self._ours(job_id)
        if job.state == JobState.CANCELLED.value:
            return await self._view(job_id)
        if await self._workers.cancel(job_id):
            job = await self._ledger.get(job_id)
        state = JobState(job.state)
        if state in {
            JobState.SCHEDULED,
            JobState.DUE,
            JobState.WAITING_HUMAN,
            JobState.WAITING_NETWORK,
            JobState.MISSED,
        }:
            reason = Text(en="Cancelled before anything was sent.", zh="已在发送前取消。")
            await self._ledger.move(job, JobState.CANCELLED, reason=reason)
        elif state is not JobState.CANCELLED:
            raise cannot_cancel(job)
        return await self._view(job_id)

    async def sweep(self, *, wait: bool = True) -> builtins.list[JobView]:
        """Run what is due and settle what is open: called at the start of a worker and every minute.

        Args:
            wait: return when the jobs that were begun have ended; otherwise they go on in the background, so that one slow job does not
                make others late.
        """
        begun: dict[str, asyncio.Task[JobRecord]] = {}
        seen = await self._begin_due(begun)  # before reading back, which may take long
        await self.reconcile()
        await self._people.sweep()
        seen |= await self._begin_due(begun)
        if wait and begun:
            await asyncio.wait(begun.values())
        return [await self._view(job_id) for job_id in seen]

    async def _begin_due(self, begun: dict[str, asyncio.Task[JobRecord]]) -> dict[str, None]:
        """Start what is due now; return the ids of all jobs whose time has come, the missed ones too."""
        environment, moment = self._settings.network.environment, now()
        due = await self._ledger.store.read(
            lambda connection: jobs.due_jobs(connection, environment=environment, now=moment)
        )
        for job in due:
            if job.job_id in begun:
                continue
            released = await self._workers.release(job)
            if released.state == JobState.DUE.value:
                begun[job.job_id] = task = self._workers.start(released, until_listed=False)
                task.add_done_callback(_tell_trouble)
        return dict.fromkeys(job.job_id for job in due)

    def running(self) -> builtins.list[str]:
        """Return the ids of the jobs that this process works on at the moment."""
        return self._workers.running()

    def on_progress(self, listener: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Call ``listener`` with every progress message of this process; return a function that ends it."""
        return self._workers.on_progress(listener)

    async def drain(self, timeout_s: float, *, interrupted: JobState = JobState.DUE) -> None:
        """Let running jobs finish for ``timeout_s`` seconds, then stop them: unsent ones go to ``interrupted``."""
        await self._workers.drain(timeout_s, interrupted=interrupted)


def _content(content: Content | dict[str, Any]) -> Content:
    return content if isinstance(content, Content) else content_from_mapping(content)


def _tell_trouble(task: asyncio.Task[JobRecord]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("a due job could not be run now", error=repr(error))
