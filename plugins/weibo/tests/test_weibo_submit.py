"""The one irreversible request, and what each answer to it means."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from creatorflow.api import (
    Cause,
    CredentialRejected,
    Draft,
    Form,
    PluginError,
    Prepared,
    Receipt,
    Refused,
    StaleOwner,
    Text,
    Unavailable,
    Uncertain,
)
from creatorflow_weibo.adapter import WeiboAdapter

UPDATE = "/ajax/statuses/update"
POST = {"idstr": "3501756485200075", "mblogid": "z0JH2lOMb", "text_raw": "你好", "user": {"idstr": "7654321098"}}


def draft(text: str = "你好") -> Draft:
    return Draft(platform="weibo", form=Form.TEXT, text=text)


async def submit(adapter: WeiboAdapter, commit: Any) -> Receipt:
    await adapter.check_session()
    return await adapter.submit(await adapter.prepare(draft()), commit)


async def test_a_receipt(site: Any, adapter: WeiboAdapter, commit: Any) -> None:
    site.answers[UPDATE] = {"ok": 1, "msg": "发布成功", "data": POST}
    receipt = await submit(adapter, commit)
    assert receipt.post_id == "3501756485200075"
    assert receipt.post_url == "https://weibo.com/7654321098/z0JH2lOMb"
    assert receipt.uid == "7654321098"
    assert not receipt.delayed
    (sending,) = commit.armed
    assert sending.text == "你好"
    assert site.paths("POST") == [UPDATE]
    _, _, body, headers = next(request for request in site.requests if request[1] == UPDATE)
    assert parse_qs(body.decode())["content"] == ["你好"]
    assert headers["x-xsrf-token"] == "tok=en"  # the cookie, decoded
    assert headers["Referer"] == "https://weibo.com/"
    assert headers["Origin"] == "https://weibo.com"
    assert headers["X-Requested-With"] == "XMLHttpRequest"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_another_owner_in_the_answer_is_passed_on(site: Any, adapter: WeiboAdapter, commit: Any) -> None:
    site.answers[UPDATE] = {"ok": 1, "data": {"mid": "3501756485200075", "user": {"id": 42}}}
    receipt = await submit(adapter, commit)
    assert receipt.uid == "42"
    assert receipt.post_url == "https://weibo.com/42/z0JH2lOMb"  # worked out from the number


async def test_nothing_is_sent_before_arm_and_nothing_when_it_refuses(
    site: Any, adapter: WeiboAdapter, make_commit: Any
) -> None:
    seen: list[list[str]] = []

    def refuse() -> None:
        seen.append(site.paths("POST"))
        raise StaleOwner(Text(en="another process", zh="另一进程"))

    with pytest.raises(StaleOwner):
        await submit(adapter, make_commit(refuse))
    assert seen == [[]]
    assert site.paths("POST") == []


async def test_delayed_is_a_success(site: Any, adapter: WeiboAdapter, commit: Any) -> None:
    site.answers[UPDATE] = {"ok": 0, "error_code": "20032", "msg": "发布成功，可能会有延迟", "data": POST}
    receipt = await submit(adapter, commit)
    assert receipt.delayed
    assert receipt.post_id == "3501756485200075"


NOT_KNOWN: list[Any] = [
    {"ok": 0, "error_code": 20032, "msg": "请稍等1-2分钟"},
    {"ok": 1, "msg": "发布成功"},
    {"ok": 1, "data": {"idstr": "abc"}},
    {"ok": 0},
    {"ok": 0, "error_code": 10010, "msg": "任务超时"},
    {"ok": 0, "error_code": 10001, "msg": "system error"},
    {"ok": 0, "error_code": "10003", "msg": "远程服务出错"},
    {"ok": 0, "error_code": 10009, "msg": "任务过多"},
    {"ok": 0, "msg": "系统繁忙，请稍后再试"},
    {"data": POST},
    {"msg": "?"},
    {},
    [],
]


@pytest.mark.parametrize("answer", NOT_KNOWN, ids=str)
async def test_what_says_neither_yes_nor_no(site: Any, adapter: WeiboAdapter, commit: Any, answer: Any) -> None:
    async def reply(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.json_response(answer)

    site.answers[UPDATE] = reply
    with pytest.raises(Uncertain):
        await submit(adapter, commit)
    assert site.paths("POST") == [UPDATE]  # and never a second time


@pytest.mark.parametrize("status", [302, 401, 403, 404, 414, 418, 429, 432, 500, 502, 504])
@pytest.mark.parametrize("body", ['{"ok": 0, "msg": "内容违规"}', '{"ok": -100}', '{"ok": 1}', "<html>"])
async def test_other_statuses_say_nothing(
    site: Any, adapter: WeiboAdapter, commit: Any, status: int, body: str
) -> None:
    async def reply(request: web.Request, _: bytes) -> web.StreamResponse:
        return web.Response(status=status, text=body, content_type="application/json")

    site.answers[UPDATE] = reply
    with pytest.raises(Uncertain) as caught:
        await submit(adapter, commit)
    assert str(status) in caught.value.text.en
    assert site.paths("POST") == [UPDATE]


@pytest.mark.parametrize("body", ["", "null", "<html>登录</html>", '{"ok": 1,'])
async def test_no_json_says_nothing(site: Any, adapter: WeiboAdapter, commit: Any, body: str) -> None:
    async def reply(request: web.Request, _: bytes) -> web.StreamResponse:
        return web.Response(text=body)

    site.answers[UPDATE] = reply
    with pytest.raises(Uncertain):
        await submit(adapter, commit)


async def test_a_lost_answer_says_nothing(site: Any, adapter: WeiboAdapter, commit: Any) -> None:
    async def reply(request: web.Request, _: bytes) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    site.answers[UPDATE] = reply
    with pytest.raises(Uncertain):
        await submit(adapter, commit)
    assert site.paths("POST") == [UPDATE]


async def test_a_request_that_never_left_is_said_to_be_unsent(
    site: Any, context: Any, adapter: WeiboAdapter, commit: Any
) -> None:
    await adapter.check_session()
    prepared = await adapter.prepare(draft())
    context.http.client._transport._port = 1  # nobody listens there
    await context.http.client._transport._pool.aclose()
    with pytest.raises(Unavailable) as caught:
        await adapter.submit(prepared, commit)
    assert caught.value.details["sent"] is False
    assert len(commit.armed) == 1


@pytest.mark.parametrize(
    ("answer", "cause", "flag"),
    [
        ({"ok": 0, "msg": "发布失败"}, None, None),
        ({"ok": "0", "message": "内容违规，无法发布"}, Cause.CONTENT, None),
        ({"ok": 0, "error_code": 20021, "error": "content is illegal"}, Cause.CONTENT, None),
        ({"ok": 0, "msg": "操作太频繁，请稍后再试"}, Cause.RISK, "rate_limited"),
        ({"ok": 0, "msg": "请稍后再试"}, Cause.RISK, "rate_limited"),
        ({"error_code": "20016", "error": "out of limit"}, Cause.RISK, "rate_limited"),
        ({"ok": 0, "error_code": 20019, "msg": "?"}, Cause.CONTENT, "duplicate"),
        ({"ok": 0, "error_code": 20017}, Cause.CONTENT, "duplicate"),
        ({"ok": 0, "error_code": "20111"}, Cause.CONTENT, "duplicate"),
        ({"ok": 0, "msg": "请不要重复发布相同内容，操作太频繁"}, Cause.CONTENT, "duplicate"),
        ({"ok": 0, "error_code": 20031, "msg": "需要验证码"}, Cause.RISK, "human"),
        ({"ok": 0, "msg": "user need identity authentication"}, Cause.ACCOUNT, None),
        ({"ok": 0, "error_code": 10014, "msg": "Insufficient app permissions"}, Cause.ACCOUNT, None),
    ],
    ids=str,
)
async def test_refusals(
    site: Any, adapter: WeiboAdapter, commit: Any, answer: dict[str, Any], cause: Cause | None, flag: str | None
) -> None:
    site.answers[UPDATE] = answer
    with pytest.raises(Refused) as caught:
        await submit(adapter, commit)
    error = caught.value
    assert error.cause is cause
    for name in ("duplicate", "rate_limited", "human"):
        assert error.details.get(name, False) is (name == flag)
    words = str(answer.get("msg") or answer.get("message") or answer.get("error") or "")
    assert error.details["platform_message"] == words
    assert words in error.text.en
    assert words in error.text.zh


@pytest.mark.parametrize(
    "answer", [{"ok": -100, "url": "https://passport.weibo.com/"}, {"ok": 0, "error_code": 100006, "msg": "x"}]
)
async def test_a_lost_login_is_no_refusal(
    site: Any, adapter: WeiboAdapter, commit: Any, answer: dict[str, Any]
) -> None:
    site.answers[UPDATE] = answer
    with pytest.raises(CredentialRejected):
        await submit(adapter, commit)


async def test_without_prepare_there_is_no_submit(site: Any, adapter: WeiboAdapter, commit: Any) -> None:
    picture = {"path": "/a.png", "sha256": "0" * 64, "mime": "image/png", "size": 1}
    lonely = Draft.model_validate({"platform": "weibo", "form": "image", "text": "图", "images": [picture]})
    with pytest.raises(PluginError):
        await adapter.submit(Prepared(draft=lonely), commit)
    assert commit.armed == []


async def test_a_checkpoint_is_enough_to_submit(site: Any, adapter: WeiboAdapter, commit: Any) -> None:
    site.answers[UPDATE] = {"ok": 1, "data": POST}
    picture = {"path": "/a.png", "sha256": "0" * 64, "mime": "image/png", "size": 1}
    resumed = Draft.model_validate({"platform": "weibo", "form": "image", "text": "图", "images": [picture]})
    checkpoint = {"pics": [{"sha256": "0" * 64, "pid": "pidA"}]}
    await adapter.submit(Prepared(draft=resumed, checkpoint=checkpoint), commit)
    assert commit.armed[0].media == 1
