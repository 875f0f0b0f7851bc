"""Weibo's names of one post: the number (``mid``) and its base-62 form (``mblogid``); and picture ids."""

from __future__ import annotations

import itertools
import secrets

__all__ = ["IdMaker", "bid_to_mid", "mid_to_bid", "new_pid"]

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS, _CHARACTERS = 7, 4  # facts §6: groups of 7 digits from the right, each 4 characters


def _to_62(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 62)
        text = _ALPHABET[digit] + text
    return text or "0"


def _from_62(text: str) -> int:
    number = 0
    for character in text:
        number = number * 62 + _ALPHABET.index(character)
    return number


def mid_to_bid(mid: int | str) -> str:
    """``mblogid`` of a numeric post id."""
    digits = str(mid)
    groups = [digits[max(0, end - _DIGITS) : end] for end in range(len(digits), 0, -_DIGITS)]
    texts = [_to_62(int(group)) for group in groups]
    return "".join(
        text if place == len(texts) - 1 else text.rjust(_CHARACTERS, "0")
        for place, text in reversed([*enumerate(texts)])
    )


def bid_to_mid(bid: str) -> int:
    """Numeric post id of an ``mblogid``.

    Raises:
        ValueError: a character outside the alphabet.
    """
    groups = [bid[max(0, end - _CHARACTERS) : end] for end in range(len(bid), 0, -_CHARACTERS)]
    return sum(_from_62(group) * 10 ** (_DIGITS * place) for place, group in enumerate(groups))


class IdMaker:
    """Post ids of 16 digits that grow with time."""

    def __init__(self) -> None:
        self._last = 0

    def seen(self, mid: int) -> None:
        """Never give an id at or below this one again."""
        self._last = max(self._last, mid)

    def make(self, seconds: float) -> int:
        """A new id for a post made at ``seconds`` since 1970."""
        # General knowledge: the upper bits of a mid are the time since a day in 1986, the lower 22 a sequence.
        made = (int(seconds) - 515_483_463 << 22) + secrets.randbelow(1 << 20)
        self._last = max(self._last + 1, made)
        return self._last


_pid_numbers = itertools.count(secrets.randbelow(1 << 40))


def new_pid(uid: str, mime: str) -> str:
    """A picture id of 32 characters: owner, kind (``g`` for GIF), running number."""
    kind = "gy1" if mime == "image/gif" else "ly1"
    owner = _to_62(int(uid)).rjust(8, "0")[-8:]
    return (owner + kind + _to_62(next(_pid_numbers)).rjust(9, "0") + secrets.token_hex(8))[:32]
