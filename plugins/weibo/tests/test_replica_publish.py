"""The Weibo replica: pictures, publishing, refusals, faults — driven by a plain client as the facts describe."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from creatorflow_testkit.http import sandbox_client
from creatorflow_testkit.replica import TestAccount
from creatorflow_testkit.sandbox import BackgroundSandbox
from creatorflow_weibo.sandbox.ids import IdMaker, bid_to_mid, mid_to_bid
from creatorflow_weibo.sandbox.text import created_at, cut_to_units, to_html, weibo_length

REPLICA = "creatorflow_weibo.sandbox:WeiboReplica"
REFERER = {"Referer": "https://weibo.com/", "Origin": "https://weibo.com", "X-Requested-With": "XMLHttpRequest"}
UPDATE = "https://weibo.com/ajax/statuses/update"
A = "https://picupload.weibo.com/interface/pic_upload.php?app=miniblog&s=json&p=1&data=1&markpos=1&logo=1&file_source=4"
B = "https://picupload.weibo.com/interface/upload.php"
C = "https://picupload.weibo.com/interface/pic_upload.php?s=xml&ori=1&data=1&rotate=0&wm=&app=miniblog&mime=image/jpeg"


def png(width: int = 4, height: int = 3, shade: int = 0) -> bytes:
    """A real PNG of one grey tone."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([shade]) * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[BackgroundSandbox]:
    with BackgroundSandbox(tmp_path / "sandbox", [REPLICA]) as running:
        yield running


@pytest.fixture
def account(site: BackgroundSandbox) -> TestAccount:
    return site.control.make_account(name="小明")


@pytest.fixture
def http(site: BackgroundSandbox, account: TestAccount) -> Iterator[httpx.Client]:
    with logged_in(site, account) as client:
        yield client


def logged_in(site: BackgroundSandbox, account: TestAccount) -> httpx.Client:
    token = next(item["value"] for item in account.cookies if item["name"] == "XSRF-TOKEN")
    return sandbox_client(site, account, headers=REFERER | {"x-xsrf-token": token})


def post(http: httpx.Client, content: str = "你好", **form: Any) -> dict[str, Any]:
    answer = http.post(UPDATE, data={"content": content, "visible": "0", "approval_state": "0", **form})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def upload(http: httpx.Client, body: bytes) -> str:
    answer = http.post(A, content=body).json()
    assert answer["code"] == "A00006"
    return str(answer["data"]["pics"]["pic_1"]["pid"])


# ---- pure parts ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mid", [4404101091169383, 3500330408906190, 5371234500000001])
def test_ids_convert_both_ways(mid: int) -> None:
    assert bid_to_mid(mid_to_bid(mid)) == mid
    assert len(mid_to_bid(mid)) == 9


def test_ids_pad_inner_groups() -> None:
    # 12 | 0000061 | 0000000: the inner groups need zeros on both sides.
    assert mid_to_bid(1200000610000000) == "c000Z0000"
    assert bid_to_mid("c000Z0000") == 1200000610000000
    ids = IdMaker()
    made = [ids.make(1_795_000_000) for _ in range(50)]
    assert made == sorted(set(made))
    assert len(str(made[0])) == 16


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("", 0),
        ("你好", 2),
        ("ab", 1),
        ("abc", 2),
        ("你a", 2),
        ("，。", 2),
        ("x" * 280, 140),
        ("看 https://example.com/" + "a" * 90, 12),
    ],
)
def test_length_counts_two_ascii_as_one(text: str, units: int) -> None:
    assert weibo_length(text) == units


def test_text_helpers() -> None:
    from datetime import UTC, datetime

    assert cut_to_units("你好abc", 3) == "你好ab"
    assert created_at(datetime(2026, 11, 21, 15, 30, tzinfo=UTC)) == "Sat Nov 21 23:30:00 +0800 2026"
    made = to_html("<b>\n#摄影# @小明 http://t.cn/A1?a=1&b=2")
    assert made.startswith("&lt;b&gt;<br /><a href=")
    assert ">#摄影#</a>" in made
    assert 'usercard="name=小明"' in made
    assert 'href="http://t.cn/A1?a=1&amp;b=2"' in made


