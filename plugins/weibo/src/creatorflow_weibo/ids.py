"""The names of one post: numeric id (also ``mid``) and ``mblogid`` (base62), and its addresses (facts §6)."""

from __future__ import annotations

__all__ = ["id_from_mblogid", "mblogid_from_id", "post_url"]

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = 7  # of the number, cut from the right ...
_CHARS = 4  # ... become this many base62 characters
_GROUP = 10**_DIGITS


def _encode(value: int) -> str:
    out = ""
    while True:
        value, rest = divmod(value, 62)
        out = _ALPHABET[rest] + out
        if not value:
            return out


def _decode(chars: str) -> int:
    value = 0
    for char in chars:
        value = value * 62 + _ALPHABET.index(char)
    return value


def mblogid_from_id(post_id: str) -> str:
    """Return the base62 name of a numeric post id.

    Groups of 7 digits from the right become 4 characters each, inner groups padded with ``0``.

    Raises:
        ValueError: ``post_id`` is not a positive whole number in ASCII digits.
    """
    if not (post_id.isascii() and post_id.isdigit()) or int(post_id) == 0:
        raise ValueError(f"{post_id!r} is not a numeric Weibo id")
    rest = int(post_id)
    out = ""
    while rest:
        rest, group = divmod(rest, _GROUP)
        chars = _encode(group)
        out = (chars.rjust(_CHARS, "0") if rest else chars) + out
    return out


def id_from_mblogid(mblogid: str) -> str:
    """Return the numeric id of a base62 name; the inverse of ``mblogid_from_id``.

    Raises:
        ValueError: a character outside base62, or a group that is no 7-digit number.
    """
    if not mblogid or any(char not in _ALPHABET for char in mblogid):
        raise ValueError(f"{mblogid!r} is not a Weibo mblogid")
    value = 0
    head = len(mblogid) % _CHARS
    cuts = ([mblogid[:head]] if head else []) + [mblogid[at : at + _CHARS] for at in range(head, len(mblogid), _CHARS)]
    for chars in cuts:
        group = _decode(chars)
        if group >= _GROUP:
            raise ValueError(f"{mblogid!r} is not a Weibo mblogid")
        value = value * _GROUP + group
    return str(value)


def post_url(uid: str, mblogid: str) -> str:
    """Return the public address of a post."""
    return f"https://weibo.com/{uid}/{mblogid}"
