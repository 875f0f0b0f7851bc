"""Mistakes on the command line, said in the program's language: our own checks, and what click finds."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from creatorflow.api.errors import Text

__all__ = ["TIME", "FileOrStdin", "Usage", "check_targets", "expand_targets", "split_target", "usage_sentence"]

_TARGET = re.compile(r"[A-Za-z][A-Za-z0-9_.-]+:[^:/\\]+\Z")


class Usage(click.UsageError):
    """A mistake on the command line; exit code 2."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.text = Text(en=en, zh=zh)


def usage_sentence(error: click.ClickException) -> Text:
    """Return one sentence for a mistake, and the way to the help."""
    what = error.text if isinstance(error, Usage) else _of_click(error)
    context = getattr(error, "ctx", None)
    if context is None:
        return what
    command = f"'{context.command_path} --help'"
    return Text(en=f"{what.en} See {command}.", zh=f"{what.zh}用法见 {command}。")


#: What click says, as a pattern, and the same in Chinese; groups fill the braces.
_SAID = (
    (r"No such command '(.+?)'", "没有命令 “{0}”。"),
    (r"Missing command", "缺少子命令。"),
    (r"Got unexpected extra arguments? \((.+)\)", "多余的参数：{0}。"),
    (r"Option '(.+?)' requires an argument", "选项 {0} 需要一个值。"),
    (r"No such option:? '?(-[^' .]+)'?", "没有选项 {0}。"),
)


def _of_click(error: click.ClickException) -> Text:
    said = " ".join(error.format_message().split())  # click breaks lists of choices into lines
    said = said if said.endswith((".", "?", "!")) else said + "."
    for pattern, zh in _SAID:
        if found := re.match(pattern, said):
            return Text(en=said, zh=zh.format(*found.groups()))
    if isinstance(error, click.BadParameter):
        name = error.param.get_error_hint(error.ctx) if error.param is not None and error.ctx is not None else "?"
        if isinstance(error, click.MissingParameter):
            kind = None if error.param is None else error.param.type
            choices = f"可选：{'、'.join(kind.choices)}。" if isinstance(kind, click.Choice) else ""
            return Text(en=said, zh=f"缺少参数 {name}。{choices}")
        return Text(en=said, zh=f"{name} 的值不正确：{error.message.rstrip('.')}。")
    return Text(en=said, zh=f"用法错误：{said}")


class _Time(click.ParamType[datetime]):
    """A point in time with its offset."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise Usage(
                f"{value!r} is not a time. Write it as 2026-12-01T20:00+08:00.",
                f"“{value}” 不是时间，请写成 2026-12-01T20:00+08:00。",
            ) from None
        if moment.tzinfo is None:
            raise Usage(
                f"The time {value!r} has no offset, so it means another moment on every machine. Write it as 2026-12-01T20:00+08:00.",
                f"时间 “{value}” 缺少时区偏移，在不同机器上含义不同，请写成 2026-12-01T20:00+08:00。",
            )
        return moment


TIME = _Time()


class FileOrStdin(click.ParamType[Path]):
    """A file that exists, or ``-`` for stdin."""

    name = "FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        path = Path(value)
        if str(value) != "-" and not path.exists():
            raise Usage(
                f"The file {str(path)!r} does not exist. Check the path; '-' reads from stdin.",
                f"文件 “{path}” 不存在。请检查路径；用 - 从标准输入读取。",
            )
        return path


def expand_targets(arguments: Sequence[str]) -> list[str]:
    """Let ``--to`` take several accounts: ``--to a:x b:y post.md`` becomes ``--to a:x --to b:y post.md``.

    A word after the first one belongs to ``--to`` when it looks like PLATFORM:ACCOUNT and is no file.
    """
    out: list[str] = []
    taking = False
    words = iter(arguments)
    for word in words:
        if word == "--":
            return [*out, word, *words]
        if word == "--to" or word.startswith("--to="):
            out.append(word)
            if word == "--to" and (value := next(words, None)) is not None:
                out.append(value)
            taking = True
        elif taking and _TARGET.match(word) and not Path(word).exists():
            out += ["--to", word]
        else:
            taking = False
            out.append(word)
    return out


def stdin_line() -> str:
    """Return one line of stdin (UTF-8) without its end."""
    return sys.stdin.buffer.readline().decode("utf-8", "replace").rstrip("\r\n")


def split_target(words: Sequence[str]) -> str:
    """Return ``platform:name`` from ``PLATFORM NAME`` or ``PLATFORM:NAME``."""
    if len(words) == 1 and ":" in words[0]:
        return words[0]
    if len(words) == 2 and ":" not in words[0]:
        return f"{words[0]}:{words[1]}"
    raise Usage("Name one account: PLATFORM NAME, or PLATFORM:NAME.", "请指定一个账号：平台 名称，或 平台:名称。")


def check_targets(targets: Sequence[str]) -> list[str]:
    """Return the targets of ``--to``, each once and each ``PLATFORM:ACCOUNT``."""
    for target in targets:
        platform, colon, name = target.partition(":")
        if not (platform and colon and name):
            raise Usage(
                f"{target!r} is not an account. Write --to PLATFORM:ACCOUNT, for example --to weibo:alice.",
                f"“{target}” 不是账号，请写成 --to 平台:账号，例如 --to weibo:alice。",
            )
        if list(targets).count(target) > 1:
            raise Usage(f"{target!r} was given twice. Name each account once.", f"“{target}” 出现了两次，请只写一次。")
    return list(targets)
