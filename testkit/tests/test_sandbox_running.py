"""Running a sandbox: control API, child process, fixtures."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from creatorflow_testkit.example import NotesReplica
from creatorflow_testkit.http import sandbox_client
from creatorflow_testkit.replica import (
    SettingError,
    TestAccount,
    read_ledger,
)
from creatorflow_testkit.sandbox import (
    BackgroundSandbox,
    ControlClient,
    ControlError,
    SandboxProcess,
    SandboxStartError,
)

NOTES = "creatorflow_testkit.example:NotesReplica"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[BackgroundSandbox]:
    with BackgroundSandbox(tmp_path / "sandbox", [NotesReplica]) as running:
        yield running


URL = "https://notes.example.com"


def publish(sandbox: Any, text: str = "hi", account: TestAccount | None = None) -> httpx.Response:
    with sandbox_client(sandbox, account or sandbox.control.make_account()) as http:
        return http.post(f"{URL}/api/note", data={"text": text})


def lists(sandbox: Any) -> list[str]:
    with sandbox_client(sandbox) as http:
        answer = http.get(f"{URL}/api/notes")
        answer.raise_for_status()
        return list(answer.json())


# ---- control API -----------------------------------------------------------------------------------------------------
def test_control_needs_token_and_host(sandbox: BackgroundSandbox) -> None:
    url = sandbox.facts.control_url
    good = {"Authorization": f"Bearer {sandbox.facts.control_token}"}
    assert httpx.get(f"{url}/v1/sandbox", headers=good).status_code == 200
    assert httpx.get(f"{url}/v1/sandbox").status_code == 401
    assert httpx.get(f"{url}/v1/sandbox", headers=good | {"Host": "evil.example"}).status_code == 421
    port = urlsplit(url).port
    assert httpx.get(f"{url}/v1/sandbox", headers=good | {"Host": f"localhost:{port}"}).status_code == 421


def test_settings_actions_reset_and_routes(sandbox: BackgroundSandbox) -> None:
    control = sandbox.control
    assert control.change_settings(limit=3, ratio=1)["limit"] == 3
    for wrong in ({"limitt": 3}, {"limit": "3"}, {"limit": True}):
        with pytest.raises(ControlError, match="limit"):
            control.change_settings(**wrong)
    with pytest.raises(SettingError):
        sandbox.replica("notes").change_settings({"nothing": 1})
    assert control.act("shout", word="x") == "X"
    with pytest.raises(ControlError, match="unexpected keyword"):
        control.act("shout", wrd="x")
    with pytest.raises(ControlError, match="known: shout"):
        control.act("whisper")
    with pytest.raises(ControlError, match="'nothere' runs here; running: notes"):
        control.posts(platform="nothere")
    account = control.make_account(name="Ann")
    assert account.cookie_header("img.notes.example.com") == "sid=token1"
    assert account.storage_state["cookies"][0]["domain"] == ".notes.example.com"
    publish(sandbox, "x", account)
    control.arm("answer_lost")
    control.reset()
    assert (control.count_posts(), control.faults(), control.settings()["limit"]) == (0, [], 10)
    assert publish(sandbox, "y", account).status_code == 200
    control.reset(keep_accounts=False)
    assert publish(sandbox, "z", account).status_code == 401
    assert {item["name"]: item["provenance"] for item in control.routes()}["publish"] == "documented"


# ---- child process ---------------------------------------------------------------------------------------------------
def test_child_process_kill_restart_and_clean_end(tmp_path: Path) -> None:
    with SandboxProcess(tmp_path / "s", [NOTES]) as child:
        account = child.control.make_account()
        assert publish(child, "one", account).json() == {"id": "1"}
        ledger = tmp_path / "s" / "notes" / "ledger.jsonl"
        assert [entry.kind for entry in read_ledger(ledger)] == ["account", "post"]
        port = child.port
        child.kill()
        child.start()
        assert child.port == port
        assert lists(child) == ["one"]
        assert publish(child, "two", account).json() == {"id": "2"}
        assert ControlClient.from_directory(tmp_path / "s").count_posts() == 2
        assert child.stop() == 0


def test_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from creatorflow_testkit.sandbox import SandboxProcess\n"
        f"p = SandboxProcess(Path(sys.argv[1]), [{NOTES!r}]).start()\n"
        "print(p.pid, p.port, flush=True); time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "s")], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid, port = map(int, parent.stdout.readline().split())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                break
        time.sleep(0.05)
    else:
        os.kill(pid, signal.SIGKILL)
        pytest.fail("the sandbox outlived its parent")


def test_a_child_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(SandboxStartError, match="cannot load the replica nowhere:X"):
        SandboxProcess(tmp_path, ["nowhere:X"]).start()


def test_ready_line_is_one_json_document(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "creatorflow_testkit.sandbox", "--dir", str(tmp_path / "s"), "--die-with-stdin"]
    done = subprocess.run(
        [*command, "--replica", NOTES], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["ready"]["platforms"] == ["notes"]


def test_the_pytest_plugin_and_the_clients_are_light() -> None:
    code = (
        "import sys, creatorflow_testkit.pytest_plugin\n"
        "print([m for m in ('aiohttp', 'trustme', 'creatorflow', 'cryptography') if m in sys.modules])\n"
        "import creatorflow_testkit.sandbox.client, creatorflow_testkit.sandbox.process\n"
        "print([m for m in ('aiohttp', 'trustme', 'cryptography') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"


def test_sandbox_factory_and_home(sandbox_factory: Any, creatorflow_home: Any) -> None:
    first = sandbox_factory(NotesReplica)
    second = sandbox_factory.process(NOTES)
    assert first.port != second.port
    home = creatorflow_home(second.config_fragment())
    assert os.environ["CREATORFLOW_HOME"] == str(home)
    assert f"127.0.0.1:{second.port}" in (home / "config.toml").read_text()
