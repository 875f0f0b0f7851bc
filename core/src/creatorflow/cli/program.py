"""The command group, what every command gets, and how errors become one sentence and an exit code."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from creatorflow.api.errors import CreatorFlowError, PluginError, Text
from creatorflow.cli.exit_codes import INTERRUPTED, REFUSED, of_error
from creatorflow.cli.usage import Usage, usage_sentence

if TYPE_CHECKING:
    from creatorflow.app import App
    from creatorflow.cli.stdout import ReservedStdout
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


class Program:
    """What commands get as ``ctx.obj``: where we are, in which language, and the services."""

    def __init__(self, home: Path | None, locale: str | None) -> None:
        self._home = home
        self._locale = locale
        self._when_refused: dict[str, Any] | None = None
        self._stdout: ReservedStdout | None = None

    @cached_property
    def app(self) -> App:
        """The services of this process. One person's command: Ctrl-C before the submit cancels the job."""
        from creatorflow.api.publishing import JobState
        from creatorflow.app import App

        return App(self.settings, interrupted=JobState.CANCELLED)

    def log_for_people(self, least: str = "error") -> None:
        """Keep the log below ``least`` off the terminal of a command, which speaks for itself; a file that is switched on gets it all."""
        from creatorflow.log import configure_logging

        log = self.settings.log
        folder = self.settings.directories.logs if log.file else None
        if log.level == "debug" or folder is None:
            level = log.level if log.level == "debug" else least
            configure_logging(level, content=log.content, human=True, log_dir=folder)
            return
        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
        configure_logging(log.level, content=log.content, stream=nowhere, log_dir=folder)

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
        text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
        if self._stdout is None:
            click.echo(text)
        else:
            self._stdout.write(text + "\n")

    def expect_json(self, when_refused: Mapping[str, Any]) -> None:
        """Begin a command with ``--json``: stdout is for ``echo_json`` alone, and a refusal is JSON too: these keys and ``error``."""
        from creatorflow.cli.stdout import reserve_stdout

        self._when_refused = dict(when_refused)
        self._stdout = reserve_stdout()
        if self._stdout is not None:
            click.get_current_context().find_root().call_on_close(self._stdout.release)

    def error_entry(self, error: CreatorFlowError) -> dict[str, Any]:
        """Return an error as JSON: code, the sentence in the program's language, details."""
        from creatorflow.log import redact

        details = json.loads(json.dumps(redact(dict(error.details)), default=str))
        return {"code": error.code, "message": self.sentence(error), "details": details}

    def sentence(self, error: CreatorFlowError) -> str:
        """Return the sentence of an error, fit for a terminal."""
        from creatorflow.cli.tables import clean

        return clean(error.text.localized(self.locale))

    def refuse(self, error: CreatorFlowError) -> int:
        """Say why a command was refused (and as JSON where that is expected); return the exit code."""
        if self._when_refused is not None:
            self.echo_json({**self._when_refused, "error": self.error_entry(error)})
        click.echo(self.sentence(error), err=True)
        return of_error(error)

    def broken(self, error: Exception) -> int:
        """Say that something went wrong that never should; the code places it came through go to the log, its words do not."""
        from creatorflow.log import get_logger

        name = type(error).__name__
        get_logger("creatorflow.cli").error("a command ended unexpectedly", exc=error)
        return self.refuse(
            CreatorFlowError(
                Text(
                    en=f"Unexpected error ({name}): a bug of CreatorFlow or of a plugin. Nothing was sent twice; 'creatorflow jobs list' "
                    "shows what is known. Please report it together with the lines above.",
                    zh=f"意外错误（{name}）：这是 CreatorFlow 或插件的缺陷。没有重复发送任何内容；可用 'creatorflow jobs list' 查看现状。"
                    "请连同上面的信息一起反馈。",
                )
            )
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run async work with the services, and close them whatever happens."""
        import asyncio

        try:
            self.log_for_people()
            app = self.app
        except BaseException:
            work.close()  # else Python warns on stderr that it was never awaited
            raise

        async def inside() -> T:
            async with app:
                return await work

        return asyncio.run(inside())


class _Commands(click.Group):
    """Finds commands by name in our table and in plugins, importing only the one that is used."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CreatorFlowError as error:
            ctx.exit(_program(ctx).refuse(error))
        except (click.ClickException, click.exceptions.Exit, click.Abort, OSError):
            raise  # what click knows to handle, and a broken pipe
        except Exception as error:
            ctx.exit(_program(ctx).broken(error))

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *sorted(self._from_plugins(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        target = COMMANDS.get(cmd_name)
        if target is not None:
            module, _, name = target.partition(":")
            found: click.Command = getattr(importlib.import_module(module), name)
            return found
        return self._plugin_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        chinese = _program(ctx).locale.startswith("zh")
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            # The first line of every help text is "中文。  English."; a list has room for one of them.
            line = ((command.help if command else None) or "").strip().partition("\n")[0]
            zh, _, en = line.partition("  ")
            rows.append((name, zh if chinese or not en else en))
        with formatter.section("命令 Commands"):
            formatter.write_dl(rows)

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
        found = Program(None, _locale_argument(sys.argv))
    return found


def _checked_locale(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    from creatorflow.config import is_known_locale

    if value is not None and not is_known_locale(value):
        raise Usage(
            f"There is no language {value!r} for --locale. Give zh-CN or en.",
            f"--locale 不支持语言 “{value}”。请使用 zh-CN 或 en。",
        )
    return value


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="数据目录（默认 CREATORFLOW_HOME）。  Data directory (default: CREATORFLOW_HOME).",
)
@click.option("--locale", callback=_checked_locale, help="zh-CN | en")
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
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        click.echo(usage_sentence(error).localized(locale), err=True)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output went away: nothing to say to nobody, and nothing to flush at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    return result if isinstance(result, int) else 0


def _locale_argument(arguments: Sequence[str]) -> str | None:
    """Find ``--locale`` without parsing, so that even parse errors speak the right language; None for one that is going to be refused."""
    from creatorflow.config import is_known_locale

    found = None
    for index, argument in enumerate(arguments):
        if argument == "--locale" and index + 1 < len(arguments):
            found = arguments[index + 1]
            break
        if argument.startswith("--locale="):
            found = argument.partition("=")[2]
            break
    return found if found is not None and is_known_locale(found) else None
