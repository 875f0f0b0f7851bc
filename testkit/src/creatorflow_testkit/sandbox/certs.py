"""The sandbox's own certificate authority, kept in its directory so that a restart changes nothing for clients."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Certificates", "make_certificates"]


@dataclass(frozen=True)
class Certificates:
    """What a TLS listener and its clients need.

    Attributes:
        ca_file: PEM certificate of the authority, for ``ca_file`` of clients.
        chain_file: PEM of the leaf's key and certificate; readable by the owner only.
        leaf_spki: base64 SHA-256 of the leaf's public key, the form Chromium pins.
    """

    ca_file: Path
    chain_file: Path
    leaf_spki: str

    def server_context(self) -> ssl.SSLContext:
        """TLS context of the listener."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain_file)
        return context


def make_certificates(directory: Path, hosts: Iterable[str]) -> Certificates:
    """Load the authority and the leaf of ``directory``, or make them; a new set of hosts gets a new leaf.

    Args:
        directory: of the sandbox; made when missing.
        hosts: every host name the leaf must be valid for.
    """
    import trustme  # brings cryptography, which a fixture that never starts a sandbox should not load
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    directory.mkdir(parents=True, exist_ok=True)
    names = sorted({*hosts, "127.0.0.1", "localhost"})
    ca_file, ca_key = directory / "ca.pem", directory / "ca.key"
    leaf_file, names_file = directory / "leaf.pem", directory / "leaf_hosts.json"
    if ca_file.exists() and ca_key.exists():
        authority = trustme.CA.from_pem(ca_file.read_bytes(), ca_key.read_bytes())
    else:
        authority = trustme.CA(organization_name="CreatorFlow sandbox", organization_unit_name="not for production")
        _write_private(ca_key, authority.private_key_pem.bytes())
        ca_file.write_bytes(authority.cert_pem.bytes())
        names_file.unlink(missing_ok=True)
    known = json.loads(names_file.read_text("utf-8")) if names_file.exists() and leaf_file.exists() else None
    if known != names:
        leaf = authority.issue_cert(*names)
        _write_private(leaf_file, leaf.private_key_and_cert_chain_pem.bytes())
        names_file.write_text(json.dumps(names), "utf-8")
    pem = leaf_file.read_bytes()
    certificate = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Certificates(ca_file, leaf_file, base64.b64encode(hashlib.sha256(key).digest()).decode())


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
