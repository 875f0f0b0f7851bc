"""From entry points to records and capabilities: who may load, who does, who clashes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from creatorflow.api.descriptors import Descriptor
from creatorflow.api.errors import Text
from creatorflow.plugins.explain import kind_words
from creatorflow.plugins.finding import Found
from creatorflow.plugins.isolation import Fault, contained_streams
from creatorflow.plugins.loading import Loader, Offer
from creatorflow.plugins.official import OFFICIAL
from creatorflow.plugins.records import Candidate, PluginRecord, PluginState, canonical, one_line
from creatorflow.plugins.reserved import is_reserved
from creatorflow.plugins.versions import unmet_requirement

__all__ = ["Built", "Selection", "build"]

_Key = tuple[str, str]  # kind and name of a capability


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which plugins may load; names of plugins or of distributions, compared as package indexes do.

    ``only``: exactly these (the variable CREATORFLOW_PLUGINS), the other two do not count then. ``allow``: None allows all.
    """

    only: frozenset[str] | None = None
    allow: frozenset[str] | None = None
    block: frozenset[str] = frozenset()

    @classmethod
    def of(cls, only: Iterable[str] | None, allow: Iterable[str] | None, block: Iterable[str]) -> Selection:
        """Return the selection for names as people write them; blank names are dropped."""

        def names(given: Iterable[str]) -> frozenset[str]:
            return frozenset(canonical(name) for name in given if name.strip())

        return cls(
            only=None if only is None else names(only),
            allow=None if allow is None else names(allow),
            block=names(block),
        )

    def refusal(self, candidate: Candidate) -> Text | None:
        """Return why the settings keep ``candidate`` out, with what to do about it, or None."""
        name = candidate.name
        if self.only is not None:
            if candidate.answers_to(self.only):
                return None
            return Text(
                en=f"CREATORFLOW_PLUGINS does not name it. Add {name!r} there, or unset the variable, to load it.",
                zh=f"CREATORFLOW_PLUGINS 中没有它。要加载它，请把 {name!r} 加进去，或取消设置该变量。",
            )
        if candidate.answers_to(self.block):
            return Text(
                en=f"[plugins] block in config.toml names it. Take {name!r} out of that list to load it.",
                zh=f"config.toml 的 [plugins] block 列出了它。要加载它，请把 {name!r} 从列表中去掉。",
            )
        if self.allow is not None and not candidate.answers_to(self.allow):
            return Text(
                en=f"[plugins] allow in config.toml does not name it. Add {name!r} to that list to load it.",
                zh=f"config.toml 的 [plugins] allow 没有列出它。要加载它，请把 {name!r} 加入列表。",
            )
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Records sorted by name and distribution; descriptors with their owner and JSON entry by kind and name."""

    records: tuple[PluginRecord, ...]
    owners: dict[_Key, PluginRecord]
    descriptors: dict[_Key, Descriptor]
    entries: dict[_Key, dict[str, Any]]


def build(found: Found, selection: Selection, *, budget_s: float) -> Built:
    """Load what may load. Nothing a plugin does makes this raise; it returns after at most ``budget_s`` for each step that hangs."""
    records: list[PluginRecord] = []
    free: list[Candidate] = []
    for candidate in found.candidates:
        refusal = selection.refusal(candidate)
        if refusal is not None:
            records.append(_record(candidate, PluginState.BLOCKED, error=_sentence(candidate, refusal)))
        else:
            free.append(candidate)
    free, twins = _split_twins(free)
    records += twins
    loaded: list[tuple[Candidate, Offer, str]] = []
    loader = Loader(budget_s)
    try:
        for candidate in free:
            with contained_streams() as printed:
                try:
                    loaded.append((candidate, _load(loader, candidate, found.core_version), one_line(printed.text)))
                except Fault as fault:
                    error = _sentence(candidate, fault.text, _cure(candidate))
                    records.append(_record(candidate, PluginState.FAILED, error=error, printed=one_line(printed.text)))
    finally:
        loader.close()
    records += _missing(found, selection)
    return _settle(records, loaded)


def _load(loader: Loader, candidate: Candidate, core_version: str) -> Offer:
    if candidate.broken is not None:
        raise Fault(candidate.broken)
    unmet = unmet_requirement(candidate.requires, core_version)
    if unmet is not None:
        raise Fault(
            Text(
                en=f"it requires {unmet!r}, and this core is {core_version}",
                zh=f"它要求 {unmet!r}，而当前核心版本是 {core_version}",
            )
        )
    return loader.load(candidate)


def _split_twins(candidates: list[Candidate]) -> tuple[list[Candidate], list[PluginRecord]]:
    """Set aside plugins that share a name: both are refused, neither is imported."""
    groups: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[canonical(candidate.name)].append(candidate)
    single: list[Candidate] = []
    twins: list[PluginRecord] = []
    for group in groups.values():
        if len(group) == 1:
            single += group
            continue
        for candidate in group:
            others = _names(other.label for other in group if other is not candidate)
            reason = Text(
                en=f"{others} has a plugin of the same name, so neither is loaded",
                zh=f"{others} 也有同名插件，因此都不加载",
            )
            records = _record(candidate, PluginState.CLASH, error=_sentence(candidate, reason, _clash_cure(group)))
            twins.append(records)
    return single, twins


def _settle(records: list[PluginRecord], loaded: list[tuple[Candidate, Offer, str]]) -> Built:
    claims: defaultdict[_Key, list[Candidate]] = defaultdict(list)
    for candidate, offer, _ in loaded:
        for key in offer.entries:
            claims[key].append(candidate)
    built = Built(records=(), owners={}, descriptors={}, entries={})
    for candidate, offer, printed in loaded:
        error = _clash(candidate, offer, claims)
        state = PluginState.LOADED if error is None else PluginState.CLASH
        record = _record(candidate, state, error=error, printed=printed, capabilities=tuple(sorted(offer.entries)))
        records.append(record)
        if error is None:
            for item in offer.descriptors:
                built.owners[item.kind, item.name] = record
                built.descriptors[item.kind, item.name] = item
                built.entries[item.kind, item.name] = offer.entries[item.kind, item.name]
    records.sort(key=lambda record: (record.name, canonical(record.distribution), record.entry_point))
    return replace(built, records=tuple(records))


def _clash(candidate: Candidate, offer: Offer, claims: dict[_Key, list[Candidate]]) -> Text | None:
    for item in offer.descriptors:
        kind, kind_zh = kind_words(item.kind)
        if is_reserved(item):
            reason = Text(
                en=f"it offers the {kind} {item.name!r}, a name that belongs to the core",
                zh=f"它提供的{kind_zh} {item.name!r} 是核心保留的名称",
            )
            return _sentence(candidate, reason, _cure(candidate))
        group = claims[item.kind, item.name]
        if len(group) > 1:
            others = _names(f"{other.name!r} ({other.label})" for other in group if other is not candidate)
            reason = Text(
                en=f"the {kind} {item.name!r} is also offered by {others}, so neither is loaded",
                zh=f"{kind_zh} {item.name!r} 同时由 {others} 提供，因此都不加载",
            )
            return _sentence(candidate, reason, _clash_cure(group))
    return None


def _missing(found: Found, selection: Selection) -> list[PluginRecord]:
    """A name in CREATORFLOW_PLUGINS that nothing answers to is a typing mistake, or something to install."""
    records: list[PluginRecord] = []
    for name in sorted(selection.only or ()):
        if any(candidate.answers_to(frozenset({name})) for candidate in found.candidates):
            continue
        official = next((item for item in OFFICIAL if name in (canonical(item.name), item.distribution)), None)
        if official is not None:
            cure = Text(en=f"Install it: {official.pip}", zh=f"安装它：{official.pip}")
        else:
            known = ", ".join(sorted({item.name for item in found.candidates})) or "-"
            cure = Text(en=f"Installed plugins: {known}.", zh=f"已安装的插件：{known}。")
        error = Text(
            en=f"Plugin {name!r}: CREATORFLOW_PLUGINS names it, but it is not installed. {cure.en}",
            zh=f"插件 {name!r}：CREATORFLOW_PLUGINS 列出了它，但没有安装。{cure.zh}",
        )
        shown = official.name if official is not None else name
        records.append(
            PluginRecord(
                name=shown, distribution="", version="", entry_point="", state=PluginState.MISSING, error=error
            )
        )
    return records


def _record(
    candidate: Candidate,
    state: PluginState,
    *,
    error: Text | None = None,
    printed: str = "",
    capabilities: tuple[_Key, ...] = (),
) -> PluginRecord:
    return PluginRecord(
        name=candidate.name,
        distribution=candidate.distribution,
        version=candidate.version,
        entry_point=candidate.value,
        state=state,
        error=error,
        capabilities=capabilities,
        printed=printed,
    )


def _sentence(candidate: Candidate, reason: Text, cure: Text | None = None) -> Text:
    """Put what, which and what to do next together."""
    en = f"Plugin {candidate.name!r} ({candidate.label}): {reason.en}"
    zh = f"插件 {candidate.name!r}（{candidate.label}）：{reason.zh}"
    return Text(en=en if cure is None else f"{en}. {cure.en}", zh=zh if cure is None else f"{zh}。{cure.zh}")


def _cure(candidate: Candidate) -> Text:
    upgrade = f"pip install --upgrade {candidate.distribution}"
    block = f'[plugins] block = ["{candidate.name}"]'
    return Text(
        en=f"Update it ({upgrade}), or keep it out with {block} in config.toml.",
        zh=f"请更新它（{upgrade}），或在 config.toml 中用 {block} 排除它。",
    )


def _clash_cure(group: Collection[Candidate]) -> Text:
    block = f'[plugins] block = ["{canonical(min(item.distribution for item in group))}"]'
    return Text(
        en=f"Uninstall one of them, or keep one out, for example with {block} in config.toml.",
        zh=f"请卸载其中一个，或在 config.toml 中排除其中一个，例如 {block}。",
    )


def _names(labels: Iterable[str]) -> str:
    return ", ".join(sorted(labels))
