"""The status object and what surrounds it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from creatorflow_weibo.sandbox.base import WeiboBase
from creatorflow_weibo.sandbox.pictures import picture_url
from creatorflow_weibo.sandbox.state import Account, Post
from creatorflow_weibo.sandbox.text import TOPIC, created_at, cut_to_units, to_html, weibo_length

__all__ = ["LONG", "ShapesPart"]

LONG = 140  # units; longer posts are "long text" and are cut in lists (facts §4)
_PICTURE_SIZES = ("thumbnail", "bmiddle", "large", "original", "largest", "mw2000")


class ShapesPart(WeiboBase):
    """Building JSON of posts and people."""

    def user_json(self, account: Account) -> dict[str, Any]:
        """The ``user`` of a status."""
        return {
            "id": int(account.uid),
            "idstr": account.uid,
            "screen_name": account.name,
            "profile_url": f"/u/{account.uid}",
            "verified": False,
        }

    def status_json(self, post: Post, *, viewer: str, full: bool) -> dict[str, Any]:
        """A status object.

        Args:
            post: the post.
            viewer: uid of who looks, ``""`` for a stranger; the owner also sees ``reads_count``.
            full: long text in full; else it is cut with ``…全文``.
        """
        is_long = weibo_length(post.text) > LONG
        text, tail = post.text, ""
        if is_long and not full:
            text = cut_to_units(post.text, LONG)
            tail = "…全文"
        link = f'…<a href="/status/{post.mid}" target="_blank">全文</a>' if tail else ""
        status: dict[str, Any] = {
            "visible": {"type": post.visible, "list_id": 0},
            "created_at": created_at(datetime.fromtimestamp(post.created, tz=UTC)),
            "id": post.mid,
            "idstr": str(post.mid),
            "mid": str(post.mid),
            "mblogid": post.bid,
            "user": self.user_json(self.state.accounts[post.uid]),
            "text": to_html(text) + link,
            "text_raw": text + tail,
            "textLength": weibo_length(post.text) * 2,
            "source": "微博网页版",
            "isLongText": is_long,
            "pic_num": len(post.pids),
            "pic_ids": list(post.pids),
            "pic_infos": {pid: self._picture_json(pid) for pid in post.pids},
            "topic_struct": [
                {"topic_title": name, "topic_url": f"https://s.weibo.com/weibo?q={quote(f'#{name}#')}"}
                for name in TOPIC.findall(text)
            ],
            "reposts_count": 0,
            "comments_count": 0,
            "attitudes_count": 0,
        }
        if is_long and full:
            status["longText"] = {"longTextContent": post.text}
        if viewer == post.uid:
            status["reads_count"] = self.reads(post)
        return status

    def reads(self, post: Post) -> int:
        """How often a post was read: one a minute, so that numbers move with the site's clock."""
        return max(0, int((self.clock.time() - post.created) // 60))

    def _picture_json(self, pid: str) -> dict[str, Any]:
        picture = self.state.pictures[pid]
        shape = {"width": picture.width, "height": picture.height}
        sizes = {
            size: {"url": picture_url(pid, "large" if size == "largest" else size), **shape} for size in _PICTURE_SIZES
        }
        return {"pic_id": pid, "type": "pic", **sizes}

    def readable(self, post: Post, viewer: str) -> bool:
        """Whether somebody may read a post; only the owner reads what is hidden or under review."""
        if viewer == post.uid:
            return post.review != "refused"
        return post.visible == 0 and not post.review
