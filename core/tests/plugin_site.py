"""A folder of installed distributions, made on the fly: real dist-info metadata, real packages, a real interpreter that finds them."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import creatorflow.api

RULES = """
schema = 1

[text]
max = 100
counter = "code_points"
source = "https://pinboard.example/help"
date = "2026-11-01"
confidence = "D"

[forms.text]
"""

#: A hook module with one platform; ``{package}`` and ``{platform}`` are filled in.
PLATFORM_MODULE = """
from creatorflow.api import Operation, PlatformDescriptor, ReadBack, ReadBackStrength, Text, hookimpl

@hookimpl
def creatorflow_platform_adapters():
    return [
        PlatformDescriptor(
            name="{platform}",
            version="0.3",
            title=Text(en="Pinboard", zh="图钉板"),
            loader="{package}.adapter:Adapter",
            content_forms=("text",),
            operations=(Operation.PUBLISH, Operation.LIST_POSTS),
            read_back=ReadBack(strength=ReadBackStrength.STRONG, settle_s=5),
            rules="{package}:rules.toml",
        )
    ]
"""

ADAPTER_MODULE = """
from datetime import UTC, datetime
from creatorflow.api import PlatformAdapter, Prepared, Receipt, RemotePost, Sending, SessionInfo

class Adapter(PlatformAdapter):
    posts = []

    async def check_session(self):
        return SessionInfo(uid="7")

    async def prepare(self, draft, checkpoint=None):
        return Prepared(draft=draft)

    async def submit(self, prepared, commit):
        await commit.arm(Sending(text=prepared.draft))
        self.posts.append(RemotePost(post_id="1", url="https://pinboard.example/1", text=prepared.draft, created_at=datetime.now(UTC)))
        return Receipt(post_id="1", post_url="https://pinboard.example/1")

    async def list_posts(self, since):
        return [post for post in self.posts if post.created_at >= since]
"""


@cache
def host_path() -> list[str]:
    """Return path entries with the core and what it needs, but none of the plugins that happen to be installed where the tests run."""
    room = Path(tempfile.mkdtemp(prefix="creatorflow-host-"))
    atexit.register(shutil.rmtree, room, ignore_errors=True)
    for folder in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        for item in Path(folder).iterdir():
            link = room / item.name
            if not item.name.lower().startswith("creatorflow_") and item.suffix != ".pth" and not link.exists():
                link.symlink_to(item, target_is_directory=item.is_dir())
    return [str(room), str(Path(creatorflow.api.__file__).parents[2])]


class Site:
    """``root`` is put in front of the path of the interpreter that ``run`` starts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def add(
        self,
        distribution: str,
        files: Mapping[str, str],
        *,
        points: Mapping[str, str] | None = None,
        version: str = "1.0",
        requires: Sequence[str] = (),
        entry_points: str | bytes | None = None,
    ) -> None:
        """Install a distribution: its files, METADATA and entry_points.txt (``points``: name to value; ``entry_points``: verbatim)."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        info = self.root / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
        lines += [f"Requires-Dist: {item}" for item in requires]
        (info / "METADATA").write_text(
            "\n".join([*lines, "", "A long description.\nName: not-a-header\n"]), encoding="utf-8"
        )
        if entry_points is None:
            entry_points = "[creatorflow]\n" + "".join(f"{name} = {value}\n" for name, value in (points or {}).items())
        data = entry_points if isinstance(entry_points, bytes) else entry_points.encode()
        (info / "entry_points.txt").write_bytes(data)

    def plugin(self, name: str, module: str, **more: Any) -> None:
        """Install ``creatorflow-NAME`` whose only module is the given hook module."""
        package = f"cf_{name}"
        files = {f"{package}/__init__.py": "", f"{package}/plugin.py": module, **more.pop("files", {})}
        self.add(f"creatorflow-{name}", files, points={name: f"{package}.plugin"}, **more)

    def platform(self, name: str, *, platform: str = "", rules: str | None = RULES, **more: Any) -> None:
        """Install a complete publisher; ``rules`` None leaves the file out."""
        package = f"cf_{name}"
        files = {f"{package}/adapter.py": ADAPTER_MODULE, **more.pop("files", {})}
        if rules is not None:
            files[f"{package}/rules.toml"] = rules
        module = PLATFORM_MODULE.replace("{package}", package).replace("{platform}", platform or name)
        self.plugin(name, module, files=files, **more)

    def run(self, code: str, *arguments: str, check: bool = True) -> Any:
        """Run ``code`` in a fresh interpreter and return the JSON that its last line of stdout holds.

        ``Catalogue`` is imported, and ``out(value)`` prints the answer.
        """
        head = "import json, sys\nfrom creatorflow.plugins import *\ndef out(value): print('\\n' + json.dumps(value))\n"
        done = subprocess.run(
            [sys.executable, "-P", "-S", "-c", head + textwrap.dedent(code), *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=120,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(self.root), *host_path()]),
                "PYTHONIOENCODING": "utf-8",
            },
        )
        if check:
            assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def records(self, arguments: str = "") -> dict[str, Any]:
        """Discover with the given arguments and return ``plugins.list`` by ``plugin@distribution``."""
        entries = self.run(f"out([plugin_entry(record, 'en') for record in Catalogue.discover({arguments}).plugins])")
        return {f"{item['name']}@{item['distribution']}".rstrip("@"): item for item in entries}
