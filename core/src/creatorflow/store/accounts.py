"""Queries on accounts and their sealed secrets."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from creatorflow.store.records import AccountRecord, SecretRecord, VaultKeyRecord, record
from creatorflow.store.schema import accounts, secrets, vault_keys

__all__ = [
    "add_account",
    "bump_epoch",
    "change_account",
    "count_secrets",
    "delete_account",
    "delete_secret",
    "find_account",
    "get_account",
    "list_accounts",
    "list_secrets",
    "put_secret",
    "put_vault_key",
    "secret",
    "vault_key",
]


def add_account(connection: Connection, account: AccountRecord) -> None:
    """Insert an account."""
    connection.execute(insert(accounts).values(**{name: getattr(account, name) for name in AccountRecord.__slots__}))


def get_account(connection: Connection, account_id: str) -> AccountRecord | None:
    """Return the account with this row id, or None."""
    row = connection.execute(select(accounts).where(accounts.c.id == account_id)).mappings().first()
    return None if row is None else record(AccountRecord, row)


def find_account(connection: Connection, platform: str, name: str, environment: str) -> AccountRecord | None:
    """Return the account by its names, or None."""
    query = select(accounts).where(
        accounts.c.platform == platform, accounts.c.account_name == name, accounts.c.environment == environment
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else record(AccountRecord, row)


def list_accounts(connection: Connection, environment: str, platform: str | None = None) -> list[AccountRecord]:
    """Return the accounts of an environment by platform and name."""
    query = select(accounts).where(accounts.c.environment == environment)
    if platform is not None:
        query = query.where(accounts.c.platform == platform)
    query = query.order_by(accounts.c.platform, accounts.c.account_name)
    return [record(AccountRecord, row) for row in connection.execute(query).mappings()]


def change_account(connection: Connection, account_id: str, **values: Any) -> None:
    """Change an account."""
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(**values))


def delete_account(connection: Connection, account_id: str) -> None:
    """Delete an account and, by cascade, its secrets. Jobs and history stay."""
    connection.execute(delete(accounts).where(accounts.c.id == account_id))


def bump_epoch(connection: Connection, account_id: str) -> int:
    """Take the account over: return its new epoch; every holder of an older one is stale."""
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(epoch=accounts.c.epoch + 1))
    return int(connection.execute(select(accounts.c.epoch).where(accounts.c.id == account_id)).scalar_one())


def put_secret(connection: Connection, item: SecretRecord) -> None:
    """Insert a sealed secret, or replace the one of the same account and kind."""
    connection.execute(delete(secrets).where(secrets.c.account_id == item.account_id, secrets.c.kind == item.kind))
    connection.execute(insert(secrets).values(**{name: getattr(item, name) for name in SecretRecord.__slots__}))


def secret(connection: Connection, account_id: str, kind: str) -> SecretRecord | None:
    """Return one sealed secret, or None."""
    query = select(secrets).where(secrets.c.account_id == account_id, secrets.c.kind == kind)
    row = connection.execute(query).mappings().first()
    return None if row is None else record(SecretRecord, row)


def list_secrets(connection: Connection, account_id: str | None = None) -> list[SecretRecord]:
    """Return sealed secrets, of one account or of all."""
    query = select(secrets).order_by(secrets.c.account_id, secrets.c.kind)
    if account_id is not None:
        query = query.where(secrets.c.account_id == account_id)
    return [record(SecretRecord, row) for row in connection.execute(query).mappings()]


def delete_secret(connection: Connection, account_id: str, kind: str) -> bool:
    """Delete one secret; say whether it was there."""
    statement = delete(secrets).where(secrets.c.account_id == account_id, secrets.c.kind == kind)
    return connection.execute(statement).rowcount > 0


def count_secrets(connection: Connection) -> int:
    """Return how many sealed secrets exist: with none, a missing master key is a fresh start, otherwise it is a loss."""
    return int(connection.execute(select(func.count()).select_from(secrets)).scalar_one())


def vault_key(connection: Connection) -> VaultKeyRecord | None:
    """Return the newest master key's row, or None: no master key was ever made for this database."""
    query = select(vault_keys).order_by(vault_keys.c.version.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else record(VaultKeyRecord, row)


def put_vault_key(connection: Connection, item: VaultKeyRecord) -> None:
    """Insert a master key's row, or replace the one of the same version."""
    connection.execute(delete(vault_keys).where(vault_keys.c.version == item.version))
    connection.execute(insert(vault_keys).values(**{name: getattr(item, name) for name in VaultKeyRecord.__slots__}))
