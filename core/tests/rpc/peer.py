"""A sidecar with a small registry of its own: run by the tests as a real process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from creatorflow.api.errors import DuplicateContent, Text
from creatorflow.log import configure_logging, get_logger
from creatorflow.rpc.pipes import take_over
from creatorflow.rpc.registry import Effect, Idempotency, Method, MethodRegistry
from creatorflow.rpc.session import Call, Limits, Session
from creatorflow.rpc.stderr import log_stream
from creatorflow.rpc.stdio import StdioServer, leave
from pydantic import BaseModel, ConfigDict, Field


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class Subtract(Params):
    minuend: int
    subtrahend: int = 0


class Sleep(Params):
    seconds: float = Field(ge=0, le=60)
    label: str = ""


class Anything(Params):
    value: Any = None


class Emit(Params):
    count: int
    type: str = "publish.state_changed"
    size: int = 0


@dataclass
class Entry:
    id: int
    stream: str
    seq: int
    ts: datetime
    type: str
    trace_id: str | None
    data: dict[str, Any]


@dataclass
class Log:
    entries: list[Entry] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def append(self, type_: str, data: dict[str, Any]) -> None:
        number = len(self.entries) + 1
        self.entries.append(Entry(number, "job:1", number, datetime.now(UTC), type_, None, data))
        self.more.set()

    async def read(self, after: int = 0, limit: int = 500, types: Any = None) -> list[Entry]:
        return [entry for entry in self.entries[after:] if types is None or entry.type in types][:limit]

    async def tail(self) -> int:
        return len(self.entries)

    async def wait(self, after: int) -> None:
        while len(self.entries) <= after:
            self.more.clear()
            await self.more.wait()


@dataclass
class App:
    log: Log = field(default_factory=Log)
    effects: int = 0
    stopped: int = 0


def subtract(call: Call, params: Subtract) -> int:
    return params.minuend - params.subtrahend


def ping(call: Call, params: None) -> dict[str, Any]:
    return {"pong": True}


def echo(call: Call, params: Anything) -> Any:
    return params.value


def counters(call: Call, params: None) -> dict[str, int]:
    return {"effects": call.app.effects, "stopped": call.app.stopped}


async def effect(call: Call, params: None) -> dict[str, Any]:
    call.app.effects += 1
    return {"effects": call.app.effects}


async def sleep(call: Call, params: Sleep) -> str:
    try:
        await asyncio.sleep(params.seconds)
    except asyncio.CancelledError:
        call.app.stopped += 1
        raise
    return params.label


async def stubborn(call: Call, params: Sleep) -> str:
    """Does not stop when asked to."""
    end = time.monotonic() + params.seconds
    while time.monotonic() < end:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue
    return "finished"


async def finisher(call: Call, params: Sleep) -> str:
    """Was just about to be done when the cancel came: its result counts."""
    try:
        await asyncio.sleep(params.seconds)
    except asyncio.CancelledError:
        return "done anyway"
    return "done"


async def noise(call: Call, params: None) -> str:
    print("a library prints")
    sys.stdout.write("and writes without a line feed")
    sys.__stdout__.write("to the first stdout, too\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]
    code = "import os,sys; os.write(1, b'a child writes to 1\\n'); print(repr(sys.stdin.read()), os.listdir('/proc/self/fd'))"
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], stdout=None, check=True, close_fds=False
    )
    return f"child ended with {done.returncode}"


async def boom(call: Call, params: Anything) -> None:
    if params.value == "exit":
        raise SystemExit(3)
    if params.value == "cancel":
        raise asyncio.CancelledError
    if params.value == "duplicate":
        raise DuplicateContent(Text(en="Already out.", zh="已发布。"), {"job_id": "j1"}, job_id="j1")
    if params.value == "full":
        raise OSError(28, "No space left on device")
    if params.value == "recursion":
        await boom(call, params)
    raise KeyError("a Python text with a secret")


def odd(call: Call, params: Anything) -> Any:
    cycle: list[Any] = []
    cycle.append(cycle)
    return {
        "nan": float("nan"),
        "infinite": [float("inf")],
        "surrogate": "\ud83d half",
        "lines": "a\u0085b\u2028c\u2029d\ne",
        "object": object(),
        "cycle": cycle,
        "big": "x" * 3_000_000,
    }[params.value]


async def emit(call: Call, params: Emit) -> int:
    for number in range(params.count):
        call.app.log.append(params.type, {"number": number, "pad": "x" * params.size})
    return params.count


async def chatter(call: Call, params: Emit) -> int:
    """Logs much, into a pipe that nobody may be reading."""
    for number in range(params.count):
        get_logger("peer").warning("a line", number=number, pad="x y " * (params.size // 4))
    return params.count


async def stuck(call: Call, params: Sleep) -> str:
    """Blocks a thread that nobody can stop."""
    await asyncio.to_thread(time.sleep, params.seconds)
    return "done"


def shutdown(call: Call, params: None) -> dict[str, bool]:
    call.session.quit.set()
    return {"draining": True}


def method(name: str, handler: Any, params: type[BaseModel] | None = None, **more: Any) -> Method:
    more.setdefault("needs_store", False)
    return Method(name=name, handler=handler, params=params, summary=Text(en=name, zh=name), **more)


REGISTRY = MethodRegistry(
    [
        method("subtract", subtract, Subtract),
        method("ping", ping),
        method("echo", echo, Anything),
        method("counters", counters),
        method("effect", effect, effect=Effect.LOCAL, idempotency=Idempotency.NATURAL),
        method("sleep", sleep, Sleep),
        method("publish", sleep, Sleep, effect=Effect.EXTERNAL, idempotency=Idempotency.KEYED),
        method("stubborn", stubborn, Sleep),
        method("finisher", finisher, Sleep),
        method("fixed", sleep, Sleep, cancellable=False),
        method("impatient", sleep, Sleep, timeout_s=0.2),
        method("stuck", stuck, Sleep),
        method("chatter", chatter, Emit),
        method("noise", noise),
        method("boom", boom, Anything),
        method("odd", odd, Anything),
        method("emit", emit, Emit, needs_store=True),
        method("sidecar.shutdown", shutdown),
        method("web.only", ping, transports=frozenset({"http"})),
        method("platform.{platform}.publish", lambda call, params: dict(call.variables)),
    ]
)


async def main(arguments: list[str]) -> None:
    app = App()
    # name=number; numbers keep the type of the default
    named = dict(item.split("=") for item in arguments)
    limits: Any = {name: type(getattr(Limits(), name))(float(value)) for name, value in named.items()}
    server = StdioServer(
        REGISTRY,
        app=app,
        pipes=PIPES,
        session=Session(limits=Limits(**limits)),
        events=lambda: app.log,
        version="test",
    )
    await server.run()
    leave(0)


if __name__ == "__main__":
    PIPES = take_over()
    threading.excepthook = lambda args: sys.stderr.write(f"thread died: {args.exc_value!r}\n")
    configure_logging(stream=log_stream())
    asyncio.run(main(sys.argv[1:]))
