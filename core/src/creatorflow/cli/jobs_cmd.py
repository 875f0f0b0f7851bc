"""``creatorflow jobs``: look at publish jobs and settle them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from creatorflow.cli import exit_codes
from creatorflow.cli.usage import Usage

if TYPE_CHECKING:
    from creatorflow.cli.program import Program
    from creatorflow.events import Event
    from creatorflow.publish import JobView
    from creatorflow.tasks import TaskView

__all__ = ["jobs"]

JSON_HELP = "输出一个 JSON 文档。  One JSON document."
WAIT_HELP = "等到结果确定（最多 [publish] wait_seconds）。  Keep reading until it is settled."


@click.group()
def jobs() -> None:
    """发布任务：查看与了结。  Publish jobs: look at them, settle them."""


@jobs.command("list")
@click.option("--state", help="只看此状态。  Only this state.")
@click.option("--platform", help="只看此平台。  Only this platform.")
@click.option("--account", help="只看此账号：名称或 平台:名称。  Only this account: its name, or PLATFORM:NAME.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@click.pass_obj
def list_jobs(
    program: Program, *, state: str | None, platform: str | None, account: str | None, limit: int, as_json: bool
) -> None:
    """最新的任务在前。  Newest first."""
    from creatorflow.cli.tables import local_time, print_table, proof_word, state_word

    if as_json:
        program.expect_json({"jobs": []})
    prefix, _, name = (account or "").rpartition(":")
    if prefix and platform not in {None, prefix}:
        raise Usage(
            f"--account says {prefix!r} and --platform {platform!r}. Give one of them.",
            f"--account 属于 “{prefix}”，--platform 为 “{platform}”，请只保留一个。",
        )

    async def work() -> list[JobView]:
        return list(await program.app.publisher.list(state, platform or prefix or None, name or None, limit))

    found = program.run(work())
    if as_json:
        program.echo_json(_document(found))
        return
    if not found:
        click.echo(program.say("No jobs.", "没有任务。"))
        return
    heads = [
        ("job", "任务"),
        ("created", "创建时间"),
        ("account", "账号"),
        ("state", "状态"),
        ("proof", "证明"),
        ("post URL", "链接"),
    ]
    print_table(
        [program.say(*head) for head in heads],
        [
            (
                job.job_id,
                local_time(job.created_at),
                job.account_id,
                state_word(job.state, program.locale),
                proof_word(job.proof, program.locale),
                job.post_url or "—",
            )
            for job in found
        ],
    )


@jobs.command()
@click.argument("job")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@click.pass_obj
def show(program: Program, job: str, as_json: bool) -> None:
    """一个任务的来龙去脉：尝试、证据、事件。  The whole story of a job: attempts, evidence, events."""
    if as_json:
        program.expect_json({})

    async def work() -> tuple[JobView, list[Event], list[TaskView]]:
        view = await program.app.publisher.get(job)
        events = await program.app.events.read(stream=f"job:{job}")
        return view, events, [task for task in await program.app.tasks.list() if task.job_id == job]

    view, events, tasks = program.run(work())
    if as_json:
        story = {
            **view.model_dump(mode="json", by_alias=True),
            "events": [
                {"seq": event.seq, "ts": event.ts.isoformat(), "type": event.type, "data": event.data}
                for event in events
            ],
            "tasks": [task.model_dump(mode="json", by_alias=True) for task in tasks],
        }
        program.echo_json(story)
        return
    _tell(program, view, events, tasks)


def _tell(program: Program, view: JobView, events: Sequence[Event], tasks: Sequence[TaskView]) -> None:
    from rich.text import Text as Cell

    from creatorflow.cli.tables import clean, console, hint, local_time, proof_word, state_word

    out, say, locale = console(), program.say, program.locale
    state = state_word(view.state, locale)
    out.print(Cell.assemble((view.job_id or "", "bold"), f"  {view.account_id}  ", (state, "bold")))
    facts: list[tuple[str, str, str | None]] = [
        ("reason", "原因", view.reason),
        ("next", "下一步", hint(view, locale)),
        ("post", "内容", view.post_url),
        ("proof", "证明", proof_word(view.proof, locale) if view.proof else None),
        ("cause", "原因类别", view.cause),
        ("bundle", "证据包", view.bundle),
        ("due", "预定时间", local_time(view.due_at) if view.due_at else None),
        ("created", "创建", local_time(view.created_at)),
        ("environment", "环境", view.environment),
        ("trace", "跟踪号", view.trace_id),
    ]
    for en, zh, value in facts:
        if value is not None:
            out.print(f"  {say(en, zh)}  {clean(value)}")
    for attempt in view.attempts:
        out.print(Cell(say(f"Attempt {attempt.attempt}", f"第 {attempt.attempt} 次尝试"), "bold"))
        steps = [
            ("started", "开始", attempt.started_at),
            ("intent recorded", "意图落盘", attempt.intent_at),
            ("answered", "平台应答", attempt.submitted_at),
            ("ended", "结束", attempt.ended_at),
        ]
        for en, zh, moment in steps:
            if moment is not None:
                out.print(f"  {local_time(moment, exact=True)}  {say(en, zh)}")
        if attempt.reads:
            out.print(f"  {say('reads that did not find it', '未找到的回读次数')}  {attempt.reads}")
        for item in attempt.evidence:
            out.print(f"  {say('evidence', '证据')}  {_evidence(item, locale)}")
    out.print(Cell(say("Events", "事件"), "bold"))
    for event in events:
        out.print(f"  {local_time(event.ts, exact=True)}  {_event(event, locale)}")
    if tasks:
        out.print(Cell(say("Human tasks", "人工任务"), "bold"))
    for task in tasks:
        prompt = clean(task.prompt["zh-CN" if locale.startswith("zh") else "en"])
        answered = f" → {clean(task.answer)} ({clean(task.answered_by)})" if task.answer else ""
        out.print(f"  {task.task_id}  {task.kind}  {task.state}  {prompt}{answered}")


def _evidence(item: dict[str, Any], locale: str) -> str:
    from creatorflow.cli.tables import clean

    parts = []
    for key, value in item.items():
        said = value.get("zh-CN" if locale.startswith("zh") else "en", "") if isinstance(value, dict) else value
        if said not in (None, "", [], {}):
            parts.append(clean(said) if key == "kind" else f"{key}={clean(said)}")
    return "  ".join(parts)


def _event(event: Event, locale: str) -> str:
    from creatorflow.cli.tables import clean, state_word

    data = event.data
    if event.type != "publish.state_changed":
        return event.type
    before = f"{state_word(data['previous'], locale)} → " if data.get("previous") else ""
    text = f"{before}{state_word(data['state'], locale)}"
    if data.get("proof") and data["previous"] == data["state"]:
        text = f"{state_word(data['state'], locale)}  {data['proof']}"
    reason = data.get("reason")
    return text + (f"  {clean(reason['zh-CN' if locale.startswith('zh') else 'en'])}" if reason else "")


@jobs.command()
@click.argument("job", required=False)
@click.option("--wait", is_flag=True, help=WAIT_HELP)
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@click.pass_obj
def reconcile(program: Program, job: str | None, wait: bool, as_json: bool) -> None:
    """只读核实未决任务，绝不发送。  Settle open jobs by reading back; never submits. Without JOB: all of them."""
    if as_json:
        program.expect_json({"jobs": []})

    async def work() -> list[JobView]:
        wait_s = program.settings.publish.wait_seconds if wait else 0.0
        return list(await program.app.publisher.reconcile(job, wait_s))

    _finish(program, program.run(work()), as_json=as_json, nothing=("Nothing is open.", "没有未决任务。"))


@jobs.command()
@click.argument("job")
@click.option("--wait", is_flag=True, help="等到在列表中核实。  Wait until the post is listed.")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@click.pass_obj
def retry(program: Program, job: str, wait: bool, as_json: bool) -> None:
    """对确定未发出的任务再试一次。  A new attempt of a job that is certainly not out."""
    from creatorflow.cli.progress import progress

    if as_json:
        program.expect_json({"jobs": []})

    async def work(listener: Any) -> list[JobView]:
        forget = program.app.publisher.on_progress(listener)
        try:
            return [await program.app.publisher.retry(job, until_listed=wait)]
        finally:
            forget()

    with progress(program) as listener:
        found = program.run(work(listener))
    _finish(program, found, as_json=as_json)


@jobs.command()
@click.argument("job")
@click.option("--as", "outcome", required=True, type=click.Choice(["confirmed", "rejected", "absent"]))
@click.option("--evidence", metavar="URL", help="依据，例如内容链接。  What shows it: the post's URL.")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@click.pass_obj
def resolve(program: Program, job: str, outcome: str, evidence: str | None, as_json: bool) -> None:
    """由人工给出未决任务的结论；成功时退出码为 0。  A person settles an uncertain job; exit code 0 when noted."""
    if as_json:
        program.expect_json({"jobs": []})

    async def work() -> list[JobView]:
        return [await program.app.publisher.resolve(job, outcome, evidence, by="cli")]

    _finish(program, program.run(work()), as_json=as_json, code=exit_codes.DONE)


@jobs.command()
@click.argument("job")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@click.pass_obj
def cancel(program: Program, job: str, as_json: bool) -> None:
    """取消尚未发送的任务；成功时退出码为 0。  Cancel a job that was not sent; exit code 0 when it is cancelled."""
    if as_json:
        program.expect_json({"jobs": []})

    async def work() -> list[JobView]:
        return [await program.app.publisher.cancel(job)]

    _finish(program, program.run(work()), as_json=as_json, code=exit_codes.DONE)


def _finish(
    program: Program,
    found: Sequence[JobView],
    *,
    as_json: bool,
    code: int | None = None,
    nothing: tuple[str, str] = ("No jobs.", "没有任务。"),
) -> None:
    from creatorflow.cli.tables import print_jobs

    if as_json:
        program.echo_json(_document(found))
    elif found:
        print_jobs(program, found)
    else:
        click.echo(program.say(*nothing))
    sys.exit(code if code is not None else exit_codes.overall(exit_codes.of_state(job.state) for job in found))


def _document(found: Sequence[JobView]) -> dict[str, Any]:
    return {"jobs": [job.model_dump(mode="json", by_alias=True) for job in found]}
