"""Questions to people: ``task.list``, ``task.get``, ``task.answer``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from creatorflow.api.errors import Text
from creatorflow.rpc.registry import Effect, Idempotency, Method
from creatorflow.rpc.session import Call

if TYPE_CHECKING:
    from creatorflow.rpc.params import TaskAnswer, TaskFilter, TaskId

__all__ = ["METHODS"]


async def task_list(call: Call, params: TaskFilter) -> dict[str, Any]:
    """Answer the human tasks."""
    return {"tasks": await call.app.tasks.list(None if params.state is None else [params.state])}


async def task_get(call: Call, params: TaskId) -> Any:
    """Answer one task with its picture."""
    return await call.app.tasks.get(params.task_id)


async def task_answer(call: Call, params: TaskAnswer) -> Any:
    """Answer a task; the first answer wins."""
    return await call.app.tasks.answer(params.task_id, params.answer, call.session.who)


METHODS = (
    Method(
        name="task.list",
        handler=task_list,
        summary=Text(en="The questions that wait for a person.", zh="等待人工处理的事项。"),
        params="creatorflow.rpc.params:TaskFilter",
        result="creatorflow.rpc.results:Tasks",
    ),
    Method(
        name="task.get",
        handler=task_get,
        summary=Text(en="One question, with its picture.", zh="一个事项及其图片。"),
        params="creatorflow.rpc.params:TaskId",
        result="creatorflow.tasks.views:TaskView",
    ),
    Method(
        name="task.answer",
        handler=task_answer,
        summary=Text(en="Answer a question; what waited for it goes on.", zh="回答一个事项，等待它的步骤随即继续。"),
        params="creatorflow.rpc.params:TaskAnswer",
        result="creatorflow.tasks.views:TaskView",
        effect=Effect.EXTERNAL,
        idempotency=Idempotency.NATURAL,
        timeout_s=None,
        cancellable=False,
    ),
)
