"""Keys and duplicates, questions and cancels, times, and what stays true in trouble."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from creatorflow.api import (
    CreatorFlowError,
    CredentialRejected,
    InvalidInput,
    KeyMismatch,
    PlanBlocked,
    Refused,
    Sending,
    StorageError,
    Unavailable,
    VaultError,
)
from creatorflow.app import App
from creatorflow.config import load_settings
from creatorflow.publish import PlanView
from creatorflow.publish.plan import Planner

from .conftest import Site
from .steps import T, fail, publish


async def test_keys_replay_and_refuse_other_content(app: App, site: Site) -> None:
    first = await publish(app, idempotency_key="k1")
    again = await publish(app, idempotency_key="k1")
    assert (again.job_id, again.replayed, first.replayed) == (first.job_id, True, False)
    with pytest.raises(KeyMismatch):
        await publish(app, "别的", idempotency_key="k1")
    with pytest.raises(InvalidInput):
        await publish(app, idempotency_key="has space")
    assert (await publish(app, idempotency_key="k2", allow_duplicate=True)).state == "confirmed"
    assert len(site.posts) == 2


@pytest.mark.parametrize(("error", "state"), [(Refused(T), "rejected"), (Unavailable(T), "failed")])
async def test_what_is_certainly_not_out_may_be_published_again(
    app: App, site: Site, error: Exception, state: str
) -> None:
    site.hooks["armed" if state == "rejected" else "prepare"] = fail(error)
    first = await publish(app)
    assert first.state == state
    site.hooks.clear()
    second = await publish(app)
    assert second.job_id != first.job_id
    assert (second.state, len(site.posts)) == ("confirmed", 1)


async def test_a_plan_that_blocks_stops_every_target(app: App, site: Site) -> None:
    with pytest.raises(PlanBlocked) as caught:
        await app.publisher.publish({"text": "长" * 51}, ["toy:alice", "weak:alice"])
    assert [item["account_id"] for item in caught.value.details["findings"]] == ["toy:alice", "weak:alice"]
    assert "51" in caught.value.text.zh
    assert site.calls == []


async def test_a_demanded_declaration_is_asked_for_and_the_answer_resumes(app: App, site: Site) -> None:
    job = await publish(app, target="asking:alice")
    assert (job.state, site.calls) == ("waiting_human", [])
    task = (await app.tasks.list(["open"]))[0]
    assert task.choices is not None
    assert list(task.choices) == ["true", "false"]
    await app.tasks.answer(task.task_id, "false", "tester")
    assert [item.state for item in await app.publisher.sweep()] == ["confirmed"]
    assert len(site.posts) == 1


async def test_a_waiting_publish_goes_on_although_the_answer_takes_time_to_work(
    app: App, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = Planner.plan

    async def slowly(self: Planner, *args: Any, **kwargs: Any) -> PlanView:
        if await app.tasks.list():  # the plan that follows from the answer, not the first one
            await asyncio.sleep(0.4)
        return await planned(self, *args, **kwargs)

    monkeypatch.setattr(Planner, "plan", slowly)
    patient = app.settings.publish.model_copy(update={"human_wait_seconds": 20.0})
    monkeypatch.setattr(app.publisher._workers, "_settings", app.settings.model_copy(update={"publish": patient}))
    publishing = asyncio.create_task(publish(app, target="asking:alice"))
    seen = 0
    while not (found := await app.tasks.list(["open"])):
        await app.events.wait(seen)
        seen = await app.events.tail()
    await app.tasks.answer(found[0].task_id, "false", "tester")
    assert (await publishing).state == "confirmed"
    assert len(site.posts) == 1


@pytest.mark.parametrize(("hours", "state"), [(1, "scheduled"), (-1, "missed")])
async def test_an_answer_does_not_change_the_time(app: App, site: Site, hours: int, state: str) -> None:
    job = await publish(app, target="asking:alice", at=datetime.now(UTC) + timedelta(hours=hours))
    assert job.state == "waiting_human"
    task = (await app.tasks.list(["open"]))[0]
    await app.tasks.answer(task.task_id, "true", "tester")
    assert job.job_id is not None
    assert (await app.publisher.get(job.job_id)).state == state
    assert site.posts == []


async def test_another_uid_stops_the_job(app: App, site: Site) -> None:
    site.uid = "somebody else"
    job = await publish(app)
    assert (job.state, site.posts) == ("failed", [])
    assert job.reason is not None
    assert "u1" in job.reason
    site.uid, site.receipt_uid = "u1", "u9"
    assert (await publish(app, "另一条")).state in {"waiting_human", "needs_attention"}


async def test_a_request_that_is_not_the_plan_is_not_sent(app: App, site: Site) -> None:
    site.sending = lambda draft: Sending(text=draft.text + "!")
    job = await publish(app)
    assert (job.state, job.cause, site.posts) == ("failed", "our_bug", [])


async def test_cancelling_before_and_after_the_intent(app: App, site: Site) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await go.wait()

    site.hooks["prepare"] = hold
    job = (await app.publisher.publish({"text": "慢"}, ["toy:alice"], wait_s=0.0))[0]
    await reached.wait()
    assert job.job_id is not None
    assert (await app.publisher.cancel(job.job_id)).state == "cancelled"
    assert (await app.publisher.cancel(job.job_id)).state == "cancelled"
    assert site.posts == []
    site.hooks.clear()
    reached.clear()
    site.hooks["armed"] = hold
    job = (await app.publisher.publish({"text": "慢二"}, ["toy:alice"], wait_s=0.0))[0]
    await reached.wait()
    assert job.job_id is not None
    with pytest.raises(InvalidInput, match="point of no return"):
        await app.publisher.cancel(job.job_id)
    go.set()
    await app.publisher.drain(5.0)
    assert (await app.publisher.get(job.job_id)).state == "confirmed"


@pytest.mark.parametrize(("point", "state"), [("prepare", "due"), ("armed", "uncertain")])
async def test_a_stopping_service_leaves_honest_states(app: App, site: Site, point: str, state: str) -> None:
    reached = asyncio.Event()

    async def hold() -> None:
        reached.set()
        await asyncio.sleep(60)

    site.hooks[point] = hold
    job = (await app.publisher.publish({"text": "慢"}, ["toy:alice"], wait_s=0.0))[0]
    await reached.wait()
    await app.publisher.drain(0.05)
    assert job.job_id is not None
    assert (await app.publisher.get(job.job_id)).state == state


async def test_due_missed_and_released(app: App, site: Site) -> None:
    soon = await publish(app, "稍后", at=datetime.now(UTC) + timedelta(hours=1))
    late = await publish(app, "太晚", at=datetime.now(UTC) - timedelta(minutes=20))
    near = await publish(app, "刚好", at=datetime.now(UTC) - timedelta(minutes=1))
    assert {soon.state, late.state, near.state} == {"scheduled"}
    swept = {item.job_id: item.state for item in await app.publisher.sweep()}
    assert swept == {late.job_id: "missed", near.job_id: "confirmed"}
    assert [task.kind for task in await app.tasks.list(["open"])] == ["missed"]
    assert late.job_id is not None
    assert (await app.publisher.retry(late.job_id)).state == "confirmed"
    assert await app.tasks.list(["open"]) == []
    with pytest.raises(InvalidInput, match="offset"):
        await publish(app, "无偏移", at=datetime(2026, 12, 1, 20, 0))


async def test_every_end_is_announced_exactly_once(app: App, site: Site) -> None:
    site.hooks["armed"] = fail(Unavailable(T))
    job = await publish(app, target="weak:alice")
    assert job.job_id is not None
    await app.publisher.reconcile(job.job_id, wait_s=3.0)
    await app.publisher.reconcile(job.job_id)
    attention = await app.events.read(types=["publish.needs_attention"])
    assert [event.data["job_id"] for event in attention] == [job.job_id]


async def test_a_text_that_the_site_cut_needs_attention(app: App, site: Site) -> None:
    site.stored = lambda text: text[:5]
    job = await publish(app, "这一段话比平台保存的要长")
    assert (job.state, job.post_url) == ("needs_attention", "https://toy.example/1")
    assert job.reason is not None
    assert "first 5 of 12" in job.reason


async def test_a_full_disk_at_the_intent_sends_nothing_and_loses_nothing(app: App, site: Site) -> None:
    pages: list[int] = []

    async def fill() -> None:
        def limit(connection: object) -> None:
            count = connection.exec_driver_sql("PRAGMA page_count").scalar_one()  # type: ignore[attr-defined]
            connection.exec_driver_sql(f"PRAGMA max_page_count = {count}")  # type: ignore[attr-defined]
            connection.exec_driver_sql("CREATE TABLE filler (x)")  # type: ignore[attr-defined]

        with pytest.raises(StorageError):
            await app.store.write(limit)
        pages.append(1)

    site.hooks["submit"] = fill

    async def until_full() -> None:
        for number in range(200):  # free space inside the file lets a few jobs through first
            await publish(app, f"内容 {number}")

    with pytest.raises(StorageError, match="disk is full"):
        await until_full()
    assert pages
    posted = len(site.posts)
    site.hooks.clear()
    await app.store.read(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1000000").scalar_one())
    await app.publisher.sweep()
    await app.publisher.sweep()
    jobs = await app.publisher.list(limit=1000)
    assert {job.state for job in jobs} == {"confirmed"}
    assert len(site.posts) == len(jobs) >= posted


async def test_twin_posts_made_by_hand_before_are_not_ours(app: App, site: Site) -> None:
    site.make("第一条内容")
    site.hooks["armed"] = fail(Unavailable(T))
    job = await publish(app)
    assert job.state == "uncertain"
    site.posts[0] = replace(site.posts[0], created_at=datetime.now(UTC))
    assert job.job_id is not None
    assert (await app.publisher.reconcile(job.job_id, wait_s=3.0))[0].state == "absent"


async def test_a_dry_run_sends_and_stores_nothing(app: App, site: Site) -> None:
    view = await publish(app, dry_run=True)
    assert (view.state, view.job_id, site.posts) == ("ready", None, [])
    assert view.preview is not None
    assert view.preview["text"] == "第一条内容"
    assert await app.publisher.list() == []


async def test_a_new_login_releases_the_waiting_job(app: App, site: Site) -> None:
    site.hooks["check_session"] = fail(CredentialRejected(T))
    job = await publish(app)
    assert job.state == "waiting_human"
    assert [task.kind for task in await app.tasks.list(["open"])] == ["login"]
    site.hooks.clear()
    await app.accounts.add("toy", "alice", cookies={"session": "a-new-cookie-value"})
    assert [item.state for item in await app.publisher.sweep()] == ["confirmed"]
    assert await app.tasks.list(["open"]) == []


async def test_unknown_words_are_refused_in_words(app: App) -> None:
    for call in (
        app.publisher.publish({"text": "x"}, []),
        app.publisher.publish({"text": "x"}, ["toy:alice", "toy:alice"]),
        app.publisher.publish({"text": "x"}, ["toy:nobody"]),
        app.publisher.publish({"text": "x"}, ["nowhere:alice"]),
        app.publisher.get("job_none"),
        app.publisher.list(state="lost"),
    ):
        with pytest.raises(CreatorFlowError) as caught:
            await call
        assert caught.value.text.zh
        assert caught.value.text.en


async def test_without_its_vault_a_process_makes_no_job_and_fails_none(app: App, site: Site, home: Path) -> None:
    env = {"CREATORFLOW_PLUGINS": "toy", "CREATORFLOW_VAULT_PASSPHRASE": "not the passphrase"}
    planned = await publish(app, "稍后", at=datetime.now(UTC) - timedelta(minutes=1))
    async with App(load_settings(home, env, locale="en")) as stranger:
        with pytest.raises(VaultError):
            await publish(stranger)
        assert [job.job_id for job in await app.publisher.list()] == [planned.job_id]
        assert [job.state for job in await stranger.publisher.sweep()] == ["waiting_human"]
    (task,) = await app.tasks.list(["open"])
    await app.tasks.answer(task.task_id, "done", "tester")
    assert [job.state for job in await app.publisher.sweep()] == ["confirmed"]
    assert len(site.posts) == 1
