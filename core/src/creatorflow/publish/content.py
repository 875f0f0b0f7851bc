"""Reads posts: a Markdown file with YAML front matter, or the same keys as a mapping over RPC.

The schema is closed: an unknown key is an error that names its line and the nearest known key, so that a typo never becomes a silently
missing picture or declaration.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from creatorflow.api import Content, ContentError, Declarations, Text

__all__ = ["PLATFORM_KEYS", "content_from_mapping", "parse_post", "read_post"]

#: Largest post file in bytes: far above any platform's text limit, far below what could hurt.
MAX_POST_BYTES = 1 << 20

_STRINGS = {"title", "video", "cover", "location", "collection", "visibility", "schedule", "form"}
_LISTS = {"topics", "mentions", "images"}
_BOOLEANS = {"ai_generated", "original", "fiction"}
_DECLARATIONS = set(Declarations.model_fields)
_KEYS = _STRINGS | _LISTS | {"declarations", "platforms"}

#: Keys that a ``platforms: {name: {…}}`` table may override; any other key in it is a field of that platform's adapter.
PLATFORM_KEYS = frozenset(_STRINGS | _LISTS | {"declarations", "body"})


def read_post(path: Path) -> Content:
    """Read and parse a post file.

    Raises:
        ContentError: missing, unreadable, too large, not UTF-8, or not a valid post; ``details`` holds ``file`` and, where known, ``line``.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_POST_BYTES + 1)
    except OSError as error:
        raise ContentError(
            Text(
                en=f"The post file {str(path)!r} cannot be read: {error.strerror}. Check the path.",
                zh=f"无法读取文件“{path}”：{error.strerror}。请检查路径。",
            ),
            {"file": str(path)},
        ) from error
    if len(raw) > MAX_POST_BYTES:
        raise ContentError(
            Text(
                en=f"The post file {str(path)!r} is larger than {MAX_POST_BYTES} bytes. Is it really the text of a post?",
                zh=f"文件“{path}”超过 {MAX_POST_BYTES} 字节，确定是一篇文章吗？",
            ),
            {"file": str(path)},
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _error(
            str(path), line, "the file is not UTF-8. Save it as UTF-8.", "文件不是 UTF-8 编码，请另存为 UTF-8。"
        ) from error
    return parse_post(text, name=str(path))


def parse_post(text: str, *, name: str) -> Content:
    """Parse the text of a post file; ``name`` appears in error messages.

    Raises:
        ContentError: with ``details["line"]`` counted from 1.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[0].rstrip() != "---":
        return _validated({"body": "\n".join(lines).strip("\n")}, name, {})
    end = next((number for number in range(1, len(lines)) if lines[number].rstrip() == "---"), None)
    if end is None:
        raise _error(
            name,
            1,
            "the front matter begins with '---' but no second '---' ends it. Add one.",
            "开头的 “---” 没有对应的结束行 “---”，请补上。",
        )
    values, positions = _front_matter("\n".join(lines[1:end]), name)
    values["body"] = "\n".join(lines[end + 1 :]).strip("\n")
    return _validated(values, name, positions)


def content_from_mapping(data: Mapping[str, Any]) -> Content:
    """Validate content that came over RPC: the keys of the post file plus ``body`` (alias ``text``).

    Raises:
        ContentError: ``details["field"]`` names the key.
    """
    values = dict(data)
    if "text" in values:
        if values.get("body"):
            raise ContentError(
                Text(
                    en="The content has both 'body' and its alias 'text'. Send one of them.",
                    zh="内容同时包含 “body” 与其别名 “text”，请只保留一个。",
                ),
                {"field": "text"},
            )
        values["body"] = values.pop("text") or ""
    for key in values:
        if key not in _KEYS and key != "body":
            raise ContentError(
                _unknown("content", str(key), _KEYS | {"body", "text"}),
                {"field": str(key)},
            )
    return _validated(values, None, {})


class _Loader(yaml.SafeLoader):
    """Safe YAML in which dates stay text: we parse them ourselves and demand an offset."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _front_matter(source: str, name: str) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the values and, per dotted key, its line in the file (the ``---`` above is line 1)."""
    try:
        events = list(yaml.parse(source, Loader=_Loader))
        root = yaml.compose(source, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not readable"
        line = mark.line + 2 if mark else 1
        raise _error(
            name,
            line,
            f"the front matter is not valid YAML: {problem}. Check quotes, colons and indentation.",
            f"front matter 不是有效的 YAML：{problem}。请检查引号、冒号与缩进。",
        ) from error
    except RecursionError as error:
        raise _error(name, 1, "the front matter is nested too deeply.", "front matter 嵌套过深。") from error
    for event in events:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            line = event.start_mark.line + 2 if event.start_mark else 1
            raise _error(
                name,
                line,
                "YAML anchors and aliases are not allowed here. Write the value out.",
                "此处不允许 YAML 锚点与别名，请直接写值。",
            )
    if root is None:
        return {}, {}
    if not isinstance(root, yaml.MappingNode):
        raise _error(name, 2, "the front matter must be 'key: value' lines.", "front matter 必须是 “键: 值” 的形式。")
    reader = _Reader(name)
    return reader.mapping(root, "", _KEYS, "front matter"), reader.positions


class _Reader:
    """Turns YAML nodes into values and remembers the line of every key (``---`` above the source is line 1)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.positions: dict[str, int] = {}

    def mapping(self, node: yaml.MappingNode, prefix: str, known: set[str] | None, where: str) -> dict[str, Any]:
        """Read ``key: value`` lines; ``known`` None accepts any key."""
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = _line(key_node)
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            if not key:
                raise _error(self.name, line, f"a key in the {where} is not a word.", f"{where} 中有一个键不是单词。")
            if known is not None and key not in known:
                text = _unknown(where, key, known)
                raise _error(self.name, line, text.en, text.zh, key)
            if key in values:
                raise _error(
                    self.name,
                    line,
                    f"the key {key!r} appears twice. Keep one.",
                    f"键 “{key}” 出现了两次，请保留一个。",
                    key,
                )
            self.positions[prefix + key] = line
            values[key] = self._value(value_node, prefix + key, key)
        return values

    def _value(self, node: yaml.Node, path: str, key: str) -> Any:
        if path == "declarations" or path.endswith(".declarations"):
            return self.mapping(self._as_mapping(node, key), path + ".", _DECLARATIONS, "declarations")
        if path == "platforms" or (path.startswith("platforms.") and path.count(".") == 1):
            return self.mapping(self._as_mapping(node, key), path + ".", None, path)
        if key in _LISTS:
            return self._list(node, key)
        if key in _STRINGS or key in {"body", "reprint_source"}:
            if not isinstance(node, yaml.ScalarNode):
                raise _error(self.name, _line(node), f"{key!r} must be a single value.", f"“{key}” 必须是单个值。", key)
            return None if node.tag == "tag:yaml.org,2002:null" else node.value
        try:
            return _construct(node)
        except yaml.YAMLError as error:
            en, zh = (
                f"{key!r} holds a YAML tag or value that is not allowed here.",
                f"“{key}” 使用了此处不允许的 YAML 标签或取值。",
            )
            raise _error(self.name, _line(node), en, zh, key) from error

    def _list(self, node: yaml.Node, key: str) -> list[str]:
        if not isinstance(node, yaml.SequenceNode):
            en, zh = (
                f"{key!r} must be a list, for example: {key}: [a, b].",
                f"“{key}” 必须是列表，例如：{key}: [a, b]。",
            )
            raise _error(self.name, _line(node), en, zh, key)
        for item in node.value:
            if not isinstance(item, yaml.ScalarNode) or not item.value.strip():
                en, zh = f"an entry of {key!r} is empty or not a word.", f"“{key}” 中有一项为空或不是文字。"
                raise _error(self.name, _line(item), en, zh, key)
        return [item.value for item in node.value]

    def _as_mapping(self, node: yaml.Node, key: str) -> yaml.MappingNode:
        if isinstance(node, yaml.MappingNode):
            return node
        en, zh = f"{key!r} must hold 'key: value' lines, indented below it.", f"“{key}” 下面必须是缩进的 “键: 值”。"
        raise _error(self.name, _line(node), en, zh, key)


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 2 if node.start_mark else 1


def _construct(node: yaml.Node) -> Any:
    """Build a plain value of a node whose meaning the adapter decides (platform fields, booleans)."""
    loader = _Loader("")
    try:
        return loader.construct_object(node, deep=True)
    finally:
        loader.dispose()


def _validated(values: Mapping[str, Any], name: str | None, positions: Mapping[str, int]) -> Content:
    cleaned = dict(values)
    if isinstance(cleaned.get("topics"), list | tuple):
        cleaned["topics"] = [str(topic).strip().strip("#").strip() for topic in cleaned["topics"]]
    if isinstance(cleaned.get("mentions"), list | tuple):
        cleaned["mentions"] = [str(mention).strip().lstrip("@") for mention in cleaned["mentions"]]
    try:
        content = Content.model_validate(cleaned)
    except ValidationError as error:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"]]
        line = next(
            (positions[key] for key in (".".join(path[:n]) for n in range(len(path), 0, -1)) if key in positions), None
        )
        en, zh = _explain(path, first)
        raise _error(name, line, en, zh, ".".join(path)) from error
    for key in ("topics", "mentions"):
        for item in getattr(content, key):
            if not item or any(char.isspace() for char in item) or "#" in item:
                raise _error(
                    name,
                    positions.get(key),
                    f"{item!r} in {key!r} is empty or holds a space or '#'. Write the bare name.",
                    f"“{key}” 中的 “{item}” 为空，或包含空格或 “#”，请只写名称。",
                    key,
                )
    return content


_EXPLAIN = {
    "visibility": ("must be public, private or friends", "只能是 public、private 或 friends"),
    "form": ("must be image, video, article or text", "只能是 image、video、article 或 text"),
    "schedule": (
        "must be a time with its offset, for example 2026-12-01T20:00+08:00",
        "必须是带时区偏移的时间，例如 2026-12-01T20:00+08:00",
    ),
    "ai_generated": ("must be true or false", "只能是 true 或 false"),
    "original": ("must be true or false", "只能是 true 或 false"),
    "fiction": ("must be true or false", "只能是 true 或 false"),
}


def _explain(path: list[str], error: Any) -> tuple[str, str]:
    key = path[-1] if path else "content"
    if error["type"] == "extra_forbidden":
        text = _unknown(".".join(path[:-1]) or "content", key, _DECLARATIONS if "declarations" in path else _KEYS)
        return text.en, text.zh
    named = next((part for part in reversed(path) if part in _EXPLAIN), None)
    en, zh = _EXPLAIN.get(named or "", ("has the wrong type or value", "的类型或取值不正确"))
    shown = named or ".".join(path)
    value = error.get("input")
    given = f" (found {value!r})" if isinstance(value, str | int | float | bool) and len(str(value)) <= 60 else ""
    given_zh = f"（当前为 {value!r}）" if given else ""
    return f"{shown!r} {en}{given}.", f"“{shown}” {zh}{given_zh}。"


def _unknown(where: str, key: str, known: set[str] | frozenset[str]) -> Text:
    near = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.5)
    if near:
        return Text(
            en=f"unknown key {key!r} in the {where}. Did you mean {near[0]!r}?",
            zh=f"{where} 中有未知的键 “{key}”，是否应为 “{near[0]}”？",
        )
    names = ", ".join(sorted(known))
    return Text(
        en=f"unknown key {key!r} in the {where}. Known keys: {names}.",
        zh=f"{where} 中有未知的键 “{key}”。可用的键：{names}。",
    )


def _error(name: str | None, line: int | None, en: str, zh: str, field: str | None = None) -> ContentError:
    details: dict[str, Any] = {}
    if name is not None:
        details["file"] = name
    if line is not None:
        details["line"] = line
    if field is not None:
        details["field"] = field
    where = f"{name}, line {line}: " if name and line else f"{name}: " if name else ""
    where_zh = f"{name} 第 {line} 行：" if name and line else f"{name}：" if name else ""
    return ContentError(Text(en=where + en, zh=where_zh + zh), details)
