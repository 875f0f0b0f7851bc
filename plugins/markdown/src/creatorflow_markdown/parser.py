"""CommonMark as authors of Chinese posts write it.

CommonMark and tables from markdown-it, with the few rules changed that would eat text of a social post: topics and mentions, bare
addresses, ``3*4*5``, emoticons such as ``>_<``, ``~~~`` and ``[note]: words``, and emphasis next to Chinese punctuation. Strike-through
is left out: ``~~`` is a tone of voice here, and a struck word shown without the line would say the opposite.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import isWhiteSpace, normalizeReference
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock, blockquote, fence, reference
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

__all__ = ["literal_labels", "make_parser", "parse"]

#: Key of the parser's environment: reference labels that nothing refers to, hence plain text.
literal_labels = "creatorflow_literal_labels"

_TOPIC = re.compile(r"#(?!\s)[^#\n]{1,60}(?<!\s)#")
_MENTION = re.compile(r"@[\w\-]{1,30}")
_URL_REST = re.compile(r"://[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]+")
_EMOTICON = re.compile(r">[^\s>]{1,3}[<＜]")
#: ``*^_^*``, ``*￣▽￣*``: stars around signs only are cheeks. ``>_<``, ``-_-``: an underscore between eyes is a mouth.
_STAR_FACE = re.compile(r"\*(?:[^\w\s*]|_){1,8}\*")
_EYES = frozenset("<>-^=;.~＜＞≧≦")
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([^\n]*)")
_FENCE_INFO = re.compile(r"[\x21-\x7e]*(?: [\x20-\x7e]*)?")
_REFERENCE = re.compile(r"\[([^\[\]\n]+)\]:[ \t]*(\S*)")

_BLOCK_ALT: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}

#: Wide spaces at the start of a line are an indent that authors mean; the parser strips every kind of space there. They travel as
#: private-use characters (plane 16) and come back at the end.
_INDENTS = "\u00a0\u2002\u2003\u2004\u2005\u2009\u3000"
_HIDE = {ord(char): chr(0x10F000 + index) for index, char in enumerate(_INDENTS)}
_SHOW = {ord(hidden): chr(char) for char, hidden in _HIDE.items()}
_LINE_START = re.compile(rf"^[ \t]*[{_INDENTS}]+", re.MULTILINE)


def make_parser() -> MarkdownIt:
    """Return a parser; it holds no state between texts."""
    parser = MarkdownIt("commonmark", {"html": False, "store_labels": True, "maxNesting": 100}).enable("table")
    parser.inline.ruler.after("newline", "handle", _handle)
    parser.inline.ruler.after("newline", "bare_url", _bare_url)
    parser.inline.ruler.before("emphasis", "times", _times)
    parser.inline.ruler.before("emphasis", "face", _face)
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.block.ruler.at("blockquote", _unless_emoticon, _BLOCK_ALT)
    parser.block.ruler.at("fence", _plain_fence, _BLOCK_ALT)
    parser.block.ruler.at("reference", _used_reference)
    return parser


def parse(parser: MarkdownIt, source: str) -> tuple[list[Token], Callable[[str], str]]:
    """Return the tokens of ``source`` and the function that every text taken from them must pass.

    ``source`` has line feeds as line ends only. Link definitions that nothing refers to stay text, in place: a second pass is told their labels.
    """
    hidden = _LINE_START.sub(lambda found: found.group().translate(_HIDE), source)
    environment: dict[str, Any] = {literal_labels: frozenset()}
    tokens = parser.parse(hidden, environment)
    unused = set(environment.get("references", {})) - _labels(tokens)
    if unused:
        environment = {literal_labels: frozenset(unused)}
        tokens = parser.parse(hidden, environment)
    return tokens, lambda text: text.translate(_SHOW)


def _labels(tokens: list[Token]) -> set[str]:
    found: set[str] = set()
    for token in tokens:
        if "label" in token.meta:
            found.add(token.meta["label"])
        if token.children:
            found |= _labels(token.children)
    return found


# --- inline rules -----------------------------------------------------------------------------------------------------------------


def _literal(state: StateInline, text: str, silent: bool) -> bool:
    if not silent:
        state.append_pending(text)
    state.pos += len(text)
    return True


def _handle(state: StateInline, silent: bool) -> bool:
    """``#topic#`` and ``@name`` are names, not markup."""
    pattern = {"#": _TOPIC, "@": _MENTION}.get(state.src[state.pos])
    found = pattern.match(state.src, state.pos, state.posMax) if pattern else None
    if found is None:
        return False
    text = found.group()
    if text[0] == "@" and any(chr(mark.marker) == "_" and mark.open for mark in state.delimiters):
        text = text.rstrip("_")  # an emphasis around the name ends here
    return len(text) > 1 and _literal(state, text, silent)


