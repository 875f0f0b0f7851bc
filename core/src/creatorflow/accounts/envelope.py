"""The envelope around one secret: AES-256-GCM with a data key of its own, which the master key wraps.

Everything that says whose secret a record is goes into the associated data, so a record that was moved to another account, kind or
environment does not open. Parts are length-prefixed: ("a_b", "c") and ("a", "b_c") stay different.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = [
    "KEY_BYTES",
    "SealedBytes",
    "associated_data",
    "open_bytes",
    "prove",
    "proves",
    "seal_bytes",
    "unwrap",
    "wrap",
]

#: Length of master and data keys, bytes (AES-256).
KEY_BYTES = 32
_NONCE_BYTES = 12
_SCHEMA = "creatorflow-vault-1"


@dataclass(frozen=True, slots=True)
class SealedBytes:
    """A sealed value and its wrapped data key, both ``nonce + ciphertext + tag``."""

    wrapped_key: bytes
    sealed: bytes


class WrongKey(Exception):
    """The key is not the one, or the bytes or what they are bound to were changed."""


def associated_data(*parts: str) -> bytes:
    """Encode the schema version and ``parts`` so that no two different sequences give the same bytes."""
    encoded = (part.encode("utf-8", "surrogatepass") for part in (_SCHEMA, *parts))
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def seal_bytes(master: bytes, plain: bytes, bound: tuple[str, ...]) -> SealedBytes:
    """Seal ``plain`` under a fresh data key, bound to ``bound``."""
    data_key = os.urandom(KEY_BYTES)
    return SealedBytes(wrap(master, data_key, ("data-key", *bound)), wrap(data_key, plain, ("value", *bound)))


def open_bytes(master: bytes, box: SealedBytes, bound: tuple[str, ...]) -> bytes:
    """Return what ``seal_bytes`` sealed.

    Raises:
        WrongKey: another master key, changed bytes, or bound to something else.
    """
    return unwrap(unwrap(master, box.wrapped_key, ("data-key", *bound)), box.sealed, ("value", *bound))


def prove(master: bytes, vault_id: str) -> bytes:
    """Return a value that only this master key opens; it says nothing about the key."""
    return wrap(master, b"", ("proof", vault_id))


def proves(master: bytes, proof: bytes, vault_id: str) -> bool:
    """Say whether ``proof`` was made with this master key for this vault."""
    try:
        return unwrap(master, proof, ("proof", vault_id)) == b""
    except WrongKey:
        return False


def wrap(key: bytes, plain: bytes, bound: tuple[str, ...]) -> bytes:
    """Encrypt under ``key``; return ``nonce + ciphertext + tag``."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 40 ms that a cold start need not pay

    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, associated_data(*bound))


def unwrap(key: bytes, box: bytes, bound: tuple[str, ...]) -> bytes:
    """Decrypt what ``wrap`` made.

    Raises:
        WrongKey: it does not open.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], associated_data(*bound))
    except (InvalidTag, ValueError):  # ValueError: cut short
        raise WrongKey from None
