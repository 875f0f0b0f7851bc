"""The process itself: ``sidecar.initialize``, ``.status``, ``.ping``, ``.shutdown``."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creatorflow.api.errors import CreatorFlowError, Text
from creatorflow.log import trace_id
from creatorflow.rpc.errors import RpcFault, to_error
from creatorflow.rpc.registry import Effect, Idempotency, Method, Transport
from creatorflow.rpc.session import PROTOCOL_VERSIONS, Call
from creatorflow.rpc.version import core_version

if TYPE_CHECKING:
    from creatorflow.rpc.params import Initialize

__all__ = ["METHODS"]

_STARTED = time.monotonic()


def ping(call: Call, _params: None) -> dict[str, Any]:
    """Answer the sidecar's clock."""
    return {"time": datetime.now(UTC).isoformat(timespec="milliseconds")}


def initialize(call: Call, params: Initialize) -> dict[str, Any]:
    """Take what the host says about itself; repeated calls replace what they name."""
    session = call.session
    version = _common_version(params.protocol_versions)
    roots = tuple(_root(text) for text in params.roots)
    session.protocol_version = version
    if params.client is not None:
        session.client = params.client.model_dump()
    if params.locale is not None:
        session.locale = "zh-CN" if params.locale.lower().startswith("zh") else "en"
    if roots:
        session.roots = roots
    return {
        "version": core_version(),
        "protocol_version": version,
        "protocol_versions": list(PROTOCOL_VERSIONS),
        "locale": session.locale,
        "roots": [str(root) for root in session.roots],
        "limits": session.limits.as_dict(),
    }


def _common_version(theirs: tuple[int, ...] | None) -> int:
    common = set(PROTOCOL_VERSIONS) & set(PROTOCOL_VERSIONS if theirs is None else theirs)
    if common:
        return max(common)
    ours = ", ".join(map(str, PROTOCOL_VERSIONS))
    text = Text(
        en=f"The host and this sidecar share no protocol version; this sidecar speaks {ours}. Update the older of the two.",
        zh=f"宿主与本 sidecar 没有共同的协议版本；本 sidecar 支持 {ours}。请升级较旧的一方。",
    )
    details = {"field": "protocol_versions", "protocol_versions": list(PROTOCOL_VERSIONS)}
    raise RpcFault("invalid_params", text, details=details)


def _root(text: str) -> Path:
    """Check one folder.

    Raises:
        RpcFault: ``path_denied`` when it is no absolute path of an existing folder.
    """
    path = Path(text)
    try:
        if path.is_absolute() and path.is_dir():
            return path.resolve()
    except (OSError, ValueError):  # a name the system refuses, a null character
        pass
    sentence = Text(
        en=f"The root {text!r} is not the absolute path of a folder that exists. Name folders that media may be read from.",
        zh=f"{text!r} 不是已存在文件夹的绝对路径。请给出可读取媒体的文件夹。",
    )
    raise RpcFault("path_denied", sentence, details={"field": "roots", "path": text})


async def status(call: Call, _params: None) -> dict[str, Any]:
    """Answer what this process is and what waits in its data directory."""
    settings = call.app.settings
    storage: dict[str, Any] = {"state": "ok", "error": None}
    counts = None
    try:
        await call.prepare()
        counts = {
            "accounts": len(await call.app.accounts.list()),
            "tasks_open": len(await call.app.tasks.list(["open"])),
        }
    except CreatorFlowError as exc:  # the status is what one asks for when something is wrong
        error = to_error(exc, trace_id())
        storage = {"state": "failed", "error": error.as_json(call.session.locale)}
    return {
        "version": core_version(),
        "protocol_versions": list(PROTOCOL_VERSIONS),
        "pid": os.getpid(),
        "transport": call.session.transport,
        "uptime_s": round(time.monotonic() - _STARTED, 3),
        "environment": settings.network.environment,
        "offline": settings.network.offline.value,
        "locale": call.session.locale,
        "storage": storage,
        "counts": counts,
    }


def shutdown(call: Call, _params: None) -> dict[str, Any]:
    """Accept nothing more, finish what was accepted, exit 0."""
    call.session.quit.set()
    return {"draining": True}


METHODS = (
    Method(
        name="sidecar.initialize",
        handler=initialize,
        summary=Text(
            en="Say who the host is, its language, and the folders that media may be read from. Optional.",
            zh="说明宿主、语言，以及可读取媒体的文件夹。可选。",
        ),
        params="creatorflow.rpc.params:Initialize",
        result="creatorflow.rpc.results:Initialized",
        effect=Effect.LOCAL,
        idempotency=Idempotency.NATURAL,
        needs_store=False,
        transports=frozenset({Transport.STDIO}),
    ),
    Method(
        name="sidecar.status",
        handler=status,
        summary=Text(en="Version, mode and counts of this sidecar.", zh="本 sidecar 的版本、模式与计数。"),
        result="creatorflow.rpc.results:Status",
        needs_store=False,
    ),
    Method(
        name="sidecar.ping",
        handler=ping,
        summary=Text(en="The sidecar's clock, answered at once.", zh="立即返回 sidecar 的时钟。"),
        result="creatorflow.rpc.results:Pong",
        needs_store=False,
    ),
    Method(
        name="sidecar.shutdown",
        handler=shutdown,
        summary=Text(en="Finish what was accepted, then exit.", zh="完成已接受的请求后退出。"),
        result="creatorflow.rpc.results:Draining",
        effect=Effect.LOCAL,
        idempotency=Idempotency.NATURAL,
        needs_store=False,
        transports=frozenset({Transport.STDIO, Transport.HTTP}),
    ),
)
