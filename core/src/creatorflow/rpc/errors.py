"""The one error table of all transports, and the way from any exception into it.

JSON-RPC uses ``number``, HTTP uses ``http``, both carry ``name`` as ``data.code``. Numbers outside the reserved JSON-RPC range are
HTTP status x 100 + n. Messages hold no secret, no path that the caller did not send, and no text of a Python exception.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from creatorflow.api.errors import CreatorFlowError, NotFound, Text
from creatorflow.log import get_logger

__all__ = ["ERRORS", "ErrorEntry", "RpcError", "RpcFault", "error_table", "to_error"]

_log = get_logger("creatorflow.rpc")


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One row of the table. ``http`` is None where HTTP has no answer to give (the caller took the request back)."""

    name: str
    number: int
    http: int | None
    retryable: bool
    text: Text


def _row(
    name: str, number: int, http: int | None, en: str, zh: str, *, retryable: bool = False
) -> tuple[str, ErrorEntry]:
    return name, ErrorEntry(name, number, http, retryable, Text(en=en, zh=zh))


#: Name -> entry. The text is what is said when nothing more precise is known.
ERRORS: dict[str, ErrorEntry] = dict(
    [
        _row("parse_error", -32700, 400, "The line is not readable JSON.", "这一行不是可读的 JSON。"),
        _row("invalid_request", -32600, 400, "This is not a JSON-RPC 2.0 request.", "这不是 JSON-RPC 2.0 请求。"),
        _row("method_not_found", -32601, 404, "There is no such method.", "没有这个方法。"),
        _row("invalid_params", -32602, 422, "A parameter is wrong.", "参数有误。"),
        _row(
            "internal_error",
            -32603,
            500,
            "Something went wrong inside CreatorFlow. Look for the trace_id in the log (stderr).",
            "CreatorFlow 内部出错。请在日志（stderr）中查找 trace_id。",
        ),
        _row("request_cancelled", -32800, None, "The request was cancelled.", "请求已取消。"),
        _row("key_required", 40001, 400, "An idempotency_key is required.", "必须提供 idempotency_key。"),
        _row("cursor_ahead", 40002, 400, "The cursor is ahead of the event log.", "游标超前于事件日志。"),
        _row("unauthorized", 40101, 401, "The token is missing or wrong.", "令牌缺失或错误。"),
        _row("budget_exceeded", 40201, 402, "The budget is used up.", "预算已用完。"),
        _row("origin_denied", 40301, 403, "This origin may not call.", "不允许该来源调用。"),
        _row(
            "offline_denied",
            40302,
            403,
            "The offline mode forbids this call.",
            "当前离线模式禁止此调用。",
            retryable=True,
        ),
        _row("tool_not_allowed", 40303, 403, "This tool is not allowed.", "不允许使用该工具。"),
        _row("path_denied", 40304, 403, "The path is outside the allowed folders.", "路径不在允许的文件夹内。"),
        _row("url_denied", 40305, 403, "The address is not allowed.", "不允许访问该地址。"),
        _row("run_not_found", 40401, 404, "There is no such run.", "没有这个运行。"),
        _row("graph_not_found", 40402, 404, "There is no such graph.", "没有这个流程图。"),
        _row("task_not_found", 40403, 404, "There is no such task.", "没有这个任务。"),
        _row("account_not_found", 40404, 404, "There is no such account.", "没有这个账号。"),
        _row("call_not_found", 40405, 404, "There is no such tool call.", "没有这个工具调用。"),
        _row("platform_not_found", 40406, 404, "There is no such platform.", "没有这个平台。"),
        _row("job_not_found", 40407, 404, "There is no such job.", "没有这个发布任务。"),
        _row("plugin_not_found", 40408, 404, "There is no such plugin.", "没有这个插件。"),
        _row("asset_not_found", 40409, 404, "There is no such asset.", "没有这个素材。"),
        _row("credential_not_found", 40410, 404, "There is no such credential.", "没有这个凭据。"),
        _row("tool_not_found", 40411, 404, "There is no such tool.", "没有这个工具。"),
        _row("processor_not_found", 40412, 404, "There is no such content processor.", "没有这个内容处理器。"),
        _row("llm_provider_not_found", 40413, 404, "There is no such LLM provider.", "没有这个 LLM 提供方。"),
        _row("not_found", 40414, 404, "There is no such thing.", "不存在。"),
        _row("run_terminal", 40901, 409, "The run has ended.", "运行已结束。"),
        _row("tool_call_closed", 40902, 409, "The tool call is closed.", "工具调用已关闭。"),
        _row(
            "request_in_flight",
            40903,
            409,
            "The same request is still being worked on.",
            "相同请求仍在处理中。",
            retryable=True,
        ),
        _row(
            "duplicate_content",
            40904,
            409,
            "This content is already published for the account, or may be.",
            "该账号已经发布过或可能已发布过相同内容。",
        ),
        _row("publish_uncertain", 40905, 409, "Nobody knows yet whether the post went out.", "尚不确定是否已发布。"),
        _row("stale_owner", 40906, 409, "Another process took the account over.", "另一个进程已接管该账号。"),
        _row("cursor_expired", 41001, 410, "The cursor is older than the events kept.", "游标早于已保留的事件。"),
        _row("payload_too_large", 41301, 413, "The message is too large.", "消息过大。"),
        _row("unsupported_media", 41501, 415, "The body must be JSON.", "请求体必须是 JSON。"),
        _row("wrong_host", 42101, 421, "Wrong Host header.", "Host 请求头错误。"),
        _row(
            "key_mismatch",
            42201,
            422,
            "The idempotency_key was used for other parameters.",
            "idempotency_key 已用于其他参数。",
        ),
        _row("graph_invalid", 42202, 422, "The graph is not valid.", "流程图无效。"),
        _row("content_invalid", 42203, 422, "The post is not readable.", "帖子内容不可读。"),
        _row("plan_blocked", 42204, 422, "The post breaks a rule of the platform.", "帖子违反平台规则。"),
        _row("refused", 42205, 422, "The platform refused.", "平台拒绝。"),
        _row("login_required", 42401, 424, "The account must log in again.", "账号需要重新登录。"),
        _row("human_needed", 42402, 424, "A person has to act first.", "需要人工处理。"),
        _row("rate_limited", 42901, 429, "Too fast; wait and try again.", "过于频繁，请稍后再试。", retryable=True),
        _row("busy", 42902, 429, "Too many requests at once; try again.", "并发请求过多，请稍后重试。", retryable=True),
        _row("process_lost", 50001, 500, "The process working on it was lost.", "处理该任务的进程已丢失。"),
        _row(
            "storage_failed",
            50002,
            500,
            "The data directory cannot be used. Check free space and access rights.",
            "数据目录无法使用，请检查磁盘空间与权限。",
        ),
        _row("config_invalid", 50003, 500, "A setting is wrong.", "配置有误。"),
        _row(
            "upstream_failed",
            50201,
            502,
            "The platform gave no usable answer.",
            "平台没有给出可用的回应。",
            retryable=True,
        ),
        _row("plugin_failed", 50202, 502, "A plugin failed.", "插件出错。"),
        _row(
            "circuit_open",
            50301,
            503,
            "The service is paused after failures.",
            "服务因连续失败而暂停。",
            retryable=True,
        ),
        _row("shutting_down", 50302, 503, "The sidecar is shutting down.", "sidecar 正在关闭。", retryable=True),
        _row("keyring_locked", 50303, 503, "The OS keyring is locked.", "系统钥匙串已锁定。", retryable=True),
        _row("vault_unavailable", 50304, 503, "The vault cannot be opened.", "保险库无法打开。"),
        _row("upstream_timeout", 50401, 504, "No answer in time.", "未能及时得到回应。", retryable=True),
        _row("run_timeout", 50402, 504, "The run took too long.", "运行超时。"),
        _row("tool_timeout", 50403, 504, "The tool took too long.", "工具超时。"),
    ]
)


