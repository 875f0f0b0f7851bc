"""The adapter against the replica that was written from the same facts by somebody else."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from creatorflow.api import (
    AccountRef,
    Cause,
    CreatorFlowError,
    CredentialRejected,
    Draft,
    Form,
    HumanNeeded,
    MediaFile,
    Receipt,
    Refused,
    Unavailable,
    Uncertain,
    Visibility,
)
from creatorflow_testkit.replica import TestAccount
from creatorflow_testkit.sandbox import BackgroundSandbox
from creatorflow_weibo.adapter import WeiboAdapter

REPLICA = "creatorflow_weibo.sandbox:WeiboReplica"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[BackgroundSandbox]:
    with BackgroundSandbox(tmp_path / "sandbox", [REPLICA]) as running:
        yield running


@pytest.fixture
def account(sandbox: BackgroundSandbox) -> TestAccount:
    return sandbox.control.make_account(name="小明")


@pytest.fixture
async def weibo(
    sandbox: BackgroundSandbox, account: TestAccount, loopback_context: Callable[..., Any]
) -> AsyncIterator[WeiboAdapter]:
    context = loopback_context(sandbox.port, sandbox.ca_file, account.cookies)
    context.account = AccountRef(platform="weibo", name="alice", environment="sandbox", uid=account.uid)
    yield WeiboAdapter(context)
    await context.http.client.aclose()


def png(shade: int, folder: Path) -> MediaFile:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 3, 8, 0, 0, 0, 0))
    data += chunk(b"IDAT", zlib.compress((b"\0" + bytes([shade]) * 4) * 3)) + chunk(b"IEND", b"")
    path = folder / f"{shade}.png"
    path.write_bytes(data)
    return MediaFile(path=path, sha256=hashlib.sha256(data).hexdigest(), mime="image/png", size=len(data))


def draft(text: str = "你好，微博", *images: MediaFile, **more: Any) -> Draft:
    form = Form.IMAGE if images else Form.TEXT
    return Draft.model_validate({"platform": "weibo", "form": form, "text": text, "images": images, **more})


async def publish(weibo: WeiboAdapter, commit: Any, wanted: Draft) -> Receipt:
    await weibo.check_session()
    return await weibo.submit(await weibo.prepare(wanted), commit)


async def test_the_whole_way(
    sandbox: BackgroundSandbox, account: TestAccount, weibo: WeiboAdapter, commit: Any, tmp_path: Path
) -> None:
    info = await weibo.check_session()
    assert (info.uid, info.display_name) == (account.uid, "小明")
    start = datetime.now(UTC)
    assert list(await weibo.list_posts(start - timedelta(hours=1))) == []
    images = [png(shade, tmp_path) for shade in range(18)]
    wanted = draft(
        "看 https://example.com/a?b=1 & <b> #秋日#\n" + "长" * 300,
        *images,
        visibility=Visibility.PRIVATE,
        declarations={"ai_generated": True, "original": True},
    )
    receipt = await publish(weibo, commit, wanted)
    (kept,) = sandbox.control.posts()
    assert kept.post_id == receipt.post_id
    assert kept.text == wanted.text
    assert list(kept.media) == [image.sha256 for image in images]
    assert (kept.visibility, kept.declaration) == ("1", "1")
    assert receipt.uid == account.uid
    (found,) = await weibo.list_posts(start)
    assert (found.post_id, found.url) == (receipt.post_id, receipt.post_url)
    assert found.media_count == 18
    assert not found.truncated
    assert weibo.normalise(found.text) == weibo.normalise(wanted.text)
    assert commit.armed[0].text == wanted.text


@pytest.mark.parametrize("fault", ["answer_lost", "status_502_after_accept", "request_lost"])
async def test_lost_answers_are_uncertain(
    sandbox: BackgroundSandbox, weibo: WeiboAdapter, commit: Any, fault: str
) -> None:
    sandbox.control.arm(fault)
    start = datetime.now(UTC)
    with pytest.raises(Uncertain):
        await publish(weibo, commit, draft())
    accepted = 0 if fault == "request_lost" else 1
    assert sandbox.control.count_posts() == accepted
    assert len(await weibo.list_posts(start)) == accepted


@pytest.mark.parametrize(
    ("fault", "kind", "cause", "flag"),
    [
        ("duplicate_refused", Refused, Cause.CONTENT, "duplicate"),
        ("rate_limited", Refused, Cause.RISK, "rate_limited"),
        ("content_refused", Refused, Cause.CONTENT, ""),
        ("captcha_required", Refused, Cause.RISK, "human"),
    ],
)
async def test_refusals(
    sandbox: BackgroundSandbox,
    weibo: WeiboAdapter,
    commit: Any,
    fault: str,
    kind: type[CreatorFlowError],
    cause: Cause,
    flag: str,
) -> None:
    params: dict[str, Any] = {"force": True} if fault == "duplicate_refused" else {}
    sandbox.control.arm(fault, **params)
    with pytest.raises(kind) as caught:
        await publish(weibo, commit, draft())
    assert caught.value.cause is cause
    assert not flag or caught.value.details[flag] is True
    assert sandbox.control.count_posts() == 0


async def test_the_site_refuses_the_same_words_again(
    sandbox: BackgroundSandbox, weibo: WeiboAdapter, commit: Any
) -> None:
    sandbox.control.change_settings(refuse_repeats=True)
    await publish(weibo, commit, draft())
    with pytest.raises(Refused) as caught:
        await publish(weibo, commit, draft())
    assert caught.value.details["duplicate"] is True
    assert sandbox.control.count_posts() == 1


@pytest.mark.parametrize("ok", [0, 1])
async def test_accepted_with_delay_is_settled_by_reading(
    sandbox: BackgroundSandbox, weibo: WeiboAdapter, commit: Any, ok: int
) -> None:
    """The replica answers 20032 without naming the post, which the facts leave open: no id, no receipt."""
    sandbox.control.arm("accepted_delayed", ok=ok, seconds=90)
    start = datetime.now(UTC)
    with pytest.raises(Uncertain) as caught:
        await publish(weibo, commit, draft())
    assert caught.value.details["platform_code"] == 20032
    assert list(await weibo.list_posts(start)) == []
    sandbox.control.advance_clock(100)
    (found,) = await weibo.list_posts(start)
    (kept,) = sandbox.control.posts()
    assert found.post_id == kept.post_id


async def test_a_session_that_ends_in_between(sandbox: BackgroundSandbox, weibo: WeiboAdapter, commit: Any) -> None:
    await weibo.check_session()
    prepared = await weibo.prepare(draft())
    sandbox.control.arm("expired_session", route="publish")
    with pytest.raises(CredentialRejected):
        await weibo.submit(prepared, commit)
    assert sandbox.control.count_posts() == 0


async def test_a_lapsed_session_renews_itself(
    sandbox: BackgroundSandbox, account: TestAccount, weibo: WeiboAdapter
) -> None:
    sandbox.control.act("expire_session", uid=account.uid, zones=["weibo"])
    assert (await weibo.check_session()).uid == account.uid
    paths = [request["path"] for request in sandbox.control.requests()]
    assert "/sso/login.php" in paths


async def test_a_spent_ticket_needs_a_person(
    sandbox: BackgroundSandbox, account: TestAccount, weibo: WeiboAdapter
) -> None:
    sandbox.control.act("expire_session", uid=account.uid)
    with pytest.raises(CredentialRejected):
        await weibo.check_session()


async def test_cookies_without_a_token(
    sandbox: BackgroundSandbox, loopback_context: Callable[..., Any], commit: Any
) -> None:
    account = sandbox.control.make_account(name="小红", with_xsrf=False)
    context = loopback_context(sandbox.port, sandbox.ca_file, account.cookies)
    context.account = AccountRef(platform="weibo", name="bob", environment="sandbox", uid=account.uid)
    receipt = await publish(WeiboAdapter(context), commit, draft())
    assert receipt.uid == account.uid
    await context.http.client.aclose()


async def test_a_post_in_review_is_still_the_authors(
    sandbox: BackgroundSandbox, weibo: WeiboAdapter, commit: Any
) -> None:
    sandbox.control.arm("review_pending")
    start = datetime.now(UTC)
    receipt = await publish(weibo, commit, draft())
    assert [post.post_id for post in await weibo.list_posts(start)] == [receipt.post_id]


async def test_a_stranger_is_not_logged_in(sandbox: BackgroundSandbox, loopback_context: Callable[..., Any]) -> None:
    context = loopback_context(sandbox.port, sandbox.ca_file, [])
    with pytest.raises(CredentialRejected):
        await WeiboAdapter(context).check_session()
    await context.http.client.aclose()


async def test_the_wall(sandbox: BackgroundSandbox, weibo: WeiboAdapter) -> None:
    sandbox.control.arm("risk_wall")
    with pytest.raises(Unavailable) as caught:
        await weibo.check_session()
    assert caught.value.cause is Cause.RISK


async def test_lists_that_are_down(sandbox: BackgroundSandbox, weibo: WeiboAdapter) -> None:
    await weibo.check_session()
    sandbox.control.arm("list_down")
    with pytest.raises(Unavailable):
        await weibo.list_posts(datetime.now(UTC))


@pytest.mark.parametrize(
    ("number", "kind"), [(1, CredentialRejected), (5, HumanNeeded), (10, Refused), (11, Unavailable)]
)
async def test_upload_errors(
    sandbox: BackgroundSandbox, weibo: WeiboAdapter, tmp_path: Path, number: int, kind: type[CreatorFlowError]
) -> None:
    sandbox.control.arm("upload_error", number=number)
    with pytest.raises(kind):
        await weibo.prepare(draft("图", png(1, tmp_path)))
    assert sandbox.control.count_posts() == 0


async def test_rewritten_texts_are_recognised(sandbox: BackgroundSandbox, weibo: WeiboAdapter, commit: Any) -> None:
    sandbox.control.arm("text_rewritten")
    wanted = draft("看 https://example.com/a?b=1 & <b>1</b> #秋日# @小明 好[doge]\n第二行")
    start = datetime.now(UTC)
    await publish(weibo, commit, wanted)
    (found,) = await weibo.list_posts(start)
    assert weibo.normalise(found.text) == weibo.normalise(wanted.text)


async def test_a_shortened_text_is_not_taken_for_the_whole(
    sandbox: BackgroundSandbox, weibo: WeiboAdapter, commit: Any
) -> None:
    sandbox.control.arm("text_truncated")
    wanted = draft("头" * 400)
    start = datetime.now(UTC)
    await publish(weibo, commit, wanted)
    (found,) = await weibo.list_posts(start)
    assert weibo.normalise(found.text) != weibo.normalise(wanted.text)
