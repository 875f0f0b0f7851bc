"""The site's own timer (facts §3.3; their spelling ``destory``)."""

from __future__ import annotations

import secrets
from typing import Any

from aiohttp import web
from creatorflow_testkit.replica import Answered, captured, json_answer, route

from creatorflow_weibo.sandbox.base import AJAX
from creatorflow_weibo.sandbox.publish import DraftPost, PublishPart, fields
from creatorflow_weibo.sandbox.state import Scheduled, scheduled_data

__all__ = ["SchedulePart"]

_BASE = "/ajax/statuses/schedule"


class SchedulePart(PublishPart):
    """Scheduled posts."""

    @route("POST", f"{_BASE}/upload", name="schedule_upload", host=AJAX, kind="publish", provenance=captured("§3.3"))
    async def schedule_upload(self, request: web.Request) -> web.StreamResponse:
        """Store a post for ``schedule_timestamp`` (milliseconds since 1970)."""
        account = self.write_guard(request)
        form = await fields(request)
        if self.settings["schedule_needs_membership"] and not account.member:
            raise self.fail(request, account.uid, 10008, "开通会员后可使用定时发布")
        due = form.get("schedule_timestamp", "")
        if not due.isdigit() or int(due) / 1000 <= self.clock.time():
            raise self.fail(request, account.uid, 10008, "定时时间错误")
        draft = self.read_draft(request, account, form)
        if form.get("schedule_id"):
            self._own(request, account.uid, form["schedule_id"])
        item = Scheduled(
            form.get("schedule_id") or f"{secrets.randbelow(10**16):016d}",
            account.uid,
            draft.sent,
            draft.pids,
            draft.visible,
            draft.declaration,
            int(due) / 1000,
        )
        self.ledger.record("scheduled", account.uid, at=self.clock.now(), **scheduled_data(item))
        self.state.scheduled[item.schedule_id] = item
        return json_answer({"ok": 1, "data": {"schedule_id": item.schedule_id}})

    @route("GET", f"{_BASE}/list", name="schedule_list", host=AJAX, kind="list", provenance=captured("§3.3"))
    async def schedule_list(self, request: web.Request) -> web.StreamResponse:
        """Waiting posts (``type=0``); failed ones (``type=1``) do not occur."""
        self.need_referer(request)
        account = self.login(request)
        mine = [item for item in self.state.scheduled.values() if item.uid == account.uid]
        mine = sorted(mine, key=lambda item: item.due) if request.query.get("type", "0") == "0" else []
        data = {"statuses": [self.waiting_json(item) for item in mine], "transcoding_media": [], "max_id": 0}
        return json_answer({"ok": 1, "data": data})

    @route("GET", f"{_BASE}/show", name="schedule_show", host=AJAX, provenance=captured("§3.3"))
    async def schedule_show(self, request: web.Request) -> web.StreamResponse:
        """One waiting post."""
        self.need_referer(request)
        account = self.login(request)
        return json_answer(
            {"ok": 1, "data": self.waiting_json(self._own(request, account.uid, request.query.get("schedule_id", "")))}
        )

    @route("POST", f"{_BASE}/destory", name="schedule_destory", host=AJAX, kind="write", provenance=captured("§3.3"))
    async def schedule_destory(self, request: web.Request) -> web.StreamResponse:
        """Forget a waiting post."""
        account = self.write_guard(request)
        item = self._own(request, account.uid, (await fields(request)).get("schedule_id", ""))
        self.ledger.record("unscheduled", account.uid, at=self.clock.now(), schedule_id=item.schedule_id)
        del self.state.scheduled[item.schedule_id]
        return json_answer({"ok": 1, "data": {"result": True}})

    async def tick(self) -> None:
        """Publish what is due."""
        now = self.clock.time()
        for item in sorted(self.state.scheduled.values(), key=lambda item: item.due):
            if item.due <= now:
                draft = DraftPost(item.text, item.text, item.pids, item.visible, item.declaration)
                account = self.state.accounts[item.uid]
                self.store_post(account, draft, created=item.due, schedule_id=item.schedule_id)

    def _own(self, request: web.Request, uid: str, schedule_id: str) -> Scheduled:
        item = self.state.scheduled.get(schedule_id)
        if item is None or item.uid != uid:
            self.refuse(request, uid, "no such scheduled post")
            raise Answered(self.failure(20101, "定时微博不存在"))
        return item

    def waiting_json(self, item: Scheduled) -> dict[str, Any]:
        """A waiting post as the list shows it; ``schedule_at`` in milliseconds."""
        return {
            "schedule_id": item.schedule_id,
            "schedule_at": int(item.due * 1000),
            "text": item.text,
            "pic_ids": list(item.pids),
            "pic_num": len(item.pids),
            "visible": {"type": item.visible},
        }
