"""The life of a publish job as one table. Every state change goes through ``check``."""

from __future__ import annotations

from creatorflow.api import JobState as S

__all__ = ["AFTER_INTENT", "ENDS", "MAY_BE_OUT", "OPEN", "TRANSITIONS", "UNSENT", "check"]

TRANSITIONS: dict[S, frozenset[S]] = {
    S.SCHEDULED: frozenset({S.DUE, S.MISSED, S.CANCELLED}),
    S.DUE: frozenset({S.PREPARING, S.WAITING_NETWORK, S.WAITING_HUMAN, S.FAILED, S.MISSED, S.CANCELLED}),
    S.WAITING_NETWORK: frozenset({S.DUE, S.MISSED, S.CANCELLED}),
    S.WAITING_HUMAN: frozenset({S.SCHEDULED, S.DUE, S.MISSED, S.CANCELLED}),
    # Nothing has been sent yet. "confirmed" and "needs_attention" only when posts that may be an earlier attempt's turn up before a retry.
    S.PREPARING: frozenset(
        {S.INTENT, S.DUE, S.WAITING_NETWORK, S.WAITING_HUMAN, S.FAILED, S.CANCELLED, S.CONFIRMED, S.NEEDS_ATTENTION}
    ),
    # From here on the irreversible step may have happened: no way back to "due".
    S.INTENT: frozenset({S.SUBMITTING, S.UNCERTAIN}),
    S.SUBMITTING: frozenset({S.CONFIRMED, S.REJECTED, S.UNCERTAIN}),
    S.UNCERTAIN: frozenset({S.RECONCILING, S.CONFIRMED, S.REJECTED, S.ABSENT, S.NEEDS_ATTENTION}),
    S.RECONCILING: frozenset({S.UNCERTAIN, S.CONFIRMED, S.REJECTED, S.ABSENT, S.NEEDS_ATTENTION}),
    S.NEEDS_ATTENTION: frozenset({S.CONFIRMED, S.REJECTED, S.ABSENT}),
    # Ends. A review may still refuse a confirmed post, or its stored text may turn out different.
    S.CONFIRMED: frozenset({S.REJECTED, S.NEEDS_ATTENTION}),
    # A person may start a new attempt of what is certainly not out, and release what was missed.
    S.REJECTED: frozenset({S.DUE}),
    S.FAILED: frozenset({S.DUE}),
    S.ABSENT: frozenset({S.DUE, S.CONFIRMED}),
    S.MISSED: frozenset({S.DUE, S.CANCELLED}),
    S.CANCELLED: frozenset(),
}

#: Ends that are announced; ``needs_attention`` ends the machine's part and begins a person's.
ENDS = frozenset({S.CONFIRMED, S.REJECTED, S.FAILED, S.ABSENT, S.MISSED, S.CANCELLED, S.NEEDS_ATTENTION})
OPEN = frozenset(S) - ENDS

#: The irreversible step may have begun, its outcome is not recorded.
AFTER_INTENT = frozenset({S.INTENT, S.SUBMITTING, S.UNCERTAIN, S.RECONCILING})

#: The post is out, or may be: the same content again would be a double post.
MAY_BE_OUT = AFTER_INTENT | {S.CONFIRMED, S.NEEDS_ATTENTION}

#: Certainly nothing was sent and the job will still run: the same content again joins it.
UNSENT = frozenset({S.SCHEDULED, S.DUE, S.WAITING_NETWORK, S.WAITING_HUMAN, S.PREPARING})


def check(before: S, after: S) -> None:
    """Refuse a change that the table does not hold.

    Raises:
        RuntimeError: a bug of ours, never the user's fault.
    """
    if after not in TRANSITIONS[before]:
        raise RuntimeError(f"publish job: {before.value} -> {after.value} is not a transition of the table")
