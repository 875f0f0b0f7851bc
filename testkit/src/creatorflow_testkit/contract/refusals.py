"""Checks of what happens when the site says no, or wants a person."""

from __future__ import annotations

import pytest
from creatorflow.api import CredentialRejected

from creatorflow_testkit.contract.base import ContractBase, scenario
from creatorflow_testkit.contract.world import World

__all__ = ["RefusalTests"]


class RefusalTests(ContractBase):
    """Refusals, walls, lost sessions."""

    @scenario
    async def test_expired_session_parks_the_job(self, world: World) -> None:
        """The site does not know the session: a person must log in; nothing is sent; afterwards the same job goes on."""
        await world.arm("expired_session", count=None)
        async with world.adapter() as adapter:
            with pytest.raises(CredentialRejected):
                await adapter.check_session()
        job = await world.publish(world.content())
        assert (job.state, job.cause) == ("waiting_human", "session"), job.reason
        await world.nothing_sent()
        tasks = await world.app.tasks.list(["open"])
        assert "login" in {task.kind for task in tasks}, "a person must be asked to log in"
        await world.clear()
        await world.app.accounts.check(world.target)
        await world.app.publisher.sweep()
        assert job.job_id is not None
        job = await world.app.publisher.get(job.job_id)
        assert job.state == "confirmed", f"{job.state}: {job.reason}"
        await world.only_post()

    @scenario
    async def test_session_lost_before_the_request(self, world: World) -> None:
        """The session ends between ``prepare`` and ``submit``: the site's answer says that nothing was published."""
        await world.arm("expired_session", kind="publish")
        job = await world.publish(world.content())
        assert await world.posts() == []
        assert await world.spy.publishing_requests() == 1, "a refused request was sent again"
        assert (job.state, job.cause) == ("rejected", "session"), job.reason
        await world.clear()
        job = await world.retry(job)
        assert job.state == "confirmed", job.reason
        await world.only_post()

    @scenario
    async def test_refused_content_is_told_in_the_platforms_words(self, world: World) -> None:
        """A positive refusal ends the job, with the site's own words."""
        await world.arm("content_refused")
        job = await world.publish(world.content())
        assert job.state == "rejected", f"the site refused, but: {job.state} ({job.reason})"
        words = await world.refusal()
        assert words in (job.reason or ""), f"the reason must quote the site ({words!r}): {job.reason!r}"
        assert await world.posts() == []
        assert await world.spy.publishing_requests() == 1, "a refused request was sent again"
        assert job.post_id is None

    @scenario
    async def test_duplicate_refused_at_once_is_a_refusal(self, world: World) -> None:
        """In a first attempt "you posted this already" is about somebody else's post."""
        await world.post_by_hand(world.content())
        await world.arm("duplicate_refused")
        job = await world.publish(world.content())
        assert job.state == "rejected", job.reason
        await world.only_post()

    @scenario
    async def test_too_fast_is_a_refusal(self, world: World) -> None:
        """The site wants us slower: nothing is published, nothing is sent again."""
        await world.arm("rate_limited")
        job = await world.publish(world.content())
        assert (job.state, job.cause) == ("rejected", "risk"), job.reason
        assert await world.posts() == []
        assert await world.spy.publishing_requests() == 1, "a refused request was sent again"

    @scenario
    async def test_risk_wall_before_submit(self, world: World) -> None:
        """The anti-bot wall stands before everything: nothing is sent, and the reason is named."""
        await world.arm("risk_wall", count=None)
        job = await world.publish(world.content())
        assert job.state in {"failed", "waiting_human", "waiting_network"}, f"{job.state}: {job.reason}"
        assert job.cause in {"risk", "network"}, job.cause
        assert job.reason
        await world.nothing_sent()

    @scenario
    async def test_risk_wall_at_submit(self, world: World) -> None:
        """The wall stands before the one request: whatever the adapter makes of it, the end is honest."""
        await world.arm("risk_wall", kind="publish", count=None)
        job = await world.publish(world.content())
        assert job.state in {"rejected", "uncertain"}, f"{job.state}: {job.reason}"
        assert await world.spy.publishing_requests() == 1, "the irreversible request was sent again by itself"
        assert await world.posts() == []
        await world.clear()
        if job.state == "uncertain":
            world.needs_read_back()
            job = await world.settle_as_absent(job)
        job = await world.retry(job)
        assert job.state == "confirmed", job.reason
        await world.only_post()
