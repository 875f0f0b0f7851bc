"""The shape of the repository: sizes, forbidden calls, what every package has, what no tracked file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [ROOT / "core", ROOT / "testkit", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
SOURCES = sorted(file for package in PACKAGES for file in (package / "src").rglob("*.py"))
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def project(package: Path) -> dict[str, Any]:
    """The [project] table of a package."""
    table: dict[str, Any] = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def tracked_files() -> list[Path]:
    """What git tracks, without what was deleted in the work tree."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def source_faults(name: str, source: str) -> list[str]:
    """Files and functions that are too long, and calls that hand text to a shell or to the interpreter."""
    found = []
    lines = source.count("\n") + 1
    if lines > MAX_FILE_LINES + 1:
        found.append(f"{name}: {lines - 1} lines, at most {MAX_FILE_LINES}")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                found.append(f"{name}:{node.lineno}: {node.name} has {length} lines, at most {MAX_FUNCTION_LINES}")
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in {"eval", "exec", "os.system", "os.popen", "pickle.loads", "asyncio.create_subprocess_shell"}:
                found.append(f"{name}:{node.lineno}: calls {called}")
            for keyword in node.keywords:
                if keyword.arg == "shell" and not (
                    isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                ):
                    found.append(f"{name}:{node.lineno}: passes shell={ast.unparse(keyword.value)}")
    return found


def test_sources_are_short_and_run_no_shell() -> None:
    assert len(SOURCES) > len(PACKAGES)
    faults = [
        fault
        for file in SOURCES
        for fault in source_faults(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"))
    ]
    assert faults == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1\n" * 401, "401 lines"),
        ("def f():\n" + "    x = 1\n" * 60, "f has 61 lines"),
        ("async def g():\n" + "    x = 1\n" * 60, "g has 61 lines"),
        ("import subprocess\nsubprocess.run('ls', shell=True)\n", "shell=True"),
        ("import os\nos.system('ls')\n", "os.system"),
        ("eval('1')\n", "eval"),
        ("x = 1\n" * 400, None),
        ("import subprocess\nsubprocess.run(['ls'], shell=False)\n", None),
    ],
)
def test_the_source_rules_catch_what_they_should(source: str, words: str | None) -> None:
    faults = source_faults("file.py", source)
    assert (faults == []) if words is None else (len(faults) == 1 and words in faults[0]), faults


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_package_is_complete(package: Path) -> None:
    table = project(package)
    module = table["name"].replace("-", "_")
    wanted = ["README.md", "LICENSE", "NOTICE", f"src/{module}/__init__.py", f"src/{module}/py.typed", "tests"]
    if package.parent.name == "plugins":
        wanted += [f"src/{module}/plugin.py"]
        assert table["name"] == f"creatorflow-{package.name.replace('_', '-')}"
        assert table["entry-points"]["creatorflow"] == {package.name: f"{module}.plugin"}
    assert [name for name in wanted if not (package / name).exists()] == []
    assert len((package / "README.md").read_text(encoding="utf-8").splitlines()) > 5, "the read-me says nothing yet"
    assert table["license"] == "Apache-2.0"
    assert table["license-files"] == ["LICENSE", "NOTICE"]
    for name in ("LICENSE", "NOTICE"):
        assert (package / name).read_bytes() == (ROOT / name).read_bytes(), f"{package.name}/{name} is not the root's"


def test_versions_agree() -> None:
    """Each package asks for a range of our own packages that the present version is in."""
    versions = {project(package)["name"]: Version(project(package)["version"]) for package in PACKAGES}
    python = {project(package)["requires-python"] for package in PACKAGES}
    assert python == {">=3.11"}
    wrong = []
    for package in PACKAGES:
        table = project(package)
        optional = [line for lines in table.get("optional-dependencies", {}).values() for line in lines]
        for line in [*table.get("dependencies", []), *optional]:
            asked = Requirement(line)
            if asked.name in versions and (not asked.specifier or versions[asked.name] not in asked.specifier):
                wrong.append(f"{package.name} asks for {line}; the workspace has {versions[asked.name]}")
    assert wrong == []


