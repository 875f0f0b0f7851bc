"""The site's own record on disk: what it accepted, refused and stored. Only tests read it; no product code can write it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["Ledger", "LedgerEntry", "LedgerPost", "posts_of", "read_ledger"]


@dataclass(frozen=True)
class LedgerEntry:
    """One line of the ledger.

    Attributes:
        seq: 1, 2, 3 … without gaps within one file.
        at: the site's time, ISO 8601 with offset.
        kind: ``post``, ``delete``, ``edit``, ``upload``, ``refused``, ``scheduled``, ``account``, ``session`` …
        uid: the account, ``""`` when nobody was logged in.
        data: what happened; the keys depend on the kind.
    """

    seq: int
    at: str
    kind: str
    uid: str
    data: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Plain data, as it stands in the file."""
        return asdict(self)


@dataclass(frozen=True)
class LedgerPost:
    """One accepted post, as the site stored it at the moment of acceptance.

    Attributes:
        seq: ledger line of the acceptance.
        at: the site's time of acceptance, ISO 8601.
        uid: the account it belongs to.
        post_id: the site's id.
        text: the text as the client sent it (what the site stored may be shorter, see ``extra["stored_text"]``).
        media: SHA-256 (hex) of each picture or video in order.
        visibility: the platform's own word or number, as text.
        declaration: the platform's own declaration value, ``None`` when the client sent none.
        deleted: a later line of the ledger deleted it.
        extra: what else the replica recorded.
    """

    seq: int
    at: str
    uid: str
    post_id: str
    text: str
    media: tuple[str, ...] = ()
    visibility: str = ""
    declaration: str | None = None
    deleted: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> LedgerPost:
        """Rebuild what ``to_json`` gave."""
        return cls(**{**value, "media": tuple(value["media"])})

    def to_json(self) -> dict[str, Any]:
        """Plain data for the control API."""
        return {**asdict(self), "media": list(self.media)}


def _posts(entries: Sequence[LedgerEntry], uid: str | None) -> list[LedgerPost]:
    gone = {entry.data["post_id"] for entry in entries if entry.kind == "delete"}
    found = []
    for entry in entries:
        if entry.kind != "post" or (uid is not None and entry.uid != uid):
            continue
        data = dict(entry.data)
        post_id, text = data.pop("post_id"), data.pop("text")
        media, visibility = tuple(data.pop("media")), data.pop("visibility")
        declaration = data.pop("declaration")
        deleted = post_id in gone
        found.append(
            LedgerPost(entry.seq, entry.at, entry.uid, post_id, text, media, visibility, declaration, deleted, data)
        )
    return found


def _parse(raw: bytes) -> tuple[list[LedgerEntry], int]:
    """Entries of the complete lines, and how many bytes they take (a crash may leave half a line behind)."""
    end = raw.rfind(b"\n") + 1
    entries = [LedgerEntry(**json.loads(line)) for line in raw[:end].splitlines() if line]
    return entries, end


def read_ledger(path: Path) -> list[LedgerEntry]:
    """Entries of a ledger file, read from any process; half a last line is left out, a missing file is empty."""
    return _parse(path.read_bytes())[0] if path.exists() else []


class Ledger:
    """Append-only JSONL file; each line is on disk (fsync) before ``record`` returns, so before any answer is sent."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, and drop the half line that a killed process may have left.

        Args:
            path: the file; its directory must exist.
        """
        self.path = path
        self._entries: list[LedgerEntry] = []
        fresh = not path.exists()
        self._file = path.open("a+b")
        if fresh:
            _sync_directory(path.parent)
        else:
            self._file.seek(0)
            self._entries, end = _parse(self._file.read())
            self._file.truncate(end)

    def record(self, kind: str, uid: str = "", *, at: datetime | None = None, **data: Any) -> LedgerEntry:
        """Write one line and wait until the disk has it.

        Args:
            kind: see ``LedgerEntry.kind``.
            uid: the account.
            at: the site's time (aware); now when missing.
            data: JSON values.
        """
        when = (at or datetime.now(UTC)).isoformat(timespec="milliseconds")
        entry = LedgerEntry(len(self._entries) + 1, when, kind, uid, data)
        self._file.write(json.dumps(entry.to_json(), ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._entries.append(entry)
        return entry

    def post(
        self,
        uid: str,
        post_id: str,
        text: str,
        *,
        media: Sequence[str] = (),
        visibility: str = "",
        declaration: str | None = None,
        at: datetime | None = None,
        **extra: Any,
    ) -> LedgerEntry:
        """Record an accepted post; arguments as in ``LedgerPost``."""
        return self.record(
            "post",
            uid,
            at=at,
            post_id=post_id,
            text=text,
            media=list(media),
            visibility=visibility,
            declaration=declaration,
            **extra,
        )

    def upload(self, uid: str, media_id: str, body: bytes, *, at: datetime | None = None, **extra: Any) -> LedgerEntry:
        """Record a stored upload with the SHA-256 and the length of its bytes."""
        digest = hashlib.sha256(body).hexdigest()
        return self.record("upload", uid, at=at, media_id=media_id, sha256=digest, size=len(body), **extra)

    def refused(self, uid: str, route: str, reason: str, *, at: datetime | None = None, **extra: Any) -> LedgerEntry:
        """Record an attempt that the site refused, with the route and a short reason."""
        return self.record("refused", uid, at=at, route=route, reason=reason, **extra)

    def entries(self, kind: str | None = None, uid: str | None = None) -> list[LedgerEntry]:
        """Lines in order, of one kind or account when given."""
        return [
            entry
            for entry in self._entries
            if (kind is None or entry.kind == kind) and (uid is None or entry.uid == uid)
        ]

    def posts(self, uid: str | None = None) -> list[LedgerPost]:
        """Every post ever accepted, oldest first; deleted ones are included and say so."""
        return _posts(self._entries, uid)

    def count_posts(self, uid: str | None = None) -> int:
        """How many posts were ever accepted, deleted or not: the number that must never be 2."""
        return len(self.posts(uid))

    def clear(self) -> None:
        """Start an empty record; the old file is kept beside it as ``….N``."""
        self.close()
        number = 1
        while (old := self.path.with_name(f"{self.path.name}.{number}")).exists():
            number += 1
        self.path.rename(old)
        self._entries = []
        self._file = self.path.open("a+b")
        _sync_directory(self.path.parent)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def posts_of(entries: Sequence[LedgerEntry], uid: str | None = None) -> list[LedgerPost]:
    """Accepted posts in entries that were read with ``read_ledger``."""
    return _posts(entries, uid)


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":  # directories cannot be opened there; NTFS journals the entry itself
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
