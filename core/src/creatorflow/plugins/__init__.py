"""Discovery, isolation, and the catalogue of what the installed plugins can do.

``Catalogue.discover()`` reads the entry points of the group ``creatorflow``, loads each plugin where it cannot hurt the host, and keeps
a record of every one. Implementations stay on disk until ``Catalogue.load``.
"""

from __future__ import annotations

from creatorflow.plugins.catalogue import HOOK_BUDGET_S, Catalogue
from creatorflow.plugins.document import PROTOCOL_VERSIONS, capabilities_document, plugin_entry
from creatorflow.plugins.records import PluginRecord, PluginState
from creatorflow.plugins.reserved import CORE_COMMANDS, CORE_METHOD_PREFIXES

__all__ = [
    "CORE_COMMANDS",
    "CORE_METHOD_PREFIXES",
    "HOOK_BUDGET_S",
    "PROTOCOL_VERSIONS",
    "Catalogue",
    "PluginRecord",
    "PluginState",
    "capabilities_document",
    "plugin_entry",
]
