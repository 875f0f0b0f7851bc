"""Human tasks on a real database, answered from this and from other processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from creatorflow.api.errors import InvalidInput, NotFound, Text
from creatorflow.events import EventLog
from creatorflow.log import forget_secrets, redact
from creatorflow.store import AccountRecord, Store, TaskRecord
from creatorflow.store import accounts as account_rows
from creatorflow.tasks import TaskService, TaskState

QUESTION = Text(en="Is the cat on the picture?", zh="图上是猫吗？")


class Desk:
    """A store, its log and the service; ``ask`` opens a task the way services do."""

    def __init__(self, store: Store) -> None:
        self.now = datetime.now(UTC)
        self.store = store
        self.events = EventLog(store, poll_s=0.05)
        self.tasks = TaskService(store, self.events, now=lambda: self.now)

    async def ask(self, **more: Any) -> TaskRecord:
        values = {"kind": "question", "prompt": QUESTION, **more}
        row = await self.store.write(lambda connection: self.tasks.open(connection, **values))
        self.events.wake()
        return row

    async def told(self) -> list[tuple[str, dict[str, Any]]]:
        return [(event.type, event.data) for event in await self.events.read()]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Store(tmp_path / "creatorflow.db") as store:
        yield Desk(store)


async def test_a_task_is_opened_listed_and_answered(desk: Desk) -> None:
    row = await desk.ask(choices=["yes", "no"], job_id="job-1", picture_png=b"\x89PNG picture")
    [listed] = await desk.tasks.list(["open"])
    assert (listed.task_id, listed.state, listed.has_picture, listed.picture) == (row.task_id, "open", True, None)
    assert (await desk.tasks.get(row.task_id)).picture == "iVBORyBwaWN0dXJl"
    assert listed.prompt == {"en": QUESTION.en, "zh-CN": QUESTION.zh}

    done = await desk.tasks.answer(row.task_id, "yes", by="cli")

    assert (done.state, done.answer, done.answered_by, done.picture) == (TaskState.ANSWERED, "yes", "cli", None)
    assert await desk.tasks.list(["open"]) == []
    [opened, closed] = await desk.told()
    assert opened[0] == "task.opened"
    assert opened[1]["choices"] == ["yes", "no"]
    assert "picture" not in opened[1]
    assert closed[0] == "task.closed"
    assert (closed[1]["state"], closed[1]["answer"], closed[1]["job_id"]) == ("answered", "yes", "job-1")


async def test_the_account_is_shown_by_its_public_name(desk: Desk) -> None:
    now = datetime.now(UTC)
    account = AccountRecord(
        "row-1", "weibo", "alice", "sandbox", None, "", "", "active", None, None, None, 0, now, None, None
    )
    await desk.store.write(lambda connection: account_rows.add_account(connection, account))
    row = await desk.ask(account_id="row-1")
    assert (await desk.tasks.get(row.task_id)).account_id == "weibo:alice"
    assert (await desk.told())[0][1]["account_id"] == "weibo:alice"


async def test_the_same_answer_again_is_accepted_another_one_names_the_first(desk: Desk) -> None:
    row = await desk.ask(choices=["yes", "no"])
    await desk.tasks.answer(row.task_id, "yes", by="alice's console")
    assert (await desk.tasks.answer(row.task_id, "yes", by="cli")).answered_by == "alice's console"
    with pytest.raises(InvalidInput, match="answered differently by alice's console") as caught:
        await desk.tasks.answer(row.task_id, "no", by="cli")
    assert "alice's console" in caught.value.text.zh
    assert len(await desk.told()) == 2


async def test_of_two_processes_that_answer_at_once_exactly_one_wins(desk: Desk, tmp_path: Path) -> None:
    async with Store(tmp_path / "creatorflow.db") as other_store:
        other = Desk(other_store)
        for _ in range(10):
            row = await desk.ask()
            results = await asyncio.gather(
                desk.tasks.answer(row.task_id, "one", by="a"),
                other.tasks.answer(row.task_id, "two", by="b"),
                return_exceptions=True,
            )
            assert sum(isinstance(result, InvalidInput) for result in results) == 1
            closed = [data for kind, data in await desk.told() if kind == "task.closed"]
            assert sum(data["task_id"] == row.task_id for data in closed) == 1


@pytest.mark.parametrize("answer", ["maybe", "", "YES"])
async def test_only_a_choice_is_an_answer(desk: Desk, answer: str) -> None:
    row = await desk.ask(choices=["yes", "no"])
    with pytest.raises(InvalidInput, match="one of: yes, no"):
        await desk.tasks.answer(row.task_id, answer, by="cli")
    assert (await desk.tasks.get(row.task_id)).state == "open"


@pytest.mark.parametrize("answer", ["", "   ", "x" * 4001])
async def test_free_text_has_limits(desk: Desk, answer: str) -> None:
    row = await desk.ask()
    with pytest.raises(InvalidInput, match="1 to 4000 characters"):
        await desk.tasks.answer(row.task_id, answer, by="cli")


async def test_unknown_names_are_named(desk: Desk) -> None:
    with pytest.raises(NotFound, match="'task-x'") as caught:
        await desk.tasks.answer("task-x", "yes", by="cli")
    assert caught.value.kind == "task"
    with pytest.raises(NotFound):
        await desk.tasks.get("task-x")
    with pytest.raises(NotFound):
        await desk.tasks.wait("task-x", 1)
    with pytest.raises(InvalidInput, match=r"'opened'.*open, answered"):
        await desk.tasks.list(["opened"])


async def test_after_its_time_a_task_is_expired_and_cannot_be_answered(desk: Desk) -> None:
    row = await desk.ask(expires_at=desk.now + timedelta(seconds=30))
    desk.now += timedelta(seconds=29)
    assert await desk.tasks.expire() == 0
    desk.now += timedelta(seconds=1)
    with pytest.raises(InvalidInput, match="has expired"):
        await desk.tasks.answer(row.task_id, "yes", by="cli")
    assert [task.state for task in await desk.tasks.list()] == ["expired"]
    assert [kind for kind, _ in await desk.told()] == ["task.opened", "task.closed"]


async def test_waiting_ends_when_the_task_expires(desk: Desk) -> None:
    desk.tasks = TaskService(desk.store, desk.events)
    row = await desk.ask(expires_at=datetime.now(UTC) + timedelta(seconds=0.2))
    assert (await asyncio.wait_for(desk.tasks.wait(row.task_id, 60), 20)).state == TaskState.EXPIRED


async def test_waiting_gives_up_with_the_task_still_open(desk: Desk) -> None:
    row = await desk.ask()
    assert (await desk.tasks.wait(row.task_id, 0.05)).state == TaskState.OPEN


async def test_an_answer_from_another_process_ends_the_waiting(desk: Desk, tmp_path: Path) -> None:
    row = await desk.ask()
    waiting = asyncio.create_task(desk.tasks.wait(row.task_id, 60))
    code = """
