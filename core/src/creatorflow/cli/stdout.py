"""Standard output that holds one JSON document, whatever plugins, libraries and child processes print."""

from __future__ import annotations

import os
import sys

__all__ = ["ReservedStdout", "reserve_stdout"]


class ReservedStdout:
    """The real standard output, kept apart while descriptor 1 points at stderr."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._real = os.dup(1)
        os.dup2(2, 1)

    def write(self, text: str) -> None:
        """Write to the real output at once.

        Raises:
            BrokenPipeError: nobody reads it any more.
        """
        with os.fdopen(self._real, "w", encoding=sys.stdout.encoding, closefd=False) as file:
            file.write(text)

    def release(self) -> None:
        """Put descriptor 1 back. What Python still holds for it was not ours to print and goes to stderr."""
        sys.stdout.flush()
        os.dup2(self._real, 1)
        os.close(self._real)


def reserve_stdout() -> ReservedStdout | None:
    """Keep standard output for ourselves, or return None where it is no descriptor (a test runner) or stderr is closed."""
    try:
        if sys.stdout.fileno() != 1:
            return None
        os.fstat(2)
    except (OSError, ValueError, AttributeError):
        return None
    return ReservedStdout()
