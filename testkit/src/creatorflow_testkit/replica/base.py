"""The base class of every replica."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web

from creatorflow_testkit.replica.accounts import TestAccount
from creatorflow_testkit.replica.clock import SiteClock
from creatorflow_testkit.replica.faults import COMMON_FAULTS, ArmedFault, Faults, FaultSpec
from creatorflow_testkit.replica.ledger import Ledger, LedgerEntry
from creatorflow_testkit.replica.media import MediaStore
from creatorflow_testkit.replica.provenance import Element
from creatorflow_testkit.replica.routes import Endpoint, collect_actions, collect_endpoints, endpoint_of

__all__ = ["Answered", "Replica", "SettingError", "json_answer"]


class SettingError(ValueError):
    """A setting was named or filled wrongly."""


class Answered(Exception):
    """Raised by help functions of a handler: the request is answered with ``response``."""

    def __init__(self, response: web.StreamResponse) -> None:
        super().__init__(response.status)
        self.response = response


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer in UTF-8 without escapes, the way the sites send it."""
    text = json.dumps(value, ensure_ascii=False)
    return web.Response(text=text, status=status, headers=headers, content_type="application/json", charset="utf-8")


class Replica:
    """A local stand-in for one platform, built from facts about the platform and never from an adapter.

    A subclass sets the class attributes and declares handlers with ``@route``. An object lives on one event loop.
    Whatever must survive a restart goes through ``self.ledger`` (and ``self.media``) and comes back in ``restore``.

    Attributes:
        name: platform key, as in the catalogue.
        hosts: production host names that it answers for.
        extra_faults: knobs of this platform beyond ``COMMON_FAULTS``.
        default_settings: named settings with defaults; a new value must have the type of the default.
        elements: provenance of parts of routes.
        ledger: the site's record.
        faults: the armed knobs.
        clock: the site's time.
        media: uploaded bytes.
        settings: current settings.
    """

    name: ClassVar[str]
    hosts: ClassVar[tuple[str, ...]]
    extra_faults: ClassVar[tuple[FaultSpec, ...]] = ()
    default_settings: ClassVar[Mapping[str, Any]] = {}
    elements: ClassVar[tuple[Element, ...]] = ()

    ledger: Ledger
    media: MediaStore
    clock: SiteClock

    def __init__(self) -> None:
        routes = {endpoint.name: endpoint.kind for endpoint in self.endpoints()}
        self.faults = Faults(COMMON_FAULTS + self.extra_faults, routes)
        self.settings: dict[str, Any] = dict(self.default_settings)

    @classmethod
    def endpoints(cls) -> tuple[Endpoint, ...]:
        """The declared routes."""
        return collect_endpoints(cls)

    @classmethod
    def actions(cls) -> dict[str, str]:
        """Control actions: name to attribute."""
        return collect_actions(cls)

    # ---- life: called by the sandbox -----------------------------------------------------------------------------
    def open(self, directory: Path, clock: SiteClock) -> None:
        """Open the ledger and the media store under ``directory`` and bring earlier posts back."""
        directory.mkdir(parents=True, exist_ok=True)
        self.clock = clock
        self.media = MediaStore(directory / "media")
        self.ledger = Ledger(directory / "ledger.jsonl")
        self.clear_state()
        self.restore(self.ledger.entries())

    def close(self) -> None:
        """Close the ledger, if it was ever opened."""
        if hasattr(self, "ledger"):
            self.ledger.close()

    def reset(self, *, keep_accounts: bool = True) -> None:
        """Forget posts, uploads, faults and settings; accounts and their logins stay unless told otherwise."""
        kept = [entry for entry in self.ledger.entries() if keep_accounts and entry.kind in {"account", "session"}]
        self.ledger.clear()
        for entry in kept:
            self.ledger.record(entry.kind, entry.uid, at=self.clock.now(), **entry.data)
        self.faults.clear()
        self.settings = dict(self.default_settings)
        self.clear_state()
        self.restore(self.ledger.entries())

    def clear_state(self) -> None:
        """Empty the in-memory state; also called once before anything else. Override together with ``restore``."""

    def restore(self, entries: Sequence[LedgerEntry]) -> None:
        """Rebuild the in-memory state from the ledger's lines. Override."""

    async def tick(self) -> None:
        """Do what the site does by itself when time passes (scheduled posts); called before each request and look."""

    # ---- what a platform may answer differently ------------------------------------------------------------------
    async def make_account(self, **wishes: Any) -> TestAccount:
        """Make a logged-in test account. Override; refuse unknown wishes with ``SettingError``."""
        raise SettingError(f"the replica {self.name!r} makes no accounts (asked with {sorted(wishes)})")

    async def risk_answer(self, request: web.Request, fault: ArmedFault) -> web.StreamResponse:
        """The anti-bot answer; override with the platform's own."""
        return web.Response(status=int(fault.params["status"]) or 403, text="Forbidden")

    async def unknown_path(self, request: web.Request) -> web.StreamResponse:
        """The answer for a path without a route."""
        return web.Response(status=404, text="Not Found")

    # ---- help for handlers ---------------------------------------------------------------------------------------
    def struck(self, name: str, request: web.Request) -> ArmedFault | None:
        """Take a fault for the route of this request (uses up one of its counts)."""
        return self.faults.take(name, endpoint_of(request).name)

    def list_delay(self, request: web.Request) -> float:
        """For the publishing handler: seconds until the new post may appear in lists (fault ``list_delay``)."""
        fault = self.struck("list_delay", request)
        return float(fault.params["seconds"]) if fault else 0.0

    def list_horizon(self, request: web.Request) -> float | None:
        """For list handlers: posts made after this time (seconds since 1970) must not be shown (fault ``list_stale``)."""
        fault = self.struck("list_stale", request)
        return fault.armed_at if fault else None

    def refuse(self, request: web.Request, uid: str, reason: str, **extra: Any) -> None:
        """Note a refused attempt in the ledger."""
        self.ledger.refused(uid, endpoint_of(request).name, reason, at=self.clock.now(), **extra)

    # ---- control -------------------------------------------------------------------------------------------------
    def arm(self, name: str, **options: Any) -> ArmedFault:
        """Arm a fault now; options as in ``Faults.arm``."""
        return self.faults.arm(name, armed_at=self.clock.time(), **options)

    def change_settings(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Set settings, all or none; returns all settings.

        Raises:
            SettingError: unknown name, or a value of another type than the default's.
        """
        for key, value in values.items():
            if key not in self.default_settings:
                known = ", ".join(sorted(self.default_settings)) or "none"
                raise SettingError(f"the replica {self.name!r} has no setting {key!r}; known: {known}")
            wanted = type(self.default_settings[key])
            if type(value) is not wanted and not (wanted is float and type(value) is int):
                raise SettingError(f"setting {key!r} of {self.name!r} must be {wanted.__name__}, not {value!r}")
        self.settings.update(values)
        return dict(self.settings)

    async def act(self, name: str, params: Mapping[str, Any]) -> Any:
        """Run a control action.

        Raises:
            SettingError: unknown action, or parameters that it does not take.
        """
        attribute = self.actions().get(name)
        if attribute is None:
            known = ", ".join(sorted(self.actions())) or "none"
            raise SettingError(f"the replica {self.name!r} has no action {name!r}; known: {known}")
        try:
            return await getattr(self, attribute)(**params)
        except (TypeError, KeyError) as error:
            raise SettingError(f"action {name!r} of {self.name!r}: {error}") from error
