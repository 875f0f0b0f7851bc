"""The database: one owner, plain functions per table, transactions decided by the caller.

Query functions take a ``Connection`` and are composed inside one ``Store.write`` call, so that a state change, its event and its key
become durable together. Nothing outside this room writes SQL.
"""

from sqlalchemy import Connection

from creatorflow.store import accounts, assets, events, jobs, tasks
from creatorflow.store.engine import Store
from creatorflow.store.records import (
    AccountRecord,
    AssetRecord,
    AttemptRecord,
    EventRecord,
    JobRecord,
    SecretRecord,
    TaskRecord,
    VaultKeyRecord,
)

__all__ = [
    "AccountRecord",
    "AssetRecord",
    "AttemptRecord",
    "Connection",
    "EventRecord",
    "JobRecord",
    "SecretRecord",
    "Store",
    "TaskRecord",
    "VaultKeyRecord",
    "accounts",
    "assets",
    "events",
    "jobs",
    "tasks",
]
