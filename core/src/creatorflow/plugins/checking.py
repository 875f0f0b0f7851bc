"""The deep look behind ``creatorflow plugins check``: imports every implementation and weighs every hook module."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass

from creatorflow.api.descriptors import Descriptor, Operation, PlatformDescriptor
from creatorflow.api.errors import PluginError, Text
from creatorflow.plugins.catalogue import Catalogue
from creatorflow.plugins.records import PluginRecord, PluginState, one_line

__all__ = ["Problem", "check_plugins", "heavy_imports"]

#: What one import in a fresh interpreter may take, in seconds; a hang was already found by the catalogue.
_PROBE_BUDGET_S = 60.0

_PROBE = """
import importlib, json, sys
import creatorflow.api.hookspecs, creatorflow.api.content, creatorflow.api.text
before = set(sys.modules)
importlib.import_module(sys.argv[1])
new = [name for name in set(sys.modules) - before if getattr(sys.modules[name], "__spec__", None) is not None]
sys.stdout.write("\\n" + json.dumps(sorted(new)))
"""

#: Top-level packages that a hook module may bring in: those that ``creatorflow.api`` itself stands on.
_LIGHT = frozenset({"pluggy", "pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"})

#: Operation -> the method that an adapter must override to offer it; the missing ones are abstract and checked on loading.
_OPTIONAL_METHODS = {
    Operation.LOGIN: "login",
    Operation.ANALYTICS: "fetch_analytics",
    Operation.COMMENTS: "fetch_comments",
    Operation.REPLY_COMMENT: "reply_comment",
    Operation.DELETE_POST: "delete_post",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong with a plugin. ``capability`` is ``kind name``, or "" where the plugin as a whole is meant."""

    plugin: str
    distribution: str
    version: str
    text: Text
    capability: str = ""


def check_plugins(catalogue: Catalogue, names: Collection[str] = ()) -> list[Problem]:
    """Return all problems of the installed plugins, sorted by plugin; blocked plugins are nobody's problem.

    Args:
        catalogue: what was discovered (rules, schemas and graph files were read then).
        names: plugins to look at; empty: all.
    """
    problems: list[Problem] = []
    for record in catalogue.plugins:
        if names and record.name not in names:
            continue
        if record.state is PluginState.LOADED:
            problems += _weight(record)
            for descriptor in catalogue.descriptors(record):
                problems += _implementation(catalogue, record, descriptor)
        elif record.state is not PluginState.BLOCKED and record.error is not None:
            problems.append(_problem(record, record.error))
    return problems


def heavy_imports(module: str) -> list[str]:
    """Import ``module`` in a fresh interpreter and return what it brings in beyond the standard library and ``creatorflow.api``.

    Returns:
        Names of top-level packages, and rooms of the core as ``creatorflow.<room>``; sorted. Empty for a light module.

    Raises:
        RuntimeError: the import fails there; the message is its last line of error.
    """
    command = [sys.executable, "-P", "-c", _PROBE, module]
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter; the module's name is an argument, never code
            command,
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            timeout=_PROBE_BUDGET_S,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"no end within {_PROBE_BUDGET_S:g} s") from error
    if done.returncode != 0:
        raise RuntimeError(one_line((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]))
    own = module.partition(".")[0]
    heavy: set[str] = set()
    for name in json.loads(done.stdout.splitlines()[-1]):
        top, _, rest = name.partition(".")
        if top == "creatorflow":
            if rest and rest.partition(".")[0] != "api":
                heavy.add(f"creatorflow.{rest.partition('.')[0]}")
        elif top not in sys.stdlib_module_names | _LIGHT | {own, "__main__"} and not top.startswith("_sysconfigdata"):
            heavy.add(top)
    return sorted(heavy)


def _weight(record: PluginRecord) -> list[Problem]:
    if getattr(sys, "frozen", False):
        return []  # a bundled program has no interpreter to start
    module = record.entry_point.partition(":")[0].strip()
    try:
        heavy = ", ".join(heavy_imports(module))
    except RuntimeError as error:
        text = Text(en=f"{module!r} does not import by itself: {error}.", zh=f"{module!r} 无法单独导入：{error}。")
        return [_problem(record, text)]
    problems: list[Problem] = []
    if heavy:
        text = Text(
            en=f"Importing {module!r} also imports {heavy}. Import these inside the implementation: every start pays for it.",
            zh=f"导入 {module!r} 时还导入了 {heavy}。请在实现内部再导入：否则每次启动都要付出代价。",
        )
        problems.append(_problem(record, text))
    if record.printed:
        text = Text(
            en=f"It prints while loading ({record.printed!r}). Standard output may be the protocol: use the context's log.",
            zh=f"它在加载时输出文字（{record.printed!r}）。标准输出可能就是协议通道：请使用上下文中的日志。",
        )
        problems.append(_problem(record, text))
    return problems


def _implementation(catalogue: Catalogue, record: PluginRecord, descriptor: Descriptor) -> list[Problem]:
    try:
        implementation = catalogue.load(descriptor)
    except PluginError as error:
        return [_problem(record, error.text, descriptor)]
    if not isinstance(descriptor, PlatformDescriptor):
        return []
    from creatorflow.api.publishing import PlatformAdapter

    problems: list[Problem] = []
    for operation, method in _OPTIONAL_METHODS.items():
        declared = operation in descriptor.operations
        present = getattr(implementation, method) is not getattr(PlatformAdapter, method)
        if declared and not present:
            text = Text(
                en=f"It declares the operation {operation.value!r} and does not implement {method}(). Implement it or take it out.",
                zh=f"它声明了操作 {operation.value!r}，却没有实现 {method}()。请实现它或去掉声明。",
            )
            problems.append(_problem(record, text, descriptor))
        elif present and not declared:
            text = Text(
                en=f"It implements {method}() and does not declare the operation {operation.value!r}. Nobody can call it.",
                zh=f"它实现了 {method}()，却没有声明操作 {operation.value!r}。没有人能调用它。",
            )
            problems.append(_problem(record, text, descriptor))
    return problems


def _problem(record: PluginRecord, text: Text, descriptor: Descriptor | None = None) -> Problem:
    return Problem(
        plugin=record.name,
        distribution=record.distribution,
        version=record.version,
        capability="" if descriptor is None else f"{descriptor.kind} {descriptor.name}",
        text=text,
    )
