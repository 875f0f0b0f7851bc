"""What the replica knows: accounts, logins, pictures, posts; all of it rebuilt from the ledger after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from creatorflow_testkit.replica import LedgerEntry

from creatorflow_weibo.sandbox.ids import IdMaker, mid_to_bid

__all__ = ["Account", "Picture", "Post", "Scheduled", "SiteState", "account_data", "scheduled_data"]


@dataclass(frozen=True)
class Account:
    """An account and its rights.

    Attributes:
        uid: ten digits.
        name: screen name.
        long_text: may store more than 140 units; else the site cuts without a word.
        text_limit: most units per post; 0: the setting ``text_limit``.
        picture_limit: most pictures per post.
        statements: declarations it may choose.
        member: may use the site's own timer when the setting asks for membership.
        upload_allowed: pictures are accepted at all (restricted accounts get error 5).
    """

    uid: str
    name: str
    long_text: bool = True
    text_limit: int = 0
    picture_limit: int = 18
    statements: tuple[int, ...] = (1, 2, 3, 4)
    member: bool = True
    upload_allowed: bool = True


@dataclass(frozen=True)
class Picture:
    """An uploaded picture; ``at`` in seconds since 1970, sizes in pixels and bytes."""

    pid: str
    uid: str
    sha256: str
    mime: str
    width: int
    height: int
    size: int
    at: float


@dataclass
class Post:
    """A stored post.

    Attributes:
        mid: numeric id.
        uid: owner.
        text: as stored (``text_raw``).
        sent: as the client sent it.
        pids: pictures in order.
        visible: 0 public, 1 self, 6 friends, 10 followers, 5 group.
        created: seconds since 1970.
        listed_at: not in lists before.
        readable_at: not readable for anybody before (code 20032: "data may be late").
        review: ``""``, ``pending`` or ``refused``.
        deleted: by its owner.
    """

    mid: int
    uid: str
    text: str
    sent: str
    pids: tuple[str, ...]
    visible: int
    created: float
    listed_at: float
    readable_at: float
    review: str = ""
    deleted: bool = False

    @property
    def bid(self) -> str:
        """The ``mblogid``."""
        return mid_to_bid(self.mid)


@dataclass(frozen=True)
class Scheduled:
    """A post that waits for the site's own timer; ``due`` in seconds since 1970."""

    schedule_id: str
    uid: str
    text: str
    pids: tuple[str, ...]
    visible: int
    declaration: str | None
    due: float


@dataclass
class SiteState:
    """Everything in memory.

    ``tokens`` maps a valid ``SUB`` value to (uid, zone), zone being ``weibo``, ``cn`` or ``sina``; ``lapsed`` remembers
    values that ran out; ``visitors`` are identities of nobody.
    """

    accounts: dict[str, Account] = field(default_factory=dict)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    lapsed: dict[str, str] = field(default_factory=dict)
    visitors: set[str] = field(default_factory=set)
    pictures: dict[str, Picture] = field(default_factory=dict)
    posts: dict[int, Post] = field(default_factory=dict)
    scheduled: dict[str, Scheduled] = field(default_factory=dict)
    ids: IdMaker = field(default_factory=IdMaker)

    def of(self, uid: str) -> list[Post]:
        """Posts of an account that are not deleted, newest first."""
        mine = [post for post in self.posts.values() if post.uid == uid and not post.deleted]
        return sorted(mine, key=lambda post: post.mid, reverse=True)

    def lapse(self, uid: str, zones: Sequence[str]) -> None:
        """End the logins of an account in some zones."""
        for token, (owner, zone) in list(self.tokens.items()):
            if owner == uid and zone in zones:
                del self.tokens[token]
                self.lapsed[token] = uid

    def replay(self, entry: LedgerEntry) -> None:
        """Take one line of the ledger in."""
        taker = getattr(self, "_take_" + entry.kind, None)
        if taker is not None:  # refusals change nothing
            taker(entry)

    def _take_account(self, entry: LedgerEntry) -> None:
        rights = {**entry.data, "statements": tuple(entry.data["statements"])}
        self.accounts[entry.uid] = Account(uid=entry.uid, **rights)

    def _take_session(self, entry: LedgerEntry) -> None:
        if "lapse" in entry.data:
            self.lapse(entry.uid, entry.data["lapse"])
        for zone, token in entry.data.get("subs", {}).items():
            self.tokens[token] = (entry.uid, zone)

    def _take_upload(self, entry: LedgerEntry) -> None:
        data = entry.data
        self.pictures[data["media_id"]] = Picture(
            data["media_id"],
            entry.uid,
            data["sha256"],
            data["mime"],
            data["width"],
            data["height"],
            data["size"],
            data["time"],
        )

    def _take_post(self, entry: LedgerEntry) -> None:
        data = entry.data
        mid = int(data["post_id"])
        self.ids.seen(mid)
        self.posts[mid] = Post(
            mid=mid,
            uid=entry.uid,
            text=data["stored_text"],
            sent=data["text"],
            pids=tuple(data["pids"]),
            visible=int(data["visibility"]),
            created=data["created"],
            listed_at=data["listed_at"],
            readable_at=data["readable_at"],
            review=data["review"],
        )
        self.scheduled.pop(data.get("schedule_id") or "", None)

    def _take_delete(self, entry: LedgerEntry) -> None:
        self.posts[int(entry.data["post_id"])].deleted = True

    def _take_edit(self, entry: LedgerEntry) -> None:
        self.posts[int(entry.data["post_id"])].visible = int(entry.data["visibility"])

    def _take_review(self, entry: LedgerEntry) -> None:
        self.posts[int(entry.data["post_id"])].review = entry.data["review"]

    def _take_scheduled(self, entry: LedgerEntry) -> None:
        data = {**entry.data, "pids": tuple(entry.data["pids"])}
        self.scheduled[data["schedule_id"]] = Scheduled(uid=entry.uid, **data)

    def _take_unscheduled(self, entry: LedgerEntry) -> None:
        self.scheduled.pop(entry.data["schedule_id"], None)


def account_data(account: Account) -> dict[str, Any]:
    """The ledger's form of an account, without the uid."""
    data = asdict(account)
    data.pop("uid")
    return {**data, "statements": list(account.statements)}


def scheduled_data(item: Scheduled) -> dict[str, Any]:
    """The ledger's form of a scheduled post, without the uid."""
    data = asdict(item)
    data.pop("uid")
    return {**data, "pids": list(item.pids)}
