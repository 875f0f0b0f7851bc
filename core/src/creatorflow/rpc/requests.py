"""What JSON-RPC 2.0 demands of one request object."""

from __future__ import annotations

from typing import Any

from creatorflow.api.errors import Text
from creatorflow.rpc.errors import RpcFault
from creatorflow.rpc.wire import has_lone_surrogate

__all__ = ["check_shape", "no_method", "not_a_request", "readable_id"]


def not_a_request(field: str, en: str, zh: str) -> RpcFault:
    """Return the fault of a value that is no request."""
    return RpcFault(
        "invalid_request",
        Text(en=f"This is not a JSON-RPC 2.0 request: {en}.", zh=f"这不是 JSON-RPC 2.0 请求：{zh}。"),
        details={"field": field},
    )


def readable_id(request: dict[str, Any], odd_line: bytes | None) -> Any:
    """Return the id to answer with: the request's own if it is a legal one, else None."""
    value = request.get("id")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    if odd_line is not None and has_lone_surrogate(odd_line, value):
        return None
    return value


def check_shape(request: dict[str, Any], odd_line: bytes | None) -> None:
    """Check what JSON-RPC 2.0 demands of a request object.

    Raises:
        RpcFault: ``invalid_request``.
    """
    if request.get("jsonrpc") != "2.0":
        raise not_a_request("jsonrpc", 'the member "jsonrpc" must be "2.0"', '成员 "jsonrpc" 必须为 "2.0"')
    if type(request.get("method")) is not str:
        raise not_a_request("method", 'the member "method" must be a string', '成员 "method" 必须是字符串')
    if not isinstance(request.get("params"), (dict, list, type(None))):
        raise not_a_request(
            "params", 'the member "params" must be an object or an array', '成员 "params" 必须是对象或数组'
        )
    value = request.get("id")
    if isinstance(value, bool) or not isinstance(value, (str, int, float, type(None))):
        raise not_a_request(
            "id", 'the member "id" must be a string, a number or null', '成员 "id" 必须是字符串、数字或 null'
        )
    if odd_line is not None and has_lone_surrogate(odd_line, request):
        raise not_a_request(
            "text",
            "a text holds half a surrogate pair (a broken emoji); remove it",
            "文本中有不完整的代理对（损坏的表情符号），请删除",
        )


def no_method(name: str, known: list[str]) -> RpcFault:
    """Return the fault of an unknown method, with the nearest known name."""
    import difflib  # only mistakes pay for it

    shown = name if len(name) <= 80 else name[:77] + "..."
    near = difflib.get_close_matches(shown, known, n=1, cutoff=0.75)
    hint_en, hint_zh = (f" Perhaps {near[0]!r} was meant.", f"可能应为 {near[0]!r}。") if near else ("", "")
    return RpcFault(
        "method_not_found",
        Text(
            en=f"There is no method {shown!r}.{hint_en} 'capabilities.list' names all methods.",
            zh=f"没有方法 {shown!r}。{hint_zh}'capabilities.list' 会列出所有方法。",
        ),
        details={"method": shown, "near": near},
    )
