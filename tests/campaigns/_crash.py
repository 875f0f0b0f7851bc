"""Machinery of the crash campaign: kill a publish at its n-th system call, recover as a user would, count posts in the site's own ledger."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from creatorflow_testkit.sandbox import SandboxProcess

from tests.campaigns._victim import break_protection

REPLICA = "creatorflow_weibo.sandbox:WeiboReplica"
PASSPHRASE = "a passphrase for the crash campaign"
CONFIG = "\n[publish]\nhuman_wait_seconds = 0.0\nsettle_seconds = 0.5\nlock_wait_seconds = 5.0\n"
POST = """---
topics: [崩溃演练]
images: [one.png, two.png]
declarations: {ai_generated: true}
---
第一段，讲的是秋天的散步。

第二段，讲的是散步以后的一碗面。
"""
ENDS_WITHOUT_POST = {"absent", "failed", "rejected", "cancelled"}


#: Kind of crash point -> the system calls counted. ``sync`` and ``write`` only on the database's files, on every thread; ``send`` and
#: ``receive`` only on the main thread, which runs the event loop and alone speaks HTTP.
KINDS = {
    "sync": "fsync,fdatasync",
    "write": "pwrite64",
    "send": "sendto,sendmsg",
    "receive": "recvfrom,recvmsg",
}


@dataclass(frozen=True, slots=True)
class Point:
    """Kill at the entry of the ``n``-th counted call: it does not happen any more."""

    kind: str
    n: int

    def strace(self, home: Path) -> list[str]:
        """Return the strace arguments."""
        calls = KINDS[self.kind]
        return [*_traced(self.kind, home), "-e", f"inject={calls}:signal=KILL:when={self.n}"]


def _traced(kind: str, home: Path) -> list[str]:
    arguments = ["-e", f"trace={KINDS[kind]}"]
    if kind in {"sync", "write"}:
        # strace counts per thread; the database has one thread of its own, and -P leaves other files out.
        names = ["creatorflow.db", "creatorflow.db-wal", "creatorflow.db-journal"]
        arguments += ["-f", *[argument for name in names for argument in ("-P", str(home / name))], "-P", str(home)]
    return arguments


@dataclass(slots=True)
class Trial:
    """What happened at one point."""

    kind: str
    n: int
    killed: bool
    state_after_kill: str | None = None
    posts_after_kill: int = 0
    state: str | None = None
    posts: int = 0
    posts_at_the_end: int = 0
    problems: list[str] = field(default_factory=list)


class Bench:
    """One sandbox and one prepared home; trials run on it one after the other."""

    def __init__(self, directory: Path, control: str) -> None:
        self.directory = directory
        self.control = control
        self.sandbox = SandboxProcess(directory / "sandbox", [REPLICA])
        self.template = directory / "template"
        self.post = directory / "post"

    def __enter__(self) -> Bench:
        self.sandbox.__enter__()
        self.template.mkdir(parents=True)
        (self.template / "config.toml").write_text(self.sandbox.config_fragment() + CONFIG, "utf-8")
        _make_post(self.post)
        account = self.sandbox.control.make_account(platform="weibo")
        asyncio.run(_add_account(self.template, account.cookies))
        return self

    def __exit__(self, *_: object) -> None:
        self.sandbox.__exit__(None, None, None)

    def trial(self, point: Point) -> Trial:
        """Kill one publish at ``point``, recover, publish again, and judge."""
        home = self._fresh_home()
        done = self._program(home, self._arguments(), wrap=["strace", "-qq", "-o", os.devnull, *point.strace(home)])
        trial = Trial(point.kind, point.n, killed=done.returncode in {-9, 137})
        if not trial.killed and done.returncode:
            trial.problems.append(f"the publish ended with {done.returncode}: {done.stderr[-300:]}")
        trial.posts_after_kill = self._posts()
        asyncio.run(self._recover(home, trial))
        self._judge(trial)
        return trial

    async def _recover(self, home: Path, trial: Trial) -> None:
        """Restart, reconcile until nothing is open, then do what a user does who is not sure: publish the same file again."""
        from creatorflow.api import CreatorFlowError
        from creatorflow.app import App
        from creatorflow.config import load_settings
        from creatorflow.publish import read_post

        break_protection(self.control)
        async with App(load_settings(home, _environment(home), locale="en")) as app:
            before = await app.publisher.list()
            trial.state_after_kill = before[0].state if before else None
            await app.publisher.reconcile(wait_s=5.0)
            await app.publisher.sweep()
            jobs = await app.publisher.list()
            trial.state = jobs[0].state if jobs else None
            if len(jobs) > 1:
                trial.problems.append(f"{len(jobs)} jobs of one publish")
            trial.posts = self._posts()
            if jobs and trial.state == "needs_attention":
                # The machine ends here, honestly; a person looks at the site and says what is there.
                await app.publisher.resolve(
                    str(jobs[0].job_id), "confirmed" if trial.posts else "absent", by="campaign"
                )
            try:
                await app.publisher.publish(read_post(self.post / "post.md"), ["weibo:alice"], base_dir=self.post)
            except CreatorFlowError as error:
                if error.code != "duplicate_content":
                    trial.problems.append(f"publishing again: {error}")
            trial.posts_at_the_end = self._posts()

    def _judge(self, trial: Trial) -> None:
        if trial.posts > 1 or trial.posts_at_the_end > 1:
            trial.problems.append(f"DOUBLE POST: {max(trial.posts, trial.posts_at_the_end)} posts")
        if trial.posts_at_the_end == 0:
            trial.problems.append("LOST POST: the user's second publish made none either")
        if trial.state == "confirmed" and trial.posts != 1:
            trial.problems.append(f"confirmed with {trial.posts} posts")
        if trial.state in ENDS_WITHOUT_POST and trial.posts:
            trial.problems.append(f"{trial.state} although the post is out")
        if trial.state not in {None, "confirmed", "needs_attention", *ENDS_WITHOUT_POST}:
            trial.problems.append(f"left open: {trial.state}")

    def count(self, kind: str) -> int:
        """Return how many calls of a kind an undisturbed publish makes."""
        home, log = self._fresh_home(), self.directory / "strace.log"
        self._program(home, self._arguments(), wrap=["strace", "-qq", "-o", str(log), *_traced(kind, home)])
        names = tuple(f"{name}(" for name in KINDS[kind].split(","))
        return sum(any(name in line for name in names) for line in log.read_text("utf-8", "replace").splitlines())

    def _arguments(self) -> list[str]:
        return ["publish", str(self.post / "post.md"), "--to", "weibo:alice", "--json"]

    def _fresh_home(self) -> Path:
        self.sandbox.control.reset(platform="weibo", keep_accounts=True)
        home = self.directory / "home"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self.template, home)
        return home

    def _posts(self) -> int:
        return self.sandbox.control.count_posts(platform="weibo")

    def _program(self, home: Path, arguments: list[str], wrap: Iterable[str] = ()) -> subprocess.CompletedProcess[str]:
        command = [
            *wrap,
            sys.executable,
            "-m",
            "tests.campaigns._victim",
            self.control,
            "--home",
            str(home),
            *arguments,
        ]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=_environment(home),
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
        )


async def _add_account(home: Path, cookies: list[dict[str, Any]]) -> None:
    from creatorflow.app import App
    from creatorflow.config import load_settings

    async with App(load_settings(home, _environment(home))) as app:
        await app.accounts.add("weibo", "alice", cookies=cookies)


_ROOT = Path(__file__).resolve().parents[2]


def _environment(home: Path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CREATORFLOW_")}
    return {**kept, "CREATORFLOW_HOME": str(home), "CREATORFLOW_VAULT_PASSPHRASE": PASSPHRASE, "PYTHONPATH": str(_ROOT)}


def _make_post(folder: Path) -> None:
    from PIL import Image

    folder.mkdir(parents=True)
    for name, colour in (("one.png", (180, 90, 40)), ("two.png", (40, 90, 180))):
        Image.new("RGB", (320, 240), colour).save(folder / name)
    (folder / "post.md").write_text(POST, "utf-8")


@dataclass(frozen=True, slots=True)
class Sweep:
    """Which points to try. ``tail``: only the last so many of a kind, latest first; None: all of them."""

    kind: str
    tail: int | None = None


def _work(number: int, workers: int, directory: Path, control: str, sweeps: Sequence[Sweep], results: Any) -> None:
    """Try every ``workers``-th point of each sweep on a bench of our own; runs in its own process."""
    try:
        with Bench(directory / f"bench{number}", control) as bench:
            for sweep in sweeps:
                total = bench.count(sweep.kind)
                first = 1 if sweep.tail is None else max(1, total - sweep.tail)
                # A few beyond the count: the number of reads differs a little from run to run.
                points = list(range(first, total + 6))
                if sweep.tail is not None:
                    points.reverse()
                for n in points[number::workers]:
                    results.put(bench.trial(Point(sweep.kind, n)))
        results.put(None)
    except BaseException as error:
        results.put(f"{type(error).__name__}: {error}")


def run_sweeps(
    sweeps: Sequence[Sweep], directory: Path, *, control: str = "none", workers: int = 2, until_problem: bool = False
) -> Iterator[Trial]:
    """Yield trials as they end; ``until_problem`` stops at the first double or lost post (for negative controls).

    Raises:
        RuntimeError: a bench could not work.
    """
    if str(_ROOT) not in sys.path:
        sys.path.insert(0, str(_ROOT))  # handed on to the spawned benches, which import this module by its name
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    processes = [
        spawn.Process(target=_work, args=(number, workers, directory, control, sweeps, results), daemon=False)
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    running = workers
    try:
        while running:
            result = results.get(timeout=180)
            if isinstance(result, str):
                raise RuntimeError(result)
            if result is None:
                running -= 1
                continue
            yield result
            if until_problem and result.problems:
                return
    finally:
        for process in processes:
            if process.is_alive() and running:
                process.terminate()
            process.join(30)


def table(trials: Iterable[Trial]) -> dict[str, Any]:
    """Sum up trials for the results file."""
    trials = sorted(trials, key=lambda trial: (trial.kind, trial.n))
    kinds = sorted({trial.kind for trial in trials})
    return {
        "points": {kind: sum(trial.kind == kind and trial.killed for trial in trials) for kind in kinds},
        "double_posts": sum(any("DOUBLE" in problem for problem in trial.problems) for trial in trials),
        "lost_posts": sum(any("LOST" in problem for problem in trial.problems) for trial in trials),
        "problems": [asdict(trial) for trial in trials if trial.problems],
        "states_after_kill": _count(trial.state_after_kill for trial in trials if trial.killed),
        "states_at_the_end": _count(trial.state for trial in trials if trial.killed),
    }


def _count(values: Iterable[str | None]) -> dict[str, int]:
    found = [str(value) for value in values]
    return {value: found.count(value) for value in sorted(set(found))}
