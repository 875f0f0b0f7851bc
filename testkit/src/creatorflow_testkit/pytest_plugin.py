"""Fixtures for tests of adapters and replicas; loaded by pytest for everybody, so it imports nothing but the stdlib."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from creatorflow_testkit.contract.site import ContractSite
    from creatorflow_testkit.replica import Replica
    from creatorflow_testkit.sandbox import BackgroundSandbox, SandboxProcess

__all__ = ["SandboxFactory", "creatorflow_contract_site", "creatorflow_home", "sandbox_factory", "write_home"]

# The contract's asserts stand in our package, and its users want to see the values in them.
pytest.register_assert_rewrite("creatorflow_testkit.contract")


class SandboxFactory:
    """Starts sandboxes and stops them all at the end of the test."""

    def __init__(self, base: Path, stack: ExitStack) -> None:
        self._base = base
        self._stack = stack
        self._count = 0

    def _directory(self, wanted: Path | None) -> Path:
        self._count += 1
        return wanted or self._base / f"sandbox{self._count}"

    def __call__(
        self, *replicas: str | type[Replica], directory: Path | None = None, latency_ms: float = 0.0
    ) -> BackgroundSandbox:
        """Start replicas on a thread of this process.

        Args:
            replicas: ``"package.module:Class"`` or classes.
            directory: an earlier sandbox's directory to continue it; a fresh one when missing.
            latency_ms: milliseconds that each answer takes at least.
        """
        from creatorflow_testkit.sandbox import BackgroundSandbox

        sandbox = BackgroundSandbox(self._directory(directory), replicas, latency_ms=latency_ms)
        return self._stack.enter_context(sandbox)

    def process(self, *replicas: str, directory: Path | None = None, latency_ms: float = 0.0) -> SandboxProcess:
        """Start replicas in a child process, for tests that kill one side; arguments as above, loader strings only."""
        from creatorflow_testkit.sandbox import SandboxProcess

        sandbox = SandboxProcess(self._directory(directory), replicas, latency_ms=latency_ms)
        return self._stack.enter_context(sandbox)


@pytest.fixture
def sandbox_factory(tmp_path: Path) -> Iterator[SandboxFactory]:
    """Start sandboxes: ``sandbox_factory("package.module:Class")``; all are stopped when the test ends."""
    with ExitStack() as stack:
        yield SandboxFactory(tmp_path, stack)


def write_home(home: Path, *fragments: str) -> Path:
    """Make a data directory whose ``config.toml`` holds the given TOML fragments; returns ``home``."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text("\n".join(fragments), "utf-8")
    return home


@pytest.fixture
def creatorflow_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Make an isolated data directory and point ``CREATORFLOW_HOME`` at it.

    ``creatorflow_home(sandbox.config_fragment(), more_toml, …)`` returns its path.
    """

    def make(*fragments: str) -> Path:
        home = write_home(tmp_path / "home", *fragments)
        monkeypatch.setenv("CREATORFLOW_HOME", str(home))
        return home

    return make


@pytest.fixture(scope="class")
def creatorflow_contract_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ContractSite]:
    """The replica that all contract tests of one class share; the class names platform and replica."""
    from creatorflow_testkit.contract.site import open_site

    with open_site(request.cls, tmp_path_factory.mktemp("contract")) as site:
        yield site
