"""The post file: what it reads, and how it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from creatorflow.api import ContentError, Form, Visibility
from creatorflow.publish import content_from_mapping, parse_post, read_post

POST = """---
title: 秋天的第一场雨
topics: [上海散步, "#秋天#"]
mentions: ['@小林']
images: [a.jpg, b.png]
visibility: friends
schedule: 2026-12-01T20:00+08:00
declarations: {ai_generated: false, reprint_source: 某报}
form: image
platforms:
  weibo: {title: 短标题}
  bilibili: {tid: 21, dynamic: yes}
---
第一行
第二行 <b>不是标签</b>
"""


def test_every_key_is_read() -> None:
    post = parse_post(POST, name="post.md")
    assert post.title == "秋天的第一场雨"
    assert post.topics == ("上海散步", "秋天")
    assert post.mentions == ("小林",)
    assert post.images == ("a.jpg", "b.png")
    assert post.visibility is Visibility.FRIENDS
    assert post.schedule is not None
    assert post.schedule.isoformat() == "2026-12-01T20:00:00+08:00"
    assert post.declarations.ai_generated is False
    assert post.declarations.original is None, "not said is not a default"
    assert post.declarations.reprint_source == "某报"
    assert post.form is Form.IMAGE
    assert post.platforms == {"weibo": {"title": "短标题"}, "bilibili": {"tid": 21, "dynamic": True}}
    assert post.body == "第一行\n第二行 <b>不是标签</b>"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(newline: str) -> None:
    assert parse_post(POST.replace("\n", newline), name="p") == parse_post(POST, name="p")


def test_numbers_and_dates_stay_the_words_the_author_wrote() -> None:
    post = parse_post("---\ntitle: 007\ntopics: [2026, 1.50]\nmentions: [no]\n---\nx", name="p")
    assert (post.title, post.topics, post.mentions) == ("007", ("2026", "1.50"), ("no",))


def test_without_front_matter_everything_is_body() -> None:
    assert parse_post("只是一段话\n", name="p").body == "只是一段话"
    assert parse_post("---\n---\n正文", name="p").body == "正文"


WRONG = [
    ("---\ntitel: x\n---\n", 2, "titel", "did you mean 'title'"),
    ("---\ntitle: a\n\nimges: [a.jpg]\n---\n", 4, "imges", "did you mean 'images'"),
    ("---\ntitle: a\ntitle: b\n---\n", 3, "title", "twice"),
    ("---\nimages: a.jpg\n---\n", 2, "images", "must be a list"),
    ("---\nimages: [a.jpg, '']\n---\n", 2, "images", "empty"),
    ("---\ntitle: [a]\n---\n", 2, "title", "single value"),
    ("---\nvisibility: everyone\n---\n", 2, "visibility", "public, private or friends"),
    ("---\nschedule: 2026-12-01 20:00\n---\n", 2, "schedule", "offset"),
    ("---\ndeclarations:\n  ai_generated: perhaps\n---\n", 3, "declarations.ai_generated", "true or false"),
    ("---\ndeclarations: {ai_genrated: true}\n---\n", 2, "ai_genrated", "ai_generated"),
    ("---\nplatforms:\n  weibo: text\n---\n", 3, "weibo", "key: value"),
    ("---\ntopics: ['a b']\n---\n", 2, "topics", "space"),
    ("---\ntitle: &a x\nlocation: *a\n---\n", 2, None, "anchors"),
    ("---\n- a\n---\n", 2, None, "key: value"),
    ("---\ntitle: 'open\n---\n", 2, None, "not valid YAML"),
    ("---\ntitle: x\n", 1, None, "no second"),
]


@pytest.mark.parametrize(("source", "line", "field", "words"), WRONG)
def test_every_mistake_names_its_line_and_the_way_out(source: str, line: int, field: str | None, words: str) -> None:
    with pytest.raises(ContentError) as caught:
        parse_post(source, name="post.md")
    error = caught.value
    assert error.details["line"] == line, error.text.en
    assert error.details.get("field") == field
    assert words.lower() in error.text.en.lower()
    assert error.text.en.startswith(f"post.md, line {line}: ")
    assert error.text.zh.startswith(f"post.md 第 {line} 行：")


def test_yaml_cannot_build_objects() -> None:
    with pytest.raises(ContentError):
        parse_post("---\nplatforms: {weibo: {x: !!python/object/apply:os.getcwd []}}\n---\n", name="p")


def test_deep_nesting_is_an_error_not_a_crash() -> None:
    with pytest.raises(ContentError):
        parse_post("---\nplatforms: {weibo: {x: " + "[" * 3000 + "]" * 3000 + "}}\n---\n", name="p")


def test_file_problems(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="cannot be read"):
        read_post(tmp_path / "missing.md")
    bad = tmp_path / "gbk.md"
    bad.write_bytes("第一行\n第二行：".encode() + "秋天".encode("gbk"))
    with pytest.raises(ContentError, match="line 2: the file is not UTF-8"):
        read_post(bad)
    huge = tmp_path / "huge.md"
    huge.write_bytes(b"x" * (1 << 20) + b"x")
    with pytest.raises(ContentError, match="larger than"):
        read_post(huge)
    bom = tmp_path / "bom.md"
    bom.write_bytes(b"\xef\xbb\xbf---\ntitle: x\n---\ny")
    assert read_post(bom).title == "x"


def test_rpc_content_takes_text_as_body_and_refuses_both() -> None:
    assert content_from_mapping({"text": "你好"}).body == "你好"
    assert content_from_mapping({"topics": ("#秋天#",), "mentions": ["@小林"]}).topics == ("秋天",)
    with pytest.raises(ContentError, match="both"):
        content_from_mapping({"text": "a", "body": "b"})
    with pytest.raises(ContentError, match="Did you mean 'images'"):
        content_from_mapping({"image": ["a.jpg"]})
    with pytest.raises(ContentError) as caught:
        content_from_mapping({"visibility": "all"})
    assert caught.value.details["field"] == "visibility"
