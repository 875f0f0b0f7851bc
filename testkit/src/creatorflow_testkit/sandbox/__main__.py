"""``python -m creatorflow_testkit.sandbox --dir D --replica module:Class …``: runs until SIGTERM, SIGINT or stdin's end.

The first and only line on stdout is ``{"ready": {…SandboxFacts…}}``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path

from creatorflow_testkit.sandbox.server import Sandbox


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Set ``stop`` when stdin ends, which it does when the parent dies, however it dies."""

    def wait() -> None:
        # os.read and not sys.stdin: a daemon thread inside a buffered reader breaks the interpreter's shutdown.
        while os.read(0, 4096):
            pass
        try:
            loop.call_soon_threadsafe(stop.set)
        except RuntimeError:  # the loop is already closed: there is nothing left to stop
            return

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()


def _watch_signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows: no loop signal handlers there
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


async def _run(options: argparse.Namespace) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    _watch_signals(loop, stop)
    if options.die_with_stdin:
        _watch_stdin(loop, stop)
    sandbox = Sandbox(options.dir, options.replica, port=options.port, latency_ms=options.latency_ms)
    async with sandbox:
        sys.stdout.write(json.dumps({"ready": sandbox.facts.to_json()}) + "\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m creatorflow_testkit.sandbox")
    parser.add_argument("--dir", type=Path, required=True, help="directory of the sandbox")
    parser.add_argument("--replica", action="append", required=True, help="package.module:Class (repeat)")
    parser.add_argument("--port", type=int, default=0, help="TLS port; 0: the last one if free, else any")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="milliseconds that each answer takes at least")
    parser.add_argument("--die-with-stdin", action="store_true", help="end when stdin ends")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
