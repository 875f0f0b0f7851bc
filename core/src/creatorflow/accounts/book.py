"""Writes accounts: rows, secrets, events and tasks of one change, together in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from creatorflow.accounts import refusals
from creatorflow.accounts.vault import Vault
from creatorflow.accounts.views import AccountStatus, public_id
from creatorflow.api.errors import Text
from creatorflow.events import EventLog
from creatorflow.store import AccountRecord, Connection, SecretRecord
from creatorflow.store import accounts as rows
from creatorflow.store import tasks as task_rows
from creatorflow.tasks import TaskService, TaskState

__all__ = ["AccountBook", "one_name_per_uid"]

_LOGIN = "login"


class AccountBook:
    """The writing half of ``AccountService``; every method runs inside a write transaction."""

    def __init__(self, vault: Vault, events: EventLog, tasks: TaskService) -> None:
        self._vault = vault
        self._events = events
        self._tasks = tasks

    def save(
        self,
        connection: Connection,
        row: AccountRecord,
        sealed: Sequence[SecretRecord],
        *,
        new: bool,
        restored: bool,
    ) -> None:
        """Write an account that was added, or given a new session; afterwards it has exactly the ``sealed`` secrets."""
        there = rows.find_account(connection, row.platform, row.account_name, row.environment)
        if (there is None) != new or (there is not None and there.id != row.id):
            raise refusals.changed_meanwhile(row)
        if row.uid is not None:
            one_name_per_uid(connection, row)
        if new:
            rows.add_account(connection, row)
        else:
            self.change(connection, row)
            rows.change_account(connection, row.id, proxy=row.proxy)
        for record in rows.list_secrets(connection, row.id):
            rows.delete_secret(connection, row.id, record.kind)
        for record in sealed:
            self._vault.put(connection, record)
        self.tell(connection, "account.added" if new else "account.updated", row)
        if restored:
            self.restore(connection, row)

    def change(self, connection: Connection, row: AccountRecord) -> None:
        """Write what a check or a new session may change."""
        names = ("uid", "display_name", "avatar_url", "status", "rights", "checked_at")
        rows.change_account(connection, row.id, **{name: getattr(row, name) for name in names})

    def restore(self, connection: Connection, row: AccountRecord) -> None:
        """Note that an expired session works again."""
        self._tasks.close_all(connection, TaskState.OBSOLETE, account_id=row.id, kind=_LOGIN)
        self.tell(connection, "account.session_restored", row)

    def check(self, connection: Connection, before: AccountRecord, checked: AccountRecord) -> bool:
        """Write what a successful check said; say whether the session had been expired."""
        self.change(connection, checked)
        self.tell(connection, "account.checked", checked)
        restored = before.status == AccountStatus.EXPIRED
        if restored:
            self.restore(connection, checked)
        return restored

    def expire(self, connection: Connection, row: AccountRecord, reason: Text, job_id: str | None) -> None:
        """Write that the session is not accepted any more; tell it once, and have one open login task."""
        before = rows.get_account(connection, row.id)
        if before is None:
            return
        rows.change_account(connection, row.id, status=AccountStatus.EXPIRED, checked_at=row.checked_at)
        if before.status != AccountStatus.EXPIRED:
            self.tell(connection, "credential.expired", row, reason=reason.as_dict(), job_id=job_id)
        # A login that was answered and did not help is asked for again.
        asked = task_rows.list_tasks(connection, states=[TaskState.OPEN])
        if not any(task.kind == _LOGIN and task.account_id == row.id for task in asked):
            self._tasks.open(connection, kind=_LOGIN, prompt=refusals.login_prompt(row), account_id=row.id)

    def remove(self, connection: Connection, row: AccountRecord) -> None:
        """Delete the account with its secrets and withdraw its open questions."""
        self._tasks.close_all(connection, TaskState.OBSOLETE, account_id=row.id)
        rows.delete_account(connection, row.id)
        self.tell(connection, "account.removed", row)

    def tell(self, connection: Connection, type_: str, row: AccountRecord, **data: Any) -> None:
        """Write an event about the account."""
        about = {
            "account_id": public_id(row),
            "platform": row.platform,
            "name": row.account_name,
            "environment": row.environment,
            "uid": row.uid,
            "status": str(row.status),
        }
        self._events.append(connection, f"account:{row.id}", type_, {**about, **data})


def one_name_per_uid(connection: Connection, row: AccountRecord) -> None:
    """Two names for one real account would defeat its lock and the refusal of duplicates."""
    for other in rows.list_accounts(connection, row.environment, row.platform):
        if other.uid == row.uid and other.id != row.id:
            raise refusals.uid_taken(row, other)
