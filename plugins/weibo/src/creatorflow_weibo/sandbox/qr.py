"""QR login, version 2 (facts §2.2); control actions play the phone."""

from __future__ import annotations

import io
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web
from creatorflow_testkit.replica import SettingError, action, assumed, captured, json_answer, route

from creatorflow_weibo.sandbox.base import PASSPORT, PASSPORT_CN, QR_PICTURES, SINA, WeiboBase, set_cookies
from creatorflow_weibo.sandbox.html import login_page
from creatorflow_weibo.sandbox.session import found

__all__ = ["QrPart"]

LIFETIME = 240.0  # seconds a code lives; sources poll "at most 240 s"
WAITING, SCANNED, EXPIRED, USED, EXCEPTION, DONE = 50114001, 50114002, 50114003, 50114004, 50114015, 20000000
_WORDS = {
    WAITING: "未使用",
    SCANNED: "成功扫描，请在手机点击确认以登录",
    EXPIRED: "该二维码已过期，请重新扫描",
    USED: "该二维码已被使用",
    EXCEPTION: "二维码异常",
    DONE: "succ",
}
_SHOWN = "https://weibo.com/"


@dataclass
class _Code:
    """One QR code; ``made`` in seconds since 1970, ``alt`` the ticket once it is confirmed."""

    qrid: str
    made: float
    state: int = WAITING
    uid: str = ""
    alt: str = ""


