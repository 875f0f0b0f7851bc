"""Opens one account's adapter with everything it needs, and keeps afterwards what the session became."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from creatorflow.accounts.context import AccountContext, AccountSecrets, HumanDesk, Progress, SystemClock
from creatorflow.accounts.materials import COOKIES, CREDENTIALS, PROXY, STORAGE_STATE, session_cookies, with_cookies
from creatorflow.accounts.vault import Vault
from creatorflow.accounts.views import public_id
from creatorflow.api.context import Clock, HumanTask
from creatorflow.api.descriptors import PlatformDescriptor
from creatorflow.api.errors import CreatorFlowError, PluginError, Text
from creatorflow.api.publishing import PlatformAdapter
from creatorflow.config import Settings
from creatorflow.events import EventLog
from creatorflow.log import get_logger, redact
from creatorflow.net import OutboundFactory
from creatorflow.plugins import Catalogue
from creatorflow.store import AccountRecord, Connection, SecretRecord, Store
from creatorflow.store import accounts as rows
from creatorflow.tasks import TaskService

if TYPE_CHECKING:
    from creatorflow.net import OutboundClient

__all__ = ["AdapterFactory", "Session"]

_log = get_logger("creatorflow.accounts")


class Session:
    """What an adapter's client starts from: secrets by kind, and the records they came from.

    ``records`` is empty for an account that is being added: then nothing is written back and ``materials`` hold what the session became.
    """

    def __init__(self, materials: dict[str, Any], records: dict[str, SecretRecord] | None = None) -> None:
        self.materials = materials
        self.records = records or {}
        self.stored = records is not None

    def __repr__(self) -> str:
        return f"Session({sorted(self.materials)})"


class AdapterFactory:
    """Makes adapters; one per job or check.

    Args:
        store, vault, events, tasks, catalogue, settings: the services of this process.
        outbound: makes the HTTP clients.
        clock: what adapters take for time; the system's by default.
    """

    def __init__(
        self,
        store: Store,
        vault: Vault,
        events: EventLog,
        *,
        tasks: TaskService,
        catalogue: Catalogue,
        settings: Settings,
        outbound: OutboundFactory,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._vault = vault
        self._catalogue = catalogue
        self._outbound = outbound
        self._clock = clock or SystemClock()
        self._desk = HumanDesk(store, tasks, events, budget_s=settings.publish.human_wait_seconds)

    @contextlib.asynccontextmanager
    async def open(
        self,
        account: AccountRecord,
        *,
        job_id: str | None = None,
        progress: Progress | None = None,
        session: Session | None = None,
    ) -> AsyncIterator[PlatformAdapter]:
        """Yield the adapter of an account; at the end its changed cookies and state are kept and everything is closed.

        Nothing is kept for an account that was removed, or whose session was replaced, in the meantime. What goes wrong in keeping it is
        logged and never hides the outcome of the block.

        Args:
            account: the account's row.
            job_id: the job this is for: bound to log lines and human tasks.
            progress: gets the adapter's progress.
            session: of an account that is not stored yet; afterwards it holds the cookies as they became.

        Raises:
            NotFound: the platform's plugin is not installed (kind ``platform``).
            PluginError: the plugin cannot be loaded or its adapter cannot be made.
            VaultError: the session cannot be opened.
        """
        descriptor = self._catalogue.platform(account.platform)
        implementation = await asyncio.to_thread(self._catalogue.load, descriptor)
        if session is None:
            session = await self._load(account)
        client = self._client(account, descriptor, session)
        try:
            context = self._context(account, session, client, job_id, progress)
            before = copy.deepcopy(context.state)
            try:
                adapter = implementation(context)
            except CreatorFlowError:
                raise
            except Exception as error:
                raise self.plugin_error(descriptor, "starting", error) from error
            try:
                yield adapter
            except (Exception, KeyboardInterrupt, SystemExit, GeneratorExit):
                raise
            except BaseException as error:
                # A plugin's own CancelledError (a task of its own died) must not pass for our stop, nor end this process.
                if isinstance(error, asyncio.CancelledError) and _stopping():
                    raise
                raise self.plugin_error(descriptor, "working", error) from error
            finally:
                await self._close(adapter, account)
                await self._keep(account, session, client, before, context.state)
        finally:
            await client.aclose()

    def plugin_error(self, descriptor: PlatformDescriptor, doing: str, error: BaseException) -> PluginError:
        """Return the error that names plugin and version for a foreign exception of its adapter."""
        owner = self._catalogue.owner(descriptor)
        reason = redact(f"{type(error).__name__}: {error}")[:300]
        return PluginError(
            Text(
                en=f"The adapter of {descriptor.name} ({owner.label}) failed while {doing}: {reason}. Update it (pip install --upgrade "
                f"{owner.distribution}) or report it to its author.",
                zh=f"{descriptor.name} 的适配器（{owner.label}）在 {doing} 时出错：{reason}。请更新（pip install --upgrade "
                f"{owner.distribution}）或向作者反馈。",
            ),
            {"plugin": owner.name, "version": owner.version, "platform": descriptor.name, "doing": doing},
        )

    async def _load(self, account: AccountRecord) -> Session:
        wanted = (COOKIES, STORAGE_STATE, CREDENTIALS, PROXY)
        found = await self._store.read(lambda connection: rows.list_secrets(connection, account.id))
        records = {record.kind: record for record in found if record.kind in wanted}
        return Session({kind: await self._vault.unseal(account, record) for kind, record in records.items()}, records)

    def _client(self, account: AccountRecord, descriptor: PlatformDescriptor, session: Session) -> OutboundClient:
        proxy = session.materials.get(PROXY, {}).get("url") or account.proxy
        return self._outbound.client(
            descriptor.requirements.hosts,
            proxy=proxy,
            cookies=session_cookies(session.materials),
            plugin=self._catalogue.owner(descriptor).name,
        )

    def _context(
        self,
        account: AccountRecord,
        session: Session,
        client: OutboundClient,
        job_id: str | None,
        progress: Progress | None,
    ) -> AccountContext:
        async def ask(task: HumanTask) -> str:
            return await self._desk.ask(task, account, job_id=job_id, stored=session.stored)

        given = None if session.stored else session.materials
        secrets = AccountSecrets(self._vault, self._store, account, given)
        return AccountContext(
            account, http=client, secrets=secrets, clock=self._clock, ask=ask, progress=progress, job_id=job_id
        )

    async def _close(self, adapter: PlatformAdapter, account: AccountRecord) -> None:
        try:
            await adapter.aclose()
        except Exception as error:
            _log.warning("an adapter did not close", account=public_id(account), error=type(error).__name__)

    async def _keep(
        self,
        account: AccountRecord,
        session: Session,
        client: OutboundClient,
        before: dict[str, Any],
        state: dict[str, Any],
    ) -> None:
        cookies = client.export_cookies()
        if not session.stored:
            session.materials = with_cookies(session.materials, cookies)
            return
        try:
            changes: dict[str, Any] = {"last_used_at": self._clock.now()}
            if state != before:
                json.dumps(state, allow_nan=False)
                changes["state"] = state
            renewed = await self._renewed(account, session, cookies)
            await self._store.write(lambda connection: self._write(connection, account, session, changes, renewed))
        except (CreatorFlowError, ValueError, TypeError) as error:
            _log.warning("a session could not be kept", account=public_id(account), error=type(error).__name__)

    async def _renewed(
        self, account: AccountRecord, session: Session, cookies: list[dict[str, Any]]
    ) -> SecretRecord | None:
        old = next((session.records[kind] for kind in (COOKIES, STORAGE_STATE) if kind in session.records), None)
        if old is None or _comparable(cookies) == _comparable(session_cookies(session.materials)):
            return None
        changed = with_cookies(session.materials, cookies)[old.kind]
        return await self._vault.seal(account, old.kind, changed, created_at=old.created_at)

    def _write(
        self,
        connection: Connection,
        account: AccountRecord,
        session: Session,
        changes: dict[str, Any],
        renewed: SecretRecord | None,
    ) -> None:
        if rows.get_account(connection, account.id) is None:
            return
        rows.change_account(connection, account.id, **changes)
        if renewed is None:
            return
        now = rows.secret(connection, account.id, renewed.kind)
        # Another worker, or a person who added the session again, was faster: theirs is newer than what this client started from.
        if now is not None and now.id == session.records[renewed.kind].id:
            self._vault.put(connection, renewed)


def _stopping() -> bool:
    """Say whether somebody wants the current task to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _comparable(cookies: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return what makes two jars differ; how long a cookie lives is compared by the whole second, as the jar keeps it."""
    keys = ("domain", "path", "name", "value", "secure")
    return sorted(
        (*(str(cookie.get(key, "")).lower() if key == "domain" else cookie.get(key) for key in keys), _second(cookie))
        for cookie in cookies
    )


def _second(cookie: dict[str, Any]) -> int:
    expires = cookie.get("expires", -1)
    return int(expires) if isinstance(expires, int | float) and expires > 0 else -1
