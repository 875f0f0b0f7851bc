"""The replica of one contract class: started once, emptied before every test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from creatorflow.api import PlatformDescriptor
    from creatorflow.plugins import Catalogue, PluginRecord

    from creatorflow_testkit.contract.base import ContractBase
    from creatorflow_testkit.replica import Replica
    from creatorflow_testkit.sandbox import BackgroundSandbox, ControlClient

__all__ = ["ContractSite", "open_site"]


class ContractSite:
    """What the tests of one class share.

    Attributes:
        catalogue: what is installed here.
        descriptor: of the platform under test.
        owner: the plugin that brings it.
        replica: the replica's class.
        sandbox: the running replica.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        descriptor: PlatformDescriptor,
        replica: type[Replica],
        sandbox: BackgroundSandbox,
    ) -> None:
        self.catalogue = catalogue
        self.descriptor = descriptor
        self.owner: PluginRecord = catalogue.owner(descriptor)
        self.replica = replica
        self.sandbox = sandbox
        self.known_faults = {item["name"] for item in self.control.known_faults()}
        self._routes = self.control.routes()

    @property
    def control(self) -> ControlClient:
        """Steers and reads the replica."""
        return self.sandbox.control

    def routes(self, kind: str) -> list[str]:
        """Names of the replica's routes of one kind."""
        return [item["name"] for item in self._routes if item["kind"] == kind]


@contextmanager
def open_site(kit: type[ContractBase], directory: Path) -> Iterator[ContractSite]:
    """Find the platform, start its replica, stop it at the end.

    Fails the test when the platform is not installed or has no replica: a contract that cannot be checked is not kept.
    """
    from creatorflow.plugins import Catalogue

    from creatorflow_testkit.sandbox import BackgroundSandbox

    catalogue = Catalogue.discover()
    descriptor = catalogue.platforms.get(kit.platform)
    if descriptor is None:
        reasons = "; ".join(f"{item.name}: {item.error.en}" for item in catalogue.plugins if item.error)
        pytest.fail(
            f"No installed plugin offers the platform {kit.platform!r} (class attribute 'platform'). Installed: "
            f"{', '.join(catalogue.platforms) or 'none'}. {reasons}",
            pytrace=False,
        )
    replica = load(kit.replica) if kit.replica is not None else catalogue.load_sandbox(descriptor)
    with BackgroundSandbox(directory, [replica]) as sandbox:
        yield ContractSite(catalogue, descriptor, replica, sandbox)


def load(source: str | type[Replica]) -> Any:
    """Return the class behind ``package.module:Class``; a class is returned as it is."""
    from creatorflow_testkit.sandbox import load_replica

    return type(load_replica(source))
