"""Reading posts back: one, lists, long text, numbers, profile (facts §6, §7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web
from creatorflow_testkit.replica import Answered, captured, json_answer, route

from creatorflow_weibo.sandbox.base import AJAX
from creatorflow_weibo.sandbox.publish import PublishPart
from creatorflow_weibo.sandbox.shapes import LONG
from creatorflow_weibo.sandbox.state import Account, Post
from creatorflow_weibo.sandbox.text import weibo_length

__all__ = ["PAGE", "ReadingPart"]

PAGE = 20  # posts per page of a list


class ReadingPart(PublishPart):
    """The reading calls."""

    @route("GET", "/ajax/statuses/show", name="show", host=AJAX, provenance=captured("§6"))
    async def show(self, request: web.Request) -> web.StreamResponse:
        """One status; ``isGetLongText=true`` gives long text in full."""
        post, viewer = self._asked(request)
        full = request.query.get("isGetLongText", "") in {"true", "1"}
        return json_answer({"ok": 1, **self.status_json(post, viewer=viewer, full=full)})

    @route("GET", "/ajax/statuses/longtext", name="longtext", host=AJAX, provenance=captured("§6"))
    async def longtext(self, request: web.Request) -> web.StreamResponse:
        """The whole text of a long post; empty data for a short one."""
        post, _ = self._asked(request)
        data = {"longTextContent": post.text} if weibo_length(post.text) > LONG else {}
        return json_answer({"ok": 1, "data": data})

    @route("GET", "/ajax/statuses/extend", name="extend", host=AJAX, provenance=captured("§7"))
    async def extend(self, request: web.Request) -> web.StreamResponse:
        """Reads of an own post."""
        post, viewer = self._asked(request)
        data = {"reads_count": self.reads(post)} if viewer == post.uid else {}
        return json_answer({"ok": 1, "data": data})

    @route("GET", "/ajax/statuses/mymblog", name="mymblog", host=AJAX, kind="list", provenance=captured("§6"))
    async def mymblog(self, request: web.Request) -> web.StreamResponse:
        """Posts of an account, newest first, 20 a page; the next page by ``page`` or by ``since_id``."""
        self.need_referer(request)
        viewer = self.login(request)
        posts = self._listed(request, viewer, lambda post: True)
        since = request.query.get("since_id", "").partition("kp")[0]
        page = _page(request)
        rest = posts[(page - 1) * PAGE :]
        if since.isdigit() and int(since):  # wins over the page number
            rest = [post for post in posts if post.mid < int(since)]
        shown = rest[:PAGE]
        data = {
            "list": [self.status_json(post, viewer=viewer.uid, full=False) for post in shown],
            "since_id": f"{shown[-1].mid}kp{page + 1}" if len(rest) > PAGE else "",
            "total": len(posts),
            "status_visible": 0,
        }
        return json_answer({"ok": 1, "data": data})

    @route(
        "GET", "/ajax/statuses/searchProfile", name="search_profile", host=AJAX, kind="list", provenance=captured("§6")
    )
    async def search_profile(self, request: web.Request) -> web.StreamResponse:
        """Posts of an account in a time window (``starttime``, ``endtime`` in seconds, both inclusive)."""
        self.need_referer(request)
        viewer = self.login(request)
        start, end = _number(request, "starttime", 0.0), _number(request, "endtime", float("inf"))
        hasori = request.query.get("hasori", "1") != "0"  # originals; reposts do not exist in the replica
        posts = self._listed(request, viewer, lambda post: hasori and start <= int(post.created) <= end)
        page = _page(request)
        shown = posts[(page - 1) * PAGE : page * PAGE]
        items = [self.status_json(post, viewer=viewer.uid, full=False) for post in shown]
        return json_answer({"ok": 1, "data": {"list": items, "total": len(posts)}})

    @route("GET", "/ajax/profile/info", name="profile_info", host=AJAX, provenance=captured("§2.4, §7"))
    async def profile_info(self, request: web.Request) -> web.StreamResponse:
        """A profile; HTTP 400 without uid."""
        self.need_referer(request)
        self.need_any_sub(request)
        uid = request.query.get("uid", "")
        if not uid:
            return json_answer({"ok": 0, "msg": "参数错误"}, status=400)
        account = self.state.accounts.get(uid)
        if account is None:
            return self.failure(20003, "用户不存在")
        posts = [post for post in self.state.of(uid) if self.readable(post, uid)]
        user = {**self.user_json(account), "followers_count": 0, "friends_count": 0, "statuses_count": len(posts)}
        user["status_total_counter"] = {"total_cnt": "0", "like_cnt": "0", "repost_cnt": "0", "comment_cnt": "0"}
        return json_answer({"ok": 1, "data": {"user": user}})

    # ---- help ----------------------------------------------------------------------------------------------------
    def _asked(self, request: web.Request) -> tuple[Post, str]:
        """The post named by ``id`` and the viewer's uid, or the site's refusal."""
        self.need_referer(request)
        self.need_any_sub(request)
        account = self.session(request)
        viewer = account.uid if account else ""
        post = self.find_post(request.query.get("id", ""))
        if post is None or self.clock.time() < post.readable_at:
            if self.settings["missing_post"] == "404":
                raise Answered(json_answer({"ok": 0}, status=404))
            raise Answered(self.failure(20101, "该微博不存在"))
        if not self.readable(post, viewer):
            raise Answered(self.failure(20112, "暂无查看权限"))
        return post, viewer

    def _listed(self, request: web.Request, viewer: Account, wanted: Callable[[Post], bool]) -> list[Post]:
        """Posts of the asked account that the viewer's list shows now."""
        uid = request.query.get("uid", "")
        if not uid:
            raise Answered(json_answer({"ok": 0, "msg": "参数错误"}, status=400))
        now, horizon = self.clock.time(), self.list_horizon(request)

        def shows(post: Post) -> bool:
            fresh = horizon is None or post.created <= horizon
            return fresh and post.listed_at <= now and self.readable(post, viewer.uid)

        return [post for post in self.state.of(uid) if shows(post) and wanted(post)]


def _page(request: web.Request) -> int:
    given: Any = request.query.get("page", "1")
    return max(1, int(given)) if given.isdigit() else 1


def _number(request: web.Request, key: str, missing: float) -> float:
    given = request.query.get(key, "")
    return float(given) if given.isdigit() else missing