# ---- pictures --------------------------------------------------------------------------------------------------------
def test_upload_a_and_the_picture_host(site: BackgroundSandbox, http: httpx.Client, account: TestAccount) -> None:
    body = png(5, 6)
    answer = http.post(A, content=body).json()["data"]["pics"]["pic_1"]
    assert (answer["width"], answer["height"], answer["size"], answer["ret"]) == (5, 6, len(body), 1)
    assert len(answer["pid"]) == 32
    entry = site.control.entries("upload")[0]
    assert (entry.uid, entry.data["sha256"]) == (account.uid, hashlib.sha256(body).hexdigest())
    url = f"https://wx2.sinaimg.cn/large/{answer['pid']}.jpg"
    shown = http.get(url)
    assert (shown.content, shown.headers["content-type"]) == (body, "image/png")
    with sandbox_client(site) as stranger:
        assert stranger.get(url).status_code == 403
        assert stranger.get(url, headers={"Referer": "https://blog.example.com/"}).status_code == 403
        assert stranger.get(url, headers={"Referer": "https://m.weibo.cn/x"}).status_code == 200
        assert stranger.get(url.replace("large", "huge"), headers=REFERER).status_code == 404


def test_upload_b_compares_checksums(http: httpx.Client, account: TestAccount) -> None:
    body = png()
    query = {
        "file_source": "1",
        "cs": str(zlib.crc32(body)),
        "ent": "miniblog",
        "appid": "339644097",
        "uid": account.uid,
        "raw_md5": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        "file_size": str(len(body)),
    }
    headers = {"Content-Type": "application/octet-stream"}
    answer = http.post(B, params=query, content=body, headers=headers).json()
    assert answer["ret"] is True
    assert post(http, pic_id=answer["pic"]["pid"])["ok"] == 1
    for key, number in (("cs", 8), ("raw_md5", 8), ("file_size", 8), ("uid", 6)):
        wrong = http.post(B, params=query | {key: "1"}, content=body, headers=headers).json()
        assert wrong == {"ret": False, "errno": number}


def test_upload_c_answers_xml(site: BackgroundSandbox, http: httpx.Client, account: TestAccount) -> None:
    text = http.post(C, content=png(7, 8)).text
    values = dict(re.findall(r"<(pid|width|height|data)>([^<]+)</", text))
    assert (values["width"], values["height"]) == ("7", "8")
    assert json.loads(base64.b64decode(values["data"]))["uid"] == account.uid
    assert post(http, pic_id=values["pid"])["ok"] == 1
    with sandbox_client(site) as stranger:
        assert "<data>100006</data>" in stranger.post(C, content=png()).text


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b"", 2),
        (b"no picture at all", 9),
        (b"RIFF\0\0\0\0WEBPVP8 ", 9),
        (png()[:-6], 8),
        (b"\xff\xd8\xff\xe0 broken \xff\xd9", 8),
    ],
)
def test_pictures_are_refused_with_numbers(http: httpx.Client, body: bytes, number: int) -> None:
    data = http.post(A, content=body).json()["data"]
    assert (data["count"], data["pics"]["pic_1"]["ret"]) == (-number, -number)
    assert http.post(B, content=body).json() == {"ret": False, "errno": number}


def test_other_picture_refusals(site: BackgroundSandbox, http: httpx.Client) -> None:
    site.control.change_settings(picture_bytes=60)
    assert http.post(B, content=png()).json()["errno"] == 10
    site.control.change_settings(picture_bytes=1000)
    assert http.post(B, content=png()).json()["ret"] is True
    assert http.post(A.replace("s=json", "s=bad"), content=png()).json()["data"]["count"] == -7
    assert http.post(B, files={"file": png()}).json()["errno"] == 4
    assert http.post(A + "&cb=x", content=png()).status_code == 403
    site.control.arm("upload_error", number=11)
    assert http.post(B, content=png()).json()["errno"] == 11
    with sandbox_client(site) as stranger:
        assert stranger.post(B, content=png()).json()["errno"] == 1
    with logged_in(site, site.control.make_account(upload_allowed=False)) as restricted:
        assert restricted.post(A, content=png()).json()["data"]["count"] == -5