def pins(text: str) -> dict[str, list[tuple[Requirement, int]]]:
    """Each pinned name with its requirements (one per marker) and how many hashes stand behind each."""
    found: dict[str, list[tuple[Requirement, int]]] = {}
    for entry in text.replace("\\\n", " ").splitlines():
        requirement = Requirement(entry.split(" --hash=")[0].strip())
        found.setdefault(canonicalize_name(requirement.name), []).append((requirement, entry.count("--hash=sha256:")))
    return found


def test_the_pins_hold_what_the_packages_ask_for() -> None:
    """Else a fresh clone would install something that nobody has tested. `scripts/pin` mends it."""
    pinned = pins((ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8"))
    ours = {project(package)["name"] for package in PACKAGES}
    assert pinned.keys() & ours == set()
    asked: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["dev"]
    for package in PACKAGES:
        table = project(package)
        asked = [*asked, *table.get("dependencies", [])]
        asked += [line for lines in table.get("optional-dependencies", {}).values() for line in lines]
    wrong = []
    for requirement in map(Requirement, asked):
        if requirement.name in ours:
            continue
        entries = pinned.get(canonicalize_name(requirement.name), [])
        fits = [Version(str(pin.specifier).removeprefix("==")) in requirement.specifier for pin, _ in entries]
        if not fits or not all(fits):
            wrong.append(f"{requirement}: pinned {[str(pin) for pin, _ in entries]}")
    assert wrong == [], "run scripts/pin"
    assert [str(pin) for entries in pinned.values() for pin, hashes in entries if hashes == 0] == []


# Written in pieces: this file is tracked too, and must pass its own test.
_DOWNLOADS = ["pypi" + r"\.org", "python" + "hosted", "npm" + r"js\.(org|com)", "debian" + r"\.org", "npm" + "mirror"]
_DOWNLOADS += [r"github\.com/[^\s]*/releases" + "/download", r"raw\." + "githubusercontent", "crates" + r"\.io"]
_MACHINE = r"(?<![\w.~/:-])/(work|farm|root|home/\w+|Users/\w+)/[A-Za-z0-9_.-]+"
FORBIDDEN = re.compile("|".join([*_DOWNLOADS, _MACHINE]), re.IGNORECASE)
_TEMPORARY = re.compile(r"(?<![\w.~/:-])/tmp/(?!creatorflow|\.X11)[A-Za-z0-9_.-]+")


def content_faults(text: str) -> list[str]:
    """Registry hosts, download addresses and absolute paths of some machine in a text."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = FORBIDDEN.search(line) or _TEMPORARY.search(line)
        if match:
            found.append(f"{number}: {match[0]}")
    return found


def test_tracked_files_name_no_machine_and_no_download_address() -> None:
    files = tracked_files()
    assert len(files) > len(PACKAGES)
    faults = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # pictures
        faults += [f"{file.relative_to(ROOT)}:{fault}" for fault in content_faults(text)]
    assert faults == []


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("see /wo" + "rk/main/core", True),
        ('path = "/ro' + 'ot/.venv"', True),
        ("open('/tm" + "p/notes.txt')", True),
        ("https://files.python" + "hosted.org/packages/x.whl", True),
        ("https://github.com/a/b/releases" + "/download/v1/x.tar.gz", True),
        ("https://weibo.com/ajax/statuses/update, /api/ro" + "ot/x, ~/wo" + "rk/x, /tm" + "p/creatorflow-1", False),
    ],
)
def test_the_content_rule_catches_what_it_should(line: str, caught: bool) -> None:
    assert bool(content_faults(line)) == caught


def test_the_two_commands_are_there() -> None:
    """Executable in git, which is what a clone gets."""
    listed = subprocess.run(
        ["git", "ls-files", "--stage", ".ci", "scripts"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    modes = {line.split("\t")[1]: line.split()[0] for line in listed.stdout.splitlines()}
    for name in (
        ".ci/run",
        "scripts/test",
        "scripts/demo",
        "scripts/campaign",
        "scripts/setup",
        "scripts/pin",
        "scripts/typecheck",
    ):
        assert modes.get(name) == "100755", f"{name} is not tracked as executable"
