"""What the adapter's tests share: a real HTTP client that ends on loopback, a context, a scripted site."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from creatorflow.api import AccountRef, HumanNeeded, HumanTask, Sending, Text, Unavailable, UrlDenied
from creatorflow_weibo.adapter import WeiboAdapter
from creatorflow_weibo.plugin import HOSTS

UID = "7654321098"


class Loopback(httpx.AsyncHTTPTransport):
    """Connects every URL to one loopback port; the Host header stays the production's."""

    def __init__(self, port: int, ca_file: Path | None = None) -> None:
        super().__init__(verify=ssl.create_default_context(cafile=str(ca_file)) if ca_file else True)
        self._port = port
        self._scheme = "https" if ca_file else "http"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        redirected = httpx.Request(
            request.method,
            request.url.copy_with(scheme=self._scheme, host="127.0.0.1", port=self._port),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return await super().handle_async_request(redirected)


class Http:
    """``creatorflow.api.HttpClient`` with declared hosts only, one send per request, and a cookie jar."""

    def __init__(self, transport: httpx.AsyncBaseTransport, cookies: list[dict[str, Any]]) -> None:
        jar = httpx.Cookies()
        for item in cookies:
            jar.set(item["name"], item["value"], domain=item["domain"], path=item.get("path", "/"))
        self.client = httpx.AsyncClient(transport=transport, cookies=jar, trust_env=False)
        self.longest_s = 0.0

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | Path | None = None,
        follow_redirects: bool = False,
        timeout_s: float = 30.0,
    ) -> httpx.Response:
        if httpx.URL(url).host not in HOSTS:
            raise UrlDenied(Text(en=f"{url} is not declared", zh=f"{url} 未声明"), details={"sent": False})
        body = await asyncio.to_thread(content.read_bytes) if isinstance(content, Path) else content
        try:
            return await self.client.request(
                method,
                url,
                params=params,
                headers=headers,
                data=data,
                json=json,
                content=body,
                follow_redirects=follow_redirects,
                timeout=min(timeout_s, 5),
            )
        except httpx.HTTPError as error:
            sent = not isinstance(error, httpx.ConnectError)
            raise Unavailable(Text(en=f"no answer: {error!r}", zh="没有回答"), details={"sent": sent}) from error

    def cookie(self, name: str, domain: str) -> str | None:
        for cookie in self.client.cookies.jar:
            if cookie.name == name and ("." + domain).endswith("." + cookie.domain.lstrip(".")):
                return cookie.value
        return None


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def debug(self, message: str, /, **fields: Any) -> None:
        self.lines.append(f"{message} {fields}")

    def info(self, message: str, /, **fields: Any) -> None:
        self.lines.append(f"{message} {fields}")

    def warning(self, message: str, /, **fields: Any) -> None:
        self.lines.append(f"{message} {fields}")


class Secrets:
    async def get(self, name: str) -> Mapping[str, Any] | None:
        return None

    async def put(self, name: str, value: Mapping[str, Any]) -> None:
        raise AssertionError("the Weibo adapter stores no secrets")


@dataclass
class Context:
    """``creatorflow.api.AdapterContext``."""

    http: Http
    account: AccountRef = field(
        default_factory=lambda: AccountRef(platform="weibo", name="alice", environment="sandbox", uid=UID)
    )
    clock: Clock = field(default_factory=Clock)
    log: Log = field(default_factory=Log)
    secrets: Secrets = field(default_factory=Secrets)
    state: MutableMapping[str, Any] = field(default_factory=dict)
    said: list[Text] = field(default_factory=list)

    def progress(self, text: Text, fraction: float | None = None) -> None:
        self.said.append(text)

    async def ask_human(self, task: HumanTask) -> str:
        raise HumanNeeded(task.prompt)


class Commit:
    """Remembers what was armed; ``before`` runs inside ``arm``."""

    def __init__(self, before: Callable[[], None] | None = None) -> None:
        self.armed: list[Sending] = []
        self._before = before

    async def arm(self, sending: Sending) -> None:
        if self._before:
            self._before()
        self.armed.append(sending)


Answer = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]


class Site:
    """A scripted weibo: answers by path, and remembers every request with its body."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, bytes, dict[str, str]]] = []
        self.answers: dict[str, Any] = {
            "/ajax/config/get_config": {"ok": 1, "data": {"uid": UID}},
            "/ajax/profile/info": {"ok": 1, "data": {"user": {"screen_name": "小明"}}},
            "/ajax/getSpaConfig": {
                "ok": 1,
                "data": {"flags": {"statement": {"mblog_statement_list": [1, 2, 3, 4]}}},
            },
        }
        self.port = 0

    def paths(self, method: str | None = None) -> list[str]:
        return [path for verb, path, _, _ in self.requests if method in (None, verb)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append((request.method, request.path, body, dict(request.headers)))
        answer = self.answers.get(f"{request.host}{request.path}", self.answers.get(request.path))
        if isinstance(answer, list):
            answer = answer.pop(0)
        if answer is None:
            return web.Response(status=404, text="no such page")
        if callable(answer):
            result: web.StreamResponse = await answer(request, body)
            return result
        return web.json_response(answer)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    scripted = Site()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", scripted.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    scripted.port = runner.addresses[0][1]
    yield scripted
    await runner.cleanup()


@pytest.fixture
async def context(site: Site) -> AsyncIterator[Context]:
    cookies = [
        {"name": "SUB", "value": "session", "domain": ".weibo.com"},
        {"name": "XSRF-TOKEN", "value": "tok%3Den", "domain": "weibo.com"},
    ]
    http = Http(Loopback(site.port), cookies)
    yield Context(http)
    await http.client.aclose()


@pytest.fixture
def loopback_context() -> Callable[..., Context]:
    """Make a context whose client ends at a sandbox."""

    def make(port: int, ca_file: Path, cookies: list[dict[str, Any]]) -> Context:
        return Context(Http(Loopback(port, ca_file), cookies))

    return make


@pytest.fixture
def adapter(context: Context) -> WeiboAdapter:
    return WeiboAdapter(context)


@pytest.fixture
def commit() -> Commit:
    return Commit()


@pytest.fixture
def make_commit() -> type[Commit]:
    return Commit
