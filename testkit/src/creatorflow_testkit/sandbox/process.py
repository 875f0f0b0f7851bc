"""A sandbox in a child process: killed with its parent, ended by SIGTERM, restarted on the same directory."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from creatorflow_testkit.sandbox.client import ControlClient
from creatorflow_testkit.sandbox.facts import SandboxFacts

__all__ = ["SandboxProcess", "SandboxStartError"]


class SandboxStartError(RuntimeError):
    """The child did not become ready; the message holds the end of its log."""


class SandboxProcess:
    """A sandbox as a child process; a context manager.

    Attributes:
        directory: of the sandbox; ``sandbox.log`` in it holds what the child wrote to stderr.
        facts: addresses of the running child.
        control: client of its control API.
    """

    def __init__(
        self,
        directory: Path,
        replicas: Sequence[str],
        *,
        port: int = 0,
        latency_ms: float = 0.0,
        start_timeout: float = 30.0,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            directory: made when missing.
            replicas: ``"package.module:Class"`` each.
            port: TLS port; 0 as in ``Sandbox``.
            latency_ms: as in ``Sandbox``.
            start_timeout: seconds until the child must be ready.
        """
        self.directory = directory
        self._replicas = tuple(replicas)
        self._port = port
        self._latency_ms = latency_ms
        self._start_timeout = start_timeout
        self._child: subprocess.Popen[bytes] | None = None
        self.facts: SandboxFacts
        self.control: ControlClient

    @property
    def pid(self) -> int:
        """Process id of the running child.

        Raises:
            SandboxStartError: it does not run.
        """
        if self._child is None:
            raise SandboxStartError("the sandbox is not running: call start()")
        return self._child.pid

    @property
    def port(self) -> int:
        """TLS port on 127.0.0.1."""
        return self.facts.port

    @property
    def ca_file(self) -> Path:
        """PEM file of the authority."""
        return self.facts.ca_file

    @property
    def host_map(self) -> dict[str, str]:
        """Production host to ``127.0.0.1:port``."""
        return dict(self.facts.host_map)

    def config_fragment(self) -> str:
        """TOML for ``config.toml``."""
        return self.facts.config_fragment()

    def start(self) -> SandboxProcess:
        """Start the child and wait until it listens.

        Raises:
            SandboxStartError: it ended or stayed silent.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "creatorflow_testkit.sandbox", "--dir", str(self.directory)]
        command += ["--port", str(self._port), "--latency-ms", str(self._latency_ms), "--die-with-stdin"]
        for replica in self._replicas:
            command += ["--replica", replica]
        with (self.directory / "sandbox.log").open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        line = self._ready_line(self._child)
        if not line:
            self.kill()
            tail = (self.directory / "sandbox.log").read_text("utf-8", errors="replace")[-2000:]
            raise SandboxStartError(f"the sandbox in {self.directory} did not start; its log ends with:\n{tail}")
        self.facts = SandboxFacts.from_json(json.loads(line)["ready"])
        self.control = ControlClient.of(self.facts)
        return self

    def _ready_line(self, child: subprocess.Popen[bytes]) -> bytes:
        """The child's first line; empty when it ended, or was killed here because it took too long."""
        alarm = threading.Timer(self._start_timeout, child.kill)
        alarm.start()
        try:
            return child.stdout.readline() if child.stdout else b""
        finally:
            alarm.cancel()

    def stop(self, timeout: float = 10.0) -> int:
        """End the child cleanly (SIGTERM, then after ``timeout`` seconds SIGKILL); returns its exit code."""
        if self._child is None:
            return 0
        self._child.terminate()
        return self._reap(timeout)

    def kill(self) -> None:
        """Kill the child at once, as a crash of the site would."""
        if self._child is not None:
            self._child.kill()
            self._reap(10.0)

    def _reap(self, timeout: float) -> int:
        child, self._child = self._child, None
        if child is None:
            return 0
        try:
            code = child.wait(timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def restart(self) -> SandboxProcess:
        """Stop and start on the same directory: same authority, ledger and (when free) ports; faults and latency reset."""
        self.stop()
        return self.start()

    def __enter__(self) -> SandboxProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
