"""Ids, form, text comparison, times: the parts without a network."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from creatorflow.api import COUNTERS, Declarations, Draft, Form, MediaFile, Visibility
from creatorflow_weibo import form
from creatorflow_weibo.adapter import WeiboAdapter
from creatorflow_weibo.client import parse_time
from creatorflow_weibo.ids import id_from_mblogid, mblogid_from_id, post_url
from creatorflow_weibo.pictures import digests
from creatorflow_weibo.plugin import HOSTS, creatorflow_platform_adapters
from creatorflow_weibo.text import normalise
from hypothesis import given
from hypothesis import strategies as st


def draft(text: str = "你好", pictures: int = 0, **more: object) -> Draft:
    images = tuple(
        MediaFile(path=Path(f"/{number}.png"), sha256=f"{number:064d}", mime="image/png", size=1)
        for number in range(pictures)
    )
    return Draft.model_validate(
        {"platform": "weibo", "form": Form.IMAGE if pictures else Form.TEXT, "text": text, "images": images, **more}
    )


# --- ids ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("post_id", "mblogid"),
    # the first pair is the documentation's own example;
    # 61 = Z; 9999999 = 41*62^3 + 59*62^2 + 28*62 + 19; then groups of seven digits, inner ones padded
    [
        ("3501756485200075", "z0JH2lOMb"),
        ("61", "Z"),
        ("62", "10"),
        ("9999999", "FXsj"),
        ("10000000", "10000"),
        ("620000061", "10000Z"),
        ("629999999", "10FXsj"),
    ],
)
def test_ids_worked_out_by_hand(post_id: str, mblogid: str) -> None:
    assert mblogid_from_id(post_id) == mblogid
    assert id_from_mblogid(mblogid) == post_id


@given(st.integers(min_value=1, max_value=10**17))
def test_ids_go_both_ways(number: int) -> None:
    assert id_from_mblogid(mblogid_from_id(str(number))) == str(number)


@pytest.mark.parametrize("wrong", ["", "0", "-1", "12a", "１２", " 1"])
def test_what_is_no_id_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="not a numeric"):
        mblogid_from_id(wrong)


@pytest.mark.parametrize("wrong", ["", "a-b", "ZZZZ", "中"])
def test_what_is_no_mblogid_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="not a Weibo mblogid"):
        id_from_mblogid(wrong)


def test_address() -> None:
    assert post_url("7", "Ab3") == "https://weibo.com/7/Ab3"


# --- the form -----------------------------------------------------------------------------------------------------------------------


def test_the_form_of_a_text_post() -> None:
    fields = form.fields_of(form.build(draft("a&b=c%20 + 中\n😀"), []))
    assert fields == {
        "content": "a&b=c%20 + 中\n😀",
        "visible": "0",
        "share_id": "",
        "vote": "",
        "media": "",
        "approval_state": "0",
    }


def test_the_form_of_a_picture_post_is_the_current_one() -> None:
    body = form.build(draft(pictures=2, visibility=Visibility.FRIENDS), ["pidA", "pidB"])
    fields = form.fields_of(body)
    assert json.loads(fields["pic_id"]) == [{"type": "image/png", "pid": "pidA"}, {"type": "image/png", "pid": "pidB"}]
    assert fields["visible"] == "6"


def test_every_picture_needs_its_pid() -> None:
    with pytest.raises(ValueError, match="zip"):
        form.build(draft(pictures=2), ["pidA"])


@pytest.mark.parametrize("visibility", list(Visibility))
@pytest.mark.parametrize("pictures", [0, 3])
def test_sending_is_read_from_the_bytes(visibility: Visibility, pictures: int) -> None:
    body = form.build(
        draft("一 + 二&三", pictures, visibility=visibility), [f"p{number}" for number in range(pictures)]
    )
    sending = form.sending_of(body)
    assert (sending.text, sending.media, sending.visibility) == ("一 + 二&三", pictures, visibility)
    changed = form.sending_of(body.replace(b"content=", b"content=X"))
    assert changed.text == "X一 + 二&三"


def test_a_foreign_form_is_refused() -> None:
    with pytest.raises(ValueError, match="Weibo form"):
        form.sending_of(b"content=a&visible=99")


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        ({}, None),
        ({"ai_generated": False}, None),
        ({"ai_generated": False, "original": False, "fiction": False}, None),
        ({"original": True}, 4),
        ({"reprint_source": "晚报", "original": True}, 3),
        ({"fiction": True, "reprint_source": "晚报"}, 2),
        ({"ai_generated": True, "fiction": True, "reprint_source": "晚报", "original": True}, 1),
        ({"ai_generated": False, "original": True}, 4),
    ],
)
def test_one_slot_for_declarations(declared: dict[str, object], code: int | None) -> None:
    declarations = Declarations.model_validate(declared)
    assert form.statement(declarations) == code
    fields = form.fields_of(form.build(draft(declarations=declarations), []))
    assert fields.get("mblog_statement") == (None if code is None else str(code))


# --- what the site does to a text -----------------------------------------------------------------------------------------------------

SENT = "看 https://example.com/a?b=1 和 1<2 & 3>2 [doge]\n@小明 #秋日#"


@pytest.mark.parametrize(
    "stored",
    [
        SENT,
        "看 http://t.cn/A6abcdEf 和 1<2 & 3>2 [doge]\n@小明 #秋日# \u200b\u200b",
        "看 http://t.cn/A6abcdEf 和 1&lt;2 &amp; 3&gt;2 [doge]<br />@小明 #秋日#",
        '看 <a href="http://t.cn/A6abcdEf"><span class="url-icon"><img src="x.png"></span><span>网页链接</span></a> 和 1&lt;2 &amp; 3&gt;2 '
        '<img alt="[doge]" title="[doge]" src="https://face.example/d.png" />\n<a href="/n/小明">@小明</a> '
        '<a href="//s.weibo.com/weibo?q=x">#秋日#</a>\u200b',
    ],
)
def test_rewritten_texts_compare_equal(stored: str) -> None:
    assert normalise(stored) == normalise(SENT)


@pytest.mark.parametrize(
    "other",
    [
        "看 https://example.com/a?b=1 和 1<2 & 3>2 [doge]\n@小明 #秋雨#",
        "看 和 1<2 & 3>2 [doge]\n@小明 #秋日#",
        SENT + "!",
        "",
    ],
)
def test_other_texts_do_not(other: str) -> None:
    assert normalise(other) != normalise(SENT)


def test_a_shortened_text_becomes_a_beginning() -> None:
    for tail in ("...全文", "\u200b…全文", " ... 展开"):
        assert normalise("一二三四五六七八九" + tail) == "一二三四五六七八九"


def test_a_picture_post_without_words() -> None:
    assert normalise("分享图片") == normalise("") == ""
    assert normalise("分享图片吧") != ""


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


# --- times, rules, descriptor ---------------------------------------------------------------------------------------------------------


def test_times_of_the_site() -> None:
    assert parse_time("Thu Aug 20 10:00:01 +0800 2026") == datetime(2026, 8, 20, 2, 0, 1, tzinfo=UTC)
    assert parse_time("Mon Jan 05 00:30:00 -0330 2026") == datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
    for wrong in ("", "None", "刚刚", "Thu Foo 20 10:00:01 +0800 2026", "2026-08-20T10:00:00Z"):
        with pytest.raises(ValueError, match="not a time"):
            parse_time(wrong)


def test_descriptor_and_rules_fit_the_code() -> None:
    (descriptor,) = creatorflow_platform_adapters()
    assert descriptor.loader == f"{WeiboAdapter.__module__}:{WeiboAdapter.__name__}"
    assert descriptor.requirements.hosts == HOSTS
    rules = tomllib.loads(files("creatorflow_weibo").joinpath("rules.toml").read_text("utf-8"))
    assert rules["text"]["counter"] in COUNTERS
    assert set(rules["forms"]) == set(descriptor.content_forms)
    assert set(rules["declarations"]["allowed"]) == set(form.STATEMENT_NAMES.values())
    assert rules["visibility"]["allowed"] == [visibility.value for visibility in Visibility]
    assert rules["images"]["max_bytes"] == 20 * 1024 * 1024 - 1


def test_the_hook_module_is_light() -> None:
    code = (
        "import sys, creatorflow.api; from creatorflow.api import Text, hookimpl, PlatformDescriptor; before = set(sys.modules); "
        "import creatorflow_weibo.plugin; print(sorted(set(sys.modules) - before))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "['creatorflow_weibo', 'creatorflow_weibo.plugin']"


def test_digests_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"123456789")
    sha, md5, crc, size = digests(path)
    assert sha == hashlib.sha256(b"123456789").hexdigest()
    assert md5 == "25f9e794323b453885f5181f1b624d0b"
    assert crc == 0xCBF43926  # the check value of CRC-32
    assert size == 9
