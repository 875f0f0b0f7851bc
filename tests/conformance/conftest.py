"""The host of core's RPC tests, and a Weibo replica for it to publish to."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from creatorflow_testkit.pytest_plugin import write_home
from creatorflow_testkit.sandbox import BackgroundSandbox

_HOST = Path(__file__).resolve().parents[2] / "core/tests/rpc/conftest.py"
_spec = importlib.util.spec_from_file_location("creatorflow_rpc_host", _HOST)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _module
_spec.loader.exec_module(_module)
spawn = _module.spawn  # the fixture itself

COMMAND = [
    sys.executable,
    "-c",
    "import sys; from creatorflow.cli import main; sys.argv = ['creatorflow', 'serve', '--stdio']; main()",
]
SETTINGS = "[publish]\nsettle_seconds = 1\nhuman_wait_seconds = 1\nwait_seconds = 20\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackgroundSandbox]:
    """One replica for a module; every test makes accounts of its own."""
    directory = tmp_path_factory.mktemp("weibo")
    with BackgroundSandbox(directory, ["creatorflow_weibo.sandbox:WeiboReplica"]) as sandbox:
        yield sandbox


@pytest.fixture
def open_sidecar(spawn: Callable[..., Any], site: BackgroundSandbox, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start a sidecar over one home directory: ``open_sidecar()``; with an account ``alice`` after ``add_account``."""
    home = write_home(tmp_path / "home", site.config_fragment(), SETTINGS)

    def start(**more: Any) -> Any:
        env = {"CREATORFLOW_HOME": str(home), "CREATORFLOW_VAULT_PASSPHRASE": "correct horse battery staple"}
        return spawn(command=COMMAND, env=env, **more)

    yield start
    site.control.clear()


@pytest.fixture
def sidecar(open_sidecar: Callable[..., Any], site: BackgroundSandbox) -> Any:
    """A sidecar with one good account, ``weibo:alice``; ``sidecar.account`` is what the site knows of it."""
    host = open_sidecar()
    host.account = site.control.make_account()
    added = host.result(
        "account.add", {"platform": "weibo", "name": "alice", "cookies": host.account.cookies}, id="add"
    )
    assert added["uid"] == host.account.uid
    return host
