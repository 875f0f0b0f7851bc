"""The Weibo replica: login state, tokens, visitors, renewal, QR login — driven by a plain client as the facts describe."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from creatorflow_testkit.http import sandbox_client
from creatorflow_testkit.replica import TestAccount
from creatorflow_testkit.sandbox import BackgroundSandbox, ControlError

REPLICA = "creatorflow_weibo.sandbox:WeiboReplica"
REFERER = {"Referer": "https://weibo.com/", "X-Requested-With": "XMLHttpRequest"}
CONFIG = "https://weibo.com/ajax/config/get_config"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[BackgroundSandbox]:
    with BackgroundSandbox(tmp_path / "sandbox", [REPLICA]) as running:
        yield running


@pytest.fixture
def account(site: BackgroundSandbox) -> TestAccount:
    return site.control.make_account(name="小明")


def cookie(http: httpx.Client, name: str, domain: str) -> str | None:
    """Read by domain: SUB exists for several domains at once (facts §2.1)."""
    return next((item.value for item in http.cookies.jar if item.name == name and item.domain == domain), None)


def update(http: httpx.Client, token: str | None, **form: Any) -> httpx.Response:
    headers = REFERER | ({} if token is None else {"x-xsrf-token": token})
    return http.post("https://weibo.com/ajax/statuses/update", data={"content": "你好", **form}, headers=headers)


def test_get_config_tells_the_login(site: BackgroundSandbox, account: TestAccount) -> None:
    with sandbox_client(site, account) as http:
        assert http.get(CONFIG).status_code == 403
        good = http.get(CONFIG, headers=REFERER).json()
        assert (good["ok"], good["data"]["uid"]) == (1, account.uid)
        assert http.get(CONFIG, headers={"Referer": "https://evil-weibo.com/"}).status_code == 403
    with sandbox_client(site) as http:
        bad = http.get(CONFIG, headers=REFERER).json()
        assert bad["ok"] == -100
        assert "login.php" in bad["url"]


def test_cookies_belong_to_several_domains(account: TestAccount) -> None:
    domains = {item["domain"] for item in account.cookies if item["name"] == "SUB"}
    assert domains == {".weibo.com", ".weibo.cn", ".sina.com.cn"}
    assert account.storage_state["cookies"] == account.cookies


def test_one_domains_cookie_is_no_login_on_the_other(site: BackgroundSandbox, account: TestAccount) -> None:
    cn = next(item["value"] for item in account.cookies if item["name"] == "SUB" and item["domain"] == ".weibo.cn")
    with sandbox_client(site) as http:
        http.cookies.set("SUB", cn, domain=".weibo.com")
        assert http.get(CONFIG, headers=REFERER).json()["ok"] == -100


def test_mobile_config(site: BackgroundSandbox, account: TestAccount) -> None:
    with sandbox_client(site, account) as http:
        data = http.get("https://m.weibo.cn/api/config").json()["data"]
        assert (data["login"], data["uid"], bool(data["st"])) == (True, account.uid, True)
    with sandbox_client(site) as http:
        assert http.get("https://m.weibo.cn/api/config").json()["data"]["login"] is False


def test_profile_info(site: BackgroundSandbox, account: TestAccount) -> None:
    url = "https://weibo.com/ajax/profile/info"
    with sandbox_client(site, account) as http:
        assert http.get(url, headers=REFERER).status_code == 400
        user = http.get(url, params={"uid": account.uid}, headers=REFERER).json()["data"]["user"]
        assert (user["idstr"], user["screen_name"]) == (account.uid, "小明")
        assert http.get(url, params={"uid": "1"}, headers=REFERER).json()["ok"] == 0
    with sandbox_client(site) as http:
        assert http.get(url, params={"uid": account.uid}, headers=REFERER).status_code == 403


def test_allowed_statements(site: BackgroundSandbox) -> None:
    account = site.control.make_account(statements=[1, 4])
    url = "https://weibo.com/ajax/getSpaConfig"
    with sandbox_client(site, account) as http:
        flags = http.get(url, headers=REFERER).json()["data"]["flags"]
        assert flags["statement"]["mblog_statement_list"] == [1, 4]
        site.control.change_settings(statement_objects=True)
        listed = http.get(url, headers=REFERER).json()["data"]["flags"]["statement"]["mblog_statement_list"]
        assert [item["id"] for item in listed] == [1, 4]


def test_the_front_page_gives_the_token_and_the_token_is_checked(site: BackgroundSandbox) -> None:
    account = site.control.make_account(with_xsrf=False)
    with sandbox_client(site, account) as http:
        assert cookie(http, "XSRF-TOKEN", "weibo.com") is None
        assert "woo-avatar" in http.get("https://weibo.com/").text
        token = next(item.value for item in http.cookies.jar if item.name == "XSRF-TOKEN")
        assert update(http, None).status_code == 403
        assert update(http, "wrong").status_code == 403
        assert update(http, token).json()["ok"] == 1
        site.control.change_settings(missing_xsrf="accept")
        assert update(http, None).json()["ok"] == 1
        assert update(http, "wrong").status_code == 403
    assert [entry.data["reason"] for entry in site.control.entries("refused")] == ["xsrf token"] * 3


def test_an_encoded_token_must_be_decoded(site: BackgroundSandbox) -> None:
    site.control.change_settings(xsrf_encoded=True)
    account = site.control.make_account()
    raw = next(item["value"] for item in account.cookies if item["name"] == "XSRF-TOKEN")
    assert "%" in raw
    with sandbox_client(site, account) as http:
        assert update(http, raw).status_code == 403
        assert update(http, unquote(raw)).json()["ok"] == 1


def test_a_visitor_is_not_logged_in(site: BackgroundSandbox, account: TestAccount) -> None:
    with sandbox_client(site) as http:
        form = {"cb": "visitor_gray_callback", "ver": "20250916", "from": "weibo"}
        text = http.post("https://passport.weibo.com/visitor/genvisitor2", data=form).text
        found = re.search(r"visitor_gray_callback\((\{.*\})\)", text)
        assert found
        data = json.loads(found[1])["data"]
        http.cookies.set("SUB", data["sub"], domain=".weibo.com")
        http.cookies.set("SUBP", data["subp"], domain=".weibo.com")
        assert http.get(CONFIG, headers=REFERER).json()["ok"] == -100
        info = http.get("https://weibo.com/ajax/profile/info", params={"uid": account.uid}, headers=REFERER)
        assert info.json()["ok"] == 1


def test_a_lapsed_session_renews_itself_through_sina(site: BackgroundSandbox, account: TestAccount) -> None:
    site.control.act("expire_session", uid=account.uid, zones=["weibo"])
    with sandbox_client(site, account) as http:
        assert http.get(CONFIG, headers=REFERER).json()["ok"] == -100
        first = http.get("https://weibo.com/")
        assert (first.status_code, first.headers["x-login-autologin"]) == (302, "true")
        assert urlsplit(first.headers["location"]).hostname == "login.sina.com.cn"
        assert "useticket=1" in first.headers["location"]
        http.get("https://weibo.com/", follow_redirects=True)
        assert http.get(CONFIG, headers=REFERER).json()["ok"] == 1


def test_a_spent_ticket_ends_at_the_sign_in_page(site: BackgroundSandbox, account: TestAccount) -> None:
    site.control.act("expire_session", uid=account.uid)
    with sandbox_client(site, account) as http:
        last = http.get("https://weibo.com/", follow_redirects=True)
        assert "/sso/signin" in str(last.url)
        assert "retcode=6102" in str(last.url)
        assert http.get(CONFIG, headers=REFERER).json()["ok"] == -100


def test_logins_survive_a_restart(site: BackgroundSandbox, account: TestAccount) -> None:
    other = site.control.make_account()
    site.control.act("expire_session", uid=other.uid)
    site.restart()
    for who, ok in ((account, 1), (other, -100)):
        with sandbox_client(site, who) as http:
            assert http.get(CONFIG, headers=REFERER).json()["ok"] == ok


# ---- QR --------------------------------------------------------------------------------------------------------------
IMAGE = "https://passport.weibo.com/sso/v2/qrcode/image?entry=miniblog&source=miniblog&size=180"
CHECK = "https://passport.weibo.com/sso/v2/qrcode/check"


def start_qr(http: httpx.Client) -> tuple[str, dict[str, str]]:
    http.get("https://passport.weibo.com/sso/signin?entry=miniblog&source=miniblog")
    headers = {"x-csrf-token": next(item.value or "" for item in http.cookies.jar if item.name == "X-CSRF-TOKEN")}
    answer = http.get(IMAGE, headers=headers).json()
    assert answer["retcode"] == 20000000
    text = parse_qs(urlsplit(answer["data"]["image"]).query)["data"][0]
    assert text == f"https://passport.weibo.cn/signin/qrcode/scan?qr={answer['data']['qrid']}"
    picture = http.get(answer["data"]["image"])
    assert picture.content.startswith(b"\x89PNG")
    return answer["data"]["qrid"], headers


def check(http: httpx.Client, qrid: str, headers: dict[str, str]) -> dict[str, Any]:
    answer = http.get(CHECK, params={"qrid": qrid, "rid": "", "ver": "20250520", "entry": "miniblog"}, headers=headers)
    return dict(answer.json())


def test_qr_login_through_all_domains(site: BackgroundSandbox) -> None:
    uid = site.control.make_account(logged_in=False).uid
    with sandbox_client(site) as http:
        qrid, headers = start_qr(http)
        assert check(http, qrid, headers)["retcode"] == 50114001
        site.control.act("qr_scan")
        assert check(http, qrid, headers)["retcode"] == 50114002
        site.control.act("qr_confirm", uid=uid, qrid=qrid)
        done = check(http, qrid, headers)
        assert done["retcode"] == 20000000
        assert "alt=ALT-" in done["data"]["url"]
        assert check(http, qrid, headers)["retcode"] == 50114004
        last = http.get(done["data"]["url"], follow_redirects=True)
        hops = [urlsplit(str(step.url)).netloc + urlsplit(str(step.url)).path for step in last.history]
        assert hops == [
            "passport.weibo.com/sso/v2/login",
            "login.sina.com.cn/sso/v2/crossdomain",
            "passport.weibo.cn/sso/crossdomain",
            "passport.weibo.com/sso/v2/pmproxy",
        ]
        assert str(last.url) == "https://weibo.com/"
        subs = {item.domain for item in http.cookies.jar if item.name == "SUB"}
        assert subs == {".weibo.com", ".sina.com.cn", ".weibo.cn"}
        assert http.get(CONFIG, headers=REFERER).json()["data"]["uid"] == uid
        again = http.get(done["data"]["url"], follow_redirects=True)
        assert "/sso/signin" in str(again.url)


def test_qr_codes_that_fail(site: BackgroundSandbox, account: TestAccount) -> None:
    with sandbox_client(site) as http:
        qrid, headers = start_qr(http)
        assert http.post(IMAGE).json()["retcode"] == 50114017
        assert http.post(CHECK).json()["retcode"] == 50114008
        assert http.get(IMAGE, headers={"x-csrf-token": "wrong"}).status_code == 403
        assert check(http, "unknown", headers)["retcode"] == 50114015
        site.control.arm("qr_exception", route="qr_check")
        assert check(http, qrid, headers)["retcode"] == 50114015
        assert check(http, qrid, headers)["retcode"] == 50114001
        site.control.advance_clock(241)
        assert check(http, qrid, headers)["retcode"] == 50114003
        with pytest.raises(ControlError, match="waits for the phone"):
            site.control.act("qr_confirm", uid=account.uid)
        second, headers = start_qr(http)
        site.control.act("qr_expire", qrid=second)
        assert check(http, second, headers)["retcode"] == 50114003
        assert [code["retcode"] for code in site.control.act("qr_state")] == [50114003, 50114003]


# ---- walls -----------------------------------------------------------------------------------------------------------
def test_expired_in_mid_job_and_anti_bot(site: BackgroundSandbox, account: TestAccount) -> None:
    token = next(item["value"] for item in account.cookies if item["name"] == "XSRF-TOKEN")
    with sandbox_client(site, account) as http:
        site.control.arm("expired_session", route="publish")
        assert http.get(CONFIG, headers=REFERER).json()["ok"] == 1
        assert update(http, token).json()["ok"] == -100
        assert update(http, token).json()["ok"] == 1
        site.control.arm("risk_wall", count=2)
        assert http.get(CONFIG, headers=REFERER).status_code == 418
        assert http.get("https://m.weibo.cn/api/config").status_code == 432
        site.control.arm("risk_wall", status=414)
        assert http.get(CONFIG, headers=REFERER).status_code == 414
        site.control.arm("xsrf_rejected")
        assert update(http, token).status_code == 403
    assert site.control.count_posts() == 1
