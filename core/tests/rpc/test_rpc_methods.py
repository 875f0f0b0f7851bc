"""The core's methods over a real ``creatorflow serve --stdio``, with no plugin; publishing is tested in tests/conformance."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from creatorflow.api import errors as api_errors
from creatorflow.plugins import PROTOCOL_VERSIONS as DOCUMENT_VERSIONS
from creatorflow.rpc.errors import ERRORS
from creatorflow.rpc.events import EVENT_TYPES
from creatorflow.rpc.methods import core_methods
from creatorflow.rpc.reference import renew
from creatorflow.rpc.registry import ALL_TRANSPORTS, Effect, Method, MethodRegistry, Transport
from creatorflow.rpc.schemas import load_schemas, schemas_text
from creatorflow.rpc.session import PROTOCOL_VERSIONS

CODE = "import sys; from creatorflow.cli import main; sys.argv = ['creatorflow', 'serve', '--stdio']; main()"
HEAVY = ["langgraph", "playwright", "PIL", "mcp", "httpx", "sqlalchemy", "keyring", "cryptography", "apscheduler"]
HEAVY += ["alembic", "yaml", "rich", "starlette", "fastapi"]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def sidecar(spawn: Callable[..., Any], tmp_path: Path) -> Any:
    return spawn(
        command=[sys.executable, "-c", CODE],
        env={
            "CREATORFLOW_HOME": str(tmp_path / "home"),
            "CREATORFLOW_PLUGINS": "",
            "CREATORFLOW_VAULT_PASSPHRASE": "open sesame",
        },
    )


# --- what is written down agrees with the registry ---------------------------------------------------------------------------------------


def test_the_schema_file_is_fresh() -> None:
    path = ROOT / "core/src/creatorflow/rpc/schemas.json"
    assert path.read_text("utf-8") == schemas_text(core_methods()), "run: python -m creatorflow.rpc.schemas --write"


@pytest.mark.parametrize(("name", "locale"), [("rpc.md", "en"), ("rpc.zh-CN.md", "zh-CN")])
def test_the_reference_pages_are_fresh(name: str, locale: str) -> None:
    text = (ROOT / "docs" / name).read_text("utf-8")
    assert text.count("<!-- generated: ") == 4
    assert renew(text, locale) == text, "run: python -m creatorflow.rpc.reference docs/rpc.md docs/rpc.zh-CN.md"


def test_every_method_is_described_and_closed() -> None:
    schemas = load_schemas()
    names = """
        capabilities.list plugins.list platform.list sidecar.initialize sidecar.status sidecar.ping sidecar.shutdown
        account.list account.add account.check account.remove platform.{platform}.publish publish.plan publish.get publish.list
        publish.reconcile publish.retry publish.resolve publish.cancel task.list task.get task.answer credential.put credential.list
        credential.delete"""
    wanted = re.findall(r"\S+", names)
    assert [method.name for method in core_methods()] == sorted(wanted) == sorted(schemas)
    for method in core_methods():
        assert schemas[method.name]["params"]["additionalProperties"] is False, method.name
        assert method.summary.en.endswith(".")
        assert method.summary.zh.endswith("。")
        secret = method.name.startswith("credential.") or method.name in {
            "account.add",
            "account.remove",
            "sidecar.shutdown",
        }
        if secret:
            assert Transport.MCP not in method.transports, method.name


def test_no_result_has_a_place_for_a_secret() -> None:
    for name, schema in load_schemas().items():
        text = json.dumps(schema["result"])
        assert not re.search(r'"(value|cookies|storage_state|secret|password|token)":', text), name


def test_errors_have_one_number_each_and_cover_the_tree() -> None:
    numbers = [entry.number for entry in ERRORS.values()]
    assert len(set(numbers)) == len(numbers)
    for entry in ERRORS.values():
        if entry.number > 0:
            assert entry.number // 100 == entry.http, entry.name
        else:
            assert -32800 <= entry.number <= -32600
    codes = {
        value.code
        for value in vars(api_errors).values()
        if isinstance(value, type) and issubclass(value, api_errors.CreatorFlowError)
    }
    assert codes - {"internal_error", "not_found"} <= set(ERRORS)
    kinds = [
        "platform",
        "account",
        "job",
        "task",
        "plugin",
        "asset",
        "credential",
        "tool",
        "processor",
        "llm_provider",
        "graph",
    ]
    assert {f"{kind}_not_found" for kind in kinds} <= set(ERRORS)


def test_the_two_version_lists_agree() -> None:
    assert PROTOCOL_VERSIONS == DOCUMENT_VERSIONS


def test_a_method_name_is_taken_once() -> None:
    (ping,) = [method for method in core_methods() if method.name == "sidecar.ping"]
    with pytest.raises(ValueError, match="registered twice"):
        MethodRegistry([ping, ping])


def test_a_name_with_a_variable_part_is_listed_for_each_platform() -> None:
    registry = MethodRegistry(
        [
            Method(
                name="platform.{platform}.publish",
                handler=print,
                summary=api_errors.Text("a.", "b。"),
                effect=Effect.EXTERNAL,
            ),
            Method(
                name="x",
                handler=print,
                summary=api_errors.Text("a.", "b。"),
                transports=ALL_TRANSPORTS - {Transport.MCP},
            ),
        ]
    )
    names = [entry["name"] for entry in registry.describe(platforms=["weibo", "douyin"])]
    assert names == ["platform.douyin.publish", "platform.weibo.publish", "x"]
    assert [entry["name"] for entry in registry.describe(transport=Transport.MCP)] == []
    found = registry.find("platform.weibo.publish")
    assert found is not None
    assert found[1] == {"platform": "weibo"}


# --- cold start --------------------------------------------------------------------------------------------------------------------------


def test_capabilities_are_answered_without_a_heavy_import(tmp_path: Path) -> None:
    """With whatever is installed here, plugins included."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", CODE],
        input=b'{"jsonrpc":"2.0","id":1,"method":"capabilities.list"}\n{"jsonrpc":"2.0","id":2,"method":"sidecar.ping"}\n',
        capture_output=True,
        env={**os.environ, "CREATORFLOW_HOME": str(tmp_path / "home")},
        timeout=60,
        check=True,
    )
    ids = [json.loads(line).get("id") for line in done.stdout.splitlines()]
    assert sorted(map(str, ids)) == ["1", "2", "None"]
    imported = {
        line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines() if line.startswith("import time:")
    }
    assert "creatorflow.rpc.dispatcher" in imported  # the listing works
    assert sorted(name for name in imported if name.partition(".")[0] in HEAVY) == []
    assert not (tmp_path / "home").exists()  # and nothing was written


