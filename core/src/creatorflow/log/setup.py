"""Where log lines go: stderr always, a rotating file on request; JSON lines for machines, one-liners for a terminal."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, TextIO

from creatorflow.log.logger import FIELDS
from creatorflow.log.redaction import redact, set_content_logging
from creatorflow.log.trace import trace_id

__all__ = ["HumanFormatter", "JsonFormatter", "configure_logging", "shutdown_logging"]

FILE_NAME = "creatorflow.log"
FILE_BYTES = 5 * 1024 * 1024
FILES_KEPT = 3
MAX_FRAMES = 24

# They write whole addresses with their query, and below that headers, into the log; our own line per exchange says what is needed.
_TALKATIVE = ("httpx", "httpcore")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", FIELDS}

_handlers: list[logging.Handler] = []


def configure_logging(
    level: str = "info",
    *,
    content: bool = False,
    human: bool | None = None,
    stream: TextIO | None = None,
    log_dir: Path | None = None,
) -> None:
    """Send the log of this process to stderr, and to a file if asked for; a second call replaces the first.

    Args:
        level: debug, info, warning or error.
        content: also log prompts and posts.
        human: one-liners instead of JSON lines; None: when the stream is a terminal.
        stream: instead of ``sys.stderr``.
        log_dir: an existing folder for ``creatorflow.log`` (rotating, 5 MiB, three old ones kept, JSON lines, readable by its owner only).
    """
    shutdown_logging()
    set_content_logging(content)
    stream = stream or sys.stderr
    for_people = stream.isatty() if human is None else human
    console = _StreamHandler(stream)
    console.setFormatter(HumanFormatter() if for_people else JsonFormatter())
    _handlers.append(console)
    if log_dir is not None:
        _handlers.append(_file_handler(log_dir))
    root = logging.getLogger()
    root.setLevel(level.upper())
    for handler in _handlers:
        root.addHandler(handler)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def shutdown_logging() -> None:
    """Take our handlers off the root logger and close them."""
    root = logging.getLogger()
    while _handlers:
        handler = _handlers.pop()
        root.removeHandler(handler)
        handler.close()


class _Quiet(logging.Handler):
    """A failure to log prints no traceback: logging's own would show the arguments unredacted."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Lose the line: stderr is gone or the disk is full, and there is nobody to tell."""


class _StreamHandler(_Quiet, logging.StreamHandler[TextIO]):
    pass


def _file_handler(log_dir: Path) -> logging.Handler:
    from logging.handlers import RotatingFileHandler  # pulls in sockets and queues; few processes write a file

    class PrivateFile(_Quiet, RotatingFileHandler):
        def _open(self) -> TextIOWrapper[Any]:
            descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            opened: IO[str] = os.fdopen(descriptor, self.mode, encoding="utf-8")
            assert isinstance(opened, TextIOWrapper)
            return opened

    made = PrivateFile(log_dir / FILE_NAME, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True)
    made.setFormatter(JsonFormatter())
    return made


class JsonFormatter(logging.Formatter):
    """One JSON object per line: ts, level, logger, message, trace_id, then the fields; ``exc`` for an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the redacted line."""
        line: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(_message(record)),
        }
        if (current := trace_id()) is not None:
            line["trace_id"] = current
        for key, value in redact(_fields(record)).items():
            line.setdefault(key, value)
        if record.exc_info and record.exc_info[1] is not None:
            line["exc"] = list(_chain(record.exc_info[1]))
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        # A lone surrogate (an odd file name) cannot be written as UTF-8; its escape is valid JSON.
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


class HumanFormatter(logging.Formatter):
    """``12:00:01 warning store: message key=value``, for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the redacted line."""
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        name = record.name.removeprefix("creatorflow.")
        parts = [f"{clock} {record.levelname.lower()} {name}: {redact(_message(record))}"]
        parts += [f"{key}={_short(value)}" for key, value in redact(_fields(record)).items()]
        line = " ".join(parts).replace("\n", "⏎")
        if record.exc_info and record.exc_info[1] is not None:
            for link in _chain(record.exc_info[1]):
                line += f"\n  {link['type']}: {link['message']}" + "".join(f"\n    {frame}" for frame in link["frames"])
        return line


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # wrong number of arguments in a foreign library: keep the line, not the arguments
        return str(record.msg)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    return {**extra, **getattr(record, FIELDS, {})}


def _short(value: Any) -> str:
    return value if isinstance(value, str) and value and " " not in value else json.dumps(value, ensure_ascii=False)


def _chain(error: BaseException) -> Iterator[dict[str, Any]]:
    """Yield an exception and its causes: type, redacted message, and ``module:line function`` of each frame.

    Frames are named by module, so that no path of the machine is shown; source text and values are left out.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames: list[str] = []
        step = current.__traceback__
        while step is not None:
            module = step.tb_frame.f_globals.get("__name__", "?")
            frames.append(f"{module}:{step.tb_lineno} {step.tb_frame.f_code.co_name}")
            step = step.tb_next
        yield {**redact(current), "frames": frames[-MAX_FRAMES:]}
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
