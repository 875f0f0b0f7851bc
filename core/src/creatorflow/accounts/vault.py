"""The vault: every secret of every account, sealed; one master key that never lies beside them unprotected."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from creatorflow.accounts.envelope import KEY_BYTES, SealedBytes, WrongKey, open_bytes, prove, proves, seal_bytes
from creatorflow.accounts.keysources import ALLOWED_BACKENDS, KeyringSource, SealedFile, no_source
from creatorflow.accounts.locks import hold_file
from creatorflow.api.errors import ConfigError, StorageError, Text, VaultError
from creatorflow.config import Directories, Settings
from creatorflow.log import get_logger, register_secret
from creatorflow.store import AccountRecord, Connection, SecretRecord, Store, VaultKeyRecord
from creatorflow.store import accounts as rows

__all__ = ["Vault", "VaultStatus", "remember_secrets"]

_KEYRING, _SEALED = "keyring", "sealed"
_CREATION_S = 120.0
_log = get_logger("creatorflow.accounts")

# What describes a cookie or a storage entry. Blanking these out would take "weibo.com" from every message.
_NO_SECRET = frozenset({"name", "domain", "path", "expires", "sameSite", "origin", "url"})
_DESCRIBED_BY = ("cookies", "localStorage", "origins", "indexedDB")


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """Where the master key lies, for ``doctor`` and ``status``.

    ``state``: open, closed (made, not opened by this process), absent (none made yet) or unavailable (``problem`` says why).
    ``source``: keyring, sealed or "". ``backend``: class of the keyring back end, or the sealed file.
    """

    state: str
    source: str = ""
    backend: str = ""
    problem: Text | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        problem = self.problem.as_dict() if self.problem else None
        return {"state": self.state, "source": self.source, "backend": self.backend, "problem": problem}


@dataclass(frozen=True, slots=True, repr=False)
class _Master:
    key: bytes
    vault_id: str
    version: int


class Vault:
    """Seals and opens secrets; finds or makes its master key at first use.

    A master key is made only when nothing can depend on an older one: no key row, or a row whose keyring answers "no such entry" or
    whose file is gone, and in all cases not one sealed secret and no ``vault.key``.

    Args:
        store: holds the sealed records.
        directories: home of ``vault.key``.
        settings: ``[vault] backend`` (decides only where a new key goes) and the passphrase.
        backends: qualified class names of the keyring back ends that may be used.
    """

    def __init__(
        self,
        store: Store,
        directories: Directories,
        settings: Settings,
        *,
        backends: Collection[str] = ALLOWED_BACKENDS,
    ) -> None:
        self._store = store
        self._directories = directories
        self._settings = settings
        self._keyring = KeyringSource(backends)
        self._file = SealedFile(directories.home / "vault.key")
        self._master: _Master | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Find or make the master key; the other methods do it by themselves.

        Raises:
            KeyringLocked: the keyring exists but is locked; no new key was made.
            VaultError: no safe place for a key, a wrong passphrase, or the key of existing secrets is lost.
        """
        await self._key()

    async def seal(
        self, account: AccountRecord, kind: str, value: Any, *, created_at: datetime | None = None
    ) -> SecretRecord:
        """Seal a JSON value for one account; write the record with ``put``.

        Args:
            account: whose secret; platform, name and environment are bound into the record.
            kind: cookies, storage_state, credentials, or a name of the adapter's own.
            value: JSON.
            created_at: of the record that this one replaces.
        """
        master = await self._key()
        remember_secrets(value)
        now = datetime.now(UTC)
        record_id = uuid.uuid4().hex
        plain = json.dumps(value, separators=(",", ":")).encode()
        box = seal_bytes(master.key, plain, _bound(account, record_id, kind))
        return SecretRecord(
            id=record_id,
            account_id=account.id,
            kind=kind,
            key_version=master.version,
            wrapped_key=box.wrapped_key,
            sealed=box.sealed,
            created_at=created_at or now,
            updated_at=now,
        )

    def put(self, connection: Connection, record: SecretRecord) -> None:
        """Write a sealed record within the caller's transaction.

        Raises:
            VaultError: the master key it was sealed with is not the vault's any more; nothing was written.
        """
        current = rows.vault_key(connection)
        if self._master is None or current is None or current.vault_id != self._master.vault_id:
            self._master = None
            raise VaultError(
                Text(
                    en="Another process renewed the key of the vault. Nothing was stored; run the command again.",
                    zh="另一个进程更换了保险库密钥。未存入任何内容，请重新运行命令。",
                )
            )
        rows.put_secret(connection, record)

    async def unseal(self, account: AccountRecord, record: SecretRecord) -> Any:
        """Open a record of this account; its values are made known to the log's redaction.

        Raises:
            VaultError: the vault cannot be opened, or the record was changed or belongs to something else.
        """
        master = await self._key()
        box = SealedBytes(record.wrapped_key, record.sealed)
        try:
            value = json.loads(open_bytes(master.key, box, _bound(account, record.id, record.kind)))
        except WrongKey:
            who = f"{account.platform}:{account.account_name}"
            raise VaultError(
                Text(
                    en=f"The secret {record.kind!r} of {who} does not open: it was changed or moved here from another account. "
                    f"Add it again: creatorflow accounts add {account.platform} {account.account_name}",
                    zh=f"{who} 的机密“{record.kind}”无法打开：它被改动过，或来自其他账号。请重新添加：creatorflow accounts add "
                    f"{account.platform} {account.account_name}",
                ),
                {"account": who, "kind": record.kind},
            ) from None
        remember_secrets(value)
        return value

    async def status(self, *, probe: bool = False) -> VaultStatus:
        """Say where the key lies; never makes one.

        Args:
            probe: also find out whether it can be had (imports the keyring, may make the keyring ask its owner).
        """
        row = await self._store.read(rows.vault_key)
        if row is not None and self._master is not None:
            return VaultStatus("open", row.source, row.backend)
        source, backend = (row.source, row.backend) if row else ("", "")
        if not probe:
            return VaultStatus("closed" if row else "absent", source, backend)
        try:
            if row is not None:
                await self._key()
                return VaultStatus("open", source, backend)
            source, backend, _ = await self._choose()
        except (VaultError, ConfigError) as error:
            return VaultStatus("unavailable", source, backend, error.text)
        return VaultStatus("absent", source, backend)

    # --- finding the master key

    async def _key(self) -> _Master:
        if self._master is None:
            async with self._opening:
                if self._master is None:
                    self._master = await self._found() or await self._made()
                    register_secret(base64.b64encode(self._master.key).decode())
        return self._master

    async def _found(self) -> _Master | None:
        """Return the existing key; None only when its absence is proven and no secret depends on it."""
        row = await self._store.read(rows.vault_key)
        count = await self._store.read(rows.count_secrets)
        key = None
        if row is not None:
            key = await (self._from_keyring(row, count) if row.source == _KEYRING else self._from_file())
        if key is None:
            if count:
                raise self._lost(row, count)
            return None
        assert row is not None
        if not proves(key, row.proof, row.vault_id):
            raise self._another(row)
        return _Master(key, row.vault_id, row.version)

    async def _from_keyring(self, row: VaultKeyRecord, count: int) -> bytes | None:
        backend, offered = await self._keyring.find()
        if backend is None or offered != row.backend:
            if not count:
                return None  # nothing was ever sealed with it, or nothing is left
            raise VaultError(
                Text(
                    en=f"The key of the vault lies in the keyring {row.backend}, but this session offers {offered}. Run it in the "
                    "session (desktop, user service) where the account was added. No new key was made.",
                    zh=f"保险库密钥存放在系统钥匙串 {row.backend} 中，但当前会话提供的是 {offered}。请在添加账号时的会话（桌面或用户服务）中"
                    "运行。没有生成新密钥。",
                ),
                {"backend": row.backend, "offered": offered},
            )
        return await self._keyring.get(backend, _entry(row.vault_id))

    async def _from_file(self) -> bytes | None:
        if not self._file.exists():
            return None
        key, _ = await asyncio.to_thread(self._file.open, self._passphrase())
        return key

    # --- making one

    async def _made(self) -> _Master:
        from filelock import FileLock

        # Two processes that add the first account at the same time: one makes the key, the other finds it.
        lock = FileLock(str(self._directories.locks / "vault.lock"), thread_local=False)
        if not await hold_file(lock, budget_s=_CREATION_S):
            raise VaultError(
                Text(
                    en="Another process has been making the key of the vault for two minutes (it may be asking for the keyring's "
                    "password). Finish that, then try again.",
                    zh="另一个进程正在生成保险库密钥，已超过两分钟（可能正在询问系统钥匙串密码）。请先完成该操作再重试。",
                )
            )
        try:
            return await self._found() or await self._make()
        finally:
            lock.release()

    async def _make(self) -> _Master:
        source, backend_name, backend = await self._choose()
        vault_id = uuid.uuid4().hex
        key = os.urandom(KEY_BYTES)
        if source == _SEALED:
            passphrase = self._passphrase()
            if self._file.exists():  # the database is new, the key is not: adopt it
                key, vault_id = await asyncio.to_thread(self._file.open, passphrase)
            else:
                assert passphrase is not None
                await self._write_file(passphrase, key, vault_id)
        else:
            if await self._keyring.get(backend, _entry(vault_id)) is not None:
                raise RuntimeError("a fresh vault id is already in use")
            await self._keyring.put(backend, _entry(vault_id), key)
        master = _Master(key, vault_id, 1)
        row = VaultKeyRecord(
            version=master.version,
            vault_id=vault_id,
            source=source,
            backend=backend_name,
            proof=prove(key, vault_id),
            created_at=datetime.now(UTC),
        )

        def work(connection: Connection) -> None:
            if count := rows.count_secrets(connection):
                raise self._lost(None, count)
            rows.put_vault_key(connection, row)

        await self._store.write(work)
        _log.info("made the key of the vault", source=source, backend=backend_name)
        return master

    async def _write_file(self, passphrase: str, key: bytes, vault_id: str) -> None:
        self._directories.ready()
        try:
            await asyncio.to_thread(self._file.create, passphrase, key, vault_id)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StorageError(
                Text(
                    en=f"{self._file.path} could not be written ({reason}). Free some space or correct the rights of the folder; nothing "
                    "was stored.",
                    zh=f"无法写入 {self._file.path}（{reason}）。请清理空间或修正目录权限；未存入任何内容。",
                ),
                {"path": str(self._file.path), "reason": reason},
            ) from error

    async def _choose(self) -> tuple[str, str, Any]:
        """Return (source, name, back end or None) for a key that is to be made; raise when there is no safe place."""
        wanted = self._settings.vault.backend
        sealed = (_SEALED, self._file.path.name, None)
        if self._file.exists():
            if wanted == _KEYRING:
                raise VaultError(
                    Text(
                        en=f'{self._file.path} holds the key of a vault, but [vault] backend is "keyring". Set it to "sealed", or move '
                        "the file away if no secret depends on it.",
                        zh=f'{self._file.path} 中存有保险库密钥，但 [vault] backend 设为 "keyring"。请改为 "sealed"；若没有机密依赖该文件，'
                        "也可将其移走。",
                    )
                )
            if self._passphrase() is None:
                self._file.open(None)  # raises the sentence that says how
            return sealed
        if wanted == _SEALED:
            if self._passphrase() is None:
                raise no_source('[vault] backend = "sealed"')
            return sealed
        backend, offered = await self._keyring.find()
        if backend is not None:
            return _KEYRING, offered, backend
        if wanted == _KEYRING or self._passphrase() is None:
            raise no_source(offered)
        return sealed

    def _passphrase(self) -> str | None:
        secret = self._settings.vault_passphrase()
        if secret is None:
            return None
        register_secret(secret.get_secret_value())
        return secret.get_secret_value()

    # --- sentences

    def _lost(self, row: VaultKeyRecord | None, count: int) -> VaultError:
        where = row.backend if row is not None and row.source == _KEYRING else str(self._file.path)
        return VaultError(
            Text(
                en=f"The key of the vault is gone from {where}: {count} sealed secrets cannot be opened. Restore it from a backup. If there "
                "is none, remove the accounts (creatorflow accounts remove) and add them again; a new key is made then.",
                zh=f"{where} 中的保险库密钥已丢失：{count} 条已封存的机密无法打开。请从备份恢复；若无备份，请移除账号（creatorflow accounts "
                "remove）后重新添加，届时会生成新密钥。",
            ),
            {"sealed_secrets": count, "where": where},
        )

    def _another(self, row: VaultKeyRecord) -> VaultError:
        where = row.backend if row.source == _KEYRING else str(self._file.path)
        return VaultError(
            Text(
                en=f"{where} holds the key of another vault, not the one that sealed the secrets of {self._store.path}. Put the right "
                "vault.key or database back; nothing was changed.",
                zh=f"{where} 中是另一个保险库的密钥，与封存 {self._store.path} 中机密的密钥不符。请放回正确的 vault.key 或数据库；没有改动任何内容。",
            ),
            {"where": where},
        )


def _entry(vault_id: str) -> str:
    return f"vault-{vault_id}"


def _bound(account: AccountRecord, record_id: str, kind: str) -> tuple[str, ...]:
    return (account.platform, account.account_name, account.environment, record_id, kind)


def remember_secrets(value: Any) -> None:
    """Make the secret strings of a JSON value known to the redaction; what only describes a cookie stays readable."""
    for leaf in _leaves(value, described=False):
        register_secret(leaf)


def _leaves(value: Any, *, described: bool) -> Iterator[str]:
    """Yield the strings that are secret; in cookies and storage entries (``described``) what only describes them is none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        here = described or {"name", "value", "domain"} <= value.keys()
        for key, item in value.items():
            if not (here and key in _NO_SECRET):
                yield from _leaves(item, described=here or key in _DESCRIBED_BY)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item, described=described)
