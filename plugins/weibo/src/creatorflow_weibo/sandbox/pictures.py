"""Picture upload (variants A, B and C; D is shut) and the picture hosts (facts §3.1)."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from urllib.parse import urlsplit

from aiohttp import web
from creatorflow_testkit.replica import ImageFacts, captured, json_answer, path_params, route, sniff_image

from creatorflow_weibo.sandbox.base import PICTURE_HOSTS, UPLOAD, WeiboBase
from creatorflow_weibo.sandbox.ids import new_pid
from creatorflow_weibo.sandbox.state import Account, Picture

__all__ = ["PicturesPart", "picture_url"]

NOT_LOGGED_IN, NO_DATA, NO_FILE, NOT_ALLOWED, BAD_UID, BAD_S, BROKEN, BAD_MIME, TOO_BIG = 1, 2, 4, 5, 6, 7, 8, 9, 10
_TYPES = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif"}
_SIZES = ("thumbnail", "bmiddle", "mw690", "mw1024", "mw2000", "orj360", "large", "original")


def picture_url(pid: str, size: str) -> str:
    """Address of a stored picture; the host follows from the pid."""
    return f"https://{PICTURE_HOSTS[zlib.crc32(pid.encode()) % 4]}/{size}/{pid}.jpg"


class UploadRefused(Exception):
    """The picture door refuses; ``number`` as in facts §3.1."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class PicturesPart(WeiboBase):
    """Pictures in and out."""

    @route(
        "POST",
        "/interface/pic_upload.php",
        name="upload_ac",
        host=UPLOAD,
        kind="upload",
        provenance=captured("§3.1 A and C"),
    )
    async def upload_ac(self, request: web.Request) -> web.StreamResponse:
        """Variants A (``s=json``) and C (``s=xml``): raw bytes."""
        form = request.query.get("s", "")
        if request.query.get("data") == "base64" or "cb" in request.query:
            self.refuse(request, "", "old base64 door")
            return web.Response(status=403, text="Forbidden")
        try:
            if form not in {"json", "xml"}:
                raise UploadRefused(BAD_S)
            account = self._uploader(request)
            picture = self._store(request, account, await request.read(), variant="A" if form == "json" else "C")
        except UploadRefused as refused:
            self.refuse(request, "", "upload", number=refused.number)
            return self._refusal_xml(refused.number) if form == "xml" else self._refusal_json(refused.number)
        return self._xml(picture) if form == "xml" else self._json(picture)

    @route("POST", "/interface/upload.php", name="upload_b", host=UPLOAD, kind="upload", provenance=captured("§3.1 B"))
    async def upload_b(self, request: web.Request) -> web.StreamResponse:
        """Variant B: raw bytes with checksums in the query."""
        query = request.query
        try:
            account = self._uploader(request)
            body = await request.read()
            if query.get("uid") and query["uid"] != account.uid:
                raise UploadRefused(BAD_UID)
            expected = (
                (query.get("cs"), str(zlib.crc32(body))),
                (query.get("raw_md5"), hashlib.md5(body, usedforsecurity=False).hexdigest()),
                (query.get("file_size"), str(len(body))),
            )
            if body and any(given and given.lower() != real for given, real in expected):
                raise UploadRefused(BROKEN)
            picture = self._store(request, account, body, variant="B")
        except UploadRefused as refused:
            self.refuse(request, "", "upload", number=refused.number)
            return json_answer({"ret": False, "errno": refused.number})
        return json_answer(
            {
                "ret": True,
                "pic": {"pid": picture.pid, "width": picture.width, "height": picture.height, "size": picture.size},
            }
        )

    @route(
        "GET",
        "/{size}/{pid}.{extension}",
        name="picture",
        host=PICTURE_HOSTS,
        kind="media",
        provenance=captured("§3.1"),
    )
    async def picture(self, request: web.Request) -> web.StreamResponse:
        """A stored picture; every size holds the uploaded bytes (the replica does not scale)."""
        referer = urlsplit(request.headers.get("Referer", "")).hostname or ""
        if not any(referer == site or referer.endswith("." + site) for site in ("weibo.com", "weibo.cn")):
            return web.Response(status=403, text="Forbidden")
        wanted = path_params(request)
        found = self.state.pictures.get(wanted["pid"])
        body = self.media.get(found.sha256) if found and wanted["size"] in _SIZES else None
        if found is None or body is None:
            return web.Response(status=404)
        return web.Response(body=body, content_type=found.mime)

    # ---- one upload ----------------------------------------------------------------------------------------------
    def _uploader(self, request: web.Request) -> Account:
        account = self.session(request)
        if account is None:
            raise UploadRefused(NOT_LOGGED_IN)
        fault = self.struck("upload_error", request)
        if fault:
            raise UploadRefused(int(fault.params["number"]))
        if not account.upload_allowed:
            raise UploadRefused(NOT_ALLOWED)
        return account

    def _store(self, request: web.Request, account: Account, body: bytes, *, variant: str) -> Picture:
        facts = self._check(request, body)
        pid, digest, now = new_pid(account.uid, facts.mime), self.media.put(body), self.clock.time()
        picture = Picture(pid, account.uid, digest, facts.mime, facts.width, facts.height, len(body), now)
        size = {"mime": facts.mime, "width": facts.width, "height": facts.height}
        self.ledger.upload(account.uid, pid, body, at=self.clock.now(), variant=variant, time=now, **size)
        self.state.pictures[pid] = picture
        return picture

    def _check(self, request: web.Request, body: bytes) -> ImageFacts:
        if not body:
            raise UploadRefused(NO_DATA)
        if request.content_type.startswith("multipart/"):  # facts §10 row 9: a body of the wrong form is "no file"
            raise UploadRefused(NO_FILE)
        if len(body) > self.settings["picture_bytes"]:
            raise UploadRefused(TOO_BIG)
        facts = sniff_image(body)
        if facts is None or facts.mime not in _TYPES:
            raise UploadRefused(BAD_MIME)
        if not facts.whole or not facts.width or not facts.height:
            raise UploadRefused(BROKEN)
        return facts

    # ---- answers -------------------------------------------------------------------------------------------------
    def _json(self, picture: Picture) -> web.Response:
        pic = {
            "ret": 1,
            "name": "pic_1",
            "pid": picture.pid,
            "width": picture.width,
            "height": picture.height,
            "size": picture.size,
        }
        return _as_html_json({"code": "A00006", "data": {"count": 1, "uid": picture.uid, "pics": {"pic_1": pic}}})

    def _refusal_json(self, number: int) -> web.Response:
        pics = {"pic_1": {"ret": -number, "name": "pic_1"}}
        return _as_html_json({"code": "A00006", "data": {"count": -number, "pics": pics}})

    def _xml(self, picture: Picture) -> web.Response:
        told = base64.b64encode(json.dumps({"uid": picture.uid, "count": 1}).encode()).decode()
        inner = "".join(f"<{key}>{getattr(picture, key)}</{key}>" for key in ("pid", "width", "height", "size"))
        return _as_xml(f"<data>{told}</data><pics><pic_1>{inner}</pic_1></pics>")

    def _refusal_xml(self, number: int) -> web.Response:
        if number == NOT_LOGGED_IN:
            return _as_xml("<data>100006</data>")
        told = base64.b64encode(json.dumps({"count": -number}).encode()).decode()
        return _as_xml(f"<data>{told}</data><pics><pic_1><ret>-{number}</ret></pic_1></pics>")


def _as_html_json(value: object) -> web.Response:
    # The old uploader page reads its answer from an iframe, so the type is text/html although it is JSON.
    return web.Response(text=json.dumps(value), content_type="text/html", charset="utf-8")


def _as_xml(inner: str) -> web.Response:
    text = f'<?xml version="1.0" encoding="utf-8"?><root>{inner}</root>'
    return web.Response(text=text, content_type="text/xml", charset="utf-8")
