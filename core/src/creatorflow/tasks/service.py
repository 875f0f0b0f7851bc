"""Open, answer, close and await human tasks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from creatorflow.api.errors import InvalidInput, NotFound, Text
from creatorflow.events import EventLog
from creatorflow.log import register_secret
from creatorflow.store import Connection, Store, TaskRecord
from creatorflow.store import accounts as account_rows
from creatorflow.store import tasks as rows
from creatorflow.tasks.views import SECRET_KINDS, TaskState, TaskView

__all__ = ["AnswerHandler", "TaskService"]

#: What the answering process does with an answer (resume a job, for example).
AnswerHandler = Callable[[TaskRecord], Awaitable[None]]

#: Longest accepted free answer, characters.
MAX_ANSWER = 4_000


class TaskService:
    """The human tasks of one installation.

    Changes are written together with their events: ``task.opened`` and ``task.closed`` on the stream ``task:<id>``. ``open`` and ``close``
    run inside a transaction of the caller, who wakes the event log after the commit.
    """

    def __init__(self, store: Store, events: EventLog, *, now: Callable[[], datetime] | None = None) -> None:
        self._store = store
        self._events = events
        self._now = now or (lambda: datetime.now(UTC))
        self._handlers: dict[str, AnswerHandler] = {}

    def open(
        self,
        connection: Connection,
        *,
        kind: str,
        prompt: Text,
        choices: Sequence[str] = (),
        account_id: str | None = None,
        job_id: str | None = None,
        subject: str | None = None,
        picture_png: bytes | None = None,
        expires_at: datetime | None = None,
    ) -> TaskRecord:
        """Write a new task within the caller's transaction.

        Args:
            connection: the open write transaction.
            kind: qr, sms, confirm, login, question, resolution, ...
            prompt: the question, in both languages.
            choices: the allowed answers; empty for free text.
            account_id: row id of the account concerned.
            job_id: the job that waits for the answer.
            subject: what exactly is asked for, for the handler (a field of the post such as ``declarations.original``).
            picture_png: what the person has to look at; kept until the task is closed.
            expires_at: aware; after it nobody can answer.
        """
        row = TaskRecord(
            task_id=f"task-{uuid.uuid4().hex[:12]}",
            kind=kind,
            state=TaskState.OPEN,
            account_id=account_id,
            job_id=job_id,
            subject=subject,
            prompt=prompt.as_dict(),
            choices=list(choices) or None,
            picture=None if picture_png is None else base64.b64encode(picture_png).decode(),
            answer=None,
            answered_by=None,
            created_at=self._now(),
            expires_at=expires_at,
            closed_at=None,
        )
        rows.add_task(connection, row)
        self._tell(
            connection,
            "task.opened",
            row,
            prompt=row.prompt,
            choices=row.choices or [],
            has_picture=row.picture is not None,
            expires_at=expires_at.isoformat() if expires_at else None,
        )
        return row

    async def list(self, states: Collection[str] | None = None) -> list[TaskView]:
        """Return tasks in these states (all when None), oldest first.

        Raises:
            InvalidInput: a word that is no task state.
        """
        wanted = None if states is None else [_state(word) for word in states]
        await self.expire()

        def work(connection: Connection) -> list[TaskView]:
            found = rows.list_tasks(connection, states=wanted)
            return [TaskView.of(row, _account_name(connection, row)) for row in found]

        return await self._store.read(work)

    async def get(self, task_id: str) -> TaskView:
        """Return one task, with its picture.

        Raises:
            NotFound: no such task (kind ``task``).
        """
        await self.expire()

        def work(connection: Connection) -> TaskView:
            row = _must(rows.get_task(connection, task_id), task_id)
            return TaskView.of(row, _account_name(connection, row), with_picture=True)

        return await self._store.read(work)

    async def record(self, task_id: str) -> TaskRecord:
        """Return the row of a task.

        Raises:
            NotFound: no such task (kind ``task``).
        """
        return _must(await self._store.read(lambda connection: rows.get_task(connection, task_id)), task_id)

    async def answer(self, task_id: str, answer: str, by: str) -> TaskView:
        """Answer a task; exactly one answer wins, the same answer again is accepted.

        After the answer is durable the handler of the kind, if this process has one, is awaited; what it raises reaches the caller, the
        answer stays.

        Args:
            task_id: which task.
            answer: one of its choices, or free text.
            by: who answers (``cli``, ``rpc``, a host's name), shown to whoever comes later.

        Raises:
            NotFound: no such task.
            InvalidInput: not one of the choices, too late, or answered differently before (the sentence names by whom).
        """
        await self.expire()
        row, won = await self._store.write(lambda connection: self._answer(connection, task_id, answer, by))
        if row.kind in SECRET_KINDS:
            register_secret(answer)
        if won:
            self._events.wake()
            handler = self._handlers.get(row.kind)
            if handler is not None:
                await handler(row)
        return await self.get(task_id)

    def close(self, connection: Connection, task_id: str, state: str) -> bool:
        """End an open task without an answer, within the caller's transaction; say whether it was open.

        Args:
            connection: the open write transaction.
            task_id: which task; an unknown one is "not open".
            state: expired, cancelled or obsolete.
        """
        ending = TaskState(state)
        if ending in (TaskState.OPEN, TaskState.ANSWERED):
            raise ValueError(f"a task is not closed as {state!r}")
        row = rows.get_task(connection, task_id)
        if row is None or not rows.change_task(
            connection, task_id, TaskState.OPEN, state=ending, closed_at=self._now(), picture=None
        ):
            return False
        self._tell(connection, "task.closed", row, state=ending, answer=None, answered_by=None)
        return True

    def close_all(
        self, connection: Connection, state: str, *, account_id: str | None = None, kind: str | None = None
    ) -> int:
        """Close every open task of an account (row id) and kind within the caller's transaction; return how many."""
        found = [
            row
            for row in rows.list_tasks(connection, states=[TaskState.OPEN])
            if (account_id is None or row.account_id == account_id) and (kind is None or row.kind == kind)
        ]
        return sum(self.close(connection, row.task_id, state) for row in found)

    async def expire(self) -> int:
        """Close every open task whose time is over; return how many. Sweeps call it, and every reading does."""
        now = self._now()

        def overdue(connection: Connection) -> list[str]:
            found = rows.list_tasks(connection, states=[TaskState.OPEN])
            return [row.task_id for row in found if row.expires_at is not None and row.expires_at <= now]

        late = await self._store.read(overdue)
        if not late:
            return 0
        closed = await self._store.write(
            lambda connection: sum(self.close(connection, task_id, TaskState.EXPIRED) for task_id in late)
        )
        self._events.wake()
        return closed

    async def wait(self, task_id: str, timeout_s: float) -> TaskRecord:
        """Return the task when it is closed, by whichever process, or as it is after ``timeout_s`` seconds.

        Raises:
            NotFound: no such task.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            # The cursor is taken before the row is read: a change in between is then waited for zero seconds, never missed.
            cursor = await self._events.tail()
            row = await self.record(task_id)
            if row.state != TaskState.OPEN:
                return row
            left = deadline - asyncio.get_running_loop().time()
            if row.expires_at is not None and (until := (row.expires_at - self._now()).total_seconds()) < left:
                if until <= 0:
                    await self.expire()
                    continue
                left = until
            if left <= 0:
                return row
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._events.wait(cursor), left)

    def register_answer_handler(self, kind: str, handler: AnswerHandler) -> None:
        """Have ``handler`` awaited after a task of this kind was answered in this process; optional, one per kind."""
        self._handlers[kind] = handler

    def _answer(self, connection: Connection, task_id: str, answer: str, by: str) -> tuple[TaskRecord, bool]:
        row = _must(rows.get_task(connection, task_id), task_id)
        if row.state == TaskState.ANSWERED and row.answer == answer:
            return row, False
        if row.state != TaskState.OPEN:
            raise _too_late(row)
        _check_answer(row, answer)
        changes: dict[str, Any] = {
            "state": TaskState.ANSWERED,
            "answer": answer,
            "answered_by": by,
            "closed_at": self._now(),
            "picture": None,
        }
        if not rows.change_task(connection, task_id, TaskState.OPEN, **changes):
            raise _too_late(_must(rows.get_task(connection, task_id), task_id))
        row = replace(row, **changes)
        # Free text may hold what is nobody else's business; the log carries only what was on the list of choices.
        shown = answer if row.choices and row.kind not in SECRET_KINDS else None
        self._tell(connection, "task.closed", row, state=TaskState.ANSWERED, answer=shown, answered_by=by)
        return row, True

    def _tell(self, connection: Connection, type_: str, row: TaskRecord, **data: Any) -> None:
        about = {
            "task_id": row.task_id,
            "kind": row.kind,
            "account_id": _account_name(connection, row),
            "job_id": row.job_id,
        }
        self._events.append(connection, f"task:{row.task_id}", type_, {**about, **data})


def _must(row: TaskRecord | None, task_id: str) -> TaskRecord:
    if row is None:
        raise NotFound(
            Text(
                en=f"There is no task {task_id!r}. 'creatorflow tasks list' shows the open ones.",
                zh=f"没有任务“{task_id}”。用 'creatorflow tasks list' 查看待处理的任务。",
            ),
            {"task_id": task_id},
            kind="task",
        )
    return row


def _state(word: str) -> TaskState:
    try:
        return TaskState(word)
    except ValueError:
        known = ", ".join(TaskState)
        raise InvalidInput(
            Text(
                en=f"{word!r} is no state of a task. Use one of: {known}.",
                zh=f"“{word}”不是任务状态。可用：{known}。",
            ),
            {"state": word, "known": list(TaskState)},
        ) from None


def _check_answer(row: TaskRecord, answer: str) -> None:
    if row.choices and answer not in row.choices:
        known = ", ".join(row.choices)
        raise InvalidInput(
            Text(
                en=f"Task {row.task_id} cannot be answered with that. Answer with one of: {known}.",
                zh=f"任务 {row.task_id} 不接受这个回答。请回答其中之一：{known}。",
            ),
            {"task_id": row.task_id, "choices": list(row.choices)},
        )
    if not row.choices and not 0 < len(answer.strip()) <= len(answer) <= MAX_ANSWER:
        raise InvalidInput(
            Text(
                en=f"Task {row.task_id} needs an answer of 1 to {MAX_ANSWER} characters.",
                zh=f"任务 {row.task_id} 的回答须为 1 到 {MAX_ANSWER} 个字符。",
            ),
            {"task_id": row.task_id},
        )


def _too_late(row: TaskRecord) -> InvalidInput:
    details = {"task_id": row.task_id, "state": row.state, "answered_by": row.answered_by}
    if row.state == TaskState.ANSWERED:
        return InvalidInput(
            Text(
                en=f"Task {row.task_id} was already answered differently by {row.answered_by}. That answer stands; "
                "nothing needs to be done.",
                zh=f"任务 {row.task_id} 已由 {row.answered_by} 作出不同回答，以该回答为准，无需再操作。",
            ),
            details,
        )
    words = {
        TaskState.EXPIRED: ("has expired", "已过期"),
        TaskState.CANCELLED: ("was cancelled", "已取消"),
        TaskState.OBSOLETE: ("is no longer needed", "已不再需要"),
    }
    en, zh = words[TaskState(row.state)]
    return InvalidInput(
        Text(
            en=f"Task {row.task_id} {en} and cannot be answered. 'creatorflow tasks list' shows what is open.",
            zh=f"任务 {row.task_id} {zh}，无法回答。用 'creatorflow tasks list' 查看待处理的任务。",
        ),
        details,
    )


def _account_name(connection: Connection, row: TaskRecord) -> str | None:
    if row.account_id is None:
        return None
    account = account_rows.get_account(connection, row.account_id)
    return f"{account.platform}:{account.account_name}" if account else None
