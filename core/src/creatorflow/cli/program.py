"""The command group, what every command gets, and how errors become one sentence and an exit code."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Coroutine, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from creatorflow.api.errors import CreatorFlowError, NotFound, PluginError, Text

if TYPE_CHECKING:
    from creatorflow.app import App
    from creatorflow.config import Settings
    from creatorflow.plugins import Catalogue

__all__ = ["Program", "run"]

T = TypeVar("T")

#: Command name -> "module:object"; the order is the order of --help.
COMMANDS = {
    "capabilities": "creatorflow.cli.plugins_cmd:capabilities",
    "plugins": "creatorflow.cli.plugins_cmd:plugins",
    "doctor": "creatorflow.cli.doctor_cmd:doctor",
    "accounts": "creatorflow.cli.accounts_cmd:accounts",
    "plan": "creatorflow.cli.publish_cmd:plan",
    "publish": "creatorflow.cli.publish_cmd:publish",
    "jobs": "creatorflow.cli.jobs_cmd:jobs",
    "tasks": "creatorflow.cli.tasks_cmd:tasks",
    "worker": "creatorflow.cli.worker_cmd:worker",
    "serve": "creatorflow.cli.serve_cmd:serve",
}

REFUSED, USAGE, INTERRUPTED = 1, 2, 130


class Program:
    """What commands get as ``ctx.obj``: where we are, in which language, and the services."""

    def __init__(self, home: Path | None, locale: str | None) -> None:
        self._home = home
        self._locale = locale

    @cached_property
    def app(self) -> App:
        """The services of this process. One person's command: Ctrl-C before the submit cancels the job."""
        from creatorflow.api.publishing import JobState
        from creatorflow.app import App

        return App(self.settings, interrupted=JobState.CANCELLED)

    @cached_property
    def settings(self) -> Settings:
        """The settings; reading them may raise ``ConfigError``."""
        from creatorflow.config import load_settings

        return load_settings(self._home, os.environ, locale=self._locale)

    @property
    def home(self) -> Path:
        """The home directory."""
        return self.settings.home

    @property
    def locale(self) -> str:
        """Language of what is printed; works although the configuration may be broken."""
        from creatorflow.config import choose_locale

        return choose_locale(self._locale, os.environ)

    @property
    def catalogue(self) -> Catalogue:
        """The installed capabilities."""
        return self.app.catalogue

    def capabilities(self) -> dict[str, Any]:
        """Return the document of ``capabilities.list``."""
        from creatorflow.rpc.describe import capabilities_of

        return capabilities_of(self.app)

    def say(self, en: str, zh: str) -> str:
        """Return the sentence in the program's language."""
        return Text(en=en, zh=zh).localized(self.locale)

    def echo_json(self, document: Any) -> None:
        """Print one JSON document on stdout; nothing else may go there."""
        click.echo(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run async work with the services, and close them whatever happens."""
        import asyncio

        async def inside() -> T:
            async with self.app:
                return await work

        return asyncio.run(inside())


class _Commands(click.Group):
    """Finds commands by name in our table and in plugins, importing only the one that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *sorted(self._from_plugins(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        target = COMMANDS.get(cmd_name)
        if target is not None:
            module, _, name = target.partition(":")
            found: click.Command = getattr(importlib.import_module(module), name)
            return found
        return self._plugin_command(ctx, cmd_name)

    def _plugin_command(self, ctx: click.Context, name: str) -> click.Command | None:
        catalogue = _program(ctx).catalogue
        descriptor = catalogue.cli_commands.get(name)
        if descriptor is None:
            return None
        command = catalogue.load(descriptor)
        if not isinstance(command, click.Command):
            raise PluginError(
                Text(
                    en=f"The plugin behind the command {name!r} does not return a command. Tell its author.",
                    zh=f"命令 “{name}” 背后的插件没有提供命令对象，请联系插件作者。",
                )
            )
        return command

    @staticmethod
    def _from_plugins(ctx: click.Context) -> Sequence[str]:
        try:
            return list(_program(ctx).catalogue.cli_commands)
        except CreatorFlowError:
            return []  # --help must work with a broken configuration


def _program(ctx: click.Context) -> Program:
    found = ctx.find_object(Program)
    if found is None:  # completion and --help ask before the options are read
        found = Program(None, None)
    return found


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="数据目录（默认 CREATORFLOW_HOME）。  Data directory (default: CREATORFLOW_HOME).",
)
@click.option("--locale", help="zh-CN | en")
@click.version_option(package_name="creatorflow", message="creatorflow %(version)s")
@click.pass_context
def cli(ctx: click.Context, home: Path | None, locale: str | None) -> None:
    """创流：一篇内容，发往每个账号，恰好一次。  One post, on every account, exactly once."""
    ctx.obj = Program(home, locale)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    from creatorflow.config import choose_locale

    locale = choose_locale(_locale_argument(arguments), os.environ)
    try:
        result = cli.main(args=list(arguments), prog_name="creatorflow", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo(Text(en="Interrupted.", zh="已中断。").localized(locale), err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CreatorFlowError as error:
        click.echo(error.text.localized(locale), err=True)
        return USAGE if isinstance(error, NotFound) and error.kind in {"platform", "account"} else REFUSED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output went away: nothing to say to nobody
        return REFUSED
    return result if isinstance(result, int) else 0


def _locale_argument(arguments: Sequence[str]) -> str | None:
    """Find ``--locale`` without parsing, so that even parse errors speak the right language."""
    for index, argument in enumerate(arguments):
        if argument == "--locale" and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith("--locale="):
            return argument.partition("=")[2]
    return None
