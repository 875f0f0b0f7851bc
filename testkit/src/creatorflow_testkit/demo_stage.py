"""The stage of the demo: a folder of its own, a sandbox in a child process, and the real program as child processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from creatorflow_testkit.sandbox import SandboxProcess

__all__ = ["DemoStage", "Finished", "post_files", "visit"]


@dataclass(frozen=True)
class Finished:
    """A command of the program that ended.

    Attributes:
        code: its exit code.
        out: what it wrote to stdout.
        err: what it wrote to stderr, empty when that went to the terminal.
    """

    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout; what is none becomes a document without jobs, which no claim survives."""
        try:
            value = json.loads(self.out)
        except ValueError:
            value = None
        return value if isinstance(value, dict) else {"jobs": [], "error": {"message": self.out + self.err}}


class DemoStage:
    """Everything the demo needs, below one folder; a context manager that runs the sandbox.

    Attributes:
        folder: of the demo.
        home: data directory of the program within it.
        sandbox: the running replicas.
    """

    def __init__(self, folder: Path, replicas: Mapping[str, str], locale: str) -> None:
        """Prepare; nothing runs yet.

        Args:
            folder: exists; holds everything afterwards.
            replicas: platform name to ``"package.module:Class"``.
            locale: language of the program.
        """
        self.folder = folder
        self.home = folder / "home"
        self.sandbox = SandboxProcess(folder / "sandbox", list(replicas.values()))
        passphrase_file = folder / "passphrase"
        # Nothing of the caller's own installation may reach the demo: not the home, not its plugins' choice, not its passphrase.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CREATORFLOW_")}
        self._environment = {
            **kept,
            "CREATORFLOW_HOME": str(self.home),
            "CREATORFLOW_LOCALE": locale,
            "CREATORFLOW_VAULT_PASSPHRASE_FILE": str(passphrase_file),
            "PYTHONUTF8": "1",
        }
        _write_private(passphrase_file, secrets.token_urlsafe(32))

    def __enter__(self) -> DemoStage:
        self.sandbox.start()
        self.home.mkdir(mode=0o700, exist_ok=True)
        # "sealed": a demo leaves nothing in the keyring of whoever runs it.
        fragment = self.sandbox.config_fragment() + '\n[vault]\nbackend = "sealed"\n'
        (self.home / "config.toml").write_text(fragment, encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sandbox.stop()

    def creatorflow(self, *arguments: str, live: bool = False) -> Finished:
        """Run the program.

        Args:
            arguments: after ``creatorflow``.
            live: let its progress (stderr) go straight to the terminal.
        """
        command = [sys.executable, "-m", "creatorflow", *arguments]
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if live else subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr or "")

    def add_account(self, platform: str, name: str) -> Finished:
        """Make an account at the replica, as a person would sign up, and give its session to the program."""
        made = self.sandbox.control.make_account(platform=platform, name=name)
        session = self.folder / f"{platform}-session.json"
        _write_private(session, json.dumps(made.storage_state))
        try:
            return self.creatorflow("accounts", "add", platform, "demo", "--storage-state", str(session))
        finally:
            session.unlink()  # from here on the session lies in the vault only

    def count_posts(self, platform: str) -> int:
        """How many posts the replica ever accepted."""
        return self.sandbox.control.count_posts(platform=platform)


def _write_private(path: Path, text: str) -> None:
    with contextlib.closing(os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")) as file:
        file.write(text)


def visit(sandbox: SandboxProcess, url: str, folder: Path) -> tuple[str, int]:
    """Fetch a page as a stranger (no cookies) and save it with its pictures, so that a browser shows it without the sandbox.

    Args:
        sandbox: the running replicas.
        url: production URL of the page.
        folder: made; gets ``index.html`` and the pictures.

    Returns:
        The page's HTML as it was fetched, and how many pictures came with it.

    Raises:
        httpx.HTTPError: no answer, or not 200.
    """
    from creatorflow_testkit.http import sandbox_client

    folder.mkdir(parents=True, exist_ok=True)
    with sandbox_client(sandbox) as client:
        page = client.get(url).raise_for_status().text
        saved, count = page, 0
        for address in dict.fromkeys(re.findall(r'<img[^>]+src="(https://[^"]+)"', page)):
            picture = client.get(address, headers={"Referer": url}).raise_for_status()
            count += 1
            name = f"picture{count}{Path(address).suffix}"
            (folder / name).write_bytes(picture.content)
            saved = saved.replace(address, name)
    (folder / "index.html").write_text(saved, encoding="utf-8")
    return page, count


def post_files(folder: Path) -> Sequence[Path]:
    """The posts of a folder, pictures first: a picture post shows more than a text."""
    return sorted(folder.glob("*.md"), key=lambda path: ("images:" not in path.read_text("utf-8"), path.name))
