"""Which distributions offer plugins: reads metadata files, imports nothing of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distributions

from creatorflow.api.errors import Text
from creatorflow.api.hookspecs import ENTRY_POINT_GROUP
from creatorflow.plugins.records import Candidate, canonical, one_line
from creatorflow.plugins.versions import CORE_DISTRIBUTION

__all__ = ["Found", "find_plugins"]

_SECTION = f"[{ENTRY_POINT_GROUP}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Candidates sorted by name, then distribution; ``core_version`` is "" when the core runs without metadata (a bare source tree)."""

    candidates: tuple[Candidate, ...]
    core_version: str


def find_plugins() -> Found:
    """Return every entry point of our group.

    Not ``entry_points(group=…)``: there, one distribution with an unreadable file hides all the others.
    """
    candidates: list[Candidate] = []
    seen: set[str] = set()
    for dist in distributions():
        try:
            text = dist.read_text("entry_points.txt") or ""
        except Exception as error:  # an undecodable file of anybody: ours to report only if it is a plugin of ours
            candidates.extend(_unreadable(dist, error, seen))
            continue
        if _SECTION in text:
            candidates.extend(_candidates(dist, text, seen))
    candidates.sort(key=lambda item: (item.name, canonical(item.distribution), item.value))
    return Found(candidates=tuple(candidates), core_version=_core_version())


def _core_version() -> str:
    try:
        return _headers(Distribution.from_name(CORE_DISTRIBUTION)).get("version", [""])[0]
    except PackageNotFoundError:
        return ""


def _candidates(dist: Distribution, text: str, seen: set[str]) -> Iterator[Candidate]:
    try:
        headers = _headers(dist)
    except Exception as error:
        yield from _unreadable(dist, error, seen)
        return
    name = headers.get("name", [""])[0] or "(unnamed distribution)"
    version = headers.get("version", [""])[0]
    if canonical(name) in seen or _shadowed(dist, name, text):
        return
    seen.add(canonical(name))
    requires = tuple(headers.get("requires-dist", ()))
    try:
        points = [(point.name, point.value) for point in dist.entry_points if point.group == ENTRY_POINT_GROUP]
    except Exception as error:
        yield _broken(name, version, error)
        return
    for point, value in points:
        yield Candidate(name=point, value=value, distribution=name, version=version, requires=requires)


def _shadowed(dist: Distribution, name: str, text: str) -> bool:
    """Say whether an import would find another copy of this distribution first on ``sys.path``."""
    try:
        first = Distribution.from_name(name)
        return first.read_text("entry_points.txt") != text or first.read_text("METADATA") != dist.read_text("METADATA")
    except Exception:  # the copy in hand was readable, and nothing else is known
        return False


def _unreadable(dist: Distribution, error: Exception, seen: set[str]) -> Iterator[Candidate]:
    try:
        headers = _headers(dist)
    except Exception:
        return  # nothing of it can be read: not even whose it is
    name, version = headers.get("name", [""])[0], headers.get("version", [""])[0]
    if canonical(name).startswith(f"{CORE_DISTRIBUTION}-") and canonical(name) not in seen:
        seen.add(canonical(name))
        yield _broken(name, version, error)


def _broken(distribution: str, version: str, error: Exception) -> Candidate:
    reason = one_line(f"{type(error).__name__}: {error}")
    return Candidate(
        name=canonical(distribution).removeprefix(f"{CORE_DISTRIBUTION}-"),
        value="",
        distribution=distribution,
        version=version,
        broken=Text(
            en=f"its entry_points.txt cannot be read ({reason})", zh=f"无法读取它的 entry_points.txt（{reason}）"
        ),
    )


def _headers(dist: Distribution) -> dict[str, list[str]]:
    """Return the header fields of METADATA, keys in lower case.

    By hand: the e-mail parser behind ``dist.metadata`` reads the whole long description, about a millisecond for each plugin.
    """
    text = dist.read_text("METADATA") or dist.read_text("PKG-INFO") or ""
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line:
            break
        key, colon, value = line.partition(":")
        if colon and not line[0].isspace():
            fields.setdefault(key.lower(), []).append(value.strip())
    return fields
