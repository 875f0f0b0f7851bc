"""``creatorflow publish`` and ``jobs`` as a person or a script uses them: exit codes, one JSON document, honest ends."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from creatorflow_testkit.sandbox import BackgroundSandbox

Post = Callable[..., Path]
KEYS = ["job_id", "platform", "account", "state", "post_id", "post_url", "proof", "reason", "bundle"]


def only(document: dict[str, Any]) -> dict[str, Any]:
    (job,) = document["jobs"]
    assert list(job)[: len(KEYS)] == KEYS
    return dict(job)


def test_a_post_is_published_once_and_then_refused(
    program: Any, sandbox: BackgroundSandbox, alice: str, post: Post
) -> None:
    done = program("publish", post(), "--to", alice, "--wait", "--json")
    assert done.code == 0, done.err
    job = only(done.json)
    (stored,) = sandbox.control.posts()
    assert (job["state"], job["proof"], job["post_id"]) == ("confirmed", "listed", stored.post_id)
    assert job["post_url"].startswith("https://weibo.com/")
    assert "weibo:alice  Submitting" in done.err
    assert done.err.isprintable() or not set(done.err) & {"\x1b", "\r", "\b"}

    again = program("publish", post(), "--to", alice, "--wait", "--json")
    assert again.code == 1
    assert again.json["jobs"] == []
    assert again.json["error"]["code"] == "duplicate_content"
    assert again.json["error"]["details"]["job_id"] == job["job_id"]
    assert program("publish", post(), "--to", alice, locale="zh-CN").err.startswith("相同内容已在 weibo:alice 发布")
    assert sandbox.control.count_posts() == 1

    allowed = program("publish", post(), "--to", alice, "--allow-duplicate")
    assert allowed.code == 0
    assert sandbox.control.count_posts() == 2


def test_the_table_and_the_story(program: Any, alice: str, post: Post) -> None:
    done = program("publish", post(), "--to", alice, "--wait", locale="zh")
    assert done.code == 0
    assert "已确认 confirmed" in done.out
    assert "已在列表中" in done.out
    job = program("jobs", "list", "--json").json["jobs"][0]
    story = program("jobs", "show", job["job_id"], "--json").json
    assert [event["data"]["state"] for event in story["events"]] == [
        "due", "preparing", "intent", "submitting", "confirmed", "confirmed",
    ]  # fmt: skip
    assert story["attempts"][0]["intent_at"] is not None
    assert [item["kind"] for item in story["attempts"][0]["evidence"]] == ["receipt", "listed"]
    told = program("jobs", "show", job["job_id"], locale="zh").out
    assert "意图落盘" in told
    assert job["post_url"] in told


def test_several_accounts_and_the_two_ways_to_name_them(
    program: Any, sandbox: BackgroundSandbox, add_account: Callable[..., str], post: Post
) -> None:
    targets = [add_account("a"), add_account("b")]
    done = program("publish", "--to", *targets, post(), "--json")
    assert done.code == 0, done.err
    assert [job["account"] for job in done.json["jobs"]] == ["a", "b"]
    assert sorted(entry.uid for entry in sandbox.control.posts()) == ["7000000001", "7000000002"]
    twice = program("publish", post("另一篇"), "--to", targets[0], "--to", targets[0])
    assert twice.code == 2
    assert "given twice" in twice.err


def test_one_refused_file_does_not_stop_a_batch(
    program: Any, sandbox: BackgroundSandbox, alice: str, post: Post
) -> None:
    post("第一篇", name="1.md")
    post("第二篇", front="titel: 错字", name="2.md")
    folder = post("第三篇", name="3.md").parent
    done = program("publish", folder, "--to", alice, "--json")
    assert done.code == 1
    assert [(Path(job["file"]).name, job["state"]) for job in done.json["jobs"]] == [
        ("1.md", "confirmed"),
        ("3.md", "confirmed"),
    ]
    assert [Path(item["file"]).name for item in done.json["refused"]] == ["2.md"]
    assert done.json["error"]["code"] == "content_invalid"
    assert sandbox.control.count_posts() == 2


def test_a_dry_run_sends_nothing_and_stores_no_job(
    program: Any, sandbox: BackgroundSandbox, alice: str, post: Post
) -> None:
    done = program("publish", post(), "--to", alice, "--dry-run", "--json")
    assert done.code == 0
    job = only(done.json)
    assert job["state"] == "ready"
    assert job["job_id"] is None
    assert job["preview"]["text"] == "今天的云很好看。"
    assert sandbox.control.count_posts() == 0
    assert program("jobs", "list", "--json").json == {"jobs": []}


def test_the_same_key_never_posts_twice(program: Any, sandbox: BackgroundSandbox, alice: str, post: Post) -> None:
    first = only(program("publish", post(), "--to", alice, "--key", "k1", "--json").json)
    again = program("publish", post(), "--to", alice, "--key", "k1", "--json")
    assert again.code == 0
    assert only(again.json)["job_id"] == first["job_id"]
    other = program("publish", post("别的内容"), "--to", alice, "--key", "k1", "--json")
    assert other.code == 1
    assert other.json["error"]["code"] == "key_mismatch"
    assert sandbox.control.count_posts() == 1


def test_at_stores_and_the_worker_publishes(program: Any, sandbox: BackgroundSandbox, alice: str, post: Post) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    stored = program("publish", post("以后再发"), "--to", alice, "--at", later, "--json")
    assert stored.code == 0
    job = only(stored.json)
    assert job["state"] == "scheduled"
    cancelled = program("jobs", "cancel", job["job_id"], "--json")
    assert cancelled.code == 0
    assert only(cancelled.json)["state"] == "cancelled"

    now = datetime.now(UTC).isoformat()
    due = only(program("publish", post("现在发"), "--to", alice, "--at", now, "--json").json)
    assert sandbox.control.count_posts() == 0
    worked = program("worker", "--once")
    assert worked.code == 0
    (line,) = worked.out.splitlines()
    assert due["job_id"] in line
    assert "confirmed" in line
    assert sandbox.control.count_posts() == 1

    late = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    missed = program("publish", post("太晚了"), "--to", alice, "--at", late, "--json")
    assert "lies in the past" in missed.err
    assert "missed" in program("worker", "--once").out
    assert sandbox.control.count_posts() == 1
    assert program("jobs", "retry", only(missed.json)["job_id"]).code == 0
    assert sandbox.control.count_posts() == 2


def test_a_lost_answer_is_uncertain_until_it_is_read_back(
    program: Any, sandbox: BackgroundSandbox, alice: str, post: Post
) -> None:
    sandbox.control.arm("answer_lost")
    sandbox.control.arm("list_down", count=None, after=1)  # the baseline is read, the read-back is not
    done = program("publish", post(), "--to", alice, "--json")
    assert done.code == 4, done.err
    job = only(done.json)
    assert job["state"] == "uncertain"
    assert sandbox.control.count_posts() == 1
    again = program("publish", post(), "--to", alice, "--json")
    assert again.code == 1  # it may be out: refused, not repeated
    retried = program("jobs", "retry", job["job_id"])
    assert retried.code == 1
    assert "jobs reconcile" in retried.err
    sandbox.control.clear()
    settled = program("jobs", "reconcile", job["job_id"], "--wait", "--json")
    assert settled.code == 0, settled.out
    assert only(settled.json)["state"] == "confirmed"
    assert sandbox.control.count_posts() == 1
    assert program("jobs", "reconcile").out.strip() == "Nothing is open."


def test_a_refusal_of_the_platform_and_a_retry(
    program: Any, sandbox: BackgroundSandbox, alice: str, post: Post
) -> None:
    sandbox.control.arm("content_refused")
    done = program("publish", post(), "--to", alice, "--json")
    assert done.code == 1
    job = only(done.json)
    assert job["state"] == "rejected"
    assert job["reason"]
    assert program("jobs", "retry", job["job_id"], "--wait", "--json").code == 0
    assert sandbox.control.count_posts() == 1


def test_an_expired_session_waits_for_a_person(
    program: Any, sandbox: BackgroundSandbox, alice: str, post: Post
) -> None:
    sandbox.control.arm("expired_session", count=None)
    done = program("publish", post(), "--to", alice, "--json")
    assert done.code == 3, done.err
    assert only(done.json)["state"] == "waiting_human"
    assert program("accounts", "check", alice).code == 3
    assert program("doctor").code == 1
    waiting = program("tasks", "list", "--json").json["tasks"]
    assert waiting
    assert waiting[0]["account_id"] == "weibo:alice"
    sandbox.control.clear()
    made = sandbox.control.make_account(name="again", uid="7100000001")
    other = program("accounts", "add", "weibo", "alice", "--cookies", "-", stdin=json.dumps(made.cookies))
    assert other.code == 1  # another person's session
    assert "7100000001" in other.err
    assert program("accounts", "check", alice).code == 0
    worked = program("worker", "--once")
    assert "confirmed" in worked.out, worked.err
    assert sandbox.control.count_posts() == 1


def test_a_person_settles_an_uncertain_job(program: Any, sandbox: BackgroundSandbox, alice: str, post: Post) -> None:
    sandbox.control.arm("answer_lost")
    sandbox.control.arm("list_down", count=None, after=1)
    job = only(program("publish", post(), "--to", alice, "--json").json)
    url = "https://weibo.com/7000000001/abc"
    settled = program("jobs", "resolve", job["job_id"], "--as", "confirmed", "--evidence", url, "--json")
    assert settled.code == 0
    assert only(settled.json)["post_url"] == url
    assert program("jobs", "resolve", job["job_id"], "--as", "absent").code == 1
    assert program("jobs", "resolve", job["job_id"], "--as", "perhaps").code == 2


# ---- signals ---------------------------------------------------------------------------------------------------------
def test_ctrl_c_before_the_submit_cancels(program: Any, sandbox: BackgroundSandbox, alice: str) -> None:
    examples = Path(__file__).parents[2] / "examples" / "posts" / "autumn-tea-walk.md"
    sandbox.control.arm("slow_upload", count=None, seconds=30.0)
    done = program.until("Uploading picture", signal.SIGINT, "publish", examples, "--to", alice, "--json")
    assert done.code == 1, done.err
    job = only(done.json)
    assert job["state"] == "cancelled"
    assert "what was not sent is cancelled" in done.err
    assert sandbox.control.count_posts() == 0
    assert program("worker", "--once").out == ""


def test_ctrl_c_after_the_submit_waits_for_the_answer(
    program: Any, sandbox: BackgroundSandbox, alice: str, post: Post
) -> None:
    sandbox.control.arm("answer_delayed", seconds=2.0)
    done = program.until("Submitting", signal.SIGINT, "publish", post(), "--to", alice, "--json")
    assert done.code == 0, done.err
    assert only(done.json)["state"] == "confirmed"
    assert "Already submitted" in done.err
    assert sandbox.control.count_posts() == 1


def test_a_worker_that_is_told_to_stop_finishes_what_runs(
    program: Any, sandbox: BackgroundSandbox, alice: str, post: Post
) -> None:
    program("publish", post(), "--to", alice, "--at", datetime.now(UTC).isoformat())
    sandbox.control.arm("answer_delayed", seconds=2.0)
    with program.start("worker", "--every", "30") as child:
        while not sandbox.control.entries("post"):
            assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "confirmed" in out
    assert "Stopping" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_worker_stops_at_once(program: Any, number: signal.Signals) -> None:
    with program.start("worker") as child:
        while not _handles_signals(child.pid):  # before that a signal ends the process by its default
            assert child.poll() is None
        child.send_signal(number)
        child.communicate(timeout=60)
    assert child.returncode == 0


def _handles_signals(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("no /proc here: it cannot be seen when the worker is ready")
    caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
    # SIGTERM is the last one that the worker takes; Python itself handles SIGINT from its start.
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
