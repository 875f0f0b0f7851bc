"""Running replicas: in this coroutine, in a thread, or in a child process. Names are imported at first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from creatorflow_testkit.sandbox.background import BackgroundSandbox as BackgroundSandbox
    from creatorflow_testkit.sandbox.client import (
        AsyncControlClient as AsyncControlClient,
    )
    from creatorflow_testkit.sandbox.client import (
        ControlClient as ControlClient,
    )
    from creatorflow_testkit.sandbox.client import (
        ControlError as ControlError,
    )
    from creatorflow_testkit.sandbox.facts import SandboxFacts as SandboxFacts
    from creatorflow_testkit.sandbox.loading import ReplicaNotFound as ReplicaNotFound
    from creatorflow_testkit.sandbox.loading import load_replica as load_replica
    from creatorflow_testkit.sandbox.process import (
        SandboxProcess as SandboxProcess,
    )
    from creatorflow_testkit.sandbox.process import (
        SandboxStartError as SandboxStartError,
    )
    from creatorflow_testkit.sandbox.server import Sandbox as Sandbox

_HOME = {
    "AsyncControlClient": "client",
    "BackgroundSandbox": "background",
    "ControlClient": "client",
    "ControlError": "client",
    "ReplicaNotFound": "loading",
    "Sandbox": "server",
    "SandboxFacts": "facts",
    "SandboxProcess": "process",
    "SandboxStartError": "process",
    "load_replica": "loading",
}

__all__ = sorted(_HOME)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
