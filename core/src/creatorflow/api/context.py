"""What an implementation gets from the host: contexts, never globals.

All parts are protocols, so that a test can hand in its own and no plugin needs our HTTP library.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from creatorflow.api.errors import Text

__all__ = [
    "AccountRef",
    "AdapterContext",
    "Clock",
    "HttpClient",
    "HttpResponse",
    "HumanTask",
    "PluginLogger",
    "ProcessorContext",
    "RuntimeContext",
    "RuntimeType",
    "SecretStore",
]


class RuntimeType(StrEnum):
    """Where an implementation can run."""

    LOCAL = "local"
    CLOUD = "cloud"


class HttpResponse(Protocol):
    """The part of an HTTP response that adapters use; the body is read completely."""

    @property
    def status_code(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers, case-insensitive."""

    @property
    def content(self) -> bytes:
        """Raw body."""

    @property
    def text(self) -> str:
        """Decoded body."""

    def json(self) -> Any:
        """Parse the body.

        Raises:
            ValueError: it is not JSON.
        """


class HttpClient(Protocol):
    """Outbound HTTP for one account: its cookies, proxy and user agent; host map, offline mode and guards applied.

    Only hosts that the descriptor declares can be reached. Redirects are not followed unless asked for. A request is sent at most once:
    there is no retry below this line.
    """

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | Path | None = None,
        follow_redirects: bool = False,
        timeout_s: float = 30.0,
    ) -> HttpResponse:
        """Send one request and read the answer.

        ``data`` is a form, ``content`` raw bytes or a file that is streamed from disk. ``timeout_s`` bounds the whole exchange.

        Raises:
            Unavailable: no complete answer; ``details["sent"]`` is False when certainly no byte of the request left, else it may have taken effect.
            OfflineDenied, UrlDenied: the address they name got nothing; ``details["sent"]`` is True only when an earlier hop of a redirect was sent.
        """

    def cookie(self, name: str, domain: str) -> str | None:
        """Return the cookie value that would be sent to ``domain``, or None."""


class SecretStore(Protocol):
    """This account's own secrets beside its cookies (tokens, app secrets); nobody else's can be reached."""

    async def get(self, name: str) -> Mapping[str, Any] | None:
        """Return the stored JSON object, or None."""

    async def put(self, name: str, value: Mapping[str, Any]) -> None:
        """Store a JSON object in the vault, replacing an earlier one."""


class Clock(Protocol):
    """Time, replaceable in tests."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class PluginLogger(Protocol):
    """Structured log; values pass the redaction sink. Pass fields as keywords, never format secrets into the message."""

    def debug(self, message: str, /, **fields: Any) -> None:
        """For developers."""

    def info(self, message: str, /, **fields: Any) -> None:
        """Normal progress."""

    def warning(self, message: str, /, **fields: Any) -> None:
        """Something odd that was handled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanTask:
    """A question to a person; the host makes a durable row of it."""

    kind: str
    prompt: Text
    choices: Sequence[str] = ()
    picture_png: bytes | None = None
    expires_in_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRef:
    """The account an adapter works for. ``uid`` is the bound platform id, None before the first check."""

    platform: str
    name: str
    environment: str
    uid: str | None = None
    locale: str = "zh-CN"
    timezone: str = "Asia/Shanghai"
    rights: Mapping[str, Any] = field(default_factory=dict)

    @property
    def account_id(self) -> str:
        """``platform:name``, as commands and RPC write it."""
        return f"{self.platform}:{self.name}"


class AdapterContext(Protocol):
    """What a platform adapter gets; one per adapter instance."""

    @property
    def account(self) -> AccountRef:
        """Whose session this is."""

    @property
    def http(self) -> HttpClient:
        """Outbound HTTP with this account's cookies."""

    @property
    def secrets(self) -> SecretStore:
        """This account's own secrets."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def log(self) -> PluginLogger:
        """Structured log with the job's trace id."""

    @property
    def state(self) -> MutableMapping[str, Any]:
        """Small JSON values kept per account between jobs (no secrets); saved when the adapter is closed."""

    def progress(self, text: Text, fraction: float | None = None) -> None:
        """Report progress of the current step; ``fraction`` in 0..1 of the step, None when unknown."""

    async def ask_human(self, task: HumanTask) -> str:
        """Ask a person and wait for the answer.

        Raises:
            HumanNeeded: nobody answered within the budget; the job is parked.
        """


class ProcessorContext(Protocol):
    """What a content processor gets."""

    @property
    def work_dir(self) -> Path:
        """A private folder for output files."""

    @property
    def log(self) -> PluginLogger:
        """Structured log."""

    def progress(self, text: Text, fraction: float | None = None) -> None:
        """Report progress."""


class RuntimeContext(Protocol):
    """What a tool gets when a run executes it."""

    @property
    def runtime(self) -> RuntimeType:
        """Where the run executes."""

    @property
    def http(self) -> HttpClient:
        """Outbound HTTP without account cookies, limited to the hosts that the tool declares."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def log(self) -> PluginLogger:
        """Structured log with the run's trace id."""

    def progress(self, text: Text, fraction: float | None = None) -> None:
        """Report progress."""
