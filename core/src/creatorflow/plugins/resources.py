"""Files that ship inside plugin packages, read without running the package."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import date, datetime, time
from importlib.util import find_spec
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any

__all__ = ["ResourceError", "limits_from_rules", "read_resource", "read_rules", "read_schema"]

#: Keys of a rule that say where a number comes from; they are shown beside the limits, not among them.
_PROVENANCE = ("source", "date", "confidence")


class ResourceError(Exception):
    """A resource is missing, outside its package or unreadable; the message names it."""


def read_resource(resource: str) -> bytes:
    """Return the bytes of ``"package.sub:path/in/package"``.

    Only the top-level package is looked up, and looking up executes nothing; sub-packages are folders below it.

    Raises:
        ResourceError: no such package or file, or a path that leaves the package.
    """
    package, _, inside = resource.partition(":")
    parts = PurePosixPath(inside).parts
    if not parts or ".." in parts or inside.startswith("/"):
        raise ResourceError(f"resource {resource!r} must name a file inside its package")
    top, *folders = package.split(".")
    loaded = sys.modules.get(top)
    spec = getattr(loaded, "__spec__", None)
    if spec is None:
        try:
            spec = find_spec(top)
        except (ImportError, ValueError):
            spec = None
    if spec is None or spec.submodule_search_locations is None:
        raise ResourceError(f"resource {resource!r}: there is no package {top!r}")
    for location in spec.submodule_search_locations:
        path = Path(location, *folders, *parts)
        # a package in a zip file has a loader that reads for it; a namespace package has none
        read = getattr(spec.loader, "get_data", None) or (lambda name: Path(name).read_bytes())
        try:
            data: bytes = read(str(path))
        except OSError:
            continue
        return data
    raise ResourceError(f"resource {resource!r} is not in the package")


def read_schema(resource: str) -> dict[str, Any]:
    """Return the JSON Schema in ``resource``.

    Raises:
        ResourceError: missing, not JSON, or not an object.
    """
    try:
        schema = json.loads(read_resource(resource))
    except ValueError as error:
        raise ResourceError(f"resource {resource!r} is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise ResourceError(f"resource {resource!r} must hold a JSON object")
    return schema


def read_rules(resource: str) -> dict[str, Any]:
    """Return the tables of a ``rules.toml`` as plain JSON values (dates as ISO strings).

    Raises:
        ResourceError: missing, not UTF-8, not TOML, or with ``inf``/``nan``.
    """
    import tomllib  # 10 ms, and only plugins with platforms need it

    try:
        tables = tomllib.loads(read_resource(resource).decode("utf-8"))
    except ValueError as error:
        raise ResourceError(f"resource {resource!r} is not TOML: {error}") from error
    plain: dict[str, Any] = _plain(tables, resource)
    return plain


def _plain(value: Any, resource: str) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item, resource) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, resource) for item in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, float) and not isfinite(value):
        raise ResourceError(f"resource {resource!r}: {value} is not a limit; leave the key out")
    return value


def limits_from_rules(rules: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Split rules into limits and where they come from.

    Returns:
        The tables without their ``source``, ``date`` and ``confidence``; and these three by the dotted path of their table. A table in a
        list has its index in the path.
    """
    provenance: dict[str, dict[str, Any]] = {}

    def strip(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, list):
            return [strip(item, (*path, str(index))) for index, item in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        # A rule may limit something that is called "source": only strings are provenance.
        origin = {key: value[key] for key in _PROVENANCE if isinstance(value.get(key), str)}
        if origin:
            provenance[".".join(path)] = origin
        return {key: strip(item, (*path, key)) for key, item in value.items() if key not in origin}

    return strip(rules, ()), provenance
