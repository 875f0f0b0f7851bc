"""A post's own page on weibo.com and m.weibo.cn, as a visitor sees it (facts §6)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from aiohttp import web
from creatorflow_testkit.replica import captured, path_params, route

from creatorflow_weibo.sandbox.base import AJAX, MOBILE
from creatorflow_weibo.sandbox.html import notice_page, post_page
from creatorflow_weibo.sandbox.pictures import picture_url
from creatorflow_weibo.sandbox.publish import PublishPart
from creatorflow_weibo.sandbox.state import Post
from creatorflow_weibo.sandbox.text import created_at, to_html

__all__ = ["PagesPart"]


class PagesPart(PublishPart):
    """Pages for people."""

    @route(
        "GET", "/{uid:[0-9]+}/{name:[0-9A-Za-z]+}", name="post_page", host=AJAX, kind="page", provenance=captured("§6")
    )
    async def post_page(self, request: web.Request) -> web.StreamResponse:
        """``https://weibo.com/{uid}/{mblogid or id}``."""
        return self._page(request, path_params(request)["uid"])

    @route("GET", "/detail/{name:[0-9A-Za-z]+}", name="detail_page", host=AJAX, kind="page", provenance=captured("§6"))
    async def detail_page(self, request: web.Request) -> web.StreamResponse:
        """``https://weibo.com/detail/{id}``."""
        return self._page(request, "")

    @route(
        "GET",
        "/{word:status|detail}/{name:[0-9A-Za-z]+}",
        name="mobile_page",
        host=MOBILE,
        kind="page",
        provenance=captured("§6"),
    )
    async def mobile_page(self, request: web.Request) -> web.StreamResponse:
        """``https://m.weibo.cn/status/{id or bid}`` and ``/detail/…``, with the data in ``$render_data``."""
        return self._page(request, "")

    def _page(self, request: web.Request, uid: str) -> web.Response:
        mobile = request.host.startswith(MOBILE)
        post = self.find_post(path_params(request)["name"])
        if post is None or (uid and post.uid != uid) or self.clock.time() < post.readable_at:
            return _html(notice_page("抱歉，此微博不存在或已被删除"), 404)
        account = self.session(request, "cn" if mobile else "weibo")
        viewer = account.uid if account else ""
        if not self.readable(post, viewer):
            # The site answers 200 here and only the words differ: a client that trusts the status is wrong.
            return _html(notice_page("暂无查看权限"), 200)
        script = ""
        if mobile:
            data = json.dumps([{"status": self.status_json(post, viewer=viewer, full=True)}], ensure_ascii=False)
            safe = data.replace("</", "<\\/")  # a post may hold "</script>"
            script = f"<script>var $render_data = {safe}[0] || {{}};</script>"
        return _html(self._html_of(post, script), 200)

    def _html_of(self, post: Post, script: str) -> str:
        return post_page(
            name=self.state.accounts[post.uid].name,
            when=created_at(datetime.fromtimestamp(post.created, tz=UTC)),
            text=to_html(post.text),
            plain=post.text,
            pictures=[picture_url(pid, "mw690") for pid in post.pids],
            link=f"https://weibo.com/{post.uid}/{post.bid}",
            data=script,
        )


def _html(text: str, status: int) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
