"""Decides which of an account's own posts is the one a job made. Pure functions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from creatorflow.api import Draft, PostState, RemotePost, normalise_text

__all__ = ["SKEW", "Found", "find_post", "fingerprint", "same_text"]

#: How far the platform's clock and ours may differ: a day, for a machine whose date or zone is wrong. What is older than the intent minus
#: this is not ours; what is younger and was there before is known from the baseline, which reaches further back.
SKEW = timedelta(hours=25)

#: A stored text this short proves nothing when it is only the beginning of ours.
_MIN_PREFIX = 8


def fingerprint(draft: Draft) -> str:
    """Return the identity of the content (SHA-256 hex): normalised title and text, media in order.

    Visibility, declarations and platform fields are left out: the same words and pictures again are the same post to a reader.
    """
    parts = [
        draft.form.value,
        normalise_text(draft.title),
        normalise_text(draft.text),
        [image.sha256 for image in draft.images],
        draft.video.sha256 if draft.video else None,
    ]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def same_text(sent: str, stored: RemotePost, normalise: Callable[[str], str]) -> bool:
    """Say whether the stored text can be what was sent; a text that the platform only shows in part may match as a beginning."""
    ours, theirs = normalise(sent), normalise(stored.text)
    if ours == theirs:
        return True
    return stored.truncated and len(theirs) >= _MIN_PREFIX and ours.startswith(theirs)


@dataclass(frozen=True, slots=True)
class Found:
    """Result of a search: at most one post, or several that cannot be told apart.

    ``strangers`` are new posts that do not look like ours: nobody knows who made them, so with one of them nothing is proven absent.
    """

    post: RemotePost | None
    candidates: tuple[RemotePost, ...] = ()
    strangers: tuple[RemotePost, ...] = ()

    @property
    def ambiguous(self) -> bool:
        """True when more than one post fits."""
        return len(self.candidates) > 1


def find_post(
    posts: Sequence[RemotePost],
    *,
    draft: Draft,
    baseline: Sequence[str],
    intent_at: datetime,
    checkpoint: Mapping[str, Any],
    normalise: Callable[[str], str],
    marker: Callable[[RemotePost, Mapping[str, Any]], bool | None],
) -> Found:
    """Find the post that a submit after ``intent_at`` made.

    Only posts that were not in the baseline and are not older than the intent count. A platform marker decides where there is one;
    otherwise title, text and the number of pictures must agree.
    """
    known = set(baseline)
    fits, strangers = [], []
    for post in posts:
        if post.post_id in known or post.created_at < intent_at - SKEW or post.state is PostState.DRAFT:
            continue
        known.add(post.post_id)  # pages that shift while they are read show a post twice
        marked = marker(post, checkpoint)
        if marked or (marked is None and _agrees(post, draft, normalise)):
            fits.append(post)
        elif marked is None and post.state is not PostState.REJECTED:
            strangers.append(post)
    return Found(fits[0] if len(fits) == 1 else None, tuple(fits), tuple(strangers))


def _agrees(post: RemotePost, draft: Draft, normalise: Callable[[str], str]) -> bool:
    if post.media_count is not None and post.media_count != len(draft.images) + (draft.video is not None):
        return False
    if draft.title and post.title and normalise(draft.title) != normalise(post.title):
        return False
    return same_text(draft.text, post, normalise)
