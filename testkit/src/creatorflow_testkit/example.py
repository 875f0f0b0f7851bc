"""A complete small replica to copy from: a made-up site with notes. The kit's own tests run against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from aiohttp import web

from creatorflow_testkit.replica import (
    Cookie,
    FaultSpec,
    LedgerEntry,
    Replica,
    TestAccount,
    action,
    assumed,
    documented,
    json_answer,
    path_params,
    route,
)

__all__ = ["NotesReplica"]


class NotesReplica(Replica):
    """A made-up site with notes."""

    name = "notes"
    hosts = ("notes.example.com", "img.notes.example.com")
    extra_faults = (FaultSpec("content_refused", "The note is refused.", ("publish",)),)
    default_settings: ClassVar[dict[str, Any]] = {"limit": 10, "motto": "hello", "ratio": 0.5}

    def clear_state(self) -> None:
        """Forget all notes and logins."""
        self.notes: list[tuple[str, str, float]] = []
        self.tokens: dict[str, str] = {}

    def restore(self, entries: Sequence[LedgerEntry]) -> None:
        """Bring notes and logins back from the ledger."""
        for entry in entries:
            if entry.kind == "post":
                self.notes.append((entry.data["post_id"], entry.data["text"], entry.data["listed_at"]))
            elif entry.kind == "account":
                self.tokens[entry.data["token"]] = entry.uid

    async def make_account(self, **wishes: Any) -> TestAccount:
        """Make an account; the wish ``name`` is its display name."""
        uid = str(len(self.tokens) + 1)
        token = f"token{uid}"
        self.tokens[token] = uid
        self.ledger.record("account", uid, token=token)
        return TestAccount.of(uid, wishes.get("name", "n"), [Cookie("sid", token, ".notes.example.com")], admin=False)

    @route("POST", "/api/note", name="publish", kind="publish", provenance=documented("§1"))
    async def publish(self, request: web.Request) -> web.StreamResponse:
        """Publish a note: check the login, then the faults, then the ledger, then the answer."""
        uid = self.tokens.get(request.cookies.get("sid", ""), "")
        if not uid or self.struck("expired_session", request):
            self.refuse(request, uid, "login")
            return json_answer({"error": "login"}, status=401)
        if self.struck("content_refused", request):
            self.refuse(request, uid, "content")
            return json_answer({"error": "content"})
        text = str((await request.post())["text"])
        post_id = str(len(self.notes) + 1)
        listed_at = self.clock.time() + self.list_delay(request)
        self.ledger.post(uid, post_id, text, visibility="public", at=self.clock.now(), listed_at=listed_at)
        self.notes.append((post_id, text, listed_at))
        return json_answer({"id": post_id})

    @route("GET", "/api/notes", name="notes", kind="list", provenance=assumed("guess"))
    async def list_notes(self, request: web.Request) -> web.StreamResponse:
        """The notes that lists show now."""
        limit = self.list_horizon(request)
        now = self.clock.time() if limit is None else limit
        return json_answer([text for _, text, listed_at in self.notes if listed_at <= now])

    @route("POST", "/upload", host="img.notes.example.com", kind="upload", provenance=assumed("guess"))
    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Store a file of a multipart form."""
        parts = await request.post()
        field = parts["file"]
        assert isinstance(field, web.FileField)
        body = field.file.read()
        self.ledger.upload("", "m1", body)
        return json_answer({"sha256": self.media.put(body)})

    @route("GET", "/n/{number:[0-9]+}", kind="page", provenance=assumed("guess"))
    async def page(self, request: web.Request) -> web.StreamResponse:
        """A note's own page; here only a redirect."""
        raise web.HTTPFound(f"/api/notes?from={path_params(request)['number']}")

    @action("shout")
    async def shout(self, *, word: str) -> str:
        """A control action: what a person or the site itself would do."""
        return word.upper()
