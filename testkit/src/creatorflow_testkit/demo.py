"""``creatorflow demo``: one publish from end to end against the replicas, with every claim checked from outside."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from creatorflow.api import InvalidInput, Text, Unavailable

from creatorflow_testkit.cli import Program, replicas_of

if TYPE_CHECKING:
    from creatorflow_testkit.demo_stage import DemoStage

__all__ = ["demo"]

#: The words of a publish that went well, in Chinese; any other state is shown as the program writes it.
_WORDS = {"confirmed": "已确认 confirmed", "accepted": "平台已受理", "listed": "已在列表中", "visible": "陌生人可见"}


@click.command()
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="演示目录（须为空）。  Folder of the demo (empty)."
)
@click.option(
    "--posts",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="文章目录（默认 examples/posts）。  Folder of posts (default: examples/posts).",
)
@click.pass_obj
def demo(program: Program, keep: Path | None, posts: Path | None) -> None:
    """在沙箱里完整演示一次发布。  Publishes example posts in the sandbox and checks every claim; exit code 0 if all hold.

    不使用你的数据目录，也不访问真实网站。  Your data directory and the real sites are left alone.
    """
    from creatorflow_testkit.demo_stage import DemoStage, post_files
    from creatorflow_testkit.sandbox import SandboxStartError

    files = post_files(_posts_folder(posts))
    if not files:
        raise _nothing_to_publish(posts)
    replicas = {
        replica.name: f"{replica.__module__}:{replica.__qualname__}" for replica in replicas_of(program.catalogue, ())
    }
    folder = _folder(keep)
    began = time.monotonic()
    locale = "zh-CN" if program.say("en", "zh") == "zh" else "en"
    try:
        with DemoStage(folder, replicas, locale) as stage:
            show = Show(program, stage, files, list(replicas))
            show.run()
    except SandboxStartError as error:
        raise Unavailable(
            Text(en=f"The replicas did not start: {error}", zh=f"本地副本未能启动：{error}"), {"folder": str(folder)}
        ) from error
    show.close(time.monotonic() - began)
    sys.exit(1 if show.failed else 0)


def _posts_folder(given: Path | None) -> Path:
    if given is not None:
        return given
    # From a clone: where the command was started, else where this file lies in it.
    for base in (Path.cwd(), *Path(__file__).resolve().parents):
        if (base / "examples" / "posts").is_dir():
            return base / "examples" / "posts"
    raise _nothing_to_publish(None)


def _nothing_to_publish(folder: Path | None) -> InvalidInput:
    where = folder or "examples/posts"
    return InvalidInput(
        Text(
            en=f"There is no post in {where}. Name a folder with post files: --posts FOLDER",
            zh=f"{where} 中没有文章。请用 --posts 指定文章目录。",
        )
    )


def _folder(keep: Path | None) -> Path:
    """The demo's folder: the named one, which must be empty so that every count starts at zero, else a temporary one.

    Raises:
        InvalidInput: the named folder holds something.
    """
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="creatorflow-demo-"))
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise InvalidInput(
            Text(
                en=f"The folder {keep} is not empty. The demo counts posts from zero: name a new folder.",
                zh=f"目录 {keep} 不是空的。演示从零开始计数：请指定一个新目录。",
            )
        )
    return keep.resolve()


@dataclass
class Show:
    """The acts of the demo, in order; ``failed`` collects the claims that did not hold."""

    program: Program
    stage: DemoStage
    files: Sequence[Path]
    platforms: Sequence[str]
    jobs: list[tuple[Path, dict[str, Any]]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Play all acts; one that cannot go on ends the show."""
        acts = (self._accounts, self._plan, self._rehearse, self._publish, self._look, self._again, self._story)
        for act in acts:
            if not act():
                return

    # ---- acts ----------------------------------------------------------------------------------------------------
    def _accounts(self) -> bool:
        names = ", ".join(self.platforms)
        self._title(
            f"1. Sandbox: {names} (127.0.0.1:{self.stage.sandbox.port})",
            f"1. 沙箱：{names}（127.0.0.1:{self.stage.sandbox.port}）",
        )
        for platform in self.platforms:
            done = self.stage.add_account(platform, "秋日散步的人")
            self._echo(f"$ creatorflow accounts add {platform} demo --storage-state …", done.out, done.err)
            if not self._claim(done.code == 0, f"an account on {platform}", f"{platform} 账号已添加"):
                return False
        return True

    def _plan(self) -> bool:
        self._title("2. The plan: what would go out (no network)", "2. 预检：将发出什么（不联网）")
        file = self.files[0]
        done = self.stage.creatorflow("plan", str(file), "--to", *self._targets())
        self._echo(f"$ creatorflow plan {file.name} --to {' '.join(self._targets())}", done.out, done.err)
        return self._claim(done.code == 0, "the plan is ready", "预检通过")

    def _rehearse(self) -> bool:
        self._title("3. Dry run: everything up to the commit point", "3. 演练：执行到提交点为止")
        file = self.files[0]
        done = self.stage.creatorflow("publish", str(file), "--to", *self._targets(), "--dry-run", "--json")
        self._echo(f"$ creatorflow publish {file.name} --to {' '.join(self._targets())} --dry-run", "", done.err)
        unsent = all(self.stage.count_posts(platform) == 0 for platform in self.platforms)
        ready = done.code == 0 and {job["state"] for job in done.document()["jobs"]} == {"ready"}
        return self._claim(
            ready and unsent, "ready, and the sites' own records hold no post", "就绪；站点记录中没有任何内容"
        )

    def _publish(self) -> bool:
        self._title("4. Publish", "4. 发布")
        for file in self.files:
            click.echo(f"$ creatorflow publish {file.name} --to {' '.join(self._targets())} --wait")
            done = self.stage.creatorflow("publish", str(file), "--to", *self._targets(), "--wait", "--json", live=True)
            document = done.document()
            self.jobs += [(file, job) for job in document["jobs"]]
            listed = [
                job["state"] == "confirmed" and job["proof"] not in {None, "submitted", "accepted"}
                for job in document["jobs"]
            ]
            whole = done.code == 0 and len(listed) == len(self.platforms) and all(listed)
            self._claim(
                whole, f"{file.name}: confirmed and listed on every account", f"{file.name}：已确认，并在列表中核实"
            )
        self._table()
        exact = True
        for platform in self.platforms:
            texts = [post.text for post in self.stage.sandbox.control.posts(platform=platform)]
            exact &= len(texts) == len(set(texts)) == len(self.files)
        self._claim(
            exact,
            f"the sites' own records hold {len(self.files)} posts, each exactly once",
            f"站点自己的记录中有 {len(self.files)} 篇，每篇恰好一条",
        )
        return not self.failed

    def _look(self) -> bool:
        from creatorflow_testkit.demo_stage import visit

        self._title("5. What a visitor sees", "5. 访客看到的页面")
        for file, job in self.jobs:
            folder = self.stage.folder / "visitor" / f"{job['platform']}-{file.stem}"
            page, pictures = visit(self.stage.sandbox, job["post_url"], folder)
            click.echo(f"  {job['post_url']}  →  {folder / 'index.html'}")
            wanted = self._sent(job)
            seen = wanted.text.splitlines()[0] in page and pictures == len(wanted.media)
            self._claim(
                seen,
                f"a stranger sees the text and {pictures} picture(s)",
                f"陌生人能看到正文和 {pictures} 张图片",
            )
        return True

    def _again(self) -> bool:
        self._title("6. The same post once more", "6. 同一篇再发一次")
        file = self.files[0]
        before = {platform: self.stage.count_posts(platform) for platform in self.platforms}
        done = self.stage.creatorflow("publish", str(file), "--to", *self._targets(), "--wait")
        self._echo(f"$ creatorflow publish {file.name} --to {' '.join(self._targets())} --wait", done.out, done.err)
        click.echo(self.program.say(f"  exit code {done.code}", f"  退出码 {done.code}"))
        same = before == {platform: self.stage.count_posts(platform) for platform in self.platforms}
        return self._claim(
            done.code == 1 and same, "refused as a duplicate; nothing was sent", "因内容重复而拒绝；未发送任何内容"
        )

    def _story(self) -> bool:
        self._title("7. The story of a job", "7. 一个任务的来龙去脉")
        job = self.jobs[0][1]["job_id"]
        done = self.stage.creatorflow("jobs", "show", job)
        self._echo(f"$ creatorflow jobs show {job}", done.out, done.err)
        return self._claim(done.code == 0, "every step is on record", "每一步都有记录")

    # ---- help ----------------------------------------------------------------------------------------------------
    def _targets(self) -> list[str]:
        return [f"{platform}:demo" for platform in self.platforms]

    def _sent(self, job: dict[str, Any]) -> Any:
        found = self.stage.sandbox.control.posts(platform=job["platform"])
        return next(post for post in found if post.post_id == job["post_id"])

    def _title(self, en: str, zh: str) -> None:
        click.echo("\n" + click.style(self.program.say(en, zh), bold=True))

    def _echo(self, command: str, out: str, err: str) -> None:
        click.echo(command)
        for text in (out, err):
            if text.strip():
                click.echo(text.rstrip())

    def _claim(self, holds: bool, en: str, zh: str) -> bool:
        """Print a claim with its mark and remember one that does not hold."""
        sentence = self.program.say(en, zh)
        if not holds:
            self.failed.append(sentence)
        mark = click.style("✓", fg="green") if holds else click.style("✗", fg="red")
        click.echo(f"{mark} {sentence}")
        return holds

    def _table(self) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        heads = (
            ("post", "文章"),
            ("platform", "平台"),
            ("account", "账号"),
            ("state", "状态"),
            ("proof", "证明"),
            ("post URL", "链接"),
            ("seconds", "秒"),
        )
        for en, zh in heads:
            table.add_column(self.program.say(en, zh), overflow="fold", justify="right" if en == "seconds" else "left")
        for file, job in self.jobs:
            state, proof = job["state"], job["proof"] or "—"
            table.add_row(
                file.stem,
                job["platform"],
                job["account"],
                self.program.say(state, _WORDS.get(state, state)),
                self.program.say(proof, _WORDS.get(proof, proof)),
                job["post_url"] or "—",
                f"{job['seconds']:.2f}",
            )
        console = Console(highlight=False, markup=False)
        if not console.is_terminal:
            console.width = 200
        console.print(table)

    def close(self, seconds: float) -> None:
        """Say how it went and where everything lies."""
        say, folder = self.program.say, self.stage.folder
        self._title("Summary", "小结")
        if self.failed:
            for sentence in self.failed:
                click.echo(click.style("✗ ", fg="red") + sentence)
        else:
            count = len(self.jobs)
            click.echo(
                click.style("✓ ", fg="green")
                + say(
                    f"{count} post(s) published exactly once, proven from the account's list, in {seconds:.1f} s.",
                    f"{count} 篇内容各发布恰好一次，并从账号列表中得到证明，用时 {seconds:.1f} 秒。",
                )
            )
        lines = [
            (folder / "home", "data directory: database, vault, media", "数据目录：数据库、保险库、素材"),
            (folder / "visitor", "the pages as a visitor sees them", "访客看到的页面"),
            (folder / "sandbox", "the replicas' own records (*/ledger.jsonl)", "副本自己的记录（*/ledger.jsonl）"),
        ]
        for path, en, zh in lines:
            click.echo(f"  {path}  {say(en, zh)}")
        click.echo(
            say(
                "  The sandbox is stopped and nothing left this machine; delete the folder when you like.",
                "  沙箱已停止，没有任何内容离开本机；目录可随时删除。",
            )
        )
