"""The replica framework, driven over real TLS with a tiny replica that a stranger could have written."""

from __future__ import annotations

import gc
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from creatorflow_testkit.example import NotesReplica
from creatorflow_testkit.http import sandbox_client
from creatorflow_testkit.replica import (
    FaultError,
    Ledger,
    TestAccount,
    assumed,
    provenance_table,
    read_ledger,
    route,
)
from creatorflow_testkit.replica.routes import RouteError
from creatorflow_testkit.sandbox import (
    AsyncControlClient,
    BackgroundSandbox,
    ControlClient,
    ControlError,
    ReplicaNotFound,
    Sandbox,
)

NOTES = "creatorflow_testkit.example:NotesReplica"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[BackgroundSandbox]:
    with BackgroundSandbox(tmp_path / "sandbox", [NotesReplica]) as running:
        yield running


URL = "https://notes.example.com"


def publish(sandbox: Any, text: str = "hi", account: TestAccount | None = None) -> httpx.Response:
    with sandbox_client(sandbox, account or sandbox.control.make_account()) as http:
        return http.post(f"{URL}/api/note", data={"text": text})


def lists(sandbox: Any) -> list[str]:
    with sandbox_client(sandbox) as http:
        answer = http.get(f"{URL}/api/notes")
        answer.raise_for_status()
        return list(answer.json())


# ---- listener, hosts, certificates -----------------------------------------------------------------------------------
def test_production_names_are_served_with_a_trusted_certificate(sandbox: BackgroundSandbox) -> None:
    assert lists(sandbox) == []
    with pytest.raises(httpx.ConnectError, match="certificate"), httpx.Client() as untrusting:
        untrusting.get(f"https://127.0.0.1:{sandbox.port}/")


def test_an_unknown_host_gets_421_and_is_recorded(sandbox: BackgroundSandbox) -> None:
    with sandbox_client(sandbox) as http:
        answer = http.get("https://127.0.0.1/api/notes")
    assert answer.status_code == 421
    assert "127.0.0.1" in answer.json()["error"]
    assert [item["host"] for item in sandbox.control.requests("")] == ["127.0.0.1"]


def test_path_templates_and_raised_redirects(sandbox: BackgroundSandbox) -> None:
    with sandbox_client(sandbox) as http:
        assert http.get(f"{URL}/n/17").headers["location"] == "/api/notes?from=17"
        assert http.get(f"{URL}/n/seventeen").status_code == 404
        assert http.get("https://img.notes.example.com/upload").status_code == 404


def test_the_same_directory_keeps_authority_leaf_and_posts(tmp_path: Path) -> None:
    with BackgroundSandbox(tmp_path, [NotesReplica]) as first:
        account = first.control.make_account()
        publish(first, "kept", account)
        before = (first.facts.leaf_spki, first.port, first.ca_file.read_bytes())
    with BackgroundSandbox(tmp_path, [NotesReplica]) as second:
        assert (second.facts.leaf_spki, second.port, second.ca_file.read_bytes()) == before
        assert lists(second) == ["kept"]
        assert publish(second, "again", account).json() == {"id": "2"}


def test_secrets_of_the_sandbox_are_for_the_owner_only(sandbox: BackgroundSandbox) -> None:
    for name in ("sandbox.json", "ca.key", "leaf.pem"):
        mode = stat.S_IMODE((sandbox.directory / name).stat().st_mode)
        assert mode & 0o077 == 0, name


def test_config_fragment_is_toml_with_every_host(sandbox: BackgroundSandbox) -> None:
    import tomllib

    network = tomllib.loads(sandbox.config_fragment())["network"]
    assert network["environment"] == "sandbox"
    assert Path(network["ca_file"]).exists()
    assert network["host_map"] == dict.fromkeys(NotesReplica.hosts, f"127.0.0.1:{sandbox.port}")


