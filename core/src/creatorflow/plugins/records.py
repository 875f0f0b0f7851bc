"""What is known of each plugin that was found, loaded or not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from creatorflow.api.errors import Text

__all__ = ["Candidate", "PluginRecord", "PluginState", "canonical", "one_line"]

_SEPARATORS = re.compile(r"[-_.]+")
#: Longest piece of a plugin's own words (an exception, printed text) that a message repeats.
_MAX_QUOTE = 300


class PluginState(StrEnum):
    """How the search for a plugin ended."""

    LOADED = "loaded"
    FAILED = "failed"
    CLASH = "clash"
    BLOCKED = "blocked"
    MISSING = "missing"  # asked for by name, not installed


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An entry point before anything of it was imported.

    ``value`` is the entry point's ``package.module[:attr]``. ``requires`` are the ``Requires-Dist`` lines of its distribution.
    ``broken`` tells why the metadata cannot be used at all.
    """

    name: str
    value: str
    distribution: str
    version: str
    requires: tuple[str, ...] = ()
    broken: Text | None = None

    @property
    def label(self) -> str:
        """Distribution and version, as messages name a plugin."""
        return f"{self.distribution} {self.version}".strip()

    def answers_to(self, names: frozenset[str]) -> bool:
        """Say whether ``names`` (canonical) holds this plugin's name or its distribution's."""
        return canonical(self.name) in names or canonical(self.distribution) in names


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRecord:
    """One line of ``creatorflow plugins list``.

    ``capabilities`` are (kind, name) pairs: what the plugin offers, or for a clash what it would have offered. ``error`` says what, which
    and what to do next; None exactly when ``state`` is ``loaded``. ``printed`` is the start of what it wrote to stdout while loading.
    """

    name: str
    distribution: str
    version: str
    entry_point: str
    state: PluginState
    error: Text | None = None
    capabilities: tuple[tuple[str, str], ...] = field(default=())
    printed: str = ""

    @property
    def label(self) -> str:
        """Distribution and version, as messages name a plugin."""
        return f"{self.distribution} {self.version}".strip()


def canonical(name: str) -> str:
    """Return ``name`` as package indexes compare names (PEP 503): lower case, runs of ``-_.`` as one ``-``."""
    return _SEPARATORS.sub("-", name.strip()).lower()


def one_line(text: str) -> str:
    """Return ``text`` as one printable line of bounded length, fit to be quoted in a message."""
    flat = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return flat if len(flat) <= _MAX_QUOTE else flat[: _MAX_QUOTE - 1] + "…"
