"""Checks of what happens when the answer to the one request does not come, or lists cannot be trusted."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from creatorflow_testkit.contract.base import ContractBase, scenario
from creatorflow_testkit.contract.world import World

if TYPE_CHECKING:
    from creatorflow.publish import JobView

__all__ = ["DoubtTests"]


class DoubtTests(ContractBase):
    """Never twice, never lost, never a claim without proof."""

    @scenario
    async def test_answer_lost_is_read_back(self, world: World) -> None:
        """The site took the post, its answer is lost: uncertain, then found, and never sent again."""
        await world.arm("answer_lost")
        await _found_by_reading(world, await world.publish(world.content(world.forms[-1])))

    @scenario
    async def test_answer_too_late_is_read_back(self, world: World) -> None:
        """The answer comes after the adapter's patience."""
        world.spy.patience_s = self.patience_s
        await world.arm("answer_delayed", seconds=self.patience_s + 1.5)
        await _found_by_reading(world, await world.publish(world.content()))

    @scenario
    async def test_gateway_error_after_accept_is_read_back(self, world: World) -> None:
        """A gateway answers 502 although the site took the post: no receipt, no refusal."""
        await world.arm("status_502_after_accept")
        await _found_by_reading(world, await world.publish(world.content()))

    @scenario
    async def test_request_lost_ends_absent_and_a_retry_publishes_once(self, world: World) -> None:
        """The request never took effect: proven by reading, then published by a second attempt."""
        world.needs_read_back()
        await world.arm("request_lost")
        job = await world.publish(world.content())
        assert job.state == "uncertain", f"after a cut connection nothing is known, but: {job.state} ({job.reason})"
        assert await world.spy.publishing_requests() == 1, "the irreversible request was sent again by itself"
        job = await world.settle_as_absent(job)
        assert await world.posts() == []
        job = await world.retry(job)
        assert job.state == "confirmed", job.reason
        assert job.post_id == (await world.only_post()).post_id

    @scenario
    async def test_rewritten_text_is_still_ours(self, world: World) -> None:
        """The site shortens links and adds invisible characters: ``normalise`` makes sent and stored text equal."""
        await world.arm("text_rewritten")
        await world.arm("answer_lost")
        content = world.content(mark="链接 https://example.com/a/b?c=1&d=2#e 之后，还有 https://example.org/ 🎈")
        await _found_by_reading(world, await world.publish(content))

    @scenario
    async def test_twin_made_by_hand_is_not_ours(self, world: World) -> None:
        """A post with the same text that was there before the job is no proof that the job's request worked."""
        world.needs_read_back()
        twin = await world.post_by_hand(world.content())
        await world.arm("request_lost")
        job = await world.publish(world.content())
        assert job.state == "uncertain", job.reason
        job = await world.settle_as_absent(job)
        assert job.post_id is None
        assert (await world.only_post()).post_id == twin.post_id

    @scenario
    async def test_list_down_before_submit_sends_nothing(self, world: World) -> None:
        """Without the list of what is there already nothing is sent: later nobody could tell."""
        world.needs_read_back()
        await world.arm("list_down")
        job = await world.publish(world.content())
        assert job.state == "failed", job.reason
        assert world.spy.arms == []
        await world.nothing_sent()

    @scenario
    async def test_list_down_afterwards_leaves_it_open(self, world: World) -> None:
        """While the list cannot be read the job stays uncertain; when it can, the post is found."""
        world.needs_read_back()
        await world.arm("answer_lost")
        world.spy.after_arm.append(partial(world.arm, "list_down", count=None))
        job = await world.publish(world.content())
        assert job.state == "uncertain", job.reason
        job = await world.reconcile(job, self.settle_s * 3)
        assert job.state == "uncertain", f"the list could not be read, so nothing is proven, but: {job.state}"
        await world.clear("list_down")
        await _found_by_reading(world, job)

    @scenario
    async def test_duplicate_refused_in_a_second_attempt_is_the_first_ones_post(self, world: World) -> None:
        """The first attempt's post hid from the list; the site's "you posted this already" is no refusal then."""
        world.needs_read_back()
        world.needs_fault("duplicate_refused")
        await world.arm("answer_lost")
        world.spy.after_arm.append(partial(world.arm, "list_stale", count=None))
        job = await world.settle_as_absent(await world.publish(world.content()))
        await world.arm("duplicate_refused")
        job = await world.retry(job)
        assert job.state == "uncertain", (
            f"a refusal as duplicate in attempt 2 proves attempt 1, but: {job.state} ({job.reason})"
        )
        await world.clear()
        job = await world.reconcile(job)
        assert job.state == "confirmed", job.reason
        assert job.post_id == (await world.only_post()).post_id

    @scenario
    async def test_slow_upload_is_waited_for(self, world: World) -> None:
        """A slow site gets every file once."""
        if "image" not in world.forms:
            pytest.skip(f"{self.platform} publishes no pictures")
        await world.arm("slow_upload", kind="upload", seconds=0.5, count=None)
        content = world.content("image")
        draft = await world.draft(content)
        job = await world.publish(content)
        assert job.state == "confirmed", job.reason
        uploads = await asyncio.to_thread(world.site.control.entries, "upload")
        assert [entry.data["sha256"] for entry in uploads] == [image.sha256 for image in draft.images]
        await world.only_post()

    @scenario
    async def test_uploads_are_not_repeated_by_a_retry(self, world: World) -> None:
        """The checkpoint of an attempt that was not sent saves the next one its uploads."""
        if "image" not in world.forms or not world.site.routes("upload"):
            pytest.skip(f"{self.platform} uploads no pictures")
        world.needs_read_back()
        await world.arm("request_lost")
        content = world.content("image")
        draft = await world.draft(content)
        job = await world.retry(await world.settle_as_absent(await world.publish(content)))
        assert job.state == "confirmed", job.reason
        uploads = await asyncio.to_thread(world.site.control.entries, "upload")
        assert len(uploads) == len(draft.images), "prepare() ignored the checkpoint and uploaded everything again"
        assert list((await world.only_post()).media) == [image.sha256 for image in draft.images]


async def _found_by_reading(world: World, job: JobView) -> None:
    """Assert that a job came to ``confirmed`` by reading back, with one request and one post."""
    post = await world.only_post()
    await world.site_has_answered()
    assert await world.spy.publishing_requests() == 1, "the irreversible request was sent again by itself"
    if job.state == "uncertain":
        world.needs_read_back()
        job = await world.reconcile(job)
    assert job.state == "confirmed", f"{job.state}: {job.reason}"
    assert job.post_id == post.post_id
    states = await world.states(job)
    assert "uncertain" in states, f"without a positive answer nothing is confirmed at once: {states}"
    assert len(await world.posts()) == 1
