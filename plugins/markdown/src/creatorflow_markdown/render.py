"""Markdown to the plain text that a platform shows."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from creatorflow.api import Text, TextProcessor, TextResult
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from creatorflow_markdown.parser import make_parser, parse

__all__ = ["MarkdownText", "Options"]

#: One level of indent of a nested list: a wide space, because sites drop ASCII spaces at the start of a line.
_INDENT = "\u3000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of ``options.schema.json``, with its defaults."""

    heading_style: Literal["plain", "brackets"] = "plain"
    quote_style: Literal["brackets", "arrow"] = "brackets"
    bullet: str = "·"


class MarkdownText(TextProcessor):
    """CommonMark with tables to plain text; text without markup comes out as it went in."""

    def __init__(self) -> None:
        self._parser = make_parser()

    def render(self, source: str, options: Mapping[str, Any]) -> TextResult:
        """Render ``source``.

        Headings become lines, lists keep marks and numbers, links become ``words address``, code stays as it is, HTML is literal text.
        Pictures cannot stand inside a platform text: they are left out and named in a warning; tables become lines, with a warning.

        Args:
            source: Markdown.
            options: the fields of ``Options``.
        """
        source = source.replace("\r\n", "\n").replace("\r", "\n")
        tokens, restore = parse(self._parser, source)
        walk = _Walk(self._parser, Options(**options), source.split("\n"))
        text = restore(walk.blocks(SyntaxTreeNode(tokens).children))
        return TextResult(text=text, warnings=tuple(walk.warnings))


@dataclass(slots=True)
class _Walk:
    parser: MarkdownIt
    options: Options
    lines: Sequence[str]
    warnings: list[Text] = field(default_factory=list)

    # --- blocks -------------------------------------------------------------------------------------------------------------------

    def blocks(self, nodes: Sequence[SyntaxTreeNode]) -> str:
        """Join blocks: a blank line where the author left one, else just a line break."""
        out = ""
        gap = False
        for node in nodes:
            text = self._block(node)
            gap = gap or self._blank_before(node) or node.type == "hr"
            if text == "":
                continue
            if out:
                out += "\n\n" if gap else "\n"
            out += text
            gap = False
        return out

    def _blank_before(self, node: SyntaxTreeNode) -> bool:
        line = node.map[0] if node.map else 0
        return line > 0 and self.lines[line - 1].strip(" \t>") == ""

    def _block(self, node: SyntaxTreeNode) -> str:
        match node.type:
            case "heading":
                words = self._inline_of(node)
                text = f"【{words}】" if self.options.heading_style == "brackets" else words
                text = text if words else node.markup  # a lone "#" is a sign, not a heading without words
            case "bullet_list" | "ordered_list":
                text = self._list(node)
            case "blockquote":
                text = self._quote(self.blocks(node.children))
            case "fence" | "code_block":
                text = node.content.removesuffix("\n")
            case "table":
                text = self._table(node)
            case "hr":
                text = ""
            case _:  # paragraph
                text = self._inline_of(node)
        return text

    def _inline_of(self, node: SyntaxTreeNode) -> str:
        return "".join(self._inline(child.children) for child in node.children).strip(" \t\n")

    def _quote(self, text: str) -> str:
        if not text:
            return ""
        if self.options.quote_style == "brackets":
            return f"「{text}」"
        return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))

    def _list(self, node: SyntaxTreeNode) -> str:
        marks = self._marks(node)
        items: list[str] = []
        loose = False
        for mark, item in zip(marks, node.children, strict=True):
            parts = [(child, self._block(child)) for child in item.children]
            loose = loose or any(child.type == "paragraph" and not child.hidden for child, _ in parts)
            body = ""
            for child, part in parts:
                if not part:
                    continue
                nested = child.type in ("bullet_list", "ordered_list") and body
                shown = "\n".join(_INDENT + line if line else line for line in part.split("\n")) if nested else part
                body += (
                    "\n\n" if body and child.type == "paragraph" and not child.hidden else "\n" if body else ""
                ) + shown
            items.append(f"{mark} {body}".rstrip())
        return ("\n\n" if loose and len(items) > 1 else "\n").join(items)

    def _marks(self, node: SyntaxTreeNode) -> list[str]:
        if node.type == "bullet_list":
            return [self.options.bullet] * len(node.children)
        numbers = [int(item.info) for item in node.children]
        if len(set(numbers)) == 1:  # "1. 1. 1." is the lazy way to number
            numbers = list(range(numbers[0], numbers[0] + len(numbers)))
        return [f"{number}{node.markup}" for number in numbers]

    def _table(self, node: SyntaxTreeNode) -> str:
        self.warnings.append(
            Text(
                en="A table became lines of text: posts have no tables.", zh="表格已转成逐行文字：平台正文不支持表格。"
            )
        )
        rows = [
            " | ".join(self._inline_of(cell) for cell in row.children)
            for part in node.children
            for row in part.children
        ]
        return "\n".join(rows)

    # --- inline -------------------------------------------------------------------------------------------------------------------

    def _inline(self, nodes: Sequence[SyntaxTreeNode]) -> str:
        out = ""
        address_last = False
        for node in nodes:
            address = False
            match node.type:
                case "softbreak" | "hardbreak":
                    text = "\n"
                case "link":
                    text = self._link(node)
                    address = True
                case "image":
                    text = ""
                    self._picture(node)
                case "em" | "strong":
                    text = self._inline(node.children)
                    address = _ends_with_link(node)
                case _:  # text, code_inline
                    text = node.content
            if address_last and text and _sticks(text[0]):
                out += " "  # or the site takes the next word for a part of the address
            out += text
            address_last = address if text else address_last
        return out

    def _link(self, node: SyntaxTreeNode) -> str:
        words = self._inline(node.children).strip()
        address = str(node.attrs.get("href", ""))
        plain = address.removeprefix("mailto:")
        if words in (address, plain) or self.parser.normalizeLink(words) == address or not words:
            return plain
        return f"{words} {plain}" if plain else words

    def _picture(self, node: SyntaxTreeNode) -> None:
        source = str(node.attrs.get("src", ""))
        name = node.content or source
        self.warnings.append(
            Text(
                en=f"The picture {name!r} ({source}) inside the text was left out: list it under 'images:'.",
                zh=f"正文中的图片“{name}”（{source}）未包含：请写入 'images:'。",
            )
        )


def _ends_with_link(node: SyntaxTreeNode) -> bool:
    last = node.children[-1] if node.children else None
    return last is not None and (last.type == "link" or (last.type in ("em", "strong") and _ends_with_link(last)))


def _sticks(char: str) -> bool:
    """Tell whether ``char`` right behind an address could be taken for a part of it."""
    if char.isspace():
        return False
    return char.isascii() or not unicodedata.category(char).startswith("P")
