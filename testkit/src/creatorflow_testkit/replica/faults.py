"""Faults: named knobs that make a replica misbehave on purpose."""

from __future__ import annotations

import difflib
import fnmatch
import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["COMMON_FAULTS", "ArmedFault", "FaultError", "FaultSpec", "Faults"]

Params = Mapping[str, Any]


class FaultError(ValueError):
    """A fault was armed or cleared with a name, route or parameter that does not exist."""


@dataclass(frozen=True)
class FaultSpec:
    """What a knob does.

    Attributes:
        name: the name it is armed by.
        summary: one sentence for people.
        kinds: the kinds of routes it strikes when armed without a route; empty: every route.
        params: its parameters with their defaults (units in the summary).
    """

    name: str
    summary: str
    kinds: tuple[str, ...] = ()
    params: Params = field(default_factory=dict)


#: Knobs that every replica has; the framework itself carries them out except where the summary says otherwise.
COMMON_FAULTS: tuple[FaultSpec, ...] = (
    FaultSpec("request_lost", "The connection is cut after the request arrived and before any effect.", ("publish",)),
    FaultSpec("answer_lost", "The effect happens, then the connection is cut without any answer.", ("publish",)),
    FaultSpec("answer_delayed", "The effect happens at once, the answer comes late.", ("publish",), {"seconds": 5.0}),
    FaultSpec("status_502_after_accept", "The effect happens, then a gateway answers 502.", ("publish",)),
    FaultSpec(
        "slow_upload",
        "The body is read slowly: bytes_per_s, or (when 0) a pause of so many seconds before it is read.",
        ("upload",),
        {"bytes_per_s": 0.0, "seconds": 0.0},
    ),
    FaultSpec(
        "list_delay", "A post made meanwhile enters lists so many seconds later.", ("publish",), {"seconds": 60.0}
    ),
    FaultSpec("list_stale", "Lists show nothing that was posted after the fault was armed.", ("list",)),
    FaultSpec("list_down", "Lists answer with an error status.", ("list",), {"status": 503}),
    FaultSpec("risk_wall", "The anti-bot answer of the platform instead of any effect.", (), {"status": 0}),
    FaultSpec("expired_session", "The request counts as not logged in (carried out by the replica's session check)."),
)


@dataclass
class ArmedFault:
    """One armed knob.

    Attributes:
        fault_id: number of this arming; ``clear`` takes it.
        name: the knob.
        route: glob over route names, or ``""`` for the knob's own kinds of routes.
        count: strikes left, ``None``: until cleared.
        after: matching requests that pass unharmed first.
        params: parameters, defaults filled in.
        armed_at: the site's time of arming, seconds since 1970.
        struck: how often it struck so far.
    """

    fault_id: int
    name: str
    route: str
    count: int | None
    after: int
    params: dict[str, Any]
    armed_at: float
    struck: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain data for the control API."""
        return asdict(self)


class Faults:
    """The knobs of one replica. Not thread-safe: lives on the sandbox's event loop."""

    def __init__(self, specs: tuple[FaultSpec, ...], routes: Mapping[str, str]) -> None:
        """Keep the declared knobs.

        Args:
            specs: the knobs this replica knows.
            routes: route name to kind, to refuse a fault on a route that does not exist.
        """
        self.specs = {spec.name: spec for spec in specs}
        self._routes = dict(routes)
        self._armed: list[ArmedFault] = []
        self._ids = itertools.count(1)

    def arm(
        self,
        name: str,
        *,
        count: int | None = 1,
        route: str = "",
        after: int = 0,
        armed_at: float = 0.0,
        **params: Any,
    ) -> ArmedFault:
        """Arm a knob.

        Args:
            name: one of ``specs``.
            count: how many matching requests it strikes; ``None``: until cleared.
            route: glob over route names (``"publish"``, ``"upload_*"``, ``"*"``); empty: the knob's own kinds of routes.
            after: how many matching requests pass before the first strike.
            armed_at: the site's time, seconds since 1970.
            params: parameters of the knob; missing ones keep their defaults.

        Raises:
            FaultError: unknown knob, route or parameter, or a count below 1.
        """
        spec = self.specs.get(name)
        if spec is None:
            raise FaultError(
                f"no fault named {name!r}{_nearest(name, self.specs)}; known: {', '.join(sorted(self.specs))}"
            )
        if route and not fnmatch.filter(self._routes, route):
            known = ", ".join(sorted(self._routes))
            raise FaultError(
                f"fault {name!r}: no route matches {route!r}{_nearest(route, self._routes)}; known: {known}"
            )
        unknown = sorted(set(params) - set(spec.params))
        if unknown:
            known = ", ".join(sorted(spec.params)) or "none"
            raise FaultError(f"fault {name!r} has no parameter {unknown[0]!r}; known: {known}")
        if (count is not None and count < 1) or after < 0:
            raise FaultError(f"fault {name!r}: count must be 1 or more (or null), after 0 or more")
        armed = ArmedFault(next(self._ids), name, route, count, after, {**spec.params, **params}, armed_at)
        self._armed.append(armed)
        return armed

    def clear(self, name: str | None = None, *, fault_id: int | None = None) -> int:
        """Disarm all, those of one name, or one arming; returns how many were disarmed."""
        keep = [
            item
            for item in self._armed
            if (name is not None and item.name != name) or (fault_id is not None and item.fault_id != fault_id)
        ]
        gone = len(self._armed) - len(keep)
        self._armed = keep
        return gone

    def active(self) -> list[ArmedFault]:
        """The armed knobs, oldest first."""
        return list(self._armed)

    def peek(self, name: str, route: str) -> ArmedFault | None:
        """The knob that would strike this route now, without using it up."""
        for item in self._armed:
            if item.name == name and self._matches(item, route) and item.after == 0:
                return item
        return None

    def take(self, name: str, route: str) -> ArmedFault | None:
        """The knob that strikes this route now; uses up one of its counts (or one of its free passes)."""
        for item in self._armed:
            if item.name != name or not self._matches(item, route):
                continue
            if item.after > 0:
                item.after -= 1
                continue
            item.struck += 1
            if item.count is not None:
                item.count -= 1
                if item.count == 0:
                    self._armed.remove(item)
            return item
        return None

    def _matches(self, item: ArmedFault, route: str) -> bool:
        if item.route:
            return fnmatch.fnmatchcase(route, item.route)
        kinds = self.specs[item.name].kinds
        return not kinds or self._routes.get(route) in kinds


def _nearest(word: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
