"""The sentences with which the publishing service refuses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from creatorflow.api import InvalidInput, JobState, PlanBlocked, Text
from creatorflow.publish.states import ENDS
from creatorflow.publish.views import PlanView, Severity
from creatorflow.store import JobRecord

__all__ = ["cannot_cancel", "check_due", "checked_key", "refuse_blocked"]


def refuse_blocked(planned: Iterable[PlanView]) -> None:
    """Raise ``PlanBlocked`` with every blocking finding, if there is one."""
    blocked = [
        (plan, finding) for plan in planned for finding in plan.findings if finding.severity is Severity.BLOCKING
    ]
    if not blocked:
        return
    sentences = [(finding.message.text(), finding.fix.text() if finding.fix else None) for _plan, finding in blocked]
    raise PlanBlocked(
        Text(
            en=" ".join(f"{what.en}{' ' + fix.en if fix else ''}" for what, fix in sentences) + " Nothing was sent.",
            zh="".join(f"{what.zh}{fix.zh if fix else ''}" for what, fix in sentences) + "未发送任何内容。",
        ),
        {
            "findings": [
                {
                    "account_id": f"{plan.platform}:{plan.account}",
                    **finding.model_dump(mode="json", by_alias=True),
                }
                for plan, finding in blocked
            ]
        },
    )


def check_due(due: datetime | None) -> None:
    """Refuse a time without an offset."""
    if due is not None and due.tzinfo is None:
        raise InvalidInput(
            Text(
                en="The time has no offset. Write it as 2026-12-01T20:00+08:00.",
                zh="时间缺少时区偏移，请写成 2026-12-01T20:00+08:00。",
            )
        )


def checked_key(key: str | None) -> str | None:
    """Return an idempotency key that is one, or None."""
    if key is not None and not (1 <= len(key) <= 255 and key.isprintable() and not any(char.isspace() for char in key)):
        raise InvalidInput(
            Text(
                en="The idempotency key must have 1 to 255 visible characters.", zh="幂等键必须是 1 到 255 个可见字符。"
            )
        )
    return key


def cannot_cancel(job: JobRecord) -> InvalidInput:
    """A job that can no longer be stopped: where it is, and what can still be done."""
    if JobState(job.state) in ENDS:
        text = Text(
            en=f"Job {job.job_id} has already ended: {job.state}.", zh=f"任务 {job.job_id} 已结束：{job.state}。"
        )
    elif job.state == JobState.PREPARING.value:
        text = Text(
            en=f"Job {job.job_id} is being prepared by another process; cancel it there.",
            zh=f"任务 {job.job_id} 正由另一进程准备，请在那里取消。",
        )
    else:
        text = Text(
            en=f"Job {job.job_id} is past the point of no return ({job.state}); it can only be read back: "
            f"'creatorflow jobs reconcile {job.job_id}'.",
            zh=f"任务 {job.job_id} 已越过提交点（{job.state}），只能回读核实：'creatorflow jobs reconcile {job.job_id}'。",
        )
    return InvalidInput(text, {"job_id": job.job_id, "state": job.state})
