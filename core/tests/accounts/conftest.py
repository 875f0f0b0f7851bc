"""A home with real services, a keyring that lives in memory, and a platform with a real site behind it."""

from __future__ import annotations

import json
import runpy
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import pytest
from creatorflow.accounts import AccountService, AdapterFactory, CredentialService, Vault
from creatorflow.accounts.keysources import backend_name
from creatorflow.config import Settings
from creatorflow.events import EventLog
from creatorflow.log import forget_secrets
from creatorflow.net import OutboundFactory
from creatorflow.plugins import Catalogue
from creatorflow.store import AccountRecord, SecretRecord, Store
from creatorflow.store import accounts as rows
from creatorflow.tasks import TaskService
from keyring.errors import KeyringLocked
from pydantic import SecretStr

_TESTS = Path(__file__).parents[1]
Web: Any = runpy.run_path(str(_TESTS / "net" / "conftest.py"))["Web"]
PluginSite: Any = runpy.run_path(str(_TESTS / "plugin_site.py"))["Site"]


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A back end that keeps entries in memory and can be locked, forgetful or broken."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False
        self.forgetful = False
        self.broken: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        if not self.forgetful:
            self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]

    def _check(self) -> None:
        if self.locked:
            raise KeyringLocked("locked")
        if self.broken is not None:
            raise self.broken


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)
    forget_secrets()


@pytest.fixture
def memory_keyring() -> MemoryKeyring:
    made = MemoryKeyring()
    keyring.set_keyring(made)
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
async def store(home: Path) -> AsyncIterator[Store]:
    async with Store(home / "creatorflow.db") as opened:
        yield opened


def account(
    name: str = "alice", platform: str = "pinboard", environment: str = "sandbox", **more: Any
) -> AccountRecord:
    """Return an account's row, not stored yet."""
    values: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "platform": platform,
        "account_name": name,
        "environment": environment,
        "uid": None,
        "display_name": "",
        "avatar_url": "",
        "status": "unchecked",
        "rights": None,
        "state": None,
        "proxy": None,
        "epoch": 0,
        "created_at": datetime.now(UTC),
        "checked_at": None,
        "last_used_at": None,
    }
    return AccountRecord(**{**values, **more})


async def stored(store: Store, name: str = "alice", **more: Any) -> AccountRecord:
    """Store an account's row and return it."""
    row = account(name, **more)
    await store.write(lambda connection: rows.add_account(connection, row))
    return row


async def secret(store: Store, row_id: str, kind: str) -> SecretRecord | None:
    """Return a sealed record."""
    return await store.read(lambda connection: rows.secret(connection, row_id, kind))


def sealed_settings(home: Path, passphrase: str | None = "correct horse", **more: Any) -> Settings:
    """Return settings whose vault is sealed with a passphrase."""
    secret = None if passphrase is None else SecretStr(passphrase)
    return Settings.model_validate({"home": home, "passphrase": secret, "vault": {"backend": "sealed"}, **more})


def memory_vault(store: Store, settings: Settings) -> Vault:
    """Return a vault that may use the keyring in memory."""
    return Vault(store, settings.directories, settings, backends=[backend_name(keyring.get_keyring())])


SECRET = {"value": "the-secret-of-alice"}


async def keep(vault: Vault, store: Store, row: AccountRecord, kind: str = "token") -> None:
    """Seal and store one secret."""
    record = await vault.seal(row, kind, SECRET)
    await store.write(lambda connection: vault.put(connection, record))


async def read(vault: Vault, store: Store, row: AccountRecord, kind: str = "token") -> object:
    """Open the stored secret."""
    record = await store.read(lambda connection: rows.secret(connection, row.id, kind))
    assert record is not None
    return await vault.unseal(row, record)


# --- a platform: an adapter installed like any other, and its site

HOST = "pinboard.example"

_PLUGIN = """
from creatorflow.api import Operation, PlatformDescriptor, ReadBack, ReadBackStrength, Requirements, Text, hookimpl

@hookimpl
def creatorflow_platform_adapters():
    return [
        PlatformDescriptor(
            name="pinboard",
            version="0.3",
            title=Text(en="Pinboard", zh="图钉板"),
            loader="cf_accounts_pinboard.adapter:Adapter",
            content_forms=("text",),
            operations=(Operation.PUBLISH, Operation.LIST_POSTS),
            read_back=ReadBack(strength=ReadBackStrength.STRONG, settle_s=5),
            rules="cf_accounts_pinboard:rules.toml",
            requirements=Requirements(hosts=("pinboard.example",)),
            credential_kinds=("cookies", "storage_state", "credentials"),
        )
    ]
"""

