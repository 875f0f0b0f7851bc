"""Who we are, silent renewal, and getting a post ready: everything before the irreversible step."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from creatorflow.api import (
    Cause,
    ContentError,
    CreatorFlowError,
    CredentialRejected,
    Draft,
    Form,
    HumanNeeded,
    MediaFile,
    RateLimited,
    Refused,
    Unavailable,
)
from creatorflow_weibo.adapter import WeiboAdapter

UID = "7654321098"
CONFIG = "/ajax/config/get_config"
UPLOAD = "/interface/upload.php"
LOGIN = "https://passport.weibo.com/sso/signin"


def redirect(where: str, **headers: str) -> Any:
    async def reply(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": where, **headers})

    return reply


def page(*cookies: str) -> Any:
    async def reply(request: web.Request, body: bytes) -> web.StreamResponse:
        answer = web.Response(text="<html>", content_type="text/html")
        for cookie in cookies:
            answer.headers.add("Set-Cookie", cookie)
        return answer

    return reply


def status(code: int, text: str = "") -> Any:
    async def reply(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=code, text=text)

    return reply


# --- session ------------------------------------------------------------------------------------------------------------------------


async def test_a_good_session(site: Any, adapter: WeiboAdapter) -> None:
    info = await adapter.check_session()
    assert (info.uid, info.display_name) == (UID, "小明")
    assert info.rights == {"mblog_statement": [1, 2, 3, 4]}
    assert site.paths()[0] == CONFIG
    assert sorted(site.paths()) == [CONFIG, "/ajax/getSpaConfig", "/ajax/profile/info"]


async def test_name_and_rights_are_ornaments(site: Any, context: Any, adapter: WeiboAdapter) -> None:
    site.answers["/ajax/profile/info"] = status(500)
    site.answers["/ajax/getSpaConfig"] = {
        "ok": 1,
        "data": {"flags": {"statement": {"mblog_statement_list": [{"x": 1}]}}},
    }
    info = await adapter.check_session()
    assert (info.uid, info.display_name, info.rights) == (UID, "", {})
    assert any("profile" in line for line in context.log.lines)


async def test_a_missing_token_is_fetched_from_the_front_page(site: Any, context: Any, adapter: WeiboAdapter) -> None:
    context.http.client.cookies.delete("XSRF-TOKEN")
    site.answers["/"] = page("XSRF-TOKEN=fresh; Path=/; Domain=weibo.com")
    await adapter.check_session()
    assert context.http.cookie("XSRF-TOKEN", "weibo.com") == "fresh"


async def test_no_token_at_all_is_said_before_anything_is_sent(site: Any, context: Any, adapter: WeiboAdapter) -> None:
    context.http.client.cookies.delete("XSRF-TOKEN")
    site.answers["/"] = page()
    with pytest.raises(Unavailable) as caught:
        await adapter.check_session()
    assert caught.value.cause is Cause.DRIFT


async def test_silent_renewal(site: Any, context: Any, adapter: WeiboAdapter) -> None:
    site.answers[CONFIG] = [{"ok": -100, "url": LOGIN}, {"ok": 1, "data": {"uid": int(UID)}}]
    site.answers["weibo.com/"] = [
        redirect("https://login.sina.com.cn/sso/login.php?useticket=1", **{"x-login-autologin": "true"}),
        page("XSRF-TOKEN=fresh; Path=/"),
    ]
    site.answers["login.sina.com.cn/sso/login.php"] = redirect("https://passport.weibo.com/sso/v2/pmproxy")
    site.answers["passport.weibo.com/sso/v2/pmproxy"] = redirect(
        "https://weibo.com/", **{"Set-Cookie": "SUB=renewed; Path=/; Domain=.weibo.com"}
    )
    info = await adapter.check_session()
    assert info.uid == UID
    assert context.http.cookie("SUB", "weibo.com") == "renewed"


@pytest.mark.parametrize(
    "first",
    [
        redirect(LOGIN),
        redirect("https://login.sina.com.cn/sso/login.php?retcode=6102", **{"x-login-autologin": "true"}),
        redirect("https://evil.example/", **{"x-login-autologin": "true"}),
        redirect("http://login.sina.com.cn/", **{"x-login-autologin": "true"}),
        redirect("https://weibo.com/", **{"x-login-autologin": "true"}),
        page(),
    ],
    ids=["login page", "ticket spent", "stranger", "no TLS", "circle", "still no"],
)
async def test_no_renewal_means_a_person_must_log_in(site: Any, adapter: WeiboAdapter, first: Any) -> None:
    site.answers[CONFIG] = {"ok": -100, "url": LOGIN}
    site.answers["weibo.com/"] = first
    with pytest.raises(CredentialRejected) as caught:
        await adapter.check_session()
    assert caught.value.cause is Cause.SESSION
    assert "weibo.com" in caught.value.text.zh
    assert "evil.example" not in [headers.get("Host") for *_, headers in site.requests]


@pytest.mark.parametrize(
    ("answer", "kind", "cause"),
    [
        (status(432), RateLimited, Cause.RISK),
        (status(418), RateLimited, Cause.RISK),
        (status(414), RateLimited, Cause.RISK),
        (status(403), Unavailable, Cause.SESSION),
        (status(502), Unavailable, Cause.NETWORK),
        (status(200, "<html>"), Unavailable, Cause.DRIFT),
        ({"ok": 1, "data": {}}, Unavailable, Cause.DRIFT),
        ({"ok": 0, "msg": "操作频繁"}, RateLimited, Cause.RISK),
        ({"ok": 0, "msg": "系统错误"}, Unavailable, Cause.DRIFT),
    ],
)
async def test_no_usable_answer(
    site: Any, adapter: WeiboAdapter, answer: Any, kind: type[CreatorFlowError], cause: Cause
) -> None:
    site.answers[CONFIG] = answer
    with pytest.raises(kind) as caught:
        await adapter.check_session()
    assert caught.value.cause is cause
    assert not isinstance(caught.value, CredentialRejected)


# --- preparing ----------------------------------------------------------------------------------------------------------------------


def picture(folder: Path, name: str) -> MediaFile:
    path = folder / name
    data = f"picture {name}".encode()
    path.write_bytes(data)
    return MediaFile(path=path, sha256=hashlib.sha256(data).hexdigest(), mime="image/jpeg", size=len(data))


def draft(*images: MediaFile, **more: Any) -> Draft:
    form = Form.IMAGE if images else Form.TEXT
    return Draft.model_validate({"platform": "weibo", "form": form, "text": "好", "images": images, **more})


class Uploader:
    """Answers as variant B does; checks the digests that the client claims."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, request: web.Request, body: bytes) -> web.StreamResponse:
        query = request.query
        right = (
            query["cs"] == str(zlib.crc32(body))
            and query["raw_md5"] == hashlib.md5(body).hexdigest()
            and query["file_size"] == str(len(body))
            and query["uid"] == UID
            and request.headers["Content-Type"] == "application/octet-stream"
        )
        if not right:
            return web.json_response({"ret": False, "errno": 8})
        self.bodies.append(body)
        return web.json_response({"ret": True, "pic": {"pid": f"pid-{body.decode().split()[-1]}"}})


