"""JSON-RPC 2.0 without a transport: one line in, at most one line out, each id answered exactly once.

Plain handlers are answered while the line is read; coroutine handlers become tasks, so that a slow call never delays another one
and a cancel can always arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from creatorflow.api.errors import Text
from creatorflow.log import get_logger, new_trace_id, tracing
from creatorflow.rpc.errors import RpcFault, to_error
from creatorflow.rpc.registry import Effect, MethodRegistry, Transport
from creatorflow.rpc.requests import check_shape, no_method, not_a_request, readable_id
from creatorflow.rpc.session import Call, EndReason, Session
from creatorflow.rpc.validation import check_params
from creatorflow.rpc.wire import BLANK, decode, encode, has_lone_surrogate

__all__ = ["Dispatcher", "notification"]

_log = get_logger("creatorflow.rpc")

_CANCEL = frozenset({"$/cancelRequest", "notifications/cancelled"})
_END_ERRORS: dict[EndReason, str] = {
    "cancelled": "request_cancelled",
    "timeout": "upstream_timeout",
    "shutting_down": "shutting_down",
}

#: Takes one encoded response object, or None when the request was a notification.
_Emit = Callable[[bytes | None], None]


def notification(method: str, params: Mapping[str, Any]) -> bytes:
    """Encode a notification; it never carries a top-level id, which hosts take for a response."""
    return encode({"jsonrpc": "2.0", "method": method, "params": params})


class Dispatcher:
    """Works the requests of one connection. Use it from the event loop's thread only.

    Args:
        registry: what can be called.
        app: handed to the handlers as ``call.app``.
        session: the connection's state.
        send: writes one line (without line feed); called in the order in which answers are ready.
        prepare: awaited before each call that needs the data directory.
    """

    def __init__(
        self,
        registry: MethodRegistry,
        *,
        app: Any,
        session: Session,
        send: Callable[[bytes], None],
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.session = session
        self.calls: set[Call] = set()
        self.closing = False
        self.lines = 0
        self._find = registry.find
        self._names = [method.name for method in registry]
        self._transport = Transport(session.transport)
        self._app = app
        self._send = send
        self._prepare = prepare or _nothing_to_prepare
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[Any]] = set()  # the loop itself holds tasks weakly

    # --- lines -------------------------------------------------------------------------------------------------------

    def feed(self, line: bytes) -> None:
        """Work one line (without its line feed)."""
        self.lines += 1
        try:
            value = decode(line)
        except RpcFault as fault:
            self._protocol_error(fault)
            return
        if value is BLANK:
            return
        odd = b"\\u" in line and has_lone_surrogate(line, value)
        if type(value) is list:
            self._batch(value, line if odd else None)
        else:
            self._one(value, line if odd else None, self._emit)

    def oversized(self) -> None:
        """Answer a line that was dropped because it is longer than the limit."""
        self.lines += 1
        limit = self.session.limits.line_bytes
        self._protocol_error(
            RpcFault(
                "payload_too_large",
                Text(
                    en=f"The line is longer than {limit} bytes and was dropped. Pass media as paths, not as data.",
                    zh=f"这一行超过 {limit} 字节，已丢弃。请用路径传递媒体，不要内嵌数据。",
                ),
                details={"reason": "too_long", "limit": limit},
            )
        )

    def _emit(self, reply: bytes | None) -> None:
        if reply is not None:
            self._send(reply)

    def _protocol_error(self, fault: RpcFault) -> None:
        """Answer with id null, and say it again as a notification: many hosts drop responses whose id is null."""
        error = to_error(fault, new_trace_id()).as_json(self.session.locale)
        self._send(encode({"jsonrpc": "2.0", "id": None, "error": error}))
        self._send(notification("sidecar.protocol_error", {"line": self.lines, "error": error}))

    def _batch(self, items: list[Any], odd_line: bytes | None) -> None:
        limit = self.session.limits.batch
        if not items:
            self._emit(self._failure(None, RpcFault("invalid_request", details={"reason": "empty_batch"})))
            return
        if len(items) > limit:
            text = Text(
                en=f"A batch may hold {limit} requests, this one has {len(items)}; send it in parts.",
                zh=f"一个批次最多 {limit} 个请求，本批有 {len(items)} 个；请分批发送。",
            )
            self._protocol_error(
                RpcFault("invalid_request", text, details={"reason": "batch_too_long", "limit": limit})
            )
            return
        batch = _Batch(len(items), self._send)
        for index, item in enumerate(items):
            self._one(item, odd_line, partial(batch.put, index))

    # --- one request -------------------------------------------------------------------------------------------------

    def _one(self, request: Any, odd_line: bytes | None, emit: _Emit) -> None:
        """Answer ``request`` now or start a task for it; ``emit`` is called exactly once."""
        request_id: Any = None
        has_id = True  # until it is known to be a notification, an error is answered
        try:
            if type(request) is not dict:
                raise not_a_request("object", "a request is a JSON object", "请求必须是 JSON 对象")
            request_id = readable_id(request, odd_line)
            check_shape(request, odd_line)
            has_id = "id" in request
            name = request["method"]
            params = request.get("params")
            if name in _CANCEL:
                found = self._cancel(params)
                emit(self._success(request_id, {"cancelled": found}) if has_id else None)
                return
            resolved = self._find(name)
            if resolved is None or self._transport not in resolved[0].transports:
                raise no_method(name, self._names)
            method, variables = resolved
            if has_id and request_id is None and method.effect is not Effect.NONE:
                text = Text(
                    en=f"{name} changes something and needs an id that is not null, so that its answer can be told apart.",
                    zh=f"{name} 会产生变更，需要非 null 的 id 才能对应其回应。",
                )
                raise RpcFault("invalid_request", text, details={"reason": "null_id"})
            checked = check_params(method, name, params) if params or method.params is not None else None
            call = Call(
                app=self._app,
                session=self.session,
                method=method,
                name=name,
                variables=variables,
                prepare=self._prepare,
                id=request_id,
                has_id=has_id,
            )
            if method.is_async:
                self._start(call, checked, emit)
            else:
                result = method.handler(call, checked)
                emit(self._success(request_id, result) if has_id else None)
        except Exception as exc:
            if not has_id:
                _log.warning("a notification failed", exception=type(exc).__name__)
            emit(self._failure(request_id, exc) if has_id else None)

    def _start(self, call: Call, params: Any, emit: _Emit) -> None:
        if self.closing:
            raise RpcFault("shutting_down")
        limit = self.session.limits.concurrency
        if len(self.calls) >= limit:
            text = Text(
                en=f"{limit} requests are being worked on; wait for an answer and try again.",
                zh=f"已有 {limit} 个请求在处理中，请等待回应后再试。",
            )
            raise RpcFault("busy", text, details={"limit": limit}, retry_after_ms=200)
        call.trace_id = new_trace_id()
        loop = asyncio.get_running_loop()
        call.task = loop.create_task(self._work(call, params))
        if call.method.timeout_s is not None:
            call.timer = loop.call_later(call.method.timeout_s, self._stop, call, "timeout")
        self.calls.add(call)
        self._idle.clear()
        call.emit = emit
        self._tasks.add(call.task)
        call.task.add_done_callback(partial(self._done, call))

    async def _work(self, call: Call, params: Any) -> tuple[Any, BaseException | None]:
        """Run the handler; an error is returned, so that not even ``sys.exit()`` in a plugin ends the process."""
        try:
            with tracing(call.trace_id):
                if call.method.needs_store:
                    await call.prepare()
                return await call.method.handler(call, params), None
        except asyncio.CancelledError:
            raise
        except BaseException as exc:
            return None, exc

    def _done(self, call: Call, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if call.answered:  # it was answered by force; what it did since then is in the log
            if not task.cancelled():
                task.exception()
            return
        if task.cancelled():
            self._answer(call, exc=self._end_fault(call))
            return
        result, exc = task.result()
        self._answer(call, result, exc)

    def _answer(self, call: Call, result: Any = None, exc: BaseException | None = None) -> None:
        """Answer ``call``, once, and forget it."""
        if call.answered:
            return
        call.answered = True
        if call.timer is not None:
            call.timer.cancel()
        self.calls.discard(call)
        if not self.calls:
            self._idle.set()
        if not call.has_id:
            if exc is not None:
                _log.error("a notification failed", exc=exc, method=call.name, rpc_trace_id=call.trace_id)
            call.emit(None)
        elif exc is not None:
            call.emit(self._failure(call.id, exc, call.trace_id))
        else:
            call.emit(self._success(call.id, result, call.trace_id))

    def _success(self, request_id: Any, result: Any, trace_id: str | None = None) -> bytes:
        try:
            return encode({"jsonrpc": "2.0", "id": request_id, "result": result})
        except Exception as exc:  # a result that JSON does not have is our bug; the caller still gets an answer
            return self._failure(request_id, exc, trace_id)

    def _failure(self, request_id: Any, exc: BaseException, trace_id: str | None = None) -> bytes:
        error = to_error(exc, trace_id or new_trace_id()).as_json(self.session.locale)
        try:
            return encode({"jsonrpc": "2.0", "id": request_id, "error": error})
        except Exception as broken:  # details that JSON does not have
            _log.error("error details are not JSON", exc=broken)
            error["data"]["details"] = {}
            return encode({"jsonrpc": "2.0", "id": request_id, "error": error})

    # --- cancelling, timing out, draining ----------------------------------------------------------------------------

    def _cancel(self, params: Any) -> bool:
        """Cancel the requests with the id in ``params``; False when none is being worked on."""
        if isinstance(params, list):
            params = {"id": params[0]} if params else {}
        wanted = params.get("id", params.get("requestId")) if params else None
        if isinstance(wanted, bool) or not isinstance(wanted, (str, int, float)):
            return False
        found = [call for call in self.calls if call.has_id and call.id == wanted]
        for call in found:
            self._stop(call, "cancelled")
        return bool(found)

    def _stop(self, call: Call, reason: EndReason) -> None:
        """End a call: ask its task to stop, and answer by force when it does not."""
        if call.answered or call.end is not None or call.task is None:
            return
        if not call.method.cancellable:
            if reason != "cancelled":  # the work goes on, but its caller gets an answer in time
                call.end = reason
                self._answer(call, exc=self._end_fault(call))
            return
        call.end = reason
        if call.timer is not None:
            call.timer.cancel()
        call.timer = asyncio.get_running_loop().call_later(self.session.limits.cancel_forced_s, self._force, call)
        call.task.cancel()

    def _force(self, call: Call) -> None:
        _log.warning("a call did not stop in time", method=call.name, rpc_trace_id=call.trace_id)
        self._answer(call, exc=self._end_fault(call))

    def _end_fault(self, call: Call) -> BaseException:
        if call.end is None:  # cancelled from within: a bug of the handler
            return RuntimeError(f"{call.name} was cancelled from within")
        if call.end == "timeout":
            text = Text(
                en=f"{call.name} did not finish within {call.method.timeout_s:g} s.",
                zh=f"{call.name} 未能在 {call.method.timeout_s:g} 秒内完成。",
            )
            return RpcFault("upstream_timeout", text, details={"timeout_s": call.method.timeout_s})
        return RpcFault(_END_ERRORS[call.end])

    async def drain(self) -> None:
        """Accept nothing more; let calls finish within the drain limits, stop the rest. Every id is answered when this returns."""
        self.closing = True
        loop = asyncio.get_running_loop()
        limits = self.session.limits
        for call in self.calls:
            external = call.method.effect is Effect.EXTERNAL
            loop.call_later(limits.drain_publish_s if external else limits.drain_s, self._stop, call, "shutting_down")
        await self._idle.wait()


class _Batch:
    """Collects the answers of one batch and sends them as one line, in the order of the requests."""

    def __init__(self, size: int, send: Callable[[bytes], None]) -> None:
        self._replies: list[bytes | None] = [None] * size
        self._left = size
        self._send = send

    def put(self, index: int, reply: bytes | None) -> None:
        """Take the answer of request ``index``; None for a notification."""
        self._replies[index] = reply
        self._left -= 1
        if self._left == 0:
            replies = [reply for reply in self._replies if reply is not None]
            if replies:
                self._send(b"[" + b",".join(replies) + b"]")


async def _nothing_to_prepare() -> None:
    return None
