"""No job is left without an owner, an announced state or a question that somebody can answer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from creatorflow.accounts import AccountLock
from creatorflow.api import (
    Commit,
    CredentialRejected,
    HumanNeeded,
    InvalidInput,
    JobState,
    NotFound,
    PluginError,
    PostState,
    Prepared,
    Receipt,
    Sending,
    Unavailable,
)
from creatorflow.app import App
from creatorflow.config import load_settings
from creatorflow.publish import JobView

from .conftest import CONFIG, Site, ToyAdapter
from .steps import T, fail, publish


async def state(app: App, job: JobView) -> str:
    assert job.job_id is not None
    return (await app.publisher.get(job.job_id)).state


async def scheduled(app: App, text: str, target: str = "toy:alice") -> JobView:
    return await publish(app, text, target, at=datetime.now(UTC) - timedelta(minutes=1))


async def test_a_removed_account_stops_only_its_own_jobs(app: App, site: Site) -> None:
    site.hooks["armed"] = fail(Unavailable(T))
    uncertain = await publish(app)
    site.hooks.clear()
    due, other = await scheduled(app, "到期"), await scheduled(app, "别的", "weak:alice")
    asked = await publish(app, "问", "asking:alice")
    for name in ("toy:alice", "asking:alice"):
        await app.accounts.remove(name, force=True)
    await app.publisher.sweep()
    assert await state(app, other) == "confirmed"
    assert await state(app, due) == "failed"
    assert await state(app, uncertain) == "needs_attention"
    assert await state(app, asked) == "cancelled"


async def test_another_person_under_the_old_name_gets_nothing(app: App, site: Site) -> None:
    due = await scheduled(app, "到期")
    await app.accounts.remove("toy:alice")
    site.uid = "u2"
    await app.accounts.add("toy", "alice", cookies={"session": "toy-cookie-of-u2"})
    await app.publisher.sweep()
    assert (await state(app, due), site.posts) == ("failed", [])


@pytest.mark.parametrize("error", [ValueError("x"), TimeoutError(), ExceptionGroup("g", [ValueError("x")])])
async def test_a_broken_adapter_stops_only_its_own_jobs(app: App, site: Site, error: Exception) -> None:
    site.hooks["armed"] = fail(Unavailable(T))
    uncertain = await publish(app, target="weak:alice")
    site.hooks.clear()
    due = await scheduled(app, "别的", "toy:alice")

    def only_reading_back() -> None:
        if "submit" not in site.calls:
            raise error

    site.calls.clear()
    site.hooks["list_posts"] = only_reading_back
    reader = asyncio.create_task(app.publisher.reconcile(uncertain.job_id))
    assert [job.state for job in await reader] == ["uncertain"]
    site.hooks["list_posts"] = lambda: None

    def once() -> None:  # the first who asks after the session: the reading of the uncertain job, or the due one
        if "prepare" in site.calls:
            raise error

    site.calls.clear()
    site.hooks["check_session"] = once
    await app.publisher.sweep()
    assert await state(app, due) == "confirmed"
    assert await state(app, uncertain) == "uncertain"


async def test_a_site_that_hangs_ends_the_reading(app: App, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("creatorflow.publish.readback.READ_BUDGET_S", 0.2)

    def hang() -> None:
        site.hooks["list_posts"] = lambda: asyncio.sleep(3600)

    site.hooks["posted"] = hang
    job = await asyncio.wait_for(publish(app), 20)
    assert (job.state, job.proof) == ("confirmed", "accepted")

    def hang_and_fail() -> None:
        hang()
        raise Unavailable(T)

    site.hooks = {"armed": hang_and_fail}
    assert (await asyncio.wait_for(publish(app, "二"), 20)).state == "uncertain"


@pytest.mark.parametrize("point", ["check_session", "prepare", "submit"])
async def test_what_a_person_answered_goes_on(app: App, site: Site, point: str) -> None:
    site.hooks[point] = fail(HumanNeeded(T))
    job = await publish(app)
    assert job.state == "waiting_human"
    task = (await app.tasks.list(["open"]))[0]
    site.hooks.clear()
    await app.tasks.answer(task.task_id, "done", "tester")
    await app.publisher.sweep()
    assert await state(app, job) == "confirmed"


async def test_an_answer_that_no_process_worked_on_is_found_by_the_sweep(
    app: App, site: Site, new_app: Callable[[], App]
) -> None:
    job = await publish(app, target="asking:alice")
    async with new_app() as other:  # answers, and dies before it continues the job
        await other.tasks.answer((await other.tasks.list(["open"]))[0].task_id, "false", "tester")
    await app.publisher.sweep()
    assert await state(app, job) == "confirmed"


async def test_a_login_that_no_process_worked_on_is_found_by_the_sweep(
    app: App, site: Site, new_app: Callable[[], App]
) -> None:
    site.hooks["check_session"] = fail(CredentialRejected(T))
    job = await publish(app)
    await app.publisher.sweep()
    assert await state(app, job) == "waiting_human"
    site.hooks.clear()
    async with new_app() as other:
        await other.accounts.add("toy", "alice", cookies={"session": "a-new-cookie-value"})
    await app.publisher.sweep()
    assert await state(app, job) == "confirmed"


async def test_an_answered_login_that_did_not_help_is_asked_for_again(app: App, site: Site) -> None:
    site.hooks["check_session"] = fail(CredentialRejected(T))
    job = await publish(app)
    await app.tasks.answer((await app.tasks.list(["open"]))[0].task_id, "done", "tester")
    await app.publisher.sweep()
    assert await state(app, job) == "waiting_human"
    assert [task.kind for task in await app.tasks.list(["open"])] == ["login"]


async def test_a_lost_session_while_reading_back_asks_for_a_login(app: App, site: Site) -> None:
    site.hooks["armed"] = fail(Unavailable(T))
    job = await publish(app)
    site.hooks = {"check_session": fail(CredentialRejected(T))}
    await app.publisher.sweep()
    assert await state(app, job) == "uncertain"
    assert [task.kind for task in await app.tasks.list(["open"])] == ["login"]


async def test_a_job_of_another_environment_is_left_alone(app: App, site: Site, home: Path) -> None:
    site.hooks["prepare"] = fail(Unavailable(T))
    job = await publish(app)
    site.hooks.clear()
    assert job.job_id is not None
    (home / "config.toml").write_text(CONFIG.replace('"sandbox"', '"other"'))
    env = {"CREATORFLOW_PLUGINS": "toy", "CREATORFLOW_VAULT_PASSPHRASE": "a passphrase for tests"}
    async with App(load_settings(home, env, locale="en")) as other:
        await other.accounts.add("toy", "alice", cookies={"session": "other-cookie-value"})
        for call in (
            other.publisher.retry(job.job_id),
            other.publisher.reconcile(job.job_id),
            other.publisher.cancel(job.job_id),
            other.publisher.resolve(job.job_id, "absent"),
        ):
            with pytest.raises(NotFound, match="sandbox"):
                await call
    assert (await state(app, job), site.posts) == ("failed", [])


async def test_cancelling_while_the_attempt_begins_cancels(
    app: App, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = app.publisher._workers._runner
    begin = runner._begin
    loop, begun = asyncio.get_running_loop(), asyncio.Event()

    def slowly(*arguments: Any) -> Any:
        result = begin(*arguments)
        loop.call_soon_threadsafe(begun.set)
        time.sleep(0.2)
        return result

    monkeypatch.setattr(runner, "_begin", slowly)
    job = (await app.publisher.publish({"text": "慢"}, ["toy:alice"], wait_s=0.0))[0]
    await begun.wait()  # the row says "preparing" in a transaction that nobody has heard back from yet
    await app.publisher.drain(0.0, interrupted=JobState.CANCELLED)
    assert (await state(app, job), site.posts) == ("cancelled", [])


async def test_ctrl_c_while_waiting_for_the_lock_cancels(app: App, site: Site, new_app: Callable[[], App]) -> None:
    account = await app.accounts.get("toy:alice")
    async with (
        AccountLock(app.settings.directories, account.id).holding(app.store, budget_s=1.0),
        new_app() as other,
    ):
        job = (await other.publisher.publish({"text": "等"}, ["toy:alice"], wait_s=0.1))[0]
        assert job.state == "due"
        await other.publisher.drain(0.0, interrupted=JobState.CANCELLED)
    assert await state(app, job) == "cancelled"


async def test_an_adapter_that_cancels_itself_has_failed(app: App, site: Site) -> None:
    site.hooks["prepare"] = fail(asyncio.CancelledError())
    assert (await publish(app)).state == "failed"
    site.hooks = {"posted": fail(asyncio.CancelledError())}
    assert (await publish(app, "二")).state == "confirmed"


async def test_a_base_exception_of_an_adapter_has_failed(app: App, site: Site) -> None:
    class Odd(BaseException):
        pass

    site.hooks["prepare"] = fail(Odd())
    assert (await publish(app)).state == "failed"
    site.hooks = {"posted": fail(Odd())}
    assert (await publish(app, "二")).state == "confirmed"


async def test_two_processes_that_change_one_job_get_words(app: App, new_app: Callable[[], App], site: Site) -> None:
    site.hooks["prepare"] = fail(Unavailable(T))
    job = await publish(app)
    site.hooks.clear()
    assert job.job_id is not None
    async with new_app() as other:
        results = await asyncio.gather(
            app.publisher.retry(job.job_id), other.publisher.retry(job.job_id), return_exceptions=True
        )
    assert len(site.posts) == 1
    assert all(isinstance(item, JobView | InvalidInput) for item in results), results


async def test_two_sweeps_at_once_do_not_disturb_each_other(app: App, new_app: Callable[[], App], site: Site) -> None:
    for number in range(4):
        await scheduled(app, f"内容{number}")
    async with new_app() as other:
        await asyncio.gather(app.publisher.sweep(), other.publisher.sweep())
    assert {job.state for job in await app.publisher.list()} == {"confirmed"}
    assert len(site.posts) == 4


async def test_a_slow_job_does_not_hold_up_the_next_sweep(app: App, site: Site) -> None:
    go, reached = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        if not reached.is_set():
            reached.set()
            await go.wait()

    site.hooks["prepare"] = slow
    first = await scheduled(app, "慢", "toy:alice")
    sweeping = asyncio.create_task(app.sweep_forever(every_s=0.1))
    await reached.wait()
    second = await scheduled(app, "快", "weak:alice")
    try:
        async with asyncio.timeout(10):
            cursor = 0
            while await state(app, second) != "confirmed":
                await app.events.wait(cursor)
                cursor = await app.events.tail()
        assert await state(app, first) == "preparing"
    finally:
        go.set()
        sweeping.cancel()


async def test_an_unreadable_stored_plan_fails_in_words(app: App, site: Site) -> None:
    job = await scheduled(app, "旧格式")
    await app.store.write(
        lambda connection: connection.exec_driver_sql(
            """UPDATE publish_jobs SET draft = '{"from": "another version"}'"""
        )
    )
    await app.publisher.sweep()
    assert await state(app, job) == "failed"


async def test_words_of_an_adapter_carry_no_secret(app: App, site: Site) -> None:
    from creatorflow.api import Text

    site.hooks["prepare"] = fail(Unavailable(Text(en="bad cookie toy-cookie-value", zh="toy-cookie-value")))
    job = await publish(app)
    assert job.state == "failed"
    rows = await app.store.read(
        lambda connection: [
            str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())
            for table in ("publish_jobs", "publish_attempts", "events", "tasks")
        ]
    )
    assert "toy-cookie-value" not in "".join(rows)
    site.hooks = {"submit": fail(PluginError(Text(en="toy-cookie-value", zh="")))}
    assert "toy-cookie-value" not in str(await publish(app, "二"))


@pytest.mark.parametrize(
    ("receipt", "told"),
    [
        ({"state": PostState.DRAFT}, "uncertain"),
        ({"state": PostState.REJECTED}, "uncertain"),
        ({"post_id": 7}, "uncertain"),
        ({"evidence": {"at": datetime.now(UTC), "odd": {1, 2}, "nan": float("nan")}}, "confirmed"),
    ],
)
async def test_an_odd_receipt_confirms_nothing_false(
    app: App, site: Site, monkeypatch: pytest.MonkeyPatch, receipt: dict[str, Any], told: str
) -> None:
    async def submit(self: ToyAdapter, prepared: Prepared, commit: Commit) -> Receipt:
        await commit.arm(Sending(text=prepared.draft.text))
        return Receipt(**{"post_id": "7", "post_url": "https://toy.example/7", **receipt})

    monkeypatch.setattr(ToyAdapter, "submit", submit)
    assert (await publish(app)).state == told


async def test_an_adapter_that_sends_although_arm_refused_is_named(
    app: App, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def submit(self: ToyAdapter, prepared: Prepared, commit: Commit) -> Receipt:
        with contextlib.suppress(PluginError):
            await commit.arm(Sending(text="not the plan"))
        return Receipt(post_id="7", post_url="https://toy.example/7")

    monkeypatch.setattr(ToyAdapter, "submit", submit)
    job = await publish(app)
    assert job.state == "needs_attention"
    assert "without asking" in str(job.reason)
