"""A host publishes to the Weibo replica: a real sidecar over stdio, real TLS, the site's own ledger as the judge."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from creatorflow_testkit.sandbox import BackgroundSandbox
from PIL import Image

ENDS = {"confirmed", "rejected", "failed", "absent", "needs_attention"}


def _picture(path: Path) -> str:
    Image.new("RGB", (640, 480), (200, 60, 30)).save(path, "JPEG")
    return path.name


def _states(host: Any, job_id: str) -> list[str]:
    """Return the states that notifications told so far, in order."""
    return [
        value["params"]["state"]
        for value in host.seen
        if value.get("method") == "publish.state_changed" and value["params"]["job_id"] == job_id
    ]


def _settled(host: Any, job_id: str, budget_s: float = 30.0) -> dict[str, Any]:
    """Ask until the job has ended."""
    deadline = time.monotonic() + budget_s
    number = 0
    while True:
        number += 1
        job: dict[str, Any] = host.result("publish.get", {"job_id": job_id}, id=f"get {job_id} {number}")
        if job["state"] in ENDS:
            return job
        assert time.monotonic() < deadline, job
        host.result("publish.reconcile", {"job_id": job_id, "wait_ms": 2000}, id=f"reconcile {job_id} {number}")


def test_one_post_travels_the_whole_way(sidecar: Any, site: BackgroundSandbox, tmp_path: Path) -> None:
    sidecar.result("sidecar.initialize", {"roots": [str(tmp_path)], "client": {"name": "host"}}, id=1)
    post = {"text": "清晨的第一缕光 #早安#", "images": [_picture(tmp_path / "dawn.jpg")], "idempotency_key": "dawn-1"}
    plan = sidecar.result(
        "publish.plan", {"content": {"body": post["text"], "images": post["images"]}, "targets": ["weibo:alice"]}, id=2
    )
    assert plan["plans"][0]["ok"] is True
    assert site.control.posts(sidecar.account.uid) == []

    job = sidecar.result("platform.weibo.publish", post, id=3)
    assert (job["state"], job["account_id"], job["replayed"]) == ("confirmed", "weibo:alice", False)
    (there,) = site.control.posts(sidecar.account.uid)
    assert job["post_id"] in (there.post_id, str(there.post_id))
    assert job["post_url"].startswith("https://weibo.com/")
    assert job["proof"] == "listed"

    changes: list[dict[str, Any]] = []
    while not changes or changes[-1]["state"] != "confirmed" or changes[-1]["proof"] != "listed":
        changes.append(sidecar.notification("publish.state_changed"))
    assert [change["state"] for change in changes if change["state"] != change["previous"]] == [
        "due", "preparing", "intent", "submitting", "confirmed",
    ]  # fmt: skip
    assert [change["event_id"] for change in changes] == sorted({change["event_id"] for change in changes})
    assert sidecar.notification("publish.progress")["job_id"] == job["job_id"]

    replayed = sidecar.result("platform.weibo.publish", post, id=4)
    assert (replayed["job_id"], replayed["replayed"], replayed["state"]) == (job["job_id"], True, "confirmed")
    other = sidecar.error("platform.weibo.publish", {**post, "text": "another text"}, id=5)
    assert (other["code"], other["data"]["code"]) == (42201, "key_mismatch")
    again = sidecar.error("platform.weibo.publish", {"text": post["text"], "images": post["images"]}, id=6)
    assert (again["code"], again["data"]["code"], again["data"]["retryable"]) == (40904, "duplicate_content", False)
    assert len(site.control.posts(sidecar.account.uid)) == 1

    listed = sidecar.result("publish.list", {"platform": "weibo"}, id=7)["jobs"]
    assert [item["job_id"] for item in listed] == [job["job_id"]]
    detail = sidecar.result("publish.get", [job["job_id"]], id=8)
    assert len(detail["attempts"]) == 1
    assert detail["attempts"][0]["intent_at"] is not None


def test_the_post_in_content_and_beside_it_are_the_same(sidecar: Any, site: BackgroundSandbox) -> None:
    one = sidecar.result(
        "platform.weibo.publish", {"content": {"text": "同一篇"}, "account_id": "alice", "dry_run": True}, id=1
    )
    two = sidecar.result(
        "platform.weibo.publish", {"body": "同一篇", "account_id": "weibo:alice", "dry_run": True}, id=2
    )
    assert one["state"] == two["state"] == "ready"
    assert one["preview"] == two["preview"]
    assert site.control.posts(sidecar.account.uid) == []
    assert sidecar.result("publish.list", id=3) == {"jobs": []}


@pytest.mark.parametrize("fault", ["answer_lost", "status_502_after_accept"])
def test_a_lost_answer_is_settled_by_reading_and_never_posted_twice(
    sidecar: Any, site: BackgroundSandbox, fault: str
) -> None:
    site.control.arm(fault)
    job = sidecar.result("platform.weibo.publish", {"text": f"答案丢失 {fault}"}, id=1)
    assert job["state"] in {"confirmed", "uncertain", "reconciling"}
    assert _settled(sidecar, job["job_id"])["state"] == "confirmed"
    assert len(site.control.posts(sidecar.account.uid)) == 1
    sidecar.result("sidecar.ping", id="flush")
    assert "uncertain" in _states(sidecar, job["job_id"])


def test_killed_while_the_answer_is_on_its_way(
    sidecar: Any, site: BackgroundSandbox, open_sidecar: Callable[..., Any]
) -> None:
    site.control.arm("answer_delayed", seconds=3.0)
    sidecar.call("platform.weibo.publish", {"text": "半路被杀"}, id=1)
    deadline = time.monotonic() + 20
    while not site.control.posts(sidecar.account.uid):  # the site has it, we do not know it yet
        assert time.monotonic() < deadline
        time.sleep(0.05)
    sidecar.process.kill()
    sidecar.wait()
    second = open_sidecar()
    (job,) = second.result("publish.list", id="list")["jobs"]
    assert job["state"] not in ENDS
    assert _settled(second, job["job_id"])["state"] == "confirmed"
    assert len(site.control.posts(sidecar.account.uid)) == 1


def test_end_of_input_right_after_the_request(sidecar: Any, site: BackgroundSandbox) -> None:
    sidecar.call("platform.weibo.publish", {"text": "发完就走"}, id="last")
    sidecar.close()
    answers = [value for value in sidecar.rest() if value.get("id") == "last"]
    assert [answer["result"]["state"] for answer in answers] == ["confirmed"]
    assert sidecar.wait() == 0
    assert len(site.control.posts(sidecar.account.uid)) == 1


def test_cancelling_the_call_does_not_cancel_the_job(sidecar: Any, site: BackgroundSandbox) -> None:
    site.control.arm("answer_delayed", seconds=1.5)
    sidecar.call("platform.weibo.publish", {"text": "不等了", "idempotency_key": "k"}, id=1)
    while sidecar.notification("publish.state_changed")["state"] != "submitting":
        continue
    sidecar.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1}})
    assert sidecar.answer(1)["error"]["code"] == -32800
    while (change := sidecar.notification("publish.state_changed"))["state"] != "confirmed":
        continue
    assert change["post_id"]
    assert len(site.control.posts(sidecar.account.uid)) == 1


def test_a_short_wait_answers_an_open_job_and_the_rest_is_told(sidecar: Any, site: BackgroundSandbox) -> None:
    site.control.arm("answer_delayed", seconds=1.5)
    job = sidecar.result("platform.weibo.publish", {"text": "先回答", "wait_ms": 0}, id=1)
    assert job["state"] not in ENDS
    while sidecar.notification("publish.state_changed")["state"] != "confirmed":
        continue
    assert len(site.control.posts(sidecar.account.uid)) == 1


def test_other_calls_are_answered_while_a_publish_runs(sidecar: Any, site: BackgroundSandbox) -> None:
    site.control.arm("answer_delayed", seconds=2.0)
    sidecar.call("platform.weibo.publish", {"text": "慢慢来"}, id="slow")
    started = time.monotonic()
    for number in range(20):
        sidecar.result("publish.list", id=number)
    assert time.monotonic() - started < 1.5
    assert sidecar.answer("slow")["result"]["state"] == "confirmed"


def test_two_sidecars_over_one_home_see_each_others_events(sidecar: Any, open_sidecar: Callable[..., Any]) -> None:
    second = open_sidecar()
    assert [item["account_id"] for item in second.result("account.list", id=1)["accounts"]] == ["weibo:alice"]
    job = sidecar.result("platform.weibo.publish", {"text": "两边都知道"}, id=1)
    while (change := second.notification("publish.state_changed"))["state"] != "confirmed":
        continue
    assert change["job_id"] == job["job_id"]


def test_an_expired_session_asks_for_a_person(sidecar: Any, site: BackgroundSandbox) -> None:
    site.control.arm("expired_session", count=None)
    job = sidecar.result("platform.weibo.publish", {"text": "会话过期"}, id=1)
    assert job["state"] == "waiting_human"
    assert sidecar.notification("task.opened")["account_id"] == "weibo:alice"
    assert sidecar.notification("credential.expired")["account_id"] == "weibo:alice"
    (task,) = sidecar.result("task.list", {"state": "open"}, id=2)["tasks"]
    assert sidecar.result("task.get", [task["task_id"]], id=3)["kind"] == task["kind"]
    assert sidecar.result("account.check", {"account_id": "alice"}, id=4)["status"] == "expired"
    assert sidecar.result("publish.cancel", {"job_id": job["job_id"]}, id=5)["state"] == "cancelled"
    assert site.control.posts(sidecar.account.uid) == []


def test_a_refusal_is_a_job_with_the_platforms_reason(sidecar: Any, site: BackgroundSandbox) -> None:
    site.control.arm("content_refused")
    job = sidecar.result("platform.weibo.publish", {"text": "会被拒绝"}, id=1)
    assert job["state"] == "rejected"
    assert job["reason"]
    retried = sidecar.result("publish.retry", {"job_id": job["job_id"]}, id=2)
    assert (retried["state"], retried["attempt"]) == ("confirmed", 2)
    assert len(site.control.posts(sidecar.account.uid)) == 1


def test_bad_input_names_what_and_sends_nothing(sidecar: Any, site: BackgroundSandbox, tmp_path: Path) -> None:
    root = tmp_path / "media"
    root.mkdir()
    outside = tmp_path / "outside.jpg"
    _picture(outside)
    (root / "torn.jpg").write_bytes(outside.read_bytes()[:200])
    sidecar.result("sidecar.initialize", {"roots": [str(root)]}, id="init")
    before = len(site.control.requests())
    cases: list[tuple[dict[str, Any], str]] = [
        ({"text": "x", "images": ["missing.jpg"]}, "content_invalid plan_blocked asset_not_found"),
        ({"text": "x", "images": [str(outside)]}, "path_denied plan_blocked"),
        ({"text": "x", "images": ["../outside.jpg"]}, "path_denied plan_blocked"),
        ({"text": "x", "images": ["torn.jpg"]}, "content_invalid plan_blocked"),
        ({"text": "x", "images": ["torn.jpg"] * 40}, "content_invalid plan_blocked"),
        ({"text": "长" * 20_000}, "plan_blocked"),
        ({"text": ""}, "content_invalid plan_blocked"),
        ({"text": "x", "account_id": "nobody"}, "account_not_found"),
        ({"text": "x", "account_id": "douyin:alice"}, "invalid_params account_not_found"),
        ({"text": "x", "idempotency_key": "two words"}, "invalid_params"),
        ({"text": "x", "titel": "y"}, "invalid_params"),
        ({"text": "x", "wait_ms": -1}, "invalid_params"),
    ]
    for number, (params, codes) in enumerate(cases):
        error = sidecar.error("platform.weibo.publish", params, id=number)
        assert error["data"]["code"] in codes.split(), (params, error)
        assert error["message"]
        assert error["data"]["messages"]["zh-CN"] != error["data"]["messages"]["en"]
    assert len(site.control.requests()) == before
    assert sidecar.result("publish.list", id="list") == {"jobs": []}


def test_one_account_is_planned_for_without_a_list(sidecar: Any) -> None:
    by_list = sidecar.result("publish.plan", {"text": "计划", "targets": ["weibo:alice"]}, id=1)
    assert [plan["ok"] for plan in by_list["plans"]] == [True]
    for number, named in enumerate(
        ({"account_id": "weibo:alice"}, {"account_id": "alice", "platform": "weibo"}, {}), 2
    ):
        assert sidecar.result("publish.plan", {"text": "计划", **named}, id=number) == by_list


def test_secrets_never_come_out(sidecar: Any, tmp_path: Path) -> None:
    secrets = [cookie["value"] for cookie in sidecar.account.cookies if len(cookie["value"]) > 15]
    assert secrets
    sidecar.result(
        "credential.put",
        {"platform": "weibo", "account_id": "alice", "kind": "api_token", "value": {"t": "s3cr3t-t0ken-value"}},
        id=1,
    )
    (kinds,) = [sorted(item["kind"] for item in sidecar.result("credential.list", id=2)["credentials"])]
    assert {"api_token", "cookies"} <= set(kinds)
    sidecar.result("platform.weibo.publish", {"text": "秘密不外泄"}, id=3)
    sidecar.error("account.add", {"platform": "weibo", "name": "bob", "cookies": {"SUB": secrets[0][:-1] + "x"}}, id=4)
    named = {"platform": "weibo", "account_id": "weibo:alice"}
    assert [item["kind"] for item in sidecar.result("credential.list", named, id="a")["credentials"]] == sorted(
        item["kind"] for item in sidecar.result("credential.list", {"account": "alice"}, id="b")["credentials"]
    )
    gone = sidecar.result("credential.delete", {**named, "kind": "api_token"}, id=5)
    assert gone == {"platform": "weibo", "account": "alice", "kind": "api_token", "deleted": True}
    (job,) = sidecar.result("publish.list", {"account_id": "weibo:alice"}, id="c")["jobs"]
    assert sidecar.result("publish.list", {"account_id": "alice", "platform": "weibo"}, id="d")["jobs"] == [job]
    assert sidecar.result("publish.list", {"account": "bob"}, id="e") == {"jobs": []}
    sidecar.result("account.remove", {"account_id": "alice"}, id=6)
    assert sidecar.result("credential.list", id=7) == {"credentials": []}
    sidecar.close()
    sidecar.rest()
    everything = b"".join(sidecar.raw).decode() + sidecar.stderr.read_text()
    for secret in [*secrets, "s3cr3t-t0ken-value"]:
        assert secret not in everything
        assert json.dumps(secret)[1:-1] not in everything
