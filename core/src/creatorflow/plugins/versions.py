"""Does an installed plugin fit this core? Judged from metadata, before a line of the plugin runs.

A reader of the common half of PEP 440 on purpose: importing ``packaging`` costs about 40 ms at every start. What it does not
understand (markers, URLs, local versions) is not judged, and the import goes ahead.
"""

from __future__ import annotations

import re

from creatorflow.plugins.records import canonical

__all__ = ["CORE_DISTRIBUTION", "release", "unmet_requirement"]

CORE_DISTRIBUTION = "creatorflow"

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;()]*)\)?\s*\Z")
_CLAUSE = re.compile(r"\s*(~=|==|!=|<=|>=|<|>)\s*v?(\d+(?:\.\d+)*)(\.\*)?\s*\Z")
_RELEASE = re.compile(r"v?(\d+(?:\.\d+)*)")

_Release = tuple[int, ...]


def release(version: str) -> _Release | None:
    """Return the numeric part of ``version`` (a pre-release counts as its release), or None."""
    found = _RELEASE.match(version)
    return tuple(int(part) for part in found[1].split(".")) if found else None


def unmet_requirement(requires: tuple[str, ...], core_version: str) -> str | None:
    """Return the first requirement on the core that ``core_version`` certainly does not meet, or None.

    Args:
        requires: ``Requires-Dist`` values of the plugin's distribution.
        core_version: version of the running core; an unreadable one meets everything.
    """
    ours = release(core_version)
    if ours is None:
        return None
    for requirement in requires:
        found = _REQUIREMENT.match(requirement)
        if found is None or canonical(found[1]) != CORE_DISTRIBUTION:
            continue
        clauses = [clause for clause in found[2].split(",") if clause.strip()]
        if not all(_meets(ours, clause) for clause in clauses):
            return requirement.strip()
    return None


def _meets(ours: _Release, clause: str) -> bool:
    found = _CLAUSE.match(clause)
    if found is None:
        return True
    operator, theirs = found[1], tuple(int(part) for part in found[2].split("."))
    prefix = ours[: len(theirs)] == theirs
    if found[3]:  # ==1.2.* and !=1.2.*
        return prefix if operator == "==" else not prefix
    if operator == "~=":
        return _compare(ours, theirs) >= 0 and ours[: len(theirs) - 1] == theirs[:-1]
    order = _compare(ours, theirs)
    return {"==": order == 0, "!=": order != 0, "<=": order <= 0, ">=": order >= 0, "<": order < 0, ">": order > 0}[
        operator
    ]


def _compare(left: _Release, right: _Release) -> int:
    width = max(len(left), len(right))
    first = left + (0,) * (width - len(left))
    second = right + (0,) * (width - len(right))
    return (first > second) - (first < second)
