"""The import contracts of the root pyproject.toml hold, and each of them fails when it is broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = [
    *("cli", "client", "rpc", "app", "schedule", "runs", "graphs", "publish", "accounts", "llm", "assets", "tasks"),
    *("plugins", "events", "store", "net", "config", "log", "api"),
]
HOLDS_ALREADY = {
    "store": "import sqlalchemy, alembic, sqlite3",
    "api": "import pluggy",
    "plugins": "import pluggy\nfrom creatorflow.api import errors",
    "net": "import httpx",
    "accounts": "import keyring, cryptography\nfrom creatorflow.store import db",
    "cli": "from creatorflow import app",
}


def lint(cwd: Path, import_root: Path) -> tuple[int, str]:
    """Run lint-imports with the repository's contracts on the `creatorflow` package below import_root."""
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from importlinter.cli import lint_imports_command as c; c()"
    )
    command = [sys.executable, "-c", program, str(import_root), "--no-cache", "--no-logo"]
    command += ["--config", str(ROOT / "pyproject.toml")]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, " ".join((done.stdout + done.stderr).split())  # it wraps its lines to the terminal


def make_package(folder: Path, extra: dict[str, str]) -> None:
    """A package with every room, legal imports, and `extra` code by room."""
    for room in [*ROOMS, *(room for room in extra if room not in ROOMS)]:
        path = folder / "creatorflow" / room / "__init__.py"
        path.parent.mkdir(parents=True)
        path.write_text(HOLDS_ALREADY.get(room, "") + "\n" + extra.get(room, ""), encoding="utf-8")
    (folder / "creatorflow" / "__init__.py").touch()
    for name, code in {"api/errors.py": "", "store/db.py": "", "__main__.py": "from creatorflow import cli"}.items():
        (folder / "creatorflow" / name).write_text(code, encoding="utf-8")


def test_the_contracts_hold_in_our_core() -> None:
    code, output = lint(ROOT, ROOT / "core" / "src")
    assert code == 0, output


def test_the_contracts_hold_in_a_package_that_keeps_them(tmp_path: Path) -> None:
    make_package(tmp_path, {})
    code, output = lint(tmp_path, tmp_path)
    assert code == 0, output


@pytest.mark.parametrize(
    ("room", "line", "contract"),
    [
        ("store", "from creatorflow import publish", "Rooms of the core"),
        ("log", "from creatorflow import config", "Rooms of the core"),
        ("llm", "from creatorflow import assets", "Rooms of the core"),
        ("events", "def late():\n    from creatorflow import tasks", "Rooms of the core"),
        ("helpers", "", "Rooms of the core"),
        ("events", "import sqlite3", "Only store talks SQL"),
        ("publish", "from sqlalchemy import select", "Only store talks SQL"),
        ("app", "from alembic import command", "Only store talks SQL"),
        ("rpc", "import pluggy", "Only api and plugins know pluggy"),
        ("llm", "import httpx", "Only net makes HTTP clients"),
        ("config", "import keyring", "Only accounts touches keyring and cryptography"),
        ("net", "from cryptography import x509", "Only accounts touches keyring and cryptography"),
        ("app", "import langgraph", "Pictures, browsers and the test kit"),
        ("assets", "from PIL import Image", "Pictures, browsers and the test kit"),
        ("cli", "import creatorflow_testkit", "Pictures, browsers and the test kit"),
    ],
)
def test_a_violation_is_named(tmp_path: Path, room: str, line: str, contract: str) -> None:
    make_package(tmp_path, {room: line})
    code, output = lint(tmp_path, tmp_path)
    assert code == 1, output
    broken = output.partition("Broken contracts")[2] or output
    assert contract in broken, output
