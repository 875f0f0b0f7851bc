"""Publishing and changing posts (facts §3.2, §9)."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web
from creatorflow_testkit.replica import SettingError, action, captured, json_answer, route

from creatorflow_weibo.sandbox.base import AJAX
from creatorflow_weibo.sandbox.ids import bid_to_mid
from creatorflow_weibo.sandbox.shapes import LONG, ShapesPart
from creatorflow_weibo.sandbox.state import Account, Post
from creatorflow_weibo.sandbox.text import cut_to_units, rewritten, weibo_length

__all__ = ["DraftPost", "PublishPart", "fields", "parse_pic_id"]

VISIBLE = {0, 1, 5, 6, 10}
#: Fault to (number, wording) of the refusal; the wording is what clients match on.
_REFUSALS = {
    "rate_limited": (20016, "操作过于频繁，请稍后再试"),
    "captcha_required": (20031, "需要验证码"),
    "identity_required": (20014, "user need identity authentication"),
    "content_refused": (20021, "内容违规，发布失败"),
}
_REPEATED = (20019, "不要太贪心哦，发一次就够啦，请勿重复发布相同内容")


@dataclass(frozen=True)
class DraftPost:
    """A publishing request that passed all checks of the form.

    Attributes:
        sent: text as sent.
        text: text to store.
        pids: pictures in order.
        visible: see ``Post``.
        declaration: the ``mblog_statement`` as sent, ``None`` when there was none.
    """

    sent: str
    text: str
    pids: tuple[str, ...]
    visible: int
    declaration: str | None


class PublishPart(ShapesPart):
    """``ajax/statuses/update`` and the calls that change a post."""

    @route("POST", "/ajax/statuses/update", name="publish", host=AJAX, kind="publish", provenance=captured("§3.2"))
    async def publish(self, request: web.Request) -> web.StreamResponse:
        """Publish text and pictures."""
        account = self.write_guard(request)
        draft = self.read_draft(request, account, await fields(request))
        self._refuse_for_faults(request, account, draft)
        late = self.struck("accepted_delayed", request)
        post = self.store_post(
            account,
            replace(draft, text=self._site_text(request, draft.text)),
            list_delay=self.list_delay(request),
            read_delay=float(late.params["seconds"]) if late else 0.0,
            review="pending" if self.struck("review_pending", request) else "",
        )
        if late:
            text = "发布成功，目前服务器可能会有延迟，请耐心等待1-2分钟"
            return self.failure(20032, text, ok=int(late.params["ok"]))
        status = self.status_json(post, viewer=account.uid, full=True)
        return json_answer({"ok": 1, "msg": "发布成功", "data": status})

    @route("POST", "/ajax/statuses/destroy", name="destroy", host=AJAX, kind="write", provenance=captured("§3.2"))
    async def destroy(self, request: web.Request) -> web.StreamResponse:
        """Delete an own post."""
        account = self.write_guard(request)
        post = self.own_post(request, account, (await fields(request)).get("id", ""))
        self.ledger.record("delete", account.uid, at=self.clock.now(), post_id=str(post.mid))
        post.deleted = True
        return json_answer({"ok": 1, "msg": "删除成功"})

    @route(
        "POST",
        "/ajax/statuses/modifyVisible",
        name="modify_visible",
        host=AJAX,
        kind="write",
        provenance=captured("§3.2"),
    )
    async def modify_visible(self, request: web.Request) -> web.StreamResponse:
        """Change who sees own posts; ``ids`` is a comma list."""
        account = self.write_guard(request)
        form = await fields(request)
        visible = self._visible(request, account, form)
        posts = [self.own_post(request, account, text) for text in form.get("ids", "").split(",")]
        for post in posts:
            at, mid = self.clock.now(), str(post.mid)
            self.ledger.record("edit", account.uid, at=at, post_id=mid, visibility=str(visible))
            post.visible = visible
        return json_answer({"ok": 1, "data": {"visible": {"type": visible, "list_id": 0}}})

    @action("review")
    async def review(self, *, post_id: str, approve: bool) -> dict[str, Any]:
        """The moderator decides about a post under review; a refusal hides it from everybody."""
        post = self.state.posts.get(int(post_id))
        if post is None:
            raise SettingError(f"no post {post_id!r}")
        post.review = "" if approve else "refused"
        self.ledger.record("review", post.uid, at=self.clock.now(), post_id=post_id, review=post.review)
        return {"review": post.review}

    # ---- the form ------------------------------------------------------------------------------------------------
    def read_draft(self, request: web.Request, account: Account, form: dict[str, str]) -> DraftPost:
        """Check the fields of a publishing request.

        Raises:
            Answered: with the site's refusal.
        """
        visible = self._visible(request, account, form)
        pids = self._pids(request, account, form.get("pic_id", ""))
        text = form.get("content", "")
        if not text.strip() and not pids:
            raise self.fail(request, account.uid, 20008, "内容为空")
        limit = account.text_limit or self.settings["text_limit"]
        if weibo_length(text) > limit:
            raise self.fail(request, account.uid, 20012, f"输入文字太长，请确认不超过{limit}个字")
        declaration = form.get("mblog_statement") or None
        if declaration not in {None, "0", *map(str, account.statements)}:
            raise self.fail(request, account.uid, 10008, "内容声明参数错误")
        # A post of pictures only gets the site's own words.
        return DraftPost(text, text if text.strip() else "分享图片", pids, visible, declaration)

    def _visible(self, request: web.Request, account: Account, form: dict[str, str]) -> int:
        given = form.get("visible") or "0"
        if not given.isdigit() or int(given) not in VISIBLE:
            raise self.fail(request, account.uid, 20121, "visible参数错误")
        return int(given)

    def _pids(self, request: web.Request, account: Account, raw: str) -> tuple[str, ...]:
        """Both forms of ``pic_id``: a JSON list of objects with ``pid``, or pids joined with commas."""
        try:
            pids = parse_pic_id(raw)
        except ValueError:
            raise self.fail(request, account.uid, 10008, "图片参数错误") from None
        if len(pids) > account.picture_limit:
            raise self.fail(request, account.uid, 10008, f"最多上传{account.picture_limit}张图片")
        for pid in pids:
            picture = self.state.pictures.get(pid)
            expired = picture is not None and self.clock.time() - picture.at > self.settings["pid_seconds"]
            if picture is None or picture.uid != account.uid or expired:
                raise self.fail(request, account.uid, 10008, "图片不存在或已过期，请重新上传")
        return pids

    # ---- refusals and what the site makes of a text --------------------------------------------------------------
    def _refuse_for_faults(self, request: web.Request, account: Account, draft: DraftPost) -> None:
        for name, (number, text) in _REFUSALS.items():
            if self.struck(name, request):
                raise self.fail(request, account.uid, number, text)
        hour = self.clock.time() - 3600
        written = sum(1 for post in self.state.posts.values() if post.uid == account.uid and post.created > hour)
        if self.settings["hourly_writes"] and written >= self.settings["hourly_writes"]:
            raise self.fail(request, account.uid, *_REFUSALS["rate_limited"])
        mine = [post for post in self.state.posts.values() if post.uid == account.uid]
        repeated = bool(mine) and mine[-1].sent.split() == draft.sent.split() and mine[-1].pids == draft.pids
        fault = self.faults.peek("duplicate_refused", "publish")
        if fault and (repeated or fault.params["force"]):
            self.struck("duplicate_refused", request)
            raise self.fail(request, account.uid, *_REPEATED)
        if repeated and self.settings["refuse_repeats"]:
            raise self.fail(request, account.uid, *_REPEATED)

    def _site_text(self, request: web.Request, text: str) -> str:
        if self.struck("text_rewritten", request) or self.settings["text_rewritten"]:
            text = rewritten(text)
        if cut := self.struck("text_truncated", request):
            text = cut_to_units(text, int(cut.params["units"]))
        return text

    def store_post(
        self,
        account: Account,
        draft: DraftPost,
        *,
        list_delay: float = 0.0,
        read_delay: float = 0.0,
        review: str = "",
        created: float | None = None,
        schedule_id: str = "",
    ) -> Post:
        """Accept a post: ledger first, memory second.

        Args:
            account: the owner; without the long-text right the text is cut.
            draft: what to store.
            list_delay: seconds until lists show it.
            read_delay: seconds until anything shows it.
            review: ``pending`` or empty.
            created: seconds since 1970; now when missing.
            schedule_id: of the timer entry it came from.
        """
        when = self.clock.time() if created is None else created
        text = draft.text
        if not account.long_text and weibo_length(text) > LONG:
            text = cut_to_units(text, LONG)
        mid = self.state.ids.make(when)
        readable_at = when + read_delay
        entry = self.ledger.post(
            account.uid,
            str(mid),
            draft.sent,
            media=[self.state.pictures[pid].sha256 for pid in draft.pids],
            visibility=str(draft.visible),
            declaration=draft.declaration,
            at=self.clock.now(),
            stored_text=text,
            pids=list(draft.pids),
            created=when,
            listed_at=max(when + list_delay, readable_at),
            readable_at=readable_at,
            review=review,
            schedule_id=schedule_id,
        )
        self.state.replay(entry)
        return self.state.posts[mid]

    # ---- finding -------------------------------------------------------------------------------------------------
    def find_post(self, name: str) -> Post | None:
        """A post by number or ``mblogid``; deleted ones are gone."""
        try:
            mid = int(name) if name.isdigit() and len(name) > 12 else bid_to_mid(name)
        except ValueError:
            return None
        post = self.state.posts.get(mid)
        return None if post is None or post.deleted else post

    def own_post(self, request: web.Request, account: Account, name: str) -> Post:
        """A post that the account owns, or the site's refusal."""
        post = self.find_post(name)
        if post is None:
            raise self.fail(request, account.uid, 20101, "不存在的微博！")
        if post.uid != account.uid:
            raise self.fail(request, account.uid, 20102, "不是你发布的微博")
        return post


async def fields(request: web.Request) -> dict[str, str]:
    """The fields of an urlencoded form; another body has none, as for the site."""
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    form = await request.post()
    return {key: value for key, value in form.items() if isinstance(value, str)}


def parse_pic_id(raw: str) -> tuple[str, ...]:
    """Picture ids of the field ``pic_id`` in either form.

    Raises:
        ValueError: JSON that is no list of objects with a ``pid``, or an entry that is no picture.
    """
    if not raw.strip():
        return ()
    if not raw.lstrip().startswith("["):
        return tuple(pid.strip() for pid in raw.split(","))
    items = json.loads(raw)
    pids = []
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("pid"), str):
            raise ValueError("an entry without pid")
        if not str(item.get("type", "image/")).startswith("image/"):
            raise ValueError("an entry that is no picture")
        pids.append(item["pid"])
    return tuple(pids)
