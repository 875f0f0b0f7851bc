"""The account's own posts as Weibo lists them (facts §6)."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from datetime import datetime
from typing import Any

from creatorflow.api import Cause, RemotePost, Text, Unavailable

from creatorflow_weibo.answers import as_int
from creatorflow_weibo.client import Page, WeiboClient, drift, parse_time
from creatorflow_weibo.ids import mblogid_from_id, post_url

__all__ = ["own_posts", "post_id_of"]

#: 40 pages hold about 800 posts: nobody posts that much between a baseline and a read-back.
_MAX_PAGES = 40


def post_id_of(status: Mapping[str, Any]) -> str | None:
    """Return the numeric id of a status object, whichever of its three names is there."""
    for name in ("idstr", "mid", "id"):
        number = as_int(status.get(name))
        if number is not None and number > 0:
            return str(number)
    return None


def _is_pinned(item: Mapping[str, Any]) -> bool:
    return as_int(item.get("isTop")) == 1


async def own_posts(
    client: WeiboClient, uid: str, since: datetime, long_texts: MutableMapping[str, str]
) -> Sequence[RemotePost]:
    """Return the posts of ``uid`` created at or after ``since``, newest first.

    Scheduled posts are another list, which the adapter never writes to, so it is not read.

    Args:
        client: the session.
        uid: the account.
        since: aware, whole seconds.
        long_texts: full texts by post id that were fetched before; filled.

    Raises:
        Unavailable: a page is missing or unreadable. A list cut short would make a published post look absent.
    """
    found: dict[str, RemotePost] = {}
    seen: set[str | None] = set()
    cursor = ""
    for number in range(1, _MAX_PAGES + 1):
        page = await client.own_page(uid, number, cursor)
        _check_not_hidden(number, page)
        moments = [_created(item) for item in page.items]
        for item, moment in zip(page.items, moments, strict=True):
            if moment >= since:
                post = await _post(client, uid, item, moment, long_texts)
                found[post.post_id] = post
        # a pinned post stands first however old it is; the last unpinned one tells how far back the page reaches
        reach = [moment for item, moment in zip(page.items, moments, strict=True) if not _is_pinned(item)]
        seen |= {post_id_of(item) for item in page.items}
        # Only two signals that agree end the list early: no cursor, and as many posts as the list says there are.
        whole = not page.next_cursor and 0 < (page.total or 0) <= len(seen)
        if whole or (reach and reach[-1] < since) or (not page.items and page.next_cursor in ("", cursor)):
            return sorted(found.values(), key=lambda post: (post.created_at, int(post.post_id)), reverse=True)
        cursor = page.next_cursor
    raise Unavailable(
        Text(
            en=f"Weibo's list of own posts did not end within {_MAX_PAGES} pages. Try again later.",
            zh=f"微博的个人微博列表在 {_MAX_PAGES} 页内没有结束。请稍后重试。",
        ),
        cause=Cause.DRIFT,
    )


def _check_not_hidden(number: int, page: Page) -> None:
    if number == 1 and not page.items and not page.next_cursor and page.total:
        raise Unavailable(
            Text(
                en=f"Weibo says that the account has {page.total} posts but lists none. Try again later.",
                zh=f"微博显示该账号有 {page.total} 条微博，但列表为空。请稍后重试。",
            ),
            details={"total": page.total},
            cause=Cause.RISK,
        )


def _created(item: Mapping[str, Any]) -> datetime:
    try:
        return parse_time(str(item.get("created_at")))
    except ValueError as error:
        raise drift("ajax/statuses/mymblog", str(error)) from error


async def _post(
    client: WeiboClient,
    uid: str,
    item: Mapping[str, Any],
    created_at: datetime,
    long_texts: MutableMapping[str, str],
) -> RemotePost:
    post_id = post_id_of(item)
    if post_id is None:
        raise drift("ajax/statuses/mymblog", "a post without an id")
    raw = item.get("text_raw")
    shown = raw if isinstance(raw, str) else str(item.get("text") or "")
    truncated = False
    if item.get("isLongText"):
        full = long_texts.get(post_id) or await client.long_text(post_id)
        if full is None:
            truncated = True
        else:
            long_texts[post_id] = shown = full
    pids = item.get("pic_ids")
    pic_ids = tuple(str(pid) for pid in pids) if isinstance(pids, list) else ()
    count = as_int(item.get("pic_num"))
    mblogid = str(item.get("mblogid") or "") or mblogid_from_id(post_id)
    return RemotePost(
        post_id=post_id,
        url=post_url(uid, mblogid),
        text=shown,
        created_at=created_at,
        media_count=count if count is not None else (len(pic_ids) if isinstance(pids, list) else None),
        media_ids=pic_ids,
        truncated=truncated,
    )
