"""The ``creatorflow`` program. Commands live one module each and are imported when they are used."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the program and exit with its code (see design: 0 confirmed, 1 refused, 2 usage, 3 a person is needed, 4 uncertain)."""
    from creatorflow.cli.program import run

    sys.exit(run(sys.argv[1:]))
