"""The class that adapter authors subclass: all groups of checks together."""

from __future__ import annotations

from creatorflow_testkit.contract.base import ContractBase
from creatorflow_testkit.contract.doubts import DoubtTests
from creatorflow_testkit.contract.engine import EngineTests
from creatorflow_testkit.contract.hygiene import HygieneTests
from creatorflow_testkit.contract.package import PackageTests
from creatorflow_testkit.contract.publishing import PublishingTests
from creatorflow_testkit.contract.refusals import RefusalTests

__all__ = ["PlatformAdapterContract"]


class PlatformAdapterContract(
    PackageTests, PublishingTests, EngineTests, DoubtTests, RefusalTests, HygieneTests, ContractBase
):
    """Subclass it as ``class TestMyPlatform(PlatformAdapterContract)`` and set ``platform``; see ``ContractBase`` for the rest."""
