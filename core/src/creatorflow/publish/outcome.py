"""From an exception to the state a job ends in, before and after the point of no return."""

from __future__ import annotations

from dataclasses import dataclass

from creatorflow.api import (
    Cause,
    ContentError,
    CreatorFlowError,
    CredentialRejected,
    HumanNeeded,
    InvalidInput,
    JobState,
    OfflineDenied,
    RateLimited,
    Refused,
    StorageError,
    Text,
    Unavailable,
    VaultError,
)

__all__ = ["Outcome", "after_intent", "before_intent", "sentence"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the job goes, and why."""

    state: JobState
    reason: Text
    cause: Cause


def before_intent(error: BaseException, platform: str) -> Outcome:
    """Nothing was sent: decide between waiting and an honest failure."""
    if isinstance(error, CredentialRejected):
        return Outcome(JobState.WAITING_HUMAN, error.text, Cause.SESSION)
    if isinstance(error, HumanNeeded):
        return Outcome(JobState.WAITING_HUMAN, error.text, error.cause or Cause.RISK)
    if isinstance(error, VaultError):  # locked, or its passphrase is missing in this process: not the job's fault
        return Outcome(JobState.WAITING_HUMAN, error.text, Cause.ACCOUNT)
    if isinstance(error, OfflineDenied):
        return Outcome(JobState.WAITING_NETWORK, error.text, Cause.NETWORK)
    return Outcome(JobState.FAILED, sentence(error, platform, sent=False), _cause(error))


def after_intent(error: BaseException, platform: str, *, attempt: int) -> Outcome:
    """The request may have gone out: only the platform's own words end the doubt.

    A refusal as duplicate in a second attempt is evidence that the first one worked, so it stays uncertain and is read back.
    """
    if isinstance(error, Refused) and not (error.details.get("duplicate") and attempt > 1):
        return Outcome(JobState.REJECTED, error.text, error.cause or Cause.CONTENT)
    if isinstance(error, CredentialRejected):
        return Outcome(JobState.REJECTED, error.text, Cause.SESSION)
    return Outcome(JobState.UNCERTAIN, sentence(error, platform, sent=True), _cause(error))


def _cause(error: BaseException) -> Cause:
    if isinstance(error, CreatorFlowError) and error.cause is not None:
        return error.cause
    if isinstance(error, RateLimited | HumanNeeded):
        return Cause.RISK
    if isinstance(error, Unavailable | TimeoutError):
        return Cause.NETWORK
    if isinstance(error, Refused | ContentError):
        return Cause.CONTENT
    if isinstance(error, InvalidInput):
        return Cause.ACCOUNT
    return Cause.OUR_BUG


def sentence(error: BaseException, platform: str, *, sent: bool) -> Text:
    """Return what an exception says to people; ``sent``: the post may be out."""
    if isinstance(error, CreatorFlowError) and not isinstance(error, StorageError):
        what = error.text
    elif isinstance(error, TimeoutError):
        what = Text(en=f"{platform} did not answer in time.", zh=f"{platform} 未在时限内应答。")
    else:
        # The text of an unknown exception may hold anything; its type is enough here, the log has the rest.
        name = type(error).__name__
        what = Text(
            en=f"The {platform} plugin failed unexpectedly ({name}); the log has the details.",
            zh=f"{platform} 插件意外出错（{name}），详见日志。",
        )
    if not sent:
        return what
    return Text(
        en=f"{what.en} Whether the post is out is not known yet; it will be looked for, never sent again blindly.",
        zh=f"{what.zh} 内容是否已发布尚不确定，将回读核实，绝不盲目重发。",
    )
