"""The dry run: every step of a publish up to the commit point, then stop and show what would be sent."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from creatorflow.api import PluginError, Receipt, Sending, Text
from creatorflow.publish.commit import check_sending
from creatorflow.publish.views import JobView, PlanView, Severity
from creatorflow.store import AccountRecord

if TYPE_CHECKING:
    from creatorflow.accounts import AccountService

__all__ = ["rehearse"]


class _Stop(BaseException):
    """Leaves ``submit`` at the commit point; no ``Exception``, so that no adapter's error handling keeps it."""


class _DryCommit:
    """A commit that never lets the request go."""

    def __init__(self, plan: PlanView) -> None:
        self._plan = plan
        self.sending: Sending | None = None

    async def arm(self, sending: Sending) -> None:
        """Check the request against the plan and stop."""
        check_sending(sending, self._plan.draft)
        self.sending = sending
        raise _Stop


async def rehearse(accounts: AccountService, account: AccountRecord, plan: PlanView, locale: str) -> JobView:
    """Run everything up to ``commit.arm()`` and return a view in state ``ready``; no job is stored.

    Raises:
        PluginError: the adapter's request is not the plan, or it did not stop at the commit point.
        Unavailable, CredentialRejected, HumanNeeded: as from the adapter; nothing was published.
    """
    view = JobView(
        job_id=None,
        platform=plan.platform,
        account=plan.account,
        account_id=f"{plan.platform}:{plan.account}",
        environment=account.environment,
        state="ready",
    )
    asked = [item for item in plan.findings if item.severity is Severity.QUESTION]
    if asked:
        text = asked[0].message.text()
        return view.model_copy(update={"state": "waiting_human", "reason": text.localized(locale)})
    async with accounts.open_adapter(account) as adapter:
        await accounts.record_session(account, await adapter.check_session())
        prepared = await adapter.prepare(plan.draft, None)
        commit = _DryCommit(plan)
        await _until_commit(adapter.submit(prepared, commit))
    sending = commit.sending
    if sending is None:
        raise PluginError(
            Text(
                en=f"The adapter of {plan.platform!r} submitted without asking: look at the account, the post may be out. Tell its author.",
                zh=f"平台 “{plan.platform}” 的适配器未经确认就提交了：请查看账号，内容可能已发布。请联系插件作者。",
            )
        )
    shown = {"text": sending.text, "media": sending.media, "visibility": sending.visibility.value}
    preview = {**prepared.preview, **shown}
    return view.model_copy(update={"preview": preview})


async def _until_commit(submitting: Awaitable[Receipt]) -> None:
    try:
        await submitting
    except _Stop:
        return
