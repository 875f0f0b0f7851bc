"""What a command exits with: one table from job states, one from errors."""

from __future__ import annotations

from collections.abc import Iterable

from creatorflow.api.errors import CreatorFlowError, NotFound, Uncertain
from creatorflow.api.publishing import JobState as S

__all__ = [
    "BY_STATE",
    "DONE",
    "INTERRUPTED",
    "PERSON",
    "REFUSED",
    "UNCERTAIN",
    "USAGE",
    "of_error",
    "of_state",
    "overall",
]

DONE, REFUSED, USAGE, PERSON, UNCERTAIN, INTERRUPTED = 0, 1, 2, 3, 4, 130

#: ``ready`` is the state word of a dry run. What is left unsent and unfinished (due, waiting_network, preparing in another process) needs
#: somebody to look after it, like ``waiting_human``.
BY_STATE: dict[str, int] = {
    "ready": DONE,
    S.CONFIRMED: DONE,
    S.SCHEDULED: DONE,
    S.REJECTED: REFUSED,
    S.FAILED: REFUSED,
    S.ABSENT: REFUSED,
    S.MISSED: REFUSED,
    S.CANCELLED: REFUSED,
    S.WAITING_HUMAN: PERSON,
    S.NEEDS_ATTENTION: PERSON,
    S.DUE: PERSON,
    S.WAITING_NETWORK: PERSON,
    S.PREPARING: PERSON,
    S.INTENT: UNCERTAIN,
    S.SUBMITTING: UNCERTAIN,
    S.UNCERTAIN: UNCERTAIN,
    S.RECONCILING: UNCERTAIN,
}

#: Several outcomes in one command: the first of these that occurs.
_ORDER = (UNCERTAIN, PERSON, USAGE, REFUSED, DONE)


def of_state(state: str) -> int:
    """Return the exit code of one job's state."""
    return BY_STATE[state]


def of_error(error: CreatorFlowError) -> int:
    """Return the exit code of an error that ended a command or one post of it."""
    if isinstance(error, NotFound) and error.kind in {"platform", "account"}:
        return USAGE
    return UNCERTAIN if isinstance(error, Uncertain) else REFUSED


def overall(codes: Iterable[int]) -> int:
    """Return the exit code of several outcomes: 4 over 3 over 1 over 0; nothing at all is 0."""
    found = set(codes)
    return next((code for code in _ORDER if code in found), DONE)