import asyncio, sys
from pathlib import Path
from creatorflow.store import Store
from creatorflow.events import EventLog
from creatorflow.tasks import TaskService
async def main():
    async with Store(Path(sys.argv[1])) as store:
        await TaskService(store, EventLog(store)).answer(sys.argv[2], "a cat", by="other process")
asyncio.run(main())
"""
    command = [sys.executable, "-c", code, str(tmp_path / "creatorflow.db"), row.task_id]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=60)
    answered = await asyncio.wait_for(waiting, 20)
    assert (answered.answer, answered.answered_by) == ("a cat", "other process")


@pytest.mark.parametrize("state", ["cancelled", "obsolete", "expired"])
async def test_a_closed_task_takes_no_answer_and_ends_the_waiting(desk: Desk, state: str) -> None:
    row = await desk.ask()
    waiting = asyncio.create_task(desk.tasks.wait(row.task_id, 60))
    assert await desk.store.write(lambda connection: desk.tasks.close(connection, row.task_id, state))
    desk.events.wake()
    assert (await asyncio.wait_for(waiting, 20)).state == state
    assert not await desk.store.write(lambda connection: desk.tasks.close(connection, row.task_id, "obsolete"))
    with pytest.raises(InvalidInput) as caught:
        await desk.tasks.answer(row.task_id, "yes", by="cli")
    assert caught.value.details["state"] == state


async def test_an_open_task_is_not_closed_as_answered(desk: Desk) -> None:
    row = await desk.ask()
    with pytest.raises(ValueError, match="answered"):
        await desk.store.write(lambda connection: desk.tasks.close(connection, row.task_id, "answered"))


async def test_close_all_takes_the_accounts_tasks_of_a_kind(desk: Desk) -> None:
    mine, other = await desk.ask(account_id="a", kind="login"), await desk.ask(account_id="b", kind="login")
    question = await desk.ask(account_id="a")
    closed = await desk.store.write(
        lambda connection: desk.tasks.close_all(connection, "obsolete", account_id="a", kind="login")
    )
    assert closed == 1
    states = {task.task_id: task.state for task in await desk.tasks.list()}
    assert states == {mine.task_id: "obsolete", other.task_id: "open", question.task_id: "open"}


async def test_the_handler_runs_once_in_the_answering_process(desk: Desk) -> None:
    handled: list[TaskRecord] = []

    async def handler(row: TaskRecord) -> None:
        handled.append(row)

    desk.tasks.register_answer_handler("question", handler)
    row = await desk.ask()
    await desk.tasks.answer(row.task_id, "a cat", by="cli")
    await desk.tasks.answer(row.task_id, "a cat", by="cli")
    assert [(found.task_id, found.answer) for found in handled] == [(row.task_id, "a cat")]


async def test_what_the_handler_raises_is_told_and_the_answer_stays(desk: Desk) -> None:
    async def handler(_row: TaskRecord) -> None:
        raise InvalidInput(Text(en="the job is gone", zh="任务已不在"))

    desk.tasks.register_answer_handler("question", handler)
    row = await desk.ask()
    with pytest.raises(InvalidInput, match="the job is gone"):
        await desk.tasks.answer(row.task_id, "a cat", by="cli")
    assert (await desk.tasks.get(row.task_id)).answer == "a cat"


async def test_a_one_time_code_reaches_the_asker_and_nobody_else(desk: Desk) -> None:
    forget_secrets()
    row = await desk.ask(kind="sms")
    view = await desk.tasks.answer(row.task_id, "code-481516", by="cli")
    assert view.answer is None
    assert (await desk.tasks.wait(row.task_id, 1)).answer == "code-481516"
    assert "481516" not in str(await desk.told())
    assert "481516" not in redact("got code-481516")
    forget_secrets()


async def test_free_text_stays_out_of_the_event_log(desk: Desk) -> None:
    row = await desk.ask()
    await desk.tasks.answer(row.task_id, "my private words", by="cli")
    assert "private" not in str(await desk.told())
