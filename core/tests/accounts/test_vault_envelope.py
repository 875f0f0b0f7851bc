"""The envelope: bound to its owner, one key per record, nothing opens after a change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from creatorflow.accounts import Vault
from creatorflow.accounts.envelope import associated_data
from creatorflow.api.errors import VaultError
from creatorflow.config import Settings
from creatorflow.store import Store
from hypothesis import given
from hypothesis import strategies as st

from .conftest import MemoryKeyring, account, memory_vault, stored

PARTS = st.lists(st.text(max_size=6), max_size=5)


@pytest.fixture
def vault(store: Store, memory_keyring: MemoryKeyring) -> Vault:
    return memory_vault(store, Settings(home=store.path.parent))


@given(PARTS, PARTS)
def test_different_owners_never_share_their_encoding(one: list[str], two: list[str]) -> None:
    assert (associated_data(*one) == associated_data(*two)) == (one == two)


def test_the_classic_pairs_stay_apart() -> None:
    assert associated_data("a_b", "c") != associated_data("a", "b_c")
    assert associated_data("ab", "") != associated_data("a", "b")


@pytest.mark.parametrize(
    "value",
    [{"a": [1, 2.5, None, True, "é\u4e2d"]}, [], "text", 7, None, {"lone": "\ud800"}, {"long": "x" * 60_000}],
)
async def test_json_comes_back_as_it_went_in(vault: Vault, value: object) -> None:
    row = account()
    assert await vault.unseal(row, await vault.seal(row, "token", value)) == value


async def test_the_same_value_is_sealed_differently_each_time(vault: Vault) -> None:
    row = account()
    one, two = [await vault.seal(row, "token", {"value": "secret-value"}) for _ in range(2)]
    assert one.sealed != two.sealed
    assert one.wrapped_key != two.wrapped_key
    assert b"secret-value" not in one.sealed + one.wrapped_key


async def test_a_record_moved_elsewhere_does_not_open(vault: Vault) -> None:
    row = account("a_b", "pin")
    record = await vault.seal(row, "token", {"value": "secret-value"})
    other = await vault.seal(row, "token", {"value": "other-value"})
    for thief in (
        replace(row, account_name="b"),
        replace(row, platform="pin_a", account_name="b"),
        replace(row, platform="pin2"),
        replace(row, environment="live"),
    ):
        with pytest.raises(VaultError, match="was changed or moved here"):
            await vault.unseal(thief, record)
    for changed in (
        replace(record, kind="cookies"),
        replace(record, id=other.id),
        replace(record, sealed=other.sealed),
        replace(record, wrapped_key=other.wrapped_key),
        replace(record, sealed=b""),
        replace(record, wrapped_key=b""),
    ):
        with pytest.raises(VaultError, match="creatorflow accounts add pin a_b"):
            await vault.unseal(row, changed)
    assert await vault.unseal(row, record) == {"value": "secret-value"}


async def test_no_changed_bit_goes_unnoticed(vault: Vault) -> None:
    row = account()
    record = await vault.seal(row, "token", {"v": 1})
    flipped = [replace(record, sealed=flip(record.sealed, at)) for at in range(len(record.sealed))]
    flipped += [replace(record, wrapped_key=flip(record.wrapped_key, at)) for at in range(len(record.wrapped_key))]
    for changed in flipped:
        with pytest.raises(VaultError):
            await vault.unseal(row, changed)


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


async def test_nothing_shows_key_or_value(vault: Vault, store: Store, memory_keyring: MemoryKeyring) -> None:
    row = await stored(store)
    record = await vault.seal(row, "token", {"value": "secret-value"})
    [key] = memory_keyring.entries.values()
    with pytest.raises(VaultError) as caught:
        await vault.unseal(replace(row, platform="x"), record)
    shown = f"{vault!r} {record!r} {caught.value!r} {caught.value} {vars(caught.value)} {vault._master!r}"
    assert "secret-value" not in shown
    assert key not in shown
