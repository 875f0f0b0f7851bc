"""What people see: tables on stdout, words for states, times in the local zone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from creatorflow.api.errors import Text

if TYPE_CHECKING:
    from rich.console import Console

    from creatorflow.cli.program import Program
    from creatorflow.publish import JobView

__all__ = ["clean", "console", "hint", "local_time", "print_jobs", "print_table", "proof_word", "state_word"]

_STATES = {
    "ready": Text(en="ready", zh="就绪"),
    "scheduled": Text(en="scheduled", zh="已排期"),
    "due": Text(en="due", zh="待执行"),
    "waiting_network": Text(en="waiting_network", zh="等待网络"),
    "waiting_human": Text(en="waiting_human", zh="等待人工"),
    "preparing": Text(en="preparing", zh="准备中"),
    "intent": Text(en="intent", zh="即将提交"),
    "submitting": Text(en="submitting", zh="提交中"),
    "uncertain": Text(en="uncertain", zh="结果未定"),
    "reconciling": Text(en="reconciling", zh="回读核实中"),
    "confirmed": Text(en="confirmed", zh="已确认"),
    "rejected": Text(en="rejected", zh="被拒绝"),
    "failed": Text(en="failed", zh="失败"),
    "absent": Text(en="absent", zh="确认未发布"),
    "missed": Text(en="missed", zh="已错过"),
    "cancelled": Text(en="cancelled", zh="已取消"),
    "needs_attention": Text(en="needs_attention", zh="需要处理"),
    "refused": Text(en="refused", zh="未受理"),
}
_PROOFS = {
    "submitted": Text(en="submitted", zh="已提交"),
    "accepted": Text(en="accepted", zh="平台已受理"),
    "listed": Text(en="listed", zh="已在列表中"),
    "visible": Text(en="visible to a stranger", zh="陌生人可见"),
    "still_there_1h": Text(en="still there after 1 h", zh="1 小时后仍在"),
    "still_there_24h": Text(en="still there after 24 h", zh="24 小时后仍在"),
    "still_there_7d": Text(en="still there after 7 d", zh="7 天后仍在"),
}
_STYLES = {"confirmed": "green", "ready": "green", "scheduled": "cyan", "due": "cyan"}
_WARM = {
    "uncertain",
    "reconciling",
    "intent",
    "submitting",
    "waiting_human",
    "waiting_network",
    "needs_attention",
    "preparing",
}

#: What to do about a job in this state; ``{job}`` is its id.
_HINTS = {
    "due": Text(en="creatorflow worker --once sends it.", zh="可用 creatorflow worker --once 发送。"),
    "waiting_network": Text(
        en="creatorflow worker sends it when the network may be used.", zh="网络可用后由 creatorflow worker 发送。"
    ),
    "scheduled": Text(en="creatorflow worker must run at that time.", zh="届时需要 creatorflow worker 正在运行。"),
    "waiting_human": Text(en="A person is needed: creatorflow tasks list", zh="需要人工处理：creatorflow tasks list"),
    "needs_attention": Text(
        en="Look at the account, then: creatorflow jobs resolve {job} --as confirmed|absent",
        zh="请查看账号，然后：creatorflow jobs resolve {job} --as confirmed|absent",
    ),
    "uncertain": Text(
        en="Do not post it again. Look for it: creatorflow jobs reconcile {job} --wait",
        zh="请勿再次发布。核实命令：creatorflow jobs reconcile {job} --wait",
    ),
    "failed": Text(en="Try again: creatorflow jobs retry {job}", zh="重试：creatorflow jobs retry {job}"),
}


def clean(text: object) -> str:
    """Return text without control characters: what a platform or a file says may not steer the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "�" for char in str(text))


def state_word(state: str, locale: str) -> str:
    """Return the state for people; in Chinese the word of the JSON stands beside it."""
    word = _STATES[state].localized(locale)
    return word if word == state else f"{word} {state}"


def proof_word(proof: str | None, locale: str) -> str:
    """Return the proof rung for people."""
    return "—" if proof is None else _PROOFS[proof].localized(locale)


def hint(job: JobView, locale: str) -> str | None:
    """Return what to do next about a job, None when nothing is."""
    text = _HINTS.get(job.state)
    return None if text is None else text.localized(locale).replace("{job}", job.job_id or "")


def local_time(moment: datetime | None, *, exact: bool = False) -> str:
    """Return a time in the zone of this machine, with its offset; ``exact``: with milliseconds."""
    return (
        "—"
        if moment is None
        else moment.astimezone().isoformat(sep=" ", timespec="milliseconds" if exact else "seconds")
    )


def console(*, stderr: bool = False) -> Console:
    """Return a console for stdout or stderr; a pipe gets no colours and no line breaks of ours."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = 400
    return made


def print_table(heads: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[int] = ()) -> None:
    """Print a table on stdout; cells are text or rich ``Text``, ``right`` are numbers of right-aligned columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text as Cell

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Cell) else Cell(clean(cell)) for cell in row))
    console().print(table)


def print_jobs(program: Program, jobs: Sequence[JobView], *, files: Sequence[str] = ()) -> None:
    """Print the table of results, and below it what each job says and needs."""
    from rich.text import Text as Cell

    locale = program.locale
    heads = [program.say(*head) for head in _HEADS]
    rows = []
    for number, job in enumerate(jobs):
        style = _STYLES.get(job.state, "yellow" if job.state in _WARM else "red")
        state = Cell(state_word(job.state, locale), style=style)
        seconds = "" if job.seconds is None else f"{job.seconds:.2f}"
        row = [job.platform, job.account, state, proof_word(job.proof, locale), job.post_url or "—", seconds]
        rows.append([*([files[number]] if files else []), *row])
    shown = [*([program.say("file", "文件")] if files else []), *heads]
    print_table(shown, rows, right=[len(shown) - 1])
    out = console()
    for job in jobs:
        if job.reason:
            out.print(f"{job.account_id}  {clean(job.reason)}")
        if (what := hint(job, locale)) is not None:
            out.print(f"{job.account_id}  {job.job_id}  {what}")


_HEADS = (
    ("platform", "平台"),
    ("account", "账号"),
    ("state", "状态"),
    ("proof", "证明"),
    ("post URL", "链接"),
    ("seconds", "秒"),
)
