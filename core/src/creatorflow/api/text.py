"""Counters and comparison of text: how long a platform thinks a text is, and whether two texts are the same post."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable

__all__ = ["COUNTERS", "count_text", "normalise_text"]

_URL = re.compile(r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
#: A short link such as http://t.cn/A6abcdEf is 20 ASCII characters, hence 10 counted ones (general knowledge, not re-checked).
_SHORT_LINK_UNITS = 20


def _code_points(text: str) -> int:
    return len(text)


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _utf8_bytes(text: str) -> int:
    return len(text.encode("utf-8"))


def _half_units(text: str) -> int:
    """ASCII is one unit, everything else two."""
    return sum(1 if ord(char) < 0x80 else 2 for char in text)


def _half_width(text: str) -> int:
    """Chinese and full-width characters 1, two ASCII characters 1, rounded up."""
    return (_half_units(text) + 1) // 2


def _half_width_links(text: str) -> int:
    """As ``half_width``, but every URL counts as the short link that the site turns it into."""
    bare, links = _URL.subn("", text)
    return (_half_units(bare) + links * _SHORT_LINK_UNITS + 1) // 2


#: Named counters that ``rules.toml`` may refer to. Each maps a text to a whole number, monotone in appended text.
COUNTERS: dict[str, Callable[[str], int]] = {
    "code_points": _code_points,
    "utf16_units": _utf16_units,
    "utf8_bytes": _utf8_bytes,
    "half_width": _half_width,
    "half_width_links": _half_width_links,
}


def count_text(counter: str, text: str) -> int:
    """Return the length of ``text`` by the named counter.

    Raises:
        KeyError: no counter of that name.
    """
    return COUNTERS[counter](text)


_TAG = re.compile(r"<[^>\n]{1,200}>")
_INVISIBLE = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, 0xFE0E, 0xFE0F, 0x00AD], None)


def normalise_text(text: str) -> str:
    """Reduce ``text`` to what survives a site's usual rewriting.

    Entities are decoded, simple tags dropped, links replaced by one mark (sites shorten them), compatibility forms folded, invisible
    characters and all white space removed. Meant for equality only, never for display.
    """
    # Each step can make room for another (removing a space joins an accent to its letter), so go on until nothing changes.
    while (reduced := _reduced(text)) != text:
        text = reduced
    return text


def _reduced(text: str) -> str:
    text = html.unescape(_TAG.sub("", text))
    text = _URL.sub("\u241f", text)
    text = unicodedata.normalize("NFKC", text).translate(_INVISIBLE)
    return "".join(text.split())
