"""What may be called: declared hosts, sandbox and live, offline modes, addresses, redirects."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest
from creatorflow.api.errors import ConfigError, CreatorFlowError, OfflineDenied, Unavailable, UrlDenied
from creatorflow.config import NetworkSettings, OfflineMode
from creatorflow.net import OutboundPolicy, Via
from creatorflow.net.policy import allowed_address

if TYPE_CHECKING:
    from pathlib import Path

    from core.tests.net.conftest import Seen, Web

HOST = "weibo.com"
OTHER = "passport.weibo.com"


def policy(
    hosts: list[str],
    network: dict[str, Any] | None = None,
    *,
    proxied: bool = False,
    offline: OfflineMode | None = None,
) -> OutboundPolicy:
    settings = NetworkSettings.model_validate(network or {})
    return OutboundPolicy(settings, hosts, plugin="weibo", proxied=proxied, offline=offline)


SANDBOX = {"environment": "sandbox", "host_map": {"*.weibo.com": "127.0.0.1:1", "weibo.com": "[::1]:2"}}


@pytest.mark.parametrize(
    ("scheme", "host", "reason"),
    [
        ("http", "weibo.com", "scheme"),
        ("ftp", "weibo.com", "scheme"),
        ("", "weibo.com", "scheme"),
        ("https", "", "undeclared"),
        ("https", "weibo.com.evil.example", "undeclared"),
        ("https", "evilweibo.com", "undeclared"),
        ("https", "sinaimg.cn", "undeclared"),
        ("https", "127.0.0.1", "private_address"),
        ("http", "127.0.0.1", "private_address"),
        ("http", "localhost", "private_address"),
        ("https", "app.localhost", "private_address"),
        ("https", "::1", "private_address"),
        ("https", "169.254.169.254", "private_address"),
        ("https", "0.0.0.0", "private_address"),
    ],
)
def test_live_refuses(scheme: str, host: str, reason: str) -> None:
    hosts = ["weibo.com", "*.sinaimg.cn", "127.0.0.1", "localhost", "*.localhost", "::1", "169.254.169.254", "0.0.0.0"]
    for proxied in (False, True):
        with pytest.raises(UrlDenied) as caught:
            policy(hosts, proxied=proxied).route(scheme, host)
        assert caught.value.details == {"host": host, "reason": reason, "sent": False}


def test_live_takes_the_proxy_when_there_is_one() -> None:
    assert policy(["weibo.com"]).route("https", "WEIBO.com.").via is Via.DIRECT
    assert policy(["*.sinaimg.cn"], proxied=True).route("https", "wx1.sinaimg.cn").via is Via.PROXY


def test_the_map_prefers_the_exact_name_and_bypasses_the_proxy() -> None:
    sandbox = policy(["weibo.com", "*.weibo.com", "weibo.cn"], SANDBOX, proxied=True)
    assert sandbox.route("https", "weibo.com").address == ("::1", 2)
    assert sandbox.route("https", "passport.weibo.com").address == ("127.0.0.1", 1)
    with pytest.raises(UrlDenied, match=r"weibo\.cn") as caught:
        sandbox.route("https", "weibo.cn")
    assert caught.value.details["reason"] == "sandbox"
    assert "sandbox" in caught.value.text.zh
    with pytest.raises(
        UrlDenied
    ):  # the code under test is the code of production: no plain http to a mapped production name
        sandbox.route("http", "weibo.com")


def test_a_loopback_name_is_reached_through_the_map_only_and_may_then_speak_plain_http() -> None:
    mapped = policy(["localhost"], {"environment": "test", "host_map": {"localhost": "127.0.0.1:11434"}})
    assert mapped.route("http", "localhost").address == ("127.0.0.1", 11434)


@pytest.mark.parametrize(
    ("mode", "mapped", "listed", "unlisted"),
    [
        ("online", True, True, True),
        ("allow-list", True, True, False),
        ("loopback", True, False, False),
        ("none", False, False, False),
    ],
)
def test_offline_modes(mode: str, mapped: bool, listed: bool, unlisted: bool) -> None:
    def allowed(one: OutboundPolicy, host: str) -> bool:
        try:
            return one.route("https", host) is not None
        except OfflineDenied as error:
            said = error
        assert said.details == {"host": host, "offline": mode, "sent": False}
        assert mode in said.text.en
        assert mode in said.text.zh
        return False

    hosts = ["weibo.com", "api.deepseek.com"]
    live = {"offline": mode, "allow_hosts": ["api.deepseek.com"]}
    assert allowed(policy(hosts, {**SANDBOX, **live}), "weibo.com") is mapped
    assert allowed(policy(hosts, live), "api.deepseek.com") is listed
    assert allowed(policy(hosts, live), "weibo.com") is unlisted


def test_a_run_can_only_narrow_the_mode() -> None:
    assert policy([], offline=OfflineMode.NONE).offline is OfflineMode.NONE
    assert policy([], {"offline": "loopback"}, offline=OfflineMode.ONLINE).offline is OfflineMode.LOOPBACK


@pytest.mark.parametrize("mode", ["loopback", "none"])
async def test_an_offline_mode_opens_no_connection(web: Web, mode: str) -> None:
    async with web.site(HOST) as site, web.factory({HOST: site.address}, offline=mode).client([HOST]) as client:
        if mode == "none":
            with pytest.raises(OfflineDenied):
                await client.request("GET", f"https://{HOST}/")
        else:
            assert (await client.request("GET", f"https://{HOST}/")).status_code == 200
    assert site.connections == (0 if mode == "none" else 1)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("198.18.0.7", True),  # a local proxy program's fake address
        *(
            (address, False)
            for address in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254")
        ),
        *(
            (address, False)
            for address in ("0.0.0.0", "255.255.255.255", "224.0.0.1", "168.63.129.16", "100.100.100.200", "240.0.0.1")
        ),
        *(
            (address, False)
            for address in ("::", "::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1")
        ),
        *(
            (address, False)
            for address in ("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "64:ff9b::a9fe:a9fe")
        ),
        ("64:ff9b::5db8:d822", True),
    ],
)
def test_addresses(address: str, allowed: bool) -> None:
    assert allowed_address(address) is allowed


class Resolver:
    """Stands in for the name server, the one part that cannot run here: answers in turn, and counts the questions."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int, **_kind: Any) -> list[tuple[Any, ...]]:
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in self.answers.pop(0)]


