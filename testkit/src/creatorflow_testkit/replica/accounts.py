"""Test accounts: what a client needs to be logged in to a replica."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Cookie", "TestAccount", "storage_state"]


@dataclass(frozen=True)
class Cookie:
    """One cookie with the domain and path it belongs to.

    Attributes:
        name: cookie name.
        value: cookie value, as it goes over the wire.
        domain: with a leading dot for all sub-domains.
        path: ``/`` unless narrower.
        expires: seconds since 1970, -1 for a session cookie.
        http_only: scripts of the page cannot read it.
        secure: only over TLS.
    """

    name: str
    value: str
    domain: str
    path: str = "/"
    expires: float = -1
    http_only: bool = True
    secure: bool = True

    def to_json(self) -> dict[str, Any]:
        """The form that Playwright's storage state and cookie exporters use."""
        return {
            "name": self.name,
            "value": self.value,
            "domain": self.domain,
            "path": self.path,
            "expires": self.expires,
            "httpOnly": self.http_only,
            "secure": self.secure,
            "sameSite": "None" if self.secure else "Lax",
        }


def storage_state(cookies: Iterable[Cookie]) -> dict[str, Any]:
    """A Playwright storage state that holds these cookies and no local storage."""
    return {"cookies": [cookie.to_json() for cookie in cookies], "origins": []}


@dataclass(frozen=True)
class TestAccount:
    """A logged-in account of a replica.

    Attributes:
        uid: the platform's id of the account.
        name: display name.
        cookies: JSON list of cookies with domain and path.
        storage_state: the same cookies as a Playwright storage state.
        extra: what else the replica tells (API credentials, rights …).
    """

    __test__ = False  # pytest would take the name for a test class

    uid: str
    name: str
    cookies: list[dict[str, Any]]
    storage_state: dict[str, Any]
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, uid: str, name: str, cookies: Iterable[Cookie], **extra: Any) -> TestAccount:
        """Build both cookie forms from one list."""
        jar = list(cookies)
        return cls(uid, name, [cookie.to_json() for cookie in jar], storage_state(jar), extra)

    def to_json(self) -> dict[str, Any]:
        """Plain data for the control API."""
        return asdict(self)

    def cookie_header(self, host: str) -> str:
        """The ``Cookie`` header a browser would send to ``host`` at path ``/``; for scripts without a cookie jar."""
        fitting = [item for item in self.cookies if _domain_matches(host, str(item["domain"]))]
        return "; ".join(f"{item['name']}={item['value']}" for item in fitting)


def _domain_matches(host: str, domain: str) -> bool:
    bare = domain.lstrip(".")
    return host == bare or (domain.startswith(".") and host.endswith("." + bare))
