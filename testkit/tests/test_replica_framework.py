"""The replica framework, driven over real TLS with a tiny replica that a stranger could have written."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx
import pytest
from aiohttp import web
from creatorflow_testkit.http import sandbox_client
from creatorflow_testkit.replica import (
    Cookie,
    FaultError,
    FaultSpec,
    Ledger,
    LedgerEntry,
    Replica,
    SettingError,
    TestAccount,
    assumed,
    documented,
    json_answer,
    path_params,
    provenance_table,
    read_ledger,
    route,
)
from creatorflow_testkit.replica.routes import RouteError, action
from creatorflow_testkit.sandbox import (
    AsyncControlClient,
    BackgroundSandbox,
    ControlClient,
    ControlError,
    ReplicaNotFound,
    Sandbox,
    SandboxProcess,
    SandboxStartError,
)


class NotesReplica(Replica):
    """A made-up site with notes."""

    name = "notes"
    hosts = ("notes.example.com", "img.notes.example.com")
    extra_faults = (FaultSpec("content_refused", "The note is refused.", ("publish",)),)
    default_settings: ClassVar[dict[str, Any]] = {"limit": 10, "motto": "hello", "ratio": 0.5}

    def clear_state(self) -> None:
        self.notes: list[tuple[str, str, float]] = []
        self.tokens: dict[str, str] = {}

    def restore(self, entries: Sequence[LedgerEntry]) -> None:
        for entry in entries:
            if entry.kind == "post":
                self.notes.append((entry.data["post_id"], entry.data["text"], entry.data["listed_at"]))
            elif entry.kind == "account":
                self.tokens[entry.data["token"]] = entry.uid

    async def make_account(self, **wishes: Any) -> TestAccount:
        uid = str(len(self.tokens) + 1)
        token = f"token{uid}"
        self.tokens[token] = uid
        self.ledger.record("account", uid, token=token)
        return TestAccount.of(uid, wishes.get("name", "n"), [Cookie("sid", token, ".notes.example.com")], admin=False)

    @route("POST", "/api/note", name="publish", kind="publish", provenance=documented("§1"))
    async def publish(self, request: web.Request) -> web.StreamResponse:
        uid = self.tokens.get(request.cookies.get("sid", ""), "")
        if not uid or self.struck("expired_session", request):
            self.refuse(request, uid, "login")
            return json_answer({"error": "login"}, status=401)
        if self.struck("content_refused", request):
            self.refuse(request, uid, "content")
            return json_answer({"error": "content"})
        text = str((await request.post())["text"])
        post_id = str(len(self.notes) + 1)
        listed_at = self.clock.time() + self.list_delay(request)
        self.ledger.post(uid, post_id, text, visibility="public", at=self.clock.now(), listed_at=listed_at)
        self.notes.append((post_id, text, listed_at))
        return json_answer({"id": post_id})

    @route("GET", "/api/notes", name="notes", kind="list", provenance=assumed("guess"))
    async def list_notes(self, request: web.Request) -> web.StreamResponse:
        limit = self.list_horizon(request)
        now = self.clock.time() if limit is None else limit
        return json_answer([text for _, text, listed_at in self.notes if listed_at <= now])

    @route("POST", "/upload", host="img.notes.example.com", kind="upload", provenance=assumed("guess"))
    async def upload(self, request: web.Request) -> web.StreamResponse:
        parts = await request.post()
        field = parts["file"]
        assert isinstance(field, web.FileField)
        body = field.file.read()
        self.ledger.upload("", "m1", body)
        return json_answer({"sha256": self.media.put(body)})

    @route("GET", "/n/{number:[0-9]+}", kind="page", provenance=assumed("guess"))
    async def page(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"/api/notes?from={path_params(request)['number']}")

    @action("shout")
    async def shout(self, *, word: str) -> str:
        return word.upper()


NOTES = f"{__name__}:NotesReplica"


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
    async with Sandbox(tmp_path / "s", [NOTES_BY_PATH], port=free) as running:
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


# ---- control API -----------------------------------------------------------------------------------------------------
def test_control_needs_token_and_host(sandbox: BackgroundSandbox) -> None:
    url = sandbox.facts.control_url
    good = {"Authorization": f"Bearer {sandbox.facts.control_token}"}
    assert httpx.get(f"{url}/v1/sandbox", headers=good).status_code == 200
    assert httpx.get(f"{url}/v1/sandbox").status_code == 401
    assert httpx.get(f"{url}/v1/sandbox", headers=good | {"Host": "evil.example"}).status_code == 421
    port = urlsplit(url).port
    assert httpx.get(f"{url}/v1/sandbox", headers=good | {"Host": f"localhost:{port}"}).status_code == 421


def test_settings_actions_reset_and_routes(sandbox: BackgroundSandbox) -> None:
    control = sandbox.control
    assert control.change_settings(limit=3, ratio=1)["limit"] == 3
    for wrong in ({"limitt": 3}, {"limit": "3"}, {"limit": True}):
        with pytest.raises(ControlError, match="limit"):
            control.change_settings(**wrong)
    with pytest.raises(SettingError):
        sandbox.replica("notes").change_settings({"nothing": 1})
    assert control.act("shout", word="x") == "X"
    with pytest.raises(ControlError, match="unexpected keyword"):
        control.act("shout", wrd="x")
    with pytest.raises(ControlError, match="known: shout"):
        control.act("whisper")
    with pytest.raises(ControlError, match="'nothere' runs here; running: notes"):
        control.posts(platform="nothere")
    account = control.make_account(name="Ann")
    assert account.cookie_header("img.notes.example.com") == "sid=token1"
    assert account.storage_state["cookies"][0]["domain"] == ".notes.example.com"
    publish(sandbox, "x", account)
    control.arm("answer_lost")
    control.reset()
    assert (control.count_posts(), control.faults(), control.settings()["limit"]) == (0, [], 10)
    assert publish(sandbox, "y", account).status_code == 200
    control.reset(keep_accounts=False)
    assert publish(sandbox, "z", account).status_code == 401
    assert {item["name"]: item["provenance"] for item in control.routes()}["publish"] == "documented"


# ---- child process ---------------------------------------------------------------------------------------------------
NOTES_BY_PATH = "notes_replica_for_tests:NotesReplica"


@pytest.fixture(autouse=True)
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This file under a name that a child process can import (test files are no package)."""
    folder = tmp_path / "importable"
    folder.mkdir()
    (folder / "notes_replica_for_tests.py").write_text(Path(__file__).read_text("utf-8"), "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(str(folder))


def test_child_process_kill_restart_and_clean_end(tmp_path: Path) -> None:
    with SandboxProcess(tmp_path / "s", [NOTES_BY_PATH]) as child:
        account = child.control.make_account()
        assert publish(child, "one", account).json() == {"id": "1"}
        ledger = tmp_path / "s" / "notes" / "ledger.jsonl"
        assert [entry.kind for entry in read_ledger(ledger)] == ["account", "post"]
        port = child.port
        child.kill()
        child.start()
        assert child.port == port
        assert lists(child) == ["one"]
        assert publish(child, "two", account).json() == {"id": "2"}
        assert ControlClient.from_directory(tmp_path / "s").count_posts() == 2
        assert child.stop() == 0


def test_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from creatorflow_testkit.sandbox import SandboxProcess\n"
        f"p = SandboxProcess(Path(sys.argv[1]), [{NOTES_BY_PATH!r}]).start()\n"
        "print(p.pid, p.port, flush=True); time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "s")], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid, port = map(int, parent.stdout.readline().split())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                break
        time.sleep(0.05)
    else:
        os.kill(pid, signal.SIGKILL)
        pytest.fail("the sandbox outlived its parent")


def test_a_child_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(SandboxStartError, match="cannot load the replica nowhere:X"):
        SandboxProcess(tmp_path, ["nowhere:X"]).start()


def test_ready_line_is_one_json_document(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "creatorflow_testkit.sandbox", "--dir", str(tmp_path / "s"), "--die-with-stdin"]
    done = subprocess.run(
        [*command, "--replica", NOTES_BY_PATH], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["ready"]["platforms"] == ["notes"]


def test_the_pytest_plugin_and_the_clients_are_light() -> None:
    code = (
        "import sys, creatorflow_testkit.pytest_plugin\n"
        "print([m for m in ('aiohttp', 'trustme', 'creatorflow', 'cryptography') if m in sys.modules])\n"
        "import creatorflow_testkit.sandbox.client, creatorflow_testkit.sandbox.process\n"
        "print([m for m in ('aiohttp', 'trustme', 'cryptography') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"


def test_sandbox_factory_and_home(sandbox_factory: Any, creatorflow_home: Any) -> None:
    first = sandbox_factory(NotesReplica)
    second = sandbox_factory.process(NOTES_BY_PATH)
    assert first.port != second.port
    home = creatorflow_home(second.config_fragment())
    assert os.environ["CREATORFLOW_HOME"] == str(home)
    assert f"127.0.0.1:{second.port}" in (home / "config.toml").read_text()
