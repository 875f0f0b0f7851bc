"""What a platform adapter gets for one account (``creatorflow.api.AdapterContext``)."""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from creatorflow.accounts.materials import COOKIES, CREDENTIALS, PROXY, STORAGE_STATE
from creatorflow.accounts.vault import Vault, remember_secrets
from creatorflow.accounts.views import account_ref, public_id
from creatorflow.api.context import AccountRef, Clock, HttpClient, HumanTask
from creatorflow.api.errors import Cause, HumanNeeded, PluginError, Text
from creatorflow.events import EventLog
from creatorflow.log import StructuredLogger, get_logger
from creatorflow.store import AccountRecord, Connection, Store, TaskRecord
from creatorflow.store import accounts as rows
from creatorflow.store import events as event_rows
from creatorflow.store import tasks as task_rows
from creatorflow.tasks import TaskService, TaskState

__all__ = ["AccountContext", "AccountSecrets", "HumanDesk", "Progress", "SystemClock"]

#: Receives an adapter's progress: sentence, share of the step in 0..1 or None.
Progress = Callable[[Text, float | None], None]

_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}\Z")
_HOST_OWNED = frozenset({COOKIES, STORAGE_STATE, CREDENTIALS, PROXY})
_DELIVERED = "task.delivered"


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class AccountSecrets:
    """One account's own secrets (``creatorflow.api.SecretStore``); no name reaches another account's.

    Args:
        vault: seals and opens.
        store: holds the records.
        account: whose secrets.
        given: secrets of an account that is not stored yet; then nothing is read or written, ``given`` collects what is put.
    """

    def __init__(
        self, vault: Vault, store: Store, account: AccountRecord, given: MutableMapping[str, Any] | None = None
    ) -> None:
        self._vault = vault
        self._store = store
        self._account = account
        self._given = given

    def __repr__(self) -> str:
        return f"AccountSecrets({public_id(self._account)!r})"

    async def get(self, name: str) -> Mapping[str, Any] | None:
        """Return the stored JSON object of a name, or None. ``credentials`` and ``storage_state`` are what the account was added with."""
        if self._given is not None:
            # Never the stored ones: an old token would vouch for a session that is another person's.
            value = self._given.get(name)
            return copy.deepcopy(value) if isinstance(value, dict) else None
        record = await self._store.read(lambda connection: rows.secret(connection, self._account.id, name))
        if record is None:
            return None
        value = await self._vault.unseal(self._account, record)
        return value if isinstance(value, dict) else None

    async def put(self, name: str, value: Mapping[str, Any]) -> None:
        """Store a JSON object in the vault, replacing an earlier one.

        Raises:
            PluginError: a name that the host keeps for itself, or no name at all.
        """
        if not _NAME.match(name) or name in _HOST_OWNED:
            raise PluginError(
                Text(
                    en=f"An adapter cannot store a secret as {name!r}. Use lower-case letters, digits, _ . - and none of: "
                    f"{', '.join(sorted(_HOST_OWNED))}. Report this to the plugin's author.",
                    zh=f"适配器不能把机密存为“{name}”。名称应为小写字母、数字、_ . -，且不能是：{'、'.join(sorted(_HOST_OWNED))}。"
                    "请向插件作者反馈。",
                )
            )
        if self._given is not None:
            remember_secrets(dict(value))
            self._given[name] = dict(value)
            return
        record = await self._vault.seal(self._account, name, dict(value))

        def work(connection: Connection) -> None:
            if rows.get_account(connection, self._account.id) is not None:  # removed meanwhile: nothing may come back
                self._vault.put(connection, record)

        await self._store.write(work)