_ADAPTER = """
from urllib.parse import quote
from creatorflow.api import CredentialRejected, PlatformAdapter, SessionInfo, Text, Unavailable

class Adapter(PlatformAdapter):
    closed = 0

    async def check_session(self):
        credentials = await self.context.secrets.get("credentials") or {}
        token = await self.context.secrets.get("token") or {}
        headers = {"X-App": credentials.get("secret", ""), "X-Token": quote(token.get("value", ""))}
        answer = await self.context.http.request("GET", "https://pinboard.example/me", headers=headers)
        if answer.status_code == 401:
            raise CredentialRejected(Text(en="Pinboard says: log in again.", zh="图钉板要求重新登录。"))
        if answer.status_code != 200:
            raise Unavailable(Text(en="Pinboard is down.", zh="图钉板暂不可用。"))
        said = answer.json()
        if said.get("boom"):
            raise KeyError(said["boom"])
        if said.get("nobody"):
            return None
        if said.get("token"):
            await self.context.secrets.put("token", {"value": said["token"]})
        self.context.state["checks"] = self.context.state.get("checks", 0) + 1
        return SessionInfo(uid=said["uid"], display_name=said["name"], rights={"max_images": 9})

    async def prepare(self, draft, checkpoint=None): ...
    async def submit(self, prepared, commit): ...
    async def list_posts(self, since): ...

    async def aclose(self):
        type(self).closed += 1
"""


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """The catalogue of a folder in which one platform is installed."""
    rules = runpy.run_path(str(_TESTS / "plugin_site.py"))["RULES"]
    site = PluginSite(tmp_path_factory.mktemp("plugins"))
    package = "cf_accounts_pinboard"
    files = {
        f"{package}/__init__.py": "",
        f"{package}/plugin.py": _PLUGIN,
        f"{package}/adapter.py": _ADAPTER,
        f"{package}/rules.toml": rules,
    }
    site.add("creatorflow-accounts-pinboard", files, points={"pinboard": f"{package}.plugin"}, version="1.2")
    sys.path.insert(0, str(site.root))
    found = Catalogue.discover(only=["pinboard"])
    assert list(found.platforms) == ["pinboard"], found.plugins
    yield found
    sys.path.remove(str(site.root))


class Pinboard:
    """The site's own book: who has which session cookie, and what it answers next."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.status = "200 OK"
        self.extra: dict[str, Any] = {}
        self.set_cookies: list[str] = []
        self.seen: list[dict[str, str]] = []

    def answer(self, headers: dict[str, str]) -> bytes:
        self.seen.append(headers)
        jar = SimpleCookie(headers.get("cookie", ""))
        sid = jar["sid"].value if "sid" in jar else headers.get("x-app", "")
        who = self.sessions.get(sid)
        if who is None:
            return bytes(Web.answer("401 Unauthorized"))
        body = json.dumps({**who, **self.extra}).encode()
        return bytes(Web.answer(self.status, body, [("Set-Cookie", item) for item in self.set_cookies]))


class Team:
    """All services over one home, the way the application wires them."""

    def __init__(self, store: Store, settings: Settings, catalogue: Catalogue, board: Pinboard) -> None:
        self.store = store
        self.settings = settings
        self.board = board
        self.catalogue = catalogue
        self.events = EventLog(store, poll_s=0.05)
        self.tasks = TaskService(store, self.events)
        self.vault = Vault(store, settings.directories, settings)
        self.adapters = AdapterFactory(
            store,
            self.vault,
            self.events,
            tasks=self.tasks,
            catalogue=catalogue,
            settings=settings,
            outbound=OutboundFactory(settings),
        )
        self.accounts = AccountService(
            store, self.vault, self.events, catalogue=catalogue, settings=settings, adapters=self.adapters
        )
        self.credentials = CredentialService(self.accounts, self.vault, store)

    async def told(self, *types: str) -> list[dict[str, Any]]:
        return [event.data for event in await self.events.read(types=types or None)]

    async def cookies(self, row: AccountRecord) -> dict[str, str]:
        """Return the stored cookies by name, opened."""
        for kind in ("cookies", "storage_state"):
            record = await secret(self.store, row.id, kind)
            if record is not None:
                value = await self.vault.unseal(row, record)
                found = value["cookies"] if kind == "storage_state" else value
                return {cookie["name"]: cookie["value"] for cookie in found}
        return {}

    async def kinds(self, row: AccountRecord) -> list[str]:
        """Return which kinds of secrets are stored."""
        return [item.kind for item in await self.store.read(lambda connection: rows.list_secrets(connection, row.id))]


@asynccontextmanager
async def open_team(folder: Path, store: Store, catalogue: Catalogue, **more: Any) -> AsyncIterator[Team]:
    """Serve the site and wire the services to it."""
    board = Pinboard()
    web = Web(folder)

    async def handle(request: Any, writer: Any) -> None:
        writer.write(board.answer(request.headers))

    async with web.site(HOST, handler=handle) as site:
        network = {"environment": "sandbox", "host_map": {HOST: site.address}, "ca_file": web.ca_file}
        settings = sealed_settings(folder / "home", network={**network, **more.pop("network", {})}, **more)
        yield Team(store, settings, catalogue, board)


@pytest.fixture
async def team(tmp_path: Path, store: Store, catalogue: Catalogue) -> AsyncIterator[Team]:
    async with open_team(tmp_path, store, catalogue) as opened:
        opened.board.sessions = {
            "alice-session-1": {"uid": "1001", "name": "Alice"},
            "alice-session-2": {"uid": "1001", "name": "Alice B."},
            "bob-session-1": {"uid": "2002", "name": "Bob"},
        }
        yield opened
