"""Bytes to values and back, without a process."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from creatorflow.rpc.errors import RpcFault
from creatorflow.rpc.pipes import LineSplitter
from creatorflow.rpc.wire import BLANK, decode, encode, has_lone_surrogate


def test_reads_one_value_with_bom_crlf_and_blanks_around_it() -> None:
    assert decode(b'\xef\xbb\xbf {"a": [1, "\xe4\xb8\xad"]} \r') == {"a": [1, "中"]}
    for blank in (b"", b"\r", b"  \t\r", b"\xef\xbb\xbf"):
        assert decode(blank) is BLANK


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "syntax"),
        (b"{}{}", "syntax"),
        (b"{} x", "syntax"),
        (b"'a'", "syntax"),
        (b'{"a":1,}', "syntax"),
        (b"NaN", "syntax"),
        (b"[Infinity]", "syntax"),
        (b"-Infinity", "syntax"),
        (b"1e999", "syntax"),
        (b"9" * 5000, "syntax"),
        (b'"\x01"', "syntax"),
        (b"\x00", "syntax"),
        (b"[" * 40, "syntax"),
        (b"\xff\xfe{\x00}\x00", "encoding"),
        (b'"\xed\xa0\x80"', "encoding"),
        (b'"\xc0\xaf"', "encoding"),
    ],
)
def test_what_is_not_json_is_a_parse_error(line: bytes, reason: str) -> None:
    with pytest.raises(RpcFault) as caught:
        decode(line)
    assert caught.value.name == "parse_error"
    assert caught.value.details == {"reason": reason}


def test_nesting_is_counted_exactly_and_outside_of_strings_only() -> None:
    assert decode(b"[" * 64 + b"]" * 64)
    assert decode(b'[{"a":' * 32 + b"1" + b"}]" * 32)
    assert decode(b'["' + b"[{" * 500 + b'\\"' + b"[" * 500 + b'"]')
    assert len(decode(b"[" + b"[],{}," * 1000 + b"1]")) == 2001
    for line in (b"[" * 65 + b"]" * 65, b'[{"a":' * 33 + b"1" + b"}]" * 33, b"[" * 2_000_000, b'{"a":' * 100_000):
        with pytest.raises(RpcFault) as caught:
            decode(line)
        assert caught.value.details == {"reason": "too_deep"}


@pytest.mark.parametrize(
    "line",
    [b"[" * 4_000_000 + b"]" * 4_000_000, b"[" * 65 + b'"' + b'\\"' * 3_000_000, b'["' * 2_000_000, b"[]," * 2_500_000],
)
def test_no_line_within_the_limit_is_slow(line: bytes) -> None:
    started = time.process_time()
    with pytest.raises(RpcFault):
        decode(line)
    assert time.process_time() - started < 5  # a quadratic scan would take hours


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(RpcFault) as caught:
        decode(b'{"id":1,"x":{"a":1,"a":2}}')
    assert (caught.value.name, caught.value.details) == ("invalid_request", {"reason": "duplicate_key"})


@pytest.mark.parametrize(
    ("line", "lone"),
    [
        (rb'"\ud83d"', True),
        (rb'["a",{"b":"x\uDE00y"}]', True),
        (rb'{"\ud83d":1}', True),
        (rb'"\ude00\ud83d"', True),
        (rb'"\ud83d\ude00"', False),
        (rb'"\\ud83d"', False),
        (rb'"\u4e2d"', False),
    ],
)
def test_half_surrogate_pairs_are_found(line: bytes, lone: bool) -> None:
    assert has_lone_surrogate(line, decode(line)) is lone


def test_output_is_one_clean_line() -> None:
    value = {"t": "a\nb\r\u0085\u2028\u2029中😀\x7f\x00", "half": "\ud83d!", "n": [math.nan, math.inf, -math.inf, 1.5]}
    data = encode(value)
    assert not any(mark in data for mark in (b"\n", b"\r", b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xc2\x85"))
    back = json.loads(data.decode("utf-8"))
    assert back == {"t": value["t"], "half": "\ufffd!", "n": [None, None, None, 1.5]}
    assert "中😀".encode() in data


def test_other_characters_with_the_same_first_bytes_survive() -> None:
    text = "\u2013\u2014\u2026\u0080\u0084\u0086\u00a0"
    assert json.loads(encode(text)) == text


def test_a_result_that_json_does_not_have_is_an_error() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(TypeError):
        encode({"a": object()})
    with pytest.raises((ValueError, RecursionError)):
        encode(cycle)


def _split(chunks: list[bytes], limit: int = 10) -> list[bytes | None]:
    out: list[bytes | None] = []
    splitter = LineSplitter(limit, out.append, lambda: out.append(None))
    for chunk in chunks:
        splitter.feed(chunk)
    splitter.end()
    return out


def test_lines_are_the_same_however_they_are_cut() -> None:
    data = b"one\ntwo\r\n\n" + b"x" * 10 + b"\n" + b"y" * 11 + b"\n" + b"z" * 500 + b"\nend"
    expected = [b"one", b"two\r", b"", b"x" * 10, None, None, b"end"]
    assert _split([data]) == expected
    for size in range(1, 30):
        assert _split([data[at : at + size] for at in range(0, len(data), size)]) == expected, size


def test_a_line_that_is_too_long_is_reported_before_its_end_and_not_kept() -> None:
    out: list[bytes | None] = []
    splitter = LineSplitter(10, out.append, lambda: out.append(None))
    for _ in range(1000):
        splitter.feed(b"x" * 100)
    assert out == [None]
    assert not splitter._parts
    splitter.end()
    assert out == [None]
