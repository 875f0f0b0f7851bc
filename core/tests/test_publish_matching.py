"""Which remote post is ours, and the table of states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from creatorflow.api import Draft, Form, JobState, MediaFile, PostState, RemotePost, normalise_text
from creatorflow.publish.matching import find_post, fingerprint, same_text
from creatorflow.publish.states import AFTER_INTENT, ENDS, MAY_BE_OUT, OPEN, TRANSITIONS, UNSENT, check
from hypothesis import given
from hypothesis import strategies as st

T0 = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def image(digest: str, path: str = "x.jpg") -> MediaFile:
    return MediaFile(path=Path(path), sha256=digest, mime="image/jpeg", size=1)


def draft(text: str = "秋天的第一场雨，走走停停", **changes: object) -> Draft:
    return Draft.model_validate({"platform": "pin", "form": Form.TEXT, "text": text, **changes})


def post(post_id: str, text: str, seconds: float = 1, **changes: object) -> RemotePost:
    values = {
        "post_id": post_id,
        "url": f"https://pin/{post_id}",
        "text": text,
        "created_at": T0 + timedelta(seconds=seconds),
    }
    return RemotePost(**{**values, **changes})  # type: ignore[arg-type]


def search(
    *posts: RemotePost, of: Draft | None = None, baseline: tuple[str, ...] = (), marker: bool | None = None
) -> object:
    found = find_post(
        posts,
        draft=of or draft(),
        baseline=baseline,
        intent_at=T0,
        checkpoint={},
        normalise=normalise_text,
        marker=lambda _post, _checkpoint: marker,
    )
    return [item.post_id for item in found.candidates]


OURS = "秋天的第一场雨，走走停停"


def test_only_new_posts_with_our_words_count() -> None:
    assert search(post("1", OURS)) == ["1"]
    assert search(post("1", OURS), baseline=("1",)) == [], "was there before"
    assert search(post("1", OURS, seconds=-26 * 3600)) == [], (
        "older than the intent, even on a machine whose clock is a day ahead"
    )
    assert search(post("1", OURS, seconds=-30)) == ["1"], "their clock may be a little behind"
    assert search(post("1", "别的话")) == []
    assert search(post("1", OURS, state=PostState.DRAFT)) == []
    assert search(post("1", OURS, state=PostState.IN_REVIEW)) == ["1"]
    assert search(post("1", OURS), post("2", OURS)) == ["1", "2"], "two that cannot be told apart"


def test_pictures_must_agree_in_number() -> None:
    pictures = draft(form=Form.IMAGE, images=(image("a"), image("b")))
    assert search(post("1", OURS, media_count=2), of=pictures) == ["1"]
    assert search(post("1", OURS, media_count=1), of=pictures) == []
    assert search(post("1", OURS), of=pictures) == ["1"], "unknown is not a contradiction"


def test_a_marker_decides_alone() -> None:
    assert search(post("1", "完全改写"), marker=True) == ["1"]
    assert search(post("1", OURS), marker=False) == []


@pytest.mark.parametrize(
    "stored",
    [
        "秋天的第一场雨\uff0c走走停停",
        "秋天的第一场雨,走走停停\u200b",
        " 秋天的第一场雨，\n走走停停 ",
        "秋天的第一场雨，<br />走走停停",
        "秋天的第一场雨&#65292;走走停停",
    ],
)
def test_rewriting_that_sites_do_is_tolerated(stored: str) -> None:
    assert same_text(OURS, post("1", stored), normalise_text)


def test_links_are_compared_as_links() -> None:
    assert same_text("看 https://example.com/a?b=c 吧", post("1", "看 http://t.cn/A6x 吧"), normalise_text)
    assert not same_text("看吧", post("1", "看 http://t.cn/A6x 吧"), normalise_text)


def test_a_shortened_list_text_matches_as_a_beginning() -> None:
    assert same_text("一" * 300, post("1", "一" * 140, truncated=True), normalise_text)
    assert not same_text("一" * 300, post("1", "一" * 140), normalise_text)
    assert not same_text("一二三", post("1", "一", truncated=True), normalise_text), "too short to prove anything"


def test_the_fingerprint_is_of_what_a_reader_sees() -> None:
    base = fingerprint(draft(images=(image("a"),)))
    assert fingerprint(draft(images=(image("a", "elsewhere.jpg"),))) == base
    assert fingerprint(draft(images=(image("b"),))) != base
    assert fingerprint(draft(images=())) != base
    assert fingerprint(draft(OURS + " ", images=(image("a"),))) == base
    assert fingerprint(draft(OURS + "!", images=(image("a"),))) != base
    assert fingerprint(draft(images=(image("a"), image("b")))) != fingerprint(draft(images=(image("b"), image("a"))))


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise_text(normalise_text(text)) == normalise_text(text)


def test_the_table_of_states_is_complete_and_never_goes_back_over_the_intent() -> None:
    assert set(TRANSITIONS) == set(JobState)
    assert set(JobState) == OPEN | ENDS
    assert not OPEN & ENDS
    assert OPEN == UNSENT | AFTER_INTENT
    reachable = {JobState.INTENT}
    frontier = {JobState.INTENT}
    human = {JobState.REJECTED, JobState.ABSENT, JobState.FAILED, JobState.MISSED}
    while frontier:
        frontier = {after for state in frontier - human for after in TRANSITIONS[state]} - reachable
        reachable |= frontier
    assert not reachable & UNSENT, "after the intent only a person's retry, or proven absence, leads back to sending"
    assert {JobState.CONFIRMED, JobState.NEEDS_ATTENTION} <= MAY_BE_OUT
    with pytest.raises(RuntimeError):
        check(JobState.UNCERTAIN, JobState.DUE)
    check(JobState.UNCERTAIN, JobState.RECONCILING)
