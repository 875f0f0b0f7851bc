"""The capability document of this build: one answer for RPC, HTTP and ``creatorflow capabilities --json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from creatorflow.rpc.errors import error_table
from creatorflow.rpc.events import EVENT_TYPES
from creatorflow.rpc.limits import work_limits
from creatorflow.rpc.methods import core_methods
from creatorflow.rpc.session import Limits

if TYPE_CHECKING:
    from creatorflow.app import App

__all__ = ["capabilities_of"]

_CONNECTION_NOTES = ("sidecar.ready", "sidecar.protocol_error")


def capabilities_of(app: App, limits: Limits | None = None) -> dict[str, Any]:
    """Return what this installation can do, as plain JSON values; builds the catalogue at the first call."""
    return app.capabilities(
        methods=core_methods().describe(platforms=list(app.catalogue.platforms)),
        limits={**(limits or Limits()).as_dict(), **work_limits(app.settings.publish, app.settings.assets)},
        errors=error_table(),
        event_types=[*EVENT_TYPES, *_CONNECTION_NOTES],
    )
