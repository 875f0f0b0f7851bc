"""The stdio transport: what the descriptors may be, and every way to end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
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


# --- kinds of descriptors ------------------------------------------------------------------------------------------------------------


def test_input_and_output_may_be_files(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(
        b"".join(PING % n for n in range(5000)) + PING.strip() % 5000
    )  # no line feed at the end
    with (tmp_path / "in").open("rb") as stdin, (tmp_path / "out").open("wb") as stdout:
        subprocess.run([sys.executable, str(PEER)], stdin=stdin, stdout=stdout, timeout=60, check=True)
    lines = [json.loads(line) for line in (tmp_path / "out").read_bytes().splitlines()]
    assert lines[0]["method"] == "sidecar.ready"
    assert [line["id"] for line in lines[1:]] == list(range(5001))


def test_input_and_output_may_be_one_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen([sys.executable, str(PEER)], stdin=theirs.fileno(), stdout=theirs.fileno())
        theirs.close()
        ours.settimeout(30)
        with ours.makefile("rwb") as stream:
            for number in range(300):
                stream.write(PING % number)
            stream.write(b'{"jsonrpc":"2.0","method":"odd","params":["big"],"id":"big"}\n')
            stream.flush()
            assert json.loads(stream.readline())["method"] == "sidecar.ready"
            assert [json.loads(stream.readline())["id"] for _ in range(300)] == list(range(300))
            assert len(json.loads(stream.readline())["result"]) == 3_000_000
            ours.shutdown(socket.SHUT_WR)
            assert stream.readline() == b""
        assert process.wait(30) == 0


def _only_ready(output: bytes) -> bool:
    return [json.loads(line)["method"] for line in output.splitlines()] == ["sidecar.ready"]


def test_input_that_ends_at_once_and_the_null_device() -> None:
    empty = subprocess.run([sys.executable, str(PEER)], input=b"", stdout=subprocess.PIPE, timeout=60, check=True)
    assert _only_ready(empty.stdout)
    with Path(os.devnull).open("rb") as null:
        done = subprocess.run([sys.executable, str(PEER)], stdin=null, stdout=subprocess.PIPE, timeout=60, check=True)
    assert _only_ready(done.stdout)


def test_the_flags_of_the_hosts_files_are_left_alone(tmp_path: Path) -> None:
    """O_NONBLOCK would belong to the open file, which a shell or a terminal shares."""
    read_end, write_end = os.pipe()
    out_read, out_write = os.pipe()
    process = subprocess.Popen([sys.executable, str(PEER)], stdin=read_end, stdout=out_write)
    with os.fdopen(out_read, "rb") as out:
        out.readline()
        os.write(write_end, PING % 1)
        out.readline()
        assert os.get_blocking(read_end)
        assert os.get_blocking(out_write)
        os.close(write_end)
        assert process.wait(30) == 0
    os.close(read_end)
    os.close(out_write)


# --- the end -------------------------------------------------------------------------------------------------------------------------


def test_accepted_requests_are_finished_after_the_end_of_input(host: Any) -> None:
    host.send(
        {"jsonrpc": "2.0", "method": "sleep", "params": [0.5, "a"], "id": 1},
        {"jsonrpc": "2.0", "method": "sleep", "params": [0.2, "b"], "id": 2},
    )
    host.close()
    assert [(value["id"], value["result"]) for value in host.rest()] == [(2, "b"), (1, "a")]
    assert host.wait() == 0


def test_the_drain_has_limits_and_publishing_has_a_longer_one(spawn: Any) -> None:
    host = spawn("drain_s=0.3", "drain_publish_s=1.5")
    host.call("sleep", [30], id="long")
    host.call("publish", [1, "published"], id="publish")
    host.call("publish", [30], id="stuck")
    started = time.monotonic()
    host.close()
    values = {value["id"]: value for value in host.rest()}
    assert values["long"]["error"]["code"] == 50302
    assert values["publish"]["result"] == "published"
    assert values["stuck"]["error"]["code"] == 50302
    assert host.wait() == 0
    assert time.monotonic() - started < 8


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(host: Any, number: signal.Signals) -> None:
    host.call("sleep", [0.6, "done"], id=1)
    host.result("sleep", [0.05], id=2)
    host.process.send_signal(number)
    _until(lambda: _refused(host), 5, "new work is still accepted")
    assert host.answer(1)["result"] == "done"
    assert host.wait() == 0


def _refused(host: Any) -> bool:
    number = f"late {time.monotonic()}"
    with contextlib.suppress(BrokenPipeError):
        host.call("sleep", [0], id=number)
    answer = host.answer(number, 5)
    return bool(answer.get("error", {}).get("code") == 50302)


def test_shutdown_answers_drains_and_exits_while_the_input_stays_open(host: Any) -> None:
    host.call("sleep", [0.3, "done"], id=1)
    assert host.result("sidecar.shutdown", id=2) == {"draining": True}
    assert host.answer(1)["result"] == "done"
    assert host.rest() == []
    assert host.wait() == 0


def test_a_host_that_closed_its_end_of_the_output_ends_us(spawn: Any) -> None:
    host = spawn(reading=False)
    host.stdout.readline()
    host.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        for number in range(3):
            host.call("ping", id=number)
    assert host.wait() == 0


def test_a_host_that_never_reads_does_not_keep_us_alive(spawn: Any) -> None:
    host = spawn(reading=False)
    host.call("odd", ["big"], id=1)
    host.close()
    assert host.wait(20) == 0


def test_a_thread_that_nobody_can_stop_does_not_keep_us_alive(spawn: Any) -> None:
    host = spawn("drain_s=0.3", "cancel_forced_s=0.3")
    host.call("stuck", [50], id=1)
    host.result("sleep", [0.05], id=2)
    started = time.monotonic()
    host.close()
    assert host.answer(1)["error"]["code"] == 50302
    assert host.wait(20) == 0
    assert time.monotonic() - started < 15


MIDDLE = """
import os, subprocess, sys
sidecar = subprocess.Popen([sys.executable, sys.argv[1]], stdin=int(sys.argv[2]), stdout=int(sys.argv[3]), close_fds=False)
print(sidecar.pid, flush=True)
sidecar.wait()
"""


@pytest.mark.parametrize("pidfd", [True, False])
def test_the_death_of_the_parent_ends_us_though_the_input_stays_open(tmp_path: Path, pidfd: bool) -> None:
    """We keep both pipes open, as a launcher would; only the process in the middle dies."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    for descriptor in (in_read, out_write):
        os.set_inheritable(descriptor, True)
    peer = PEER
    if not pidfd:  # as on kernels and systems without pidfd_open
        peer = tmp_path / "peer.py"
        peer.write_text(
            "import os\nos.pidfd_open = lambda pid: (_ for _ in ()).throw(OSError(38, ''))\n"
            + PEER.read_text().replace("from __future__ import annotations\n", "")
        )
    middle = subprocess.Popen(
        [sys.executable, "-c", MIDDLE, str(peer), str(in_read), str(out_write)], stdout=subprocess.PIPE, close_fds=False
    )
    assert middle.stdout is not None
    with middle.stdout, os.fdopen(out_read, "rb") as out:
        pid = int(middle.stdout.readline())
        assert b"sidecar.ready" in out.readline()
        os.write(in_write, PING % 1)
        assert json.loads(out.readline())["id"] == 1
        middle.send_signal(signal.SIGKILL)
        middle.wait(10)
        os.close(out_write)
        try:
            _until(lambda: not Path(f"/proc/{pid}").exists() or _zombie(pid), 5, "the sidecar lives on")
        except AssertionError:
            os.kill(pid, signal.SIGKILL)
            raise
    os.close(in_read)
    os.close(in_write)


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