class QrPart(WeiboBase):
    """The login by phone."""

    def clear_state(self) -> None:
        """Forget everything, codes too (a restarted site knows no old code either)."""
        super().clear_state()
        self._codes: dict[str, _Code] = {}
        self._alts: dict[str, str] = {}
        self._tickets: dict[str, str] = {}

    @route("GET", "/sso/signin", name="signin", host=PASSPORT, kind="page", provenance=captured("§2.2 step 1"))
    async def signin(self, request: web.Request) -> web.StreamResponse:
        """The sign-in page; sets ``X-CSRF-TOKEN``."""
        page = web.Response(text=login_page(), content_type="text/html", charset="utf-8")
        page.headers.add("Set-Cookie", f"X-CSRF-TOKEN={secrets.token_urlsafe(18)}; Path=/; Secure")
        return page

    @route(
        "*", "/sso/v2/qrcode/image", name="qr_image", host=PASSPORT, kind="session", provenance=captured("§2.2 step 2")
    )
    async def qr_image(self, request: web.Request) -> web.StreamResponse:
        """A new code; POST is refused."""
        if request.method != "GET":
            return _retcode(50114017, "size error")
        self._check_csrf(request)
        code = _Code("2" + secrets.token_hex(15), self.clock.time())
        self._codes[code.qrid] = code
        text = f"https://{PASSPORT_CN}/signin/qrcode/scan?qr={code.qrid}"
        query = urlencode({"size": request.query.get("size", "180"), "data": text})
        picture = f"https://{QR_PICTURES}/inf/gen?{query}"
        return json_answer({"retcode": DONE, "msg": "succ", "data": {"qrid": code.qrid, "image": picture}})

    @route(
        "*", "/sso/v2/qrcode/check", name="qr_check", host=PASSPORT, kind="session", provenance=captured("§2.2 step 3")
    )
    async def qr_check(self, request: web.Request) -> web.StreamResponse:
        """What the phone did; a confirmed code answers once with the login address."""
        if request.method != "GET":
            return _retcode(50114008, "param error")
        self._check_csrf(request)
        code = self._codes.get(request.query.get("qrid", ""))
        if code is None or self.struck("qr_exception", request):
            return _retcode(EXCEPTION, _WORDS[EXCEPTION])
        if code.state in {WAITING, SCANNED} and self.clock.time() - code.made > LIFETIME:
            code.state = EXPIRED
        if code.state != DONE:
            return _retcode(code.state, _WORDS[code.state])
        code.state, code.alt = USED, "ALT-" + secrets.token_urlsafe(24)
        self._alts[code.alt] = code.uid
        query = urlencode({"entry": "miniblog", "source": "miniblog", "url": _SHOWN, "alt": code.alt})
        return json_answer(
            {"retcode": DONE, "msg": "succ", "data": {"url": f"https://{PASSPORT}/sso/v2/login?{query}"}}
        )

    @route(
        "GET", "/inf/gen", name="qr_picture", host=QR_PICTURES, kind="media", provenance=assumed("§2.2: host and path")
    )
    async def qr_picture(self, request: web.Request) -> web.StreamResponse:
        """The picture of a code: a real one that a phone could read."""
        import segno  # only here, and only in the sandbox extra

        target = io.BytesIO()
        segno.make(request.query.get("data", ""), micro=False).save(target, kind="png", scale=6)
        return web.Response(body=target.getvalue(), content_type="image/png")

    # ---- the chain of redirects over four domains ----------------------------------------------------------------
    @route("GET", "/sso/v2/login", name="qr_login", host=PASSPORT, kind="session", provenance=captured("§2.2 step 4"))
    async def qr_login(self, request: web.Request) -> web.StreamResponse:
        """Spends the ``alt`` ticket: cookies of .weibo.com."""
        uid = self._alts.pop(request.query.get("alt", ""), "")
        if not uid:
            return found(f"https://{PASSPORT}/sso/signin?retcode={EXPIRED}")
        ticket = "ST-" + secrets.token_hex(12)
        self._tickets[ticket] = uid
        answer = found(f"https://{SINA}/sso/v2/crossdomain?{urlencode({'ticket': ticket, 'url': _SHOWN})}")
        self._add_cookies(answer, uid, "weibo")
        return answer

    @route(
        "GET", "/sso/v2/crossdomain", name="cross_sina", host=SINA, kind="session", provenance=captured("§2.2 step 4")
    )
    async def cross_sina(self, request: web.Request) -> web.StreamResponse:
        """Cookies of .sina.com.cn."""
        return self._hop(request, "sina", f"https://{PASSPORT_CN}/sso/crossdomain")

    @route(
        "GET", "/sso/crossdomain", name="cross_cn", host=PASSPORT_CN, kind="session", provenance=captured("§2.2 step 4")
    )
    async def cross_cn(self, request: web.Request) -> web.StreamResponse:
        """Cookies of .weibo.cn; the ticket is spent here."""
        return self._hop(request, "cn", f"https://{PASSPORT}/sso/v2/pmproxy")

    @route("GET", "/sso/v2/pmproxy", name="pmproxy", host=PASSPORT, kind="session", provenance=captured("§2.2 step 4"))
    async def pmproxy(self, request: web.Request) -> web.StreamResponse:
        """The end of the chain: back to weibo.com."""
        return found(_SHOWN)

    def _hop(self, request: web.Request, zone: str, onward: str) -> web.Response:
        ticket = request.query.get("ticket", "")
        uid = self._tickets.get(ticket, "")
        if not uid:
            return found(f"https://{PASSPORT}/sso/signin?retcode={EXPIRED}")
        if zone == "cn":
            del self._tickets[ticket]
        answer = found(f"{onward}?ticket={quote(ticket)}&url={quote(_SHOWN, safe='')}")
        self._add_cookies(answer, uid, zone)
        return answer

    def _add_cookies(self, answer: web.StreamResponse, uid: str, zone: str) -> None:
        domain = {"weibo": ".weibo.com", "sina": ".sina.com.cn", "cn": ".weibo.cn"}[zone]
        fitting = [cookie for cookie in self.log_in(uid, (zone,)) if cookie.domain == domain]
        set_cookies(answer, fitting, self.clock.time())

    def _check_csrf(self, request: web.Request) -> None:
        """A wrong ``x-csrf-token`` is refused; a missing one passes (no source says that it does not)."""
        given = request.headers.get("x-csrf-token")
        if given is not None and given != request.cookies.get("X-CSRF-TOKEN"):
            raise web.HTTPForbidden(text="csrf")

    # ---- the phone -----------------------------------------------------------------------------------------------
    @action("qr_state")
    async def qr_state(self) -> list[dict[str, Any]]:
        """All codes, oldest first: qrid, retcode, the text to scan."""
        return [
            {
                "qrid": code.qrid,
                "retcode": code.state,
                "text": f"https://{PASSPORT_CN}/signin/qrcode/scan?qr={code.qrid}",
            }
            for code in self._codes.values()
        ]

    @action("qr_scan")
    async def qr_scan(self, *, qrid: str = "") -> dict[str, Any]:
        """The phone scans a code (the newest one when none is named)."""
        code = self._phone(qrid, {WAITING})
        code.state = SCANNED
        return {"qrid": code.qrid}

    @action("qr_confirm")
    async def qr_confirm(self, *, uid: str, qrid: str = "") -> dict[str, Any]:
        """The phone, logged in as ``uid``, confirms (scanning first if need be)."""
        if uid not in self.state.accounts:
            raise SettingError(f"no account {uid!r}: make one first (logged_in=False makes it without a session)")
        code = self._phone(qrid, {WAITING, SCANNED})
        code.state, code.uid = DONE, uid
        return {"qrid": code.qrid}

    @action("qr_expire")
    async def qr_expire(self, *, qrid: str = "") -> dict[str, Any]:
        """The code runs out at once."""
        code = self._phone(qrid, {WAITING, SCANNED})
        code.state = EXPIRED
        return {"qrid": code.qrid}

    def _phone(self, qrid: str, allowed: set[int]) -> _Code:
        code = self._codes.get(qrid) if qrid else next(reversed(self._codes.values()), None)
        if code is None or code.state not in allowed:
            state = code.state if code else "missing"
            raise SettingError(f"no code {qrid or '(newest)'} that waits for the phone (state: {state})")
        return code


def _retcode(number: int, text: str) -> web.Response:
    return json_answer({"retcode": number, "msg": text, "data": None})
