"""The capability document: one answer for ``capabilities.list``, ``creatorflow capabilities --json`` and ``GET /capabilities``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from creatorflow.api.descriptors import API_VERSION
from creatorflow.plugins.catalogue import Catalogue
from creatorflow.plugins.records import PluginRecord

__all__ = ["PROTOCOL_VERSIONS", "capabilities_document", "plugin_entry"]

#: Versions of the RPC protocol that this core speaks.
PROTOCOL_VERSIONS = (1,)

#: Key in the document -> kind of descriptor.
_SECTIONS = {
    "platforms": "platform",
    "tools": "tool",
    "processors": "processor",
    "llm_providers": "llm_provider",
    "graphs": "graph",
    "hot_topic_sources": "hot_topic_source",
    "cli_commands": "cli_command",
}


def capabilities_document(
    catalogue: Catalogue,
    *,
    methods: Sequence[Mapping[str, Any]],
    limits: Mapping[str, Any],
    errors: Sequence[Mapping[str, Any]],
    event_types: Sequence[str],
    offline: str = "online",
    locale: str = "en",
) -> dict[str, Any]:
    """Return the document as plain JSON values, the same for the same installation.

    Args:
        catalogue: the plugins.
        methods: entries of the method registry, each with ``name``.
        limits: sizes and timeouts in force, by name.
        errors: the error table, each entry with ``name``.
        event_types: names of notifications and events.
        offline: the offline mode in force (online, allow-list, loopback, none).
        locale: language of ``plugins[].error``; titles and summaries carry both languages.
    """
    return {
        "protocol_versions": list(PROTOCOL_VERSIONS),
        "version": catalogue.core_version,
        "api_version": list(API_VERSION),
        "offline": offline,
        "plugins": [plugin_entry(record, locale) for record in catalogue.plugins],
        **{section: catalogue.entries(kind) for section, kind in _SECTIONS.items()},
        "methods": sorted((dict(item) for item in methods), key=lambda item: str(item["name"])),
        "limits": dict(sorted(limits.items())),
        "event_types": sorted(event_types),
        "errors": sorted((dict(item) for item in errors), key=lambda item: str(item["name"])),
        "not_installed": [item.as_dict() for item in catalogue.not_installed()],
    }


def plugin_entry(record: PluginRecord, locale: str) -> dict[str, Any]:
    """Return one item of ``plugins.list``."""
    capabilities: dict[str, list[str]] = {}
    for kind, name in record.capabilities:
        capabilities.setdefault(kind, []).append(name)
    return {
        "name": record.name,
        "distribution": record.distribution,
        "version": record.version,
        "entry_point": record.entry_point,
        "state": record.state.value,
        "error": record.error.localized(locale) if record.error is not None else None,
        "capabilities": capabilities,
    }
