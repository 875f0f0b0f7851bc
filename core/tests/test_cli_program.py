"""The program without any plugin: usage, languages, exit codes, a broken home; one sentence each, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from creatorflow.api import CreatorFlowError, JobState, NotFound, Text, Uncertain
from creatorflow.cli import exit_codes
from creatorflow.cli.program import COMMANDS
from creatorflow.cli.tables import clean, hint, state_word
from creatorflow.cli.usage import Usage, check_targets, expand_targets, split_target


class Ran:
    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def sentence(self) -> str:
        """The one line on stderr."""
        (line,) = [line for line in self.err.splitlines() if line]
        return line


def run(*arguments: str | Path, home: Path, stdin: str = "", locale: str = "en", **environment: str) -> Ran:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CREATORFLOW_", "LC_", "LANG"))}
    env = {**kept, "CREATORFLOW_HOME": str(home), "CREATORFLOW_PLUGINS": "", "PYTHONUTF8": "1", **environment}
    command = [sys.executable, "-m", "creatorflow", *(["--locale", locale] if locale else []), *map(str, arguments)]
    done = subprocess.run(
        command, env=env, input=stdin, capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    return Ran(done)


# ---- the tables ------------------------------------------------------------------------------------------------------
def test_every_state_has_a_code_and_a_word() -> None:
    assert set(exit_codes.BY_STATE) == {state.value for state in JobState} | {"ready"}
    for state in exit_codes.BY_STATE:
        assert state_word(state, "en") == state
        assert state_word(state, "zh-CN").endswith(f" {state}")


@pytest.mark.parametrize(
    ("codes", "worst"),
    [([], 0), ([0, 0], 0), ([0, 1], 1), ([1, 3, 0], 3), ([3, 4, 1, 0], 4), ([2, 1], 2)],
)
def test_several_codes_become_one(codes: list[int], worst: int) -> None:
    assert exit_codes.overall(codes) == worst


def test_errors_have_codes() -> None:
    text = Text(en="no", zh="否")
    assert exit_codes.of_error(NotFound(text, kind="account")) == 2
    assert exit_codes.of_error(NotFound(text, kind="platform")) == 2
    assert exit_codes.of_error(NotFound(text, kind="job")) == 1
    assert exit_codes.of_error(Uncertain(text)) == 4
    assert exit_codes.of_error(CreatorFlowError(text)) == 1


# ---- arguments -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["a.md", "--to", "weibo:x"], ["a.md", "--to", "weibo:x"]),
        (["--to", "weibo:x", "b:y", "bilibili:z", "a.md"], None),
        (["--to", "weibo:x", "bilibili:z", "a.md"], ["--to", "weibo:x", "--to", "bilibili:z", "a.md"]),
        (["--to=weibo:x", "bilibili:z"], ["--to=weibo:x", "--to", "bilibili:z"]),
        (["--to", "weibo:x", "--wait", "bilibili:z"], ["--to", "weibo:x", "--wait", "bilibili:z"]),
        (["--to", "weibo:x", "--", "bilibili:z"], ["--to", "weibo:x", "--", "bilibili:z"]),
        (["--to"], ["--to"]),
    ],
)
def test_to_takes_several_accounts(given: list[str], meant: list[str] | None) -> None:
    # "b:y" is a Windows path: it ends the list of accounts, and what follows is no account either.
    assert expand_targets(given) == (meant or ["--to", "weibo:x", "b:y", "bilibili:z", "a.md"])


def test_a_file_that_looks_like_an_account_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("draft:one").write_text("x")
    assert expand_targets(["--to", "weibo:x", "draft:one"]) == ["--to", "weibo:x", "draft:one"]


def test_accounts_are_named_in_two_ways() -> None:
    assert split_target(["weibo", "alice"]) == split_target(["weibo:alice"]) == "weibo:alice"
    for wrong in (["weibo"], ["weibo:a", "b"], ["a", "b", "c"]):
        with pytest.raises(Usage):
            split_target(wrong)
    for wrong in (["weibo"], [":a"], ["weibo:"], ["weibo:a", "weibo:a"]):
        with pytest.raises(Usage):
            check_targets(wrong)


def test_text_from_elsewhere_cannot_steer_the_terminal() -> None:
    assert clean("ok\x1b[31m\r\x07行\n") == "ok�[31m��行\n"


def test_hints_name_the_job() -> None:
    from creatorflow.publish import JobView

    job = JobView(job_id="job_1", platform="weibo", account="a", state="uncertain")
    assert "creatorflow jobs reconcile job_1 --wait" in (hint(job, "en") or "")
    assert "creatorflow jobs reconcile job_1 --wait" in (hint(job, "zh-CN") or "")
    assert hint(job.model_copy(update={"state": "confirmed"}), "en") is None


# ---- usage -----------------------------------------------------------------------------------------------------------
USAGE = [
    (["frobnicate"], "No such command 'frobnicate'", "没有命令 “frobnicate”"),
    (["publish", "--to", "weibo:a"], "Missing argument 'FILE...'", "缺少参数 'FILE...'"),
    (["publish", "no.md", "--to", "weibo:a"], "The file 'no.md' does not exist", "文件 “no.md” 不存在"),
    (["publish", "HERE", "--to", "weibo:a"], "holds no post", "没有文章"),
    (["publish", "POST", "--to", "weibo"], "'weibo' is not an account", "“weibo” 不是账号"),
    (["publish", "POST"], "Missing option '--to'", "缺少参数 '--to'"),
    (["jobs", "resolve", "j"], "Choose from: confirmed, rejected, absent.", "可选：confirmed、rejected、absent。"),
    (["publish", "POST", "--to", "weibo:a", "--at", "2026-12-01T20:00"], "has no offset", "缺少时区偏移"),
    (["publish", "POST", "--to", "weibo:a", "--at", "soon"], "'soon' is not a time", "“soon” 不是时间"),
    (["publish", "POST", "--to", "weibo:a", "--frob"], "No such option", "没有选项 --frob"),
    (["publish", "POST", "POST", "--to", "weibo:a", "--key", "k"], "cannot stand for several", "不能对应多篇"),
    (["publish", "POST", "--to", "weibo:a", "--key", "a b"], "1 to 255 visible", "1 到 255 个可见字符"),
    (["publish", "POST", "--to", "weibo:a"], "There is no", "没有"),
    (["publish", "POST", "--to", "weibo:a", "--key"], "requires an argument", "需要一个值"),
    (["plan", "-", "--to", "weibo:a"], "There is no", "没有"),
    (["jobs", "resolve", "job_1", "--as", "perhaps"], "'perhaps' is not one of", "'--as' 的值不正确"),
    (["jobs", "list", "--limit", "0"], "0 is not in the range", "'--limit' 的值不正确"),
    (["accounts", "add", "weibo", "a"], "Give the session", "请提供登录信息"),
    (["accounts", "add", "nowhere", "a", "--cookies", "-"], "nowhere", "nowhere"),
    (["accounts", "check", "weibo"], "Name one account", "请指定一个账号"),
]


@pytest.mark.parametrize(
    ("arguments", "en", "zh"), USAGE, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_usage_is_one_sentence_and_exit_code_2(arguments: list[str], en: str, zh: str, tmp_path: Path) -> None:
    (tmp_path / "post.md").write_text("正文", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    places = {"POST": tmp_path / "post.md", "HERE": tmp_path / "empty"}
    words = [places.get(word, word) for word in arguments]
    for locale, sentence in (("en", en), ("zh-CN", zh)):
        done = run(*words, home=tmp_path / "home", locale=locale)
        assert done.code == 2, done.err
        assert sentence in done.sentence
        assert done.out == ""


@pytest.mark.parametrize("arguments", [["--locale", "fr"], ["--locale=fr"]])
def test_a_language_that_does_not_exist_is_a_usage_error(arguments: list[str], tmp_path: Path) -> None:
    for environment, sentence in (("en", "There is no language 'fr'"), ("zh-CN", "不支持语言 “fr”")):
        done = run(*arguments, "jobs", "list", home=tmp_path, locale="", CREATORFLOW_LOCALE=environment)
        assert done.code == 2, done.err
        assert sentence in done.sentence
        assert "zh-CN" in done.sentence
        assert "en" in done.sentence
    assert run("jobs", "list", home=tmp_path, locale="", CREATORFLOW_LOCALE="fr").code == 0


def test_help_speaks_one_language_and_lists_every_command(tmp_path: Path) -> None:
    english, chinese = (run("--help", home=tmp_path, locale=locale).out for locale in ("en", "zh"))
    for name in COMMANDS:
        assert f"  {name} " in english
    assert "Human tasks" not in english
    assert "What waits for a person." in english
    assert "等待人工处理的事项。" in chinese
    for arguments in (["publish", "--help"], ["jobs", "reconcile", "-h"], ["accounts", "add", "--help"]):
        assert run(*arguments, home=tmp_path).code == 0
    assert run("--version", home=tmp_path).out.startswith("creatorflow ")


# ---- homes that are not well -----------------------------------------------------------------------------------------
COMMAND_LINES = (
    ["jobs", "list", "--json"],
    ["accounts", "list", "--json"],
    ["tasks", "list", "--json"],
    ["jobs", "show", "j", "--json"],
)


def refused_as_json(done: Ran) -> dict[str, Any]:
    document = json.loads(done.out)
    assert document["error"]["message"] == done.sentence
    return dict(document["error"])


@pytest.mark.parametrize("arguments", COMMAND_LINES, ids=" ".join)
def test_an_unreadable_config_is_one_sentence(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[publish]\nwait_second = 3\n", encoding="utf-8")
    done = run(*arguments, home=tmp_path)
    assert done.code == 1
    assert refused_as_json(done)["code"] == "config_invalid"
    assert "line 2" in done.sentence
    assert '"wait_seconds"' in done.sentence
    assert "第 2 行" in run(*arguments, home=tmp_path, locale="zh").sentence
    (tmp_path / "config.toml").write_text("[publish\n", encoding="utf-8")
    assert "not valid TOML" in run(*arguments, home=tmp_path).sentence


@pytest.mark.parametrize("arguments", COMMAND_LINES, ids=" ".join)
def test_a_corrupt_database_is_one_sentence_and_is_left_alone(arguments: list[str], tmp_path: Path) -> None:
    database = tmp_path / "creatorflow.db"
    database.write_bytes(b"this is no database at all " * 400)
    before = database.read_bytes()
    done = run(*arguments, home=tmp_path)
    assert done.code == 1
    assert refused_as_json(done)["code"] == "storage_failed"
    assert "is damaged" in done.sentence
    assert "已损坏" in run(*arguments, home=tmp_path, locale="zh").sentence
    assert database.read_bytes() == before


def test_a_home_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    done = run("jobs", "list", home=tmp_path / "home")
    assert done.code == 1
    assert str(tmp_path / "home") in done.sentence


def test_unknown_ids_are_named(tmp_path: Path) -> None:
    for arguments, en, zh in (
        (["jobs", "show", "job_x"], "There is no publish job 'job_x'", "没有发布任务 “job_x”"),
        (["jobs", "cancel", "job_x"], "There is no publish job 'job_x'", "没有发布任务 “job_x”"),
        (["tasks", "answer", "task-x", "yes"], "There is no task 'task-x'", "没有任务“task-x”"),
        (["jobs", "list", "--state", "done"], "There is no job state 'done'", "没有任务状态 “done”"),
    ):
        english, chinese = (run(*arguments, home=tmp_path, locale=locale) for locale in ("en", "zh"))
        assert (english.code, chinese.code) == (1, 1)
        assert en in english.sentence
        assert zh in chinese.sentence


# ---- doctor ----------------------------------------------------------------------------------------------------------
def problems(done: Ran) -> list[str]:
    document = json.loads(done.out)
    found = [item["name"] for item in document["checks"] if item["level"] == "problem"]
    assert document["ok"] is (not found)
    assert done.code == (1 if found else 0)
    return found


def test_the_doctor_finds_nothing_in_a_new_home_and_makes_nothing(tmp_path: Path) -> None:
    assert problems(run("doctor", "--json", home=tmp_path / "new")) == []
    assert not (tmp_path / "new").exists()
    shown = run("doctor", home=tmp_path / "new", locale="zh")
    assert shown.code == 0
    assert "没有发现问题。" in shown.out


def test_the_doctor_names_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[publish]\nwait_second = 3\n", encoding="utf-8")
    assert problems(run("doctor", "--json", home=tmp_path)) == ["config"]
    (tmp_path / "config.toml").unlink()
    assert run("jobs", "list", home=tmp_path).code == 0
    database = tmp_path / "creatorflow.db"
    damaged = bytearray(database.read_bytes())
    for page in range(4096, len(damaged), 4096):
        damaged[page : page + 64] = b"\xff" * 64
    database.write_bytes(damaged)
    for extra in ("creatorflow.db-wal", "creatorflow.db-shm"):
        (tmp_path / extra).unlink(missing_ok=True)
    assert problems(run("doctor", "--json", home=tmp_path)) == ["database"]
    shown = run("doctor", home=tmp_path)
    assert "✗ database" in shown.out
    sandboxed = tmp_path / "sandboxed"
    sandboxed.mkdir()
    config = '[network]\nenvironment = "sandbox"\nca_file = "gone.pem"\nhost_map = {"weibo.com" = "127.0.0.1:9"}\n'
    (sandboxed / "config.toml").write_text(config, encoding="utf-8")
    assert problems(run("doctor", "--json", home=sandboxed)) == ["network"]


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    env = {**os.environ, "CREATORFLOW_HOME": str(tmp_path), "CREATORFLOW_PLUGINS": "", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "creatorflow", "capabilities", "--json"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.close()
        assert child.stderr is not None
        said = child.stderr.read()
    assert b"Traceback" not in said
    assert said == b""