def _bare_url(state: StateInline, silent: bool) -> bool:
    """An address without angle brackets keeps its underscores and stars."""
    if not state.src.startswith("://", state.pos) or not re.search(r"https?\Z", state.src[: state.pos]):
        return False
    found = _URL_REST.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    text = found.group()
    while text[-1] in "*_~.,;:!?'" or (text[-1] == ")" and text.count(")") > text.count("(")):
        text = text[:-1]
    return len(text) > 3 and _literal(state, text, silent)


def _times(state: StateInline, silent: bool) -> bool:
    """``10*20*30`` is a size, not an emphasis."""
    at, src = state.pos, state.src
    if src[at] != "*" or at == 0 or at + 1 >= state.posMax or not (src[at - 1].isdigit() and src[at + 1].isdigit()):
        return False
    return _literal(state, "*", silent)


def _face(state: StateInline, silent: bool) -> bool:
    """A face made of signs keeps its cheeks and mouth."""
    at, src = state.pos, state.src
    if src[at] == "_" and 0 < at < state.posMax - 1 and src[at - 1] in _EYES and src[at + 1] in _EYES:
        return _literal(state, "_", silent)
    found = _STAR_FACE.match(src, at, state.posMax) if src[at] == "*" else None
    return found is not None and _literal(state, found.group(), silent)


def _is_cjk(char: str) -> bool:
    return (
        "\u2e80" <= char <= "\ua4cf"
        or "\uf900" <= char <= "\ufaff"
        or "\ufe30" <= char <= "\uffef"
        or char > "\U00020000"
    )


def _emphasis(state: StateInline, silent: bool) -> bool:
    """CommonMark's emphasis marks; ``**注意：**后文`` closes too, because Chinese sets no space after punctuation."""
    marker = state.src[state.pos]
    if silent or marker not in "_*":
        return False
    scanned = state.scanDelims(state.pos, marker == "*")
    can_open, can_close = scanned.can_open, scanned.can_close
    if marker == "*":
        before = state.src[state.pos - 1] if state.pos else " "
        after_at = state.pos + scanned.length
        after = state.src[after_at] if after_at < state.posMax else " "
        can_close = can_close or (not isWhiteSpace(ord(before)) and _is_cjk(after))
        can_open = can_open or (not isWhiteSpace(ord(after)) and _is_cjk(before))
    for _ in range(scanned.length):
        token = state.push("text", "", 0)
        token.content = marker
        state.delimiters.append(
            Delimiter(
                marker=ord(marker),
                length=scanned.length,
                token=len(state.tokens) - 1,
                end=-1,
                open=can_open,
                close=can_close,
            )
        )
    state.pos += scanned.length
    return True


# --- block rules ------------------------------------------------------------------------------------------------------------------


def _unless_emoticon(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """``>_<`` at the start of a line is a face, not a quote."""
    if _EMOTICON.match(state.src, state.bMarks[start] + state.tShift[start], state.eMarks[start]):
        return False
    return blockquote(state, start, end, silent)


def _plain_fence(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A fence with words behind it (``~~~哈哈``), or of tildes that nothing closes, is text."""
    found = _FENCE.match(state.src, state.bMarks[start] + state.tShift[start], state.eMarks[start])
    if found is not None:
        if not _FENCE_INFO.fullmatch(found.group(2)):
            return False
        closed = any(
            state.src[state.bMarks[line] : state.eMarks[line]].strip().startswith(found.group(1))
            for line in range(start + 1, end)
        )
        if found.group(1)[0] == "~" and not closed:
            return False
    return fence(state, start, end, silent)


def _used_reference(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """``[label]: address`` defines a link only when the address is one and a link uses it; else it is text."""
    found = _REFERENCE.match(state.src, state.bMarks[start] + state.tShift[start], state.eMarks[start])
    if found is None or not re.match(r"<?(?:https?|mailto):", found.group(2), re.IGNORECASE):
        return False
    if normalizeReference(found.group(1)) in state.env.get(literal_labels, ()):
        return False
    return reference(state, start, end, silent)
