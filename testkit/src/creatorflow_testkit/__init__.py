"""Tools for authors of CreatorFlow plugins. Names are imported at first use: pytest loads this package for everybody."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from creatorflow_testkit.contract import PlatformAdapterContract as PlatformAdapterContract
    from creatorflow_testkit.contract import sample_png as sample_png

_HOME = {"PlatformAdapterContract": "contract", "sample_png": "contract"}

__all__ = sorted(_HOME)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
