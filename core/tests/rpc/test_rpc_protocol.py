"""JSON-RPC 2.0 as a host sees it: over the pipes of a real process."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

OK = object()  # any result
SILENT = object()  # no line at all


def _one(host: Any, line: bytes | str) -> list[Any]:
    """Send a line and a ping behind it; return the lines that came before the answer to the ping."""
    host.send(line, '{"jsonrpc":"2.0","method":"ping","id":"after"}')
    lines: list[Any] = []
    while True:
        value = host.next()
        if isinstance(value, dict) and value.get("id") == "after":
            assert value["result"] == {"pong": True}
            return lines
        lines.append(value)


# --- section 7 of the JSON-RPC 2.0 specification, its examples in its order ------------------------------------------------------------

SPEC: list[tuple[str, Any]] = [
    ('{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}', {"id": 1, "result": 19}),
    ('{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}', {"id": 2, "result": -19}),
    (
        '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
        {"id": 3, "result": 19},
    ),
    (
        '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
        {"id": 4, "result": 19},
    ),
    ('{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', SILENT),
    ('{"jsonrpc": "2.0", "method": "foobar"}', SILENT),
    ('{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', {"id": "1", "error": -32601}),
    ('{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', {"id": None, "error": -32700}),
    ('{"jsonrpc": "2.0", "method": 1, "params": "bar"}', {"id": None, "error": -32600}),
    (
        '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]',
        {"id": None, "error": -32700},
    ),
    ("[]", {"id": None, "error": -32600}),
    ("[1]", [{"id": None, "error": -32600}]),
    ("[1,2,3]", [{"id": None, "error": -32600}] * 3),
    (
        '[{"jsonrpc": "2.0", "method": "subtract", "params": [7,0], "id": "1"},'
        '{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},'
        '{"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},'
        '{"foo": "boo"},'
        '{"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},'
        '{"jsonrpc": "2.0", "method": "ping", "id": "9"}]',
        [
            {"id": "1", "result": 7},
            {"id": "2", "result": 19},
            {"id": None, "error": -32600},
            {"id": "5", "error": -32601},
            {"id": "9", "result": {"pong": True}},
        ],
    ),
    (
        '[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},'
        '{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]',
        SILENT,
    ),
]


def _short(value: Any) -> Any:
    """Reduce a response to what the specification shows: id and result, or id and error code."""
    if isinstance(value, list):
        return [_short(item) for item in value]
    assert value["jsonrpc"] == "2.0"
    assert set(value) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"})
    if "error" in value:
        assert set(value["error"]) == {"code", "message", "data"}
        return {"id": value["id"], "error": value["error"]["code"]}
    return {"id": value["id"], "result": value["result"]}


def test_examples_of_the_specification(host: Any) -> None:
    for line, expected in SPEC:
        got = [value for value in _one(host, line) if not (isinstance(value, dict) and "method" in value)]
        assert [_short(value) for value in got] == ([] if expected is SILENT else [expected]), line


# --- hostile lines: (line, id and code of the answer | OK | SILENT) -----------------------------------------------------------------

DEEP = b"[" * 65 + b"]" * 65


def _request(**members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": "ping", "id": 7, **members}).encode()


HOSTILE: list[tuple[bytes, Any]] = [
    # not JSON, or not readable
    (b"{", (None, -32700)),
    (b"}", (None, -32700)),
    (b"]", (None, -32700)),
    (b'"', (None, -32700)),
    (b"nul", (None, -32700)),
    (b"{}{}", (None, -32700)),
    (b'{"jsonrpc":"2.0","method":"ping","id":7} trailing', (None, -32700)),
    (b"{'jsonrpc':'2.0','method':'ping','id':7}", (None, -32700)),
    (b'{"jsonrpc":"2.0","method":"ping","id":NaN}', (None, -32700)),
    (b'{"jsonrpc":"2.0","method":"ping","id":Infinity}', (None, -32700)),
    (b'{"jsonrpc":"2.0","method":"ping","id":-Infinity}', (None, -32700)),
    (b'{"jsonrpc":"2.0","method":"ping","id":1e400}', (None, -32700)),
    (b'{"jsonrpc":"2.0","method":"ping","id":' + b"1" * 6000 + b"}", (None, -32700)),
    (b'{"jsonrpc":"2.0","method":"ping","id":01}', (None, -32700)),
    (b'{"jsonrpc":"2.0","method":"ping","id":7,}', (None, -32700)),
    (b'{"jsonrpc":"2.0","method":"ping","id":7 /* comment */}', (None, -32700)),
    (b'\x00{"jsonrpc":"2.0","method":"ping","id":7}', (None, -32700)),
    (b'{"jsonrpc":"2.0","method":"pi\tng","id":7}', (None, -32700)),
    (b'{"jsonrpc":"2.0","method":"\xff\xfe","id":7}', (None, -32700)),
    (b'{"jsonrpc":"2.0","method":"\xed\xa0\x80","id":7}', (None, -32700)),
    ('{"jsonrpc":"2.0","method":"ping","id":7}'.encode("utf-16"), (None, -32700)),
    (b"GET / HTTP/1.1\r", (None, -32700)),
    (b"Content-Length: 52\r", (None, -32700)),
    (b"\x1f\x8b\x08\x00\x00", (None, -32700)),
    (b"[" * 100_000, (None, -32600)),
    (DEEP, (None, -32600)),
    (b'{"a":' * 70 + b"1" + b"}" * 70, (None, -32600)),
    (b'{"jsonrpc":"2.0","method":"echo","params":[' + DEEP + b'],"id":7}', (None, -32600)),
    (b'{"jsonrpc":"2.0","method":"ping","id":7,"id":8}', (None, -32600)),
    (b'{"jsonrpc":"2.0","method":"echo","params":{"value":{"a":1,"a":2}},"id":7}', (None, -32600)),
    # JSON, but no request
    (b"1", (None, -32600)),
    (b"null", (None, -32600)),
    (b"true", (None, -32600)),
    (b'"ping"', (None, -32600)),
    (b"{}", (None, -32600)),
    (b'{"id":7}', (7, -32600)),
    (b'{"jsonrpc":"2.0","id":7}', (7, -32600)),
    (b'{"jsonrpc":"2.0","id":7,"result":1}', (7, -32600)),
    (b'{"jsonrpc":"2.0","method":"ping"}', SILENT),
    (_request(jsonrpc="1.0"), (7, -32600)),
    (_request(jsonrpc=2.0), (7, -32600)),
    (_request(jsonrpc=None), (7, -32600)),
    (b'{"method":"ping","id":7}', (7, -32600)),
    (_request(method=None), (7, -32600)),
    (_request(method=["ping"]), (7, -32600)),
    (_request(method={"ping": 1}), (7, -32600)),
    (_request(params="x"), (7, -32600)),
    (_request(params=1), (7, -32600)),
    (_request(params=False), (7, -32600)),
    (_request(id=True), (None, -32600)),
    (_request(id=[1]), (None, -32600)),
    (_request(id={"a": 1}), (None, -32600)),
    (rb'{"jsonrpc":"2.0","method":"ping","id":"\ud83d"}', (None, -32600)),
    (rb'{"jsonrpc":"2.0","method":"echo","params":{"value":"\ud83d"},"id":7}', (7, -32600)),
    # a request, but no such method
    (_request(method=""), (7, -32601)),
    (_request(method="PING"), (7, -32601)),
    (_request(method="ping "), (7, -32601)),
    (_request(method="rpc.discover"), (7, -32601)),
    (_request(method="__class__"), (7, -32601)),
    (_request(method="web.only"), (7, -32601)),
    (_request(method="platform.publish"), (7, -32601)),
    (_request(method="platform..publish"), (7, -32601)),
    (_request(method="platform.a.b.publish"), (7, -32601)),
    (_request(method="platform.{platform}.publish"), (7, -32601)),
    (_request(method="x" * 100_000), (7, -32601)),
    (_request(method="中文\u2028方法"), (7, -32601)),
    # a method, but other parameters
    (_request(params=[1]), (7, -32602)),
    (_request(params={"x": 1}), (7, -32602)),
    (_request(method="subtract"), (7, -32602)),
    (_request(method="subtract", params=[]), (7, -32602)),
    (_request(method="subtract", params=[1, 2, 3]), (7, -32602)),
    (_request(method="subtract", params=["1", 2]), (7, -32602)),
    (_request(method="subtract", params=[1.5]), (7, -32602)),
    (_request(method="subtract", params=[True]), (7, -32602)),
    (_request(method="subtract", params=[None]), (7, -32602)),
    (_request(method="subtract", params={"minuend": 1, "self": 2}), (7, -32602)),
    (_request(method="sleep", params={"seconds": -1}), (7, -32602)),
    (_request(method="effect", id=None), (None, -32600)),
    # odd, and all right
    (b"", SILENT),
    (b"\r", SILENT),
    (b"   \t", SILENT),
    (b"\xef\xbb\xbf" + _request(), (7, OK)),
    (_request() + b"\r", (7, OK)),
    (b"  " + _request() + b"  ", (7, OK)),
    (_request(id=None), (None, OK)),
    (_request(id=0), (0, OK)),
    (_request(id=-1), (-1, OK)),
    (_request(id=1.5), (1.5, OK)),
    (_request(id=2**70), (2**70, OK)),
    (_request(id=""), ("", OK)),
    (_request(id="中\u2028\u0085😀"), ("中\u2028\u0085😀", OK)),
    (_request(id="x" * 100_000), ("x" * 100_000, OK)),
    (_request(params=None), (7, OK)),
    (_request(params=[]), (7, OK)),
    (_request(params={}), (7, OK)),
    (_request(_meta={"x": 1}, traceparent="00-x"), (7, OK)),
    (_request(method="platform.weibo.publish"), (7, OK)),
    (b'{"jsonrpc":"2.0","method":"echo","params":["' + b"[{" * 1000 + b'"],"id":7}', (7, OK)),
    (_request(method="echo", params=["x" * 2_000_000]), (7, OK)),
]


def test_hostile_lines_get_exactly_their_answer(host: Any) -> None:
    assert len(HOSTILE) >= 60
    for line, expected in HOSTILE:
        lines = _one(host, line)
        answers = [value for value in lines if "method" not in value]
        notes = [value for value in lines if "method" in value]
        assert {note["method"] for note in notes} <= {"sidecar.protocol_error"}, line[:200]
        if expected is SILENT:
            assert lines == [], line[:200]
            continue
        assert len(answers) == 1, line[:200]
        (wanted_id, outcome), answer = expected, answers[0]
        assert answer["id"] == wanted_id, line[:200]
        assert type(answer["id"]) is type(wanted_id), line[:200]
        if outcome is OK:
            assert "result" in answer, (line[:200], answer)
        else:
            assert answer["error"]["code"] == outcome, (line[:200], answer)
        if outcome == -32700:  # hosts that drop id null learn of it by the notification
            assert len(notes) == 1
            assert notes[0]["params"]["error"] == answer["error"]


def test_output_lines_are_clean_whatever_came_in(host: Any) -> None:
    for line, _ in HOSTILE:
        _one(host, line)
    for raw in host.raw:
        assert raw.endswith(b"\n")
        text = raw.decode("utf-8")
        assert not re.search("[\u0085\u2028\u2029\r]", text)
        assert len(raw.splitlines()) == 1
        value = json.loads(raw, parse_constant=lambda name: pytest.fail(f"{name} in the output"))
        for item in value if isinstance(value, list) else [value]:
            if "method" in item:
                assert "id" not in item


def test_no_python_text_in_errors(host: Any) -> None:
    for value in [None, "exit", "cancel", "recursion"]:
        error = host.error("boom", {"value": value}, id=f"boom {value}")
        assert error["code"] == -32603
        assert error["data"]["code"] == "internal_error"
        assert re.fullmatch("[0-9a-f]{32}", error["data"]["trace_id"])
        assert not re.search("[a-z]Error|Traceback|secret|[Pp]ython|SystemExit", json.dumps(error)), error
    assert host.result("ping", id="alive") == {"pong": True}


def test_errors_of_the_tree_and_of_the_machine_have_their_codes(host: Any) -> None:
    duplicate = host.error("boom", ["duplicate"], id=1)
    assert (duplicate["code"], duplicate["message"]) == (40904, "Already out.")
    assert duplicate["data"]["messages"] == {"en": "Already out.", "zh-CN": "已发布。"}
    assert duplicate["data"]["details"] == {"job_id": "j1"}
    assert duplicate["data"]["retryable"] is False
    assert host.error("boom", ["full"], id=2)["code"] == 50002


def test_results_that_json_does_not_have(host: Any) -> None:
    assert host.result("odd", ["nan"], id=1) is None
    assert host.result("odd", ["infinite"], id=2) == [None]
    assert host.result("odd", ["surrogate"], id=3) == "\ufffd half"
    assert host.result("odd", ["lines"], id=4) == "a\u0085b\u2028c\u2029d\ne"
    assert host.error("odd", ["object"], id=5)["code"] == -32603
    assert host.error("odd", ["cycle"], id=6)["code"] == -32603
    assert len(host.result("odd", ["big"], id=7)) == 3_000_000


def test_a_wrong_parameter_is_named(host: Any) -> None:
    def problem(params: Any, id: int) -> tuple[str, str]:
        error = host.error("sleep", params, id=id)
        return error["data"]["details"]["field"], error["message"]

    assert problem({}, 1) == ("seconds", "sleep: parameter 'seconds' is required.")
    assert problem({"seconds": "1"}, 2) == ("seconds", "sleep: parameter 'seconds' must be a number.")
    assert problem({"seconds": 61}, 3) == ("seconds", "sleep: parameter 'seconds' must be at most 60.0.")
    assert problem({"seconds": 1, "labl": "x"}, 4) == (
        "labl",
        "sleep: parameter 'labl' is unknown, perhaps 'label' was meant.",
    )
    assert problem({"seconds": 1, "zzz": "x"}, 5) == ("zzz", "sleep: parameter 'zzz' is unknown.")
    assert problem([1, "a", 2], 6) == ("2", "sleep: parameter '2' is one too many: sleep takes 2.")
    error = host.error("sleep", {"label": 1, "x": 2}, id=7)
    assert [item["field"] for item in error["data"]["details"]["problems"]] == ["seconds", "label", "x"]
    assert error["data"]["messages"]["zh-CN"] == "sleep：参数 'seconds' 必填。（另有 2 处）"


def test_batches_have_a_limit_and_run_their_requests_at_once(host: Any) -> None:
    host.send([{"jsonrpc": "2.0", "method": "sleep", "params": [0.3, str(n)], "id": n} for n in range(64)])
    answers = host.next(5)
    assert [(answer["id"], answer["result"]) for answer in answers] == [(n, str(n)) for n in range(64)]
    lines = _one(host, json.dumps([{"jsonrpc": "2.0", "method": "ping", "id": n} for n in range(65)]))
    assert [line.get("method", line.get("id", "?")) for line in lines] == [None, "sidecar.protocol_error"]
    assert lines[0]["error"]["data"]["details"] == {"reason": "batch_too_long", "limit": 64}


def test_nested_batch_and_cancel_inside_a_batch(host: Any) -> None:
    assert [item["error"]["code"] for item in _one(host, "[[]]")[0]] == [-32600]
    host.send(
        [
            {"jsonrpc": "2.0", "method": "sleep", "params": [30], "id": "slow"},
            {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": "slow"}},
        ]
    )
    (answer,) = host.next(5)
    assert (answer["id"], answer["error"]["code"]) == ("slow", -32800)


def test_more_than_the_concurrency_limit_is_busy_and_says_when_to_retry(spawn: Any) -> None:
    host = spawn("concurrency=3")
    for number in range(5):
        host.call("sleep", [0.5, "x"], id=number)
    host.call("ping", id="ping")  # answered at once all the same
    busy = [host.answer(3, 2)["error"], host.answer(4, 2)["error"]]
    assert [(error["code"], error["data"]["code"], error["data"]["retryable"]) for error in busy] == [
        (42902, "busy", True)
    ] * 2
    assert busy[0]["data"]["retry_after_ms"] > 0
    assert host.answer("ping", 0.4)
    assert [host.answer(number)["result"] for number in range(3)] == ["x"] * 3
    assert host.result("sleep", [0, "again"], id=9) == "again"
