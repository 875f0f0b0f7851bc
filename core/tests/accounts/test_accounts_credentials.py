"""Secrets as hosts manage them: put, list, delete; nothing gives one back."""

from __future__ import annotations

import pytest
from creatorflow.accounts import AccountStatus
from creatorflow.api.errors import CredentialRejected, InvalidInput, NotFound

from .conftest import Team

ALICE = {"sid": "alice-session-1"}


async def test_a_session_put_as_a_credential_makes_the_account(team: Team) -> None:
    view = await team.credentials.put("pinboard", "alice", "cookies", ALICE)
    assert (view.platform, view.account, view.kind) == ("pinboard", "alice", "cookies")
    assert view.bytes > 100
    assert "alice-session-1" not in view.model_dump_json()
    assert (await team.accounts.get("alice")).uid == "1001"
    assert await team.credentials.list() == [view]


async def test_it_obeys_the_rules_of_adding(team: Team) -> None:
    with pytest.raises(CredentialRejected):
        await team.credentials.put("pinboard", "alice", "cookies", {"sid": "stolen"})
    await team.credentials.put("pinboard", "pinboard:alice", "cookies", ALICE)
    with pytest.raises(InvalidInput, match="bound to uid 1001"):
        await team.credentials.put("pinboard", "alice", "cookies", {"sid": "bob-session-1"})
    assert [item.account for item in await team.credentials.list()] == ["alice"]


async def test_other_kinds_belong_to_an_account_that_exists(team: Team) -> None:
    with pytest.raises(NotFound) as caught:
        await team.credentials.put("pinboard", "alice", "token", {"value": "x"})
    assert caught.value.kind == "account"
    await team.accounts.add("pinboard", "alice", cookies=ALICE)
    await team.credentials.put("pinboard", "alice", "token", {"value": "the-token"})
    alice = await team.accounts.get("alice")
    async with team.accounts.open_adapter(alice) as adapter:
        assert await adapter.context.secrets.get("token") == {"value": "the-token"}
    await team.credentials.put("pinboard", "alice", "token", {"value": "newer"})
    assert [item.kind for item in await team.credentials.list("pinboard", "alice")] == ["cookies", "token"]


@pytest.mark.parametrize(
    ("kind", "value"), [("", {}), ("Token", {}), ("a b", {}), ("proxy", {}), ("token", "text"), ("token", [1])]
)
async def test_wrong_kinds_and_values_are_refused(team: Team, kind: str, value: object) -> None:
    await team.accounts.add("pinboard", "alice", cookies=ALICE)
    with pytest.raises(InvalidInput, match="kind of small letters"):
        await team.credentials.put("pinboard", "alice", kind, value)
    assert [item.kind for item in await team.credentials.list()] == ["cookies"]


async def test_deleting_a_session_expires_the_account(team: Team) -> None:
    await team.accounts.add("pinboard", "alice", cookies=ALICE)
    await team.credentials.put("pinboard", "alice", "token", {"value": "the-token"})
    await team.credentials.delete("pinboard", "alice", "token")
    assert (await team.accounts.get("alice")).status == AccountStatus.ACTIVE
    await team.credentials.delete("pinboard", "alice", "cookies")
    assert (await team.accounts.get("alice")).status == AccountStatus.EXPIRED
    assert (await team.told("credential.expired"))[0]["reason"]["en"] == "Its cookies were deleted from the vault."
    assert await team.credentials.list() == []
    with pytest.raises(NotFound, match="has no secret 'cookies'") as caught:
        await team.credentials.delete("pinboard", "alice", "cookies")
    assert caught.value.kind == "credential"
    with pytest.raises(NotFound) as caught:
        await team.credentials.list("pinboard", "bob")
    assert caught.value.kind == "account"
