"""The tables of ``docs/rpc.md``: methods, notifications, errors and limits, from the registry itself.

``python -m creatorflow.rpc.reference FILE…`` renews the parts between the marks; a test fails while they are stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from creatorflow.api.errors import Text
from creatorflow.config import AssetSettings, PublishSettings
from creatorflow.rpc.errors import ERRORS
from creatorflow.rpc.events import EVENT_TYPES
from creatorflow.rpc.limits import work_limits
from creatorflow.rpc.methods import core_methods
from creatorflow.rpc.schemas import load_schemas
from creatorflow.rpc.session import Limits

__all__ = ["renew"]

_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in cells)


def _methods(locale: str) -> str:
    schemas = load_schemas()
    head = Text(
        en="Method,What it does,Parameters (in order),Effect,Repeating it,Time limit",
        zh="方法,作用,参数（按顺序）,影响,重复调用,时限",
    )
    rows = []
    for method in core_methods():
        schema = schemas[method.name]["params"]
        limit = "–" if method.timeout_s is None else f"{method.timeout_s:g} s"
        rows.append(
            [
                f"`{method.name}`",
                method.summary.localized(locale),
                _parameters(schema) or "–",
                method.effect.value,
                method.idempotency.value,
                limit,
            ]
        )
    return _table(head.localized(locale).split(","), rows)


def _parameters(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", [])
    return ", ".join(f"`{name}`" if name in required else f"`{name}?`" for name in schema.get("properties", {}))


def _notifications(locale: str) -> str:
    told = {
        "sidecar.ready": Text(
            en="first line: version, protocol_versions, pid", zh="首行：version、protocol_versions、pid"
        ),
        "sidecar.protocol_error": Text(
            en="a line could not be read: its number and the error", zh="某一行无法读取：行号与错误"
        ),
        "capabilities.changed": Text(en="plugins came or went; ask again", zh="插件有变动，请重新查询"),
        "credential.expired": Text(en="an account must log in again", zh="账号需要重新登录"),
        "publish.needs_attention": Text(en="a person has to decide about a job", zh="有任务需要人工决定"),
        "publish.progress": Text(
            en="a step of a running job, as text and fraction; live only, not in the log",
            zh="运行中任务的步骤文字与进度；仅实时，不入日志",
        ),
        "publish.state_changed": Text(en="a job moved to another state", zh="任务状态变化"),
        "task.closed": Text(en="a question to a person is settled", zh="人工事项已了结"),
        "task.opened": Text(en="a question waits for a person", zh="有事项等待人工处理"),
    }
    names = ["sidecar.ready", "sidecar.protocol_error", *EVENT_TYPES]
    head = Text(en="Notification,Says", zh="通知,含义")
    return _table(head.localized(locale).split(","), [[f"`{name}`", told[name].localized(locale)] for name in names])


def _errors(locale: str) -> str:
    head = Text(en="data.code,code,HTTP,Retry?,Meaning", zh="data.code,code,HTTP,可重试,含义")
    yes = Text(en="yes", zh="是").localized(locale)
    rows = [
        [
            f"`{entry.name}`",
            str(entry.number),
            "–" if entry.http is None else str(entry.http),
            yes if entry.retryable else "",
            entry.text.localized(locale),
        ]
        for entry in ERRORS.values()
    ]
    return _table(head.localized(locale).split(","), rows)


def _value(value: float | None) -> str:
    if value is None:
        return "null"
    return str(int(value)) if value == int(value) else str(value)


_WORK_LIMITS = {
    "control_s": Text(
        en="seconds that a method may take for which the table above names nothing else",
        zh="未另行注明的方法的时限（秒）",
    ),
    "wait_max_s": Text(
        en="longest wait for a publish job in one call (`wait_ms`), seconds",
        zh="单次调用等待发布任务（`wait_ms`）的最长秒数",
    ),
    "publish_prepare_s": Text(en="seconds for uploads and all else before the submit", zh="提交之前（含上传）的秒数"),
    "publish_submit_s": Text(
        en="seconds for the submit; after it the job is `uncertain`", zh="提交的秒数，超出后任务为 `uncertain`"
    ),
    "publish_read_s": Text(en="seconds for reading the own posts once", zh="读取一次自己内容列表的秒数"),
    "publish_give_up_s": Text(
        en="seconds after which a post that cannot be read back waits for a person",
        zh="始终无法回读时，转人工处理前的秒数",
    ),
    "publish_listed_s": Text(
        en="seconds to look for a confirmed post in the lists (`[publish] wait_seconds`)",
        zh="在列表中查找已确认内容的秒数（`[publish] wait_seconds`）",
    ),
    "publish_settle_s": Text(
        en="seconds before a missing post counts as absent (`[publish] settle_seconds`); null: the platform's `read_back.settle_s`",
        zh="多少秒后查不到才算未发出（`[publish] settle_seconds`）；null 表示以平台的 `read_back.settle_s` 为准",
    ),
    "publish_late_s": Text(
        en="seconds that a scheduled post may be late (`[publish] late_minutes`)",
        zh="定时内容允许延迟的秒数（`[publish] late_minutes`）",
    ),
    "human_wait_s": Text(
        en="seconds that a publish waits for a person (`[publish] human_wait_seconds`)",
        zh="发布时等待人工的秒数（`[publish] human_wait_seconds`）",
    ),
    "account_lock_s": Text(
        en="seconds to wait for another job of the same account (`[publish] lock_wait_seconds`)",
        zh="等待同一账号其他任务的秒数（`[publish] lock_wait_seconds`）",
    ),
    "media_bytes": Text(
        en="largest media file, in bytes (`[assets] max_bytes`)", zh="单个媒体文件最大字节数（`[assets] max_bytes`）"
    ),
}


def _limits(locale: str) -> str:
    told = {
        "line_bytes": Text(en="longest line, in bytes", zh="单行最大字节数"),
        "nesting": Text(en="deepest nesting of arrays and objects", zh="数组与对象的最大嵌套层数"),
        "batch": Text(en="requests in one batch", zh="一个批次的请求数"),
        "concurrency": Text(
            en="requests worked on at once; the next one is told `busy`", zh="同时处理的请求数，超出返回 `busy`"
        ),
        "cancel_forced_s": Text(
            en="seconds after which a cancelled call is answered by force", zh="取消后强制应答的秒数"
        ),
        "drain_s": Text(en="seconds that a shutdown waits for calls", zh="关闭时等待调用的秒数"),
        "drain_publish_s": Text(en="seconds that it waits for a publish", zh="关闭时等待发布的秒数"),
        **_WORK_LIMITS,
    }
    head = Text(en="Limit,Value,What", zh="限制,值,含义")
    limits = {**Limits().as_dict(), **work_limits(PublishSettings(), AssetSettings())}
    rows = [[f"`{name}`", _value(value), told[name].localized(locale)] for name, value in limits.items()]
    return _table(head.localized(locale).split(","), rows)


_PARTS: dict[str, Callable[[str], str]] = {
    "methods": _methods,
    "notifications": _notifications,
    "errors": _errors,
    "limits": _limits,
}


def renew(text: str, locale: str) -> str:
    """Return a page with every generated part renewed."""
    return _PART.sub(lambda found: found[1] + _PARTS[found[2]](locale) + found[3], text)


def main(paths: list[str]) -> int:
    """Renew the named pages; a name with ``zh`` in it is in Chinese."""
    for name in paths:
        path = Path(name)
        path.write_text(renew(path.read_text("utf-8"), "zh-CN" if ".zh" in path.name else "en"), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
