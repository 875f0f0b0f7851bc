"""The ``creatorflow`` program. Commands live one module each and are imported when they are used."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the program and exit with its code (see design: 0 confirmed, 1 refused, 2 usage, 3 a person is needed, 4 uncertain)."""
    # pydantic looks for plugins of its own in every installed distribution: one unreadable entry_points.txt would stop this program,
    # and none of ours is among them.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from creatorflow.cli.program import run

    sys.exit(run(sys.argv[1:]))
