"""``creatorflow plan`` and ``creatorflow publish``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from creatorflow.cli import exit_codes
from creatorflow.cli.usage import TIME, FileOrStdin, Usage, check_targets, expand_targets

if TYPE_CHECKING:
    from creatorflow.api.content import Content
    from creatorflow.cli.batch import Batch, PostOutcome
    from creatorflow.cli.program import Program
    from creatorflow.publish import Finding, JobView, PlanView

__all__ = ["plan", "publish"]

TO_HELP = "平台:账号，可重复或一次写多个。  PLATFORM:ACCOUNT; repeat it, or give several."


class _WithTargets(click.Command):
    """Lets ``--to`` take several accounts."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, expand_targets(args))


@click.command(cls=_WithTargets)
@click.argument("file", type=FileOrStdin())
@click.option("--to", "targets", multiple=True, required=True, metavar="PLATFORM:ACCOUNT", help=TO_HELP)
@click.option("--json", "as_json", is_flag=True, help="输出一个 JSON 文档。  One JSON document.")
@click.pass_obj
def plan(program: Program, file: Path, targets: Sequence[str], as_json: bool) -> None:
    """不联网预检：将发出什么、缺什么、如何修正。  What would go out, what is wrong, how to mend it; no network.

    退出码  Exit code: 0 可以发布 ready, 1 有阻断问题 blocked, 3 有待回答的问题 a question is open.
    """
    if as_json:
        program.expect_json({"plans": []})
    chosen = check_targets(targets)
    content, folder = _content(file)
    plans = program.run(_plan(program, content, folder, chosen))
    if as_json:
        program.echo_json({"plans": [item.model_dump(mode="json", by_alias=True) for item in plans]})
    else:
        for item in plans:
            _show_plan(program, item)
    sys.exit(exit_codes.overall(_plan_code(item) for item in plans))


def _content(file: Path) -> tuple[Content, Path]:
    """Return the post and the folder that its pictures are relative to."""
    from creatorflow.publish import parse_post, read_post

    if str(file) == "-":
        return parse_post(sys.stdin.buffer.read().decode("utf-8", "replace"), name="-"), Path.cwd()
    return read_post(file), file.absolute().parent


async def _plan(program: Program, content: Content, folder: Path, targets: Sequence[str]) -> list[PlanView]:
    return list(await program.app.publisher.plan(content, targets, base_dir=folder))


def _plan_code(item: PlanView) -> int:
    severities = {finding.severity.value for finding in item.findings}
    if "blocking" in severities:
        return exit_codes.REFUSED
    return exit_codes.PERSON if "question" in severities else exit_codes.DONE


_MARKS = {"blocking": ("✗", "red"), "question": ("?", "yellow"), "warning": ("!", "cyan")}


def _show_plan(program: Program, item: PlanView) -> None:
    from rich.text import Text as Cell

    from creatorflow.cli.tables import clean, console

    out, say = console(), program.say
    verdict = {
        exit_codes.DONE: (say("ready", "可以发布"), "green"),
        exit_codes.PERSON: (say("a question is open", "有待回答的问题"), "yellow"),
        exit_codes.REFUSED: (say("blocked", "不能发布"), "red"),
    }[_plan_code(item)]
    out.print(Cell.assemble((f"{item.platform}:{item.account}", "bold"), f"  {item.form.value}  ", verdict))
    limit = f" / {item.max_length}" if item.max_length is not None else ""
    out.print(f"  {say('length', '字数')}  {item.length}{limit}")
    out.print(f"  {say('pictures', '图片')}  {len(item.draft.images)}")
    out.print(f"  {say('visibility', '可见范围')}  {item.draft.visibility.value}")
    out.print(f"  {say('hash', '摘要')}  {item.payload_hash}")
    for finding in item.findings:
        _show_finding(program, finding)
    for operation in item.operations:
        out.print(f"  + {clean(operation.text().localized(program.locale))}")
    styles = {"+": "green", "-": "red", "@": "dim"}
    for line in item.diff:
        out.print(Cell(f"  {clean(line)}", style=styles.get(line[:1], "")))


def _show_finding(program: Program, finding: Finding) -> None:
    from rich.text import Text as Cell

    from creatorflow.cli.tables import clean, console

    mark, style = _MARKS[finding.severity.value]
    out, locale = console(), program.locale
    message = clean(finding.message.text().localized(locale))
    out.print(Cell.assemble("  ", (mark, style), f" {finding.field}: {message}"))
    if finding.fix is not None:
        out.print(f"    → {clean(finding.fix.text().localized(locale))}")