@pytest.fixture
def uploader(site: Any) -> Uploader:
    site.answers[UPLOAD] = Uploader()
    uploaded: Uploader = site.answers[UPLOAD]
    return uploaded


async def test_pictures_go_up_in_order(tmp_path: Path, context: Any, adapter: WeiboAdapter, uploader: Uploader) -> None:
    images = [picture(tmp_path, name) for name in ("c", "a", "b")]
    prepared = await adapter.prepare(draft(*images))
    assert [pic["pid"] for pic in prepared.checkpoint["pics"]] == ["pid-c", "pid-a", "pid-b"]
    assert '"pid":"pid-c"},{"type":"image/jpeg","pid":"pid-a"}' in prepared.preview["pic_id"]
    assert [text.en for text in context.said] == [f"Uploading picture {number} of 3" for number in (1, 2, 3)]


async def test_preparing_publishes_nothing(
    site: Any, tmp_path: Path, adapter: WeiboAdapter, uploader: Uploader
) -> None:
    await adapter.prepare(draft(picture(tmp_path, "a")))
    assert site.paths("POST") == [UPLOAD]


async def test_a_resumed_job_uploads_only_what_is_missing(
    tmp_path: Path, adapter: WeiboAdapter, uploader: Uploader
) -> None:
    first, second = picture(tmp_path, "a"), picture(tmp_path, "b")
    checkpoint = {"pics": [{"sha256": second.sha256, "pid": "old-b"}, {"sha256": "0" * 64, "pid": "other"}]}
    prepared = await adapter.prepare(draft(first, second), checkpoint)
    assert [pic["pid"] for pic in prepared.checkpoint["pics"]] == ["pid-a", "old-b"]
    assert uploader.bodies == [b"picture a"]


