"""The workspace's members, found by glob, and which of them a package may see. Used by toxfile.py and the test runner."""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TEST_EXTRAS = ("sandbox", "test")
"""Extras that a package's own tests need; installed in its test environment where it declares them."""

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?")


@dataclass(frozen=True)
class Member:
    """One distribution of the workspace."""

    name: str
    folder: str
    """Relative to the root, with forward slashes."""
    project: dict[str, Any] = field(repr=False)

    @property
    def extras(self) -> dict[str, list[str]]:
        """Each extra's requirement strings."""
        return dict(self.project.get("optional-dependencies", {}))

    @property
    def test_extras(self) -> tuple[str, ...]:
        """The extras that its own tests need."""
        return tuple(extra for extra in TEST_EXTRAS if extra in self.extras)

    @property
    def entry_points(self) -> frozenset[str]:
        """Names in the entry-point group `creatorflow`."""
        return frozenset(self.project.get("entry-points", {}).get("creatorflow", {}))

    def requirement(self, extras: tuple[str, ...] = ()) -> str:
        """The pip argument that installs it editable."""
        return f"-e ./{self.folder}" + (f"[{','.join(sorted(extras))}]" if extras else "")


def members() -> dict[str, Member]:
    """Every member by its distribution name: core, testkit, then plugins in the order of their folders."""
    folders = [
        "core",
        "testkit",
        *sorted(p.parent.relative_to(ROOT).as_posix() for p in ROOT.glob("plugins/*/pyproject.toml")),
    ]
    found = {}
    for folder in folders:
        project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        found[project["name"]] = Member(name=project["name"], folder=folder, project=project)
    return found


def plugin_members() -> list[Member]:
    """The members under plugins/."""
    return [member for member in members().values() if member.folder.startswith("plugins/")]


def member_in(folder: str) -> Member:
    """The member that lives in a folder.

    Raises:
        SystemExit: there is no such member; the message lists what there is.
    """
    for member in members().values():
        if member.folder == folder.rstrip("/"):
            return member
    known = ", ".join(member.folder for member in members().values())
    raise SystemExit(f"error: no package in {folder!r}; the workspace has {known}")


def closure(member: Member, extras: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    """The members that installing one brings, itself included, each with the extras asked of it.

    Only declared requirements count, so what is missing here is missing in the package's own environment too.
    """
    everyone = members()
    wanted: dict[str, set[str]] = {}
    queue = [(member.name, extras)]
    while queue:
        name, asked = queue.pop()
        first = name not in wanted
        fresh = set(asked) - wanted.setdefault(name, set())
        wanted[name] |= fresh
        lines = list(everyone[name].project.get("dependencies", [])) if first else []
        for extra in fresh:
            lines += everyone[name].extras[extra]
        for line in lines:
            match = _REQUIREMENT.match(line)
            if match and match[1] in everyone:
                queue.append((match[1], tuple(part.strip() for part in (match[2] or "").split(",") if part.strip())))
    return {name: tuple(sorted(wanted[name])) for name in everyone if name in wanted}


def main(arguments: list[str]) -> None:
    """Print what the shell scripts ask for: `envs`, the tox environments of the packages, heaviest first.

    Raises:
        SystemExit: anything else was asked for.
    """
    if arguments != ["envs"]:
        raise SystemExit("usage: python scripts/workspace.py envs")
    print(",".join(member.folder.removeprefix("plugins/") for member in members().values()))


if __name__ == "__main__":
    main(sys.argv[1:])
