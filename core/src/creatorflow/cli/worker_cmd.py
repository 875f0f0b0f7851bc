"""``creatorflow worker``: runs what is due and settles what is open, now and every minute."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from creatorflow.app import App
    from creatorflow.cli.program import Program
    from creatorflow.events import Event

__all__ = ["worker"]

#: Seconds that running jobs may take to finish after the signal; then unsent ones go back to "due".
DRAIN_S = 15.0

#: Events read at once.
_PIECE = 500


@click.command()
@click.option("--once", is_flag=True, help="只清扫一次。  Sweep once and end.")
@click.option(
    "--every",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="清扫间隔（默认 60）。  Seconds between sweeps (60).",
)
@click.pass_obj
def worker(program: Program, once: bool, every: float | None) -> None:
    """执行到期任务、核实未决任务；每完成一个任务输出一行。  Run due jobs, settle open ones; one line per finished job.

    Ctrl-C 或 SIGTERM：不再开始新任务，等待进行中的任务。  Ctrl-C or SIGTERM: begin nothing new, finish what runs.
    """
    asyncio.run(_work(program, once, every))


async def _work(program: Program, once: bool, every: float | None) -> None:
    from creatorflow.app import SWEEP_S, App

    program.log_for_people("warning")
    stop = asyncio.Event()
    # A service, not a person's command: what it leaves unsent goes on later.
    with _signals(stop):
        async with App(program.settings) as app:
            cursor = await app.events.tail()
            follower = asyncio.create_task(_follow(program, app, cursor))
            sweeping = asyncio.create_task(_once(app) if once else app.sweep_forever(every_s=every or SWEEP_S))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({sweeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                click.echo(
                    program.say("Stopping; what runs is finished first.", "正在停止；先完成进行中的任务。"), err=True
                )
            stopping.cancel()
            await _stop(sweeping)
            await app.publisher.drain(DRAIN_S)
            # What the drain wrote is in the log now; the follower may not have come to it.
            await _tell_all(program, app, follower)
            if not sweeping.cancelled() and (error := sweeping.exception()) is not None:
                raise error


async def _once(app: App) -> None:
    await app.publisher.sweep()


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task


async def _follow(program: Program, app: App, cursor: int) -> int:
    """Print finished jobs until cancelled; return the cursor then."""
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await app.events.wait(cursor)
            cursor = await _print(program, app, cursor)
    return cursor


async def _tell_all(program: Program, app: App, follower: asyncio.Task[int]) -> None:
    follower.cancel()
    await _print(program, app, await follower)


async def _print(program: Program, app: App, cursor: int) -> int:
    """Print the jobs that ended after the cursor; return the new one."""
    while True:
        tail = await app.events.tail()  # before reading: whatever comes in between is read now or next time
        found = await app.events.read(cursor, limit=_PIECE, types=["publish.state_changed"])
        for event in found:
            _line(program, event)
        if len(found) < _PIECE:
            return max([tail, *(event.id for event in found)])
        cursor = found[-1].id


def _line(program: Program, event: Event) -> None:
    from creatorflow.cli.tables import clean, local_time, state_word
    from creatorflow.publish.states import ENDS

    data = event.data
    if data["state"] not in {state.value for state in ENDS} or data["previous"] == data["state"]:
        return
    reason = (data.get("reason") or {}).get("zh-CN" if program.locale.startswith("zh") else "en", "")
    parts = [local_time(event.ts), data["job_id"], data["account_id"], state_word(data["state"], program.locale)]
    click.echo(clean("  ".join([*parts, data.get("post_url") or "", reason])).rstrip())


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """Turn SIGTERM and SIGINT into ``stop`` for the block."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        for number in numbers:
            loop.add_signal_handler(number, stop.set)
    except NotImplementedError:  # Windows
        for number in numbers:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        yield
        return
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
