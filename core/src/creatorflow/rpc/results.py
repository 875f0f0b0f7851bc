"""Shapes of results, for the schemas only: nothing is validated against them at run time, so nothing imports them then."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from creatorflow.accounts.views import AccountView, CredentialView
from creatorflow.publish.views import JobView, PlanView
from creatorflow.tasks.views import TaskView

__all__ = [
    "AccountRemoved",
    "Accounts",
    "CredentialDeleted",
    "Credentials",
    "Draining",
    "Initialized",
    "Jobs",
    "Plans",
    "Platforms",
    "Plugins",
    "Pong",
    "Status",
    "Tasks",
]


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Pong(_Result):
    """The clock."""

    time: datetime = Field(description="UTC")


class Draining(_Result):
    """The shutdown has begun."""

    draining: bool


class Initialized(_Result):
    """What holds for this connection."""

    version: str
    protocol_version: int = Field(description="the highest version both sides speak")
    protocol_versions: list[int]
    locale: str
    roots: list[str]
    limits: dict[str, float]


class Counts(_Result):
    """How much there is."""

    accounts: int
    tasks_open: int


class Storage(_Result):
    """Whether the data directory can be used."""

    state: str = Field(description="ok or failed")
    error: dict[str, Any] | None = Field(description="a JSON-RPC error object")


class Status(_Result):
    """The state of the sidecar."""

    version: str
    protocol_versions: list[int]
    pid: int
    transport: str
    uptime_s: float = Field(description="seconds since the process started")
    environment: str
    offline: str
    locale: str
    storage: Storage
    counts: Counts | None = Field(description="null when the data directory cannot be used")


class Plugin(_Result):
    """One plugin."""

    name: str
    distribution: str | None
    version: str | None
    entry_point: str | None
    state: str
    error: str | None
    capabilities: dict[str, list[str]]


class Plugins(_Result):
    """Every plugin found."""

    plugins: list[Plugin]


class Platforms(_Result):
    """The platforms as the capability document shows them."""

    platforms: list[dict[str, Any]]


class Accounts(_Result):
    """Accounts."""

    accounts: list[AccountView]


class AccountRemoved(_Result):
    """The account is gone."""

    account_id: str
    removed: bool


class Credentials(_Result):
    """Which secrets there are."""

    credentials: list[CredentialView]


class CredentialDeleted(_Result):
    """The secret is gone."""

    platform: str
    account: str
    kind: str
    deleted: bool


class Plans(_Result):
    """One plan for each target."""

    plans: list[PlanView]


class Jobs(_Result):
    """Publish jobs."""

    jobs: list[JobView]


class Tasks(_Result):
    """Human tasks."""

    tasks: list[TaskView]
