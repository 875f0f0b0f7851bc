"""Text the way Weibo handles it: length, links, topics, dates."""

from __future__ import annotations

import hashlib
import html
import re
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

__all__ = ["TOPIC", "URL", "created_at", "cut_to_units", "rewritten", "to_html", "weibo_length"]

URL = re.compile(r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
TOPIC = re.compile(r"#([^#\n]{1,40})#")
_MENTION = re.compile(r"@([\w\-]{2,30})")
_BEIJING = timezone(timedelta(hours=8))
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LINK_HALVES = (
    20  # a t.cn short link: 19 or 20 ASCII characters, so 10 units (facts §4: "a URL counts as a short link")
)


def _halves(text: str) -> int:
    return sum(1 if ord(character) < 128 else 2 for character in text)


def weibo_length(text: str) -> int:
    """Length in Weibo's units: a Chinese character 1, two ASCII characters 1 (rounded up), a link as a short link."""
    links = URL.findall(text)
    halves = _halves(URL.sub("", text)) + _LINK_HALVES * len(links)
    return -(-halves // 2)


def cut_to_units(text: str, units: int) -> str:
    """The longest start of ``text`` that is at most ``units`` long."""
    halves = 0
    for place, character in enumerate(text):
        halves += 1 if ord(character) < 128 else 2
        if halves > 2 * units:
            return text[:place]
    return text


def rewritten(text: str) -> str:
    """What the site may make of a text: links shortened, invisible characters at the end."""

    def short(match: re.Match[str]) -> str:
        return "http://t.cn/A6" + hashlib.sha256(match.group().encode()).hexdigest()[:6]

    return URL.sub(short, text) + " \u200b\u200b\u200b"


def to_html(text: str) -> str:
    """The ``text`` field: topics, mentions and links as anchors, line breaks as ``<br />``, all else escaped."""
    whole = re.compile(f"(?P<url>{URL.pattern})|(?P<topic>{TOPIC.pattern})|(?P<mention>{_MENTION.pattern})")
    made, at = [], 0
    for match in whole.finditer(text):
        made.append(html.escape(text[at : match.start()]))
        word = html.escape(match.group())
        if match["url"]:
            made.append(f'<a target="_blank" rel="noopener" href="{word}">网页链接</a>')
        elif match["topic"]:
            made.append(f'<a href="//s.weibo.com/weibo?q={quote(match.group())}" target="_blank">{word}</a>')
        else:
            made.append(f'<a href="/n/{quote(match.group()[1:])}" usercard="name={word[1:]}">{word}</a>')
        at = match.end()
    made.append(html.escape(text[at:]))
    return "".join(made).replace("\r\n", "\n").replace("\n", "<br />")


def created_at(when: datetime) -> str:
    """``Sat Nov 21 23:30:00 +0800 2026``, whatever the machine's locale and timezone."""
    local = when.astimezone(_BEIJING)
    return f"{_DAYS[local.weekday()]} {_MONTHS[local.month - 1]} {local:%d %H:%M:%S} +0800 {local.year}"
