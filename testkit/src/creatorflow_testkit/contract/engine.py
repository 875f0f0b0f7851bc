"""Checks of adapter and engine together: dry run, duplicates, keys, cancelling, questions to people."""

from __future__ import annotations

import asyncio

import pytest
from creatorflow.api import DuplicateContent, KeyMismatch

from creatorflow_testkit.contract.base import ContractBase, scenario
from creatorflow_testkit.contract.world import World

__all__ = ["EngineTests"]


class EngineTests(ContractBase):
    """What the user is promised, with this adapter inside."""

    @scenario
    async def test_dry_run_publishes_nothing(self, world: World) -> None:
        """A dry run goes as far as the commit point and shows what would be sent."""
        content = world.content(world.forms[-1])
        draft = await world.draft(content)
        job = await world.publish(content, dry_run=True)
        assert (job.state, job.job_id) == ("ready", None), job.reason
        assert len(world.spy.arms) == 1, "a dry run ends at commit.arm(); the adapter never came there"
        await world.nothing_sent()
        assert job.preview is not None
        assert job.preview["text"] == draft.text
        assert await world.app.publisher.list() == []

    @scenario
    async def test_same_content_again_is_refused(self, world: World) -> None:
        """The same content for the same account is published once."""
        first = await world.publish(world.content())
        with pytest.raises(DuplicateContent) as refused:
            await world.publish(world.content())
        assert refused.value.job_id == first.job_id
        await world.only_post()
        assert await world.spy.publishing_requests() == 1

    @scenario
    async def test_idempotency_key_replays(self, world: World) -> None:
        """The same key again is the first job; for another content it is refused."""
        first = await world.publish(world.content(), idempotency_key="kit-1")
        again = await world.publish(world.content(), idempotency_key="kit-1")
        assert (again.job_id, again.replayed, first.replayed) == (first.job_id, True, False)
        with pytest.raises(KeyMismatch):
            await world.publish(world.content(mark="anders"), idempotency_key="kit-1")
        await world.only_post()

    @scenario
    async def test_cancelled_before_arm_sends_nothing(self, world: World) -> None:
        """A job that is cancelled while it is prepared is never sent, and the adapter is closed."""
        prepared, never = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            prepared.set()
            await never.wait()

        world.spy.after_prepare.append(hold)
        publishing = asyncio.create_task(world.publish(world.content()))
        await asyncio.wait(
            [publishing, asyncio.create_task(prepared.wait())], return_when="FIRST_COMPLETED", timeout=20
        )
        assert prepared.is_set(), "prepare() never returned"
        job = (await world.app.publisher.list())[0]
        assert job.job_id is not None
        job = await world.app.publisher.cancel(job.job_id)
        assert job.state == "cancelled", job.reason
        assert (await publishing).state == "cancelled"
        assert world.spy.arms == []
        await world.nothing_sent()

    @scenario
    async def test_demanded_declaration_is_asked_for(self, world: World) -> None:
        """A declaration that the platform demands and the author did not make is a question; nothing is sent before its answer."""
        demanded = world.rules().declarations.demanded
        if not demanded:
            pytest.skip(f"{self.platform} demands no declaration")
        content = {**world.content(), "declarations": {}}
        job = await world.publish(content)
        assert job.state == "waiting_human", job.reason
        assert world.spy.opened == 0, "a question needs no site"
        await world.nothing_sent()
        tasks = [task for task in await world.app.tasks.list(["open"]) if task.job_id == job.job_id]
        assert len(tasks) == len(demanded), "one question for each declaration that is missing"
        for task in tasks:
            answer = "true" if task.choices else "https://example.com/source"
            await world.app.tasks.answer(task.task_id, answer, "kit")
        await world.app.publisher.sweep()
        assert job.job_id is not None
        job = await world.app.publisher.get(job.job_id)
        assert job.state == "confirmed", f"{job.state}: {job.reason}"
        said = {"declarations": dict.fromkeys(demanded, True)}
        assert (await world.only_post()).declaration == self.expected_declaration(said)
