"""A sandbox on its own event loop in a thread of this process: quick to start, its replicas can be looked into."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from creatorflow_testkit.sandbox.client import ControlClient
from creatorflow_testkit.sandbox.facts import SandboxFacts

if TYPE_CHECKING:
    from creatorflow_testkit.replica import Replica
    from creatorflow_testkit.sandbox.server import Sandbox

__all__ = ["BackgroundSandbox"]

T = TypeVar("T")


class BackgroundSandbox:
    """The same surface as ``SandboxProcess`` without a child process; a context manager.

    Attributes:
        directory: of the sandbox.
        facts: addresses of the running sandbox.
        control: client of its control API.
    """

    def __init__(
        self, directory: Path, replicas: Sequence[str | type[Replica]], *, port: int = 0, latency_ms: float = 0.0
    ) -> None:
        """Prepare; arguments as in ``Sandbox``."""
        self.directory = directory
        self._make: Callable[[], Sandbox] = lambda: _sandbox(directory, replicas, port, latency_ms)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._sandbox: Sandbox | None = None
        self.facts: SandboxFacts
        self.control: ControlClient

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

    def replica(self, name: str) -> Replica:
        """The replica object; only look at it, its loop is another thread's."""
        if self._sandbox is None:
            raise RuntimeError("the sandbox is not running: call start()")
        return self._sandbox.replica(name)

    def start(self) -> BackgroundSandbox:
        """Start the thread and the sandbox; returns when it listens."""
        loop = asyncio.new_event_loop()
        self._loop = loop
        self._thread = threading.Thread(target=loop.run_forever, name="sandbox", daemon=True)
        self._thread.start()
        try:
            sandbox = self._sandbox = self._make()
            self._run(sandbox.start())
        except BaseException:
            self._sandbox = None
            self._end_loop()
            raise
        self.facts = sandbox.facts
        self.control = ControlClient.of(self.facts)
        return self

    def stop(self) -> None:
        """Close the listeners and end the thread."""
        if self._sandbox is not None:
            self._run(self._sandbox.stop())
            self._sandbox = None
        self._end_loop()

    def restart(self) -> BackgroundSandbox:
        """Stop and start on the same directory with fresh replica objects."""
        self.stop()
        return self.start()

    def _run(self, work: Any) -> Any:
        if self._loop is None:
            raise RuntimeError("the sandbox is not running: call start()")
        future: concurrent.futures.Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(timeout=30)

    def _end_loop(self) -> None:
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def __enter__(self) -> BackgroundSandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _sandbox(directory: Path, replicas: Sequence[str | type[Replica]], port: int, latency_ms: float) -> Sandbox:
    from creatorflow_testkit.sandbox.server import Sandbox  # aiohttp only when a sandbox really starts

    return Sandbox(directory, replicas, port=port, latency_ms=latency_ms)
