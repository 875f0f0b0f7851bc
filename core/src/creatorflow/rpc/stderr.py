"""The log's way out when the host may not be reading: many hosts open a pipe for stderr and never look at it.

A full pipe would block the thread that logs, which is the event loop, and with it every call. So a line is written only when the
descriptor is ready, else it is lost and counted.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TextIO, cast

__all__ = ["PatientStderr", "log_stream"]


class PatientStderr(io.TextIOBase):
    """Writes text to a descriptor without blocking; what does not fit is lost, and said so later.

    Not thread-safe by itself: the log handler's lock is around it.
    """

    def __init__(self, descriptor: int, ready: Callable[[], object], piece: int) -> None:
        self._fd = descriptor
        self._ready = ready
        self._piece = piece  # bytes that a ready descriptor takes without blocking
        self._lost = 0
        self._torn = False

    def isatty(self) -> bool:
        """Tell whether a person reads along."""
        return os.isatty(self._fd)

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, text: str) -> int:
        """Write all of ``text``, a part of it, or nothing; report its length in any case."""
        if self._torn and self._send(b"\n"):
            self._torn = False
        if self._lost and not self._torn and self._send(b'{"level":"warning","lost_log_lines":%d}\n' % self._lost):
            self._lost = 0
        data = text.encode("utf-8", "backslashreplace")
        written = 0
        while written < len(data):
            if self._torn or not self._send(data[written : written + self._piece]):
                self._lost += 1
                self._torn = self._torn or written > 0
                break
            written += self._piece
        return len(text)

    def _send(self, data: bytes) -> bool:
        try:
            if not self._ready():
                return False
            os.write(self._fd, data)
        except OSError:  # nobody is there any more
            return False
        return True


def log_stream() -> TextIO:
    """Return where a sidecar's log goes: stderr, patiently where the system can tell whether a descriptor is ready."""
    if sys.platform == "win32":
        return sys.stderr
    import select

    poll = select.poll()
    poll.register(2, select.POLLOUT)
    return cast("TextIO", PatientStderr(2, partial(poll.poll, 0), select.PIPE_BUF))
