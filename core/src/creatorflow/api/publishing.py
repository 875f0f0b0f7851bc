"""The publishing contract between the engine and a platform adapter.

Order of calls for one job, all on one adapter instance::

    check_session -> prepare(draft) -> list_posts (baseline) -> submit(prepared, commit) -> list_posts (read-back)

``prepare`` does everything except the irreversible step. ``submit`` awaits ``commit.arm()`` immediately before the **one** irreversible
request or click and then does only that. The engine matches posts itself; an adapter helps it with ``normalise`` and, where the platform
has a real marker, ``matches``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from creatorflow.api.content import Draft, Visibility
from creatorflow.api.context import AdapterContext
from creatorflow.api.errors import Text, Unavailable
from creatorflow.api.text import normalise_text

__all__ = [
    "Commit",
    "JobState",
    "LoginStep",
    "PlatformAdapter",
    "PostAnalytics",
    "PostComment",
    "PostState",
    "Prepared",
    "ProofRung",
    "Receipt",
    "RemotePost",
    "Sending",
    "SessionInfo",
]


class JobState(StrEnum):
    """Every state a publish job can have; the transitions stand in ``creatorflow.publish.states``."""

    SCHEDULED = "scheduled"
    DUE = "due"
    WAITING_NETWORK = "waiting_network"
    WAITING_HUMAN = "waiting_human"
    PREPARING = "preparing"
    INTENT = "intent"
    SUBMITTING = "submitting"
    UNCERTAIN = "uncertain"
    RECONCILING = "reconciling"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    FAILED = "failed"
    ABSENT = "absent"
    MISSED = "missed"
    CANCELLED = "cancelled"
    NEEDS_ATTENTION = "needs_attention"


class ProofRung(StrEnum):
    """How well the existence of a post is proven, lowest first."""

    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    LISTED = "listed"
    VISIBLE = "visible"
    STILL_1H = "still_there_1h"
    STILL_24H = "still_there_24h"
    STILL_7D = "still_there_7d"


class PostState(StrEnum):
    """State of a post as the account's own back end shows it."""

    PUBLISHED = "published"
    IN_REVIEW = "in_review"
    SCHEDULED = "scheduled"
    DRAFT = "draft"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """Who the platform says we are, and what this account may do.

    ``rights`` are JSON values under names that the platform's ``rules.toml`` refers to (``max_images``, ``long_text``, ...); a missing
    name means "not known". They are stored with the account.
    """

    uid: str
    display_name: str = ""
    avatar_url: str = ""
    rights: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What is really about to be sent, read back from the form or the request, not copied from the draft.

    The engine compares it with the plan before it arms. ``media`` counts the media objects of the request, in order where the platform
    has handles. ``text`` and ``title`` are literal.
    """

    text: str
    title: str = ""
    media: int = 0
    visibility: Visibility = Visibility.PUBLIC


@dataclass(slots=True, kw_only=True)
class Prepared:
    """The state between ``prepare`` and ``submit``.

    ``checkpoint`` is JSON and durable: handles of uploaded media, so that a resumed job uploads nothing twice. It also serves the
    reconciling of a job whose process died. ``handle`` is live (a page, a form) and dies with the process. ``preview`` is what a dry
    run shows: field name to value, no secrets.
    """

    draft: Draft
    checkpoint: dict[str, Any] = field(default_factory=dict)
    handle: Any = None
    preview: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A positive answer of the platform. No post id, no receipt: raise ``Uncertain`` instead.

    ``delayed`` says that the platform accepted the post but announced that lists may show it late. ``uid`` is the owner named in the
    answer, where it names one: the engine compares it with the bound account.
    """

    post_id: str
    post_url: str
    uid: str | None = None
    delayed: bool = False
    state: PostState = PostState.PUBLISHED
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePost:
    """One own post as the platform lists it.

    ``text`` is the full stored text where the platform gives it; ``truncated`` is true when it could not be fetched in full.
    ``created_at`` is aware. ``media_ids`` are the platform's handles in order, empty when unknown.
    """

    post_id: str
    url: str
    text: str
    created_at: datetime
    title: str = ""
    state: PostState = PostState.PUBLISHED
    media_count: int | None = None
    media_ids: tuple[str, ...] = ()
    truncated: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostAnalytics:
    """Counts of one post; ``None`` is "the platform does not say", never zero."""

    post_id: str
    views: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostComment:
    """One comment under an own post."""

    comment_id: str
    author: str
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginStep:
    """One step of a login flow that a person has to take: ``kind`` is qr, sms or confirm."""

    kind: str
    prompt: Text
    picture_png: bytes | None = None
    expires_in_s: float | None = None


