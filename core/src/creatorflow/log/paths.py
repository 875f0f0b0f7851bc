"""Absolute paths in log lines: a digest tells the same path again without telling the path."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from functools import lru_cache
from pathlib import PurePosixPath

__all__ = ["hide_paths", "path_digest"]

# Looking like a path is not enough: "/ajax/statuses/update" is part of a URL. A path begins at a top folder of a file system.
_USUAL_TOPS = (
    *(
        "Applications",
        "Library",
        "System",
        "Users",
        "Volumes",
        "bin",
        "boot",
        "builds",
        "data",
        "dev",
        "etc",
        "home",
        "lib",
        "lib64",
    ),
    *(
        "media",
        "mnt",
        "nix",
        "opt",
        "private",
        "proc",
        "root",
        "run",
        "sbin",
        "snap",
        "srv",
        "sys",
        "tmp",
        "usr",
        "var",
        "workspace",
    ),
)


def path_digest(path: str) -> str:
    """Return ``[path 1a2b3c4d.md]``: a short digest and the suffix; the same path always gives the same."""
    suffix = PurePosixPath(path.replace("\\", "/")).suffix
    kept = suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", suffix) else ""
    return f"[path {hashlib.sha256(path.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}{kept}]"


def hide_paths(text: str) -> str:
    """Replace every absolute path in a text."""
    if "/" not in text and "\\" not in text:
        return text
    return _pattern().sub(lambda found: path_digest(found[0]), text)


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    tops = set(_USUAL_TOPS)
    with contextlib.suppress(OSError):  # a sandbox may forbid it; the usual names remain
        tops.update(name for name in os.listdir("/") if len(name) > 1)  # noqa: PTH208 - names, not paths
    top = "|".join(re.escape(name) for name in sorted(tops, key=len, reverse=True))
    start = rf"(?:/(?:{top})(?=/)|[A-Za-z]:[\\/]|\\\\[\w.$-]+\\)"
    # In quotes a path runs to the closing quote (it may hold spaces); bare, it ends at a space or at punctuation.
    quoted = rf"(?<=')(?:{start})[^'\r\n]*(?=')|(?<=\")(?:{start})[^\"\r\n]*(?=\")"
    bare = rf"(?<![\w.%/-])(?:file://)?(?:{start})[^\s'\"<>|:;,()\[\]{{}}。,;:)】」]*"
    return re.compile(f"{quoted}|{bare}")
