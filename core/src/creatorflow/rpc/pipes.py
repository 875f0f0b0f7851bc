"""The two descriptors of a stdio connection, taken away from everybody else, and the lines in what they carry."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["LineSplitter", "Pipes", "take_over"]


@dataclass(frozen=True, slots=True)
class Pipes:
    """The private descriptors of the connection; not inheritable."""

    reader: int
    writer: int


def take_over() -> Pipes:
    """Move the real stdin and stdout away: descriptor 0 becomes the null device, descriptor 1 becomes stderr.

    Call it before anything can print. A library that prints, or a child process, then reaches stderr and never the channel.

    Raises:
        OSError: stdin or stdout is closed.
    """
    reader, writer = os.dup(0), os.dup(1)  # duplicates are not inherited by child processes (PEP 446)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0, inheritable=True)
    try:
        os.dup2(2, 1, inheritable=True)
    except OSError:  # stderr is closed
        os.dup2(null, 1, inheritable=True)
        os.dup2(null, 2, inheritable=True)
    os.close(null)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(reader, os.O_BINARY)
        msvcrt.setmode(writer, os.O_BINARY)
    else:
        os.register_at_fork(after_in_child=lambda: _close(reader, writer))  # multiprocessing forks without exec
    sys.stdout.flush()  # what was printed but not yet written goes to stderr, too
    sys.stdout = sys.stderr
    return Pipes(reader, writer)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        try:
            os.close(descriptor)
        except OSError:
            continue


class LineSplitter:
    """Cuts a stream of bytes at line feeds; a line over the limit is reported once and skipped in constant memory.

    Args:
        limit: most bytes of a line, without its line feed.
        on_line: gets each line.
        on_oversized: called once for each line that is too long, as soon as that is known.
    """

    def __init__(self, limit: int, on_line: Callable[[bytes], None], on_oversized: Callable[[], None]) -> None:
        self._limit = limit
        self._on_line = on_line
        self._on_oversized = on_oversized
        self._parts: list[bytes] = []
        self._size = 0
        self._skipping = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        first, *others = data.split(b"\n")
        if not others:
            self._keep(first)
            return
        if self._parts or self._skipping:
            self._keep(first)
            first = b"".join(self._parts)
        last = others.pop()
        skipped, self._skipping = self._skipping, False
        self._parts.clear()
        self._size = 0
        if not skipped:
            self._line(first)
        for line in others:
            self._line(line)
        self._keep(last)

    def end(self) -> None:
        """Take what stands before the end of input as a line of its own."""
        rest, self._parts = b"".join(self._parts), []
        if rest and not self._skipping:
            self._on_line(rest)

    def _line(self, line: bytes) -> None:
        if len(line) > self._limit:
            self._on_oversized()
        else:
            self._on_line(line)

    def _keep(self, part: bytes) -> None:
        if self._skipping or not part:
            return
        self._parts.append(part)
        self._size += len(part)
        if self._size > self._limit:
            self._skipping = True
            self._parts.clear()
            self._on_oversized()
