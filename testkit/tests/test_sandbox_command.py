"""The command ``creatorflow sandbox``: real process, real ports."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any, ClassVar

import pytest
from creatorflow.api import InvalidInput
from creatorflow_testkit.cli import replicas_of
from creatorflow_testkit.http import sandbox_client
from creatorflow_testkit.sandbox import ControlClient

# A program around the command, as the core's is: home, catalogue, language.
PROGRAM = textwrap.dedent("""
    import sys
    from pathlib import Path
    from types import SimpleNamespace
    from aiohttp import web
    from creatorflow.api import CreatorFlowError, NotFound, Text
    from creatorflow_testkit.cli import sandbox
    from creatorflow_testkit.replica import Replica, TestAccount, assumed, route

    class Tiny(Replica):
        name, hosts = "tiny", ("tiny.example.com",)
        @route("GET", "/", provenance=assumed("made up"))
        async def home(self, request):
            return web.Response(text="hello")
        async def make_account(self, *, name="x"):
            return TestAccount.of("1", name, [])

    class Catalogue:
        platforms = {"tiny": SimpleNamespace(name="tiny", sandbox="x:Tiny"), "bare": SimpleNamespace(name="bare", sandbox=None)}
        def platform(self, name):
            if name not in self.platforms:
                raise NotFound(Text(en=f"no platform {name}", zh=f"没有平台 {name}"), kind="platform")
            return self.platforms[name]
        def load_sandbox(self, descriptor):
            return Tiny

    program = SimpleNamespace(home=Path(sys.argv[1]), catalogue=Catalogue(), say=lambda en, zh: en)
    try:
        sandbox.main(sys.argv[2:], obj=program, standalone_mode=False)
    except CreatorFlowError as error:
        sys.exit(f"{type(error).__name__}: {error.text.en}")
""")


def command(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM, str(home), *arguments]


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(home, *arguments), capture_output=True, encoding="utf-8", timeout=30, check=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_prints_the_fragment_and_runs_until_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    child = subprocess.Popen(
        command(tmp_path, "up", "--platform", "tiny", "--platform", "tiny"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    try:
        lines = []
        while line := child.stdout.readline().decode().rstrip():  # a blank line ends the fragment
            lines.append(line)
        network = tomllib.loads("\n".join(lines))["network"]
        port = int(network["host_map"]["tiny.example.com"].partition(":")[2])

        class Running:
            ca_file = Path(network["ca_file"])

        Running.port = port  # type: ignore[attr-defined]
        with sandbox_client(Running) as http:  # type: ignore[arg-type]
            assert http.get("https://tiny.example.com/").text == "hello"
        assert ControlClient.from_directory(tmp_path / "sandbox").sandbox()["port"] == port
        state = tmp_path / "state.json"
        made = run(tmp_path, "account", "tiny", "--name", "Ann", "-o", str(state))
        assert (made.returncode, made.stdout.strip()) == (0, f"Account 1 (Ann): {state}")
        assert json.loads(state.read_text()) == {"cookies": [], "origins": []}
        assert stat.S_IMODE(state.stat().st_mode) == 0o600
        wrong = run(tmp_path, "account", "nothere", "-o", str(state))
        assert "NotFound: No replica of 'nothere' runs" in wrong.stderr
        busy = run(tmp_path, "up", "--dir", str(tmp_path / "other"), "--port", str(port))
        assert f"cannot listen on port {port}" in busy.stderr
        assert busy.returncode == 1
    finally:
        child.send_signal(number)
        _, stderr = child.communicate(timeout=20)
    assert child.returncode == 0
    assert b"Replicas of tiny are running" in stderr
    gone = run(tmp_path, "account", "tiny", "-o", str(tmp_path / "state.json"))
    assert "Unavailable: No sandbox runs in" in gone.stderr


def test_an_unknown_platform_is_named(tmp_path: Path) -> None:
    assert "NotFound: no platform wiebo" in run(tmp_path, "up", "--platform", "wiebo").stderr


def test_all_platforms_with_a_replica_by_default() -> None:
    class Catalogue:
        platforms: ClassVar[dict[str, Any]] = {}

        def platform(self, name: str) -> Any:
            return self.platforms[name]

        def load_sandbox(self, descriptor: Any) -> Any:
            return descriptor.sandbox

    class Item:
        def __init__(self, name: str, sandbox: str | None) -> None:
            self.name, self.sandbox = name, sandbox

    with pytest.raises(InvalidInput, match="No installed platform has a replica"):
        replicas_of(Catalogue(), ())
    Catalogue.platforms = {name: Item(name, loader) for name, loader in (("a", "a:A"), ("b", None), ("c", "c:C"))}
    assert [str(item) for item in replicas_of(Catalogue(), ())] == ["a:A", "c:C"]


def test_the_hook_module_is_light_and_names_the_command() -> None:
    code = (
        "import creatorflow_testkit.plugin as p, sys\n"
        "print([d.name for d in p.creatorflow_cli_commands()], [m for m in ('aiohttp', 'click', 'httpx', 'trustme') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "['demo', 'sandbox'] []\n"
    )