# --- the methods -------------------------------------------------------------------------------------------------------------------------


def test_capabilities_without_a_plugin(sidecar: Any) -> None:
    document = sidecar.result("capabilities.list")
    assert document["platforms"] == []
    assert not [plugin for plugin in document["plugins"] if plugin["state"] == "loaded"]
    assert document["protocol_versions"] == [1]
    names = [method["name"] for method in document["methods"]]
    assert names == sorted(method.name for method in core_methods() if "{" not in method.name)
    for method in document["methods"]:
        assert {"params", "result", "effect", "idempotency", "cancellable", "timeout_s", "summary"} <= set(method)
        assert method["params"]["type"] == "object"
    assert set(EVENT_TYPES) < set(document["event_types"])
    assert {entry["name"]: entry["number"] for entry in document["errors"]}["duplicate_content"] == 40904
    limits = document["limits"]
    assert limits["line_bytes"] == 8 * 1024 * 1024
    assert {"control_s", "publish_submit_s", "publish_listed_s", "publish_settle_s", "drain_publish_s"} < set(limits)
    assert limits["publish_settle_s"] is None
    assert all(item["pip"].startswith("pip install creatorflow-") for item in document["not_installed"])


def test_the_limits_are_those_of_the_code_and_of_the_settings() -> None:
    from creatorflow.config import AssetSettings, PublishSettings
    from creatorflow.publish import readback, runner
    from creatorflow.rpc.limits import ENGINE, work_limits

    assert {
        "publish_prepare_s": runner.PREPARE_BUDGET_S,
        "publish_submit_s": runner.SUBMIT_BUDGET_S,
        "publish_read_s": readback.READ_BUDGET_S,
        "publish_give_up_s": readback.GIVE_UP.total_seconds(),
    } == ENGINE
    publish = PublishSettings(settle_seconds=7.0, wait_seconds=8.0, late_minutes=2.0, human_wait_seconds=9.0)
    limits = work_limits(publish, AssetSettings(max_bytes=10))
    assert limits["control_s"] == Method(name="x", handler=print, summary=api_errors.Text("a.", "b。")).timeout_s
    assert [limits[name] for name in ("publish_settle_s", "publish_listed_s", "publish_late_s", "human_wait_s")] == [
        7,
        8,
        120,
        9,
    ]
    assert limits["media_bytes"] == 10


