"""The Weibo replica: reading back, lists, visitor pages, the site's timer, provenance."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
from creatorflow_testkit.http import sandbox_client
from creatorflow_testkit.replica import TestAccount, provenance_table
from creatorflow_testkit.sandbox import BackgroundSandbox
from creatorflow_weibo.sandbox import WeiboReplica

REFERER = {"Referer": "https://weibo.com/", "Origin": "https://weibo.com", "X-Requested-With": "XMLHttpRequest"}
STATUSES = "https://weibo.com/ajax/statuses"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[BackgroundSandbox]:
    with BackgroundSandbox(tmp_path / "sandbox", ["creatorflow_weibo.sandbox:WeiboReplica"]) as running:
        yield running


@pytest.fixture
def account(site: BackgroundSandbox) -> TestAccount:
    return site.control.make_account(name="小明")


def logged_in(site: BackgroundSandbox, account: TestAccount) -> httpx.Client:
    token = next(item["value"] for item in account.cookies if item["name"] == "XSRF-TOKEN")
    return sandbox_client(site, account, headers=REFERER | {"x-xsrf-token": token})


@pytest.fixture
def http(site: BackgroundSandbox, account: TestAccount) -> Iterator[httpx.Client]:
    with logged_in(site, account) as client:
        yield client


@pytest.fixture
def visitor(site: BackgroundSandbox) -> Iterator[httpx.Client]:
    """A stranger with the cookies that the site gives to everybody."""
    with sandbox_client(site, headers=REFERER) as client:
        text = client.post("https://passport.weibo.com/visitor/genvisitor2", data={"cb": "cb"}).text
        client.cookies.set("SUB", json.loads(text.split("cb(")[1][:-2])["data"]["sub"], domain=".weibo.com")
        yield client


def post(http: httpx.Client, content: str, **form: Any) -> dict[str, Any]:
    answer = http.post(f"{STATUSES}/update", data={"content": content, **form}).json()
    assert answer["ok"] == 1, answer
    return dict(answer["data"])


def mymblog(http: httpx.Client, account: TestAccount, **query: Any) -> dict[str, Any]:
    answer = http.get(f"{STATUSES}/mymblog", params={"uid": account.uid, "page": 1, "feature": 0, **query})
    assert answer.json()["ok"] == 1
    return dict(answer.json()["data"])


def texts(data: dict[str, Any]) -> list[str]:
    return [item["text_raw"] for item in data["list"]]


# ---- one post --------------------------------------------------------------------------------------------------------
def test_show_by_every_name_and_by_whom(
    site: BackgroundSandbox, http: httpx.Client, account: TestAccount, visitor: httpx.Client
) -> None:
    public, own = post(http, "公开 #话题#"), post(http, "自己看", visible="1")
    for name in (public["idstr"], public["mblogid"]):
        for reader in (http, visitor):
            shown = reader.get(f"{STATUSES}/show", params={"id": name}).json()
            assert (shown["ok"], shown["idstr"], shown["text_raw"]) == (1, public["idstr"], "公开 #话题#")
    assert re.fullmatch(r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d \+0800 \d{4}", public["created_at"])
    assert "reads_count" not in visitor.get(f"{STATUSES}/show", params={"id": public["mid"]}).json()
    assert http.get(f"{STATUSES}/show", params={"id": own["mid"]}).json()["visible"]["type"] == 1
    assert visitor.get(f"{STATUSES}/show", params={"id": own["mid"]}).json()["error_code"] == 20112
    missing = http.get(f"{STATUSES}/show", params={"id": "5000000000000000"})
    assert (missing.status_code, missing.json()["error_code"]) == (200, 20101)
    site.control.change_settings(missing_post="404")
    assert http.get(f"{STATUSES}/show", params={"id": "Zzz"}).status_code == 404
    with sandbox_client(site) as nobody:
        assert nobody.get(f"{STATUSES}/show", params={"id": public["mid"]}, headers=REFERER).status_code == 403
        assert http.get(f"{STATUSES}/show", params={"id": public["mid"]}, headers={"Referer": ""}).status_code == 403


def test_long_text_is_cut_in_lists_and_whole_elsewhere(http: httpx.Client, account: TestAccount) -> None:
    text = "长" * 141 + "。"
    made = post(http, text)
    short = post(http, "短")
    item = next(item for item in mymblog(http, account)["list"] if item["mid"] == made["mid"])
    assert (item["isLongText"], item["text_raw"]) == (True, "长" * 140 + "…全文")
    assert "全文</a>" in item["text"]
    plain = http.get(f"{STATUSES}/show", params={"id": made["mid"]}).json()
    full = http.get(f"{STATUSES}/show", params={"id": made["mid"], "isGetLongText": "true"}).json()
    assert plain["text_raw"].endswith("…全文")
    assert (full["text_raw"], full["longText"]["longTextContent"]) == (text, text)
    assert http.get(f"{STATUSES}/longtext", params={"id": made["mblogid"]}).json()["data"] == {"longTextContent": text}
    assert http.get(f"{STATUSES}/longtext", params={"id": short["mid"]}).json()["data"] == {}


def test_reads_for_the_owner_only(site: BackgroundSandbox, http: httpx.Client, visitor: httpx.Client) -> None:
    made = post(http, "看我")
    site.control.advance_clock(300)
    assert http.get(f"{STATUSES}/extend", params={"id": made["mid"]}).json()["data"]["reads_count"] == 5
    assert visitor.get(f"{STATUSES}/extend", params={"id": made["mid"]}).json()["data"] == {}


# ---- lists -----------------------------------------------------------------------------------------------------------
def test_pages_of_twenty_by_number_and_by_since_id(http: httpx.Client, account: TestAccount) -> None:
    for number in range(45):
        post(http, f"第{number}条")
    first = mymblog(http, account)
    assert (len(first["list"]), first["total"]) == (20, 45)
    assert texts(first)[0] == "第44条"
    by_number = [text for page in (1, 2, 3, 4) for text in texts(mymblog(http, account, page=page))]
    assert by_number == [f"第{number}条" for number in reversed(range(45))]
    by_cursor, since, page = [], "", 1
    while True:
        data = mymblog(http, account, page=page, since_id=since)
        by_cursor += texts(data)
        since, page = data["since_id"], page + 1
        if not since:
            break
    assert by_cursor == by_number


def test_who_sees_what_in_a_list(
    site: BackgroundSandbox, http: httpx.Client, account: TestAccount, visitor: httpx.Client
) -> None:
    post(http, "公开")
    post(http, "自己", visible="1")
    assert texts(mymblog(http, account)) == ["自己", "公开"]
    with logged_in(site, site.control.make_account()) as other:
        assert texts(mymblog(other, account)) == ["公开"]
    assert visitor.get(f"{STATUSES}/mymblog", params={"uid": account.uid}).json()["ok"] == -100
    assert http.get(f"{STATUSES}/mymblog").status_code == 400


def test_search_in_a_time_window(site: BackgroundSandbox, http: httpx.Client, account: TestAccount) -> None:
    post(http, "早")
    site.control.advance_clock(1000)
    now = int(site.control.sandbox()["time"])
    post(http, "晚")

    def found(**query: Any) -> list[str]:
        params = {"uid": account.uid, "page": 1, "hasori": 1, "hasret": 0, **query}
        return texts(http.get(f"{STATUSES}/searchProfile", params=params).json()["data"])

    assert found() == ["晚", "早"]
    assert found(starttime=now - 500, endtime=now + 500) == ["晚"]
    assert found(endtime=now - 500) == ["早"]
    assert found(page=2) == []
    assert found(hasori=0) == []


def test_list_faults(site: BackgroundSandbox, http: httpx.Client, account: TestAccount) -> None:
    post(http, "一")
    site.control.arm("list_delay", seconds=90)
    late = post(http, "二")
    assert texts(mymblog(http, account)) == ["一"]
    assert http.get(f"{STATUSES}/show", params={"id": late["mid"]}).json()["ok"] == 1
    site.control.advance_clock(91)
    assert texts(mymblog(http, account)) == ["二", "一"]
    site.control.arm("list_stale", count=None, route="mymblog")
    post(http, "三")
    assert texts(mymblog(http, account)) == ["二", "一"]
    search = http.get(f"{STATUSES}/searchProfile", params={"uid": account.uid}).json()["data"]
    assert texts(search) == ["三", "二", "一"]
    site.control.clear()
    site.control.arm("list_down")
    assert http.get(f"{STATUSES}/mymblog", params={"uid": account.uid}).status_code == 503
    assert len(mymblog(http, account)["list"]) == 3


def test_accepted_with_delay_is_20032_and_shows_up_later(
    site: BackgroundSandbox, http: httpx.Client, account: TestAccount
) -> None:
    site.control.arm("accepted_delayed", seconds=60)
    answer = http.post(f"{STATUSES}/update", data={"content": "迟到"}).json()
    assert (answer["ok"], answer["error_code"]) == (0, 20032)
    assert "发布成功" in answer["msg"]
    mid = site.control.posts()[0].post_id
    assert mymblog(http, account)["list"] == []
    assert http.get(f"{STATUSES}/show", params={"id": mid}).json()["ok"] == 0
    site.control.advance_clock(61)
    assert texts(mymblog(http, account)) == ["迟到"]
    site.control.arm("accepted_delayed", ok=1)
    assert http.post(f"{STATUSES}/update", data={"content": "再"}).json()["ok"] == 1


def test_review(site: BackgroundSandbox, http: httpx.Client, account: TestAccount, visitor: httpx.Client) -> None:
    made = []
    for text in ("过", "不过"):
        site.control.arm("review_pending")
        made.append(post(http, text)["mid"])
    assert texts(mymblog(http, account)) == ["不过", "过"]
    assert visitor.get(f"{STATUSES}/show", params={"id": made[0]}).json()["error_code"] == 20112
    site.control.act("review", post_id=made[0], approve=True)
    site.control.act("review", post_id=made[1], approve=False)
    site.restart()
    assert texts(mymblog(http, account)) == ["过"]
    assert visitor_page(site, account, made[0]).status_code == 200
    assert http.get(f"{STATUSES}/show", params={"id": made[1]}).json()["error_code"] == 20112


# ---- pages -----------------------------------------------------------------------------------------------------------
def visitor_page(site: BackgroundSandbox, account: TestAccount, name: str) -> httpx.Response:
    with sandbox_client(site) as nobody:
        return nobody.get(f"https://weibo.com/{account.uid}/{name}")


def test_a_stranger_sees_a_public_post(site: BackgroundSandbox, http: httpx.Client, account: TestAccount) -> None:
    body = (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc`\0\0\0\x02\0\x01"
        b"H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82"
    )
    answer = http.post("https://picupload.weibo.com/interface/upload.php", content=body).json()
    pid = answer["pic"]["pid"]
    made = post(http, "看 <b>图</b>\n#摄影# </script>", pic_id=pid)
    for name in (made["mblogid"], made["mid"]):
        page = visitor_page(site, account, name)
        assert page.status_code == 200
        assert "看 &lt;b&gt;图&lt;/b&gt;<br />" in page.text
        assert ">#摄影#</a>" in page.text
        assert "小明" in page.text
    picture = re.search(r'<img src="(https://wx\d\.sinaimg\.cn/[^"]+)"', visitor_page(site, account, made["mid"]).text)
    assert picture
    with sandbox_client(site) as nobody:
        assert nobody.get(picture[1], headers={"Referer": "https://weibo.com/"}).content == body
        mobile = nobody.get(f"https://m.weibo.cn/status/{made['mblogid']}")
        assert nobody.get(f"https://m.weibo.cn/detail/{made['mid']}").status_code == 200
        assert nobody.get(f"https://weibo.com/detail/{made['mid']}").status_code == 200
    found = re.search(r"\$render_data = (\[.*\])\[0\]", mobile.text)
    assert found
    assert json.loads(found[1])[0]["status"]["mid"] == made["mid"]
    assert mobile.text.count("</script>") == 1


def test_a_stranger_sees_nothing_else(site: BackgroundSandbox, http: httpx.Client, account: TestAccount) -> None:
    for visible in ("1", "6", "10", "5"):
        hidden = post(http, "不给看", visible=visible)
        page = visitor_page(site, account, hidden["mblogid"])
        assert (page.status_code, "不给看" in page.text, "暂无查看权限" in page.text) == (200, False, True)
        assert "不给看" in http.get(f"https://weibo.com/{account.uid}/{hidden['mblogid']}").text
    gone = post(http, "删掉")
    http.post(f"{STATUSES}/destroy", data={"id": gone["mid"]})
    assert visitor_page(site, account, gone["mblogid"]).status_code == 404
    public = post(http, "公开")
    with sandbox_client(site) as nobody:
        assert nobody.get(f"https://weibo.com/1234567890/{public['mblogid']}").status_code == 404


# ---- the site's timer ------------------------------------------------------------------------------------------------
def test_scheduled_posts(site: BackgroundSandbox, http: httpx.Client, account: TestAccount) -> None:
    upload, now = f"{STATUSES}/schedule/upload", site.control.sandbox()["time"]

    def schedule(text: str, seconds: float) -> dict[str, Any]:
        due = str(int((now + seconds) * 1000))
        form = {"content": text, "schedule_timestamp": due, "schedule_id": "", "mblog_statement": "4"}
        return dict(http.post(upload, data=form).json())

    def waiting() -> list[str]:
        answer = http.get(f"{STATUSES}/schedule/list", params={"type": 0}).json()["data"]
        return [item["text"] for item in answer["statuses"]]

    first, second = schedule("一小时后", 3600), schedule("两小时后", 7200)
    assert schedule("过去", -5)["ok"] == 0
    assert http.post(upload, data={"content": "秒不是毫秒", "schedule_timestamp": str(int(now + 60))}).json()["ok"] == 0
    site.restart()
    assert waiting() == ["一小时后", "两小时后"]
    shown = http.get(f"{STATUSES}/schedule/show", params={"schedule_id": first["data"]["schedule_id"]}).json()["data"]
    assert shown["schedule_at"] == int((now + 3600) * 1000)
    site.control.advance_clock(3700)
    assert texts(mymblog(http, account)) == ["一小时后"]
    assert waiting() == ["两小时后"]
    told = site.control.posts()[0]
    assert (told.declaration, told.extra["schedule_id"]) == ("4", first["data"]["schedule_id"])
    gone = http.post(f"{STATUSES}/schedule/destory", data={"schedule_id": second["data"]["schedule_id"]}).json()
    assert gone["data"]["result"] is True
    site.control.advance_clock(3700)
    assert (site.control.count_posts(), waiting()) == (1, [])
    site.control.change_settings(schedule_needs_membership=True)
    with logged_in(site, site.control.make_account(member=False)) as poor:
        refused = poor.post(upload, data={"content": "x", "schedule_timestamp": str(int((now + 10**6) * 1000))}).json()
        assert "会员" in refused["msg"]


# ---- provenance ------------------------------------------------------------------------------------------------------
def test_every_route_and_element_has_a_provenance_and_the_table_is_current() -> None:
    routes = {endpoint.name for endpoint in WeiboReplica.endpoints()}
    assert all(endpoint.provenance.source.strip() for endpoint in WeiboReplica.endpoints())
    assert {element.route for element in WeiboReplica.elements} <= routes
    written = (files("creatorflow_weibo.sandbox") / "PROVENANCE.md").read_text("utf-8")
    command = [sys.executable, "-m", "creatorflow_testkit.replica", "creatorflow_weibo.sandbox:WeiboReplica"]
    printed = subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout
    assert written == provenance_table(WeiboReplica) == printed, "run: " + " ".join(command[1:])
