"""Trace ids: 32 hex digits as in W3C Trace Context, carried by a context variable through tasks and threads of ``asyncio.to_thread``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["new_trace_id", "trace_id", "tracing"]

_current: ContextVar[str | None] = ContextVar("creatorflow_trace_id", default=None)
_SHAPE = re.compile(r"(?!0{32})[0-9a-f]{32}")


def new_trace_id() -> str:
    """Return a fresh id of 128 random bits; never all zero, which the standard calls invalid."""
    while not (made := os.urandom(16)).strip(b"\0"):
        pass
    return made.hex()


def trace_id() -> str | None:
    """Return the id of the work that is going on, None outside of ``tracing``."""
    return _current.get()


@contextmanager
def tracing(wanted: str | None = None) -> Iterator[str]:
    """Give the enclosed work a trace id and yield it.

    Args:
        wanted: an id from outside (a caller, a stored job). None, or a string that is no W3C trace id, gives a new one: what comes from
            outside must not be able to write free text into every log line.
    """
    valid = wanted is not None and _SHAPE.fullmatch(wanted) is not None
    token = _current.set(wanted if valid else new_trace_id())
    try:
        current = _current.get()
        assert current is not None
        yield current
    finally:
        _current.reset(token)