class RpcFault(Exception):
    """An error that the RPC layer itself finds: protocol, parameters, limits.

    ``name`` is a row of ``ERRORS``; without ``text`` its standard sentence is used.
    """

    def __init__(
        self,
        name: str,
        text: Text | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(name)
        self.name = name
        self.text = text or ERRORS[name].text
        self.details = dict(details or {})
        self.retry_after_ms = retry_after_ms


@dataclass(frozen=True, slots=True)
class RpcError:
    """What every transport needs to answer an error."""

    entry: ErrorEntry
    text: Text
    retryable: bool
    trace_id: str | None = None
    retry_after_ms: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self, locale: str) -> dict[str, Any]:
        """Return the JSON-RPC error object; ``data.messages`` holds the sentence in both languages."""
        data: dict[str, Any] = {
            "code": self.entry.name,
            "retryable": self.retryable,
            "trace_id": self.trace_id,
            "messages": self.text.as_dict(),
            "details": dict(self.details),
        }
        if self.retry_after_ms is not None:
            data["retry_after_ms"] = self.retry_after_ms
        return {"code": self.entry.number, "message": self.text.localized(locale), "data": data}


#: Failures of the machine below us that have one clear meaning wherever they come from.
_STORAGE_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def to_error(exc: BaseException, trace_id: str | None = None) -> RpcError:
    """Map any exception to the table; what is unknown becomes ``internal_error`` and is logged with its trace id."""
    if isinstance(exc, RpcFault):
        entry = ERRORS[exc.name]
        return RpcError(entry, exc.text, entry.retryable, trace_id, exc.retry_after_ms, exc.details)
    if isinstance(exc, CreatorFlowError):
        known = ERRORS.get(_name_of(exc))
        if known is not None and known.name != "internal_error":
            return RpcError(
                known, exc.text, exc.retryable or known.retryable, trace_id, exc.retry_after_ms, exc.details
            )
    if isinstance(exc, OSError) and exc.errno in _STORAGE_ERRNOS:
        entry = ERRORS["storage_failed"]
        _log.error("storage failed", exc=exc, rpc_trace_id=trace_id)
        return RpcError(entry, entry.text, entry.retryable, trace_id)
    _log.error("unexpected error", exc=exc, rpc_trace_id=trace_id)
    entry = ERRORS["internal_error"]
    return RpcError(entry, entry.text, entry.retryable, trace_id)


def _name_of(exc: CreatorFlowError) -> str:
    if isinstance(exc, NotFound):
        name = f"{exc.kind}_not_found"
        return name if name in ERRORS else "not_found"
    return exc.code


def error_table() -> list[dict[str, Any]]:
    """Return the table as JSON, for ``capabilities.list`` and the docs."""
    return [
        {
            "name": entry.name,
            "number": entry.number,
            "http": entry.http,
            "retryable": entry.retryable,
            "message": entry.text.as_dict(),
        }
        for entry in ERRORS.values()
    ]
