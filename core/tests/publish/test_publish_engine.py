"""The engine's order of steps, its locks, and what it makes of every kind of trouble."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from creatorflow.api import (
    Cause,
    ContentError,
    CredentialRejected,
    DuplicateContent,
    OfflineDenied,
    RateLimited,
    Refused,
    Unavailable,
    Uncertain,
)
from creatorflow.app import App
from creatorflow.publish import JobView

from .conftest import Site
from .steps import T, fail, post_and, publish, states


async def test_the_whole_order_of_a_publish(app: App, site: Site) -> None:
    job = await publish(app)
    assert (job.state, job.proof, job.post_id, job.post_url) == ("confirmed", "listed", "1", "https://toy.example/1")
    assert site.calls == ["check_session", "prepare", "list_posts", "submit", "armed", "posted", "list_posts"]
    assert job.job_id is not None
    assert await states(app, job.job_id) == ["due", "preparing", "intent", "submitting", "confirmed"]


async def test_the_intent_is_on_disk_before_the_request(app: App, site: Site, home: Path) -> None:
    seen: list[tuple[object, ...]] = []

    def look() -> None:
        other = sqlite3.connect(home / "creatorflow.db")
        seen.extend(
            other.execute(
                "SELECT j.state, a.intent_at IS NOT NULL, a.baseline FROM publish_jobs j JOIN publish_attempts a USING (job_id)"
            )
        )
        other.close()

    site.make("older")
    site.hooks["armed"] = look
    await publish(app)
    assert seen == [("submitting", 1, '["1"]')]


async def test_a_stale_owner_sends_nothing(app: App, site: Site, home: Path) -> None:
    def take_over() -> None:
        with contextlib.closing(sqlite3.connect(home / "creatorflow.db", isolation_level=None)) as other:
            other.execute("UPDATE accounts SET epoch = epoch + 1")

    site.hooks["submit"] = take_over
    job = await publish(app)
    assert (job.state, site.posts) == ("preparing", [])
    assert "armed" not in site.calls
    settled = await app.publisher.reconcile()
    assert [item.state for item in settled] == ["due"]
    site.hooks.clear()
    assert [item.state for item in await app.publisher.sweep()] == ["confirmed"]
    assert len(site.posts) == 1


async def test_two_processes_make_one_post_of_the_same_content(
    app: App, site: Site, new_app: Callable[[], App]
) -> None:
    async with new_app() as other:
        results = await asyncio.gather(publish(app), publish(other), return_exceptions=True)
    assert len(site.posts) == 1
    assert any(isinstance(item, JobView) and item.state == "confirmed" for item in results), results
    for item in results:
        assert isinstance(item, JobView | DuplicateContent), item


async def test_jobs_of_one_account_never_overlap(app: App, site: Site, new_app: Callable[[], App]) -> None:
    busy = 0

    async def enter() -> None:
        nonlocal busy
        busy += 1
        assert busy == 1, "two jobs of one account at once"
        await asyncio.sleep(0.02)

    async def leave() -> None:
        nonlocal busy
        busy -= 1

    site.hooks |= {"check_session": enter, "posted": leave}
    async with new_app() as other:
        jobs = await asyncio.gather(
            *[publish(owner, f"内容{n}") for n in range(4) for owner in (app, other) if (n % 2 == 0) == (owner is app)]
        )
    assert [job.state for job in jobs] == ["confirmed"] * 4
    assert len(site.posts) == 4


BEFORE = [
    (CredentialRejected(T), "waiting_human", Cause.SESSION),
    (OfflineDenied(T), "waiting_network", Cause.NETWORK),
    (Unavailable(T), "failed", Cause.NETWORK),
    (RateLimited(T), "failed", Cause.RISK),
    (Refused(T), "failed", Cause.CONTENT),
    (ContentError(T), "failed", Cause.CONTENT),
    (ValueError("secret words"), "failed", Cause.OUR_BUG),
    (TimeoutError(), "failed", Cause.NETWORK),
]


@pytest.mark.parametrize("point", ["check_session", "prepare", "list_posts", "submit"])
@pytest.mark.parametrize(
    ("error", "state", "cause"), BEFORE, ids=lambda value: getattr(value, "__class__", type(value)).__name__
)
async def test_trouble_before_the_intent_is_certainly_unsent(
    app: App, site: Site, error: Exception, state: str, cause: Cause, point: str
) -> None:
    site.hooks[point] = fail(error)
    job = await publish(app)
    assert (job.state, job.cause, site.posts) == (state, cause.value, [])
    assert job.reason is not None
    assert "secret words" not in job.reason


AFTER = [
    (Refused(T), "rejected"),
    (CredentialRejected(T), "rejected"),
    (Refused(T, {"duplicate": True}), "rejected"),
    (Unavailable(T), "uncertain"),
    (Uncertain(T), "uncertain"),
    (ValueError("x"), "uncertain"),
    (TimeoutError(), "uncertain"),
    (ContentError(T), "uncertain"),
]


@pytest.mark.parametrize(("error", "state"), AFTER, ids=lambda value: type(value).__name__)
async def test_trouble_after_the_intent_ends_only_by_the_sites_own_words(
    app: App, site: Site, error: Exception, state: str
) -> None:
    site.hooks["armed"] = fail(error)
    assert (await publish(app)).state == state


@pytest.mark.parametrize("error", [Unavailable(T), TimeoutError(), ValueError("x"), Uncertain(T)])
async def test_a_lost_answer_is_found_again_and_never_sent_twice(app: App, site: Site, error: Exception) -> None:
    site.hooks["posted"] = fail(error)
    job = await publish(app)
    assert (job.state, job.post_id, len(site.posts)) == ("confirmed", "1", 1)
    with pytest.raises(DuplicateContent):
        await publish(app)
    assert len(site.posts) == 1


async def test_absence_needs_the_settle_time_and_several_reads(app: App, site: Site) -> None:
    site.hooks["armed"] = fail(Unavailable(T))
    job = await publish(app)
    assert job.job_id is not None
    assert job.state == "uncertain"
    for _ in range(3):  # many reads at once prove nothing
        assert (await app.publisher.reconcile(job.job_id))[0].state == "uncertain"
    settled = (await app.publisher.reconcile(job.job_id, wait_s=3.0))[0]
    assert settled.state == "absent"
    site.hooks.clear()
    assert (await app.publisher.retry(job.job_id)).state == "confirmed"
    assert len(site.posts) == 1
    story = await states(app, job.job_id)
    assert story[:5] == ["due", "preparing", "intent", "submitting", "uncertain"]
    assert set(story[5:-6]) == {"reconciling", "uncertain"}
    assert story[-6:] == ["absent", "due", "preparing", "intent", "submitting", "confirmed"]


async def test_a_weak_read_back_leaves_the_verdict_to_a_person(app: App, site: Site) -> None:
    site.hooks["armed"] = fail(Unavailable(T))
    job = await publish(app, target="weak:alice")
    assert job.job_id is not None
    assert (await app.publisher.reconcile(job.job_id, wait_s=3.0))[0].state == "needs_attention"
    task = next(task for task in await app.tasks.list(["open"]) if task.job_id == job.job_id)
    await app.tasks.answer(task.task_id, "absent", "tester")
    assert (await app.publisher.get(job.job_id)).state == "absent"


async def test_two_posts_that_fit_are_a_persons_matter(app: App, site: Site) -> None:
    site.hooks["posted"] = post_and(site, Unavailable(T))
    job = await publish(app)
    assert job.state == "needs_attention"
    assert job.job_id is not None
    resolved = await app.publisher.resolve(job.job_id, "confirmed", "https://toy.example/1", "tester")
    assert (resolved.state, resolved.post_url) == ("confirmed", "https://toy.example/1")
    assert [task for task in await app.tasks.list(["open"]) if task.job_id == job.job_id] == []


async def test_a_late_post_of_the_first_attempt_is_found_before_the_second(app: App, site: Site) -> None:
    site.hooks["armed"] = fail(Unavailable(T))
    job = await publish(app)
    assert job.job_id is not None
    await app.publisher.reconcile(job.job_id, wait_s=3.0)
    site.hooks.clear()
    site.make("第一条内容")  # the request arrived after all
    again = await app.publisher.retry(job.job_id)
    assert (again.state, len(site.posts)) == ("confirmed", 1)


async def test_a_duplicate_refusal_of_a_second_attempt_is_evidence(app: App, site: Site) -> None:
    site.hooks["armed"] = fail(Unavailable(T))
    job = await publish(app)
    assert job.job_id is not None
    await app.publisher.reconcile(job.job_id, wait_s=3.0)
    site.listed = False
    site.hooks["armed"] = post_and(site, Refused(T, {"duplicate": True}))
    assert (await app.publisher.retry(job.job_id)).state == "uncertain"
    site.listed = True
    assert (await app.publisher.reconcile(job.job_id))[0].state == "confirmed"
