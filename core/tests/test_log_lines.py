"""Log lines as they are written: JSON for machines, one-liners for people, a private file, trace ids."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from creatorflow.api import PluginLogger
from creatorflow.log import (
    configure_logging,
    forget_secrets,
    get_logger,
    new_trace_id,
    register_secret,
    shutdown_logging,
    trace_id,
    tracing,
)
from creatorflow.log.setup import JsonFormatter


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    shutdown_logging()
    configure_logging(stream=io.StringIO())  # content logging back to off
    shutdown_logging()
    root.setLevel(level)
    forget_secrets()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line() -> None:
    stream = io.StringIO()
    configure_logging("debug", stream=stream)
    register_secret("hunter2hunter2")
    log: PluginLogger = get_logger("creatorflow.plugin.weibo", job="j1")
    with tracing("0af7651916cd43dd8448eb211c80319c"):
        log.info("100 % of hunter2hunter2", status=200, token="abc", note="微博", level="mine")
    (line,) = lines(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("ts"))
    assert line == {
        "level": "info",
        "logger": "creatorflow.plugin.weibo",
        "message": "100 % of [redacted]",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "job": "j1",
        "status": 200,
        "token": "[redacted]",
        "note": "微博",
    }
    assert "微博" in stream.getvalue()


def test_foreign_libraries_pass_the_same_sink() -> None:
    stream = io.StringIO()
    configure_logging("info", stream=stream)
    register_secret("hunter2hunter2")
    foreign = logging.getLogger("some.library")
    foreign.info("sent %s with %s", "hunter2hunter2", {"Authorization": "abcdef"}, extra={"url": "https://u:pw@x/"})
    logging.getLogger("httpx").info("HTTP Request: GET https://x/?token=1")
    (first,) = lines(stream)
    assert first["message"] == "sent [redacted] with {'Authorization': [redacted]"
    assert first["url"] == "https://[redacted]@x/"
    wrong = logging.LogRecord("lib", logging.INFO, "f.py", 1, "%d %d", ("hunter2hunter2",), None)
    assert json.loads(JsonFormatter().format(wrong))["message"] == "%d %d"


def test_an_exception_has_type_message_and_places_but_no_path_or_value() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    register_secret("hunter2hunter2")

    def inner() -> None:
        value = "hunter2hunter2"
        raise OSError(2, f"bad {value}", "/nowhere/x")

    try:
        try:
            inner()
        except OSError as error:
            raise ValueError("outer") from error
    except ValueError as error:
        get_logger("creatorflow.x").error("failed", exc=error)
        logging.getLogger("other").exception("again")
    first, second = lines(stream)
    assert [link["type"] for link in first["exc"]] == ["ValueError", "FileNotFoundError"]
    assert first["exc"][1]["frames"][-1].endswith(" inner")
    assert second["exc"] == first["exc"]
    assert not any(part in stream.getvalue() for part in ("hunter2", "/nowhere", __file__))


def test_levels_and_a_second_configuration() -> None:
    early, late = io.StringIO(), io.StringIO()
    configure_logging("warning", stream=early)
    log = get_logger("creatorflow.x").bind(plugin="p")
    log.info("not shown")
    log.warning("shown")
    assert log.enabled(logging.WARNING)
    assert not log.enabled(logging.INFO)
    configure_logging("debug", stream=late)
    log.debug("only here")
    assert [line["message"] for line in lines(early)] == ["shown"]
    assert [(line["message"], line["plugin"]) for line in lines(late)] == [("only here", "p")]


def test_contents_are_logged_only_when_switched_on() -> None:
    off, on = io.StringIO(), io.StringIO()
    configure_logging(stream=off)
    get_logger("x").info("draft", body="我的正文")
    configure_logging(stream=on, content=True)
    get_logger("x").info("draft", body="我的正文")
    assert "我的正文" not in off.getvalue()
    assert lines(on)[0]["body"] == "我的正文"


def test_one_liners_for_people() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream, human=True)
    get_logger("creatorflow.store").warning("slow\nquery", ms=1500, what="a b", token="x", ok=None)
    line = stream.getvalue()
    assert re.fullmatch(
        r'\d\d:\d\d:\d\d warning store: slow⏎query ms=1500 what="a b" token=\[redacted\] ok=null\n', line
    )


def test_an_odd_file_name_does_not_lose_the_line(tmp_path: Path) -> None:
    configure_logging(stream=io.StringIO(), log_dir=tmp_path)
    get_logger("x").info("seen", name="a\udc80b 微博")
    shutdown_logging()
    line = (tmp_path / "creatorflow.log").read_text(encoding="utf-8")
    assert json.loads(line)["name"] == "a\udc80b 微博"


def test_the_file_is_private_and_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("creatorflow.log.setup.FILE_BYTES", 2000)
    configure_logging(stream=io.StringIO(), log_dir=tmp_path)
    assert not (tmp_path / "creatorflow.log").exists(), "made with the first line"
    for number in range(100):
        get_logger("x").info("a line of some length", number=number)
    shutdown_logging()
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["creatorflow.log", "creatorflow.log.1", "creatorflow.log.2", "creatorflow.log.3"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert json.loads((tmp_path / "creatorflow.log").read_text().splitlines()[-1])["number"] == 99


def test_a_closed_stderr_is_survived_without_a_word() -> None:
    code = (
        "import os, sys\nfrom creatorflow.log import configure_logging, get_logger\n"
        "configure_logging()\nos.close(2)\nget_logger('x').info('lost')\nprint('alive')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "alive\n"


def test_a_line_that_cannot_be_written_does_not_show_its_arguments(capfd: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

    configure_logging(stream=Full())
    logging.getLogger("x").warning("sent %s", "hunter2hunter2")
    assert capfd.readouterr() == ("", "")


def test_lines_go_to_stderr_as_json_when_it_is_no_terminal() -> None:
    code = "from creatorflow.log import *\nconfigure_logging()\nget_logger('x').info('hi')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert json.loads(done.stderr)["message"] == "hi"


def test_trace_ids() -> None:
    made = {new_trace_id() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in made)
    assert trace_id() is None
    with tracing() as outer:
        assert trace_id() == outer
        with tracing("a" * 32) as inner:
            assert trace_id() == inner == "a" * 32
        assert trace_id() == outer
    assert trace_id() is None


@pytest.mark.parametrize("odd", ["", "x" * 32, "0" * 32, "A" * 32, "a" * 31, "a" * 33, "a" * 32 + "\n"])
def test_an_odd_trace_id_is_replaced(odd: str) -> None:
    with tracing(odd) as current:
        assert current != odd
        assert re.fullmatch(r"[0-9a-f]{32}", current)


async def test_each_task_has_its_own_trace() -> None:
    async def work() -> tuple[str, str | None]:
        with tracing() as mine:
            await asyncio.sleep(0)
            return mine, await asyncio.to_thread(trace_id)

    results = await asyncio.gather(*(work() for _ in range(5)))
    assert len({mine for mine, _ in results}) == 5
    assert all(mine == seen for mine, seen in results)
