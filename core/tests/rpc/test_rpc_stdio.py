"""The stdio transport: isolation of the descriptors, concurrency, cancelling, slow hosts."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import Any

import pytest

PEER = Path(__file__).with_name("peer.py")
PING = b'{"jsonrpc":"2.0","method":"ping","id":%d}\n'


def _until(condition: Any, budget_s: float, what: str) -> None:
    deadline = time.monotonic() + budget_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_ready_comes_first_and_names_versions(spawn: Any) -> None:
    host = spawn(wait_ready=False)
    ready = host.next()
    assert ready["method"] == "sidecar.ready"
    assert ready["params"] == {
        "version": "test",
        "protocol_versions": [1],
        "pid": host.process.pid,
        "transport": "stdio",
    }


# --- isolation -----------------------------------------------------------------------------------------------------------------------


def test_prints_and_children_do_not_reach_the_channel(host: Any) -> None:
    assert host.result("noise", id=1) == "child ended with 0"
    assert host.result("ping", id=2) == {"pong": True}
    host.close()
    assert host.rest() == []
    assert len(host.raw) == 3  # ready and two answers: nothing else was ever on stdout
    text = host.stderr.read_text()
    assert "a library prints" in text
    assert "a child writes to 1" in text
    assert "to the first stdout, too" in text
    assert "''" in text  # the child's stdin is the null device, not the host's pipe


def test_a_child_has_no_descriptor_of_the_channel(host: Any) -> None:
    host.result("noise", id=1)
    (line,) = [line for line in host.stderr.read_text().splitlines() if line.startswith("'' [")]
    assert eval(line.removeprefix("'' ")) == ["0", "1", "2", "3"]  # 3 is the listing itself


# --- concurrency and cancelling ------------------------------------------------------------------------------------------------------


def test_a_trivial_call_does_not_wait_behind_a_slow_one(host: Any) -> None:
    host.call("sleep", [20, "slow"], id="slow")
    started = time.monotonic()
    assert host.result("ping", id="quick") == {"pong": True}
    assert host.result("sleep", [0.01, "short"], id="short") == "short"
    assert time.monotonic() - started < 5
    assert not [value for value in host.seen if value.get("id") == "slow"]


@pytest.mark.parametrize(
    "cancel",
    [
        {"method": "$/cancelRequest", "params": {"id": "slow"}},
        {"method": "$/cancelRequest", "params": ["slow"]},
        {"method": "notifications/cancelled", "params": {"requestId": "slow", "reason": "x"}},
    ],
)
def test_cancel_stops_the_work_and_answers_once(host: Any, cancel: dict[str, Any]) -> None:
    host.call("sleep", [30], id="slow")
    host.send({"jsonrpc": "2.0", **cancel})
    answer = host.answer("slow", 5)
    assert answer["error"]["code"] == -32800
    assert host.result("counters", id="count")["stopped"] in (0, 1)  # 0: stopped before its first step
    host.close()
    assert host.rest() == []


def test_cancel_of_running_work_reaches_it(host: Any) -> None:
    host.call("sleep", [30], id=1)
    host.result("sleep", [0.05], id=2)  # by now the first one sleeps
    host.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1}, "id": 3})
    assert host.answer(3)["result"] == {"cancelled": True}
    assert host.answer(1)["error"]["code"] == -32800
    assert host.result("counters", id=4)["stopped"] == 1


@pytest.mark.parametrize(
    "params", [None, {}, [], {"id": None}, {"id": True}, {"id": "1"}, {"id": 99}, {"id": {}}, {"x": 1}]
)
def test_cancel_of_nothing_is_harmless(host: Any, params: Any) -> None:
    host.call("sleep", [0.2, "done"], id=1)
    host.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": params})
    assert host.answer(1)["result"] == "done"


def test_a_result_that_is_ready_wins_over_the_cancel(host: Any) -> None:
    host.call("finisher", [30], id=1)
    host.result("sleep", [0.05], id=2)
    host.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1}})
    assert host.answer(1)["result"] == "done anyway"


def test_what_may_not_be_cancelled_goes_on(host: Any) -> None:
    host.call("fixed", [0.5, "done"], id=1)
    host.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1}})
    assert host.answer(1)["result"] == "done"


def test_work_that_ignores_the_cancel_is_answered_by_force_once(spawn: Any) -> None:
    host = spawn("cancel_forced_s=0.3", "drain_s=0.5")
    host.call("stubborn", [2], id=1)
    host.result("sleep", [0.05], id=2)
    started = time.monotonic()
    host.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1}})
    assert host.answer(1)["error"]["code"] == -32800
    assert time.monotonic() - started < 1.5
    assert host.result("sleep", [2.2, "later"], id=3) == "later"  # the stubborn one ended meanwhile, unheard
    assert [value["id"] for value in host.seen if "method" not in value] == [2, 1, 3]


def test_a_call_that_takes_too_long_times_out(host: Any) -> None:
    error = host.error("impatient", [30], id=1)
    assert (error["code"], error["data"]["retryable"]) == (50401, True)
    assert error["message"] == "impatient did not finish within 0.2 s."
    assert host.result("impatient", [0, "in time"], id=2) == "in time"


# --- limits of a line and slow hosts -------------------------------------------------------------------------------------------------


def test_a_line_over_the_limit_is_answered_and_skipped(spawn: Any) -> None:
    host = spawn("line_bytes=1000")
    host.send(b"x" * 1001, b'{"jsonrpc":"2.0","method":"ping","id":1}')
    assert host.answer(None)["error"]["code"] == 41301
    assert host.notification("sidecar.protocol_error")["error"]["data"]["details"]["limit"] == 1000
    assert host.answer(1)["result"] == {"pong": True}
    fitting = b'{"jsonrpc":"2.0","method":"ping","id":2}'
    host.send(fitting + b" " * (1000 - len(fitting)))
    assert host.answer(2)["result"] == {"pong": True}


def _rss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def test_a_huge_line_costs_no_memory(host: Any) -> None:
    before = _rss(host.process.pid)
    block = b"y" * 1_000_000
    for _ in range(120):
        host.stdin.write(block)
    host.send(b"", b'{"jsonrpc":"2.0","method":"ping","id":1}')
    assert host.answer(1, 60)["result"] == {"pong": True}
    assert _rss(host.process.pid) - before < 40_000_000  # 8 MiB are kept until it is known to be too long
    assert [value["error"]["code"] for value in host.seen if value.get("id", 0) is None] == [41301]


def test_a_host_that_stops_reading_loses_nothing_and_stops_nobody(spawn: Any) -> None:
    host = spawn(reading=False)
    assert json.loads(host.stdout.readline())["method"] == "sidecar.ready"
    host.call("emit", {"count": 3000, "size": 1000}, id="emit")  # 3 MB of events for a pipe of 64 KB
    before = _rss(host.process.pid)
    time.sleep(2)  # the scenario itself: two seconds without reading
    for number in range(500):
        host.call("ping", id=number)
    assert _rss(host.process.pid) - before < 20_000_000
    host.start_reading()
    answers: list[Any] = []
    events: list[int] = []
    while len(answers) < 501 or len(events) < 3000:
        value = host.next()
        if "method" in value:
            events.append(value["params"]["event_id"])
        else:
            answers.append(value["id"])
    assert events == list(range(1, 3001))
    assert sorted(map(str, answers)) == sorted(["emit", *map(str, range(500))])


def test_answers_go_before_events_that_wait(spawn: Any) -> None:
    host = spawn(reading=False)
    assert json.loads(host.stdout.readline())["method"] == "sidecar.ready"
    host.call("emit", {"count": 200, "size": 50_000}, id="emit")
    _until(lambda: _unread(host.stdout.fileno()) > 40_000, 10, "no event was written")
    host.call("ping", id="ping")
    _until(lambda: _unread(host.stdin.fileno()) == 0, 10, "the ping was not read")
    time.sleep(0.1)  # read is not yet answered; too short a pause can only make the check weaker
    host.start_reading()
    events = 0
    while (value := host.next()).get("id") != "ping":
        events += "method" in value
    assert events <= 2  # what was in the pipe; a page of 64 waited behind it


def test_events_of_other_types_are_not_shown_and_do_not_stop_the_feed(host: Any) -> None:
    host.result("emit", {"count": 500, "type": "internal.detail"}, id=1)
    host.result("emit", {"count": 2, "type": "task.opened"}, id=2)
    assert host.notification("task.opened")["event_id"] == 501
    assert host.notification("task.opened")["event_id"] == 502


def test_ten_thousand_requests_before_the_first_answer_is_read(spawn: Any) -> None:
    host = spawn(reading=False)
    count = 20_000
    writer = threading.Thread(target=lambda: [host.stdin.write(PING % n) for n in range(count)] and host.stdin.flush())
    writer.start()
    writer.join(30)
    assert not writer.is_alive(), "the sidecar stopped reading"
    host.start_reading()
    host.notification("sidecar.ready")
    assert [host.next()["id"] for _ in range(count)] == list(range(count))


def _unread(descriptor: int) -> int:
    """Return how many bytes wait in a pipe (FIONREAD)."""
    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_answers_that_nobody_reads_stop_the_reading_of_requests(spawn: Any) -> None:
    """64 MiB may wait; then requests stay in the pipe, which holds the host back, and go on when it reads."""
    host = spawn(reading=False)
    count = 60
    taken = 0
    for number in range(count):
        host.call("odd", ["big"], id=number)
        deadline = time.monotonic() + 3
        while taken == number and _unread(host.stdin.fileno()) and time.monotonic() < deadline:
            time.sleep(0.005)
        if not _unread(host.stdin.fileno()):
            taken = number + 1
    assert 20 <= taken <= 30, "three megabytes each"
    host.start_reading()
    assert host.next()["method"] == "sidecar.ready"
    assert [host.next()["id"] for _ in range(count)] == list(range(count))


def test_a_log_that_nobody_reads_blocks_nobody_and_says_what_was_lost(spawn: Any) -> None:
    host = spawn(stderr=subprocess.PIPE)
    assert host.result("chatter", {"count": 3000, "size": 10}, id=1) == 3000
    assert host.result("chatter", {"count": 3, "size": 200_000}, id=2) == 3
    with host.process.stderr as pipe:
        os.set_blocking(pipe.fileno(), False)
        while pipe.read(1 << 16):
            continue
        os.set_blocking(pipe.fileno(), True)
        host.result("chatter", {"count": 1}, id=3)
        host.close()
        lines = pipe.read().splitlines()
    assert json.loads(lines[-1])["number"] == 0
    lost = [json.loads(line)["lost_log_lines"] for line in lines if b"lost_log_lines" in line]
    assert len(lost) == 1
    assert 2000 < lost[0] < 3003
