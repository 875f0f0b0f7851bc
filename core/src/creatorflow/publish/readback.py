"""Reads posts back: proves that a confirmed post is listed, and settles what became of an uncertain one. Never submits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from creatorflow.api import (
    CredentialRejected,
    Draft,
    JobState,
    PlatformAdapter,
    PostState,
    ProofRung,
    ReadBackStrength,
    RemotePost,
    Text,
)
from creatorflow.log import get_logger
from creatorflow.publish.ledger import Ledger, clean, now
from creatorflow.publish.matching import SKEW, Found, find_post
from creatorflow.publish.outcome import sentence
from creatorflow.publish.refusals import Overtaken
from creatorflow.store import AttemptRecord, Connection, JobRecord, jobs

if TYPE_CHECKING:
    from creatorflow.api import ReadBack

__all__ = ["ReadBackDesk"]

_log = get_logger("creatorflow.publish.readback")

#: Pauses between looks at the list, in seconds; the last one repeats.
_PAUSES = (0.5, 1.0, 2.0, 3.0, 5.0)

#: Longest reading of a list, seconds.
READ_BUDGET_S = 120.0

#: A post that could not be read back for so long becomes a person's matter.
GIVE_UP = timedelta(hours=24)


class ReadBackDesk:
    """Looks at own posts and writes down what follows."""

    def __init__(
        self, ledger: Ledger, read_back: Callable[[str], ReadBack], settle_s: Callable[[float], float]
    ) -> None:
        self._ledger = ledger
        self._read_back = read_back
        self._settle_s = settle_s

    async def follow(self, adapter: PlatformAdapter, job: JobRecord, draft: Draft, until_s: float) -> JobRecord:
        """Look for a confirmed post in the list, once or until ``until_s`` seconds have passed; trouble here changes nothing."""
        deadline = asyncio.get_running_loop().time() + until_s
        for number in range(1_000_000):
            try:
                async with asyncio.timeout(READ_BUDGET_S):
                    posts = await adapter.list_posts(job.updated_at - SKEW)
            except Exception as error:
                _log.info(
                    "read-back not possible now", job_id=job.job_id, reason=sentence(error, job.platform, sent=False).en
                )
                posts = []
            post = next((item for item in posts if item.post_id == job.post_id), None)
            if post is not None and post.state is not PostState.DRAFT:
                return await self._listed(adapter, job, draft, post)
            pause = _PAUSES[min(number, len(_PAUSES) - 1)]
            if asyncio.get_running_loop().time() + pause > deadline:
                return job
            await asyncio.sleep(pause)
        return job

    async def _listed(self, adapter: PlatformAdapter, job: JobRecord, draft: Draft, post: RemotePost) -> JobRecord:
        if post.state is PostState.REJECTED:
            said = post.reason or "-"
            reason = Text(en=f"The platform's review refused the post: {said}", zh=f"平台审核未通过：{said}")
            return await self._ledger.move(job, JobState.REJECTED, reason=reason)
        lost = _cut_short(adapter, draft, post)

        def work(connection: Connection) -> JobRecord:
            self._note(connection, job, {"kind": "listed", "post_id": post.post_id, "same_text": lost is None})
            proved = self._ledger.proved(connection, job, ProofRung.LISTED)
            return (
                proved
                if lost is None
                else self._ledger.moved(connection, proved, JobState.NEEDS_ATTENTION, reason=lost)
            )

        return await self._ledger.write(work)

    async def search(
        self, adapter: PlatformAdapter, job: JobRecord, draft: Draft, *, retrying: bool = False
    ) -> Found | None:
        """Look for the post of any attempt that got past its intent; None when no attempt did.

        Posts of other jobs are theirs, whatever they look like. What the review refused before the newest attempt is not its post.
        """
        attempts = [item for item in await self._ledger.attempts(job.job_id) if item.intent_at is not None]
        if not attempts:
            return None
        first, last = attempts[0], attempts[-1]
        assert first.intent_at is not None
        async with asyncio.timeout(READ_BUDGET_S):
            posts = await adapter.list_posts(first.intent_at - SKEW)
        taken = await self._ledger.store.read(
            lambda connection: jobs.post_ids(connection, job.account_id, besides=job.job_id)
        )
        before = {post.post_id for post in posts} if retrying else set(last.baseline or [])
        posts = [post for post in posts if post.state is not PostState.REJECTED or post.post_id not in before]
        return find_post(
            posts,
            draft=draft,
            baseline=[*(first.baseline or []), *taken],
            intent_at=first.intent_at,
            checkpoint=last.checkpoint or {},
            normalise=adapter.normalise,
            marker=adapter.matches,
        )

    async def settle(self, adapter: PlatformAdapter, job: JobRecord, draft: Draft, until_s: float) -> JobRecord:
        """Read back an uncertain job until it is settled or ``until_s`` seconds have passed; at least one read."""
        deadline = asyncio.get_running_loop().time() + until_s
        for number in range(1_000_000):
            job = await self._settle_once(adapter, job, draft)
            if job.state != JobState.UNCERTAIN.value:
                return job
            pause = _PAUSES[min(number, len(_PAUSES) - 1)]
            if asyncio.get_running_loop().time() + pause > deadline:
                return job
            await asyncio.sleep(pause)
        return job

    async def _settle_once(self, adapter: PlatformAdapter, job: JobRecord, draft: Draft) -> JobRecord:
        if job.state != JobState.RECONCILING.value:
            job = await self._ledger.move(job, JobState.RECONCILING, reason=_reading())
        try:
            found = await self.search(adapter, job, draft)
        except (CredentialRejected, Overtaken):
            raise
        except Exception as error:
            return await self.unreadable(job.job_id, sentence(error, job.platform, sent=False))
        if found is None:
            raise RuntimeError(f"job {job.job_id} is uncertain without an intent")
        if found.post is not None:
            return await self._found(adapter, job, draft, found.post)
        if found.ambiguous:
            return await self.ambiguous(job, found)
        return await self._not_found(job, found.strangers)

    async def unreadable(self, job_id: str, why: Text) -> JobRecord:
        """Note that the list could not be read: the job stays open, for a day; then a person looks."""

        def work(connection: Connection) -> JobRecord:
            job = jobs.get_job(connection, job_id)
            assert job is not None
            if job.state not in {JobState.UNCERTAIN.value, JobState.RECONCILING.value}:
                return job
            attempt = jobs.get_attempt(connection, job_id, job.attempt)
            if attempt is not None and attempt.intent_at is not None and now() - attempt.intent_at > GIVE_UP:
                return self._ledger.moved(connection, job, JobState.NEEDS_ATTENTION, reason=_unreadable(why))
            if job.state == JobState.RECONCILING.value:
                return self._ledger.moved(connection, job, JobState.UNCERTAIN, reason=_unreadable(why))
            values = {"reason": clean(_unreadable(why)).as_dict(), "updated_at": now()}
            jobs.change_job(connection, job_id, [job.state], **values)
            return job

        return await self._ledger.write(work)

    async def _found(self, adapter: PlatformAdapter, job: JobRecord, draft: Draft, post: RemotePost) -> JobRecord:
        def work(connection: Connection) -> JobRecord:
            self._note(connection, job, {"kind": "found", "post_id": post.post_id, "state": post.state.value})
            jobs.change_attempt(connection, job.job_id, job.attempt, ended_at=now())
            placed = {"post_id": post.post_id, "post_url": post.url}
            if post.state is PostState.REJECTED:
                said = post.reason or "-"
                reason = Text(en=f"The platform's review refused the post: {said}", zh=f"平台审核未通过：{said}")
                return self._ledger.moved(connection, job, JobState.REJECTED, reason=reason, **placed)
            reason = Text(en="Found by reading back the account's posts.", zh="通过回读账号内容确认已发布。")
            proof = ProofRung.LISTED.value
            return self._ledger.moved(connection, job, JobState.CONFIRMED, reason=reason, proof=proof, **placed)

        return await self._ledger.write(work)

    async def ambiguous(self, job: JobRecord, found: Found) -> JobRecord:
        """Ask a person which of several posts is ours."""
        urls = ", ".join(post.url for post in found.candidates)

        def work(connection: Connection) -> JobRecord:
            self._note(connection, job, {"kind": "ambiguous", "posts": [post.post_id for post in found.candidates]})
            reason = Text(
                en=f"{len(found.candidates)} new posts look like this one ({urls}).",
                zh=f"有 {len(found.candidates)} 条新内容与之相符（{urls}）。",
            )
            return self._ledger.moved(connection, job, JobState.NEEDS_ATTENTION, reason=reason)

        return await self._ledger.write(work)

    async def _not_found(self, job: JobRecord, strangers: Sequence[RemotePost]) -> JobRecord:
        read_back = self._read_back(job.platform)
        settle = timedelta(seconds=self._settle_s(read_back.settle_s))
        moment = now()

        def work(connection: Connection) -> JobRecord:
            attempt = jobs.get_attempt(connection, job.job_id, job.attempt)
            assert attempt is not None
            assert attempt.intent_at is not None
            if self._counts(attempt, moment, settle / read_back.min_reads):
                jobs.change_attempt(connection, job.job_id, job.attempt, reads=attempt.reads + 1, last_read_at=moment)
                self._note(connection, job, {"kind": "not_listed", "read": attempt.reads + 1})
                reads = attempt.reads + 1
            else:
                reads = attempt.reads
            if moment < attempt.intent_at + settle or reads < read_back.min_reads:
                reason = _not_yet(attempt.intent_at + settle)
                return self._ledger.moved(connection, job, JobState.UNCERTAIN, reason=reason)
            jobs.change_attempt(connection, job.job_id, job.attempt, ended_at=moment)
            if strangers:
                return self._ledger.moved(connection, job, JobState.NEEDS_ATTENTION, reason=_rewritten(strangers))
            if read_back.strength is ReadBackStrength.STRONG:
                return self._ledger.moved(connection, job, JobState.ABSENT, reason=_absent(reads))
            reason = Text(
                en="The post is not in the list, but this platform does not list every post (reviews may hide it).",
                zh="列表中没有该内容，但该平台的列表并不完整（可能在审核中）。",
            )
            return self._ledger.moved(connection, job, JobState.NEEDS_ATTENTION, reason=reason)

        return await self._ledger.write(work)

    @staticmethod
    def _counts(attempt: AttemptRecord, moment: datetime, spacing: timedelta) -> bool:
        """A read counts towards absence only when it is far enough from the one before: ten reads in a second prove nothing."""
        assert attempt.intent_at is not None
        return moment - (attempt.last_read_at or attempt.intent_at) >= spacing

    @staticmethod
    def _note(connection: Connection, job: JobRecord, evidence: dict[str, object]) -> None:
        attempt = jobs.get_attempt(connection, job.job_id, job.attempt)
        assert attempt is not None
        entry = {**evidence, "at": now().isoformat()}
        jobs.change_attempt(connection, job.job_id, job.attempt, evidence=[*(attempt.evidence or []), entry])


def _cut_short(adapter: PlatformAdapter, draft: Draft, post: RemotePost) -> Text | None:
    """Return a sentence when the platform stored less than was sent; other rewriting is the site's habit, not damage."""
    sent, stored = adapter.normalise(draft.text), adapter.normalise(post.text)
    if post.truncated or stored == sent or not stored or not sent.startswith(stored):
        return None
    return Text(
        en=f"The post is out ({post.url}), but the platform stored only the first {len(stored)} of {len(sent)} characters.",
        zh=f"内容已发布（{post.url}），但平台只保存了 {len(sent)} 个字符中的前 {len(stored)} 个。",
    )


