"""Own posts: complete or an error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from creatorflow.api import CredentialRejected, RateLimited, Unavailable
from creatorflow_weibo.adapter import WeiboAdapter

UID = "7654321098"
LIST = "/ajax/statuses/mymblog"
LONG = "/ajax/statuses/longtext"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def when(moment: datetime) -> str:
    return moment.strftime("%a %b %d %H:%M:%S +0000 %Y")


def post(number: int, minutes_ago: float, **more: Any) -> dict[str, Any]:
    return {
        "idstr": str(5_000_000_000_000_000 + number),
        "text_raw": f"第{number}条",
        "created_at": when(NOW - timedelta(minutes=minutes_ago)),
        "pic_num": 0,
        "pic_ids": [],
        **more,
    }


def pages(*each: list[dict[str, Any]], total: int | None = None) -> Any:
    """A list of pages with cursors; what lies behind the last one is empty."""

    async def reply(request: web.Request, body: bytes) -> web.StreamResponse:
        assert request.query["uid"] == UID
        number = int(request.query["page"])
        assert request.query["since_id"] == (f"cursor{number}" if 1 < number <= len(each) else "")
        items = each[number - 1] if number <= len(each) else []
        more = f"cursor{number + 1}" if number < len(each) else ""
        return web.json_response({"ok": 1, "data": {"list": items, "since_id": more, "total": total}})

    return reply


async def numbers(adapter: WeiboAdapter, minutes: float) -> list[int]:
    found = await adapter.list_posts(NOW - timedelta(minutes=minutes))
    return [int(one.post_id) % 1000 for one in found]


async def test_pages_until_it_is_old_enough(site: Any, adapter: WeiboAdapter) -> None:
    site.answers[LIST] = pages([post(9, 1), post(8, 2)], [post(7, 3), post(6, 40)], [post(5, 50)])
    assert await numbers(adapter, 30) == [9, 8, 7]
    assert site.paths().count(LIST) == 2
    assert await numbers(adapter, 60) == [9, 8, 7, 6, 5]


async def test_an_old_pinned_post_does_not_end_the_list(site: Any, adapter: WeiboAdapter) -> None:
    site.answers[LIST] = pages([post(1, 9999, isTop=1), post(9, 1)], [post(8, 2)], [post(7, 99)])
    assert await numbers(adapter, 30) == [9, 8]
    site.answers[LIST] = pages([post(1, 9999, isTop=1)], [post(8, 2)])
    assert await numbers(adapter, 30) == [8]


async def test_an_empty_page_with_a_cursor_is_not_the_end(site: Any, adapter: WeiboAdapter) -> None:
    site.answers[LIST] = pages([], [post(8, 2)])
    assert await numbers(adapter, 30) == [8]


async def test_a_new_account_has_no_posts(site: Any, adapter: WeiboAdapter) -> None:
    site.answers[LIST] = pages([], total=0)
    assert await numbers(adapter, 30) == []


async def test_a_list_that_hides_what_it_counts_is_an_error(site: Any, adapter: WeiboAdapter) -> None:
    site.answers[LIST] = pages([], total=12)
    with pytest.raises(Unavailable):
        await numbers(adapter, 30)


async def test_times_are_whole_seconds(site: Any, adapter: WeiboAdapter) -> None:
    site.answers[LIST] = pages([post(9, 0)])
    assert len(await adapter.list_posts(NOW + timedelta(microseconds=900_000))) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"ok": -100}, CredentialRejected),
        ({"ok": 0, "msg": "操作频繁"}, RateLimited),
        ({"ok": 1, "data": {}}, Unavailable),
        ({"ok": 1, "data": {"list": [post(3, 1, created_at="刚刚")]}}, Unavailable),
        ({"ok": 1, "data": {"list": [{"created_at": when(NOW)}]}}, Unavailable),
        ({"ok": 1, "data": {"list": ["x"]}}, Unavailable),
    ],
    ids=str,
)
async def test_trouble_on_a_later_page_is_an_error(site: Any, adapter: WeiboAdapter, answer: Any, kind: type) -> None:
    first = {"ok": 1, "data": {"list": [post(9, 1)], "since_id": "c"}}
    site.answers[LIST] = [first, answer]
    with pytest.raises(kind):
        await numbers(adapter, 30)


async def test_a_list_without_end_is_an_error(site: Any, adapter: WeiboAdapter) -> None:
    async def reply(request: web.Request, body: bytes) -> web.StreamResponse:
        number = int(request.query["page"])
        return web.json_response({"ok": 1, "data": {"list": [post(number, 1)], "since_id": str(number)}})

    site.answers[LIST] = reply
    with pytest.raises(Unavailable):
        await numbers(adapter, 30)


async def test_what_a_post_tells(site: Any, adapter: WeiboAdapter) -> None:
    site.answers[LIST] = pages([post(9, 1, mblogid="Ab3", pic_num=2, pic_ids=["p1", "p2"], visible={"type": 1})])
    (found,) = await adapter.list_posts(NOW - timedelta(minutes=30))
    assert found.url == f"https://weibo.com/{UID}/Ab3"
    assert (found.media_count, found.media_ids) == (2, ("p1", "p2"))
    assert found.created_at == NOW - timedelta(minutes=1)
    assert not found.truncated


async def test_long_posts_are_read_in_full_and_once(site: Any, adapter: WeiboAdapter) -> None:
    site.answers[LIST] = pages([post(9, 1, isLongText=True, text_raw="开头...全文"), post(8, 2)])
    site.answers[LONG] = {"ok": 1, "data": {"longTextContent": "开头和结尾"}}
    for _ in range(2):
        first, second = await adapter.list_posts(NOW - timedelta(minutes=30))
        assert (first.text, first.truncated) == ("开头和结尾", False)
        assert second.text == "第8条"
    assert site.paths().count(LONG) == 1


async def test_a_long_text_that_is_not_given_is_marked(site: Any, adapter: WeiboAdapter) -> None:
    site.answers[LIST] = pages([post(9, 1, isLongText=True, text_raw="开头...全文")])
    site.answers[LONG] = {"ok": 0, "msg": "该微博不存在"}
    (found,) = await adapter.list_posts(NOW - timedelta(minutes=30))
    assert found.truncated
    assert adapter.normalise(found.text) == "开头"


async def test_a_long_text_that_cannot_be_fetched_is_an_error(site: Any, adapter: WeiboAdapter) -> None:
    site.answers[LIST] = pages([post(9, 1, isLongText=True)])
    with pytest.raises(Unavailable):
        await numbers(adapter, 30)
