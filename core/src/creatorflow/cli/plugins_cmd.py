"""``creatorflow capabilities`` and ``creatorflow plugins list|check|why``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import click

from creatorflow.api.errors import PluginError, Text

if TYPE_CHECKING:
    from creatorflow.plugins import Catalogue
    from creatorflow.plugins.checking import Problem

__all__ = ["capabilities", "plugins"]


class PluginsProgram(Protocol):
    """What these commands use of ``creatorflow.cli.Program``."""

    @property
    def locale(self) -> str:
        """Language of what is printed."""

    @property
    def catalogue(self) -> Catalogue:
        """The plugins."""

    def capabilities(self) -> dict[str, Any]:
        """Return the capability document, the very one that ``capabilities.list`` answers with."""

    def expect_json(self, when_refused: Mapping[str, Any]) -> None:
        """Begin a command with ``--json``."""

    def echo_json(self, document: Any) -> None:
        """Print one JSON document."""


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON document, the same that capabilities.list answers with."
)
@click.pass_obj
def capabilities(program: PluginsProgram, as_json: bool) -> None:
    """已安装的插件能做什么。  What the installed plugins can do."""
    if as_json:
        program.expect_json({})
    document = program.capabilities()
    if as_json:
        program.echo_json(document)
        return
    language = "zh-CN" if program.locale.lower().startswith("zh") else "en"
    for section, label in _SECTIONS.items():
        entries = document[section]
        click.echo(f"{label.localized(program.locale)} ({len(entries)})")
        _table((entry["name"], entry["version"], entry["title"][language], _note(section, entry)) for entry in entries)
    broken = [entry for entry in document["plugins"] if entry["error"] is not None]
    if broken:
        click.echo(_say(program, "Not loaded", "未加载"))
        for entry in broken:
            click.echo(f"  {entry['state']}: {entry['error']}")
    if document["not_installed"]:
        click.echo(_say(program, "Not installed", "未安装"))
        _table((entry["name"], _brings(entry["kinds"]), entry["pip"]) for entry in document["not_installed"])


@click.group()
def plugins() -> None:
    """发现了哪些插件，缺的又是为什么。  The plugins: what was found, and why something is missing."""


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_plugins(program: PluginsProgram, as_json: bool) -> None:
    """已发现的所有插件。  Every plugin found, loaded or not."""
    from creatorflow.plugins import plugin_entry

    if as_json:
        program.expect_json({"plugins": []})
    entries = [plugin_entry(record, program.locale) for record in program.catalogue.plugins]
    if as_json:
        program.echo_json({"plugins": entries})
        return
    if not entries:
        click.echo(
            _say(
                program,
                "No plugin is installed. Try: pip install creatorflow-weibo",
                "没有安装插件。可尝试：pip install creatorflow-weibo",
            )
        )
    _table(
        (entry["name"], entry["state"], entry["distribution"], entry["version"], _brings(entry["capabilities"]))
        for entry in entries
    )
    for entry in entries:
        if entry["error"] is not None:
            click.echo(entry["error"])


@plugins.command("check")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def check(program: PluginsProgram, names: Sequence[str], as_json: bool) -> None:
    """深入检查插件，有问题时退出码为 1。  Import all that plugins offer, report what is wrong; exit code 1 if something is."""
    from creatorflow.plugins.checking import check_plugins

    if as_json:
        program.expect_json({})
    catalogue = program.catalogue
    records = [_known(catalogue, name) for name in names]
    problems = [*check_plugins(catalogue, records), *_rules_problems(catalogue, records)]
    if as_json:
        program.echo_json({"ok": not problems, "problems": [_problem_entry(item, program.locale) for item in problems]})
    else:
        for item in problems:
            at = f" [{item.capability}]" if item.capability else ""
            click.echo(f"{item.plugin}{at}: {item.text.localized(program.locale)}")
        if not problems:
            count = len(names) or len(catalogue.plugins)
            click.echo(
                _say(program, f"{count} plugin(s) checked, nothing is wrong.", f"已检查 {count} 个插件，没有问题。")
            )
    sys.exit(1 if problems else 0)


@plugins.command("why")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def why(program: PluginsProgram, name: str, as_json: bool) -> None:
    """一个插件的来龙去脉。  The whole story of one plugin."""
    if as_json:
        program.expect_json({})
    sentences = [text.localized(program.locale) for text in program.catalogue.why(name)]
    if as_json:
        program.echo_json({"name": name, "story": sentences})
        return
    for sentence in sentences:
        click.echo(sentence)


_SECTIONS = {
    "platforms": Text(en="Platforms", zh="平台"),
    "processors": Text(en="Content processors", zh="内容处理器"),
    "tools": Text(en="Tools", zh="工具"),
    "llm_providers": Text(en="LLM providers", zh="LLM 提供方"),
    "graphs": Text(en="Graphs", zh="图"),
    "hot_topic_sources": Text(en="Hot-topic sources", zh="热点来源"),
    "cli_commands": Text(en="Commands", zh="命令"),
}


def _known(catalogue: Catalogue, name: str) -> str:
    """Return the plugin's own name; ``why`` raises the helpful error for one that is not there."""
    record = catalogue.record(name)
    if record is None:
        catalogue.why(name)
        return name
    return record.name


def _rules_problems(catalogue: Catalogue, names: Sequence[str]) -> list[Problem]:
    """Read every platform's rules the way the engine does; the catalogue only knows that they are TOML."""
    from creatorflow.plugins.checking import Problem
    from creatorflow.publish.rules import load_rules

    problems: list[Problem] = []
    for descriptor in catalogue.platforms.values():
        owner = catalogue.owner(descriptor)
        if names and owner.name not in names:
            continue
        try:
            load_rules(descriptor)
        except PluginError as error:
            capability = f"{descriptor.kind} {descriptor.name}"
            problem = Problem(
                plugin=owner.name,
                distribution=owner.distribution,
                version=owner.version,
                capability=capability,
                text=error.text,
            )
            problems.append(problem)
    return problems


def _note(section: str, entry: Mapping[str, Any]) -> str:
    if section == "platforms":
        return f"{', '.join(entry['content_forms'])}; {', '.join(entry['operations'])}"
    return ", ".join(entry.get("accepts", ()))


def _brings(kinds: Mapping[str, Iterable[str]]) -> str:
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items())


def _problem_entry(item: Problem, locale: str) -> dict[str, str]:
    return {
        "plugin": item.plugin,
        "distribution": item.distribution,
        "version": item.version,
        "capability": item.capability,
        "error": item.text.localized(locale),
    }


def _say(program: PluginsProgram, en: str, zh: str) -> str:
    return Text(en=en, zh=zh).localized(program.locale)


def _table(rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns; a Chinese character is two columns wide."""
    from unicodedata import east_asian_width

    def width(cell: str) -> int:
        return sum(2 if east_asian_width(char) in "WF" else 1 for char in cell)

    kept = [list(map(str, row)) for row in rows]
    widths = [max(map(width, column)) for column in zip(*kept, strict=True)]
    for row in kept:
        line = "  ".join(cell + " " * (widths[index] - width(cell)) for index, cell in enumerate(row))
        click.echo(f"  {line.rstrip()}")