# ---- publishing ------------------------------------------------------------------------------------------------------
def test_publish_with_pictures_in_both_forms(site: BackgroundSandbox, http: httpx.Client, account: TestAccount) -> None:
    bodies = [png(shade=shade) for shade in (1, 2, 3)]
    pids = [upload(http, body) for body in bodies]
    as_json = json.dumps([{"type": "image/png", "pid": pid} for pid in pids])
    first = post(http, "今天 #摄影# 好", pic_id=as_json, mblog_statement="1", need_transcode="1")
    second = post(http, "第二条", pic_id=",".join(reversed(pids)), visible="1")
    assert (first["ok"], first["msg"]) == (1, "发布成功")
    data = first["data"]
    assert data["idstr"] == data["mid"] == str(data["id"])
    assert mid_to_bid(data["id"]) == data["mblogid"]
    assert data["text_raw"] == "今天 #摄影# 好"
    assert data["user"]["idstr"] == account.uid
    assert data["pic_ids"] == pids
    assert int(second["data"]["mid"]) > int(data["mid"])
    digests = [hashlib.sha256(body).hexdigest() for body in bodies]
    told = [(item.media, item.declaration, item.visibility, item.post_id) for item in site.control.posts(account.uid)]
    assert told == [
        (tuple(digests), "1", "0", data["idstr"]),
        (tuple(reversed(digests)), None, "1", second["data"]["idstr"]),
    ]


@pytest.mark.parametrize(
    ("form", "number", "word"),
    [
        ({"content": " \n"}, 20008, "内容为空"),
        ({"content": "长" * 2001}, 20012, "2000"),
        ({"visible": "3"}, 20121, "visible"),
        ({"mblog_statement": "7"}, 10008, "声明"),
        ({"pic_id": "no-such-pid"}, 10008, "不存在或已过期"),
        ({"pic_id": '[{"type":"image/jpeg"}]'}, 10008, "图片参数"),
        ({"pic_id": "[not json"}, 10008, "图片参数"),
        ({"pic_id": '[{"type":"video","pid":"x"}]'}, 10008, "图片参数"),
        ({"pic_id": ",".join(["p"] * 19)}, 10008, "最多上传18张"),
    ],
)
def test_publish_refusals(
    site: BackgroundSandbox, http: httpx.Client, form: dict[str, str], number: int, word: str
) -> None:
    answer = post(http, **form)
    assert (answer["ok"], answer["error_code"]) == (0, number)
    assert word in answer["msg"]
    assert site.control.count_posts() == 0
    assert site.control.entries("refused")[0].data["number"] == number


def test_limits_at_their_edge(site: BackgroundSandbox, http: httpx.Client) -> None:
    assert post(http, "长" * 2000)["ok"] == 1
    assert post(http, "ab" * 2000)["ok"] == 1
    assert post(http, "ab" * 2000 + "c")["ok"] == 0
    pid = upload(http, png())
    assert post(http, "", pic_id=",".join([pid] * 18))["data"]["text_raw"] == "分享图片"
    site.control.advance_clock(86401)
    assert "已过期" in post(http, pic_id=pid)["msg"]
    with logged_in(site, site.control.make_account()) as other:
        assert "不存在" in post(other, pic_id=upload(http, png()))["msg"]


def test_a_json_body_is_no_form(http: httpx.Client) -> None:
    assert http.post(UPDATE, json={"content": "x"}).json()["error_code"] == 20008


def test_failure_shape_follows_settings(site: BackgroundSandbox, http: httpx.Client) -> None:
    site.control.change_settings(failure_key="message", failure_numbers=False)
    assert post(http, " ") == {"ok": 0, "message": "内容为空"}


# ---- faults and what the site does to a text -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fault", "number", "word"),
    [
        ("rate_limited", 20016, "频繁"),
        ("content_refused", 20021, "内容违规"),
        ("captcha_required", 20031, "验证码"),
        ("identity_required", 20014, "user need identity authentication"),
    ],
)
def test_refusal_faults(site: BackgroundSandbox, http: httpx.Client, fault: str, number: int, word: str) -> None:
    site.control.arm(fault)
    answer = post(http)
    assert (answer["ok"], answer["error_code"], word in answer["msg"]) == (0, number, True)
    assert site.control.count_posts() == 0
    assert post(http)["ok"] == 1


