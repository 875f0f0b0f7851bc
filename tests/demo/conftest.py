"""The real program in child processes, against a replica on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from creatorflow_testkit.sandbox import BackgroundSandbox

WEIBO = "creatorflow_weibo.sandbox:WeiboReplica"

#: Short waits: the tests arm faults and look at what the program says, not at how patient it is.
SETTINGS = """
[publish]
human_wait_seconds = 0.3
wait_seconds = 3.0
settle_seconds = 1.0

[vault]
backend = "sealed"
"""


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout; anything beside it fails."""
        return json.loads(self.out)


class Program:
    """Runs ``creatorflow`` over one home directory."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("CREATORFLOW_", "LC_", "LANG"))
        }
        self.environment = {
            **kept,
            "CREATORFLOW_HOME": str(home),
            "CREATORFLOW_LOCALE": "en",
            "CREATORFLOW_VAULT_PASSPHRASE": "only for tests",
            "PYTHONUTF8": "1",
            **environment,
        }

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "creatorflow", *map(str, arguments)],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def __call__(self, *arguments: str | Path, stdin: str = "", locale: str = "") -> Ran:
        with self.start(*(["--locale", locale] if locale else []), *arguments) as child:
            out, err = child.communicate(stdin, timeout=120)
        return Ran(child.returncode, out, err)

    def until(self, line: str, then: signal.Signals, *arguments: str | Path) -> Ran:
        """Run a command, send it a signal when stderr says ``line``, and wait for its end."""
        seen: list[str] = []
        with self.start(*arguments) as child:
            alarm = threading.Timer(60, child.kill)
            alarm.start()
            assert child.stderr is not None
            assert child.stdout is not None
            for heard in child.stderr:
                seen.append(heard)
                if line in heard:
                    child.send_signal(then)
            out = child.stdout.read()
            alarm.cancel()
        return Ran(child.returncode, out, "".join(seen))


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[BackgroundSandbox]:
    with BackgroundSandbox(tmp_path / "sandbox", [WEIBO]) as running:
        yield running


@pytest.fixture
def program(tmp_path: Path, sandbox: BackgroundSandbox) -> Program:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(sandbox.config_fragment() + SETTINGS, encoding="utf-8")
    return Program(home)


@pytest.fixture
def add_account(program: Program, sandbox: BackgroundSandbox) -> Callable[..., str]:
    """Make an account at the site and add it; returns its target."""

    def add(name: str = "alice") -> str:
        made = sandbox.control.make_account(name=name)
        done = program("accounts", "add", "weibo", name, "--storage-state", "-", stdin=json.dumps(made.storage_state))
        assert done.code == 0, done.err
        return f"weibo:{name}"

    return add


@pytest.fixture
def alice(add_account: Callable[..., str]) -> str:
    return add_account()


@pytest.fixture
def post(tmp_path: Path) -> Callable[..., Path]:
    """Write a post file."""

    def write(body: str = "今天的云很好看。", front: str = "", name: str = "post.md") -> Path:
        path = tmp_path / "posts" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"---\n{front}\n---\n{body}\n" if front else f"{body}\n", encoding="utf-8")
        return path

    return write
