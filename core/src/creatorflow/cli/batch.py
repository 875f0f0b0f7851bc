"""Publishes post files one after the other: one refused file does not stop the others, Ctrl-C ends honestly."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from creatorflow.api.errors import CreatorFlowError, CredentialRejected, HumanNeeded, Text
from creatorflow.cli import exit_codes
from creatorflow.cli.usage import Usage

if TYPE_CHECKING:
    from creatorflow.cli.program import Program
    from creatorflow.publish import JobView

__all__ = ["Batch", "PostOutcome", "post_files"]

#: After Ctrl-C: seconds that a request which is already out may still take to be answered.
GRACE_S = 15.0

#: What counts as a post in a folder.
_SUFFIXES = {".md", ".markdown"}


def post_files(given: Sequence[Path]) -> list[Path]:
    """Return the post files of the command line; a folder stands for its Markdown files in name order.

    Raises:
        Usage: a path does not exist, or a folder holds no post.
    """
    found: list[Path] = []
    for path in given:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(item for item in path.iterdir() if item.suffix.lower() in _SUFFIXES and item.is_file())
        if not inside:
            raise Usage(
                f"The folder {str(path)!r} holds no post (*.md). Name a post file.",
                f"目录 “{path}” 中没有文章（*.md），请指定文章文件。",
            )
        found += inside
    return found


@dataclass(slots=True)
class PostOutcome:
    """What became of one file: jobs, or the error that refused it."""

    file: Path
    jobs: list[JobView] = field(default_factory=list)
    error: CreatorFlowError | None = None

    def code(self) -> int:
        """Return the exit code of this file."""
        if self.error is None:
            return exit_codes.overall(exit_codes.of_state(job.state) for job in self.jobs)
        if isinstance(self.error, CredentialRejected | HumanNeeded):
            return exit_codes.PERSON  # a dry run met the login page: the real one would wait for a person
        return exit_codes.of_error(self.error)


@dataclass(slots=True)
class Batch:
    """One ``publish`` command."""

    program: Program
    files: Sequence[Path]
    targets: Sequence[str]
    options: dict[str, Any]
    at: datetime | None
    outcomes: list[PostOutcome] = field(default_factory=list)
    interrupted: bool = False

    async def run(self) -> list[PostOutcome]:
        """Publish every file.

        Raises:
            NotFound: a target does not exist; nothing was begun.
        """
        accounts = self.program.app.accounts
        for target in self.targets:
            await accounts.get(target)
        for file in self.files:
            outcome = PostOutcome(file)
            self.outcomes.append(outcome)
            try:
                await self._publish(outcome)
            except CreatorFlowError as error:
                outcome.error = error
            if self.interrupted:
                break
        return self.outcomes

    async def _publish(self, outcome: PostOutcome) -> None:
        from creatorflow.publish import read_post

        content = await asyncio.to_thread(read_post, outcome.file)
        publisher = self.program.app.publisher
        seen = set(publisher.running())
        work = publisher.publish(
            content, self.targets, at=self.at, base_dir=outcome.file.absolute().parent, **self.options
        )
        try:
            outcome.jobs = list(await work)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            self.interrupted = True
            begun = [job_id for job_id in publisher.running() if job_id not in seen]
            outcome.jobs = await self._stop(begun)
            if not outcome.jobs:
                raise _nothing_begun(outcome.file) from None

    async def _stop(self, begun: Sequence[str]) -> list[JobView]:
        """Cancel what was not sent, wait for the answers to what was, and say what is known."""
        from creatorflow.api.publishing import JobState

        publisher = self.program.app.publisher
        say = self.program.say
        click.echo(say("Stopping: what was not sent is cancelled …", "正在停止：尚未发送的将取消……"), err=True)
        for job_id in begun:
            try:
                await publisher.cancel(job_id)
            except CreatorFlowError:
                continue  # past the point of no return: it is waited for below
        if publisher.running():
            click.echo(
                say(
                    f"Already submitted: waiting up to {GRACE_S:g} s for the platform's answer (Ctrl-C again: do not wait).",
                    f"已提交：等待平台应答，最多 {GRACE_S:g} 秒（再次按 Ctrl-C 则不再等待）。",
                ),
                err=True,
            )
            await publisher.drain(GRACE_S, interrupted=JobState.CANCELLED)
        return [await publisher.get(job_id) for job_id in begun]


def _nothing_begun(file: Path) -> CreatorFlowError:
    return CreatorFlowError(
        Text(
            en=f"Interrupted: nothing of {file.name} was stored or sent.",
            zh=f"已中断：{file.name} 未存储也未发送任何内容。",
        )
    )
