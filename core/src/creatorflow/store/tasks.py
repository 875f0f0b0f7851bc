"""Queries on human tasks."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, insert, select, update

from creatorflow.store.records import TaskRecord, record
from creatorflow.store.schema import tasks

__all__ = ["add_task", "change_task", "get_task", "list_tasks"]


def add_task(connection: Connection, task: TaskRecord) -> None:
    """Insert a task."""
    connection.execute(insert(tasks).values(**{name: getattr(task, name) for name in TaskRecord.__slots__}))


def get_task(connection: Connection, task_id: str) -> TaskRecord | None:
    """Return the task, or None."""
    row = connection.execute(select(tasks).where(tasks.c.task_id == task_id)).mappings().first()
    return None if row is None else record(TaskRecord, row)


def list_tasks(
    connection: Connection, *, states: Collection[str] | None = None, job_id: str | None = None
) -> list[TaskRecord]:
    """Return tasks, oldest first."""
    query = select(tasks)
    if states is not None:
        query = query.where(tasks.c.state.in_(list(states)))
    if job_id is not None:
        query = query.where(tasks.c.job_id == job_id)
    query = query.order_by(tasks.c.created_at, tasks.c.task_id)
    return [record(TaskRecord, row) for row in connection.execute(query).mappings()]


def change_task(connection: Connection, task_id: str, expected: str, **values: Any) -> bool:
    """Change a task that is in the ``expected`` state; say whether it was: exactly one answer wins."""
    statement = update(tasks).where(tasks.c.task_id == task_id, tasks.c.state == expected).values(**values)
    return connection.execute(statement).rowcount == 1
