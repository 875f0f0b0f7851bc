"""Run one package's tests in the environment it stands in, after proving that the environment holds nothing else.

Usage: python scripts/run_tests.py core|testkit|plugins/NAME|tests [pytest arguments]

`tests` is the folder across packages: everything is installed there. For a package the environment may hold only that
package, the members it declares, and their dependencies; a test that leans on another plugin cannot pass by luck.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

from workspace import ROOT, closure, member_in, members

RESULTS = ROOT / ".tox" / "results"


def check_isolation(folder: str) -> None:
    """Compare what is installed with what the package declares.

    Raises:
        SystemExit: a member is installed that is not declared, or the other way round; both lists are named.
    """
    everyone = members()
    if folder == "tests":
        expected = set(everyone)
    else:
        member = member_in(folder)
        expected = set(closure(member, member.test_extras))
    installed = {dist.name for dist in distributions() if dist.name in everyone}
    if installed != expected:
        raise SystemExit(
            f"error: {folder} must be tested with {sorted(expected)}, but {sorted(installed)} are installed"
        )
    declared = set().union(*(everyone[name].entry_points for name in expected))
    seen = discovered()
    if seen != dict.fromkeys(declared, "loaded"):
        raise SystemExit(f"error: {folder} must discover {sorted(declared)}, all loaded, but discovers {seen}")
    print(f"{folder}: plugins in this environment: {', '.join(sorted(seen)) or 'none'}", flush=True)


def discovered() -> dict[str, str]:
    """Name and state of each plugin that the installed command itself finds, with an empty home.

    Raises:
        SystemExit: the command fails; its message is repeated.
    """
    command = [str(Path(sys.executable).with_name("creatorflow")), "capabilities", "--json"]
    with tempfile.TemporaryDirectory(prefix="creatorflow-home-") as home:
        env = {**os.environ, "CREATORFLOW_HOME": home}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"error: {' '.join(command)} ended with {done.returncode}\n{done.stderr}")
    return {plugin["name"]: plugin["state"] for plugin in json.loads(done.stdout)["plugins"]}


def main(folder: str, arguments: list[str]) -> int:
    """Check the environment, then run pytest; its exit code is ours.

    A package without a single test file is said to have none: pytest would call that an error, and so would we once
    there are test files that collect nothing.
    """
    check_isolation(folder)
    tests = ROOT / folder if folder == "tests" else ROOT / folder / "tests"
    if not any(tests.rglob("test_*.py")):
        print(f"{folder}: no tests yet")
        return 0
    RESULTS.mkdir(parents=True, exist_ok=True)
    report = RESULTS / f"{folder.replace('/', '-')}.xml"
    command = [sys.executable, "-m", "pytest", str(tests), "-p", "no:cacheprovider", f"--junitxml={report}", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    sys.exit(main(sys.argv[1].rstrip("/"), sys.argv[2:]))
