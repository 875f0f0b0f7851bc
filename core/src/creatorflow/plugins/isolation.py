"""A place where a plugin's code runs without being able to stop the host."""

from __future__ import annotations

import io
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from creatorflow.api.errors import Text
from creatorflow.plugins.records import one_line

__all__ = ["Crashed", "Fault", "Printed", "TimedOut", "Workbench", "contained_streams"]

_T = TypeVar("_T")

#: How much of a plugin's printing is kept, in characters.
_KEPT = 1_000


class TimedOut(Exception):
    """A step did not end within its budget; its thread was left behind."""


@dataclass(eq=False)
class Crashed(Exception):
    """A step raised something, ``SystemExit`` and the like too.

    ``reason`` is its type and message on one line, ``where`` the ``folder/file.py:line`` that raised, or "". Worked out on the step's own
    thread: printing an exception runs the plugin's code.
    """

    reason: str
    where: str = ""


@dataclass(eq=False)
class Fault(Exception):
    """What a step of ours found wrong with a plugin; passes the workbench unchanged."""

    text: Text


@dataclass(slots=True)
class _Answer:
    value: Any = None
    error: Crashed | Fault | None = None


_Jobs = queue.SimpleQueue[Callable[[], Any] | None]
_Answers = queue.SimpleQueue[_Answer]


class Workbench:
    """Runs steps one after the other on one daemon thread; a thread that hangs is abandoned and replaced.

    One thread serves all well-behaved plugins: a hand-over costs some 30 µs, starting a thread for each step several times that.
    """

    def __init__(self, budget_s: float) -> None:
        self._budget_s = budget_s
        self._jobs: _Jobs | None = None
        self._answers: _Answers = queue.SimpleQueue()

    def run(self, step: Callable[[], _T]) -> _T:
        """Run ``step`` and return its value.

        Raises:
            TimedOut: no answer within the budget (seconds, wall time).
            Crashed: the step raised.
            Fault: the step raised this.
        """
        jobs = self._jobs if self._jobs is not None else self._start()
        jobs.put(step)
        try:
            answer = self._answers.get(timeout=self._budget_s)
        except queue.Empty:
            self.close()
            raise TimedOut from None
        except (
            BaseException
        ):  # the user's Ctrl-C while we wait: it passes, and this thread must not answer the next question
            self.close()
            raise
        if answer.error is not None:
            raise answer.error
        value: _T = answer.value
        return value

    def close(self) -> None:
        """Let the thread end as soon as its current step does."""
        if self._jobs is not None:
            self._jobs.put(None)
            self._jobs = None

    def _start(self) -> _Jobs:
        jobs: _Jobs = queue.SimpleQueue()
        answers: _Answers = queue.SimpleQueue()
        threading.Thread(target=_work, args=(jobs, answers), name="creatorflow-plugin-loader", daemon=True).start()
        self._jobs, self._answers = jobs, answers
        return jobs


def _work(jobs: _Jobs, answers: _Answers) -> None:
    while (step := jobs.get()) is not None:
        try:
            answers.put(_Answer(value=step()))
        except Fault as fault:
            answers.put(_Answer(error=fault))
        except BaseException as error:  # SystemExit and the like of a plugin end its loading, not the host
            answers.put(_Answer(error=_crash(error)))


def _crash(error: BaseException) -> Crashed:
    try:
        message = one_line(str(error))
    except BaseException:  # an exception whose __str__ raises is still only one failed plugin
        message = "(unprintable)"
    name = type(error).__name__
    where, trace = "", error.__traceback__ and error.__traceback__.tb_next  # the first frame is the workbench
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path.suffix == ".py" and path.parent.name != "importlib":  # the import system says nothing about the plugin
            where = f"{path.parent.name}/{path.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return Crashed(reason=f"{name}: {message}" if message else name, where=where)


class Printed(io.TextIOBase):
    """Takes what a plugin prints; keeps the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def writable(self) -> bool:
        """Say that writing works."""
        return True

    def write(self, text: str) -> int:
        """Keep ``text`` up to the bound."""
        self.text += text[: _KEPT - len(self.text)]
        return len(text)


@contextmanager
def contained_streams() -> Iterator[Printed]:
    """Keep a plugin's prints out of stdout, which may be the protocol, and its ``input()`` away from stdin (it reads the end of file)."""
    stdin, stdout = sys.stdin, sys.stdout
    printed = Printed()
    sys.stdin, sys.stdout = io.StringIO(), printed
    try:
        yield printed
    finally:
        sys.stdin, sys.stdout = stdin, stdout
