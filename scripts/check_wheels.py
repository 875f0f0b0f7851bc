"""Build every wheel and use them as a stranger would. Usage: python scripts/check_wheels.py [--uv UV]

1. Every wheel carries its licence, notice, read-me and py.typed.
2. The core wheel alone, in a clean environment, lists its capabilities and names no platform.
3. Each plugin's wheel beside it appears in the catalogue.
4. With a distribution beside them whose plugin raises at import, that one is listed as failed and a whole publish (the demo) still works.
5. examples/third_party_adapter, which is no workspace member, passes its own tests beside the built wheels.

Nothing is taken from the source tree but the example; versions come from requirements/dev.txt.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from workspace import ROOT, members, plugin_members

PINS = ROOT / "requirements" / "dev.txt"
EXAMPLE = ROOT / "examples" / "third_party_adapter"


class Failure(Exception):
    """A check that did not hold; the message says which and what was seen."""


def run(*command: str | Path, cwd: Path, home: Path) -> str:
    """Run a command with a clean environment and return its stdout.

    Raises:
        Failure: it ended with another code than 0; the message has its output.
    """
    kept = ("PATH", "LANG", "TMPDIR", "SSL_CERT_FILE")
    env = {key: value for key, value in os.environ.items() if key in kept or key.startswith("UV_")}
    env |= {"HOME": str(home), "CREATORFLOW_HOME": str(home / "creatorflow"), "PYTHONUTF8": "1"}
    if "HOME" in os.environ and "UV_CACHE_DIR" not in env and Path(str(command[0])).name == "uv":
        env["HOME"] = os.environ["HOME"]  # uv's cache and the user's index settings; never the tools under test
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}\nexit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Check:
    """One run: a scratch folder with the wheels and an environment per question."""

    def __init__(self, uv: str, scratch: Path) -> None:
        self.uv = uv
        self.scratch = scratch
        self.wheels: dict[str, Path] = {}

    def build(self) -> None:
        """Build all wheels and look inside each.

        Raises:
            Failure: a wheel is missing, or lacks one of the files that a user needs.
        """
        out = self.scratch / "wheels"
        run(self.uv, "build", "--quiet", "--all-packages", "--wheel", "--out-dir", out, cwd=ROOT, home=self.scratch)
        for name in members():
            found = list(out.glob(f"{name.replace('-', '_')}-*.whl"))
            if len(found) != 1:
                raise Failure(f"expected one wheel of {name}, found {[wheel.name for wheel in found]}")
            self.wheels[name] = found[0]
            files = zipfile.ZipFile(found[0]).namelist()
            for wanted in (".dist-info/licenses/LICENSE", ".dist-info/licenses/NOTICE", "/py.typed"):
                if not any(file.endswith(wanted) for file in files):
                    raise Failure(f"{found[0].name} has no {wanted}")
            metadata = (
                zipfile.ZipFile(found[0]).read(next(f for f in files if f.endswith(".dist-info/METADATA"))).decode()
            )
            head, _, body = metadata.partition("\n\n")
            if "License-Expression: Apache-2.0" not in head or not body.strip():
                raise Failure(f"{found[0].name}: no licence expression or no read-me in its metadata")

    def environment(self, name: str) -> Path:
        """Make an empty environment and return its bin folder."""
        folder = self.scratch / name
        run(self.uv, "venv", "--quiet", "--python", sys.executable, folder, cwd=self.scratch, home=self.scratch)
        return folder / "bin"

    def install(self, bin_folder: Path, *what: str | Path) -> None:
        """Install wheels or packages at the pinned versions; our own packages only ever as the built files."""
        command = [self.uv, "pip", "install", "--quiet", "--python", bin_folder / "python", "-c", PINS, *what]
        run(*command, cwd=self.scratch, home=self.scratch)

    def capabilities(self, bin_folder: Path) -> dict[str, Any]:
        """The catalogue that the installed command prints."""
        text = run(bin_folder / "creatorflow", "capabilities", "--json", cwd=self.scratch, home=self.scratch)
        document: dict[str, Any] = json.loads(text)
        return document

    def core_alone(self) -> None:
        """The core wheel works alone; each plugin's wheel beside it appears.

        Raises:
            Failure: a platform or plugin is named that is not installed, or an installed one is not.
        """
        bin_folder = self.environment("alone")
        self.install(bin_folder, self.wheels["creatorflow"])
        document = self.capabilities(bin_folder)
        if document["platforms"] or document["plugins"]:
            raise Failure(f"core alone names {document['platforms']} and {document['plugins']}")
        for member in plugin_members():
            self.install(bin_folder, self.wheels[member.name])
        document = self.capabilities(bin_folder)
        states = {plugin["name"]: plugin["state"] for plugin in document["plugins"]}
        for member in plugin_members():
            for entry in member.entry_points:
                if states.get(entry) != "loaded":
                    raise Failure(f"{member.name} is installed, but the catalogue says {states}")

    def beside_a_broken_plugin(self) -> None:
        """A plugin that cannot even be imported is named, and stops nobody else's publish.

        Raises:
            Failure: it is not listed as failed, or the demo did not publish.
        """
        bin_folder = self.environment("broken")
        extras = [f"{self.wheels[member.name]}[sandbox]" for member in plugin_members() if "sandbox" in member.extras]
        plain = [self.wheels[member.name] for member in plugin_members() if "sandbox" not in member.extras]
        self.install(bin_folder, self.wheels["creatorflow"], self.wheels["creatorflow-testkit"], *plain, *extras)
        where = run(
            bin_folder / "python",
            "-c",
            "import sysconfig; print(sysconfig.get_path('purelib'))",
            cwd=self.scratch,
            home=self.scratch,
        )
        site = Path(where.strip())
        (site / "creatorflow_broken.py").write_text("raise RuntimeError('this plugin is broken on purpose')\n")
        info = site / "creatorflow_broken-9.9.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: creatorflow-broken\nVersion: 9.9\n")
        (info / "entry_points.txt").write_text("[creatorflow]\nbroken = creatorflow_broken\n")
        entries = {plugin["name"]: plugin for plugin in self.capabilities(bin_folder)["plugins"]}
        broken = entries.get("broken", {})
        if (
            broken.get("state") != "failed"
            or broken.get("version") != "9.9"
            or "on purpose" not in str(broken.get("error"))
        ):
            raise Failure(f"the broken plugin is listed as {broken}")
        run(
            bin_folder / "creatorflow",
            "demo",
            "--posts",
            ROOT / "examples" / "posts",
            cwd=self.scratch,
            home=self.scratch,
        )

    def third_party(self) -> None:
        """A stranger's adapter, outside the workspace, passes its own tests beside the wheels.

        Raises:
            Failure: the example is not there, does not install, or a test of it fails.
        """
        if not (EXAMPLE / "pyproject.toml").is_file():
            raise Failure(f"{EXAMPLE.relative_to(ROOT)} is missing or has no pyproject.toml")
        copy = self.scratch / "third_party_adapter"
        shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        bin_folder = self.environment("stranger")
        self.install(bin_folder, self.wheels["creatorflow"], self.wheels["creatorflow-testkit"], copy)
        report = ROOT / ".tox" / "results" / "third-party-adapter.xml"
        report.parent.mkdir(parents=True, exist_ok=True)
        run(bin_folder / "python", "-m", "pytest", "-q", copy, f"--junitxml={report}", cwd=copy, home=self.scratch)


def main() -> int:
    """Run the checks in order; the first that fails ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uv", default="uv", help="the uv to build and install with")
    uv = shutil.which(parser.parse_args().uv)
    if uv is None:
        parser.error("no uv here; name one with --uv")
    uv = str(Path(uv).absolute())
    with tempfile.TemporaryDirectory(prefix="creatorflow-wheels-") as scratch:
        check = Check(uv, Path(scratch))
        for name, step in (
            ("every wheel is complete", check.build),
            ("the core wheel alone, then with the plugins", check.core_alone),
            ("beside a plugin that raises, a publish still works", check.beside_a_broken_plugin),
            ("a third party's adapter beside the wheels", check.third_party),
        ):
            start = time.monotonic()
            try:
                step()
            except Failure as problem:
                print(f"wheels: {name}: FAILED\n{problem}")
                return 1
            print(f"wheels: {name}: {time.monotonic() - start:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
