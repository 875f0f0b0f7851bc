"""What a running sandbox tells its clients; the same document is the ready line of the child process. Stdlib only."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["SandboxFacts"]

_FILE = "sandbox.json"


@dataclass(frozen=True)
class SandboxFacts:
    """Addresses and secrets of one running sandbox.

    Attributes:
        platforms: names of the replicas.
        port: TLS port on 127.0.0.1.
        ca_file: PEM file of its authority, absolute.
        leaf_spki: base64 SHA-256 of the leaf's public key.
        host_map: production host to ``127.0.0.1:port``.
        control_url: base URL of the control API.
        control_token: bearer token of the control API.
    """

    platforms: tuple[str, ...]
    port: int
    ca_file: Path
    leaf_spki: str
    host_map: dict[str, str]
    control_url: str
    control_token: str

    def config_fragment(self) -> str:
        """TOML for ``config.toml``."""
        lines = ["[network]", 'environment = "sandbox"', f"ca_file = {_toml(str(self.ca_file))}", "[network.host_map]"]
        lines += [f"{_toml(host)} = {_toml(target)}" for host, target in self.host_map.items()]
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "platforms": list(self.platforms), "ca_file": str(self.ca_file)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SandboxFacts:
        """Rebuild what ``to_json`` gave."""
        return cls(**{**value, "platforms": tuple(value["platforms"]), "ca_file": Path(value["ca_file"])})

    def write(self, directory: Path) -> None:
        """Write ``sandbox.json``, readable by the owner only, in one step."""
        half = directory / (_FILE + ".half")
        half.unlink(missing_ok=True)
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(self.to_json(), file, ensure_ascii=False, indent=1)
        half.replace(directory / _FILE)

    @classmethod
    def read(cls, directory: Path) -> SandboxFacts:
        """Read ``sandbox.json`` of a running sandbox.

        Raises:
            FileNotFoundError: no sandbox was ever started in this directory.
        """
        return cls.from_json(json.loads((directory / _FILE).read_text("utf-8")))

    @classmethod
    def last_ports(cls, directory: Path) -> tuple[int, int]:
        """TLS and control port of the last run in this directory, (0, 0) when there was none."""
        try:
            last = cls.read(directory)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return 0, 0
        return last.port, urlsplit(last.control_url).port or 0


def _toml(text: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(text, ensure_ascii=False)
