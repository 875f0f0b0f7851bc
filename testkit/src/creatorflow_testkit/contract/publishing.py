"""Checks of what reaches the site when nothing goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from creatorflow.api import CreatorFlowError, PlatformAdapter, PostState, RemotePost

from creatorflow_testkit.contract.base import ContractBase, scenario
from creatorflow_testkit.contract.world import World

__all__ = ["PublishingTests"]

#: More posts than sites show on one page of a list.
_MANY = 25


class PublishingTests(ContractBase):
    """Session, forms, receipts, lists."""

    @scenario
    async def test_session_has_a_stable_uid(self, world: World) -> None:
        """Two checks give the same uid, and it is the one that the site knows."""
        async with world.adapter() as adapter:
            first, second = await adapter.check_session(), await adapter.check_session()
        assert first.uid == second.uid == world.account.uid
        row = await world.app.accounts.get(world.target)
        assert row.uid == world.account.uid

    @scenario
    async def test_publishes_text(self, world: World) -> None:
        """A text post arrives exactly as planned."""
        await _publishes(self, world, "text")

    @scenario
    async def test_publishes_image(self, world: World) -> None:
        """A picture post arrives exactly as planned, pictures in order."""
        await _publishes(self, world, "image")

    @scenario
    async def test_publishes_video(self, world: World) -> None:
        """A video post arrives exactly as planned."""
        await _publishes(self, world, "video")

    @scenario
    async def test_publishes_article(self, world: World) -> None:
        """An article arrives exactly as planned."""
        await _publishes(self, world, "article")

    @scenario
    async def test_publishes_every_visibility(self, world: World) -> None:
        """Each visibility of the rules reaches the site as the site's own word."""
        for visibility in world.rules().visibility.allowed:
            job = await world.publish(
                {**world.content(mark=f"可见范围 {visibility.value}"), "visibility": visibility.value}
            )
            assert job.state == "confirmed", job.reason
            post = (await world.posts())[-1]
            assert post.visibility == self.visibility_words.get(visibility.value, visibility.value)

    @scenario
    async def test_publishes_every_declaration(self, world: World) -> None:
        """Each declaration of the rules reaches the site, and nothing is declared that the author did not say."""
        rules = world.rules().declarations
        if not rules.allowed:
            pytest.skip(f"{self.platform} has no declarations")
        base = dict.fromkeys(rules.demanded, False)
        for name in rules.allowed:
            value = "https://example.com/source" if name == "reprint_source" else True
            content = {**world.content(mark=f"声明 {name}"), "declarations": {**base, name: value}}
            job = await world.publish(content)
            assert job.state == "confirmed", job.reason
            assert (await world.posts())[-1].declaration == self.expected_declaration(content)
        if not rules.demanded:
            content = {**world.content(mark="无声明"), "declarations": {}}
            await world.publish(content)
            assert (await world.posts())[-1].declaration is None, "the author declared nothing"

    @scenario
    async def test_one_arm_immediately_before_the_one_request(self, world: World) -> None:
        """``arm`` is awaited once; nothing is published before it; the very next request is the publishing one, sent once."""
        job = await world.publish(world.content(world.forms[-1]))
        assert len(world.spy.arms) == 1, (
            f"submit must await commit.arm() exactly once, it did {len(world.spy.arms)} times"
        )
        arm = world.spy.arms[0]
        assert (arm.posts, arm.sent) == (0, 0), "something was published before commit.arm()"
        after = await world.spy.requests(arm.mark)
        assert after, "nothing was sent after commit.arm()"
        publishing = world.site.routes("publish")
        assert after[0]["route"] in publishing, (
            f"commit.arm() must stand right before the request, but {after[0]['path']} came first"
        )
        assert await world.spy.publishing_requests() == 1, "the irreversible request must be sent once"
        assert job.state == "confirmed", job.reason
        assert world.spy.calls.index("prepare") < world.spy.calls.index("submit")

    @scenario
    async def test_sending_is_what_is_sent(self, world: World) -> None:
        """What the adapter tells ``arm`` is what the site then gets."""
        content = world.content(world.forms[-1])
        draft = await world.draft(content)
        await world.publish(content)
        sending, post = world.spy.arms[0].sending, await world.only_post()
        assert sending.text == post.text == draft.text
        assert sending.media == len(post.media)
        assert sending.visibility == draft.visibility

    @scenario
    async def test_waits_until_the_post_is_listed(self, world: World) -> None:
        """A post that lists show late is accepted first; asked to wait, the engine sees it listed."""
        world.needs_read_back()
        await world.arm("list_delay", seconds=60)
        job = await world.publish(world.content())
        assert (job.state, job.proof) == ("confirmed", "accepted"), job.reason
        await world.arm("list_delay", seconds=0.7)
        job = await world.publish(world.content(mark="第二条"), until_listed=True)
        assert (job.state, job.proof) == ("confirmed", "listed"), job.reason
        assert len(await world.posts()) == 2

    @scenario
    async def test_list_is_complete_or_an_error(self, world: World) -> None:
        """``list_posts`` gives every own post, over pages, newest first; trouble on a later page is an error, never a shorter list."""
        world.needs_read_back()
        start = datetime.now(UTC) - timedelta(minutes=1)
        draft = world.content()
        made = [(await world.post_by_hand({**draft, "body": f"第 {number} 条"})).post_id for number in range(_MANY)]
        async with world.adapter() as adapter:
            await adapter.check_session()
            listed = await adapter.list_posts(start)
            assert sorted(post.post_id for post in listed) == sorted(made), "list_posts lost posts, or invented some"
            times = [post.created_at for post in listed]
            assert times == sorted(times, reverse=True), "newest first"
            assert all(moment.tzinfo is not None for moment in times), "created_at must be aware"
            assert all(post.url.startswith("https://") and post.state is PostState.PUBLISHED for post in listed)
            assert list(await adapter.list_posts(datetime.now(UTC) + timedelta(hours=1))) == []
            await world.arm("list_down", after=1)
            short = await _listed_or_none(adapter, start)
        if await asyncio.to_thread(world.site.control.faults):
            pytest.skip(f"one page of the replica's list holds all {_MANY} posts")
        assert short is None, (
            "a page of the list failed, and list_posts returned what it had: that would look like absence"
        )


