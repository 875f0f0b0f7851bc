"""Accounts against a real site over TLS: bound to one uid, nothing stored that the site refused, nobody's session replaced."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from creatorflow.accounts import AccountLock, AccountStatus
from creatorflow.api.errors import (
    CredentialRejected,
    InvalidInput,
    NotFound,
    PluginError,
    Text,
    Unavailable,
    VaultError,
)
from creatorflow.api.publishing import JobState
from creatorflow.log import redact
from creatorflow.plugins import Catalogue
from creatorflow.store import AccountRecord, JobRecord, Store
from creatorflow.store import jobs as job_rows

from .conftest import Team, open_team, sealed_settings

ALICE = {"sid": "alice-session-1"}


async def row_of(team: Team, name: str = "alice") -> AccountRecord:
    return await team.accounts.get(name, "pinboard")


async def job(team: Team, row: AccountRecord, state: str) -> str:
    """Store a job of the account."""
    values: dict[str, Any] = dict.fromkeys(JobRecord.__slots__)
    values |= {
        "job_id": f"job-{state}",
        "account_id": row.id,
        "platform": row.platform,
        "account_name": row.account_name,
        "environment": row.environment,
        "state": state,
        "content": {},
        "payload_hash": "0",
        "fingerprint": "0",
        "attempt": 1,
        "epoch": 1,
        "trace_id": "0",
        "created_at": row.created_at,
        "updated_at": row.created_at,
    }
    await team.store.write(lambda connection: job_rows.add_job(connection, JobRecord(**values)))
    return str(values["job_id"])


async def test_an_account_is_checked_bound_and_listed(team: Team) -> None:
    view = await team.accounts.add("pinboard", "alice", cookies=ALICE)
    assert (view.account_id, view.uid, view.display_name, view.status) == (
        "pinboard:alice",
        "1001",
        "Alice",
        AccountStatus.ACTIVE,
    )
    assert (view.environment, view.rights) == ("sandbox", {"max_images": 9})
    assert view.checked_at is not None
    assert await team.accounts.list() == [view] == await team.accounts.list("pinboard")
    assert await team.cookies(await row_of(team)) == ALICE
    [told] = await team.told()
    assert (told["account_id"], told["uid"], told["status"]) == ("pinboard:alice", "1001", "active")


@pytest.mark.parametrize(
    "given",
    [
        {"cookies": ALICE},
        {"cookies": [{"name": "sid", "value": "alice-session-1", "domain": ".pinboard.example"}]},
        {"cookies": [{"name": "sid", "value": "alice-session-1", "domain": "pinboard.example", "expirationDate": 4e9}]},
        {
            "storage_state": {
                "cookies": [{"name": "sid", "value": "alice-session-1", "domain": ".pinboard.example", "path": "/"}]
            }
        },
        {"credentials": {"appid": "app", "secret": "alice-session-1"}},
    ],
)
async def test_every_kind_of_session_is_taken(team: Team, given: dict[str, Any]) -> None:
    assert (await team.accounts.add("pinboard", "alice", **given)).uid == "1001"
    assert await team.kinds(await row_of(team)) == list(given)


async def test_a_refused_session_stores_nothing(team: Team) -> None:
    with pytest.raises(CredentialRejected, match="log in again"):
        await team.accounts.add("pinboard", "alice", cookies={"sid": "stolen"})
    assert await team.accounts.list() == []
    assert await team.told() == []
    assert await team.credentials.list() == []


async def test_a_site_that_is_down_stores_nothing(team: Team) -> None:
    team.board.status = "502 Bad Gateway"
    with pytest.raises(Unavailable, match="Pinboard is down"):
        await team.accounts.add("pinboard", "alice", cookies=ALICE)
    assert await team.accounts.list() == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [({"boom": "x"}, "KeyError"), ({"nobody": True}, "no SessionInfo"), ({"uid": ""}, "no SessionInfo")],
)
async def test_what_an_adapter_does_wrong_is_laid_at_its_door(team: Team, answer: dict[str, Any], said: str) -> None:
    team.board.extra = answer
    with pytest.raises(PluginError, match=said) as caught:
        await team.accounts.add("pinboard", "alice", cookies=ALICE)
    assert "creatorflow-accounts-pinboard 1.2" in caught.value.text.en
    assert await team.accounts.list() == []


async def test_without_a_check_it_is_unchecked_until_the_first(team: Team) -> None:
    view = await team.accounts.add("pinboard", "alice", cookies=ALICE, check=False)
    assert (view.status, view.uid, team.board.seen) == (AccountStatus.UNCHECKED, None, [])
    again = await team.accounts.add("pinboard", "alice", cookies={"sid": "alice-session-2"}, check=False)
    assert again.status == AccountStatus.UNCHECKED
    checked = await team.accounts.check("pinboard:alice")
    assert (checked.status, checked.uid, checked.display_name) == (AccountStatus.ACTIVE, "1001", "Alice B.")


async def test_a_new_session_of_the_same_person_replaces_the_old_one(team: Team) -> None:
    first = await row_of_added(team)
    view = await team.accounts.add("pinboard", "alice", cookies={"sid": "alice-session-2"})
    assert view.display_name == "Alice B."
    row = await row_of(team)
    assert row.id == first.id
    assert await team.cookies(row) == {"sid": "alice-session-2"}


async def row_of_added(team: Team) -> AccountRecord:
    await team.accounts.add("pinboard", "alice", cookies=ALICE)
    return await row_of(team)


async def test_another_persons_session_replaces_nothing(team: Team) -> None:
    row = await row_of_added(team)
    for given in ({"cookies": {"sid": "bob-session-1"}}, {"credentials": {"secret": "bob-session-1"}}):
        # In the second round the stored cookies must not vouch for bob's credentials.
        with pytest.raises(InvalidInput, match=r"uid 2002.*bound to uid 1001") as caught:
            await team.accounts.add("pinboard", "alice", **given)  # type: ignore[arg-type]
        assert caught.value.details["session_uid"] == "2002"
    assert await team.cookies(row) == ALICE
    assert await team.kinds(row) == ["cookies"]
    assert (await row_of(team)).status == AccountStatus.ACTIVE


async def test_a_stored_token_does_not_vouch_for_another_persons_session(team: Team) -> None:
    team.board.extra = {"token": "token-of-alice"}
    row = await row_of_added(team)
    assert await team.kinds(row) == ["cookies", "token"]
    team.board.seen.clear()
    with pytest.raises(InvalidInput, match="bound to uid 1001"):
        await team.accounts.add("pinboard", "alice", cookies={"sid": "bob-session-1"})
    assert team.board.seen[0]["x-token"] == ""


async def test_a_bound_account_takes_no_unchecked_session(team: Team) -> None:
    row = await row_of_added(team)
    with pytest.raises(InvalidInput, match="must be checked before it replaces"):
        await team.accounts.add("pinboard", "alice", cookies={"sid": "bob-session-1"}, check=False)
    assert await team.cookies(row) == ALICE


async def test_one_person_has_one_name(team: Team) -> None:
    await row_of_added(team)
    with pytest.raises(InvalidInput, match="already the account pinboard:alice"):
        await team.accounts.add("pinboard", "ally", cookies={"sid": "alice-session-2"})
    await team.accounts.add("pinboard", "unchecked", cookies={"sid": "alice-session-2"}, check=False)
    with pytest.raises(InvalidInput, match="already the account pinboard:alice"):
        await team.accounts.check("pinboard:unchecked")


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a:b", "a/b", "../x", "-x", ".x", "_x", "x" * 65, "a\n", "a\0b", "😀"]
)
async def test_names_that_commands_could_not_say_are_refused(team: Team, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be an account name"):
        await team.accounts.add("pinboard", name, cookies=ALICE)


@pytest.mark.parametrize("name", ["a", "小红书运营-1", "Alice.B_2", "ñandú", "x" * 64])
async def test_names_of_any_script_are_taken(team: Team, name: str) -> None:
    await team.accounts.add("pinboard", name, cookies=ALICE)
    assert (await team.accounts.get(f"pinboard:{name}")).account_name == name


async def test_a_name_is_the_same_composed_or_decomposed_and_never_differs_by_case(team: Team) -> None:
    await team.accounts.add("pinboard", "caf\u00e9", cookies=ALICE)
    assert (await team.accounts.get("pinboard:cafe\u0301")).uid == "1001"
    with pytest.raises(InvalidInput, match="only in upper and lower case"):
        await team.accounts.add("pinboard", "CAF\u00c9", cookies={"sid": "bob-session-1"})


async def test_an_account_is_found_by_every_way_of_naming_it(team: Team) -> None:
    with pytest.raises(NotFound, match="creatorflow accounts add"):
        await team.accounts.get(None)
    row = await row_of_added(team)
    for ref, platform in [
        ("pinboard:alice", None),
        ("alice", "pinboard"),
        ("alice", None),
        (None, "pinboard"),
        (None, None),
    ]:
        assert (await team.accounts.get(ref, platform)).id == row.id
    assert await team.accounts.by_row(row.id) == row
    await team.accounts.add("pinboard", "bob", cookies={"sid": "bob-session-1"})
    with pytest.raises(InvalidInput, match="pinboard:alice, pinboard:bob"):
        await team.accounts.get(None, "pinboard")
    with pytest.raises(NotFound, match=r"'pinboard:carol'.*Known: pinboard:alice, pinboard:bob") as caught:
        await team.accounts.get("carol", "pinboard")
    assert caught.value.kind == "account"
    with pytest.raises(InvalidInput, match="is not one of weibo"):
        await team.accounts.get("pinboard:alice", "weibo")
    for call in (team.accounts.get("alice", "nosuch"), team.accounts.list("nosuch"), team.accounts.add("nosuch", "a")):
        with pytest.raises(NotFound) as caught:
            await call
        assert caught.value.kind == "platform"


async def test_an_expired_session_is_told_once_and_asks_for_a_login(team: Team) -> None:
    row = await row_of_added(team)
    team.board.sessions.clear()
    for _ in range(2):
        assert (await team.accounts.check("pinboard:alice")).status == AccountStatus.EXPIRED
    [told] = await team.told("credential.expired")
    assert told["reason"] == {"en": "Pinboard says: log in again.", "zh-CN": "图钉板要求重新登录。"}
    [task] = await team.tasks.list(["open"])
    assert (task.kind, task.account_id) == ("login", "pinboard:alice")
    assert "creatorflow accounts add pinboard alice" in task.prompt["en"]
    assert (await row_of(team)).uid == row.uid == "1001"

    await team.tasks.answer(task.task_id, "done", by="cli")  # but it did not help
    assert (await team.accounts.check("pinboard:alice")).status == AccountStatus.EXPIRED
    [again] = await team.tasks.list(["open"])
    assert again.task_id != task.task_id
    assert len(await team.told("credential.expired")) == 1


@pytest.mark.parametrize("how", ["add", "check"])
async def test_a_session_that_works_again_closes_the_login_and_tells_the_engine(team: Team, how: str) -> None:
    await row_of_added(team)
    await team.accounts.mark_expired(await row_of(team), Text(en="gone", zh="失效"), job_id="job-1")
    restored: list[AccountRecord] = []

    async def callback(row: AccountRecord) -> None:
        assert await team.tasks.list(["open"]) == []  # all of it is durable by now
        restored.append(row)

    team.accounts.register_session_restored(callback)
    if how == "add":
        await team.accounts.add("pinboard", "alice", cookies={"sid": "alice-session-2"})
    else:
        await team.accounts.check("pinboard:alice")
    assert [(row.account_name, row.status) for row in restored] == [("alice", "active")]
    assert (await team.told("credential.expired"))[0]["job_id"] == "job-1"
    assert len(await team.told("account.session_restored")) == 1
    assert (await team.tasks.list())[0].state == "obsolete"
    await team.accounts.check("pinboard:alice")
    assert len(restored) == 1


async def test_a_stored_session_that_became_another_persons_is_not_used(team: Team) -> None:
    row = await row_of_added(team)
    team.board.sessions["alice-session-1"] = {"uid": "2002", "name": "Bob"}
    with pytest.raises(InvalidInput, match="bound to uid 1001"):
        await team.accounts.check("pinboard:alice")
    after = await row_of(team)
    assert (after.uid, after.status) == (row.uid, AccountStatus.EXPIRED)


async def test_trouble_in_the_check_changes_nothing(team: Team) -> None:
    row = await row_of_added(team)
    team.board.status = "502 Bad Gateway"
    with pytest.raises(Unavailable):
        await team.accounts.check("pinboard:alice")
    after = await row_of(team)
    assert (after.status, after.checked_at) == (row.status, row.checked_at)


async def test_removing_takes_the_secrets_and_questions_along(team: Team) -> None:
    row = await row_of_added(team)
    await team.accounts.mark_expired(row, Text(en="gone", zh="失效"))
    view = await team.accounts.remove("pinboard:alice")
    assert view.account_id == "pinboard:alice"
    assert await team.accounts.list() == []
    assert await team.kinds(row) == []
    assert [task.state for task in await team.tasks.list()] == ["obsolete"]
    assert (await team.told("account.removed"))[0]["account_id"] == "pinboard:alice"
    with pytest.raises(NotFound):
        await team.accounts.remove("pinboard:alice")


@pytest.mark.parametrize("state", ["intent", "submitting", "uncertain", "reconciling"])
async def test_an_account_whose_post_may_be_out_is_kept(team: Team, state: str) -> None:
    row = await row_of_added(team)
    job_id = await job(team, row, state)
    with pytest.raises(InvalidInput, match="jobs reconcile") as caught:
        await team.accounts.remove("pinboard:alice")
    assert caught.value.details["jobs"] == [job_id]
    assert await team.cookies(row) == ALICE
    await team.accounts.remove("pinboard:alice", force=True)
    assert await team.accounts.list() == []


@pytest.mark.parametrize(
    "state", [state for state in JobState if state not in {"intent", "submitting", "uncertain", "reconciling"}]
)
async def test_other_jobs_do_not_keep_it(team: Team, state: str) -> None:
    row = await row_of_added(team)
    await job(team, row, state)
    await team.accounts.remove("pinboard:alice")


async def test_an_account_at_work_is_not_removed(team: Team) -> None:
    row = await row_of_added(team)
    async with AccountLock(team.settings.directories, row.id).holding(team.store, budget_s=5):
        with pytest.raises(InvalidInput, match="is running"):
            await team.accounts.remove("pinboard:alice")
    await team.accounts.remove("pinboard:alice")


async def test_accounts_of_another_environment_do_not_exist_here(
    team: Team, tmp_path: Path, store: Store, catalogue: Catalogue
) -> None:
    await row_of_added(team)
    async with open_team(tmp_path, store, catalogue, network={"environment": "staging"}) as other:
        other.board.sessions = {"s": {"uid": "1001", "name": "Alice in staging"}}
        assert await other.accounts.list() == []
        with pytest.raises(NotFound):
            await other.accounts.get("pinboard:alice")
        await other.accounts.add("pinboard", "alice", cookies={"sid": "s"})
        assert [view.environment for view in await other.accounts.list()] == ["staging"]
    assert [view.environment for view in await team.accounts.list()] == ["sandbox"]


async def test_two_people_adding_one_name_at_once_do_not_mix(team: Team) -> None:
    results = await asyncio.gather(
        team.accounts.add("pinboard", "alice", cookies=ALICE),
        team.accounts.add("pinboard", "alice", cookies={"sid": "bob-session-1"}),
        return_exceptions=True,
    )
    [view] = await team.accounts.list()
    failed = [result for result in results if isinstance(result, BaseException)]
    assert len(failed) == 1
    assert isinstance(failed[0], InvalidInput)
    expected = {"1001": "alice-session-1", "2002": "bob-session-1"}
    assert await team.cookies(await row_of(team)) == {"sid": expected[str(view.uid)]}


async def test_a_vault_without_a_key_is_said_before_the_site_is_asked(
    team: Team, store: Store, tmp_path: Path, catalogue: Catalogue
) -> None:
    async with open_team(tmp_path, store, catalogue) as broken:
        broken.vault._settings = sealed_settings(tmp_path / "home", None)
        with pytest.raises(VaultError, match="CREATORFLOW_VAULT_PASSPHRASE"):
            await broken.accounts.add("pinboard", "alice", cookies=ALICE)
        assert broken.board.seen == []


async def test_a_proxy_password_lies_in_the_vault_only(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str | None] = []
    make = team.adapters._outbound.client

    def client(*args: Any, proxy: str | None, **more: Any) -> Any:
        used.append(proxy)
        return make(*args, proxy=proxy, **more)

    monkeypatch.setattr(team.adapters._outbound, "client", client)
    proxy = "http://bob:proxy-passw0rd@127.0.0.1:9"  # hosts of the sandbox are reached without it
    view = await team.accounts.add("pinboard", "alice", cookies=ALICE, proxy=proxy)
    row = await row_of(team)
    assert row.proxy == "http://127.0.0.1:9"
    assert await team.kinds(row) == ["cookies", "proxy"]
    assert "passw0rd" not in f"{view} {await team.told()}"
    assert redact("it said proxy-passw0rd") == "it said [redacted]"
    await team.accounts.add("pinboard", "alice", cookies={"sid": "alice-session-2"})
    assert ((await row_of(team)).proxy, await team.kinds(row)) == ("http://127.0.0.1:9", ["cookies", "proxy"])
    await team.accounts.check("pinboard:alice")
    await team.accounts.add("pinboard", "alice", cookies=ALICE, proxy="http://127.0.0.1:8")
    assert ((await row_of(team)).proxy, await team.kinds(row)) == ("http://127.0.0.1:8", ["cookies"])
    await team.accounts.add("pinboard", "alice", cookies=ALICE, proxy="")
    assert (await row_of(team)).proxy is None
    assert used == [proxy, proxy, proxy, "http://127.0.0.1:8", None]
