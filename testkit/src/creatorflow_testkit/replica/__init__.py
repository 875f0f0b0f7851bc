"""Build a local replica of a platform: subclass ``Replica``, declare routes, record what happens in the ledger.

Names are imported at first use, so that a client of a sandbox does not load the HTTP server.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from creatorflow_testkit.replica.accounts import (
        Cookie as Cookie,
    )
    from creatorflow_testkit.replica.accounts import (
        TestAccount as TestAccount,
    )
    from creatorflow_testkit.replica.accounts import (
        storage_state as storage_state,
    )
    from creatorflow_testkit.replica.base import (
        Answered as Answered,
    )
    from creatorflow_testkit.replica.base import (
        Replica as Replica,
    )
    from creatorflow_testkit.replica.base import (
        SettingError as SettingError,
    )
    from creatorflow_testkit.replica.base import (
        json_answer as json_answer,
    )
    from creatorflow_testkit.replica.clock import (
        SiteClock as SiteClock,
    )
    from creatorflow_testkit.replica.faults import (
        COMMON_FAULTS as COMMON_FAULTS,
    )
    from creatorflow_testkit.replica.faults import (
        ArmedFault as ArmedFault,
    )
    from creatorflow_testkit.replica.faults import (
        FaultError as FaultError,
    )
    from creatorflow_testkit.replica.faults import (
        Faults as Faults,
    )
    from creatorflow_testkit.replica.faults import (
        FaultSpec as FaultSpec,
    )
    from creatorflow_testkit.replica.ledger import (
        Ledger as Ledger,
    )
    from creatorflow_testkit.replica.ledger import (
        LedgerEntry as LedgerEntry,
    )
    from creatorflow_testkit.replica.ledger import (
        LedgerPost as LedgerPost,
    )
    from creatorflow_testkit.replica.ledger import (
        posts_of as posts_of,
    )
    from creatorflow_testkit.replica.ledger import (
        read_ledger as read_ledger,
    )
    from creatorflow_testkit.replica.media import (
        ImageFacts as ImageFacts,
    )
    from creatorflow_testkit.replica.media import (
        MediaStore as MediaStore,
    )
    from creatorflow_testkit.replica.media import (
        sniff_image as sniff_image,
    )
    from creatorflow_testkit.replica.pipeline import (
        RequestRecord as RequestRecord,
    )
    from creatorflow_testkit.replica.pipeline import (
        cut as cut,
    )
    from creatorflow_testkit.replica.provenance import (
        Element as Element,
    )
    from creatorflow_testkit.replica.provenance import (
        Mark as Mark,
    )
    from creatorflow_testkit.replica.provenance import (
        Provenance as Provenance,
    )
    from creatorflow_testkit.replica.provenance import (
        assumed as assumed,
    )
    from creatorflow_testkit.replica.provenance import (
        captured as captured,
    )
    from creatorflow_testkit.replica.provenance import (
        documented as documented,
    )
    from creatorflow_testkit.replica.provenance import (
        provenance_table as provenance_table,
    )
    from creatorflow_testkit.replica.routes import (
        KINDS as KINDS,
    )
    from creatorflow_testkit.replica.routes import (
        Endpoint as Endpoint,
    )
    from creatorflow_testkit.replica.routes import (
        RouteError as RouteError,
    )
    from creatorflow_testkit.replica.routes import (
        action as action,
    )
    from creatorflow_testkit.replica.routes import (
        endpoint_of as endpoint_of,
    )
    from creatorflow_testkit.replica.routes import (
        path_params as path_params,
    )
    from creatorflow_testkit.replica.routes import (
        route as route,
    )

_HOME = {
    "Answered": "base",
    "ArmedFault": "faults",
    "COMMON_FAULTS": "faults",
    "Cookie": "accounts",
    "Element": "provenance",
    "Endpoint": "routes",
    "FaultError": "faults",
    "FaultSpec": "faults",
    "Faults": "faults",
    "ImageFacts": "media",
    "KINDS": "routes",
    "Ledger": "ledger",
    "LedgerEntry": "ledger",
    "LedgerPost": "ledger",
    "Mark": "provenance",
    "MediaStore": "media",
    "Provenance": "provenance",
    "Replica": "base",
    "RequestRecord": "pipeline",
    "RouteError": "routes",
    "SettingError": "base",
    "SiteClock": "clock",
    "TestAccount": "accounts",
    "action": "routes",
    "assumed": "provenance",
    "captured": "provenance",
    "cut": "pipeline",
    "documented": "provenance",
    "endpoint_of": "routes",
    "json_answer": "base",
    "path_params": "routes",
    "posts_of": "ledger",
    "provenance_table": "provenance",
    "read_ledger": "ledger",
    "route": "routes",
    "sniff_image": "media",
    "storage_state": "accounts",
}

__all__ = sorted(_HOME)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
