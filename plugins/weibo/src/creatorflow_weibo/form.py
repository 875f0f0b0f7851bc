"""The form of ``POST /ajax/statuses/update``: built from a draft, and read back from its bytes (facts §3.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from creatorflow.api import Declarations, Draft, MediaFile, Sending, Visibility

__all__ = ["STATEMENT_NAMES", "build", "fields_of", "sending_of", "statement"]

_VISIBLE = {Visibility.PUBLIC: "0", Visibility.PRIVATE: "1", Visibility.FRIENDS: "6"}
_VISIBILITY = {code: visibility for visibility, code in _VISIBLE.items()}

#: ``mblog_statement`` codes and the declaration that leads to each.
STATEMENT_NAMES = {1: "ai_generated", 2: "fiction", 3: "reprint_source", 4: "original"}


def statement(declarations: Declarations) -> int | None:
    """Return the ``mblog_statement`` to send, or None for "say nothing".

    The site has one slot: AI before fiction before reprint before own work. ``False`` declares the absence of something, for which the
    site has no word, so nothing is sent.
    """
    if declarations.ai_generated:
        return 1
    if declarations.fiction:
        return 2
    if declarations.reprint_source:
        return 3
    if declarations.original:
        return 4
    return None


def build(draft: Draft, pids: Sequence[str]) -> bytes:
    """Return the urlencoded body exactly as it will be sent.

    Args:
        draft: the post.
        pids: one picture id per image of the draft, in order.
    """
    fields = {
        "content": draft.text,
        "visible": _VISIBLE[draft.visibility],
        # fillers that the page sends with every post
        "share_id": "",
        "vote": "",
        "media": "",
        "approval_state": "0",
    }
    if pids:
        pictures = [_picture(image, pid) for image, pid in zip(draft.images, pids, strict=True)]
        fields["pic_id"] = json.dumps(pictures, separators=(",", ":"))
    declared = statement(draft.declarations)
    if declared is not None:
        fields["mblog_statement"] = str(declared)
    return urlencode(fields).encode("ascii")


def _picture(image: MediaFile, pid: str) -> dict[str, str]:
    return {"type": image.mime, "pid": pid}


def fields_of(body: bytes) -> dict[str, str]:
    """Return the fields of a body made by ``build``, decoded from the bytes."""
    return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True))


def sending_of(body: bytes) -> Sending:
    """Say what ``body`` would publish, from its bytes alone.

    Raises:
        ValueError: the body is not a form of ours.
    """
    fields: Mapping[str, str] = fields_of(body)
    pictures: Any = json.loads(fields["pic_id"]) if "pic_id" in fields else []
    if not isinstance(pictures, list) or fields.get("visible") not in _VISIBILITY:
        raise ValueError("not a Weibo form")
    return Sending(text=fields["content"], media=len(pictures), visibility=_VISIBILITY[fields["visible"]])
