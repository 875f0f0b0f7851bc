"""What the outside sees of accounts and secrets: never a secret."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from creatorflow.api.context import AccountRef
from creatorflow.store import AccountRecord

__all__ = ["AccountStatus", "AccountView", "CredentialView", "account_ref", "public_id"]


class AccountStatus(StrEnum):
    """What the last check said of the session."""

    ACTIVE = "active"
    EXPIRED = "expired"
    UNCHECKED = "unchecked"


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class AccountView(_View):
    """One account."""

    account_id: str = Field(description="platform:name")
    platform: str
    name: str
    environment: str
    uid: str | None = Field(description="the platform's own id, bound at the first successful check")
    display_name: str = ""
    avatar_url: str = ""
    status: AccountStatus
    rights: dict[str, Any] = Field(default_factory=dict, description="what the account may do, as the platform said")
    created_at: datetime
    checked_at: datetime | None = None
    last_used_at: datetime | None = None

    @classmethod
    def of(cls, row: AccountRecord) -> AccountView:
        """Build the view of a row."""
        return cls(
            account_id=public_id(row),
            platform=row.platform,
            name=row.account_name,
            environment=row.environment,
            uid=row.uid,
            display_name=row.display_name,
            avatar_url=row.avatar_url,
            status=AccountStatus(row.status),
            rights=row.rights or {},
            created_at=row.created_at,
            checked_at=row.checked_at,
            last_used_at=row.last_used_at,
        )


class CredentialView(_View):
    """One sealed secret: that it exists, not what it is."""

    platform: str
    account: str
    kind: str
    created_at: datetime
    updated_at: datetime
    bytes: int = Field(description="size of the sealed record")


def public_id(row: AccountRecord) -> str:
    """Return ``platform:name``."""
    return f"{row.platform}:{row.account_name}"


def account_ref(row: AccountRecord) -> AccountRef:
    """Return what an adapter is told about the account."""
    return AccountRef(
        platform=row.platform,
        name=row.account_name,
        environment=row.environment,
        uid=row.uid,
        rights=dict(row.rights or {}),
    )