class Commit(Protocol):
    """The point of no return, handed to ``submit``."""

    async def arm(self, sending: Sending) -> None:
        """Record the intent durably; the very next thing the adapter does is the irreversible request.

        Raises:
            StaleOwner: another process owns the account now; send nothing.
            PluginError: ``sending`` is not what was planned, or ``arm`` was called twice; send nothing.
        """


class PlatformAdapter(ABC):
    """One account's session on one platform. Created for one job or one check, then closed.

    Never retry around the irreversible request, never sleep without a budget, raise only errors of ``creatorflow.api.errors``.
    """

    #: Version of this contract that the class was written for.
    contract: ClassVar[int] = 1

    def __init__(self, context: AdapterContext) -> None:
        self.context = context

    @abstractmethod
    async def check_session(self) -> SessionInfo:
        """Ask the platform, cheaply, who this session is.

        Raises:
            CredentialRejected: the platform says the session is not logged in.
            Unavailable: no usable answer (network, anti-bot wall, server trouble).
        """

    @abstractmethod
    async def prepare(self, draft: Draft, checkpoint: Mapping[str, Any] | None = None) -> Prepared:
        """Validate, upload and fill: everything except the irreversible step.

        Args:
            draft: what to publish; its files exist and fit the platform's rules.
            checkpoint: that of an earlier attempt of the same job, or None. Reuse its handles while the platform still accepts them.
        """

    @abstractmethod
    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        """Arm, then send the one irreversible request, and return the platform's positive answer.

        Raises:
            Refused: the platform answered, in its own format, that it did not publish.
            CredentialRejected: the platform answered that the session is not logged in, so nothing was published.
            Uncertain: anything else after ``arm``.
        """

    @abstractmethod
    async def list_posts(self, since: datetime) -> Sequence[RemotePost]:
        """Return own posts created at or after ``since`` (aware), newest first, in every state the platform lists.

        Complete, or an error: a list cut short by paging trouble would make a published post look absent.
        """

    def normalise(self, text: str) -> str:
        """Return ``text`` without what the site rewrites, so that sent and stored text compare equal."""
        return normalise_text(text)

    def matches(self, post: RemotePost, checkpoint: Mapping[str, Any]) -> bool | None:
        """Say whether ``post`` carries this job's own marker; None (default) when the platform has no marker: the engine compares."""
        return None

    def login(self) -> AsyncIterator[LoginStep]:
        """Yield the steps of a login flow; the session is good when the iterator ends."""
        raise self._unsupported("login")

    async def fetch_analytics(self, post_id: str) -> PostAnalytics:
        """Return the counts of one own post."""
        raise self._unsupported("fetch_analytics")

    async def fetch_comments(self, post_id: str) -> Sequence[PostComment]:
        """Return the comments under one own post, newest first."""
        raise self._unsupported("fetch_comments")

    async def reply_comment(self, post_id: str, comment_id: str, text: str) -> str:
        """Answer a comment and return the new comment's id."""
        raise self._unsupported("reply_comment")

    async def delete_post(self, post_id: str) -> None:
        """Delete one own post."""
        raise self._unsupported("delete_post")

    async def aclose(self) -> None:
        """Release what the adapter holds; the context closes its own parts."""
        return None

    def _unsupported(self, operation: str) -> Unavailable:
        return Unavailable(
            Text(
                en=f"{type(self).__name__} does not offer {operation!r}. See 'creatorflow capabilities' for what it offers.",
                zh=f"{type(self).__name__} 不提供“{operation}”。可用操作见 'creatorflow capabilities'。",
            )
        )
