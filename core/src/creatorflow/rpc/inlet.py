"""Reading a descriptor of any kind without blocking the event loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable

__all__ = ["Inlet"]

_CHUNK = 1 << 16  # bytes per read: what a pipe holds, and small enough for the allocator to keep
_WINDOWS = sys.platform == "win32"


class Inlet:
    """Reads a descriptor of any kind (pipe, socket, terminal, file; a thread where the event loop cannot watch it).

    ``on_end`` is called once, at the end of input or when reading fails.
    """

    def __init__(self, descriptor: int, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._fd = descriptor
        self._on_data = on_data
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._ended = False
        self._paused = False
        self._watched = False
        # A file is read faster than it is worked: the thread may be this many chunks ahead.
        self._room = threading.Semaphore(4)

    def start(self) -> None:
        """Begin to read."""
        if not _WINDOWS and self._watch():
            return
        threading.Thread(target=self._read_in_thread, name="rpc-stdin", daemon=True).start()

    def _watch(self) -> bool:
        try:
            self._loop.add_reader(self._fd, self._on_ready)
        except (OSError, NotImplementedError):  # epoll takes no files, the Windows loop no descriptors at all
            return False
        self._watched = True
        return True

    def _on_ready(self) -> None:
        try:
            data = os.read(self._fd, _CHUNK)  # ready, and we are the only reader: this does not block
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        self._take(data)

    def _read_in_thread(self) -> None:
        data = b"-"
        while data:
            self._room.acquire()
            try:
                data = os.read(self._fd, _CHUNK)
            except OSError:
                data = b""
            try:
                self._loop.call_soon_threadsafe(self._take, data)
            except RuntimeError:  # the loop is closed: the process is about to end
                return

    def _take(self, data: bytes) -> None:
        if self._ended:
            return
        if data:
            self._on_data(data)
        else:
            self.stop()
            self._on_end()
        if not self._paused:
            self._room.release()

    def pause(self) -> None:
        """Stop reading for now: the host does not read its answers."""
        if not self._paused and not self._ended:
            self._paused = True
            if self._watched:
                self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        """Read on."""
        if self._paused and not self._ended:
            self._paused = False
            if self._watched:
                self._loop.add_reader(self._fd, self._on_ready)
            else:
                self._room.release()

    def stop(self) -> None:
        """Read nothing more."""
        self._ended = True
        if self._watched:
            self._watched = False
            self._loop.remove_reader(self._fd)
