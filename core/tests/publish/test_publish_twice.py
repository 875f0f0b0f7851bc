"""Ways in which one post could have gone out twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from creatorflow.api import DuplicateContent, PostState, Unavailable
from creatorflow.app import App

from .conftest import Site
from .steps import T, fail, publish

HOUR = timedelta(hours=1)


async def again(app: App, name: str = "alice", **options: object) -> None:
    """Remove the account and add it once more."""
    await app.accounts.remove("toy:alice", force=True)
    await app.accounts.add("toy", name, cookies={"session": "toy-cookie-value"}, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["alice", "bob"])
async def test_an_account_that_was_removed_and_added_remembers_its_posts(app: App, site: Site, name: str) -> None:
    first = await publish(app, idempotency_key="k1")
    await again(app, name)
    with pytest.raises(DuplicateContent):
        await publish(app, target=f"toy:{name}")
    assert (await publish(app, target=f"toy:{name}", idempotency_key="k1")).job_id == first.job_id
    assert len(site.posts) == 1


async def test_a_retry_of_what_another_job_published_is_refused(app: App, site: Site) -> None:
    site.hooks["prepare"] = fail(Unavailable(T))
    failed = await publish(app)
    site.hooks.clear()
    assert (await publish(app)).state == "confirmed"
    assert failed.job_id is not None
    with pytest.raises(DuplicateContent):
        await app.publisher.retry(failed.job_id)
    assert len(site.posts) == 1


async def test_the_same_content_at_another_time_needs_permission(app: App, site: Site) -> None:
    planned = await publish(app, at=datetime.now(UTC) + HOUR)
    with pytest.raises(DuplicateContent) as caught:
        await publish(app)
    assert str(planned.job_id) in caught.value.text.en
    assert (await publish(app, allow_duplicate=True)).state == "confirmed"
    assert len(site.posts) == 1


@pytest.mark.parametrize("behind", [-20, 3, 23], ids=lambda hours: f"site {hours} h behind")
async def test_a_wrong_clock_makes_no_post_look_absent(
    app: App, site: Site, monkeypatch: pytest.MonkeyPatch, behind: int
) -> None:
    made = site.make

    def make(text: str) -> object:
        post = made(text)
        site.posts[-1] = replace(post, created_at=post.created_at - behind * HOUR)
        return site.posts[-1]

    monkeypatch.setattr(site, "make", make)
    site.make("第一条内容")  # a twin made by hand before, which must not be taken for ours
    site.hooks["posted"] = fail(Unavailable(T))
    job = await publish(app)
    assert (job.state, job.post_id) == ("confirmed", "2")


async def test_two_posts_that_fit_stop_a_retry(app: App, site: Site) -> None:
    site.hooks["armed"] = fail(Unavailable(T))
    job = await publish(app)
    assert job.job_id is not None
    assert (await app.publisher.reconcile(job.job_id, wait_s=3.0))[0].state == "absent"
    site.hooks.clear()
    site.make("第一条内容")
    site.make("第一条内容")
    assert (await app.publisher.retry(job.job_id)).state == "needs_attention"
    assert len(site.posts) == 2


async def test_an_interrupted_scheduled_post_is_not_sent_hours_later(
    app: App, site: Site, new_app: Callable[[], App]
) -> None:
    job = await publish(app, at=datetime.now(UTC) - timedelta(minutes=1))
    assert job.job_id is not None
    record = await app.publisher._ledger.get(job.job_id)
    await app.publisher._ledger.resume(record)  # claimed; then the machine was switched off until the next day
    await app.store.write(
        lambda connection: connection.exec_driver_sql(
            "UPDATE publish_jobs SET due_at = datetime(due_at, '-1 day') || '.000000'"
        )
    )
    assert [item.state for item in await app.publisher.sweep()] == ["missed"]
    assert site.posts == []


async def test_a_refusal_by_review_of_the_first_attempt_is_not_taken_for_the_second(app: App, site: Site) -> None:
    async def review() -> None:
        site.posts[0] = replace(site.posts[0], state=PostState.REJECTED)

    site.hooks["posted"] = review
    job = await publish(app)
    assert (job.state, job.post_id) == ("rejected", "1")
    assert job.job_id is not None
    site.hooks["posted"] = fail(Unavailable(T))
    second = await app.publisher.retry(job.job_id)
    assert (second.state, second.post_id, len(site.posts)) == ("confirmed", "2", 2)
    history = await app.store.read(
        lambda connection: connection.exec_driver_sql("SELECT post_id, status FROM publish_history").all()
    )
    assert [tuple(row) for row in history] == [("2", "confirmed")]


async def test_a_late_second_post_is_not_called_refused_because_the_first_was(app: App, site: Site) -> None:
    site.hooks["posted"] = lambda: site.posts.__setitem__(0, replace(site.posts[0], state=PostState.REJECTED))
    job = await publish(app)
    assert job.job_id is not None
    site.hooks = {"armed": fail(Unavailable(T))}  # sent, slow to appear
    assert (await app.publisher.retry(job.job_id)).state == "uncertain"


async def test_each_of_two_equal_posts_proves_only_one_job(app: App, site: Site) -> None:
    site.hooks["armed"] = fail(Unavailable(T))
    lost = await publish(app)
    site.hooks.clear()
    wanted = await publish(app, allow_duplicate=True)
    assert (wanted.state, wanted.post_id) == ("confirmed", "1")
    assert lost.job_id is not None
    assert (await app.publisher.reconcile(lost.job_id, wait_s=3.0))[0].state == "absent"


async def test_a_post_that_a_list_shows_twice_is_one(app: App, site: Site) -> None:
    def posted() -> None:
        site.posts.append(site.posts[0])
        raise Unavailable(T)

    site.hooks["posted"] = posted
    assert (await publish(app)).state == "confirmed"


async def test_a_rewritten_text_is_no_proof_of_absence(app: App, site: Site) -> None:
    site.stored = lambda text: "***"
    site.hooks["posted"] = fail(Unavailable(T))
    job = await publish(app)
    assert job.job_id is not None
    settled = (await app.publisher.reconcile(job.job_id, wait_s=3.0))[0]
    assert settled.state == "needs_attention"
    assert "https://toy.example/1" in str(settled.reason)
