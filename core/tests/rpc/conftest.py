"""A host: starts a sidecar as a real process and talks to it over real pipes."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

PEER = Path(__file__).with_name("peer.py")
BUDGET_S = 30.0


class Host:
    """One running sidecar. Lines are read by a thread from the start on, so that the sidecar never waits for us by accident."""

    def __init__(
        self, process: subprocess.Popen[bytes], stdin: IO[bytes], stdout: IO[bytes], *, reading: bool = True
    ) -> None:
        self.process = process
        self.stdin = stdin
        self.stdout = stdout
        self.raw: list[bytes] = []
        self.lines: queue.Queue[Any] = queue.Queue()
        self.seen: list[Any] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        if reading:
            self._thread.start()

    def start_reading(self) -> None:
        self._thread.start()

    def _read(self) -> None:
        try:
            for line in self.stdout:
                self.raw.append(line)
                self.lines.put(json.loads(line))
        except Exception as exc:
            self.lines.put(exc)
        self.lines.put(None)

    def send(self, *lines: bytes | str | dict[str, Any] | list[Any]) -> None:
        """Write lines in one go; values are encoded as JSON."""
        data = b""
        for line in lines:
            if isinstance(line, bytes):
                data += line + b"\n"
            elif isinstance(line, str):
                data += line.encode() + b"\n"
            else:
                data += json.dumps(line).encode() + b"\n"
        self.stdin.write(data)
        self.stdin.flush()

    def call(self, method: str, params: Any = None, id: Any = 1, **more: Any) -> None:
        request = {"jsonrpc": "2.0", "method": method, "id": id, **more}
        if params is not None:
            request["params"] = params
        self.send(request)

    def next(self, budget_s: float = BUDGET_S) -> Any:
        """Return the next line as a value, None at the end of output."""
        value = self.lines.get(timeout=budget_s)
        if isinstance(value, Exception):
            raise value
        self.seen.append(value)
        return value

    def answer(self, id: Any, budget_s: float = BUDGET_S) -> Any:
        """Return the response with this id; other lines stay in ``seen``."""
        deadline = time.monotonic() + budget_s
        for value in self.seen:
            if isinstance(value, dict) and "method" not in value and value.get("id") == id:
                return value
        while True:
            value = self.next(max(0.01, deadline - time.monotonic()))
            assert value is not None, f"the output ended before the answer to {id!r}"
            if isinstance(value, dict) and "method" not in value and value.get("id") == id:
                return value

    def result(self, method: str, params: Any = None, id: Any = 1) -> Any:
        self.call(method, params, id)
        answer = self.answer(id)
        assert "result" in answer, answer
        return answer["result"]

    def error(self, method: str, params: Any = None, id: Any = 1) -> Any:
        self.call(method, params, id)
        answer = self.answer(id)
        assert "error" in answer, answer
        return answer["error"]

    def notification(self, method: str, budget_s: float = BUDGET_S) -> Any:
        """Return the parameters of the next notification of this name, each line once."""
        deadline = time.monotonic() + budget_s
        for at, value in enumerate(self.seen):
            if isinstance(value, dict) and value.get("method") == method:
                del self.seen[at]
                return value["params"]
        while True:
            value = self.next(max(0.01, deadline - time.monotonic()))
            assert value is not None, f"the output ended before {method}"
            if isinstance(value, dict) and value.get("method") == method:
                assert "id" not in value
                self.seen.remove(value)
                return value["params"]

    def rest(self, budget_s: float = BUDGET_S) -> list[Any]:
        """Return everything up to the end of output."""
        values = []
        while (value := self.next(budget_s)) is not None:
            values.append(value)
        return values

    def close(self) -> None:
        """End the input."""
        self.stdin.close()

    def wait(self, budget_s: float = BUDGET_S) -> int:
        return self.process.wait(budget_s)


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Start a sidecar: ``spawn(*limits, command=…, wait_ready=True, **popen)``."""
    hosts: list[Host] = []

    def start(
        *arguments: str,
        command: list[str] | None = None,
        wait_ready: bool = True,
        reading: bool = True,
        env: dict[str, str] | None = None,
        **popen: Any,
    ) -> Host:
        stderr = (tmp_path / f"stderr-{len(hosts)}.txt").open("wb")
        popen.setdefault("stderr", stderr)
        process = subprocess.Popen(
            command or [sys.executable, "-X", "dev", "-W", "ignore::ResourceWarning", str(PEER), *arguments],
            stdin=popen.pop("stdin", subprocess.PIPE),
            stdout=popen.pop("stdout", subprocess.PIPE),
            env={**os.environ, "CREATORFLOW_LOCALE": "en", **(env or {})},
            **popen,
        )
        stderr.close()
        host = Host(process, process.stdin, process.stdout, reading=reading)  # type: ignore[arg-type]
        host.stderr = Path(stderr.name)  # type: ignore[attr-defined]
        hosts.append(host)
        if wait_ready and reading:
            ready = host.next()
            assert ready["method"] == "sidecar.ready", ready
        return host

    yield start
    for host in hosts:
        if host.process.poll() is None:
            host.process.kill()
            host.process.wait(10)
        for pipe in (host.process.stdin, host.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue


@pytest.fixture
def host(spawn: Callable[..., Host]) -> Host:
    return spawn()
