"""The error tree of CreatorFlow; what a plugin raises decides what the engine does next.

::

    CreatorFlowError
    ├── InvalidInput              the caller's mistake; nothing was done
    │   ├── ContentError          the post itself: file, line, field
    │   ├── PlanBlocked           the post breaks a platform rule or lacks a demanded declaration
    │   ├── PathDenied            a path outside the allowed roots
    │   ├── NotFound              a name or id that does not exist (platform, account, job, task, ...)
    │   ├── DuplicateContent      the same content is already out, or may be
    │   └── KeyMismatch           an idempotency key used again for something else
    ├── Unavailable               not now; nothing was done; trying later may work
    │   ├── RateLimited           the platform or our own budget says "slower"
    │   ├── OfflineDenied         the offline mode forbids this call
    │   └── UrlDenied             the outbound guard forbids this address
    ├── CredentialRejected        the session is not valid any more; a person must log in
    ├── HumanNeeded               a captcha, SMS or confirmation stands in the way
    ├── Refused                   the platform said no, in its own words; final for this content
    ├── Uncertain                 the irreversible step may have happened; only reading back can tell
    ├── StaleOwner                another process took this account over; this one must stop
    ├── StorageError              the data directory or database cannot be used
    ├── VaultError                the vault cannot be opened
    │   └── KeyringLocked         the OS keyring exists but is locked
    ├── ConfigError               config.toml or an environment variable is wrong
    └── PluginError               a plugin broke its contract (our bug or its author's)

Adapters raise ``Unavailable``, ``CredentialRejected``, ``HumanNeeded`` or ``Refused``. **After** ``commit.arm()`` only a positive
answer of the platform may become ``Refused`` or ``CredentialRejected``; everything else that goes wrong there is ``Uncertain``, and the
engine treats any other exception the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

__all__ = [
    "Cause",
    "ConfigError",
    "ContentError",
    "CreatorFlowError",
    "CredentialRejected",
    "DuplicateContent",
    "HumanNeeded",
    "InvalidInput",
    "KeyMismatch",
    "KeyringLocked",
    "NotFound",
    "OfflineDenied",
    "PathDenied",
    "PlanBlocked",
    "PluginError",
    "RateLimited",
    "Refused",
    "StaleOwner",
    "StorageError",
    "Text",
    "Unavailable",
    "Uncertain",
    "UrlDenied",
    "VaultError",
]


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence for people, in both languages of the product."""

    en: str
    zh: str

    def localized(self, locale: str) -> str:
        """Return the zh-CN sentence for any ``zh…`` locale, the English one otherwise."""
        return self.zh if locale.lower().startswith("zh") else self.en

    def as_dict(self) -> dict[str, str]:
        """Return ``{"en": …, "zh-CN": …}``, the shape used in JSON documents."""
        return {"en": self.en, "zh-CN": self.zh}


class Cause(StrEnum):
    """Why a job failed, coarse enough to act on."""

    DRIFT = "drift"  # the site changed
    SESSION = "session"  # log in again
    RISK = "risk"  # the platform wants a person, or slower
    CONTENT = "content"  # change the post
    NETWORK = "network"  # connection or server trouble
    ACCOUNT = "account"  # rights, or the wrong account
    OUR_BUG = "our_bug"


@dataclass(eq=False)
class CreatorFlowError(Exception):
    """Base of every error that is meant for people.

    ``text`` says what, which and what to do next, without secrets. ``details`` is JSON for programs.
    ``code`` is the name in the error table of the protocol (see ``creatorflow.rpc.errors``).
    """

    text: Text
    details: Mapping[str, Any] = field(default_factory=dict)
    cause: Cause | None = None
    retry_after_ms: int | None = None

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __str__(self) -> str:
        return self.text.en


class InvalidInput(CreatorFlowError):
    """The caller asked for something that cannot be."""

    code = "invalid_params"


class ContentError(InvalidInput):
    """The post is not readable; ``details`` may hold ``file``, ``line`` (1-based), ``field``."""

    code = "content_invalid"


class PlanBlocked(InvalidInput):
    """The plan has blocking findings; ``details["findings"]`` lists them."""

    code = "plan_blocked"


class PathDenied(InvalidInput):
    """A path leads outside the roots that this caller may read."""

    code = "path_denied"


@dataclass(eq=False)
class NotFound(InvalidInput):
    """A name or id is unknown; ``kind`` is platform, account, job, task, plugin, asset, credential or method."""

    kind: str = "job"

    code = "not_found"


@dataclass(eq=False)
class DuplicateContent(InvalidInput):
    """The same content for the same account is confirmed, or may be out; ``job_id`` names the earlier job."""

    job_id: str = ""

    code = "duplicate_content"


class KeyMismatch(InvalidInput):
    """An idempotency key was used before with other parameters."""

    code = "key_mismatch"


class Unavailable(CreatorFlowError):
    """Certainly not done; may work later."""

    code = "upstream_failed"
    retryable = True


class RateLimited(Unavailable):
    """Too fast for the platform, or for the account's own budget."""

    code = "rate_limited"


class OfflineDenied(Unavailable):
    """The offline mode in force forbids the call."""

    code = "offline_denied"


class UrlDenied(Unavailable):
    """The outbound guard refused the address: not declared by the plugin, private, or not in the sandbox's host map."""

    code = "url_denied"
    retryable = False


class CredentialRejected(CreatorFlowError):
    """The platform does not accept this session any more."""

    code = "login_required"


class HumanNeeded(CreatorFlowError):
    """A captcha, a scan or a confirmation that only a person may do; never solved by machine."""

    code = "human_needed"


class Refused(CreatorFlowError):
    """The platform refused in its own words (``details["platform_code"]``, ``details["platform_message"]``)."""

    code = "refused"


class Uncertain(CreatorFlowError):
    """The irreversible request may have taken effect."""

    code = "publish_uncertain"


class StaleOwner(CreatorFlowError):
    """The account's epoch moved on while this process held a job of it."""

    code = "stale_owner"


class StorageError(CreatorFlowError):
    """The database or the data directory cannot be read or written."""

    code = "storage_failed"


class VaultError(CreatorFlowError):
    """The vault cannot be opened: no key, a wrong key, or a refused back end."""

    code = "vault_unavailable"


class KeyringLocked(VaultError):
    """The OS keyring refused to answer; it must be unlocked by its owner."""

    code = "keyring_locked"
    retryable = True


class ConfigError(CreatorFlowError):
    """A setting is unreadable or contradicts another one."""

    code = "config_invalid"


class PluginError(CreatorFlowError):
    """A plugin raised something outside this tree, or returned what its descriptor does not promise."""

    code = "plugin_failed"
