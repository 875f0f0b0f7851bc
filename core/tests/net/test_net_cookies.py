"""Cookies of one account, as a browser would keep and send them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from creatorflow.api.errors import InvalidInput
from creatorflow.net.cookies import CookieStore

if TYPE_CHECKING:
    from core.tests.net.conftest import Seen, Web


def cookie(name: str, value: str, domain: str, **more: Any) -> dict[str, Any]:
    whole = {
        "name": name,
        "value": value,
        "domain": domain,
        "path": "/",
        "expires": -1,
        "secure": True,
        "httpOnly": True,
    }
    return {**whole, **more}


async def test_the_same_name_on_several_domains(web: Web) -> None:
    """The trap of facts/weibo.md §2.1: after the login chain SUB exists for several domains at once."""

    async def handler(request: Seen, writer: asyncio.StreamWriter) -> None:
        domain = request.headers["host"].removeprefix("passport.")
        writer.write(
            web.answer(headers=[("Set-Cookie", f"SUB=of-{domain}; Domain=.{domain}; Path=/; Secure; HttpOnly")])
        )

    hosts = ["passport.weibo.com", "weibo.com", "weibo.cn"]
    async with (
        web.site(*hosts, handler=handler) as site,
        web.factory(dict.fromkeys(hosts, site.address)).client(hosts) as client,
    ):
        for host in ("passport.weibo.com", "weibo.cn", "weibo.com"):
            await client.request("GET", f"https://{host}/")
        assert client.cookie("SUB", "weibo.com") == "of-weibo.com"
        assert client.cookie("SUB", ".weibo.cn") == "of-weibo.cn"
        assert client.cookie("SUB", "m.weibo.cn") == "of-weibo.cn"
        assert client.cookie("SUB", "sina.com.cn") is None
        exported = client.export_cookies()
    assert [(one["domain"], one["value"]) for one in exported] == [
        (".weibo.cn", "of-weibo.cn"),
        (".weibo.com", "of-weibo.com"),
    ]
    assert [seen.headers.get("cookie") for seen in site.seen] == [None, None, "SUB=of-weibo.com"]


async def test_a_login_chain_collects_the_cookies_of_each_hop(web: Web) -> None:
    async def handler(request: Seen, writer: asyncio.StreamWriter) -> None:
        if request.target == "/login":
            more = [
                ("Set-Cookie", "A=1; Path=/"),
                ("Set-Cookie", "B=2; Domain=weibo.com; Path=/"),
                ("Location", "https://weibo.com/home"),
            ]
            writer.write(web.answer("302 Found", headers=more))
        else:
            writer.write(web.answer(headers=[("Set-Cookie", "C=3; Path=/ajax")]))

    hosts = ["passport.weibo.com", "weibo.com"]
    async with (
        web.site(*hosts, handler=handler) as site,
        web.factory(dict.fromkeys(hosts, site.address)).client(hosts) as client,
    ):
        await client.request("GET", "https://passport.weibo.com/login", follow_redirects=True)
        await client.request("GET", "https://weibo.com/ajax/x")
        kept = {(one["name"], one["domain"], one["path"]) for one in client.export_cookies()}
    assert kept == {("A", "passport.weibo.com", "/"), ("B", ".weibo.com", "/"), ("C", "weibo.com", "/ajax")}
    assert [seen.headers.get("cookie") for seen in site.seen] == [None, "B=2", "C=3; B=2"]


async def test_a_cookie_without_domain_stays_with_its_host(web: Web) -> None:
    cookies = [cookie("OWN", "1", "weibo.com"), cookie("ALL", "2", ".weibo.com")]
    hosts = ["weibo.com", "m.weibo.com"]
    async with (
        web.site(*hosts) as site,
        web.factory(dict.fromkeys(hosts, site.address)).client(hosts, cookies=cookies) as client,
    ):
        await client.request("GET", "https://m.weibo.com/")
        assert client.cookie("OWN", "m.weibo.com") is None
    assert site.seen[0].headers["cookie"] == "ALL=2"


async def test_a_cookie_header_of_the_caller_wins_for_one_hop(web: Web) -> None:
    async with web.site("weibo.com") as site:
        factory = web.factory({"weibo.com": site.address})
        async with factory.client(["weibo.com"], cookies=[cookie("A", "1", "weibo.com")]) as client:
            await client.request("GET", "https://weibo.com/", headers={"Cookie": "B=2"})
    assert site.seen[0].headers["cookie"] == "B=2"


async def test_foreign_and_super_domain_cookies_are_not_taken(web: Web) -> None:
    async def handler(_request: Seen, writer: asyncio.StreamWriter) -> None:
        bad = ["Domain=weibo.com", "Domain=.com.cn", "Domain=com.cn", "Domain=.cn"]
        writer.write(
            web.answer(headers=[("Set-Cookie", f"X{number}=1; {one}; Path=/") for number, one in enumerate(bad)])
        )

    host = "login.sina.com.cn"
    async with web.site(host, handler=handler) as site, web.factory({host: site.address}).client([host]) as client:
        await client.request("GET", f"https://{host}/")
        assert client.export_cookies() == []


def test_what_comes_in_goes_out_again() -> None:
    later = int(datetime.now(UTC).timestamp()) + 3600
    given = [
        cookie("A", "1", ".weibo.com", expires=later, sameSite="None"),
        cookie("B", "a=b; c", "passport.weibo.com", path="/sso", secure=False, httpOnly=False, sameSite="Lax"),
    ]
    assert CookieStore(given).export() == given


@pytest.mark.parametrize("expires", [None, -1, 0])
def test_a_session_cookie_never_expires_here(expires: int | None) -> None:
    store = CookieStore([cookie("A", "1", "weibo.com", expires=expires)])
    assert store.export()[0]["expires"] == -1
    assert store.get("A", "weibo.com") == "1"


def test_expired_cookies_are_gone_by_the_given_clock() -> None:
    now = datetime.now(UTC)

    class Later:
        def now(self) -> datetime:
            return now + timedelta(hours=2)

        async def sleep(self, seconds: float) -> None: ...

    given = [cookie("A", "1", "weibo.com", expires=now.timestamp() + 3600.5), cookie("B", "2", "weibo.com")]
    assert CookieStore(given).get("A", "weibo.com") == "1"
    store = CookieStore(given, clock=Later())
    assert store.get("A", "weibo.com") is None
    assert [one["name"] for one in store.export()] == ["B"]


def test_the_nearest_domain_and_the_widest_path_win() -> None:
    store = CookieStore(
        [
            cookie("T", "parent", ".weibo.com"),
            cookie("T", "deep", "passport.weibo.com", path="/a/b"),
            cookie("T", "own", "passport.weibo.com"),
        ]
    )
    assert store.get("T", "passport.weibo.com") == "own"
    assert store.get("T", "weibo.com") == "parent"


@pytest.mark.parametrize(
    "broken",
    [
        {"name": "A"},
        {"name": "A", "value": "1"},
        {"name": "", "value": "1", "domain": "x"},
        {"name": "A", "value": 1, "domain": "x"},
    ],
)
def test_a_cookie_without_its_domain_is_refused_without_its_value(broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="domain") as caught:
        CookieStore([broken])
    assert caught.value.details["keys"] == sorted(broken)
