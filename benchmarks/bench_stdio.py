"""Round trips over stdio per second, as a ratio: ``sidecar.ping`` against a bare asyncio JSON echo loop. Aim: at least 0.5 times.

Both are child processes with the same client; measured in turns in this one run, one by one (the next request after the answer) and
pipelined (requests are written while answers are read). Medians are compared.

Usage: python benchmarks/bench_stdio.py [--runs N] [--requests N] [--json]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

AIM = 0.5
PING = b'{"jsonrpc":"2.0","id":1,"method":"sidecar.ping"}\n'
OURS = "import sys; from creatorflow.cli import main; sys.argv = ['creatorflow', 'serve', '--stdio']; main()"
ECHO = """
import asyncio, json, sys

async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        request = json.loads(line)
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": {"method": request["method"]}}) + "\\n")
        sys.stdout.flush()

asyncio.run(main())
"""


def once(code: str, home: str, requests: int) -> tuple[float, float]:
    """Return round trips per second, one by one and pipelined."""
    env = {**os.environ, "CREATORFLOW_HOME": home}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, bufsize=0
    )
    assert process.stdin is not None
    assert isinstance(process.stdout, io.RawIOBase)
    send, answers = process.stdin, io.BufferedReader(process.stdout, 1 << 20)

    def answer() -> None:
        line = answers.readline()
        while b'"method":"sidecar.' in line:  # notifications
            line = answers.readline()
        if b'"result"' not in line:
            raise SystemExit(f"not an answer: {line[:200]!r}")

    for _ in range(300):
        send.write(PING)
        answer()
    started = time.perf_counter()
    for _ in range(requests // 4):
        send.write(PING)
        answer()
    one_by_one = (requests // 4) / (time.perf_counter() - started)
    started = time.perf_counter()
    writer = threading.Thread(target=lambda: [send.write(PING * 100) for _ in range(requests // 100)])
    writer.start()
    for _ in range(requests // 100 * 100):
        answer()
    pipelined = (requests // 100 * 100) / (time.perf_counter() - started)
    writer.join()
    send.close()
    answers.read()
    process.wait(30)
    return one_by_one, pipelined


def measure(runs: int, requests: int) -> dict[str, float]:
    """Run both in turns and return medians per second and their ratios."""
    rates: dict[str, list[tuple[float, float]]] = {OURS: [], ECHO: []}
    with tempfile.TemporaryDirectory() as home:
        for _ in range(runs):
            for code, found in rates.items():
                found.append(once(code, home, requests))
    result: dict[str, float] = {"aim": AIM}
    for at, name in enumerate(("one_by_one", "pipelined")):
        ours, echo = (statistics.median(pair[at] for pair in rates[code]) for code in (OURS, ECHO))
        result |= {
            f"{name}_per_s": round(ours),
            f"{name}_echo_per_s": round(echo),
            f"{name}_ratio": round(ours / echo, 2),
        }
    return result


def main() -> int:
    """Print the result; 1 when the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.runs, arguments.requests)
    if arguments.json:
        print(json.dumps(result))
    else:
        for name in ("one_by_one", "pipelined"):
            ours, echo, ratio = (result[f"{name}{suffix}"] for suffix in ("_per_s", "_echo_per_s", "_ratio"))
            print(f"stdio {name}: {ours} round trips/s, echo loop {echo}, ratio {ratio} (aim >= {AIM})")
    return 0 if min(result["one_by_one_ratio"], result["pipelined_ratio"]) >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