def _reading() -> Text:
    return Text(en="Reading back the account's posts.", zh="正在回读账号内容。")


def _absent(reads: int) -> Text:
    return Text(
        en=f"Not published: absent from the account's posts in {reads} reads over the settle time. 'creatorflow jobs retry' may send it again.",
        zh=f"未发布：在等待期内 {reads} 次回读均未找到。可用 'creatorflow jobs retry' 重新发布。",
    )


def _unreadable(why: Text) -> Text:
    return Text(
        en=f"The list of own posts could not be read: {why.en} It stays open; run 'creatorflow jobs reconcile' again.",
        zh=f"无法读取账号的内容列表：{why.zh} 任务保持未决，请再次运行 'creatorflow jobs reconcile'。",
    )


def _rewritten(strangers: Sequence[RemotePost]) -> Text:
    urls = ", ".join(post.url for post in strangers[:3])
    return Text(
        en=f"No post with this content is listed, but there are new ones that it may have become ({urls}).",
        zh=f"列表中没有内容相同的帖子，但有新的帖子，可能是平台改写后的它（{urls}）。",
    )


def _not_yet(when: datetime) -> Text:
    clock = when.strftime("%H:%M:%S UTC")
    return Text(
        en=f"Not in the list yet. Absence can be concluded after {clock}; run 'creatorflow jobs reconcile' then.",
        zh=f"列表中暂未出现。{clock} 之后才能断定未发布，届时请运行 'creatorflow jobs reconcile'。",
    )