def test_the_command_line_gives_the_same_document(sidecar: Any, tmp_path: Path) -> None:
    code = CODE.replace("'serve', '--stdio'", "'capabilities', '--json'")
    env = {
        **os.environ,
        "CREATORFLOW_HOME": str(tmp_path / "home"),
        "CREATORFLOW_PLUGINS": "",
        "CREATORFLOW_LOCALE": "en",
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, timeout=60, check=True)
    assert json.loads(done.stdout) == sidecar.result("capabilities.list")


def test_empty_lists(sidecar: Any) -> None:
    assert sidecar.result("plugins.list", id=1) == {"plugins": sidecar.result("capabilities.list", id=0)["plugins"]}
    assert sidecar.result("platform.list", id=2) == {"platforms": []}
    assert sidecar.result("account.list", id=3) == {"accounts": []}
    assert sidecar.result("credential.list", id=4) == {"credentials": []}
    assert sidecar.result("task.list", {"state": "open"}, id=5) == {"tasks": []}
    assert sidecar.result("publish.list", id=6) == {"jobs": []}
    assert sidecar.result("publish.reconcile", id=7) == {"jobs": []}


def test_status_and_ping(sidecar: Any) -> None:
    assert re.fullmatch(r"2\d{3}-\d\d-\d\dT[\d:.]+\+00:00", sidecar.result("sidecar.ping", id=1)["time"])
    status = sidecar.result("sidecar.status", id=2)
    assert status["pid"] == sidecar.process.pid
    assert (status["offline"], status["environment"], status["transport"]) == ("online", "live", "stdio")
    assert status["storage"] == {"state": "ok", "error": None}
    assert status["counts"] == {"accounts": 0, "tasks_open": 0}


def test_initialize_sets_language_and_roots(sidecar: Any, tmp_path: Path) -> None:
    answer = sidecar.result(
        "sidecar.initialize",
        {"client": {"name": "host"}, "protocol_versions": [1, 7], "locale": "zh-Hans", "roots": [str(tmp_path)]},
        id=1,
    )
    assert (answer["protocol_version"], answer["locale"]) == (1, "zh-CN")
    assert answer["roots"] == [str(tmp_path.resolve())]
    error = sidecar.error("publish.get", {"job_id": "nope"}, id=2)
    assert error["message"] == error["data"]["messages"]["zh-CN"] != error["data"]["messages"]["en"]


def test_initialize_refuses_what_cannot_work(sidecar: Any, tmp_path: Path) -> None:
    error = sidecar.error("sidecar.initialize", {"protocol_versions": [7]}, id=1)
    assert (error["code"], error["data"]["details"]["protocol_versions"]) == (-32602, [1])
    for number, root in enumerate(["relative", str(tmp_path / "missing"), "\0", ""], 2):
        error = sidecar.error("sidecar.initialize", {"roots": [root], "locale": "zh"}, id=number)
        assert (error["code"], error["data"]["code"]) == (40304, "path_denied")
        assert error["message"] == error["data"]["messages"]["en"]  # nothing of a refused call sticks


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("platform.nope.publish", {"text": "x"}, 40406),
        ("account.add", {"platform": "nope", "name": "a", "cookies": {"a": "b"}}, 40406),
        ("account.check", {"account_id": "weibo:nobody"}, 40406),
        ("account.remove", {"account_id": "nobody"}, 40404),
        ("publish.get", {"job_id": "nope"}, 40407),
        ("publish.cancel", {"job_id": "nope"}, 40407),
        ("publish.retry", {"job_id": "nope"}, 40407),
        ("publish.resolve", {"job_id": "nope", "outcome": "absent"}, 40407),
        ("publish.reconcile", {"job_id": "nope"}, 40407),
        ("publish.plan", {"text": "x", "targets": ["nobody"]}, 40404),
        ("publish.plan", {"text": "x", "targets": []}, -32602),
        ("publish.plan", {"text": "x", "body": "y", "targets": ["weibo:a"]}, -32602),
        ("publish.plan", {"text": "x", "content": {"body": "y"}, "targets": ["weibo:a"]}, -32602),
        ("publish.plan", {"content": {"titel": "y"}, "targets": ["weibo:a"]}, -32602),
        ("publish.plan", {"text": "x", "schedule": "2026-12-01T20:00", "targets": ["weibo:a"]}, -32602),
        ("publish.list", {"state": "nope"}, -32602),
        ("publish.list", {"limit": 0}, -32602),
        ("task.get", {"task_id": "nope"}, 40403),
        ("task.answer", {"task_id": "nope", "answer": "x"}, 40403),
        ("task.list", {"state": "nope"}, -32602),
        ("credential.put", {"platform": "weibo", "account_id": "a", "kind": "k", "value": "secret!"}, -32602),
        ("credential.delete", {"platform": "weibo", "account": "nobody", "kind": "k"}, 40406),
    ],
)
def test_bad_input_is_named(sidecar: Any, method: str, params: Any, code: int) -> None:
    error = sidecar.error(method, params)
    assert error["code"] == code, error
    assert "secret!" not in json.dumps(error)
    assert set(error["data"]["messages"]) == {"en", "zh-CN"}


