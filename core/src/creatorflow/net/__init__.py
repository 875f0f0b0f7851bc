"""The one outbound client factory. The HTTP library itself is imported when the first client is made."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from creatorflow.net.factory import OutboundFactory
from creatorflow.net.policy import OutboundPolicy, Route, Via

if TYPE_CHECKING:
    from creatorflow.net.client import OutboundClient as OutboundClient
    from creatorflow.net.client import OutboundResponse as OutboundResponse

__all__ = ["OutboundClient", "OutboundFactory", "OutboundPolicy", "OutboundResponse", "Route", "Via"]


def __getattr__(name: str) -> Any:
    if name in ("OutboundClient", "OutboundResponse"):
        return getattr(importlib.import_module("creatorflow.net.client"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
