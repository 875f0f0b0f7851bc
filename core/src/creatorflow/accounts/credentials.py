"""Secrets of accounts by kind: put, list, delete. Nothing here returns a secret."""

from __future__ import annotations

import re
from typing import Any

from creatorflow.accounts.materials import COOKIES, CREDENTIALS, STORAGE_STATE
from creatorflow.accounts.service import AccountService
from creatorflow.accounts.vault import Vault
from creatorflow.accounts.views import CredentialView
from creatorflow.api.errors import InvalidInput, NotFound, Text
from creatorflow.store import AccountRecord, Connection, SecretRecord, Store
from creatorflow.store import accounts as rows

__all__ = ["CredentialService"]

_KIND = re.compile(r"[a-z][a-z0-9_.-]{0,63}\Z")
_SESSION = (COOKIES, STORAGE_STATE, CREDENTIALS)


class CredentialService:
    """The secrets in the vault as hosts manage them."""

    def __init__(self, accounts: AccountService, vault: Vault, store: Store) -> None:
        self._accounts = accounts
        self._vault = vault
        self._store = store

    async def put(self, platform: str, account: str, kind: str, value: Any, *, check: bool = True) -> CredentialView:
        """Store one secret of an account.

        ``cookies``, ``storage_state`` and ``credentials`` are sessions: they go through ``AccountService.add`` with all its checks,
        replace the account's session as a whole, and make the account if there is none. Other kinds
        are JSON objects for the adapter (a token), for an account that exists.

        Raises:
            NotFound: no such platform, or no such account.
            InvalidInput: no possible kind, or a wrong shape.
            CredentialRejected, Unavailable, VaultError: as ``AccountService.add``.
        """
        if kind in _SESSION:
            name = account.partition(":")[2] if account.startswith(f"{platform}:") else account
            given: dict[str, Any] = {kind: value}
            await self._accounts.add(platform, name, check=check, **given)
            row = await self._accounts.get(name, platform)
            return _view(row, await self._must(row, kind))
        row = await self._accounts.get(account, platform)
        if not _KIND.match(kind) or kind == "proxy" or not isinstance(value, dict):
            raise InvalidInput(
                Text(
                    en="A secret needs a kind of small letters, digits, _ . - (not 'proxy') and a JSON object as value.",
                    zh="机密需要由小写字母、数字、_ . - 组成的类别（不能是 proxy），其值须为 JSON 对象。",
                ),
                {"field": "kind"},
            )
        record = await self._vault.seal(row, kind, value)
        await self._store.write(lambda connection: self._vault.put(connection, record))
        return _view(row, record)

    async def list(self, platform: str | None = None, account: str | None = None) -> list[CredentialView]:
        """Return which secrets exist, by platform, account and kind.

        Raises:
            NotFound: an account was named that does not exist.
        """
        if account is not None:
            chosen = [await self._accounts.get(account, platform)]
        else:
            environment = self._accounts.environment
            chosen = await self._store.read(lambda connection: rows.list_accounts(connection, environment, platform))

        def work(connection: Connection) -> list[CredentialView]:
            return [_view(row, record) for row in chosen for record in rows.list_secrets(connection, row.id)]

        return await self._store.read(work)

    async def delete(self, platform: str, account: str, kind: str) -> None:
        """Delete one secret; an account without its session counts as expired.

        Raises:
            NotFound: no such account (kind ``account``) or secret (kind ``credential``).
        """
        row = await self._accounts.get(account, platform)
        await self._must(row, kind)

        await self._store.write(lambda connection: rows.delete_secret(connection, row.id, kind))
        if kind in _SESSION:
            await self._accounts.mark_expired(
                row, Text(en=f"Its {kind} were deleted from the vault.", zh=f"其 {kind} 已从保险库中删除。")
            )

    async def _must(self, row: AccountRecord, kind: str) -> SecretRecord:
        record = await self._store.read(lambda connection: rows.secret(connection, row.id, kind))
        if record is None:
            who = f"{row.platform}:{row.account_name}"
            raise NotFound(
                Text(
                    en=f"{who} has no secret {kind!r}. 'credential.list' names those it has.",
                    zh=f"{who} 没有机密“{kind}”。可用 credential.list 查看已有的机密。",
                ),
                {"account": who, "kind": kind},
                kind="credential",
            )
        return record


def _view(row: AccountRecord, record: SecretRecord) -> CredentialView:
    return CredentialView(
        platform=row.platform,
        account=row.account_name,
        kind=record.kind,
        created_at=record.created_at,
        updated_at=record.updated_at,
        bytes=len(record.sealed) + len(record.wrapped_key),
    )