def test_repeats(site: BackgroundSandbox, http: httpx.Client) -> None:
    assert post(http, "一样的话")["ok"] == 1
    assert post(http, "一样的话")["ok"] == 1  # the ledger must be able to show a client that posts twice
    site.control.arm("duplicate_refused", count=None)
    refused = post(http, "一样的话 ")
    assert (refused["ok"], refused["error_code"]) == (0, 20019)
    assert "相同内容" in refused["msg"]
    assert post(http, "别的话")["ok"] == 1
    assert post(http, "一样的话")["ok"] == 1
    site.control.clear()
    site.control.arm("duplicate_refused", force=True)
    assert post(http, "从没说过")["error_code"] == 20019
    site.control.change_settings(refuse_repeats=True)
    assert post(http, "一样的话")["error_code"] == 20019
    assert site.control.count_posts() == 4


def test_hourly_writes(site: BackgroundSandbox, http: httpx.Client) -> None:
    site.control.change_settings(hourly_writes=2)
    assert [post(http, text)["ok"] for text in ("1", "2", "3")] == [1, 1, 0]
    site.control.advance_clock(3601)
    assert post(http, "4")["ok"] == 1


def test_text_is_rewritten_or_cut(site: BackgroundSandbox, http: httpx.Client) -> None:
    text = "看 https://example.com/a?b=1 吧"
    site.control.arm("text_rewritten")
    stored = post(http, text)["data"]["text_raw"]
    assert re.fullmatch(r"看 http://t\.cn/\w+ 吧 \u200b+", stored)
    assert post(http, text)["data"]["text_raw"] == text
    site.control.arm("text_truncated", units=3)
    assert post(http, "一二三四五")["data"]["text_raw"] == "一二三"
    told = site.control.posts()
    assert [item.text for item in told] == [text, text, "一二三四五"]
    assert told[2].extra["stored_text"] == "一二三"


def test_an_account_without_long_text_is_cut_without_a_word(site: BackgroundSandbox) -> None:
    with logged_in(site, site.control.make_account(long_text=False)) as http:
        data = post(http, "字" * 150)
        assert (data["ok"], data["data"]["text_raw"], data["data"]["isLongText"]) == (1, "字" * 140, False)


def test_network_faults_strike_the_publish_by_default(site: BackgroundSandbox, http: httpx.Client) -> None:
    config = "https://weibo.com/ajax/config/get_config"
    site.control.arm("answer_lost")
    assert http.get(config).json()["ok"] == 1
    with pytest.raises(httpx.TransportError):
        post(http, "一")
    site.control.arm("request_lost")
    with pytest.raises(httpx.TransportError):
        post(http, "二")
    site.control.arm("status_502_after_accept")
    assert http.post(UPDATE, data={"content": "三"}).status_code == 502
    site.control.arm("answer_delayed", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        http.post(UPDATE, data={"content": "四"}, timeout=0.3)
    assert [item.text for item in site.control.posts()] == ["一", "三", "四"]


def test_slow_upload(site: BackgroundSandbox, http: httpx.Client) -> None:
    site.control.arm("slow_upload", seconds=0.3)
    began = time.monotonic()
    upload(http, png())
    assert time.monotonic() - began >= 0.3


# ---- changing posts --------------------------------------------------------------------------------------------------
def test_destroy_and_modify_visible(site: BackgroundSandbox, http: httpx.Client) -> None:
    first, second = post(http, "一")["data"], post(http, "二")["data"]
    destroy, modify = "https://weibo.com/ajax/statuses/destroy", "https://weibo.com/ajax/statuses/modifyVisible"
    assert http.post(destroy, data={"id": first["idstr"]}).json()["ok"] == 1
    assert http.post(destroy, data={"id": first["idstr"]}).json()["error_code"] == 20101
    assert http.post(modify, data={"ids": second["idstr"], "visible": "1"}).json()["ok"] == 1
    assert http.post(modify, data={"ids": second["idstr"], "visible": "4"}).json()["error_code"] == 20121
    with logged_in(site, site.control.make_account()) as other:
        assert other.post(destroy, data={"id": second["idstr"]}).json()["error_code"] == 20102
    assert [item.deleted for item in site.control.posts()] == [True, False]
    assert [entry.data["visibility"] for entry in site.control.entries("edit")] == ["1"]
    site.restart()
    with logged_in(site, site.control.make_account()) as other:
        shown = other.get("https://weibo.com/ajax/statuses/show", params={"id": second["mblogid"]}).json()
        assert shown["error_code"] == 20112
