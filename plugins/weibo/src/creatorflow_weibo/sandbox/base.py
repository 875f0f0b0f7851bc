"""What the parts of the replica share: state, login check, Referer and token rules, the shape of answers."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from aiohttp import web
from creatorflow_testkit.replica import (
    Answered,
    ArmedFault,
    Cookie,
    FaultSpec,
    LedgerEntry,
    Replica,
    SettingError,
    TestAccount,
    json_answer,
)

from creatorflow_weibo.sandbox.state import Account, SiteState, account_data

__all__ = [
    "AJAX",
    "MOBILE",
    "PASSPORT",
    "PASSPORT_CN",
    "PICTURE_HOSTS",
    "QR_PICTURES",
    "SINA",
    "UPLOAD",
    "WeiboBase",
    "set_cookies",
]

AJAX, MOBILE, UPLOAD = "weibo.com", "m.weibo.cn", "picupload.weibo.com"
PASSPORT, PASSPORT_CN, SINA, QR_PICTURES = (
    "passport.weibo.com",
    "passport.weibo.cn",
    "login.sina.com.cn",
    "v2.qr.weibo.cn",
)
PICTURE_HOSTS = ("wx1.sinaimg.cn", "wx2.sinaimg.cn", "wx3.sinaimg.cn", "wx4.sinaimg.cn")
LOGIN_URL = "https://weibo.com/login.php?url=https%3A%2F%2Fweibo.com%2F"
_DOMAINS = {"weibo": ".weibo.com", "cn": ".weibo.cn", "sina": ".sina.com.cn"}
_MONTH = 30 * 86400

EXTRA_FAULTS = (
    FaultSpec(
        "duplicate_refused",
        "The same text twice in a row is refused (20019); force: any text.",
        ("publish",),
        {"force": False},
    ),
    FaultSpec(
        "text_truncated", "The stored text is cut to so many units without a word.", ("publish",), {"units": 140}
    ),
    FaultSpec(
        "text_rewritten", "Links in the stored text become t.cn links; zero-width characters follow.", ("publish",)
    ),
    FaultSpec(
        "review_pending", "The post is accepted, and hidden from others until action review decides.", ("publish",)
    ),
    FaultSpec("rate_limited", "Refused: too frequent (20016).", ("publish",)),
    FaultSpec("content_refused", "Refused: illegal content (20021).", ("publish",)),
    FaultSpec("captcha_required", "Refused: captcha needed (20031).", ("publish",)),
    FaultSpec("identity_required", "Refused: user need identity authentication.", ("publish",)),
    FaultSpec(
        "accepted_delayed",
        "Code 20032: published, but lists and pages show it only after so many seconds; ok is the answer's ok.",
        ("publish",),
        {"seconds": 90.0, "ok": 0},
    ),
    FaultSpec("xsrf_rejected", "HTTP 403 as for a wrong token.", ("publish",)),
    FaultSpec("upload_error", "The picture door answers with this error number.", ("upload",), {"number": 11}),
    FaultSpec("qr_exception", "The QR check answers 50114015.", ("session",)),
)

DEFAULT_SETTINGS: Mapping[str, Any] = {
    "missing_xsrf": "refuse",  # or "accept": the sources disagree about a missing token (facts §3)
    "xsrf_encoded": False,  # tokens with a percent-encoded character, so that only a decoding client passes
    "text_limit": 2000,
    "picture_bytes": 20 * 2**20 - 1,
    "pid_seconds": 86400.0,
    "failure_key": "msg",  # or "message": both are seen (facts §3.2)
    "failure_numbers": True,  # failures carry error_code
    "missing_post": "ok0",  # or "404": both are seen (facts §6)
    "refuse_repeats": False,  # off, so that the ledger shows a client that posts twice
    "text_rewritten": False,
    "hourly_writes": 0,  # most posts per hour and account; 0: no limit
    "statement_objects": False,  # mblog_statement_list as objects instead of numbers
    "schedule_needs_membership": False,
}


class WeiboBase(Replica):
    """State and rules that all parts use."""

    name = "weibo"
    hosts = (AJAX, "www.weibo.com", MOBILE, UPLOAD, PASSPORT, PASSPORT_CN, SINA, QR_PICTURES, *PICTURE_HOSTS)
    extra_faults = EXTRA_FAULTS
    default_settings: ClassVar[Mapping[str, Any]] = DEFAULT_SETTINGS

    state: SiteState

    def clear_state(self) -> None:
        """Forget everything."""
        self.state = SiteState()

    def restore(self, entries: Sequence[LedgerEntry]) -> None:
        """Rebuild the state from the ledger."""
        for entry in entries:
            self.state.replay(entry)

    # ---- accounts ------------------------------------------------------------------------------------------------
    async def make_account(self, **wishes: Any) -> TestAccount:
        """Make a logged-in account.

        Args:
            wishes: ``uid``, ``name`` and the rights of ``Account``; ``with_xsrf`` (default true): the cookies hold an
                XSRF-TOKEN, as an exported browser session does; ``logged_in`` (default true): else only the account
                is made, for QR logins.

        Raises:
            SettingError: unknown wish, or the uid is taken.
        """
        with_xsrf, logged_in = bool(wishes.pop("with_xsrf", True)), bool(wishes.pop("logged_in", True))
        uid = str(wishes.pop("uid", "") or 7_000_000_001 + len(self.state.accounts))
        if uid in self.state.accounts or not uid.isdigit():
            raise SettingError(f"uid {uid!r} is taken or not a number")
        wishes["statements"] = tuple(wishes.get("statements", (1, 2, 3, 4)))
        try:
            account = Account(uid=uid, name=str(wishes.pop("name", f"用户{uid}")), **wishes)
        except TypeError as error:
            raise SettingError(f"account wish: {error}") from error
        self.state.accounts[uid] = account
        self.ledger.record("account", uid, at=self.clock.now(), **account_data(account))
        cookies = self.log_in(uid, tuple(_DOMAINS)) if logged_in else []
        if logged_in and with_xsrf:
            cookies.append(self.xsrf_cookie())
        return TestAccount.of(uid, account.name, cookies, rights=account_data(account))

    def log_in(self, uid: str, zones: Sequence[str]) -> list[Cookie]:
        """New session cookies for some zones; written to the ledger so that they outlive a restart."""
        subs = {zone: "_2A25" + secrets.token_urlsafe(48) for zone in zones}
        for zone, token in subs.items():
            self.state.tokens[token] = (uid, zone)
        self.ledger.record("session", uid, at=self.clock.now(), subs=subs)
        until = self.clock.time() + _MONTH
        cookies = []
        for zone, token in subs.items():
            domain = _DOMAINS[zone]
            cookies += [
                Cookie("SUB", token, domain, expires=until),
                Cookie("SUBP", "0033WrSXqPxfM725Ws9jqgMF" + secrets.token_urlsafe(24), domain, expires=until),
                Cookie("ALF", f"02_{int(until)}", domain, expires=until, http_only=False),
            ]
        if "weibo" in subs:
            cookies.append(Cookie("SSOLoginState", str(int(self.clock.time())), ".weibo.com", http_only=False))
            cookies.append(Cookie("WBPSESS", secrets.token_urlsafe(64), "weibo.com"))
        if "sina" in subs:
            cookies.append(Cookie("SCF", secrets.token_urlsafe(48), ".sina.com.cn", expires=until + 300 * 86400))
        if "cn" in subs:
            cookies.append(Cookie("MLOGIN", "1", ".weibo.cn", http_only=False))
        return cookies

    def xsrf_cookie(self) -> Cookie:
        """A fresh csrf cookie, readable by the page's script."""
        token = secrets.token_urlsafe(18)
        if self.settings["xsrf_encoded"]:
            token = token[:-2] + "%3D%2B"
        return Cookie("XSRF-TOKEN", token, "weibo.com", http_only=False)

    # ---- who asks ------------------------------------------------------------------------------------------------
    def session(self, request: web.Request, zone: str = "weibo") -> Account | None:
        """The logged-in account of a request, or ``None`` (nobody, a visitor, an expired or foreign ``SUB``)."""
        uid, of_zone = self.state.tokens.get(request.cookies.get("SUB", ""), ("", ""))
        if not uid or of_zone != zone or self.struck("expired_session", request):
            return None
        return self.state.accounts[uid]

    def login(self, request: web.Request) -> Account:
        """The logged-in account, or the answer ``ok -100``."""
        account = self.session(request)
        if account is None:
            self.refuse(request, "", "not logged in")
            raise Answered(json_answer({"ok": -100, "url": LOGIN_URL}))
        return account

    def need_referer(self, request: web.Request) -> None:
        """HTTP 403 without a Referer of weibo.com."""
        host = urlsplit(request.headers.get("Referer", "")).hostname or ""
        if host not in {"weibo.com", "www.weibo.com"} and not host.endswith(".weibo.com"):
            self.refuse(request, "", "no weibo Referer")
            raise Answered(json_answer({"ok": 0, "msg": "Forbidden"}, status=403))

    def need_any_sub(self, request: web.Request) -> None:
        """HTTP 403 for a request without any ``SUB``; a visitor's is enough for reading."""
        sub = request.cookies.get("SUB", "")
        if sub not in self.state.tokens and sub not in self.state.visitors:
            self.refuse(request, "", "no SUB")
            raise Answered(json_answer({"ok": 0, "msg": "Forbidden"}, status=403))

    def need_token(self, request: web.Request, uid: str) -> None:
        """The double-submit rule: header ``x-xsrf-token`` repeats the decoded cookie ``XSRF-TOKEN``."""
        header = request.headers.get("x-xsrf-token")
        cookie = unquote(request.cookies.get("XSRF-TOKEN", ""))
        missing = not header and self.settings["missing_xsrf"] == "accept"
        right = bool(header) and secrets.compare_digest((header or "").encode(), cookie.encode())
        if self.struck("xsrf_rejected", request) or not (right or missing):
            self.refuse(request, uid, "xsrf token")
            raise Answered(json_answer({"ok": 0, "msg": "Forbidden"}, status=403))

    def write_guard(self, request: web.Request) -> Account:
        """All rules of a changing call, in the order of the site: Referer, login, token."""
        self.need_referer(request)
        account = self.login(request)
        self.need_token(request, account.uid)
        return account

    # ---- answers -------------------------------------------------------------------------------------------------
    def failure(self, number: int, text: str, **more: Any) -> web.Response:
        """``ok 0`` with a message, under the key and with or without the number that the settings say."""
        body: dict[str, Any] = {"ok": 0, self.settings["failure_key"]: text}
        if self.settings["failure_numbers"]:
            body["error_code"] = number
        return json_answer(body | more)

    def fail(self, request: web.Request, uid: str, number: int, text: str) -> Answered:
        """The same as something to raise, noted in the ledger."""
        self.refuse(request, uid, text, number=number)
        return Answered(self.failure(number, text))

    async def risk_answer(self, request: web.Request, fault: ArmedFault) -> web.StreamResponse:
        """418 on weibo.com, 432 on m.weibo.cn, or the status that the fault asks for (414 is seen too)."""
        status = int(fault.params["status"]) or (432 if request.host.startswith(MOBILE) else 418)
        return web.Response(status=status, text="", content_type="text/html")


def set_cookies(answer: web.StreamResponse, cookies: Sequence[Cookie], now: float) -> None:
    """Put cookies on an answer, with domain, path and lifetime."""
    for cookie in cookies:
        # By hand: aiohttp keys cookies by name, and one answer may set one name for two domains.
        parts = [f"{cookie.name}={cookie.value}", f"Path={cookie.path}", "Secure"]
        if cookie.domain.startswith("."):  # without the attribute the cookie belongs to the answering host only
            parts.append(f"Domain={cookie.domain}")
        if cookie.expires > 0:
            parts.append(f"Max-Age={int(cookie.expires - now)}")
        if cookie.http_only:
            parts.append("HttpOnly")
        answer.headers.add("Set-Cookie", "; ".join(parts))
