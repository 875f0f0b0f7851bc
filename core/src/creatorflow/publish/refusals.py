"""The sentences with which the publishing service refuses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from creatorflow.api import DuplicateContent, InvalidInput, JobState, NotFound, PlanBlocked, Text
from creatorflow.publish.states import ENDS
from creatorflow.publish.views import PlanView, Severity
from creatorflow.store import JobRecord

__all__ = [
    "Overtaken",
    "account_gone",
    "cannot_cancel",
    "check_due",
    "checked_key",
    "duplicate",
    "other_environment",
    "planned_already",
    "refuse_blocked",
]


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


def duplicate(job: JobRecord) -> DuplicateContent:
    """The same content is out on this account, or may be."""
    account, state = f"{job.platform}:{job.account_name}", job.state
    if state == JobState.CONFIRMED.value:
        when = job.updated_at.strftime("%Y-%m-%d %H:%M UTC")
        text = Text(
            en=f"The same content was already published on {account} ({when}, {job.post_url}). "
            "Change it, or pass --allow-duplicate (RPC: allow_duplicate) to post it again.",
            zh=f"相同内容已在 {account} 发布（{when}，{job.post_url}）。请修改内容，或加 --allow-duplicate（RPC：allow_duplicate） 再次发布。",
        )
    else:
        text = Text(
            en=f"The same content may already be on {account}: job {job.job_id} is {state!r}. "
            f"Settle it first with 'creatorflow jobs reconcile {job.job_id}', or pass --allow-duplicate (RPC: allow_duplicate).",
            zh=f"相同内容可能已在 {account} 发布：任务 {job.job_id} 处于 “{state}”。"
            f"请先运行 'creatorflow jobs reconcile {job.job_id}'，或加 --allow-duplicate（RPC：allow_duplicate）。",
        )
    details = {"job_id": job.job_id, "state": state, "post_url": job.post_url, "account_id": account}
    return DuplicateContent(text, details, job_id=job.job_id)


def planned_already(job: JobRecord) -> DuplicateContent:
    """The same content is going to be published at another time."""
    account = f"{job.platform}:{job.account_name}"
    when = f"{job.due_at:%Y-%m-%d %H:%M} UTC" if job.due_at is not None else None
    text = Text(
        en=f"The same content is already going to be published on {account}{f' at {when}' if when else ' now'} (job {job.job_id}). "
        f"Cancel that with 'creatorflow jobs cancel {job.job_id}', or pass --allow-duplicate (RPC: allow_duplicate) to post it twice.",
        zh=f"相同内容已安排在 {account} {f'于 {when} ' if when else '立即'}发布（任务 {job.job_id}）。"
        f"请先运行 'creatorflow jobs cancel {job.job_id}'，或加 --allow-duplicate（RPC：allow_duplicate） 发布两次。",
    )
    return DuplicateContent(
        text, {"job_id": job.job_id, "state": job.state, "post_url": None, "account_id": account}, job_id=job.job_id
    )


class Overtaken(InvalidInput):
    """Another process changed the job between our look and our write."""

    @classmethod
    def of(cls, job: JobRecord) -> Overtaken:
        """Name the job and what it was."""
        return cls(
            Text(
                en=f"Job {job.job_id} is no longer {job.state!r}: another process changed it at this moment. "
                f"See 'creatorflow jobs show {job.job_id}'.",
                zh=f"任务 {job.job_id} 已不再是 “{job.state}”：另一进程刚刚修改了它。请查看 'creatorflow jobs show {job.job_id}'。",
            ),
            {"job_id": job.job_id, "state": job.state},
        )


def other_environment(job: JobRecord, here: str) -> NotFound:
    """A job of the sandbox while working live, or the other way round."""
    return NotFound(
        Text(
            en=f"Job {job.job_id} belongs to the environment {job.environment!r}, this is {here!r}. They never mix: use the configuration "
            f"of {job.environment!r}.",
            zh=f"任务 {job.job_id} 属于环境 “{job.environment}”，当前为 “{here}”。两者互不相通，请使用 “{job.environment}” 的配置。",
        ),
        {"job_id": job.job_id, "environment": job.environment},
        kind="job",
    )


def account_gone(job: JobRecord) -> Text:
    """Why a job of a removed account ends."""
    return Text(
        en=f"Its account {job.platform}:{job.account_name} was removed.",
        zh=f"其账号 {job.platform}:{job.account_name} 已被移除。",
    )
