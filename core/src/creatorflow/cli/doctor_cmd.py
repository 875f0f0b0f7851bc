"""``creatorflow doctor``: what is wrong with this installation, and the command that mends it."""

from __future__ import annotations

import asyncio
import os
import platform as machine
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from creatorflow.api.errors import CreatorFlowError, Text

if TYPE_CHECKING:
    from creatorflow.cli.program import Program

__all__ = ["doctor"]

#: Below this the database and the uploads may soon fail, bytes.
LEAST_FREE = 200 * 1024**2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``level``: ok, note (nothing to mend) or problem; ``fix``: what to do, for problems."""

    name: str
    level: str
    text: Text
    fix: Text | None = None


@click.command()
@click.option("--json", "as_json", is_flag=True, help="输出一个 JSON 文档。  One JSON document.")
@click.pass_obj
def doctor(program: Program, as_json: bool) -> None:
    """检查安装、数据目录、保险库、插件与账号；有问题时退出码为 1。  Look at everything; exit code 1 if something is wrong."""
    if as_json:
        program.expect_json({})
    findings = [*_python(), *_settings(program)]
    if not any(item.level == "problem" for item in findings):
        findings += [*_home(program), *_network(program), *_plugins(program)]
        findings += program.run(_services(program))
    healthy = not any(item.level == "problem" for item in findings)
    if as_json:
        program.echo_json({"ok": healthy, "checks": [_entry(item, program.locale) for item in findings]})
    else:
        _show(program, findings, healthy)
    sys.exit(0 if healthy else 1)


def _ok(name: str, en: str, zh: str) -> Finding:
    return Finding(name, "ok", Text(en=en, zh=zh))


def _problem(name: str, en: str, zh: str, fix: tuple[str, str] | None = None) -> Finding:
    return Finding(name, "problem", Text(en=en, zh=zh), None if fix is None else Text(en=fix[0], zh=fix[1]))


def _error(name: str, error: CreatorFlowError) -> Finding:
    return Finding(name, "problem", error.text)  # our errors say themselves what to do


def _python() -> Iterator[Finding]:
    from importlib.metadata import version

    found = f"Python {machine.python_version()}, creatorflow {version('creatorflow')}"
    yield _ok("python", found, found)


def _settings(program: Program) -> Iterator[Finding]:
    try:
        settings = program.settings
    except CreatorFlowError as error:
        yield _error("config", error)
        return
    file = settings.directories.config_file
    if file.exists():
        yield _ok("config", f"{file} is readable", f"{file} 可读")
    else:
        yield _ok("config", f"no {file}: defaults", f"没有 {file}：使用默认设置")


def _home(program: Program) -> Iterator[Finding]:
    """Look whether the home directory can be written, without making it."""
    home = program.home
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    fix = (
        "Give the folder to this user, or choose another one with --home or CREATORFLOW_HOME.",
        "请把该目录的权限交给当前用户，或用 --home、CREATORFLOW_HOME 指定其他目录。",
    )
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        yield _problem("home", f"{place} cannot be written.", f"{place} 无法写入。", fix)
        return
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE:
        mega = free // 1024**2
        yield _problem(
            "home",
            f"Only {mega} MiB are free at {place}.",
            f"{place} 仅剩 {mega} MiB 空间。",
            ("Free some space.", "请清理磁盘空间。"),
        )
        return
    yield _ok("home", f"{home} can be written", f"{home} 可写")


def _network(program: Program) -> Iterator[Finding]:
    network = program.settings.network
    if network.ca_file is not None and not network.ca_file.is_file():
        yield _problem(
            "network",
            f"[network] ca_file {network.ca_file} does not exist.",
            f"[network] ca_file {network.ca_file} 不存在。",
            ("Start the sandbox again: creatorflow sandbox up", "请重新启动沙箱：creatorflow sandbox up"),
        )
        return
    live = network.live
    yield _ok(
        "network",
        f"environment {network.environment}" + ("" if live else ": the real sites are never called"),
        f"环境 {network.environment}" + ("" if live else "：绝不访问真实网站"),
    )


def _plugins(program: Program) -> Iterator[Finding]:
    from creatorflow.plugins.records import PluginState

    catalogue = program.catalogue
    for record in catalogue.plugins:
        if record.state in {PluginState.LOADED, PluginState.BLOCKED} or record.error is None:
            continue
        why = f"creatorflow plugins why {record.name}"
        yield Finding(f"plugin {record.name}", "problem", record.error, Text(en=why, zh=why))
    loaded = [record.label for record in catalogue.plugins if record.state is PluginState.LOADED]
    yield _ok("plugins", f"loaded: {', '.join(loaded) or 'none'}", f"已加载：{'、'.join(loaded) or '无'}")
    offers = [*catalogue.platforms.values(), *catalogue.processors.values(), *catalogue.tools.values()]
    for descriptor in offers:
        for executable in descriptor.requirements.executables:
            if shutil.which(executable) is None:
                yield _problem(
                    f"{descriptor.kind} {descriptor.name}",
                    f"{descriptor.name} needs the program {executable!r}, which is not installed.",
                    f"{descriptor.name} 需要程序 “{executable}”，但尚未安装。",
                    (f"Install {executable} and put it on PATH.", f"请安装 {executable} 并加入 PATH。"),
                )


async def _services(program: Program) -> list[Finding]:
    found = [item async for item in _database(program)]
    if any(item.level == "problem" for item in found):
        return found
    return [*found, *[item async for item in _vault(program)], *[item async for item in _accounts(program)]]


async def _database(program: Program) -> AsyncIterator[Finding]:
    path = program.settings.directories.database
    if not await asyncio.to_thread(path.exists):
        yield Finding(
            "database", "note", Text(en="no database yet: made at first use", zh="尚无数据库：首次使用时创建")
        )
        return
    try:
        damage = await program.app.store.check()
    except CreatorFlowError as error:
        yield _error("database", error)
        return
    if damage:
        yield _problem(
            "database",
            f"{path} is damaged: {damage[0]}",
            f"{path} 已损坏：{damage[0]}",
            (
                "Move it aside together with its -wal file and restore a backup.",
                "请将它连同 -wal 文件一起移走，然后恢复备份。",
            ),
        )
        return
    yield _ok("database", f"{path} is sound", f"{path} 完好")


async def _vault(program: Program) -> AsyncIterator[Finding]:
    if not await asyncio.to_thread(program.settings.directories.database.exists):
        return  # looking would make the database; the first account does that
    try:
        status = await program.app.vault.status(probe=True)
    except CreatorFlowError as error:
        yield _error("vault", error)
        return
    where = status.backend or status.source
    if status.problem is not None:
        yield Finding("vault", "problem", status.problem)
    elif status.state == "absent":
        text = Text(en=f"no key yet; it would go to {where}", zh=f"尚无密钥；将存放于 {where}")
        yield Finding("vault", "note", text)
    else:
        yield _ok("vault", f"opens with {where}", f"可用 {where} 打开")


async def _accounts(program: Program) -> AsyncIterator[Finding]:
    from creatorflow.cli.tables import local_time

    if not await asyncio.to_thread(program.settings.directories.database.exists):
        return
    known = await program.app.accounts.list()
    for view in known:
        checked = local_time(view.checked_at)
        name = f"account {view.account_id}"
        if view.status == "expired":
            add = f"creatorflow accounts add {view.platform} {view.name} --cookies FILE"
            yield _problem(
                name,
                f"The session has expired (last check {checked}).",
                f"登录已失效（上次核实 {checked}）。",
                (f"Export the session again, then: {add}", f"请重新导出登录信息，然后运行：{add}"),
            )
        elif view.platform not in program.catalogue.platforms:
            pip = f"pip install creatorflow-{view.platform.replace('_', '-')}"
            yield _problem(
                name, f"The plugin of {view.platform} is not loaded.", f"{view.platform} 的插件未加载。", (pip, pip)
            )
        elif view.status == "unchecked":
            text = Text(
                en=f"never checked: creatorflow accounts check {view.account_id}",
                zh=f"从未核实：creatorflow accounts check {view.account_id}",
            )
            yield Finding(name, "note", text)
        else:
            yield _ok(name, f"active, last check {checked}", f"有效，上次核实 {checked}")
    for platform in program.catalogue.platforms:
        if not any(view.platform == platform for view in known):
            add = f"creatorflow accounts add {platform} NAME --cookies FILE"
            yield Finding(f"platform {platform}", "note", Text(en=f"no account yet: {add}", zh=f"还没有账号：{add}"))


def _entry(item: Finding, locale: str) -> dict[str, Any]:
    fix = None if item.fix is None else item.fix.localized(locale)
    return {"name": item.name, "level": item.level, "message": item.text.localized(locale), "fix": fix}


def _show(program: Program, findings: list[Finding], healthy: bool) -> None:
    from rich.text import Text as Cell

    from creatorflow.cli.tables import clean, console

    marks = {"ok": ("✓", "green"), "note": ("·", "dim"), "problem": ("✗", "red")}
    out = console()
    for item in findings:
        out.print(Cell.assemble(marks[item.level], f" {item.name}: {clean(item.text.localized(program.locale))}"))
        if item.fix is not None:
            out.print(f"    → {clean(item.fix.localized(program.locale))}")
    if healthy:
        out.print(program.say("Nothing is wrong.", "没有发现问题。"))
