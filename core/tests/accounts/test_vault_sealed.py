"""The sealed file: private, bound to its vault, opened by its passphrase only, never replaced while anything depends on it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from creatorflow.accounts import Vault
from creatorflow.api.errors import ConfigError, StorageError, VaultError
from creatorflow.config import Settings
from creatorflow.store import Store
from creatorflow.store import accounts as rows

from .conftest import SECRET, MemoryKeyring, keep, memory_vault, read, sealed_settings, stored


async def test_the_sealed_file_is_private_and_says_how_it_was_made(store: Store, home: Path) -> None:
    row = await stored(store)
    settings = sealed_settings(home)
    await keep(Vault(store, settings.directories, settings), store, row)
    path = home / "vault.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = json.loads(path.read_text())
    assert {name: document[name] for name in ("format", "kdf", "n", "r", "p")} == {
        "format": 1,
        "kdf": "scrypt",
        "n": 32768,
        "r": 8,
        "p": 1,
    }
    assert "correct horse" not in path.read_text()
    vault = Vault(store, settings.directories, settings)
    assert await read(vault, store, row) == SECRET
    assert (await vault.status()).as_dict() == {
        "state": "open",
        "source": "sealed",
        "backend": "vault.key",
        "problem": None,
    }


async def test_a_wrong_passphrase_is_told_loudly_and_changes_nothing(store: Store, home: Path) -> None:
    row = await stored(store)
    settings = sealed_settings(home)
    await keep(Vault(store, settings.directories, settings), store, row)
    before = (home / "vault.key").read_bytes()
    for passphrase, said in [("incorrect horse", "The passphrase does not open"), (None, "no passphrase was given")]:
        wrong = sealed_settings(home, passphrase)
        with pytest.raises(VaultError, match=said) as caught:
            await keep(Vault(store, wrong.directories, wrong), store, row, "another")
        assert "horse" not in str(vars(caught.value))
    assert (home / "vault.key").read_bytes() == before
    assert await read(Vault(store, settings.directories, settings), store, row) == SECRET


async def test_the_passphrase_may_be_typed_composed_or_decomposed(store: Store, home: Path) -> None:
    row = await stored(store)
    composed, decomposed = sealed_settings(home, "caf\u00e9"), sealed_settings(home, "cafe\u0301")
    await keep(Vault(store, composed.directories, composed), store, row)
    assert await read(Vault(store, decomposed.directories, decomposed), store, row) == SECRET


async def test_without_keyring_and_passphrase_it_says_how(store: Store, home: Path) -> None:
    settings = sealed_settings(home, None)
    with pytest.raises(VaultError, match="CREATORFLOW_VAULT_PASSPHRASE or CREATORFLOW_VAULT_PASSPHRASE_FILE"):
        await Vault(store, settings.directories, settings).open()
    unreadable = Settings.model_validate({"home": home, "vault": {"backend": "sealed"}, "passphrase_file": home / "no"})
    with pytest.raises(ConfigError, match="passphrase file"):
        await Vault(store, unreadable.directories, unreadable).open()
    assert (await Vault(store, unreadable.directories, unreadable).status(probe=True)).state == "unavailable"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: json.dumps({**json.loads(text), "format": 2}),
        lambda text: json.dumps({**json.loads(text), "n": 1 << 30}),
        lambda text: json.dumps({**json.loads(text), "n": 2}),
        lambda text: json.dumps({**json.loads(text), "r": 0}),
        lambda text: json.dumps({**json.loads(text), "salt": "zz"}),
        lambda text: json.dumps({**json.loads(text), "sealed": 7}),
        lambda text: json.dumps({**json.loads(text), "vault_id": "00"}),
        lambda text: json.dumps({**json.loads(text), "p": 2}),
    ],
)
async def test_a_damaged_sealed_file_is_named_and_left_alone(store: Store, home: Path, damage: object) -> None:
    row = await stored(store)
    settings = sealed_settings(home)
    await keep(Vault(store, settings.directories, settings), store, row)
    path = home / "vault.key"
    assert callable(damage)
    path.write_text(damage(path.read_text()))
    before = path.read_bytes()
    with pytest.raises(VaultError, match=r"is damaged|does not open"):
        await read(Vault(store, settings.directories, settings), store, row)
    assert path.read_bytes() == before


async def test_a_missing_sealed_file_is_a_loss_while_secrets_depend_on_it(store: Store, home: Path) -> None:
    row = await stored(store)
    settings = sealed_settings(home)
    await keep(Vault(store, settings.directories, settings), store, row)
    (home / "vault.key").rename(home / "vault.key.away")
    with pytest.raises(VaultError, match=r"gone from .*vault\.key: 1 sealed secrets"):
        await keep(Vault(store, settings.directories, settings), store, row, "another")
    assert not (home / "vault.key").exists()
    (home / "vault.key.away").rename(home / "vault.key")
    assert await read(Vault(store, settings.directories, settings), store, row) == SECRET


async def test_a_new_database_adopts_the_sealed_file_that_is_there(tmp_path: Path, store: Store, home: Path) -> None:
    settings = sealed_settings(home)
    await Vault(store, settings.directories, settings).open()
    before = (home / "vault.key").read_bytes()
    async with Store(tmp_path / "fresh.db") as fresh:
        row = await stored(fresh)
        wrong = sealed_settings(home, "incorrect horse")
        with pytest.raises(VaultError, match="does not open"):
            await Vault(fresh, wrong.directories, wrong).open()
        await keep(Vault(fresh, settings.directories, settings), fresh, row)
        assert await read(Vault(fresh, settings.directories, settings), fresh, row) == SECRET
    assert (home / "vault.key").read_bytes() == before


async def test_the_sealed_file_of_another_vault_is_not_taken(tmp_path: Path, store: Store, home: Path) -> None:
    row = await stored(store)
    settings = sealed_settings(home)
    await keep(Vault(store, settings.directories, settings), store, row)
    async with Store(tmp_path / "other" / "creatorflow.db") as other_store:
        other = sealed_settings(tmp_path / "other")
        await Vault(other_store, other.directories, other).open()
    (tmp_path / "other" / "vault.key").replace(home / "vault.key")
    with pytest.raises(VaultError, match="key of another vault"):
        await read(Vault(store, settings.directories, settings), store, row)


async def test_a_loosened_sealed_file_is_tightened(store: Store, home: Path) -> None:
    settings = sealed_settings(home)
    await Vault(store, settings.directories, settings).open()
    (home / "vault.key").chmod(0o644)
    await Vault(store, settings.directories, settings).open()
    assert stat.S_IMODE((home / "vault.key").stat().st_mode) == 0o600


async def test_a_home_that_cannot_be_written_makes_no_half_a_key(store: Store, home: Path) -> None:
    settings = sealed_settings(home)
    (home / f"vault.key.{os.getpid()}.tmp").mkdir()  # the place where it would be written first
    with pytest.raises(StorageError, match=r"vault\.key"):
        await Vault(store, settings.directories, settings).open()
    assert not (home / "vault.key").exists()
    assert await store.read(rows.vault_key) is None


async def test_the_setting_keyring_does_not_overrule_a_sealed_file(
    tmp_path: Path, store: Store, home: Path, memory_keyring: MemoryKeyring
) -> None:
    settings = sealed_settings(home)
    await Vault(store, settings.directories, settings).open()
    async with Store(tmp_path / "fresh.db") as fresh:
        wanted = Settings.model_validate({"home": home, "vault": {"backend": "keyring"}})
        with pytest.raises(VaultError, match=r"vault\.key holds the key"):
            await memory_vault(fresh, wanted).open()
    assert memory_keyring.entries == {}
