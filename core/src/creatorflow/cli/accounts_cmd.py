"""``creatorflow accounts``: whose sessions we hold. Secrets come from files or stdin, never from the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from creatorflow.api.errors import InvalidInput, Text
from creatorflow.cli import exit_codes
from creatorflow.cli.usage import FileOrStdin, Usage, split_target, stdin_line

if TYPE_CHECKING:
    from creatorflow.accounts import AccountView
    from creatorflow.cli.program import Program

__all__ = ["accounts"]

#: Largest session file in bytes; a full browser profile's storage state is far below it.
MAX_BYTES = 16 << 20

_JSON = click.option("--json", "as_json", is_flag=True, help="输出一个 JSON 文档。  One JSON document.")


@click.group()
def accounts() -> None:
    """账号与登录状态。  Accounts and their sessions."""


@accounts.command()
@click.argument("platform")
@click.argument("name")
@click.option(
    "--storage-state", type=FileOrStdin(), help="Playwright 的 storage state（JSON）。  As Playwright writes it."
)
@click.option(
    "--cookies", type=FileOrStdin(), help="cookie 列表或 名称→值（JSON）。  A JSON list, or a name-value map."
)
@click.option("--credentials", type=FileOrStdin(), help="API 凭据（JSON）。  An API's own fields (JSON).")
@click.option(
    "--proxy",
    metavar="URL",
    help="此账号的代理；空字符串表示删除；- 从标准输入读取。  Its proxy; '' removes it; '-' reads stdin.",
)
@click.option("--check/--no-check", default=True, help="立即向平台核实。  Ask the platform at once (default).")
@_JSON
@click.pass_obj
def add(
    program: Program,
    *,
    platform: str,
    name: str,
    storage_state: Path | None,
    cookies: Path | None,
    credentials: Path | None,
    proxy: str | None,
    check: bool,
    as_json: bool,
) -> None:
    """添加账号，或更新其登录状态。  Add an account, or give it a new session.

    文件名 - 表示标准输入。  The file name - means stdin.
    """
    if as_json:
        program.expect_json({})
    given = {"storage_state": storage_state, "cookies": cookies, "credentials": credentials}
    files = {kind: path for kind, path in given.items() if path is not None}
    if not files:
        raise Usage(
            "Give the session: --storage-state FILE, --cookies FILE or --credentials FILE.",
            "请提供登录信息：--storage-state 文件、--cookies 文件 或 --credentials 文件。",
        )
    if [*map(str, files.values()), proxy].count("-") > 1:
        raise Usage("Only one value can come from stdin.", "只能有一个值来自标准输入。")
    program.catalogue.platform(platform)  # before a secret is read
    materials = {kind: _read(path) for kind, path in files.items()}
    address = _proxy(proxy)

    async def work() -> AccountView:
        _wake_waiting_jobs(program)
        return await program.app.accounts.add(platform, name, proxy=address, check=check, **materials)

    _show(program, program.run(work()), as_json=as_json)


def _wake_waiting_jobs(program: Program) -> None:
    """Have the jobs that wait for this session go on when it works again: the publisher listens from its making on."""
    _ = program.app.publisher


def _proxy(given: str | None) -> str | None:
    """Return the proxy address; one with a password must not stand on the command line, where others can read it."""
    if given == "-":
        return stdin_line().strip()
    if given and "@" in given:
        raise Usage(
            "A proxy with a user name and password must not stand on the command line. Give it on stdin: --proxy -",
            "带用户名和密码的代理不能写在命令行上，请从标准输入提供：--proxy -",
        )
    return given


def _read(path: Path) -> Any:
    """Read a JSON file without ever repeating what is in it.

    Raises:
        InvalidInput: unreadable, too large, or no JSON; says where.
    """
    name = "stdin" if str(path) == "-" else repr(str(path))
    name_zh = "标准输入" if str(path) == "-" else f"“{path}”"
    try:
        if str(path) == "-":
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise _bad(name, name_zh, f"cannot be read: {why}", f"无法读取：{why}") from error
    if len(raw) > MAX_BYTES:
        raise _bad(name, name_zh, f"is larger than {MAX_BYTES} bytes", f"超过 {MAX_BYTES} 字节")
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _bad(name, name_zh, "is not UTF-8", "不是 UTF-8 编码") from None
    except json.JSONDecodeError as error:
        where, where_zh = f"line {error.lineno}, column {error.colno}", f"第 {error.lineno} 行第 {error.colno} 列"
        raise _bad(name, name_zh, f"is not JSON ({where})", f"不是 JSON（{where_zh}）") from None
    except RecursionError:
        raise _bad(name, name_zh, "is nested too deeply", "嵌套过深") from None


def _bad(name: str, name_zh: str, en: str, zh: str) -> InvalidInput:
    return InvalidInput(
        Text(
            en=f"The session file {name} {en}. Export the session again and give that file; nothing was stored.",
            zh=f"登录信息文件 {name_zh} {zh}。请重新导出后再提供；未存入任何内容。",
        )
    )


@accounts.command("list")
@click.option("--platform", help="只看此平台。  Only this platform.")
@_JSON
@click.pass_obj
def list_accounts(program: Program, platform: str | None, as_json: bool) -> None:
    """所有账号，不联网。  All accounts; no network."""
    from creatorflow.cli.tables import local_time, print_table

    if as_json:
        program.expect_json({"accounts": []})

    async def work() -> list[AccountView]:
        return list(await program.app.accounts.list(platform))

    found = program.run(work())
    if as_json:
        program.echo_json({"accounts": [item.model_dump(mode="json", by_alias=True) for item in found]})
        return
    if not found:
        click.echo(
            program.say(
                "No accounts yet. Add one: creatorflow accounts add PLATFORM NAME --cookies FILE",
                "还没有账号。添加：creatorflow accounts add 平台 名称 --cookies 文件",
            )
        )
        return
    heads = [
        ("account", "账号"),
        ("status", "状态"),
        ("uid", "uid"),
        ("name", "昵称"),
        ("checked", "上次核实"),
        ("environment", "环境"),
    ]
    print_table(
        [program.say(*head) for head in heads],
        [
            (
                item.account_id,
                _status(program, item),
                item.uid or "—",
                item.display_name or "—",
                local_time(item.checked_at),
                item.environment,
            )
            for item in found
        ],
    )


@accounts.command()
@click.argument("account", nargs=-1, required=True, metavar="PLATFORM NAME")
@_JSON
@click.pass_obj
def check(program: Program, account: Sequence[str], as_json: bool) -> None:
    """向平台核实登录状态；失效时退出码为 3。  Ask the platform; exit code 3 when the session has expired."""
    if as_json:
        program.expect_json({})
    target = split_target(account)

    async def work() -> AccountView:
        _wake_waiting_jobs(program)
        return await program.app.accounts.check(target)

    view = program.run(work())
    _show(program, view, as_json=as_json)
    sys.exit(exit_codes.PERSON if view.status == "expired" else exit_codes.DONE)


@accounts.command()
@click.argument("account", nargs=-1, required=True, metavar="PLATFORM NAME")
@click.option("--force", is_flag=True, help="即使有未了结的任务。  Although jobs of it are not settled.")
@_JSON
@click.pass_obj
def remove(program: Program, account: Sequence[str], force: bool, as_json: bool) -> None:
    """移除账号及其机密；任务与历史保留。  Remove an account with its secrets; jobs and history stay."""
    if as_json:
        program.expect_json({})
    target = split_target(account)

    async def work() -> AccountView:
        return await program.app.accounts.remove(target, force=force)

    view = program.run(work())
    if as_json:
        program.echo_json({"account_id": view.account_id, "removed": True})
    else:
        click.echo(program.say(f"Removed {view.account_id}.", f"已移除 {view.account_id}。"))


def _status(program: Program, item: AccountView) -> str:
    words = {
        "active": ("active", "有效"),
        "expired": ("expired", "已失效"),
        "unchecked": ("unchecked", "未核实"),
    }
    return program.say(*words[item.status.value])


def _show(program: Program, view: AccountView, *, as_json: bool) -> None:
    from creatorflow.cli.tables import clean

    if as_json:
        program.echo_json(view.model_dump(mode="json", by_alias=True))
        return
    who = f"  uid {view.uid}  {clean(view.display_name)}" if view.uid else ""
    click.echo(f"{view.account_id}  {_status(program, view)}{who}")
    if view.status == "expired":
        click.echo(
            program.say(
                f"The platform does not accept the session any more. Export it again, then: creatorflow accounts add {view.platform} "
                f"{view.name} --cookies FILE",
                f"平台不再接受该登录状态。请重新导出，然后运行：creatorflow accounts add {view.platform} {view.name} --cookies 文件",
            ),
            err=True,
        )
