"""A platform of our own for tests of the engine: a site in memory, an installed distribution, the real services around it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from creatorflow.api import (
    Commit,
    Draft,
    PlatformAdapter,
    Prepared,
    Receipt,
    RemotePost,
    Sending,
    SessionInfo,
)
from creatorflow.app import App
from creatorflow.config import load_settings

PLUGIN = """
from creatorflow.api import Operation, PlatformDescriptor, ReadBack, ReadBackStrength, Requirements, Text, hookimpl

CREATORFLOW_API = (1, 0)

def platform(name, strength):
    return PlatformDescriptor(
        name=name, version="1.0", title=Text(en=name, zh=name), loader="toy_site_plugin.adapter:ToyAdapter",
        content_forms=("text",), operations=(Operation.PUBLISH, Operation.LIST_POSTS),
        read_back=ReadBack(strength=strength, settle_s=0.4), rules=f"toy_site_plugin:{name}.toml",
        requirements=Requirements(hosts=("toy.example",)),
    )

@hookimpl
def creatorflow_platform_adapters():
    return [platform("toy", ReadBackStrength.STRONG), platform("weak", ReadBackStrength.WEAK),
            platform("asking", ReadBackStrength.STRONG)]
"""
RULES = 'schema = 1\n[text]\nmax = 50\n[declarations]\nallowed = ["ai_generated"]\n[forms.text]\n'
CONFIG = """
[network]
environment = "sandbox"
[network.host_map]
"toy.example" = "127.0.0.1:9"
[publish]
human_wait_seconds = 0.0
wait_seconds = 2.0
lock_wait_seconds = 5.0
"""


@dataclass
class Site:
    """The platform: its posts, what it was asked in which order, and what tests make it do."""

    posts: list[RemotePost] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    uid: str = "u1"
    hooks: dict[str, Callable[[], Awaitable[None] | None]] = field(default_factory=dict)
    receipt_uid: str | None = None
    stored: Callable[[str], str] = str
    listed: bool = True
    sending: Callable[[Draft], Sending] | None = None

    async def at(self, point: str) -> None:
        """Note the call and do what the test wants there."""
        self.calls.append(point)
        hook = self.hooks.get(point)
        if hook is not None:
            result = hook()
            if result is not None:
                await result

    def make(self, text: str) -> RemotePost:
        """Add a post."""
        number = str(len(self.posts) + 1)
        post = RemotePost(post_id=number, url=f"https://toy.example/{number}", text=text, created_at=datetime.now(UTC))
        self.posts.append(post)
        return post


class ToyAdapter(PlatformAdapter):
    """Publishes on ``Site``."""

    site: ClassVar[Site] = Site()

    async def check_session(self) -> SessionInfo:
        await self.site.at("check_session")
        return SessionInfo(uid=self.site.uid)

    async def prepare(self, draft: Draft, checkpoint: Mapping[str, Any] | None = None) -> Prepared:
        await self.site.at("prepare")
        return Prepared(draft=draft, checkpoint={"seen": checkpoint})

    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        await self.site.at("submit")
        sending = self.site.sending or (lambda draft: Sending(text=draft.text, visibility=draft.visibility))
        await commit.arm(sending(prepared.draft))
        await self.site.at("armed")
        post = self.site.make(self.site.stored(prepared.draft.text))
        await self.site.at("posted")
        return Receipt(post_id=post.post_id, post_url=post.url, uid=self.site.receipt_uid)

    async def list_posts(self, since: datetime) -> Sequence[RemotePost]:
        await self.site.at("list_posts")
        return [post for post in reversed(self.site.posts) if post.created_at >= since] if self.site.listed else []


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The site, with its plugin installed for this test."""
    root = tmp_path / "site-packages"
    package, info = root / "toy_site_plugin", root / "toy_site_plugin-1.0.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text(PLUGIN)
    (package / "adapter.py").write_text("import sys\nToyAdapter = sys.modules['toy_adapter_of_the_test'].ToyAdapter\n")
    for name in ("toy", "weak"):
        (package / f"{name}.toml").write_text(RULES)
    (package / "asking.toml").write_text(RULES.replace("allowed", 'demanded = ["ai_generated"]\nallowed'))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-site-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[creatorflow]\ntoy = toy_site_plugin.plugin\n")
    sys.modules["toy_adapter_of_the_test"] = sys.modules[ToyAdapter.__module__]
    sys.path.insert(0, str(root))
    ToyAdapter.site = Site()
    yield ToyAdapter.site
    sys.path.remove(str(root))
    for name in [name for name in sys.modules if name.startswith("toy_")]:
        del sys.modules[name]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data directory of the sandbox environment."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(CONFIG)
    return home


@pytest.fixture
def new_app(site: Site, home: Path) -> Callable[[], App]:
    """Make another process's worth of services over the same home."""
    env = {"CREATORFLOW_PLUGINS": "toy", "CREATORFLOW_VAULT_PASSPHRASE": "a passphrase for tests"}
    return lambda: App(load_settings(home, env, locale="en"))


@pytest.fixture
async def app(new_app: Callable[[], App]) -> AsyncIterator[App]:
    """The services, with an account on each platform."""
    async with new_app() as app:
        for platform in ("toy", "weak", "asking"):
            await app.accounts.add(platform, "alice", cookies={"session": f"{platform}-cookie-value"})
        ToyAdapter.site.calls.clear()
        yield app
