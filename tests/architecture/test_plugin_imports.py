"""What may import what, read from the source: plugins by glob, and what `creatorflow.api` stands on."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
API = ROOT / "core" / "src" / "creatorflow" / "api"
LATE_IMPORTS = {"import_module", "__import__"}
SHARED_LIBRARIES = {"creatorflow_browser"}
"""Distributions under plugins/ that another plugin may import: no platform, a library with a declared dependency."""


def imports(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything that a module imports, late and type-only imports included.

    `from a import b` gives `a.b`, because `b` may be a module; relative imports are made absolute with `package`.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in LATE_IMPORTS:
            name = node.args[0] if node.args else None
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield node.lineno, name.value


def forbidden_in_plugin(name: str, own: str, *, sandbox: bool) -> str | None:
    """Why a plugin may not import a name; None when it may."""
    top = name.partition(".")[0]
    if top == "creatorflow":
        return (
            None
            if name.split(".")[1:2] == ["api"]
            else "a plugin imports creatorflow.api only, no other room of the core"
        )
    if top == "creatorflow_testkit":
        return None if sandbox else "only the plugin's sandbox folder and its tests may use the testkit"
    if top.startswith("creatorflow_") and top != own and top not in SHARED_LIBRARIES:
        return "a plugin never imports another plugin"
    return None


def plugin_violations(plugin: Path) -> list[str]:
    """Every forbidden import of one plugin: file, line, name, reason."""
    found = []
    for package in sorted((plugin / "src").glob("creatorflow_*")):
        for file in sorted(package.rglob("*.py")):
            inside = file.relative_to(package).parts
            dotted = ".".join([package.name, *inside[:-1]])
            for line, name in imports(file.read_text(encoding="utf-8"), dotted):
                reason = forbidden_in_plugin(name, package.name, sandbox=inside[0] == "sandbox")
                if reason:
                    found.append(f"{file.relative_to(plugin)}:{line}: imports {name}: {reason}")
    return found


def test_there_are_plugins() -> None:
    assert PLUGINS


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_imports_only_the_api(plugin: Path) -> None:
    assert plugin_violations(plugin) == []


@pytest.mark.parametrize(
    ("file", "code", "words"),
    [
        ("adapter.py", "from creatorflow.store import db", "no other room"),
        ("adapter.py", "from creatorflow import publish", "no other room"),
        ("adapter.py", "import creatorflow.net.client", "no other room"),
        ("adapter.py", "def f():\n    from creatorflow.events import log", "no other room"),
        ("adapter.py", "import importlib\nimportlib.import_module('creatorflow.store')", "no other room"),
        ("adapter.py", "from creatorflow_douyin import adapter", "another plugin"),
        ("adapter.py", "import creatorflow_testkit", "sandbox folder"),
        ("adapter.py", "from creatorflow.api import hookimpl\nfrom . import other\nimport creatorflow_browser", None),
        ("sandbox/replica.py", "from creatorflow_testkit.replica import base\nfrom ..models import x", None),
        ("sandbox/replica.py", "from creatorflow.store import db", "no other room"),
    ],
)
def test_the_rule_catches_what_it_should(tmp_path: Path, file: str, code: str, words: str | None) -> None:
    path = tmp_path / "src" / "creatorflow_weibo" / file
    path.parent.mkdir(parents=True)
    path.write_text(code, encoding="utf-8")
    found = plugin_violations(tmp_path)
    assert (found == []) if words is None else (len(found) == 1 and words in found[0]), found


def test_hook_modules_are_import_light() -> None:
    """The module that an entry point names: stdlib, creatorflow.api and its own package, at module level."""
    heavy = []
    for plugin in [*PLUGINS, ROOT / "testkit"]:
        project = tomllib.loads((plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for module in project["entry-points"]["creatorflow"].values():
            own = module.split(".")[0]
            file = plugin / "src" / Path(*module.split(".")).with_suffix(".py")
            tree = ast.parse(file.read_text(encoding="utf-8"))
            top_level = ast.unparse(
                ast.Module([n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)], [])
            )
            for _, name in imports(top_level, own):
                top = name.split(".")[0]
                if top not in {*sys.stdlib_module_names, "creatorflow", own}:
                    heavy.append(f"{file.relative_to(ROOT)} imports {name} before anybody needs it")
    assert heavy == []


def api_violations(folder: Path) -> list[str]:
    """Imports of the api room other than the standard library, pydantic, pluggy and itself."""
    found = []
    for file in sorted(folder.rglob("*.py")):
        dotted = ".".join(["creatorflow.api", *file.relative_to(folder).parts[:-1]])
        for line, name in imports(file.read_text(encoding="utf-8"), dotted):
            own = name == "creatorflow.api" or name.startswith("creatorflow.api.")
            if not own and name.split(".")[0] not in {*sys.stdlib_module_names, "pydantic", "pluggy"}:
                found.append(f"{file.name}:{line}: imports {name}")
    return found


def test_the_api_stands_on_stdlib_pydantic_and_pluggy() -> None:
    assert list(API.rglob("*.py"))
    assert api_violations(API) == []


@pytest.mark.parametrize(
    "code", ["import httpx", "from creatorflow import log", "from creatorflow.net import x", "import yaml"]
)
def test_the_api_rule_catches_what_it_should(tmp_path: Path, code: str) -> None:
    (tmp_path / "module.py").write_text(
        f"import json\nfrom creatorflow.api.errors import Text\n{code}\n", encoding="utf-8"
    )
    assert len(api_violations(tmp_path)) == 1