class HumanDesk:
    """Puts an adapter's questions to people and waits for the answer within a budget.

    A job that is resumed asks again: it then gets the answer that came meanwhile, or waits at the question that is still open.
    """

    def __init__(self, store: Store, tasks: TaskService, events: EventLog, *, budget_s: float) -> None:
        self._store = store
        self._tasks = tasks
        self._events = events
        self._budget_s = budget_s

    async def ask(self, task: HumanTask, account: AccountRecord, *, job_id: str | None, stored: bool) -> str:
        """Return the answer.

        Raises:
            HumanNeeded: none within the budget, or the question was withdrawn; ``details["task_id"]`` names the task.
        """
        row = await self._store.write(
            lambda connection: self._open(connection, task, account if stored else None, job_id)
        )
        self._events.wake()
        row = await self._tasks.wait(row.task_id, self._budget_s)
        if row.state != TaskState.ANSWERED or row.answer is None:
            raise _nobody(row, public_id(account), self._budget_s)
        await self._store.write(
            lambda connection: self._events.append(
                connection, f"task:{row.task_id}", _DELIVERED, {"task_id": row.task_id, "job_id": job_id}
            )
        )
        self._events.wake()
        return row.answer

    def _open(
        self, connection: Connection, task: HumanTask, account: AccountRecord | None, job_id: str | None
    ) -> TaskRecord:
        earlier = [] if job_id is None else task_rows.list_tasks(connection, job_id=job_id)
        for row in reversed(earlier):
            same = row.kind == task.kind and row.prompt == task.prompt.as_dict()
            if same and (
                row.state == TaskState.OPEN or (row.state == TaskState.ANSWERED and self._fresh(connection, row))
            ):
                return row
        expires = None if task.expires_in_s is None else datetime.now(UTC) + timedelta(seconds=task.expires_in_s)
        return self._tasks.open(
            connection,
            kind=task.kind,
            prompt=task.prompt,
            choices=task.choices,
            account_id=account.id if account else None,
            job_id=job_id,
            picture_png=task.picture_png,
            expires_at=expires,
        )

    def _fresh(self, connection: Connection, row: TaskRecord) -> bool:
        # An answer is handed over once: a second SMS code must be asked for, not repeated.
        return not event_rows.read_events(connection, stream=f"task:{row.task_id}", types=[_DELIVERED], limit=1)


class _Ask(Protocol):
    async def __call__(self, task: HumanTask) -> str: ...


class AccountContext:
    """The context of one adapter instance."""

    def __init__(
        self,
        account: AccountRecord,
        *,
        http: HttpClient,
        secrets: AccountSecrets,
        clock: Clock,
        ask: _Ask,
        progress: Progress | None = None,
        job_id: str | None = None,
    ) -> None:
        self._account = account_ref(account)
        self._http = http
        self._secrets = secrets
        self._clock = clock
        self._ask = ask
        self._progress = progress
        self._state: dict[str, Any] = copy.deepcopy(account.state or {})
        bound = {"account": public_id(account)} | ({"job_id": job_id} if job_id else {})
        self._log = get_logger(f"creatorflow.plugin.{account.platform}", **bound)

    def __repr__(self) -> str:
        return f"AccountContext({self._account.account_id!r})"

    @property
    def account(self) -> AccountRef:
        """Whose session this is."""
        return self._account

    @property
    def http(self) -> HttpClient:
        """Outbound HTTP with this account's cookies."""
        return self._http

    @property
    def secrets(self) -> AccountSecrets:
        """This account's own secrets."""
        return self._secrets

    @property
    def clock(self) -> Clock:
        """Time."""
        return self._clock

    @property
    def log(self) -> StructuredLogger:
        """Structured log; lines carry the trace id of the work that is going on."""
        return self._log

    @property
    def state(self) -> dict[str, Any]:
        """Small JSON values kept per account between jobs."""
        return self._state

    def progress(self, text: Text, fraction: float | None = None) -> None:
        """Pass progress on; ``fraction`` is cut to 0..1."""
        if self._progress is not None:
            self._progress(text, None if fraction is None else min(1.0, max(0.0, fraction)))

    async def ask_human(self, task: HumanTask) -> str:
        """Ask a person; see ``HumanDesk.ask``."""
        return await self._ask(task)


def _nobody(row: TaskRecord, account: str, budget_s: float) -> HumanNeeded:
    asked = row.prompt
    if row.state == TaskState.OPEN:
        text = Text(
            en=f"{account} waits for a person: {asked['en']} Nobody answered within {budget_s:g} s. Answer with: "
            f"creatorflow tasks answer {row.task_id}",
            zh=f"{account} 需要人工处理：{asked['zh-CN']}{budget_s:g} 秒内无人回答。请运行：creatorflow tasks answer {row.task_id}",
        )
    else:
        text = Text(
            en=f"{account} needed a person: {asked['en']} The question was closed without an answer ({row.state}). Start again when "
            "somebody can answer.",
            zh=f"{account} 需要人工处理：{asked['zh-CN']}该问题未获回答即已关闭（{row.state}）。有人可以回答时请重新开始。",
        )
    return HumanNeeded(text, {"task_id": row.task_id, "kind": row.kind, "state": row.state}, Cause.RISK)
