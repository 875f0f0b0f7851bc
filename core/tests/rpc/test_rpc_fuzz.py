"""Thousands of random lines: the process lives, and every id that can be told is answered exactly once."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from typing import Any

import pytest

#: The same lines on every run; the long form (scripts/campaign) passes other seeds.
SEEDS = [int(seed) for seed in os.environ.get("CREATORFLOW_FUZZ_SEEDS", "1,2,3").split(",")]
LINES = 2500
METHODS = [
    "ping",
    "echo",
    "subtract",
    "sleep",
    "effect",
    "boom",
    "nope",
    "",
    "rpc.x",
    "platform.a.publish",
    "$/cancelRequest",
    "odd",
]


def _value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(10 if depth < 5 else 7)
    if kind == 0:
        return None
    if kind == 1:
        return rng.choice([True, False])
    if kind == 2:
        return rng.choice([0, -1, 1, 2**31, 2**53 + 1, -(2**63), 10**30, rng.randrange(-1000, 1000)])
    if kind == 3:
        return rng.choice([0.0, -0.5, 1e-300, 1e300, rng.random()])
    if kind <= 6:
        alphabet = 'ab "\\/\n\t{}[]:,\u0000\u007f\u0085\u2028\u2029\u4e2d\U0001f600\ufeff'
        return "".join(rng.choice(alphabet) for _ in range(rng.randrange(12)))
    if kind <= 8:
        return [_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {str(rng.randrange(5)) + rng.choice("abc"): _value(rng, depth + 1) for _ in range(rng.randrange(4))}


def _params(rng: random.Random, method: str) -> Any:
    if method == "sleep":
        return [rng.random() / 50]
    if method == "boom":
        return {"value": rng.choice(["exit", "cancel", "full", None])}
    if method == "$/cancelRequest":
        return {"id": f"id-{rng.randrange(LINES)}"}
    return _value(rng)


def _request(rng: random.Random, number: int, expected: Counter[str]) -> dict[str, Any]:
    """Make a request; one that carries an id, right or wrong in all else, is to be answered once."""
    method = rng.choice(METHODS)
    request: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": _params(rng, method)}
    if rng.random() < 0.1:
        request.pop(rng.choice(list(request)))
    if rng.random() < 0.1:
        request[rng.choice(["jsonrpc", "method", "params", "extra"])] = _value(rng)
    if rng.random() < 0.9:
        request["id"] = f"id-{number}-{rng.getrandbits(48):012x}"  # no mutation makes one of these out of another
        expected[request["id"]] += 1
    return request


def _mutate(rng: random.Random, line: bytes) -> bytes:
    data = bytearray(line)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data) + 1)
        action = rng.randrange(3)
        if action == 0:
            data[at:at] = bytes([rng.randrange(256)])
        elif action == 1:
            del data[at : at + rng.randrange(5)]
        else:
            data[at : at + 1] = bytes([rng.randrange(256)])
    return bytes(data).replace(b"\n", b" ")


@pytest.mark.parametrize("seed", SEEDS)
def test_random_lines(spawn: Any, seed: int) -> None:
    rng = random.Random(seed)
    host = spawn()
    expected: Counter[str] = Counter()
    maybe: set[str] = set()  # ids of mutated lines: whether they can be read is for the parser to say, but never twice
    for number in range(LINES):
        if rng.random() < 0.08:
            value: Any = [_request(rng, number * 100 + item, expected) for item in range(rng.randrange(1, 6))]
            if rng.random() < 0.3:
                value.append(_value(rng))
        else:
            value = _request(rng, number, expected)
        line = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode()
        if rng.random() < 0.3:
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict) and item.get("id") in expected:
                    del expected[item["id"]]
                    maybe.add(item["id"])
            line = _mutate(rng, line)
        host.send(line)
    host.call("ping", id="the end")
    host.close()
    got: Counter[Any] = Counter()
    for value in host.rest(60):
        for item in value if isinstance(value, list) else [value]:
            if "method" not in item:
                assert ("result" in item) != ("error" in item)
                got[item["id"]] += 1
    assert host.wait() == 0
    assert got.pop("the end") == 1
    missing = set(expected) - set(got)
    assert not missing, sorted(missing)[:10]
    assert {name: count for name, count in got.items() if name in expected and count != expected[name]} == {}
    assert {name: got[name] for name in maybe if got[name] > 1} == {}
    assert "Traceback" not in host.stderr.read_text().split("unexpected error")[0]
