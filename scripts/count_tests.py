"""Add up the JUnit reports of one run. Usage: python scripts/count_tests.py FOLDER FAILED_STAGES.

Prints a line per report, then one line for all of them. A stage that failed without a failing test (lint, types, an
environment that could not be made) counts as one failure, so that the line never says less than the exit code.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET  # our own pytest's reports, no foreign input


def count(report: Path) -> tuple[int, int, int]:
    """Passed, failed (errors included) and skipped tests of one JUnit file."""
    passed = failed = skipped = 0
    for suite in ET.parse(report).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        left_out = int(suite.get("skipped", 0))
        failed, skipped = failed + bad, skipped + left_out
        passed += int(suite.get("tests", 0)) - bad - left_out
    return passed, failed, skipped


def line(passed: int, failed: int, skipped: int) -> str:
    """The closing line that test runners print."""
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def main(folder: Path, failed_stages: int) -> None:
    """Print a line per report and the sum."""
    total = (0, 0, 0)
    for report in sorted(folder.glob("*.xml")):
        counts = count(report)
        print(f"  {report.stem}: {line(*counts)}")
        total = (total[0] + counts[0], total[1] + counts[1], total[2] + counts[2])
    passed, failed, skipped = total
    print(line(passed, max(failed, failed_stages), skipped))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
