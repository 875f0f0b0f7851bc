"""The command ``creatorflow sandbox``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click
from creatorflow.api import InvalidInput, NotFound, PlatformDescriptor, Text, Unavailable

if TYPE_CHECKING:
    from creatorflow_testkit.replica import Replica

__all__ = ["replicas_of", "sandbox"]


class Catalogue(Protocol):
    """The part of the catalogue that is needed here."""

    @property
    def platforms(self) -> Mapping[str, PlatformDescriptor]:
        """Installed platforms by name."""

    def platform(self, name: str) -> PlatformDescriptor:
        """One platform, or ``NotFound``."""

    def load_sandbox(self, descriptor: PlatformDescriptor) -> Any:
        """The replica class of a platform, or ``PluginError``."""


class Program(Protocol):
    """The part of the program (``ctx.obj``) that is needed here."""

    @property
    def home(self) -> Path:
        """Data directory."""

    @property
    def catalogue(self) -> Catalogue:
        """What is installed."""

    def say(self, en: str, zh: str) -> str:
        """The sentence in the program's language."""


def replicas_of(catalogue: Catalogue, names: Sequence[str]) -> list[type[Replica]]:
    """Replica classes of the named platforms, or of all installed platforms that have one.

    Raises:
        NotFound: a platform is not installed.
        PluginError: a named platform has no replica, or its extra ``[sandbox]`` is missing.
        InvalidInput: nothing was named and no installed platform has a replica.
    """
    # A name given twice would be two replicas for one host.
    chosen = [catalogue.platform(name) for name in dict.fromkeys(names)]
    if not names:
        chosen = [item for item in catalogue.platforms.values() if item.sandbox]
    if not chosen:
        raise InvalidInput(
            Text(
                en="No installed platform has a replica. Install one, for example: pip install 'creatorflow-weibo[sandbox]'",
                zh="已安装的平台都没有附带本地副本。可安装一个，例如：pip install 'creatorflow-weibo[sandbox]'",
            )
        )
    return [catalogue.load_sandbox(item) for item in chosen]


@click.group()
def sandbox() -> None:
    """平台的本地副本。  Local replicas of the platforms."""


@sandbox.command()
@click.option(
    "--platform", "platforms", multiple=True, help="平台，可重复；默认全部。  Platform (repeat); default: all."
)
@click.option("--dir", "directory", type=click.Path(path_type=Path, file_okay=False), help="默认 HOME/sandbox")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0：沿用上次或任选。  0: the last one, or any.")
@click.option(
    "--latency-ms", type=click.FloatRange(min=0), default=0.0, help="每个应答至少耗时。  Least time of an answer."
)
@click.pass_obj
def up(program: Program, platforms: tuple[str, ...], directory: Path | None, port: int, latency_ms: float) -> None:
    """运行副本，直到 Ctrl-C；输出可粘贴到 config.toml 的配置。  Run replicas until Ctrl-C; prints what config.toml needs."""
    replicas = replicas_of(program.catalogue, platforms)
    where = directory or program.home / "sandbox"
    try:
        asyncio.run(_serve(program, where, replicas, port, latency_ms))
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unavailable(
            Text(
                en=f"The sandbox in {where} cannot listen on port {port or '(any)'}: {reason}. Give another --port or --dir.",
                zh=f"沙箱（{where}）无法监听端口 {port or '（任意）'}：{reason}。请换一个 --port 或 --dir。",
            )
        ) from error


@sandbox.command()
@click.argument("platform")
@click.option("--dir", "directory", type=click.Path(path_type=Path, file_okay=False), help="默认 HOME/sandbox")
@click.option("--name", default="", help="昵称。  Display name.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="storage state (JSON)"
)
@click.pass_obj
def account(program: Program, platform: str, directory: Path | None, name: str, output: Path) -> None:
    """在运行中的沙箱里建一个测试账号，并写出登录文件。  Make a test account in the running sandbox, write its login file.

    然后  Then: creatorflow accounts add PLATFORM NAME --storage-state FILE
    """
    from creatorflow_testkit.sandbox import ControlClient, ControlError

    where = directory or program.home / "sandbox"
    try:
        made = ControlClient.from_directory(where).make_account(platform=platform, **({"name": name} if name else {}))
    except ControlError as error:
        if error.status == 404:  # the control API's word for a replica that does not run
            raise NotFound(
                Text(
                    en=f"No replica of {platform!r} runs in {where}: {error}",
                    zh=f"{where} 中没有运行 {platform!r} 的副本：{error}",
                ),
                kind="platform",
            ) from error
        raise InvalidInput(Text(en=str(error), zh=f"沙箱拒绝了请求：{error}")) from error
    except OSError as error:  # no sandbox.json, or nobody listens any more
        raise Unavailable(
            Text(
                en=f"No sandbox runs in {where}. Start one first: creatorflow sandbox up --dir {where}",
                zh=f"{where} 中没有正在运行的沙箱。请先启动：creatorflow sandbox up --dir {where}",
            )
        ) from error
    # Born private: the file is a login, if only to a replica.
    with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(made.storage_state, file, ensure_ascii=False, indent=1)
    click.echo(program.say(f"Account {made.uid} ({made.name}): {output}", f"账号 {made.uid}（{made.name}）：{output}"))


async def _serve(
    program: Program, directory: Path, replicas: Sequence[type[Replica]], port: int, latency_ms: float
) -> None:
    from creatorflow_testkit.sandbox import Sandbox  # aiohttp only when it serves

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows: there asyncio.run turns Ctrl-C into KeyboardInterrupt
            break
    async with Sandbox(directory, replicas, port=port, latency_ms=latency_ms) as running:
        click.echo(running.config_fragment())
        names = ", ".join(running.replicas)
        click.echo(
            program.say(
                f"Replicas of {names} are running. Put the lines above into config.toml; stop with Ctrl-C.",
                f"{names} 的本地副本正在运行。请把上面的内容写入 config.toml；按 Ctrl-C 结束。",
            ),
            err=True,
        )
        await stop.wait()