@pytest.mark.parametrize(
    ("method", "params", "field"),
    [
        ("publish.plan", {"text": "x", "targets": ["weibo:a"], "account_id": "a"}, "account_id"),
        ("publish.plan", {"text": "x", "targets": [7]}, "targets.0"),
        ("publish.plan", {"text": "x", "targets": []}, "targets"),
        ("publish.list", {"state": "nope"}, "state"),
        ("publish.list", {"account": "a", "account_id": "a"}, "account"),
        ("publish.list", {"account_id": "weibo:a", "platform": "douyin"}, "platform"),
        ("publish.resolve", {"job_id": "j", "outcome": "nope"}, "outcome"),
        ("credential.put", {"platform": "weibo", "account_id": "a", "kind": "k", "value": "secret!"}, "value"),
        ("credential.put", {"platform": "weibo", "kind": "k", "value": {}}, "account_id"),
    ],
)
def test_a_wrong_parameter_is_named_as_it_was_sent(sidecar: Any, method: str, params: Any, field: str) -> None:
    error = sidecar.error(method, params)
    assert error["code"] == -32602
    assert error["data"]["details"]["field"] == field
    assert " or " not in error["data"]["messages"]["zh-CN"]
    assert [problem["field"] for problem in error["data"]["details"].get("problems", [{"field": field}])] == [field]


def test_effects_need_an_id(sidecar: Any) -> None:
    assert sidecar.result("sidecar.ping", id=None)
    sidecar.seen.clear()
    error = sidecar.error("platform.weibo.publish", {"text": "x"}, id=None)
    assert error["data"]["details"]["reason"] == "null_id"


def test_a_database_that_cannot_be_used_is_said_and_status_still_answers(
    spawn: Callable[..., Any], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "creatorflow.db").write_bytes(b"this is no database, and long enough to be looked at " * 100)
    sidecar = spawn(
        command=[sys.executable, "-c", CODE], env={"CREATORFLOW_HOME": str(home), "CREATORFLOW_PLUGINS": ""}
    )
    error = sidecar.error("account.list", id=1)
    assert (error["code"], error["data"]["code"]) == (50002, "storage_failed")
    status = sidecar.result("sidecar.status", id=2)
    assert status["counts"] is None
    assert status["storage"]["error"]["data"]["code"] == "storage_failed"
    assert sidecar.result("sidecar.ping", id=3)
    sidecar.close()
    assert sidecar.wait() == 0


def test_a_config_that_cannot_be_read_ends_the_start_with_a_sentence(spawn: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[network]\nofline = 1\n")
    sidecar = spawn(command=[sys.executable, "-c", CODE], env={"CREATORFLOW_HOME": str(tmp_path)}, wait_ready=False)
    assert sidecar.rest() == []
    assert sidecar.wait() == 1
    text = sidecar.stderr.read_text()
    assert "ofline" in text
    assert "Traceback" not in text


def test_serve_without_a_transport_or_without_pipes() -> None:
    usage = subprocess.run(
        [sys.executable, "-c", CODE.replace(", '--stdio'", "")], capture_output=True, timeout=60, check=False
    )
    assert usage.returncode == 2
    assert b"--stdio" in usage.stderr
    closed = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" <&-', sys.executable, CODE], capture_output=True, timeout=60, check=False
    )
    assert closed.returncode == 2
    assert b"Traceback" not in closed.stderr
