"""Start-up wiring that commands and transports share: builds the services, runs sweeps, drains and stops them.

Services are made at first use, because each brings imports with it: answering ``capabilities.list`` must not load a database library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from creatorflow.api import JobState
from creatorflow.config import Settings, load_settings
from creatorflow.log import get_logger
from creatorflow.plugins import Catalogue, capabilities_document

if TYPE_CHECKING:
    from creatorflow.accounts import AccountService, CredentialService, Vault
    from creatorflow.assets import AssetResolver
    from creatorflow.events import EventLog
    from creatorflow.net import OutboundFactory
    from creatorflow.publish import PublishService
    from creatorflow.store import Store
    from creatorflow.tasks import TaskService

__all__ = ["SWEEP_S", "App"]

#: Seconds between two sweeps of a worker.
SWEEP_S = 60.0

_log = get_logger("creatorflow.app")


class App:
    """One process's services over one home directory.

    ``interrupted``: where a publish goes that is stopped before anything was sent: ``due`` for services, which go on later, and
    ``cancelled`` for a person who pressed Ctrl-C.
    """

    def __init__(self, settings: Settings, *, interrupted: JobState = JobState.DUE) -> None:
        self.settings = settings
        self._interrupted = interrupted
        self._started: list[str] = []

    @classmethod
    def load(cls, home: Path | None, env: Mapping[str, str], locale: str | None = None) -> App:
        """Build from a home directory and environment variables.

        Raises:
            ConfigError: the configuration is unreadable or contradicts itself.
        """
        return cls(load_settings(home, env, locale=locale))

    @property
    def locale(self) -> str:
        """Language of sentences."""
        return self.settings.locale

    @cached_property
    def catalogue(self) -> Catalogue:
        """The installed capabilities."""
        plugins = self.settings.plugins
        return Catalogue.discover(self.settings.only_plugins, plugins.allow, plugins.block)

    def capabilities(
        self,
        *,
        methods: Sequence[Mapping[str, Any]] = (),
        limits: Mapping[str, Any] | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        event_types: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Return the document behind ``capabilities.list`` and ``creatorflow capabilities --json``."""
        return capabilities_document(
            self.catalogue,
            methods=methods,
            limits=limits or {},
            errors=errors,
            event_types=event_types,
            offline=self.settings.network.offline.value,
            locale=self.locale,
        )

    @cached_property
    def store(self) -> Store:
        """The database; opened by its first transaction."""
        from creatorflow.store import Store

        self._started.append("store")
        return Store(self.settings.directories.database)

    @cached_property
    def events(self) -> EventLog:
        """The event log."""
        from creatorflow.events import EventLog

        return EventLog(self.store)

    @cached_property
    def tasks(self) -> TaskService:
        """Human tasks."""
        from creatorflow.tasks import TaskService

        return TaskService(self.store, self.events)

    @cached_property
    def assets(self) -> AssetResolver:
        """Media files."""
        from creatorflow.assets import AssetResolver

        return AssetResolver(self.settings, self.store, self.settings.directories)

    @cached_property
    def outbound(self) -> OutboundFactory:
        """The one maker of HTTP clients."""
        from creatorflow.net import OutboundFactory

        return OutboundFactory(self.settings)

    @cached_property
    def vault(self) -> Vault:
        """Sealed secrets."""
        from creatorflow.accounts import Vault

        return Vault(self.store, self.settings.directories, self.settings)

    @cached_property
    def accounts(self) -> AccountService:
        """Accounts, sessions and their adapters."""
        from creatorflow.accounts import AccountService, AdapterFactory

        adapters = AdapterFactory(
            self.store,
            self.vault,
            self.events,
            tasks=self.tasks,
            catalogue=self.catalogue,
            settings=self.settings,
            outbound=self.outbound,
        )
        return AccountService(
            self.store,
            self.vault,
            self.events,
            catalogue=self.catalogue,
            settings=self.settings,
            adapters=adapters,
        )

    @cached_property
    def credentials(self) -> CredentialService:
        """Secrets of accounts, by metadata only."""
        from creatorflow.accounts import CredentialService

        return CredentialService(self.accounts, self.vault, self.store)

    @cached_property
    def publisher(self) -> PublishService:
        """The publishing engine."""
        from creatorflow.publish import build_service

        self._started.append("publisher")
        return build_service(
            settings=self.settings,
            store=self.store,
            events=self.events,
            tasks=self.tasks,
            assets=self.assets,
            accounts=self.accounts,
            catalogue=self.catalogue,
        )

    async def sweep_forever(self, *, every_s: float = SWEEP_S) -> None:
        """Run due jobs and settle open ones now and every ``every_s`` seconds, until cancelled."""
        while True:
            try:
                await self.publisher.sweep(wait=False)
            except Exception as error:
                # A sweep that fails (disk full, database held) is tried again: the jobs are rows and wait.
                _log.warning("sweep failed; it will be tried again", error=repr(error))
            await asyncio.sleep(every_s)

    async def aclose(self, drain_s: float = 15.0) -> None:
        """Let running publishes finish for ``drain_s`` seconds, then stop them honestly and close the database."""
        if "publisher" in self._started:
            await self.publisher.drain(drain_s, interrupted=self._interrupted)
        if "store" in self._started:
            await self.store.close()
        self._started.clear()

    async def __aenter__(self) -> App:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose(drain_s=0.0 if kind is not None else 15.0)
