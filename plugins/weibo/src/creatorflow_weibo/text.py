"""What Weibo does to a text between sending and showing it, undone for comparison."""

from __future__ import annotations

import html
import re

from creatorflow.api import normalise_text

__all__ = ["PICTURES_ONLY", "normalise"]

#: What the site stores for a picture post without words. ``rules.toml`` writes it into the plan, so that nothing is left to guess.
PICTURES_ONLY = "分享图片"

_EMOTICON = re.compile(r"<img\b[^>]*?\balt=(?:\"([^\"]*)\"|'([^']*)')[^>]*>", re.IGNORECASE)
#: The link card of the HTML form of a post: an anchor that shows a picture and the words 网页链接 in place of the address.
_LINK_CARD = re.compile(r"<a\b[^>]*>(?:(?!</a>).)*?网页链接\s*(?:</\w+>\s*)*</a>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,400}>")
_MORE = re.compile(r"[\s\u200b]*(?:\.\.\.|…+)[\s\u200b]*(?:全文|展开)[\s\u200b]*\Z")


def _unescape(text: str) -> str:
    for _ in range(3):  # a text that itself contains entities is stored escaped once more
        decoded = html.unescape(text)
        if decoded == text:
            break
        text = decoded
    return text


def normalise(text: str) -> str:
    """Reduce a sent or stored text to what both have in common.

    Undone: links become ``t.cn`` short links or link cards, emoticons become pictures with an ``alt``, entities, tags of the HTML form,
    the trailing ``…全文`` of a shortened text, zero-width characters, white space; "分享图片" stands for no words. For equality only.
    """
    text = _LINK_CARD.sub(" http://t.cn/0 ", text)
    text = _EMOTICON.sub(lambda found: found.group(1) or found.group(2) or "", text)
    text = _TAG.sub("", _unescape(text))
    text = _MORE.sub("", text)
    reduced = normalise_text(text)
    return "" if reduced == PICTURES_ONLY else reduced
