"""Accounts: add, check, list, remove; one row per platform, name and environment, bound to one uid."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from creatorflow.accounts import refusals
from creatorflow.accounts.adapters import AdapterFactory, Session
from creatorflow.accounts.book import AccountBook, one_name_per_uid
from creatorflow.accounts.context import Progress
from creatorflow.accounts.locks import is_free
from creatorflow.accounts.materials import (
    PROXY,
    check_name,
    read_materials,
    split_proxy,
)
from creatorflow.accounts.vault import Vault, remember_secrets
from creatorflow.accounts.views import AccountStatus, AccountView, public_id
from creatorflow.api.errors import CreatorFlowError, CredentialRejected, Text, Unavailable
from creatorflow.api.publishing import JobState, PlatformAdapter, SessionInfo
from creatorflow.config import Settings
from creatorflow.events import EventLog
from creatorflow.plugins import Catalogue
from creatorflow.store import AccountRecord, Connection, Store
from creatorflow.store import accounts as rows
from creatorflow.store import jobs as job_rows
from creatorflow.tasks import TaskService

__all__ = ["AccountService", "SessionRestored"]

#: Called with the account's row after an expired session works again.
SessionRestored = Callable[[AccountRecord], Awaitable[None]]

#: Longest session check, seconds.
CHECK_SECONDS = 60.0
_LOGIN = "login"
_MAY_BE_OUT = (JobState.INTENT, JobState.SUBMITTING, JobState.UNCERTAIN, JobState.RECONCILING)


class AccountService:
    """The accounts of the environment in force (``[network] environment``).

    Every change is written together with its event on the stream ``account:<row id>``: ``account.added``, ``account.updated``,
    ``account.checked``, ``account.session_restored``, ``account.removed``, ``credential.expired``.
    """

    def __init__(
        self,
        store: Store,
        vault: Vault,
        events: EventLog,
        *,
        catalogue: Catalogue,
        settings: Settings,
        adapters: AdapterFactory,
    ) -> None:
        self._store = store
        self._vault = vault
        self._events = events
        self._catalogue = catalogue
        self._settings = settings
        self._adapters = adapters
        self._book = AccountBook(vault, events, TaskService(store, events))
        self._restored: list[SessionRestored] = []

    @property
    def environment(self) -> str:
        """The environment whose accounts these are."""
        return self._settings.network.environment

    def register_session_restored(self, callback: SessionRestored) -> None:
        """Have ``callback`` awaited, in this process, after an expired account works again: its waiting jobs may go on."""
        self._restored.append(callback)

    async def list(self, platform: str | None = None) -> list[AccountView]:
        """Return the accounts by platform and name.

        Raises:
            NotFound: the platform is unknown and no account of it exists (kind ``platform``).
        """
        found = await self._store.read(lambda connection: rows.list_accounts(connection, self.environment, platform))
        if platform is not None and not found:
            self._catalogue.platform(platform)
        return [AccountView.of(row) for row in found]

    async def get(self, account_id: str | None, platform: str | None = None) -> AccountRecord:
        """Return the row of an account.

        Args:
            account_id: ``platform:name``, a name, or None: the only account there is.
            platform: where to look; None: everywhere.

        Raises:
            NotFound: no such account (kind ``account``) or platform (kind ``platform``).
            InvalidInput: several accounts fit.
        """
        name = account_id
        if account_id is not None and ":" in account_id:
            found_platform, _, name = account_id.partition(":")
            if platform not in (None, found_platform):
                raise refusals.other_platform(account_id, str(platform))
            platform = found_platform
        if name is not None:
            with contextlib.suppress(CreatorFlowError):  # no possible name: simply not found
                name = check_name(name)
        known = await self._store.read(lambda connection: rows.list_accounts(connection, self.environment))
        here = [row for row in known if platform in (None, row.platform)]
        fitting = [row for row in here if name in (None, row.account_name)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise refusals.ambiguous(account_id, platform, fitting)
        if platform is not None and not here:
            self._catalogue.platform(platform)
        raise refusals.unknown(account_id, platform, here or known)

    async def by_row(self, row_id: str) -> AccountRecord | None:
        """Return the account with this row id, as jobs name it, or None when it was removed."""
        return await self._store.read(lambda connection: rows.get_account(connection, row_id))

    async def view(self, account_id: str | None, platform: str | None = None) -> AccountView:
        """Return one account; see ``get``."""
        return AccountView.of(await self.get(account_id, platform))

    async def open_vault(self) -> None:
        """Open the vault, or say why not.

        Raises:
            VaultError: no passphrase, a wrong one, a locked keyring, a lost key.
        """
        await self._vault.open()

    def open_adapter(
        self, account: AccountRecord, *, job_id: str | None = None, progress: Progress | None = None
    ) -> AbstractAsyncContextManager[PlatformAdapter]:
        """Open the account's adapter; see ``AdapterFactory.open``."""
        return self._adapters.open(account, job_id=job_id, progress=progress)

    async def add(
        self,
        platform: str,
        name: str,
        *,
        storage_state: Any = None,
        cookies: Any = None,
        credentials: Any = None,
        proxy: str | None = None,
        check: bool = True,
    ) -> AccountView:
        """Add an account, or give an existing one a new session, which replaces the old one as a whole.

        Args:
            platform: a platform of the catalogue.
            name: how this team calls the account.
            storage_state: a session as Playwright writes it.
            cookies: a JSON list, or a map of names to values.
            credentials: an API's own fields.
            proxy: URL of this account's proxy; None keeps the one it has, "" removes it.
            check: ask the platform at once, bind the uid, and store nothing when it says no.

        Raises:
            NotFound: the platform is unknown.
            InvalidInput: the name or the session has a wrong shape; the session belongs to another uid than the account; the uid is
                already bound to another name.
            CredentialRejected: the platform does not accept the session; nothing was stored.
            Unavailable: the platform could not be asked; nothing was stored.
            VaultError: the vault cannot be opened; nothing was stored.
        """
        descriptor = self._catalogue.platform(platform)
        name = check_name(name)
        materials = read_materials(descriptor, storage_state=storage_state, cookies=cookies, credentials=credentials)
        remember_secrets(materials)  # before anything can fail with one of them in its message
        old = await self._same_name(platform, name)
        row = old or self._new(platform, name)
        await self._vault.open()  # no place for the secret: say so before the platform is asked
        shown, materials = split_proxy(row.proxy, proxy, materials)
        remember_secrets(materials.get(PROXY))
        if proxy is None:
            materials = await self._with_kept_proxy(row, materials)
        row = replace(row, proxy=shown)
        restored = False
        if check:
            session = Session(materials)
            restored = row.status == AccountStatus.EXPIRED
            row = await self._bound(row, await self._ask(row, session))
            materials = session.materials
            row = row if old is not None else await self._as_before(row)
        elif row.uid is not None:
            raise refusals.check_needed(row)
        sealed = [await self._vault.seal(row, kind, value) for kind, value in materials.items()]
        await self._store.write(
            lambda connection: self._book.save(connection, row, sealed, new=old is None, restored=restored)
        )
        self._events.wake()
        await self._announce(row, restored)
        return AccountView.of(row)

    async def check(self, account_id: str | None, platform: str | None = None) -> AccountView:
        """Ask the platform whether the session is good; store what it says.

        Returns:
            The account: ``active``, or ``expired`` when the platform does not accept the session any more.

        Raises:
            InvalidInput: the session belongs to another uid than the one bound; the account is marked expired.
            Unavailable: the platform could not be asked; nothing was changed.
        """
        row = await self.get(account_id, platform)
        try:
            info = await self._ask(row, None)
        except CredentialRejected as error:
            return AccountView.of(await self.mark_expired(row, error.text))
        return AccountView.of(await self.record_session(row, info))

    async def record_session(self, account: AccountRecord, info: SessionInfo) -> AccountRecord:
        """Store what a session check said: uid (bound now or compared), names and rights; the status becomes active.

        Raises:
            InvalidInput: another uid than the one bound (the account is marked expired), or one bound to another name.
        """
        checked = _checked(account, info)

        def work(connection: Connection) -> bool:
            before = rows.get_account(connection, account.id)
            if before is None:
                raise refusals.unknown(public_id(account), None, [])
            if before.uid not in (None, info.uid):
                raise refusals.other_uid(before, info.uid)
            one_name_per_uid(connection, checked)
            return self._book.check(connection, before, checked)

        try:
            restored = await self._store.write(work)
        except refusals.OtherUid as error:
            await self.mark_expired(account, error.text)
            raise
        self._events.wake()
        await self._announce(checked, restored)
        return checked

    async def mark_expired(self, account: AccountRecord, reason: Text, *, job_id: str | None = None) -> AccountRecord:
        """Note that the platform does not accept the session any more: status, ``credential.expired`` once, and one open ``login`` task.

        Args:
            account: whose session.
            reason: what the platform said.
            job_id: the job that found out.
        """
        row = replace(account, status=AccountStatus.EXPIRED, checked_at=datetime.now(UTC))

        await self._store.write(lambda connection: self._book.expire(connection, row, reason, job_id))
        self._events.wake()
        return row

    async def remove(self, account_id: str, *, platform: str | None = None, force: bool = False) -> AccountView:
        """Remove an account with its secrets; jobs and history stay.

        Args:
            account_id: see ``get``.
            platform: see ``get``.
            force: also while a post of it may be out and is not settled, or a job of it runs.

        Raises:
            NotFound: no such account.
            InvalidInput: a job of it is past the point of no return and not settled, or runs now.
        """
        row = await self.get(account_id, platform)
        if not force and not is_free(self._settings.directories, row.id):
            raise refusals.busy(row)

        def work(connection: Connection) -> None:
            open_jobs = job_rows.list_jobs(
                connection,
                environment=row.environment,
                states=_MAY_BE_OUT,
                platform=row.platform,
                account_name=row.account_name,
            )
            unsettled = [job.job_id for job in open_jobs if job.account_id == row.id]
            if unsettled and not force:
                raise refusals.unsettled(row, unsettled)
            self._book.remove(connection, row)

        await self._store.write(work)
        self._events.wake()
        return AccountView.of(row)

    # --- parts

    async def _ask(self, row: AccountRecord, session: Session | None) -> SessionInfo:
        descriptor = self._catalogue.platform(row.platform)
        try:
            async with asyncio.timeout(CHECK_SECONDS), self._adapters.open(row, session=session) as adapter:
                try:
                    info = await adapter.check_session()
                except (CreatorFlowError, TimeoutError):
                    raise
                except Exception as error:
                    raise self._adapters.plugin_error(descriptor, "checking the session", error) from error
        except TimeoutError as error:
            raise Unavailable(
                Text(
                    en=f"The session of {public_id(row)} could not be checked within {CHECK_SECONDS:g} s. Check the connection and try again.",
                    zh=f"{CHECK_SECONDS:g} 秒内未能检查 {public_id(row)} 的登录状态。请检查网络后重试。",
                )
            ) from error
        if not isinstance(info, SessionInfo) or not isinstance(info.uid, str) or not info.uid:
            problem = TypeError("check_session returned no SessionInfo with a uid")
            raise self._adapters.plugin_error(descriptor, "checking the session", problem)
        return info

    async def _bound(self, row: AccountRecord, info: SessionInfo) -> AccountRecord:
        if row.uid is not None and row.uid != info.uid:
            raise refusals.other_uid(row, info.uid)
        checked = _checked(row, info)
        await self._store.read(lambda connection: one_name_per_uid(connection, checked))
        return checked

    async def _same_name(self, platform: str, name: str) -> AccountRecord | None:
        known = await self._store.read(lambda connection: rows.list_accounts(connection, self.environment, platform))
        for row in known:
            if row.account_name == name:
                return row
            if row.account_name.casefold() == name.casefold():
                raise refusals.almost_same(name, row)
        return None

    def _new(self, platform: str, name: str) -> AccountRecord:
        return AccountRecord(
            id=uuid.uuid4().hex,
            platform=platform,
            account_name=name,
            environment=self.environment,
            uid=None,
            display_name="",
            avatar_url="",
            status=AccountStatus.UNCHECKED,
            rights=None,
            state=None,
            proxy=None,
            epoch=0,
            created_at=datetime.now(UTC),
            checked_at=None,
            last_used_at=None,
        )

    async def _as_before(self, row: AccountRecord) -> AccountRecord:
        """Give a person who was removed and comes back the old row id: the posts, keys and open jobs are still theirs."""
        uid = row.uid
        assert uid is not None
        former = await self._store.read(
            lambda connection: job_rows.former_account(connection, row.platform, row.environment, uid)
        )
        if former is None or await self.by_row(former[0]) is not None:
            return row
        return replace(row, id=former[0], epoch=former[1])

    async def _with_kept_proxy(self, row: AccountRecord, materials: dict[str, Any]) -> dict[str, Any]:
        """Add the stored address of the account's proxy, where that lies in the vault."""
        record = await self._store.read(lambda connection: rows.secret(connection, row.id, PROXY))
        return materials if record is None else {**materials, PROXY: await self._vault.unseal(row, record)}

    async def _announce(self, row: AccountRecord, restored: bool) -> None:
        for callback in self._restored if restored else ():
            await callback(row)


def _checked(row: AccountRecord, info: SessionInfo) -> AccountRecord:
    return replace(
        row,
        uid=info.uid,
        display_name=info.display_name,
        avatar_url=info.avatar_url,
        rights=dict(info.rights),
        status=AccountStatus.ACTIVE,
        checked_at=datetime.now(UTC),
    )
