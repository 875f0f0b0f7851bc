"""The child process that decodes pictures: hostile files end here, not in the host.

One JSON line in (the request), JSON lines out: ``{"start": i}``, then ``{"done": i, ...}`` per picture, or one ``{"error": {...}}`` and
the end. The host keeps the input open for as long as it lives; its end is ours. Imports Pillow and the standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from creatorflow_pillow.fitting import Problem, Target, fit

__all__ = ["main"]


def _limit(limits: dict[str, int]) -> None:
    """Cap memory (bytes), processor time (s), core files and output files (bytes), where the system has such limits."""
    try:
        import resource  # not on Windows
    except ImportError:
        return
    wanted = {
        resource.RLIMIT_AS: limits["memory"],
        resource.RLIMIT_CPU: limits["cpu_s"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits["file_bytes"],
    }
    for which, value in wanted.items():
        _, hard = resource.getrlimit(which)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # a system may refuse one of them; the others still count
            resource.setrlimit(which, (allowed, allowed))


def _die_with_host() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(3)


def _say(message: dict[str, Any], channel: int) -> None:
    os.write(channel, json.dumps(message).encode() + b"\n")


def main() -> int:
    """Fit the pictures of one request, in order; stop at the first that cannot be."""
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_die_with_host, daemon=True).start()
    channel = os.dup(1)
    os.dup2(2, 1)  # whatever a codec prints must not look like an answer
    _limit(request["limits"])
    target = Target.from_json(request["target"])
    for index, name in enumerate(request["paths"]):
        _say({"start": index}, channel)
        try:
            fitted = fit(Path(name), target, Path(request["out_dir"]), request["limits"])
        except Problem as problem:
            _say({"error": {"index": index, "code": problem.code, "values": problem.values}}, channel)
            return 0
        except MemoryError:
            _say({"error": {"index": index, "code": "memory", "values": {}}}, channel)
            return 0
        _say({"done": index, **fitted}, channel)
    return 0


if __name__ == "__main__":
    code = 1
    try:
        code = main()
    except Exception:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)  # the watching thread holds standard input; a normal exit would wait for its lock and abort