async def test_a_picture_used_twice_goes_up_once(tmp_path: Path, adapter: WeiboAdapter, uploader: Uploader) -> None:
    image = picture(tmp_path, "a")
    prepared = await adapter.prepare(draft(image, image))
    assert [pic["pid"] for pic in prepared.checkpoint["pics"]] == ["pid-a", "pid-a"]
    assert len(uploader.bodies) == 1


async def test_a_picture_that_changed_after_the_plan_is_not_sent(
    tmp_path: Path, adapter: WeiboAdapter, uploader: Uploader
) -> None:
    image = picture(tmp_path, "a")
    image.path.write_bytes(b"something else")
    with pytest.raises(ContentError) as caught:
        await adapter.prepare(draft(image))
    assert caught.value.details["path"] == str(image.path)
    image.path.unlink()
    with pytest.raises(ContentError):
        await adapter.prepare(draft(image))
    assert uploader.bodies == []


@pytest.mark.parametrize(
    ("answer", "kind", "cause"),
    [
        ({"ret": False, "errno": 1}, CredentialRejected, Cause.SESSION),
        ({"ret": False, "errno": -1}, CredentialRejected, Cause.SESSION),
        ({"ret": False, "errno": 8}, Refused, Cause.CONTENT),
        ({"ret": False, "errno": "9"}, Refused, Cause.CONTENT),
        ({"ret": False, "errno": 10}, Refused, Cause.CONTENT),
        ({"ret": False, "errno": 12}, Refused, Cause.CONTENT),
        ({"ret": False, "errno": 5}, HumanNeeded, Cause.RISK),
        ({"ret": False, "errno": 6}, Refused, Cause.ACCOUNT),
        ({"ret": False, "errno": 11}, Unavailable, Cause.NETWORK),
        ({"ret": False, "errno": 14}, Unavailable, Cause.DRIFT),
        ({"ret": True, "pic": {}}, Unavailable, Cause.DRIFT),
        ({"ret": True}, Unavailable, Cause.DRIFT),
        pytest.param(status(432), Unavailable, Cause.RISK, id="HTTP 432"),
        pytest.param(status(502), Unavailable, Cause.NETWORK, id="HTTP 502"),
    ],
    ids=str,  # of data only: a function's text holds an address, which differs between xdist's workers
)
async def test_refused_pictures(
    site: Any, tmp_path: Path, adapter: WeiboAdapter, answer: Any, kind: type[CreatorFlowError], cause: Cause
) -> None:
    site.answers[UPLOAD] = answer
    with pytest.raises(kind) as caught:
        await adapter.prepare(draft(picture(tmp_path, "sunset.jpg")))
    assert caught.value.cause is cause
    if kind is not CredentialRejected:
        assert "sunset.jpg" in caught.value.text.en
        assert "sunset.jpg" in caught.value.text.zh


async def test_a_declaration_that_the_account_may_not_make(site: Any, adapter: WeiboAdapter) -> None:
    site.answers["/ajax/getSpaConfig"] = {
        "ok": 1,
        "data": {"flags": {"statement": {"mblog_statement_list": ["1", 2]}}},
    }
    with pytest.raises(Refused) as caught:
        await adapter.prepare(draft(declarations={"original": True}))
    assert caught.value.cause is Cause.ACCOUNT
    assert "original" in caught.value.text.zh
    prepared = await adapter.prepare(draft(declarations={"ai_generated": True}))
    assert prepared.preview["mblog_statement"] == "1"


async def test_other_forms_are_refused_at_once(site: Any, adapter: WeiboAdapter) -> None:
    with pytest.raises(Refused):
        await adapter.prepare(Draft(platform="weibo", form=Form.ARTICLE, text="文"))
    assert site.requests == []