async def _publishes(kit: ContractBase, world: World, form: str) -> None:
    content = world.content(form)
    draft = await world.draft(content)
    job = await world.publish(content, until_listed=True)
    assert job.state == "confirmed", f"{job.state}: {job.reason}"
    assert job.proof == "listed", "the post is out, but list_posts does not find it by the receipt's post id"
    post = await world.only_post()
    assert post.uid == world.account.uid
    assert post.text == draft.text, "the site got another text than the plan shows"
    media = [image.sha256 for image in draft.images] + ([draft.video.sha256] if draft.video else [])
    assert list(post.media) == media, "the site got other media, or in another order"
    assert post.visibility == kit.visibility_words.get(draft.visibility.value, draft.visibility.value)
    assert post.declaration == kit.expected_declaration(content)
    assert job.post_id == post.post_id, "the receipt names another post"
    async with world.adapter() as adapter:
        await adapter.check_session()
        listed = await adapter.list_posts(datetime.now(UTC) - timedelta(minutes=5))
        assert [item.post_id for item in listed] == [post.post_id]
        assert listed[0].url == job.post_url, "the receipt and the list give different addresses"
        assert adapter.normalise(listed[0].text) == adapter.normalise(draft.text)
        assert listed[0].media_count in (None, len(media))


async def _listed_or_none(adapter: PlatformAdapter, since: datetime) -> Sequence[RemotePost] | None:
    """Return the list, or None when the adapter said that it could not be read."""
    try:
        return await adapter.list_posts(since)
    except CreatorFlowError:
        return None
