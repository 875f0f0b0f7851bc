"""Writing lines to a descriptor without ever blocking the event loop.

Nothing here sets a descriptor non-blocking: that flag belongs to the open file, which the host or a terminal may share. Instead we
write only when the descriptor is ready, and never more than a pipe then takes without blocking.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from functools import partial

__all__ = ["Outlet"]

_OFFERED = 64  # lines that wait before news is dropped


class Outlet:
    """Writes lines, answers before events, without ever blocking the event loop.

    ``on_backlog`` is called with True when more than ``backlog_bytes`` wait for the host to read, with False when half of it is gone.
    """

    backlog_bytes = 64 * 1024 * 1024

    def __init__(self, descriptor: int, on_backlog: Callable[[bool], None]) -> None:
        self._fd = descriptor
        self._on_backlog = on_backlog
        self._loop = asyncio.get_running_loop()
        self._answers: deque[bytes] = deque()
        self._events: deque[bytes] = deque()
        self._current = memoryview(b"")
        self._waiting = 0  # bytes not written yet
        self._held = 0
        self._watching = False
        self._over = False
        self.broken = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._thread: _WriterThread | None = None
        self._ready: Callable[[], object]
        self._piece = 1 << 16
        if sys.platform == "win32":
            self._thread = _WriterThread(descriptor, self._loop, self._on_written)
        else:
            import select

            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            self._ready = partial(poll.poll, 0)
            self._piece = select.PIPE_BUF  # what a ready pipe takes without blocking, says POSIX

    def send(self, line: bytes) -> None:
        """Queue an answer (without line feed) and write what can be written."""
        self._queue(self._answers, line)

    def send_event(self, line: bytes) -> None:
        """Queue an event line; it yields to every answer that waits."""
        self._queue(self._events, line)

    def offer(self, line: bytes) -> None:
        """Queue a line that may be lost: it is, when many lines wait."""
        if len(self._events) < _OFFERED:
            self._queue(self._events, line)

    def hold(self) -> None:
        """Collect lines until ``release``: one write for the answers to one read."""
        self._held += 1

    def release(self) -> None:
        """Write what was collected."""
        self._held -= 1
        if self._waiting and not self._held and not self._watching:
            self._flush()

    async def drained(self) -> None:
        """Wait until everything is written, or the host is gone."""
        await self._empty.wait()

    def _queue(self, queue: deque[bytes], line: bytes) -> None:
        if self.broken:
            return
        queue.append(line)
        self._waiting += len(line) + 1
        self._empty.clear()
        if self._waiting > self.backlog_bytes and not self._over:
            self._over = True
            self._on_backlog(True)
        if not self._held and not self._watching:
            self._flush()

    def _next(self) -> memoryview:
        """Return the bytes to write next, small lines joined up to what one write takes."""
        if not self._current:
            queue = self._answers or self._events
            if len(queue) == 1:
                data = queue.pop() + b"\n"
            else:
                lines, size = [], 0
                while queue and size < 4096:
                    lines.append(queue.popleft())
                    size += len(lines[-1]) + 1
                lines.append(b"")
                data = b"\n".join(lines)
            self._current = memoryview(data)
        return self._current

    def _flush(self) -> None:
        if self._thread is not None:
            if not self._thread.busy and self._waiting:
                self._thread.write(bytes(self._next()))
            return
        try:
            while self._waiting:
                if not self._ready():
                    self._watch()
                    return
                count = os.write(self._fd, self._next()[: self._piece])
                self._current = self._current[count:]
                self._written(count)
        except (BlockingIOError, InterruptedError):
            self._watch()
            return
        except OSError:
            self._break()
        self._unwatch()

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            self._loop.add_writer(self._fd, self._flush)

    def _unwatch(self) -> None:
        if self._watching:
            self._watching = False
            self._loop.remove_writer(self._fd)

    def _on_written(self, count: int) -> None:
        if count < 0:
            self._break()
            return
        self._current = memoryview(b"")
        self._written(count)
        self._flush()

    def _written(self, count: int) -> None:
        self._waiting -= count
        if self._over and self._waiting < self.backlog_bytes // 2:
            self._over = False
            self._on_backlog(False)
        if not self._waiting:
            self._empty.set()

    def _break(self) -> None:
        """The host does not read any more: what waits has no reader."""
        self.broken = True
        self._answers.clear()
        self._events.clear()
        self._current = memoryview(b"")
        self._waiting = 0
        self._empty.set()


class _WriterThread:
    """Blocking writes off the loop, where it cannot tell whether a descriptor is ready (Windows)."""

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop, on_written: Callable[[int], None]) -> None:
        self.busy = False
        self._fd = descriptor
        self._loop = loop
        self._on_written = on_written
        self._data = b""
        self._go = threading.Event()
        threading.Thread(target=self._run, name="rpc-stdout", daemon=True).start()

    def write(self, data: bytes) -> None:
        """Write all of ``data``; the callback gets its length, or -1 when the host is gone."""
        self.busy = True
        self._data = data
        self._go.set()

    def _run(self) -> None:
        while True:
            self._go.wait()
            self._go.clear()
            view, size = memoryview(self._data), len(self._data)
            try:
                while view:
                    view = view[os.write(self._fd, view) :]
            except OSError:
                size = -1
            try:
                self._loop.call_soon_threadsafe(self._finish, size)
            except RuntimeError:
                return

    def _finish(self, size: int) -> None:
        self.busy = False
        self._on_written(size)