async def test_a_name_that_leads_inside_is_refused_and_asked_about_once(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Resolver(["127.0.0.1", "10.0.0.1"], ["93.184.216.34"])
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver)
    async with web.factory({}).client(["rebind.example"]) as client:
        with pytest.raises(UrlDenied) as caught:
            await client.request("GET", "https://rebind.example/")
    assert caught.value.details == {"host": "rebind.example", "reason": "private_address", "sent": False}
    assert resolver.asked == 1


async def test_the_checked_address_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    from creatorflow.net import transport

    tried: list[tuple[str, int]] = []

    async def connect(_self: object, host: str, port: int, *_more: object) -> None:
        import httpcore

        tried.append((host, port))
        raise httpcore.ConnectError("no route here")

    resolver = Resolver(["10.0.0.1", "93.184.216.34", "93.184.216.35"])
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver)
    monkeypatch.setattr(transport._Backend, "connect_tcp", connect)
    backend = transport._GuardedBackend(policy(["a.example"]))
    with pytest.raises(Exception, match="no route here"):
        await backend.connect_tcp("a.example", 443)
    assert tried == [("93.184.216.34", 443), ("93.184.216.35", 443)]
    assert resolver.asked == 1


async def test_a_name_that_does_not_exist(web: Web) -> None:
    async with web.factory({}).client(["no-such-host.invalid"]) as client:
        with pytest.raises(Unavailable) as caught:
            await client.request("POST", "https://no-such-host.invalid/", content=b"x")
    assert caught.value.details == {"host": "no-such-host.invalid", "reason": "connect", "sent": False}


@pytest.mark.parametrize(
    "url", ["https://u:p@weibo.com/", "/relative", "https://", "https://weibo.com:99999/", "https://[::1/", "data:,x"]
)
async def test_odd_urls_are_refused(web: Web, url: str) -> None:
    async with web.site(HOST) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        with pytest.raises(UrlDenied) as caught:
            await client.request("GET", url)
    assert caught.value.details["sent"] is False
    assert site.connections == 0


def redirecting(web: Web, to: dict[str, tuple[str, str]]) -> Any:
    async def handler(request: Seen, writer: asyncio.StreamWriter) -> None:
        status, location = to.get(request.target, ("200 OK", ""))
        writer.write(web.answer(status, headers=[("Location", location)] if location else []))

    return handler


async def test_a_redirect_is_returned_unless_it_was_asked_for(web: Web) -> None:
    handler = redirecting(web, {"/a": ("302 Found", f"https://{OTHER}/b")})
    async with web.site(HOST, handler=handler) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        answer = await client.request("POST", f"https://{HOST}/a", content=b"x")
    assert (answer.status_code, answer.headers["location"]) == (302, f"https://{OTHER}/b")
    assert len(site.seen) == 1


