"""The core's methods. Handlers are a few lines over the services of ``creatorflow.app.App``."""

from __future__ import annotations

from functools import cache

from creatorflow.rpc.registry import MethodRegistry

__all__ = ["core_methods"]


@cache
def core_methods() -> MethodRegistry:
    """Return the registry of all methods of this build."""
    from creatorflow.rpc.methods import accounts, catalogue, publish, sidecar, tasks

    return MethodRegistry([*sidecar.METHODS, *catalogue.METHODS, *accounts.METHODS, *publish.METHODS, *tasks.METHODS])
