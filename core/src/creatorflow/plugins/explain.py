"""Sentences about what is not there, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from creatorflow.api.errors import NotFound, Text
from creatorflow.plugins.official import OFFICIAL, OfficialDistribution, brings
from creatorflow.plugins.records import PluginRecord, PluginState, canonical

__all__ = ["absent_capability", "kind_words", "story"]

_KINDS: dict[str, tuple[str, str]] = {
    "platform": ("platform", "平台"),
    "tool": ("tool", "工具"),
    "processor": ("content processor", "内容处理器"),
    "llm_provider": ("LLM provider", "LLM 提供方"),
    "graph": ("graph", "图"),
    "hot_topic_source": ("hot-topic source", "热点来源"),
    "cli_command": ("command", "命令"),
}


def kind_words(kind: str) -> tuple[str, str]:
    """Return the word for a kind of capability in English and Chinese."""
    return _KINDS.get(kind, (kind.replace("_", " "), kind))


def absent_capability(
    kind: str,
    name: str,
    installed: Sequence[str],
    records: Sequence[PluginRecord],
    *,
    official: OfficialDistribution | None = None,
) -> NotFound:
    """Return the error for a capability that is not in the catalogue.

    Args:
        kind: kind of the capability.
        name: what was asked for: its name, or a MIME type.
        installed: names of that kind in the catalogue.
        records: all plugins found.
        official: the distribution of ours that brings it; None: looked up by name.
    """
    en_kind, zh_kind = kind_words(kind)
    official = official or brings(kind, name)
    en = f"There is no {en_kind} {name!r}." if "/" not in name else f"No {en_kind} accepts {name!r}."
    zh = f"没有{zh_kind} {name!r}。" if "/" not in name else f"没有{zh_kind}接受 {name!r}。"
    have = ", ".join(installed)
    details: dict[str, object] = {"name": name, "installed": list(installed)}
    culprit = _culprit(kind, name, records, official)
    if culprit is not None and culprit.error is not None:
        # The reason first; and it is installed, so "none is installed" would be untrue.
        en += f" {culprit.error.en}" + (f" Installed: {have}." if have else "")
        zh += culprit.error.zh + (f"已安装：{have}。" if have else "")
        details["plugin"] = culprit.name
        return NotFound(Text(en=en, zh=zh), kind=kind, details=details)
    en += f" Installed: {have}." if have else f" No {en_kind} is installed."
    zh += f"已安装：{have}。" if have else f"尚未安装任何{zh_kind}。"
    if official is not None:
        en += f" Install it: {official.pip}"
        zh += f"安装方法：{official.pip}"
        details["pip"] = official.pip
    else:
        known = {*installed, *(item for known in OFFICIAL for item in known.kinds.get(kind, ()))}
        near = _nearest(name, known)
        if near is not None:
            hint = brings(kind, near)
            pip = f" ({hint.pip})" if hint is not None and near not in installed else ""
            en += f" Did you mean {near!r}?{pip}"
            zh += f"是否想用 {near!r}？{pip}"
            details["nearest"] = near
        else:
            en += " See 'creatorflow capabilities'."
            zh += "参见 'creatorflow capabilities'。"
    return NotFound(Text(en=en, zh=zh), kind=kind, details=details)


def _culprit(
    kind: str,
    name: str,
    records: Iterable[PluginRecord],
    official: OfficialDistribution | None,
) -> PluginRecord | None:
    """Return the plugin that is there and would bring the capability, had it loaded."""
    for record in records:
        if record.state in (PluginState.LOADED, PluginState.MISSING):
            continue
        claimed = (kind, name) in record.capabilities or record.name == name
        if claimed or (official is not None and canonical(record.distribution) == official.distribution):
            return record
    return None


def _nearest(name: str, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches  # only when something is wrong

    found = get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.6)
    return found[0] if found else None


def story(name: str, records: Sequence[PluginRecord]) -> list[Text]:
    """Return what is known of the plugin or distribution ``name``, or of the plugin that offers a capability ``name``.

    Raises:
        NotFound: nothing of that name.
    """
    wanted = canonical(name)
    found = [item for item in records if wanted in (canonical(item.name), canonical(item.distribution))]
    if not found:
        found = [item for item in records if any(offered == name for _, offered in item.capabilities)]
    if found:
        return [sentence for record in found for sentence in _chapter(record)]
    for item in OFFICIAL:
        if wanted in (canonical(item.name), item.distribution):
            return [
                Text(
                    en=f"Plugin {item.name!r} ({item.distribution}) is not installed.",
                    zh=f"插件 {item.name!r}（{item.distribution}）没有安装。",
                ),
                Text(en=f"Install it: {item.pip}", zh=f"安装方法：{item.pip}"),
            ]
    known = sorted({item.name for item in records} | {item.name for item in OFFICIAL})
    near = _nearest(name, known)
    have = ", ".join(item.name for item in records) or "-"
    guess_en, guess_zh = (f" Did you mean {near!r}?", f"是否想用 {near!r}？") if near else ("", "")
    raise NotFound(
        Text(
            en=f"There is no plugin {name!r}.{guess_en} Found: {have}. A plugin is found by its entry point in the group 'creatorflow'.",
            zh=f"没有插件 {name!r}。{guess_zh}已发现：{have}。插件通过 'creatorflow' 组中的入口被发现。",
        ),
        kind="plugin",
        details={"name": name, "nearest": near},
    )


def _chapter(record: PluginRecord) -> list[Text]:
    sentences: list[Text] = []
    if record.distribution:
        point = record.entry_point or "?"
        sentences.append(
            Text(
                en=f"Plugin {record.name!r} comes with the distribution {record.label}; its entry point is {point!r}.",
                zh=f"插件 {record.name!r} 来自发行包 {record.label}，入口为 {point!r}。",
            )
        )
    sentences.append(_STATES[record.state])
    if record.error is not None:
        sentences.append(record.error)
    if record.capabilities:
        en = ", ".join(f"{kind_words(kind)[0]} {name!r}" for kind, name in record.capabilities)
        zh = "、".join(f"{kind_words(kind)[1]} {name!r}" for kind, name in record.capabilities)
        lost = record.state is not PluginState.LOADED
        sentences.append(
            Text(
                en=f"It would offer: {en}." if lost else f"It offers: {en}.",
                zh=f"它本可提供：{zh}。" if lost else f"它提供：{zh}。",
            )
        )
    elif record.state is PluginState.LOADED:
        sentences.append(
            Text(en="It offers nothing: its hooks returned empty lists.", zh="它没有提供任何能力：钩子返回了空列表。")
        )
    if record.printed:
        sentences.append(
            Text(
                en=f"It printed while loading, which plugins must not do: {record.printed!r}.",
                zh=f"它在加载时输出了文字（插件不应如此）：{record.printed!r}。",
            )
        )
    return sentences


_STATES: dict[PluginState, Text] = {
    PluginState.LOADED: Text(en="It is loaded.", zh="它已加载。"),
    PluginState.FAILED: Text(en="It was found, and loading it failed.", zh="已找到它，但加载失败。"),
    PluginState.CLASH: Text(en="It was found, and refused: a name clashes.", zh="已找到它，但因名称冲突被拒绝。"),
    PluginState.BLOCKED: Text(en="It was found, and the settings keep it out.", zh="已找到它，但设置将它排除。"),
    PluginState.MISSING: Text(en="It was asked for, and is not installed.", zh="设置要求加载它，但没有安装。"),
}
