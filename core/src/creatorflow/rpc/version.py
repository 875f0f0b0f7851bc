"""The core's own version, without building the catalogue."""

from __future__ import annotations

from functools import cache

__all__ = ["core_version"]


@cache
def core_version() -> str:
    """Return the version of the installed distribution, "" for a bare source tree."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("creatorflow")
    except PackageNotFoundError:
        return ""
