"""One connection to one host, and one call on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from creatorflow.rpc.registry import Method
from creatorflow.rpc.wire import MAX_DEPTH

__all__ = ["PROTOCOL_VERSIONS", "Call", "EndReason", "Limits", "Session"]

#: Versions of the RPC protocol that this build speaks.
PROTOCOL_VERSIONS = (1,)

EndReason = Literal["cancelled", "timeout", "shutting_down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one connection may use (protocol_notes §10); ``capabilities.list`` shows it."""

    line_bytes: int = 8 * 1024 * 1024
    nesting: int = MAX_DEPTH
    batch: int = 64
    concurrency: int = 64
    cancel_forced_s: float = 5.0
    drain_s: float = 5.0
    drain_publish_s: float = 15.0

    def as_dict(self) -> dict[str, float]:
        """Return the limits as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True, kw_only=True)
class Session:
    """What a connection has said about itself; every method works without ``sidecar.initialize``.

    ``roots`` are the folders the host lets us read media from; the first one is the base of relative paths. ``quit`` is called by
    ``sidecar.shutdown``.
    """

    locale: str = "en"
    transport: str = "stdio"
    client: Mapping[str, Any] = field(default_factory=dict)
    protocol_version: int = PROTOCOL_VERSIONS[-1]
    roots: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)
    quit: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def base_dir(self) -> Path | None:
        """Base of relative media paths, None when the host granted no folder."""
        return self.roots[0] if self.roots else None

    @property
    def who(self) -> str:
        """Name of the host in the history of human decisions."""
        name = self.client.get("name")
        return f"rpc:{name}" if name else "rpc"


@dataclass(eq=False, slots=True, kw_only=True)
class Call:
    """One request while it is worked on; handlers get it as their first argument.

    ``prepare`` loads the services; awaited before the handler unless the method says that it does without.
    """

    app: Any
    session: Session
    method: Method
    name: str
    variables: Mapping[str, str]
    prepare: Callable[[], Awaitable[None]]
    id: str | int | float | None = None
    has_id: bool = False
    trace_id: str = ""
    task: asyncio.Task[Any] | None = None
    timer: asyncio.TimerHandle | None = None
    end: EndReason | None = None
    answered: bool = False
    emit: Callable[[bytes | None], None] = field(default=lambda _reply: None)
