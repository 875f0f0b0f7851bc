"""A local replica of Pinboard, written from what is known of the site and never from the adapter (needs the extra ``[sandbox]``)."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from creatorflow_testkit.replica import (
    Answered,
    ArmedFault,
    Cookie,
    FaultSpec,
    LedgerEntry,
    Replica,
    SettingError,
    TestAccount,
    documented,
    json_answer,
    route,
    sniff_image,
)

__all__ = ["PinboardReplica"]

PAGE = 10
#: Fault to HTTP status and the site's words.
_REFUSALS = {
    "content_refused": (422, "against_rules", "This pin breaks our rules"),
    "duplicate_refused": (409, "duplicate", "You pinned this already"),
    "rate_limited": (429, "too_fast", "You are pinning too fast"),
}


class PinboardReplica(Replica):
    """Pinboard: four routes, one cookie."""

    name = "pinboard"
    hosts = ("pinboard.example",)
    extra_faults = (
        FaultSpec("content_refused", "The pin is refused for its content.", ("publish",)),
        FaultSpec("duplicate_refused", "The pin is refused as a repetition.", ("publish",)),
        FaultSpec("rate_limited", "The pin is refused: too fast.", ("publish",)),
        FaultSpec("text_rewritten", "Links in the stored text become short ones.", ("publish",)),
    )

    # ---- state: in memory, rebuilt from the ledger after a restart -------------------------------------------------
    def clear_state(self) -> None:
        """Forget everything."""
        self.sessions: dict[str, str] = {}
        self.media_of: dict[str, tuple[str, str]] = {}
        self.pins: list[dict[str, Any]] = []

    def restore(self, entries: Sequence[LedgerEntry]) -> None:
        """Take the ledger's lines in."""
        for entry in entries:
            if entry.kind == "session":
                self.sessions[entry.data["token"]] = entry.uid
            elif entry.kind == "upload":
                self.media_of[entry.data["media_id"]] = (entry.uid, entry.data["sha256"])
            elif entry.kind == "post":
                self.pins.append({**entry.data, "owner": entry.uid})

    async def make_account(self, **wishes: Any) -> TestAccount:
        """Make a logged-in account; the wish ``name`` is its display name."""
        name = str(wishes.pop("name", "Pin"))
        if wishes:
            raise SettingError(f"unknown wishes: {sorted(wishes)}")
        uid, token = f"u{len(self.sessions) + 1}", secrets.token_urlsafe(32)
        self.ledger.record("session", uid, at=self.clock.now(), token=token)
        self.sessions[token] = uid
        return TestAccount.of(uid, name, [Cookie("pin_session", token, ".pinboard.example")])

    def login(self, request: web.Request) -> str:
        """The uid of the session, or the answer 401."""
        uid = self.sessions.get(request.cookies.get("pin_session", ""))
        if uid is None or self.struck("expired_session", request):
            raise self.no(request, 401, "login_required", "Log in first")
        return uid

    def no(self, request: web.Request, status: int, code: str, message: str) -> Answered:
        """A refusal in the site's own form, noted in the ledger; to be raised."""
        self.refuse(request, "", message, code=code)
        return Answered(json_answer({"error": {"code": code, "message": message}}, status=status))

    async def risk_answer(self, request: web.Request, fault: ArmedFault) -> web.StreamResponse:
        """The anti-bot page."""
        return web.Response(status=403, text="<h1>Are you human?</h1>", content_type="text/html")

    # ---- routes ----------------------------------------------------------------------------------------------------
    @route("GET", "/api/me", kind="session", provenance=documented("help: sessions"))
    async def me(self, request: web.Request) -> web.StreamResponse:
        """Who is logged in."""
        uid = self.login(request)
        return json_answer({"user": {"id": uid, "name": f"Pinner {uid}"}})

    @route("POST", "/api/media", kind="upload", provenance=documented("help: pictures"))
    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Store a picture."""
        uid, body = self.login(request), await request.read()
        facts = sniff_image(body)
        if facts is None or not facts.whole:
            raise self.no(request, 415, "no_picture", "This is no picture")
        media_id = f"m{len(self.media_of) + 1}"
        self.ledger.upload(uid, media_id, body, at=self.clock.now())
        self.media_of[media_id] = (uid, self.media.put(body))
        return json_answer({"media_id": media_id}, status=201)

    @route("POST", "/api/pins", name="publish", kind="publish", provenance=documented("help: pins"))
    async def publish(self, request: web.Request) -> web.StreamResponse:
        """Make a pin: login, form, refusals, ledger, answer; in this order."""
        uid = self.login(request)
        form = json.loads(await request.read())
        media = [self.media_of.get(media_id, ("", "")) for media_id in form["media"]]
        if any(owner != uid for owner, _ in media) or not (form["text"].strip() or media):
            raise self.no(request, 422, "bad_form", "Pin something")
        if not isinstance(form.get("ai_generated"), bool):
            raise self.no(request, 422, "declaration_missing", "Say whether AI made this")
        for fault, (status, code, message) in _REFUSALS.items():
            if self.struck(fault, request):
                raise self.no(request, status, code, message)
        stored = _shorten(form["text"]) if self.struck("text_rewritten", request) else form["text"]
        now = self.clock.time()
        entry = self.ledger.post(
            uid,
            str(len(self.pins) + 1001),
            form["text"],
            media=[digest for _, digest in media],
            visibility=form["visibility"],
            declaration="ai_generated" if form["ai_generated"] else None,
            at=self.clock.now(),
            stored=stored,
            media_ids=form["media"],
            created=now,
            listed_at=now + self.list_delay(request),
        )
        self.restore([entry])
        return json_answer({"pin": _shown(self.pins[-1])}, status=201)

    @route("GET", "/api/pins/mine", kind="list", provenance=documented("help: pins"))
    async def mine(self, request: web.Request) -> web.StreamResponse:
        """Own pins, newest first, ten a page."""
        uid, now, horizon = self.login(request), self.clock.time(), self.list_horizon(request)
        before = int(request.query.get("before") or 10**12)
        shown = [
            pin
            for pin in reversed(self.pins)
            if pin["owner"] == uid
            and int(pin["post_id"]) < before
            and pin["listed_at"] <= now
            and (horizon is None or pin["created"] <= horizon)
        ]
        page = shown[:PAGE]
        after = page[-1]["post_id"] if len(shown) > PAGE else None
        return json_answer({"pins": [_shown(pin) for pin in page], "next": after})


def _shorten(text: str) -> str:
    return re.sub(
        r"https?://\S+", lambda found: f"https://pinb.example/{hashlib.sha256(found[0].encode()).hexdigest()[:6]}", text
    )


def _shown(pin: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": pin["post_id"],
        "owner": pin["owner"],
        "url": f"https://pinboard.example/pin/{pin['post_id']}",
        "text": pin["stored"],
        "media": pin["media_ids"],
        "created_at": datetime.fromtimestamp(pin["created"], UTC).isoformat(),
    }