async def test_a_redirect_to_an_undeclared_host_is_refused_and_the_first_hop_is_owned_up_to(web: Web) -> None:
    handler = redirecting(web, {"/a": ("307 Temporary Redirect", f"https://{OTHER}/b")})
    async with web.site(HOST, handler=handler) as first, web.site(OTHER) as second:
        both = {HOST: first.address, OTHER: second.address}
        async with web.factory(both).client([HOST]) as client:
            with pytest.raises(UrlDenied, match=OTHER) as caught:
                await client.request("POST", f"https://{HOST}/a", content=b"x", follow_redirects=True)
    assert caught.value.details == {"host": OTHER, "reason": "undeclared", "sent": True}
    assert (len(first.seen), second.connections) == (1, 0)


@pytest.mark.parametrize(
    "location", ["http://weibo.com/b", "https://169.254.169.254/latest", "https://127.0.0.1/", "https://u:p@weibo.com/"]
)
async def test_a_redirect_cannot_lead_inside_or_to_plain_http(web: Web, location: str) -> None:
    handler = redirecting(web, {"/a": ("302 Found", location)})
    hosts = [HOST, "169.254.169.254", "127.0.0.1"]
    async with web.site(HOST, handler=handler) as site, web.factory({HOST: site.address}).client(hosts) as client:
        with pytest.raises(UrlDenied):
            await client.request("GET", f"https://{HOST}/a", follow_redirects=True)
    assert len(site.seen) == 1


async def test_declared_redirects_are_followed_as_browsers_do(web: Web, tmp_path: Path) -> None:
    picture = tmp_path / "p.bin"
    picture.write_bytes(b"pixels")
    handler = redirecting(
        web,
        {
            "/303": ("303 See Other", f"https://{OTHER}/end"),
            "/307": ("307 Temporary Redirect", "/308"),
            "/308": ("308 Permanent Redirect", "/end"),
        },
    )
    async with (
        web.site(HOST, OTHER, handler=handler) as site,
        web.factory({HOST: site.address, OTHER: site.address}).client([HOST, OTHER]) as client,
    ):
        seen_other = await client.request("POST", f"https://{HOST}/303", content=picture, follow_redirects=True)
        same = await client.request("POST", f"https://{HOST}/307", content=picture, follow_redirects=True)
    assert seen_other.url == f"https://{OTHER}/end"
    assert same.url == f"https://{HOST}/end"
    assert [(seen.method, seen.target, seen.headers["host"], seen.body) for seen in site.seen] == [
        ("POST", "/303", HOST, b"pixels"),
        ("GET", "/end", OTHER, b""),
        ("POST", "/307", HOST, b"pixels"),
        ("POST", "/308", HOST, b"pixels"),
        ("POST", "/end", HOST, b"pixels"),
    ]
    assert site.connections == 2, "a redirect does not cost the connection"


async def test_a_redirect_loop_ends(web: Web) -> None:
    handler = redirecting(web, {"/a": ("302 Found", "/a")})
    async with web.site(HOST, handler=handler) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        with pytest.raises(Unavailable) as caught:
            await client.request("GET", f"https://{HOST}/a", follow_redirects=True)
    assert caught.value.details["reason"] == "redirects"
    assert len(site.seen) == 11


async def test_nothing_is_taken_from_the_environment(web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trapped: list[bytes] = []

    async def trap(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        trapped.append(await reader.read(100))

    (tmp_path / ".netrc").write_text(f"machine {HOST} login user password secret\n")
    async with web.site(HOST) as site, web.tcp(trap) as port:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        monkeypatch.setenv("SSL_CERT_FILE", str(web.ca_file))
        async with web.factory({HOST: site.address}).client([HOST]) as client:
            await client.request("GET", f"https://{HOST}/")
        async with web.factory({HOST: site.address}, ca_file=None).client([HOST]) as client:
            with pytest.raises(Unavailable):  # SSL_CERT_FILE is not believed
                await client.request("GET", f"https://{HOST}/")
        async with web.factory({}).client(["no-such-host.invalid"]) as client:
            with pytest.raises(Unavailable):
                await client.request("GET", "https://no-such-host.invalid/")
    assert trapped == []
    assert "authorization" not in site.seen[0].headers


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_ca_file_is_a_config_error(web: Web, content: str | None) -> None:
    web.ca_file.unlink()
    if content is not None:
        web.ca_file.write_text(content)
    for hosts in ({}, {HOST: "127.0.0.1:1"}):
        with pytest.raises(ConfigError, match=r"ca\.pem") as caught:
            web.factory(hosts).client([HOST])
        assert "ca_file" in caught.value.text.zh


def test_every_refusal_speaks_both_languages() -> None:
    for hosts, scheme in ((["a.example"], "https"), ([], "https"), (["b.example"], "gopher")):
        with pytest.raises(CreatorFlowError) as caught:
            policy(hosts, {"environment": "sandbox", "host_map": {"x.example": "127.0.0.1:1"}}).route(
                scheme, "a.example"
            )
        assert "a.example" in caught.value.text.en
        assert "a.example" in caught.value.text.zh
