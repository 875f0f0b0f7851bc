"""One exchange: what arrives at a real TLS site, what comes back, and what is said when it breaks."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from creatorflow.api.errors import Cause, ContentError, InvalidInput, Unavailable
from creatorflow.net.body import FileBody

if TYPE_CHECKING:
    from core.tests.net.conftest import Seen, Web

HOST = "weibo.com"
URL = f"https://{HOST}"


async def test_a_mapped_host_keeps_its_name_everywhere(web: Web) -> None:
    async with web.site(HOST) as site:
        factory = web.factory({HOST: site.address})
        async with factory.client([HOST], user_agent="Mozilla/5.0 (X11)", locale="zh-CN") as client:
            answer = await client.request(
                "POST", f"{URL}/ajax/up?a=1", params={"b": "中 &", "c": 3}, json={"t": "你好"}
            )
        assert (answer.status_code, answer.json(), answer.headers["CONTENT-TYPE"]) == (200, {}, "application/json")
    (seen,) = site.seen
    assert site.sni == [HOST]
    assert seen.headers["host"] == HOST
    assert seen.target == "/ajax/up?a=1&b=%E4%B8%AD+%26&c=3"
    assert seen.headers["user-agent"] == "Mozilla/5.0 (X11)"
    assert seen.headers["accept-language"] == "zh-CN,zh;q=0.9,en;q=0.8"
    assert seen.headers["accept-encoding"] == "gzip, deflate"
    assert json.loads(seen.body) == {"t": "你好"}


async def test_without_an_agent_our_own_name_is_sent_and_forms_are_encoded(web: Web) -> None:
    async with web.site(HOST) as site, web.factory({HOST: site.address}).client([HOST], locale="en") as client:
        await client.request("POST", URL, data={"text": "a b&中"}, headers={"X-Requested-With": "XMLHttpRequest"})
    (seen,) = site.seen
    assert seen.headers["user-agent"].startswith("CreatorFlow/")
    assert seen.headers["accept-language"].startswith("en-US,en")
    assert seen.headers["x-requested-with"] == "XMLHttpRequest"
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert seen.body == b"text=a+b%26%E4%B8%AD"


async def test_text_is_decoded_in_the_charset_of_the_answer(web: Web) -> None:
    bodies = {
        "/gbk": ("微博".encode("gbk"), "text/html; charset=GBK"),
        "/odd": ("微".encode(), "text/html; charset=no-such"),
    }

    async def handler(request: Seen, writer: asyncio.StreamWriter) -> None:
        body, kind = bodies[request.target]
        writer.write(web.answer(body=body, kind=kind))

    async with web.site(HOST, handler=handler) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        assert (await client.request("GET", f"{URL}/gbk")).text == "微博"
        odd = await client.request("GET", f"{URL}/odd")
        assert odd.text == "微"
        with pytest.raises(ValueError, match="Expecting value"):
            odd.json()


async def test_json_that_is_nested_without_end_is_no_crash(web: Web) -> None:
    async def handler(_request: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(web.answer(body=b"[" * 200_000))

    async with web.site(HOST, handler=handler) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        answer = await client.request("GET", URL)
        with pytest.raises(ValueError, match=r"deep|Expecting"):
            answer.json()


async def test_a_certificate_for_another_name_is_refused_before_anything_is_sent(web: Web) -> None:
    async with web.site("weibo.example") as site, web.factory({HOST: site.address}).client([HOST]) as client:
        with pytest.raises(Unavailable) as caught:
            await client.request("POST", URL, content=b"x")
    assert caught.value.details == {"host": HOST, "reason": "certificate", "sent": False}
    assert caught.value.cause is Cause.NETWORK
    assert site.heads == 0


async def test_without_ca_file_the_sandbox_is_not_trusted(web: Web) -> None:
    async with web.site(HOST) as site, web.factory({HOST: site.address}, ca_file=None).client([HOST]) as client:
        with pytest.raises(Unavailable) as caught:
            await client.request("GET", URL)
    assert caught.value.details["reason"] == "certificate"
    assert site.heads == 0


async def test_nobody_listens(web: Web) -> None:
    async with web.site(HOST) as site:
        factory = web.factory({HOST: site.address})
    async with factory.client([HOST]) as client:
        with pytest.raises(Unavailable) as caught:
            await client.request("POST", URL, content=b"x")
    assert caught.value.details == {"host": HOST, "reason": "connect", "sent": False}
    assert "nothing was sent" in caught.value.text.en
    assert "请求未发出" in caught.value.text.zh


@pytest.mark.parametrize("cut", ["in_head", "in_body", "no_answer"])
async def test_a_connection_cut_mid_answer_is_no_answer(web: Web, cut: str) -> None:
    async def handler(_request: Seen, writer: asyncio.StreamWriter) -> None:
        whole = web.answer(body=b'{"ok":1}' * 20)
        writer.write(whole[: {"in_head": 20, "in_body": len(whole) - 5, "no_answer": 0}[cut]])
        await writer.drain()
        writer.close()

    async with web.site(HOST, handler=handler) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        with pytest.raises(Unavailable) as caught:
            await client.request("POST", URL, content=b"x")
    assert caught.value.details == {"host": HOST, "reason": "protocol", "sent": True}
    assert len(site.seen) == 1


async def test_a_server_that_never_speaks_tls_is_given_up_and_nothing_was_sent(web: Web) -> None:
    async def mute(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with web.tcp(mute) as port, web.factory({HOST: f"127.0.0.1:{port}"}).client([HOST]) as client:
        started = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await client.request("POST", URL, content=b"x", timeout_s=0.2)
        assert time.monotonic() - started < 5
    assert caught.value.details == {"host": HOST, "reason": "timeout", "sent": False}


@pytest.mark.parametrize("part", ["nothing", "half"])
async def test_the_budget_covers_the_whole_exchange(web: Web, part: str) -> None:
    async def handler(_request: Seen, writer: asyncio.StreamWriter) -> None:
        if part == "half":
            writer.write(web.answer(body=b"x" * 100)[:-50])
            await writer.drain()
        await asyncio.Event().wait()

    async with web.site(HOST, handler=handler) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        with pytest.raises(Unavailable) as caught:
            await client.request("POST", URL, content=b"x", timeout_s=0.4)
    assert caught.value.details == {"host": HOST, "reason": "timeout", "sent": True}
    assert "0.4 s" in caught.value.text.en
    assert len(site.seen) == 1


async def test_a_dropped_keep_alive_connection_does_not_make_a_second_post(web: Web) -> None:
    """The server closes the idle connection just as the POST arrives: it may have been read, so it must not be sent again."""
    async with web.site(HOST) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        await client.request("GET", URL)
        site.slam_at_next_byte = True
        with pytest.raises(Unavailable) as caught:
            await client.request("POST", f"{URL}/publish", content=b"x")
        assert caught.value.details["sent"] is True
        assert (site.heads, site.connections) == (2, 1)
        # Negative control: a client that tries again is visible in the same count.
        for _ in range(2):
            with suppress(Unavailable):
                await client.request("POST", f"{URL}/publish", content=b"x")
        assert site.heads == 4


async def test_a_post_that_was_read_but_not_answered_is_in_the_ledger_once(web: Web) -> None:
    async def handler(request: Seen, writer: asyncio.StreamWriter) -> None:
        if request.method == "POST":
            writer.transport.abort()
        else:
            writer.write(web.answer())

    async with web.site(HOST, handler=handler) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        await client.request("GET", URL)
        with pytest.raises(Unavailable) as caught:
            await client.request("POST", URL, content=b"x")
    assert caught.value.details["sent"] is True
    assert [(seen.method, seen.connection) for seen in site.seen] == [("GET", 1), ("POST", 1)]


async def test_an_idle_connection_that_was_closed_earlier_is_replaced(web: Web) -> None:
    async with web.site(HOST) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        await client.request("GET", URL)
        site.drop_all()
        pool = client._http._transport._direct  # type: ignore[attr-defined]
        async with asyncio.timeout(10):
            # Until the reset has crossed; were it late, this would be the case above.
            while not pool.connections[0].has_expired():  # noqa: ASYNC110 - nobody signals it
                await asyncio.sleep(0.001)
        await client.request("POST", URL, content=b"x")
    assert [(seen.method, seen.connection) for seen in site.seen] == [("GET", 1), ("POST", 2)]


async def test_a_cancelled_request_leaves_a_usable_client(web: Web) -> None:
    arrived = asyncio.Event()

    async def handler(request: Seen, writer: asyncio.StreamWriter) -> None:
        if request.target == "/slow":
            arrived.set()
            await asyncio.Event().wait()
        writer.write(web.answer())

    async with web.site(HOST, handler=handler) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        task = asyncio.create_task(client.request("GET", f"{URL}/slow"))
        await asyncio.wait_for(arrived.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.request("GET", URL)).status_code == 200


async def test_a_file_is_streamed_in_constant_memory(web: Web, tmp_path: Path) -> None:
    video, size = tmp_path / "v.mp4", 48 * 1024 * 1024
    with video.open("wb") as handle:
        handle.truncate(size)
    async with web.site(HOST, keep_bodies=False) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        await client.request("GET", URL)
        tracemalloc.start()
        await client.request("POST", URL, content=video, headers={"Content-Type": "video/mp4"})
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert site.seen[1].body_bytes == size
    assert site.seen[1].headers["content-length"] == str(size)
    assert "transfer-encoding" not in site.seen[1].headers
    assert site.seen[1].headers["content-type"] == "video/mp4"
    assert peak < size / 6, "client and server together stay far below the file"


async def test_a_file_that_is_not_there_is_the_callers_mistake(web: Web, tmp_path: Path) -> None:
    async with web.site(HOST) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        with pytest.raises(ContentError, match=r"missing\.jpg"):
            await client.request("POST", URL, content=tmp_path / "missing.jpg")
    assert site.connections == 0


async def test_a_file_that_shrinks_while_it_is_sent_breaks_the_exchange(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "p.jpg"
    picture.write_bytes(b"x" * 1000)
    opened = FileBody.opened

    async def opened_then_cut(path: Path) -> FileBody:
        body = await opened(path)
        path.write_bytes(b"x" * 10)  # noqa: ASYNC240 - ten bytes
        return body

    monkeypatch.setattr(FileBody, "opened", opened_then_cut)
    async with web.site(HOST) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        with pytest.raises(Unavailable) as caught:
            await client.request("POST", URL, content=picture)
        assert (await client.request("GET", URL)).status_code == 200
    assert caught.value.details == {"host": HOST, "reason": "io", "sent": True}
    assert [seen.method for seen in site.seen] == ["GET"], "the short upload was never complete"


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_over_the_limit_is_dropped(web: Web, packed: bool) -> None:
    async def handler(_request: Seen, writer: asyncio.StreamWriter) -> None:
        body = b"0" * (3 << 20)
        writer.write(
            web.answer(body=gzip.compress(body), headers=[("Content-Encoding", "gzip")])
            if packed
            else web.answer(body=body)
        )

    async with web.site(HOST, handler=handler) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        with pytest.raises(Unavailable) as caught:
            await client.request("GET", URL)
    assert caught.value.details["reason"] == "too_large"
    assert caught.value.details["sent"] is True


@pytest.mark.parametrize("headers", [{"X-A": "1\r\nX-Evil: 1"}, {"X\n": "1"}, {"X": "a\0b"}])
async def test_a_header_cannot_smuggle_another(web: Web, headers: dict[str, str]) -> None:
    async with web.site(HOST) as site, web.factory({HOST: site.address}).client([HOST]) as client:
        with pytest.raises(InvalidInput, match="line break"):
            await client.request("GET", URL, headers=headers)
    assert site.connections == 0


async def test_one_log_line_per_exchange_without_query_headers_or_body(
    web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def handler(_request: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(web.answer(body=b'{"secret-answer": 1}', headers=[("Set-Cookie", "SUB=secret-cookie; Path=/")]))

    async with (
        web.site(HOST, handler=handler) as site,
        web.factory({HOST: site.address}).client([HOST], plugin="weibo") as client,
    ):
        await client.request(
            "POST",
            f"{URL}/ajax/up?token=secret-query",
            headers={"Authorization": "secret-header"},
            content=b"secret-body",
        )
    ours = [record for record in caplog.records if record.name.startswith(("creatorflow.net", "httpx", "httpcore"))]
    assert len(ours) == 1
    fields: dict[str, Any] = vars(ours[0])["creatorflow_fields"]
    assert {**fields, "ms": 0} == {
        **{"plugin": "weibo", "method": "POST", "host": HOST, "url_path": "/ajax/up", "sent": True},
        **{"ms": 0, "status": 200, "bytes": 20},
    }
    assert not any("secret" in repr(vars(record)) for record in ours)
