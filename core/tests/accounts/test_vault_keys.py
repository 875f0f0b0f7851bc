"""Where the master key comes from: made once, on proof that there is none; otherwise a clear refusal."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import keyring
import pytest
from creatorflow.accounts import Vault
from creatorflow.accounts.keysources import KeyringSource, backend_name
from creatorflow.api.errors import KeyringLocked, VaultError
from creatorflow.config import Settings
from creatorflow.log import redact
from creatorflow.store import Store
from creatorflow.store import accounts as rows
from keyring.errors import PasswordSetError

from .conftest import SECRET, MemoryKeyring, keep, memory_vault, read, sealed_settings, secret, stored


def auto(home: Path, passphrase: str | None = None) -> Settings:
    return Settings.model_validate({"home": home, "passphrase": passphrase})


# --- the OS keyring


async def test_one_small_entry_goes_into_the_keyring_and_is_found_again(
    store: Store, home: Path, memory_keyring: MemoryKeyring
) -> None:
    row = await stored(store)
    await keep(memory_vault(store, auto(home)), store, row)
    [(service, entry)] = memory_keyring.entries
    assert service == "creatorflow"
    assert entry.startswith("vault-")
    assert len(memory_keyring.entries[service, entry]) == 44  # Windows takes about 1,280 characters
    assert not (home / "vault.key").exists()
    assert await read(memory_vault(store, auto(home)), store, row) == SECRET
    assert len(memory_keyring.entries) == 1
    assert redact(f"key {memory_keyring.entries[service, entry]}") == "key [redacted]"


@pytest.mark.parametrize("name", ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring"])
async def test_back_ends_that_keep_nothing_are_refused_by_name(
    store: Store, home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    module, _, cls = name.rpartition(".")
    keyring.set_keyring(getattr(__import__(module, fromlist=[cls]), cls)())
    vault = Vault(store, auto(home).directories, auto(home))
    with pytest.raises(VaultError) as caught:
        await vault.open()
    assert name in caught.value.text.en
    assert "CREATORFLOW_VAULT_PASSPHRASE" in caught.value.text.en
    assert "绝不会以明文保存" in caught.value.text.zh
    assert not isinstance(caught.value, KeyringLocked)
    assert await store.read(rows.vault_key) is None
    status = await vault.status(probe=True)
    assert status.state == "unavailable"
    assert status.problem is not None
    assert name in status.problem.en

    with_passphrase = auto(home, "correct horse")
    await Vault(store, with_passphrase.directories, with_passphrase).open()  # not plain: sealed
    assert (home / "vault.key").exists()


async def test_a_back_end_that_is_not_on_the_list_is_refused(
    store: Store, home: Path, memory_keyring: MemoryKeyring
) -> None:
    with pytest.raises(VaultError, match="MemoryKeyring"):
        await Vault(store, auto(home).directories, auto(home)).open()
    assert memory_keyring.entries == {}


async def test_an_allowed_back_end_inside_a_chain_is_used(
    store: Store, home: Path, memory_keyring: MemoryKeyring
) -> None:
    class Chain(keyring.backend.KeyringBackend):
        priority = 10
        backends = (memory_keyring,)

        def get_password(self, service: str, username: str) -> str | None:
            raise AssertionError("the chain itself must not be asked")

        def set_password(self, service: str, username: str, password: str) -> None:
            raise AssertionError("the chain itself must not be asked")

    keyring.set_keyring(Chain())  # type: ignore[no-untyped-call]
    await Vault(store, auto(home).directories, auto(home), backends=[backend_name(memory_keyring)]).open()
    assert len(memory_keyring.entries) == 1


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
async def test_a_locked_keyring_never_leads_to_a_new_key(
    store: Store, home: Path, memory_keyring: MemoryKeyring, passphrase: str | None
) -> None:
    row = await stored(store)
    memory_keyring.locked = True
    with pytest.raises(KeyringLocked, match="is locked"):
        await memory_vault(store, auto(home, passphrase)).open()
    assert await store.read(rows.vault_key) is None
    assert not (home / "vault.key").exists()

    memory_keyring.locked = False
    await keep(memory_vault(store, auto(home)), store, row)
    entries = dict(memory_keyring.entries)
    memory_keyring.locked = True
    with pytest.raises(KeyringLocked) as caught:
        await read(memory_vault(store, auto(home, passphrase)), store, row)
    assert "没有生成新密钥" in caught.value.text.zh
    assert caught.value.retryable
    memory_keyring.locked = False
    assert memory_keyring.entries == entries
    assert await read(memory_vault(store, auto(home)), store, row) == SECRET


@pytest.mark.parametrize("error", [PasswordSetError("denied"), OSError("bus"), KeyError("x")])
async def test_any_other_trouble_is_no_proof_of_absence(
    store: Store, home: Path, memory_keyring: MemoryKeyring, error: Exception
) -> None:
    row = await stored(store)
    await keep(memory_vault(store, auto(home)), store, row)
    entries = dict(memory_keyring.entries)
    memory_keyring.broken = error
    with pytest.raises(VaultError, match="cannot be used") as caught:
        await memory_vault(store, auto(home, "correct horse")).open()
    assert type(error).__name__ in caught.value.text.en
    assert not (home / "vault.key").exists()
    assert memory_keyring.entries == entries


async def test_a_keyring_that_does_not_answer_does_not_hang_us(memory_keyring: MemoryKeyring) -> None:
    release = threading.Event()

    class Hanging(MemoryKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            release.wait(60)
            return None

    source = KeyringSource([backend_name(Hanging())], seconds=0.1)
    with pytest.raises(KeyringLocked, match=r"did not answer within 0\.1 s"):
        await source.get(Hanging(), "vault-1")
    release.set()


async def test_a_lost_key_is_named_while_secrets_depend_on_it(
    store: Store, home: Path, memory_keyring: MemoryKeyring
) -> None:
    row = await stored(store)
    await keep(memory_vault(store, auto(home)), store, row)
    entries = dict(memory_keyring.entries)
    memory_keyring.entries.clear()
    with pytest.raises(VaultError, match="1 sealed secrets cannot be opened") as caught:
        await keep(memory_vault(store, auto(home)), store, row, "another")
    assert "MemoryKeyring" in caught.value.text.en
    assert "已丢失" in caught.value.text.zh
    assert memory_keyring.entries == {}
    memory_keyring.entries.update(entries)  # a restored keyring is good again
    assert await read(memory_vault(store, auto(home)), store, row) == SECRET


async def test_without_any_secret_a_lost_key_is_replaced(
    store: Store, home: Path, memory_keyring: MemoryKeyring
) -> None:
    await memory_vault(store, auto(home)).open()
    memory_keyring.entries.clear()
    row = await stored(store)
    await keep(memory_vault(store, auto(home)), store, row)
    assert await read(memory_vault(store, auto(home)), store, row) == SECRET


async def test_a_process_that_still_holds_a_replaced_key_stores_nothing(
    store: Store, home: Path, memory_keyring: MemoryKeyring
) -> None:
    row = await stored(store)
    old = memory_vault(store, auto(home))
    sealed = await old.seal(row, "token", SECRET)
    memory_keyring.entries.clear()
    await memory_vault(store, auto(home)).open()
    with pytest.raises(VaultError, match="Another process renewed the key"):
        await store.write(lambda connection: old.put(connection, sealed))
    assert await store.read(rows.count_secrets) == 0
    await keep(old, store, row)  # the second try takes the new key
    assert await read(memory_vault(store, auto(home)), store, row) == SECRET


async def test_secrets_without_any_trace_of_a_key_are_a_loss(
    store: Store, home: Path, memory_keyring: MemoryKeyring
) -> None:
    row = await stored(store)
    await keep(memory_vault(store, auto(home)), store, row)
    await store.write(lambda connection: connection.exec_driver_sql("DELETE FROM vault_keys"))
    before = dict(memory_keyring.entries)
    with pytest.raises(VaultError, match="is gone"):
        await memory_vault(store, auto(home)).open()
    assert memory_keyring.entries == before


async def test_a_back_end_that_forgets_is_found_out_at_once(
    store: Store, home: Path, memory_keyring: MemoryKeyring
) -> None:
    memory_keyring.forgetful = True
    with pytest.raises(VaultError, match="did not keep what was stored"):
        await memory_vault(store, auto(home)).open()
    assert await store.read(rows.vault_key) is None


@pytest.mark.parametrize("text", ["", "not base64!", "c2hvcnQ=", "A" * 44])
async def test_another_value_under_our_name_is_no_key(
    store: Store, home: Path, memory_keyring: MemoryKeyring, text: str
) -> None:
    row = await stored(store)
    await keep(memory_vault(store, auto(home)), store, row)
    [name] = memory_keyring.entries
    memory_keyring.entries[name] = text
    with pytest.raises(VaultError, match=r"no key of ours|key of another vault"):
        await read(memory_vault(store, auto(home)), store, row)


async def test_a_session_with_another_keyring_is_told_where_the_key_lies(
    store: Store, home: Path, memory_keyring: MemoryKeyring
) -> None:
    row = await stored(store)
    await keep(memory_vault(store, auto(home)), store, row)
    from keyring.backends import fail

    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    settings = auto(home, "correct horse")
    vault = Vault(store, settings.directories, settings, backends=[backend_name(memory_keyring)])
    with pytest.raises(VaultError) as caught:
        await read(vault, store, row)
    assert "MemoryKeyring" in caught.value.text.en
    assert "keyring.backends.fail.Keyring" in caught.value.text.en
    assert not (home / "vault.key").exists()


RACE = """
import asyncio, json, sys
from datetime import UTC, datetime
from pathlib import Path
from creatorflow.accounts import Vault
from creatorflow.config import load_settings
from creatorflow.store import AccountRecord, Store
from creatorflow.store import accounts as rows
async def main():
    settings = load_settings(Path(sys.argv[1]), {"CREATORFLOW_VAULT_PASSPHRASE": "correct horse"})
    async with Store(settings.directories.database) as store:
        row = AccountRecord(sys.argv[2], "pinboard", sys.argv[2], "live", None, "", "", "unchecked", None, None, None, 0,
                            datetime.now(UTC), None, None)
        await store.write(lambda c: rows.add_account(c, row))
        vault = Vault(store, settings.directories, settings)
        print("ready", flush=True)
        sys.stdin.readline()
        record = await vault.seal(row, "token", {"by": sys.argv[2]})
        await store.write(lambda c: vault.put(c, record))
asyncio.run(main())
"""


async def test_two_processes_that_make_the_first_key_at_once_end_with_one(store: Store, home: Path) -> None:
    (home / "config.toml").write_text('[vault]\nbackend = "sealed"\n')
    names = ("one", "two", "three")
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", RACE, str(home), name, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for name in names
    ]
    for process in processes:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"ready\n"
    await asyncio.wait_for(asyncio.gather(*(process.communicate(b"go\n") for process in processes)), 60)
    assert [process.returncode for process in processes] == [0, 0, 0]
    settings = sealed_settings(home)
    vault = Vault(store, settings.directories, settings)
    everyone = await store.read(lambda connection: rows.list_accounts(connection, "live"))
    for name in names:
        [row] = [found for found in everyone if found.id == name]
        record = await secret(store, name, "token")
        assert record is not None
        assert await vault.unseal(row, record) == {"by": name}


def test_rooms_above_do_not_pay_for_what_they_do_not_use() -> None:
    code = (
        "import sys, creatorflow.accounts, creatorflow.assets, creatorflow.tasks\n"
        "print([name for name in ('keyring', 'cryptography', 'httpx', 'alembic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
