"""The vault on a real Secret Service: gnome-keyring on a bus of its own, unlocked, locked, and raced for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    not (shutil.which("dbus-run-session") and shutil.which("gnome-keyring-daemon")),
    reason="needs the programs dbus-run-session and gnome-keyring-daemon (Debian: dbus, gnome-keyring)",
)

UNLOCKED = "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null"
LOCKED = "gnome-keyring-daemon --start --components=secrets >/dev/null"

CODE = """
import asyncio, json, sys
from datetime import UTC, datetime
from pathlib import Path
from creatorflow.accounts import Vault
from creatorflow.api.errors import CreatorFlowError
from creatorflow.config import load_settings
from creatorflow.store import AccountRecord, Store
from creatorflow.store import accounts as rows
async def main(home, name):
    settings = load_settings(Path(home), {})
    async with Store(settings.directories.database) as store:
        vault = Vault(store, settings.directories, settings)
        row = await store.read(lambda c: rows.get_account(c, name))
        try:
            if row is None:
                row = AccountRecord(name, "pinboard", name, "live", None, "", "", "unchecked", None, None, None, 0,
                                    datetime.now(UTC), None, None)
                await store.write(lambda c: rows.add_account(c, row))
                record = await vault.seal(row, "token", {"by": name})
                await store.write(lambda c: vault.put(c, record))
            record = await store.read(lambda c: rows.secret(c, name, "token"))
            value = await vault.unseal(row, record) if record else None
            return {"value": value, **(await vault.status()).as_dict()}
        except CreatorFlowError as error:
            await store.write(lambda c: rows.delete_account(c, name) if rows.count_secrets(c) == 0 else None)
            return {"error": type(error).__name__, "en": error.text.en}
print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2]))))
"""


class Desktop:
    """A login session: its own bus and keyring files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "script.py"
        self.script.write_text(CODE)
        (folder / "run").mkdir(mode=0o700)

    def run(self, start: str, command: str) -> list[dict[str, Any]]:
        """Start the keyring, run a shell command, return the JSON lines it printed."""
        quiet = {"HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder / "run")}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DBUS_", "XDG_", "DISPLAY"))}
        script = f"{start}\n{command}"
        done = subprocess.run(
            ["dbus-run-session", "--", "sh", "-c", script],
            env={
                **kept,
                **quiet,
                "PYTHON": sys.executable,
                "SCRIPT": str(self.script),
                "DATA": str(self.folder / "home"),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert done.returncode == 0, done.stderr
        return lines


ONE = '"$PYTHON" "$SCRIPT" "$DATA" alice'


@pytest.fixture
def desktop(tmp_path: Path) -> Desktop:
    return Desktop(tmp_path)


def test_the_key_is_kept_from_one_session_to_the_next(desktop: Desktop) -> None:
    backend = "keyring.backends.SecretService.Keyring"
    for _ in range(2):
        [told] = desktop.run(UNLOCKED, ONE)
        assert told == {
            "value": {"by": "alice"},
            "state": "open",
            "source": "keyring",
            "backend": backend,
            "problem": None,
        }
    assert not (desktop.folder / "home" / "vault.key").exists()


def test_a_locked_keyring_is_said_and_its_key_is_not_replaced(desktop: Desktop) -> None:
    desktop.run(UNLOCKED, ONE)
    [told] = desktop.run(LOCKED, ONE)
    assert told["error"] == "KeyringLocked"
    assert "SecretService" in told["en"]
    [told] = desktop.run(UNLOCKED, ONE)
    assert told["value"] == {"by": "alice"}


def test_a_keyring_that_was_always_locked_gets_no_key(desktop: Desktop) -> None:
    [told] = desktop.run(LOCKED, ONE)
    assert told["error"] == "KeyringLocked"
    [told] = desktop.run(UNLOCKED, ONE)
    assert told["value"] == {"by": "alice"}


def test_processes_that_make_the_first_key_at_once_end_with_one(desktop: Desktop) -> None:
    both = '"$PYTHON" "$SCRIPT" "$DATA" alice & one=$!; "$PYTHON" "$SCRIPT" "$DATA" bob && wait $one || exit 1'
    told = desktop.run(UNLOCKED, f"{both}\n{both}")
    assert sorted(line["value"]["by"] for line in told) == ["alice", "alice", "bob", "bob"]
