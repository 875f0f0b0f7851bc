"""The adapter of an account: what it gets, what is kept of its session, and what never is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from creatorflow.api import HumanTask, PlatformAdapter
from creatorflow.api.errors import HumanNeeded, PluginError, Text
from creatorflow.api.publishing import SessionInfo
from creatorflow.plugins import Catalogue
from creatorflow.store import AccountRecord

from .conftest import Team

ALICE = {"sid": "alice-session-1"}
QUESTION = HumanTask(kind="question", prompt=Text(en="Is this the right form?", zh="表单对吗？"), choices=("yes", "no"))


@pytest.fixture
async def alice(team: Team) -> AccountRecord:
    await team.accounts.add("pinboard", "alice", cookies=ALICE)
    return await team.accounts.get("alice")


async def test_an_adapter_knows_its_account_and_nothing_else(team: Team, alice: AccountRecord) -> None:
    async with team.accounts.open_adapter(alice) as adapter:
        context = adapter.context
        assert (context.account.account_id, context.account.uid) == ("pinboard:alice", "1001")
        assert context.account.rights == {"max_images": 9}
        assert context.http.cookie("sid", "pinboard.example") == "alice-session-1"
        assert await context.secrets.get("cookies") is None  # cookies go through the client only
        assert await context.secrets.get("token") is None
        assert context.clock.now().tzinfo is not None
        assert "alice-session-1" not in f"{context!r} {context.secrets!r} {adapter!r}"


async def test_what_the_site_renews_is_kept(team: Team, alice: AccountRecord) -> None:
    team.board.set_cookies = ["sid=alice-session-2; Path=/; Max-Age=3600", "trace=new; Path=/"]
    async with team.accounts.open_adapter(alice) as adapter:
        await adapter.check_session()
    row = await team.accounts.get("alice")
    cookies = await team.cookies(row)
    assert cookies["trace"] == "new"
    assert "alice-session-2" in cookies.values()
    assert row.last_used_at is not None


async def test_an_unchanged_session_is_not_sealed_again(team: Team, alice: AccountRecord) -> None:
    [before] = await team.credentials.list()
    async with team.accounts.open_adapter(alice) as adapter:
        await adapter.check_session()
    assert await team.credentials.list() == [before]


async def test_local_storage_outlives_renewed_cookies(team: Team) -> None:
    origins = [{"origin": "https://pinboard.example", "localStorage": [{"name": "k", "value": "v"}]}]
    cookies = [{"name": "sid", "value": "alice-session-1", "domain": "pinboard.example", "path": "/"}]
    team.board.set_cookies = ["trace=new; Path=/"]
    await team.accounts.add("pinboard", "alice", storage_state={"cookies": cookies, "origins": origins})
    alice = await team.accounts.get("alice")
    async with team.accounts.open_adapter(alice) as adapter:
        state = await adapter.context.secrets.get("storage_state")
        assert state is not None
        assert state["origins"] == origins
        assert {cookie["name"] for cookie in state["cookies"]} == {"sid", "trace"}  # renewed while it was checked


async def test_state_is_kept_between_jobs_also_after_a_failure(team: Team, alice: AccountRecord) -> None:
    with pytest.raises(RuntimeError, match="in the job"):
        await fail_with(team, alice, {"seen": [1, 2]})
    async with team.accounts.open_adapter(await team.accounts.get("alice")) as adapter:
        assert adapter.context.state["seen"] == [1, 2]
        adapter.context.state["seen"].append(3)
    assert ((await team.accounts.get("alice")).state or {})["seen"] == [1, 2, 3]


async def fail_with(team: Team, alice: AccountRecord, state: dict[str, Any]) -> None:
    async with team.accounts.open_adapter(alice) as adapter:
        adapter.context.state.update(state)
        raise RuntimeError("in the job")


async def test_state_that_is_no_json_is_left_out_without_hiding_the_outcome(team: Team, alice: AccountRecord) -> None:
    async with team.accounts.open_adapter(alice) as adapter:
        adapter.context.state["bad"] = object()
    assert "bad" not in ((await team.accounts.get("alice")).state or {})


async def test_a_removed_account_does_not_come_back(team: Team, alice: AccountRecord) -> None:
    team.board.set_cookies = ["trace=new; Path=/"]
    async with team.accounts.open_adapter(alice) as adapter:
        await adapter.check_session()
        await team.accounts.remove("pinboard:alice")
        await adapter.context.secrets.put("token", {"value": "late"})
        adapter.context.state["late"] = 1
    assert await team.accounts.list() == []
    assert await team.kinds(alice) == []


async def test_a_session_added_meanwhile_is_not_overwritten(team: Team, alice: AccountRecord) -> None:
    team.board.set_cookies = ["trace=old-job; Path=/"]
    async with team.accounts.open_adapter(alice) as adapter:
        await adapter.check_session()
        team.board.set_cookies = []
        await team.accounts.add("pinboard", "alice", cookies={"sid": "alice-session-2"})
    assert await team.cookies(alice) == {"sid": "alice-session-2"}


async def test_an_adapters_own_secrets_are_sealed_and_its_own(team: Team, alice: AccountRecord) -> None:
    await team.accounts.add("pinboard", "bob", cookies={"sid": "bob-session-1"})
    bob = await team.accounts.get("bob")
    async with team.accounts.open_adapter(alice) as one, team.accounts.open_adapter(bob) as two:
        await one.context.secrets.put("token", {"value": "alices"})
        assert await one.context.secrets.get("token") == {"value": "alices"}
        assert await two.context.secrets.get("token") is None
        for name in ("cookies", "storage_state", "credentials", "proxy", "", "A", "../x"):
            with pytest.raises(PluginError, match="cannot store a secret"):
                await one.context.secrets.put(name, {})
    assert await team.kinds(alice) == ["cookies", "token"]


async def test_client_and_adapter_are_closed_whatever_happens(
    team: Team, alice: AccountRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients: list[Any] = []
    make = team.adapters._outbound.client

    def client(*args: Any, **more: Any) -> Any:
        clients.append(make(*args, **more))
        return clients[-1]

    monkeypatch.setattr(team.adapters._outbound, "client", client)
    implementation: Any = team.catalogue.load(team.catalogue.platform("pinboard"))
    before = implementation.closed
    with pytest.raises(RuntimeError):
        await fail_with(team, alice, {})
    assert implementation.closed == before + 1
    monkeypatch.setattr(implementation, "__init__", lambda self, context: 1 / 0)
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        await fail_with(team, alice, {})
    assert [client._http.is_closed for client in clients] == [True, True]


async def test_an_adapter_that_fails_to_close_hides_nothing(
    team: Team, alice: AccountRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def aclose(_self: PlatformAdapter) -> None:
        raise KeyError("never mind")

    monkeypatch.setattr(team.catalogue.load(team.catalogue.platform("pinboard")), "aclose", aclose)
    async with team.accounts.open_adapter(alice) as adapter:
        adapter.context.state["kept"] = True
    assert ((await team.accounts.get("alice")).state or {})["kept"] is True


async def test_progress_reaches_the_caller(team: Team, alice: AccountRecord) -> None:
    seen: list[tuple[str, float | None]] = []
    async with team.accounts.open_adapter(alice, progress=lambda text, share: seen.append((text.en, share))) as adapter:
        adapter.context.progress(Text(en="half", zh="一半"), 0.5)
        adapter.context.progress(Text(en="over", zh="过"), 7.0)
        adapter.context.progress(Text(en="some", zh="一些"))
    assert seen == [("half", 0.5), ("over", 1.0), ("some", None)]


async def answer_open(team: Team, answer: str) -> None:
    """Answer the first open task as soon as there is one."""
    cursor = 0
    while not (found := await team.tasks.list(["open"])):
        await asyncio.wait_for(team.events.wait(cursor), 20)
        cursor = await team.events.tail()
    await team.tasks.answer(found[0].task_id, answer, by="a colleague")


async def test_a_person_is_asked_and_answers(team: Team, alice: AccountRecord) -> None:
    async with team.accounts.open_adapter(alice, job_id="job-1") as adapter:
        person = asyncio.create_task(answer_open(team, "yes"))
        assert await asyncio.wait_for(adapter.context.ask_human(QUESTION), 20) == "yes"
        await person
    [task] = await team.tasks.list()
    assert (task.account_id, task.job_id, task.answered_by) == ("pinboard:alice", "job-1", "a colleague")


async def test_without_an_answer_the_job_is_parked_and_the_question_stays(team: Team, alice: AccountRecord) -> None:
    team.adapters._desk._budget_s = 0.05
    async with team.accounts.open_adapter(alice, job_id="job-1") as adapter:
        with pytest.raises(HumanNeeded, match="creatorflow tasks answer task-") as caught:
            await adapter.context.ask_human(QUESTION)
        [task] = await team.tasks.list(["open"])
        assert caught.value.details["task_id"] == task.task_id

        with pytest.raises(HumanNeeded):  # the resumed job waits at the same question
            await adapter.context.ask_human(QUESTION)
        assert len(await team.tasks.list()) == 1

        await team.tasks.answer(task.task_id, "no", by="a colleague")
        assert await adapter.context.ask_human(QUESTION) == "no"  # the answer came between two attempts

        with pytest.raises(HumanNeeded):  # and is handed over once
            await adapter.context.ask_human(QUESTION)
        assert len(await team.tasks.list()) == 2


async def test_a_question_that_is_withdrawn_ends_the_waiting(team: Team, alice: AccountRecord) -> None:
    async with team.accounts.open_adapter(alice) as adapter:
        asking = asyncio.create_task(adapter.context.ask_human(QUESTION))
        await asyncio.wait_for(team.events.wait(await team.events.tail() - 0), 20)
        [task] = await team.tasks.list(["open"])
        await team.store.write(lambda connection: team.tasks.close(connection, task.task_id, "cancelled"))
        team.events.wake()
        with pytest.raises(HumanNeeded, match="closed without an answer"):
            await asyncio.wait_for(asking, 20)


async def test_a_check_of_the_engine_is_stored(team: Team, alice: AccountRecord) -> None:
    row = await team.accounts.record_session(
        alice, SessionInfo(uid="1001", display_name="A", rights={"max_images": 18})
    )
    assert (row.rights, row.display_name) == ({"max_images": 18}, "A")
    assert (await team.accounts.get("alice")).rights == {"max_images": 18}


async def test_a_platform_that_is_gone_is_named(team: Team, alice: AccountRecord) -> None:
    team.adapters._catalogue = Catalogue.discover(only=[])
    with pytest.raises(Exception, match="pinboard") as caught:
        async with team.accounts.open_adapter(alice):
            pass
    assert getattr(caught.value, "kind", "") == "platform"
