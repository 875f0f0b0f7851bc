"""Live progress on stderr: a display that redraws itself on a terminal, plain lines everywhere else."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from creatorflow.cli.tables import clean

if TYPE_CHECKING:
    from rich.table import Table

    from creatorflow.cli.program import Program

__all__ = ["progress"]

#: What the engine reports: see ``PublishService.on_progress``.
Listener = Callable[[dict[str, Any]], None]


@contextlib.contextmanager
def progress(program: Program) -> Iterator[Listener]:
    """Yield a listener for the engine's progress messages; what is shown goes to stderr only."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        display = _Display(program.locale)
        with display.running():
            yield display.hear
    else:
        yield _Lines(program.locale).hear


def _text(message: dict[str, Any], locale: str) -> str:
    text = message["text"]["zh-CN" if locale.startswith("zh") else "en"]
    return clean(text).replace("\n", " ")


class _Lines:
    """One line per step; how far a step has come is not worth a line."""

    def __init__(self, locale: str) -> None:
        self._locale = locale
        self._last: dict[str, str] = {}

    def hear(self, message: dict[str, Any]) -> None:
        """Print a message unless it repeats the job's last one."""
        text = _text(message, self._locale)
        if self._last.get(message["job_id"]) != text:
            self._last[message["job_id"]] = text
            click.echo(f"{message['platform']}:{clean(message['account'])}  {text}", err=True)


@dataclass(slots=True)
class _Row:
    name: str
    since: float
    text: str = ""
    fraction: float | None = None


class _Display:
    """One row per job: spinner, account, step, share of the step, seconds."""

    def __init__(self, locale: str) -> None:
        self._locale = locale
        self._rows: dict[str, _Row] = {}

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Redraw until the block ends; nothing of the display stays behind."""
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        with Live(console=console, get_renderable=self._render, refresh_per_second=8, transient=True):
            yield

    def hear(self, message: dict[str, Any]) -> None:
        """Take a message in."""
        row = self._rows.setdefault(
            message["job_id"], _Row(f"{message['platform']}:{clean(message['account'])}", time.monotonic())
        )
        row.text, row.fraction = _text(message, self._locale), message["fraction"]

    def _render(self) -> Table:
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text as Cell

        table = Table.grid(padding=(0, 1))
        for row in list(self._rows.values()):
            share = "" if row.fraction is None else f"{row.fraction:4.0%}"
            seconds = f"{time.monotonic() - row.since:.0f} s"
            table.add_row(Spinner("dots"), Cell(row.name, "bold"), Cell(row.text), Cell(share), Cell(seconds, "dim"))
        return table