async def test_async_context_manager_and_fixed_port(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    async with Sandbox(tmp_path / "s", [NOTES], port=free) as running:
        assert running.port == free
        control = AsyncControlClient(ControlClient.from_directory(tmp_path / "s"))
        assert (await control.sandbox())["port"] == free
        assert running.control_token in (tmp_path / "s" / "sandbox.json").read_text()
        with pytest.raises(OSError, match="in use"):
            async with Sandbox(tmp_path / "t", [NotesReplica], port=free):
                pass


def test_two_replicas_may_not_share_a_host(tmp_path: Path) -> None:
    class Other(NotesReplica):
        name = "other"

    with pytest.raises(ValueError, match=r"'notes\.example\.com' is claimed by the replicas 'notes' and 'other'"):
        Sandbox(tmp_path, [NotesReplica, Other])


@pytest.mark.parametrize("source", ["no_colon", "json:Missing", "nowhere.at.all:X", "json:JSONDecoder"])
def test_wrong_loader_strings_are_named(tmp_path: Path, source: str) -> None:
    with pytest.raises(ReplicaNotFound, match=source.split(":", maxsplit=1)[0].split(".", maxsplit=1)[0]):
        Sandbox(tmp_path, [source])


# ---- declaring routes ------------------------------------------------------------------------------------------------
def test_route_mistakes_are_refused() -> None:
    with pytest.raises(RouteError, match="kind 'publishing' is unknown"):
        route("GET", "/x", kind="publishing", provenance=assumed("x"))
    with pytest.raises(RouteError, match="starts with '/'"):
        route("GET", "x", provenance=assumed("x"))
    with pytest.raises(ValueError, match="needs a source"):
        assumed(" ")

    class Twice(NotesReplica):
        @route("GET", "/other", name="publish", provenance=assumed("x"))
        async def other(self, request: web.Request) -> web.StreamResponse:
            return web.Response()

    with pytest.raises(RouteError, match="two routes are named 'publish'"):
        Twice()

    class Stranger(NotesReplica):
        @route("GET", "/other", host="else.example.com", provenance=assumed("x"))
        async def other(self, request: web.Request) -> web.StreamResponse:
            return web.Response()

    with pytest.raises(RouteError, match=r"else\.example\.com"):
        Stranger()


def test_provenance_table_names_every_route() -> None:
    table = provenance_table(NotesReplica)
    assert "| publish | POST notes.example.com, img.notes.example.com `/api/note` | documented | §1 |" in table
    assert table.count("\n| ") - 1 == len(NotesReplica.endpoints())


# ---- ledger ----------------------------------------------------------------------------------------------------------
def test_ledger_survives_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.post("u", "1", "文字", media=["ab"], visibility="0", declaration="1", stored_text="x")
    ledger.close()
    with path.open("ab") as file:
        file.write(b'{"seq": 2, "kin')
    assert [entry.seq for entry in read_ledger(path)] == [1]
    again = Ledger(path)
    again.record("delete", "u", post_id="1")
    again.close()
    reread = Ledger(path)
    post = reread.posts("u")[0]
    assert (post.text, post.media, post.declaration, post.deleted, post.extra) == (
        "文字", ("ab",), "1", True, {"stored_text": "x"},
    )  # fmt: skip
    assert reread.count_posts() == 1
    assert reread.posts("other") == []
    reread.clear()
    assert (reread.count_posts(), (tmp_path / "ledger.jsonl.1").exists()) == (0, True)
    reread.close()


def test_a_line_is_on_disk_before_the_answer(sandbox: BackgroundSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    path = sandbox.directory / "notes" / "ledger.jsonl"
    real = os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        synced.append(path.read_bytes())

    account = sandbox.control.make_account()
    monkeypatch.setattr(os, "fsync", fsync)
    answer = publish(sandbox, "synced", account)
    monkeypatch.undo()
    assert answer.status_code == 200
    assert any(b'"synced"' in content for content in synced)


# ---- faults ----------------------------------------------------------------------------------------------------------
def test_request_lost_cuts_before_the_effect(sandbox: BackgroundSandbox) -> None:
    account = sandbox.control.make_account()
    sandbox.control.arm("request_lost")
    with pytest.raises(httpx.TransportError):
        publish(sandbox, "gone", account)
    assert sandbox.control.count_posts() == 0
    assert sandbox.control.requests()[-1]["status"] == 0
    assert publish(sandbox, "there", account).status_code == 200


def test_answer_lost_cuts_after_the_effect(sandbox: BackgroundSandbox) -> None:
    account = sandbox.control.make_account()
    sandbox.control.arm("answer_lost")
    with pytest.raises(httpx.TransportError):
        publish(sandbox, "done", account)
    assert [post.text for post in sandbox.control.posts(account.uid)] == ["done"]
    assert sandbox.control.requests()[-1]["faults"] == ["answer_lost"]


def test_answer_delayed_has_the_effect_first(sandbox: BackgroundSandbox) -> None:
    account = sandbox.control.make_account()
    sandbox.control.arm("answer_delayed", seconds=20)
    with sandbox_client(sandbox, account) as http, pytest.raises(httpx.ReadTimeout):
        http.post(f"{URL}/api/note", data={"text": "late"}, timeout=0.3)
    assert sandbox.control.count_posts() == 1


def test_a_stop_leaves_no_waiting_answer_behind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with BackgroundSandbox(tmp_path, [NotesReplica]) as sandbox:
        account = sandbox.control.make_account()
        sandbox.control.arm("answer_delayed", seconds=60)
        with sandbox_client(sandbox, account) as http, pytest.raises(httpx.ReadTimeout):
            http.post(f"{URL}/api/note", data={"text": "late"}, timeout=0.2)
    gc.collect()
    assert "Task was destroyed" not in caplog.text


def test_502_after_accept(sandbox: BackgroundSandbox) -> None:
    sandbox.control.arm("status_502_after_accept")
    assert publish(sandbox).status_code == 502
    assert sandbox.control.count_posts() == 1


def test_slow_upload_reads_slowly_and_multipart_still_works(sandbox: BackgroundSandbox) -> None:
    body = os.urandom(50_000)
    sandbox.control.arm("slow_upload", bytes_per_s=100_000)
    with sandbox_client(sandbox) as http:
        began = time.monotonic()
        answer = http.post("https://img.notes.example.com/upload", files={"file": body})
        assert time.monotonic() - began > 0.4
        assert sandbox.control.entries("upload")[0].data["sha256"] == answer.json()["sha256"]
        began = time.monotonic()
        http.post("https://img.notes.example.com/upload", files={"file": body})
        assert time.monotonic() - began < 0.4


def test_list_faults_and_the_site_clock(sandbox: BackgroundSandbox) -> None:
    account, control = sandbox.control.make_account(), sandbox.control
    control.arm("list_delay", seconds=60)
    publish(sandbox, "later", account)
    assert lists(sandbox) == []
    control.advance_clock(61)
    assert lists(sandbox) == ["later"]
    control.arm("list_stale", count=None)
    publish(sandbox, "unseen", account)
    assert lists(sandbox) == ["later"]
    assert control.clear("list_stale") == 1
    assert lists(sandbox) == ["later", "unseen"]
    control.arm("list_down", status=504)
    with sandbox_client(sandbox) as http:
        assert http.get(f"{URL}/api/notes").status_code == 504
    assert lists(sandbox) == ["later", "unseen"]


def test_risk_wall_expired_session_and_platform_faults(sandbox: BackgroundSandbox) -> None:
    account, control = sandbox.control.make_account(), sandbox.control
    control.arm("risk_wall", route="publish", status=418)
    control.arm("expired_session", after=1)
    control.arm("content_refused", after=0)
    # The wall stops the request before the handler, so the session check and the content check are not used up.
    assert publish(sandbox, "1", account).status_code == 418
    assert publish(sandbox, "2", account).json() == {"error": "content"}
    assert publish(sandbox, "3", account).status_code == 401
    assert publish(sandbox, "4", account).json() == {"id": "1"}
    assert [entry.data["reason"] for entry in control.entries("refused")] == ["risk_wall", "content", "login"]
    assert control.faults() == []


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"name": "answer_lsot"}, "did you mean 'answer_lost'"),
        ({"name": "answer_lost", "route": "publich"}, "did you mean 'publish'"),
        ({"name": "answer_lost", "seconds": 3}, "no parameter 'seconds'"),
        ({"name": "answer_lost", "count": 0}, "count must be 1 or more"),
    ],
)
def test_fault_typos_are_refused(sandbox: BackgroundSandbox, body: dict[str, Any], part: str) -> None:
    with pytest.raises(ControlError, match=part):
        sandbox.control.arm(body.pop("name"), **body)
    with pytest.raises(FaultError):
        sandbox.replica("notes").faults.arm("nothing")


def test_latency_holds_for_every_answer(sandbox: BackgroundSandbox) -> None:
    sandbox.control.set_latency(120)
    with sandbox_client(sandbox) as http:
        for _ in range(2):
            began = time.monotonic()
            http.get(f"{URL}/api/notes")
            assert time.monotonic() - began >= 0.12
    assert sandbox.control.sandbox()["latency_ms"] == 120