@click.command(cls=_WithTargets)
@click.argument("files", nargs=-1, required=True, type=FileOrStdin(), metavar="FILE...")
@click.option("--to", "targets", multiple=True, required=True, metavar="PLATFORM:ACCOUNT", help=TO_HELP)
@click.option(
    "--at", type=TIME, help="到时再发（带时区偏移），由 worker 执行。  Store it; a worker publishes it at this time."
)
@click.option(
    "--dry-run", is_flag=True, help="执行到提交点为止，不发送。  Everything up to the commit point; nothing is sent."
)
@click.option("--wait", is_flag=True, help="等到在列表中核实。  Wait until the post is listed.")
@click.option(
    "--allow-duplicate", is_flag=True, help="允许重复发布相同内容。  Publish although the same content is out."
)
@click.option("--key", help="幂等键：同一键只发一次。  Idempotency key: the same key never posts twice.")
@click.option("--json", "as_json", is_flag=True, help="标准输出只有一个 JSON 文档。  One JSON document on stdout.")
@click.pass_obj
def publish(
    program: Program,
    *,
    files: Sequence[Path],
    targets: Sequence[str],
    at: datetime | None,
    dry_run: bool,
    wait: bool,
    allow_duplicate: bool,
    key: str | None,
    as_json: bool,
) -> None:
    """发布文章，每个账号恰好一次。  Publish posts, on each account exactly once; several files or a folder are a batch.

    退出码  Exit code: 0 已确认 confirmed, 1 未发布 not published, 2 用法 usage, 3 等待人工 a person is needed,
    4 结果未定，勿重发 uncertain, do not post again.
    """
    from creatorflow.cli.batch import Batch, post_files
    from creatorflow.cli.progress import progress

    if as_json:
        program.expect_json({"jobs": []})
    posts = post_files(files)
    _check_options(posts, key, at, dry_run)
    _warn_about_time(program, at)
    options: dict[str, Any] = {
        "idempotency_key": key,
        "allow_duplicate": allow_duplicate,
        "dry_run": dry_run,
        "until_listed": wait,
    }
    batch = Batch(program, posts, check_targets(targets), options, at)
    with progress(program) as listener:
        outcomes = program.run(_run(program, batch, listener))
    if as_json:
        program.echo_json(_document(program, outcomes))
    _show(program, outcomes, as_json=as_json, skipped=len(posts) - len(outcomes))
    sys.exit(exit_codes.overall(outcome.code() for outcome in outcomes))


async def _run(program: Program, batch: Batch, listener: Any) -> list[PostOutcome]:
    forget = program.app.publisher.on_progress(listener)
    try:
        return await batch.run()
    finally:
        forget()


def _check_options(posts: Sequence[Path], key: str | None, at: datetime | None, dry_run: bool) -> None:
    if any(str(path) == "-" for path in posts):
        raise Usage(
            "A post that is published must be a file: its pictures are relative to it.",
            "要发布的文章必须是文件：其中的图片路径相对于该文件。",
        )
    if key is not None and len(posts) > 1:
        raise Usage(
            "One idempotency key cannot stand for several posts. Publish them one by one, or leave --key out.",
            "一个幂等键不能对应多篇文章。请逐篇发布，或去掉 --key。",
        )
    if key is not None and not (1 <= len(key) <= 255 and key.isprintable() and not any(map(str.isspace, key))):
        raise Usage("The idempotency key must have 1 to 255 visible characters.", "幂等键必须是 1 到 255 个可见字符。")
    if at is not None and dry_run:
        raise Usage("--at and --dry-run exclude each other.", "--at 与 --dry-run 不能同时使用。")


def _warn_about_time(program: Program, at: datetime | None) -> None:
    if at is not None and at <= datetime.now(UTC):
        click.echo(
            program.say(
                f"Note: {at.isoformat()} lies in the past; a worker sends it only if it is not too late for that.",
                f"注意：{at.isoformat()} 已过；只有未超过允许的延迟时，worker 才会发送。",
            ),
            err=True,
        )


def _document(program: Program, outcomes: Sequence[PostOutcome]) -> dict[str, Any]:
    jobs = [
        {**job.model_dump(mode="json", by_alias=True), "file": str(outcome.file)}
        for outcome in outcomes
        for job in outcome.jobs
    ]
    refused = [
        {"file": str(outcome.file), **program.error_entry(outcome.error)} for outcome in outcomes if outcome.error
    ]
    document: dict[str, Any] = {"jobs": jobs}
    if refused:  # ``error`` is the first one, for callers that publish one file; a batch has them all in ``refused``
        document["error"] = {key: refused[0][key] for key in ("code", "message", "details")}
        if len(outcomes) > 1:
            document["refused"] = refused
    return document


def _show(program: Program, outcomes: Sequence[PostOutcome], *, as_json: bool, skipped: int) -> None:
    from creatorflow.cli.tables import print_jobs

    several = len(outcomes) + skipped > 1
    jobs = [(outcome.file.name, job) for outcome in outcomes for job in outcome.jobs]
    if jobs and not as_json:
        print_jobs(program, [job for _, job in jobs], files=[name for name, _ in jobs] if several else ())
        for _, job in jobs:
            _show_preview(program, job)
    for outcome in outcomes:
        if outcome.error is not None:
            where = f"{outcome.file.name}: " if several else ""
            click.echo(f"{where}{program.sentence(outcome.error)}", err=True)
    if skipped:
        click.echo(program.say(f"{skipped} more file(s) were not begun.", f"另有 {skipped} 个文件未开始。"), err=True)


def _show_preview(program: Program, job: JobView) -> None:
    from creatorflow.cli.tables import clean, console

    if job.replayed:
        console(stderr=True).print(
            program.say(
                f"{job.account_id}: this is the earlier job {job.job_id}; nothing was started twice.",
                f"{job.account_id}：这是已有的任务 {job.job_id}，没有重复启动。",
            )
        )
    if job.preview is None:
        return
    out = console()
    out.print(program.say("This would be sent:", "将会发送："))
    for name, value in job.preview.items():
        text = clean(value).replace("\n", "\n      ")
        out.print(f"  {name}: {text}")
