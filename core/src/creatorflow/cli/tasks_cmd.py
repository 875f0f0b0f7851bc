"""``creatorflow tasks``: what waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from creatorflow.cli.usage import stdin_line

if TYPE_CHECKING:
    from creatorflow.cli.program import Program
    from creatorflow.publish import JobView
    from creatorflow.tasks import TaskView

__all__ = ["tasks"]


@click.group()
def tasks() -> None:
    """等待人工处理的事项。  What waits for a person."""


@tasks.command("list")
@click.option("--all", "everything", is_flag=True, help="也显示已结束的。  Also those that are closed.")
@click.option("--json", "as_json", is_flag=True, help="输出一个 JSON 文档。  One JSON document.")
@click.pass_obj
def list_tasks(program: Program, everything: bool, as_json: bool) -> None:
    """最早的在前。  Oldest first."""
    from creatorflow.cli.tables import clean, console, local_time

    if as_json:
        program.expect_json({"tasks": []})

    async def work() -> list[TaskView]:
        return list(await program.app.tasks.list(None if everything else ["open"]))

    found = program.run(work())
    if as_json:
        program.echo_json({"tasks": [item.model_dump(mode="json", by_alias=True) for item in found]})
        return
    if not found:
        click.echo(program.say("Nothing waits for a person.", "没有等待人工处理的事项。"))
        return
    out = console()
    for item in found:
        about = "  ".join(part for part in (item.account_id, item.job_id) if part)
        until = f"  {program.say('until', '截止')} {local_time(item.expires_at)}" if item.expires_at else ""
        out.print(f"{item.task_id}  {item.kind}  {item.state}  {about}{until}")
        out.print(f"  {clean(item.prompt['zh-CN' if program.locale.startswith('zh') else 'en'])}")
        if item.state == "open":
            answer = "|".join(item.choices) or program.say("TEXT", "文字")
            out.print(f"  → creatorflow tasks answer {item.task_id} {answer}")
        elif item.answer:
            out.print(f"  → {clean(item.answer)} ({clean(item.answered_by)})")


@tasks.command()
@click.argument("task")
@click.argument("answer")
@click.option("--json", "as_json", is_flag=True, help="输出一个 JSON 文档。  One JSON document.")
@click.pass_obj
def answer(program: Program, task: str, answer: str, as_json: bool) -> None:
    """回答一个事项；- 从标准输入读取（验证码等）。  Answer a task; '-' reads the answer from stdin (for codes)."""
    if as_json:
        program.expect_json({})
    if answer == "-":
        answer = stdin_line()

    async def work() -> tuple[TaskView, JobView | None]:
        publisher = program.app.publisher  # its handlers continue the jobs that waited for the answer
        view = await program.app.tasks.answer(task, answer, by="cli")
        return view, await publisher.get(view.job_id) if view.job_id else None

    view, job = program.run(work())
    if as_json:
        document: dict[str, Any] = view.model_dump(mode="json", by_alias=True)
        program.echo_json({**document, "job": None if job is None else job.model_dump(mode="json", by_alias=True)})
        return
    click.echo(program.say(f"Answered {view.task_id}.", f"已回答 {view.task_id}。"))
    if job is not None:
        _say_job(program, job)


def _say_job(program: Program, job: JobView) -> None:
    from creatorflow.cli.tables import hint, state_word

    what = hint(job, program.locale) or ""
    click.echo(f"{job.job_id}  {job.account_id}  {state_word(job.state, program.locale)}  {what}".rstrip())
