"""Every bad input of a post, from the command line: the exit code, one clear sentence in both languages, nothing sent, nothing stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from creatorflow_testkit.sandbox import BackgroundSandbox

PICTURE = Path(__file__).parents[2] / "examples" / "posts" / "bowl.jpg"


@dataclass(frozen=True)
class Bad:
    """A post nobody should be able to publish. ``en`` and ``zh``: what the sentence must name."""

    name: str
    body: str
    front: str
    code: str
    en: tuple[str, ...]
    zh: tuple[str, ...]


BAD = [
    Bad("typo", "正文", "titel: 标题", "content_invalid", ("post.md, line 2", "'titel'", "'title'"), ("第 2 行", "“title”")),
    Bad("no-such-image", "正文", "images: [没有.jpg]", "content_invalid", ("没有.jpg", "does not exist", "relative"), ("没有.jpg", "不存在")),
    Bad("truncated-image", "正文", "images: [half.jpg]", "content_invalid", ("picture 'half.jpg' is damaged",), ("图片“half.jpg”已损坏",)),
    Bad(
        "too-many-images",
        "正文",
        f"images: [{', '.join(['whole.jpg'] * 19)}]",
        "plan_blocked",
        ("19 pictures", "at most 18", "Remove 1"),
        ("19 张", "最多 18", "减少 1"),
    ),
    Bad("too-long", "长" * 2001, "", "plan_blocked", ("2001", "2000", "Shorten it by 1"), ("2001", "2000", "缩短 1")),
    Bad("empty", "", "topics: []", "plan_blocked", ("needs a text",), ("要求填写",)),
    Bad("outside", "正文", "images: [../secret.jpg]", "path_denied", ("../secret.jpg", "outside", "[assets] roots"), ("之外", "[assets] roots")),
    Bad("unknown-field", "正文", "platforms: {weibo: {visibel: public}}", "plan_blocked", ("visibel", "'visibility'"), ("visibel", "visibility")),
    Bad("not-offered", "正文", "video: clip.mp4", "plan_blocked", ("video",), ("video",)),
    Bad("time", "正文", "schedule: 2026-12-01T20:00", "content_invalid", ("offset",), ("时区偏移",)),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_post_is_refused_in_both_languages(
    bad: Bad, program: Any, sandbox: BackgroundSandbox, alice: str, post: Callable[..., Path]
) -> None:
    path = post(bad.body, front=bad.front)
    whole = PICTURE.read_bytes()
    (path.parent / "whole.jpg").write_bytes(whole)
    (path.parent / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (path.parent.parent / "secret.jpg").write_bytes(whole)
    english = program("publish", path, "--to", alice, "--json")
    assert english.code == 1, english.err
    document = english.json
    assert document["jobs"] == []
    assert document["error"]["code"] == bad.code
    (sentence,) = [line for line in english.err.splitlines() if line]
    assert sentence == document["error"]["message"]
    for word in bad.en:
        assert word in sentence
    chinese = program("publish", path, "--to", alice, locale="zh-CN")
    assert chinese.code == 1
    assert chinese.out == ""
    (sentence,) = [line for line in chinese.err.splitlines() if line]
    for word in bad.zh:
        assert word in sentence
    assert sandbox.control.count_posts() == 0
    assert sandbox.control.entries("upload") == []
    assert program("jobs", "list", "--json").json == {"jobs": []}


def test_a_plan_shows_what_blocks(program: Any, alice: str, post: Callable[..., Path]) -> None:
    path = post("长" * 2001, front="visibility: friends")
    done = program("plan", path, "--to", alice, "--json")
    assert done.code == 1
    (plan,) = done.json["plans"]
    assert (plan["ok"], plan["length"], plan["max_length"]) == (False, 2001, 2000)
    assert [item["code"] for item in plan["findings"]] == ["text_too_long"]
    shown = program("plan", path, "--to", alice, locale="zh")
    assert shown.code == 1
    assert "✗ body: 正文在微博计为 2001 字，上限为 2000。" in shown.out
    assert program("plan", "-", "--to", alice, stdin="短文").code == 0


def test_an_unknown_account_is_usage(program: Any, alice: str, post: Callable[..., Path]) -> None:
    done = program("publish", post(), "--to", "weibo:bob", "--json")
    assert done.code == 2
    assert done.json["jobs"] == []
    assert done.json["error"]["code"] == "not_found"
    assert "Known: weibo:alice" in done.err
    other = program("publish", post(), "--to", "weobo:alice", locale="zh")
    assert other.code == 2
    assert "weobo" in other.err
    assert "weibo" in other.err


# ---- sessions --------------------------------------------------------------------------------------------------------
SECRET = "very-secret-value-7731"


@pytest.mark.parametrize(
    ("given", "en", "zh"),
    [
        (f'{{"SUB": "{SECRET}', "line 1, column", "第 1 行"),
        (f'["{SECRET}"]', "cookies[0]", "cookies[0]"),
        ("[]", "neither a list of cookies", "cookie"),
        (json.dumps({"cookies": [{"name": "SUB", "value": SECRET}]}), "storage_state", "storage state"),
    ],
)
def test_a_bad_session_file_is_refused_without_repeating_it(
    given: str, en: str, zh: str, program: Any, tmp_path: Path
) -> None:
    file = tmp_path / "session.json"
    file.write_text(given, encoding="utf-8")
    done = program("accounts", "add", "weibo", "alice", "--cookies", file, "--json")
    assert done.code == 1
    assert en in done.err
    assert zh in program("accounts", "add", "weibo", "alice", "--cookies", file, locale="zh").err
    assert SECRET not in done.out + done.err
    assert program("accounts", "list", "--json").json == {"accounts": []}


def test_a_session_that_the_platform_rejects_is_not_stored(program: Any) -> None:
    done = program("accounts", "add", "weibo", "alice", "--cookies", "-", stdin=json.dumps({"SUB": SECRET}))
    assert done.code == 1
    assert SECRET not in done.err
    assert program("accounts", "list", "--json").json == {"accounts": []}


def test_accounts_are_added_listed_and_removed(program: Any, alice: str) -> None:
    (view,) = program("accounts", "list", "--json").json["accounts"]
    assert (view["account_id"], view["status"], view["environment"]) == (alice, "active", "sandbox")
    assert program("accounts", "check", "weibo", "alice", "--json").json["uid"] == view["uid"]
    assert program("accounts", "remove", alice).code == 0
    gone = program("accounts", "remove", alice)
    assert gone.code == 2
    proxy = program("accounts", "add", "weibo", "x", "--cookies", "-", "--proxy", "http://u:p@127.0.0.1:1", stdin="{}")
    assert proxy.code == 2
    assert "stdin" in proxy.err


# ---- the vault -------------------------------------------------------------------------------------------------------
def test_no_safe_place_for_secrets_is_refused_with_the_way_out(program: Any, sandbox: BackgroundSandbox) -> None:
    made = sandbox.control.make_account()
    del program.environment["CREATORFLOW_VAULT_PASSPHRASE"]
    for backend in ("sealed", "auto"):
        config = program.home / "config.toml"
        config.write_text(config.read_text().replace('"sealed"', f'"{backend}"'), encoding="utf-8")
        program.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
        for locale, way in (("en", "Set CREATORFLOW_VAULT_PASSPHRASE"), ("zh", "请设置 CREATORFLOW_VAULT_PASSPHRASE")):
            session = json.dumps(made.cookies)
            done = program("accounts", "add", "weibo", "alice", "--cookies", "-", stdin=session, locale=locale)
            assert done.code == 1
            assert way in done.err
    assert program("accounts", "list", "--json").json == {"accounts": []}


def test_a_wrong_passphrase_opens_nothing(
    program: Any, sandbox: BackgroundSandbox, alice: str, post: Callable[..., Path]
) -> None:
    program.environment["CREATORFLOW_VAULT_PASSPHRASE"] = "another one"
    done = program("publish", post(), "--to", alice, "--json")
    assert done.code == 1
    assert sandbox.control.count_posts() == 0
    checked = program("doctor", "--json")
    assert checked.code == 1
    assert [item["name"] for item in checked.json["checks"] if item["level"] == "problem"] == ["vault"]
