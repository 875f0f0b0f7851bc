"""The ``creatorflow`` program, or a deliberately broken one: what the crash campaign kills.

``python -m tests.campaigns._victim CONTROL ARGUMENTS…`` runs the program with ARGUMENTS. CONTROL is ``none`` for the real one; the others
each remove one protection, and the campaign must then find a double post: a campaign that passes them proves nothing.
"""

from __future__ import annotations

import sys
from typing import Any

CONTROLS = ("none", "arm_late", "blind_retry")


def break_protection(control: str) -> None:
    """Patch this process so that one protection is missing."""
    if control == "arm_late":
        _arm_after_the_request()
    elif control == "blind_retry":
        _send_again_what_is_uncertain()


def _arm_after_the_request() -> None:
    """The adapter sends first and records its intent afterwards."""
    from creatorflow_weibo.adapter import WeiboAdapter

    honest = WeiboAdapter.submit

    class NoCommit:
        sending: Any = None

        async def arm(self, sending: Any) -> None:
            self.sending = sending

    async def submit(self: Any, prepared: Any, commit: Any) -> Any:
        remembered = NoCommit()
        receipt = await honest(self, prepared, remembered)
        await commit.arm(remembered.sending)
        return receipt

    WeiboAdapter.submit = submit  # type: ignore[method-assign]


def _send_again_what_is_uncertain() -> None:
    """Reconciling does not look: it puts the job back to due."""
    from creatorflow.api import JobState
    from creatorflow.publish import states
    from creatorflow.publish.workers import JobWorkers

    for state in (JobState.INTENT, JobState.SUBMITTING, JobState.UNCERTAIN, JobState.RECONCILING):
        states.TRANSITIONS[state] |= {JobState.DUE}

    async def reconcile(self: Any, job_id: str, account: Any, wait_s: float) -> Any:
        job = await self._ledger.get(job_id)
        if JobState(job.state) in states.AFTER_INTENT | {JobState.PREPARING}:
            return await self._ledger.move(job, JobState.DUE)
        return job

    JobWorkers._reconcile = reconcile  # type: ignore[method-assign]
    from creatorflow.publish.runner import JobRunner

    async def never_found(self: Any, attempt: Any, adapter: Any) -> bool:
        return False

    JobRunner._earlier_attempt_is_out = never_found  # type: ignore[method-assign]


def main() -> int:
    """Run the program."""
    control, *arguments = sys.argv[1:]
    break_protection(control)
    from creatorflow.cli.program import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
