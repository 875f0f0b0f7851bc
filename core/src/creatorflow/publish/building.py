"""Puts the publishing engine together from the services below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creatorflow.publish.ledger import Ledger
from creatorflow.publish.people import People
from creatorflow.publish.plan import Planner
from creatorflow.publish.readback import ReadBackDesk
from creatorflow.publish.service import PublishService
from creatorflow.publish.workers import JobWorkers

if TYPE_CHECKING:
    from creatorflow.accounts import AccountService
    from creatorflow.assets import AssetResolver
    from creatorflow.config import Settings
    from creatorflow.events import EventLog
    from creatorflow.plugins import Catalogue
    from creatorflow.store import Store
    from creatorflow.tasks import TaskService

__all__ = ["build_service"]


def build_service(
    *,
    settings: Settings,
    store: Store,
    events: EventLog,
    tasks: TaskService,
    assets: AssetResolver,
    accounts: AccountService,
    catalogue: Catalogue,
) -> PublishService:
    """Return a ready publishing service."""
    ledger = Ledger(store, events, tasks)
    desk = ReadBackDesk(ledger, lambda platform: catalogue.platform(platform).read_back, settings.settle_s)
    workers = JobWorkers(settings=settings, ledger=ledger, accounts=accounts, tasks=tasks, desk=desk)
    planner = Planner(catalogue, assets, settings.home / "work")
    people = People(settings=settings, ledger=ledger, planner=planner, accounts=accounts, task_service=tasks)
    return PublishService(
        settings=settings,
        ledger=ledger,
        planner=planner,
        assets=assets,
        accounts=accounts,
        workers=workers,
        people=people,
    )
