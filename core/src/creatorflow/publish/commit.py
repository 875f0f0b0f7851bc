"""The point of no return: what stands between a filled form and the one irreversible request."""

from __future__ import annotations

from typing import Any

from creatorflow.api import Draft, JobState, PluginError, Sending, StaleOwner, Text
from creatorflow.publish.ledger import Ledger, now
from creatorflow.store import AccountRecord, Connection, JobRecord, accounts, jobs

__all__ = ["EngineCommit", "check_sending"]


class EngineCommit:
    """The ``commit`` of one attempt; good for one ``arm``."""

    def __init__(self, ledger: Ledger, job: JobRecord, account: AccountRecord, draft: Draft) -> None:
        self._ledger = ledger
        self._account = account
        self._draft = draft
        self.job = job
        self.called = False
        #: The request was let go; an adapter that sends although ``arm`` raised is found out by this.
        self.armed = False

    async def arm(self, sending: Sending) -> None:
        """Check that the request is the plan, that we still own the account, and sync the intent; see ``creatorflow.api.Commit``."""
        if self.called:
            raise PluginError(
                Text(
                    en=f"The adapter of {self.job.platform!r} armed twice in one attempt. Nothing more was sent. Tell its author.",
                    zh=f"平台 “{self.job.platform}” 的适配器在一次尝试中两次请求提交，已阻止。请联系插件作者。",
                )
            )
        self.called = True
        check_sending(sending, self._draft)
        # Two commits, both durable: "intent" says that the request may be next, "submitting" that arm() has let it go.
        self.job = await self._ledger.write(lambda connection: self._intend(connection, sending))
        self.job = await self._ledger.move(self.job, JobState.SUBMITTING)
        self.armed = True

    def _intend(self, connection: Connection, sending: Sending) -> JobRecord:
        account = accounts.get_account(connection, self._account.id)
        if account is None or account.epoch != self.job.epoch:
            raise StaleOwner(
                Text(
                    en=f"Another process took over {self.job.platform}:{self.job.account_name}; this one sent nothing.",
                    zh=f"账号 {self.job.platform}:{self.job.account_name} 已由另一进程接管，本进程未发送任何内容。",
                )
            )
        moment = now()
        record: dict[str, Any] = {
            "text": sending.text,
            "title": sending.title,
            "media": sending.media,
            "visibility": sending.visibility.value,
        }
        jobs.change_attempt(connection, self.job.job_id, self.job.attempt, intent_at=moment, sending=record)
        # The uid ties the job to the person, should the account be removed and added again.
        return self._ledger.moved(connection, self.job, JobState.INTENT, uid=account.uid)


def check_sending(sending: Sending, draft: Draft) -> None:
    """Compare what is about to be sent with the plan.

    Raises:
        PluginError: they differ; nothing may be sent.
    """
    media = len(draft.images) + (draft.video is not None)
    pairs = {
        "text": (sending.text, draft.text),
        "title": (sending.title, draft.title),
        "media": (sending.media, media),
        "visibility": (sending.visibility, draft.visibility),
    }
    wrong = [name for name, (sent, planned) in pairs.items() if sent != planned]
    if wrong:
        raise PluginError(
            Text(
                en=f"What {draft.platform!r} was about to send differs from the plan in: {', '.join(wrong)}. Nothing was sent. "
                "Tell the plugin's author.",
                zh=f"平台 “{draft.platform}” 即将发送的内容与计划不一致：{'、'.join(wrong)}。未发送任何内容，请联系插件作者。",
            ),
            {"fields": wrong},
        )
