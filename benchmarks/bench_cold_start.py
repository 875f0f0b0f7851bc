"""Cold start: from spawn to the answer of ``capabilities.list``, as a ratio.

Ours: ``creatorflow serve --stdio`` with every installed plugin. Yardstick: a Python process that imports asyncio and pluggy, defines one
pydantic model, and answers one line. Both run compiled, in turns, in this one run; medians are compared. Aim: at most 2 times.

Usage: python benchmarks/bench_cold_start.py [--runs N] [--json]
"""

from __future__ import annotations

import argparse
import compileall
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

AIM = 2.0
REQUEST = b'{"jsonrpc":"2.0","id":1,"method":"capabilities.list"}\n'
OURS = "import sys; from creatorflow.cli import main; sys.argv = ['creatorflow', 'serve', '--stdio']; main()"
YARDSTICK = """
import asyncio, json, sys
import pluggy
from pydantic import BaseModel

class Model(BaseModel):
    name: str
    count: int = 0

async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    request = json.loads(await reader.readline())
    manager = pluggy.PluginManager("creatorflow")
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": Model(name="x").model_dump()}), flush=True)

asyncio.run(main())
"""


def compile_everything() -> None:
    """Compile what a pip install would have compiled: the packages both processes import, wherever they lie."""
    import pydantic

    compileall.compile_dir(Path(pydantic.__file__).parent.parent, quiet=2, workers=0)
    for distribution in importlib.metadata.distributions():
        if distribution.name.startswith("creatorflow"):
            for name in {entry.module.partition(".")[0] for entry in distribution.entry_points} | {"creatorflow"}:
                for path in __import__(name).__path__:
                    compileall.compile_dir(path, quiet=2)


def once(code: str, home: str) -> float:
    """Return seconds from the spawn to the line with the answer."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {"CREATORFLOW_HOME": home}
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(REQUEST)
    process.stdin.flush()
    while True:
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the process ended without an answer")
        if json.loads(line).get("id") == 1:
            taken = time.perf_counter() - started
            break
    process.stdin.close()
    process.stdout.read()
    process.wait(30)
    return taken


def measure(runs: int) -> dict[str, float]:
    """Run both in turns and return medians in milliseconds and their ratio."""
    compile_everything()
    taken: dict[str, list[float]] = {OURS: [], YARDSTICK: []}
    with tempfile.TemporaryDirectory() as home:
        for code in taken:  # one each to warm the file cache
            once(code, home)
        for _ in range(runs):
            for code, seconds in taken.items():
                seconds.append(once(code, home))
    ours, yardstick = (statistics.median(taken[code]) * 1000 for code in (OURS, YARDSTICK))
    return {
        "ours_ms": round(ours, 1),
        "yardstick_ms": round(yardstick, 1),
        "ratio": round(ours / yardstick, 2),
        "aim": AIM,
    }


def main() -> int:
    """Print the result; 1 when the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.runs)
    if arguments.json:
        print(json.dumps(result))
    else:
        print("cold start: {ours_ms} ms, yardstick {yardstick_ms} ms, ratio {ratio} (aim <= {aim})".format(**result))
    return 0 if result["ratio"] <= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
