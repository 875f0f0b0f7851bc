"""Accounts, their sessions and secrets: who publishes, bound to one uid each, sealed in the vault, one worker at a time."""

from __future__ import annotations

from creatorflow.accounts.adapters import AdapterFactory
from creatorflow.accounts.context import AccountContext, Progress, SystemClock
from creatorflow.accounts.credentials import CredentialService
from creatorflow.accounts.keysources import ALLOWED_BACKENDS
from creatorflow.accounts.locks import AccountLock, is_free
from creatorflow.accounts.service import AccountService, SessionRestored
from creatorflow.accounts.vault import Vault, VaultStatus
from creatorflow.accounts.views import AccountStatus, AccountView, CredentialView

__all__ = [
    "ALLOWED_BACKENDS",
    "AccountContext",
    "AccountLock",
    "AccountService",
    "AccountStatus",
    "AccountView",
    "AdapterFactory",
    "CredentialService",
    "CredentialView",
    "Progress",
    "SessionRestored",
    "SystemClock",
    "Vault",
    "VaultStatus",
    "is_free",
]
