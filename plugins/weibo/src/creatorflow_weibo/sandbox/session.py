"""Login state, tokens, visitors, silent renewal (facts §2.1, §2.3 to §2.5)."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web
from creatorflow_testkit.replica import SettingError, action, assumed, captured, json_answer, route

from creatorflow_weibo.sandbox.base import AJAX, LOGIN_URL, MOBILE, PASSPORT, SINA, WeiboBase, set_cookies
from creatorflow_weibo.sandbox.html import home_page

__all__ = ["SessionPart"]

_STATEMENTS = {1: "内容含AI生成", 2: "内容含虚构演绎", 3: "内容为转载", 4: "内容为原创"}
_SIGNIN = f"https://{PASSPORT}/sso/signin?entry=miniblog&source=miniblog&url=https%3A%2F%2Fweibo.com%2F"


def found(location: str) -> web.Response:
    """A redirect."""
    return web.Response(status=302, headers={"Location": location})


class SessionPart(WeiboBase):
    """Who is logged in."""

    def clear_state(self) -> None:
        """Forget everything, running renewals too."""
        super().clear_state()
        self._renewals: dict[str, str] = {}

    @route("GET", "/ajax/config/get_config", name="get_config", host=AJAX, kind="session", provenance=captured("§2.4"))
    async def get_config(self, request: web.Request) -> web.StreamResponse:
        """``ok 1`` with the uid, or ``ok -100`` with the login address."""
        self.need_referer(request)
        account = self.login(request)
        return json_answer({"ok": 1, "data": {"uid": account.uid, "user": self.profile_bit(account.uid)}})

    @route("GET", "/ajax/getSpaConfig", name="spa_config", host=AJAX, kind="session", provenance=captured("§3.2"))
    async def spa_config(self, request: web.Request) -> web.StreamResponse:
        """The declarations that the account may choose."""
        self.need_referer(request)
        account = self.login(request)
        allowed: list[Any] = list(account.statements)
        if self.settings["statement_objects"]:
            allowed = [{"id": number, "name": _STATEMENTS.get(number, str(number))} for number in allowed]
        return json_answer({"ok": 1, "data": {"flags": {"statement": {"mblog_statement_list": allowed}}}})

    @route("GET", "/", name="home", host=AJAX, kind="page", provenance=captured("§2.2 step 4, §2.3"))
    async def home(self, request: web.Request) -> web.StreamResponse:
        """The front page: sets the csrf token; renews a lapsed session through login.sina.com.cn."""
        token = request.cookies.get("SUB", "")
        account = self.session(request)
        if account is None and token in self.state.lapsed:
            query = urlencode({"url": "https://weibo.com/", "gateway": 1, "useticket": 1})
            answer = found(f"https://{SINA}/sso/login.php?{query}")
            answer.headers["x-login-autologin"] = "true"
            return answer
        page = web.Response(text=home_page(account.name if account else ""), content_type="text/html", charset="utf-8")
        if "XSRF-TOKEN" not in request.cookies:
            set_cookies(page, [self.xsrf_cookie()], self.clock.time())
        return page

    @route("GET", "/login.php", name="login_page", host=AJAX, kind="page", provenance=captured("§2.4"))
    async def login_redirect(self, request: web.Request) -> web.StreamResponse:
        """The address in ``ok -100``: on to the sign-in page."""
        return found(_SIGNIN)

    @route("GET", "/sso/login.php", name="renew", host=SINA, kind="session", provenance=captured("§2.3"))
    async def renew(self, request: web.Request) -> web.StreamResponse:
        """Silent renewal with the sina.com.cn ticket; ``retcode=6102`` when that is spent."""
        back = f"https://{PASSPORT}/wbsso/login"
        account = self.session(request, "sina")
        if account is None:
            return found(f"{back}?{urlencode({'retcode': 6102, 'url': 'https://weibo.com/'})}")
        ticket = "ST-" + secrets.token_hex(12)
        self._renewals[ticket] = account.uid
        return found(f"{back}?{urlencode({'retcode': 0, 'ticket': ticket, 'url': 'https://weibo.com/'})}")

    @route(
        "GET",
        "/wbsso/login",
        name="renewed",
        host=PASSPORT,
        kind="session",
        provenance=assumed("§2.3: host and path of this hop"),
    )
    async def renewed(self, request: web.Request) -> web.StreamResponse:
        """The last hop of the renewal: new weibo.com cookies, or the sign-in page."""
        uid = self._renewals.pop(request.query.get("ticket", ""), "")
        if not uid:
            return found(f"{_SIGNIN}&retcode={quote(request.query.get('retcode', '6102'))}")
        answer = found("https://weibo.com/")
        fitting = [cookie for cookie in self.log_in(uid, ("weibo",)) if cookie.domain == ".weibo.com"]
        set_cookies(answer, fitting, self.clock.time())
        return answer

    @route("GET", "/api/config", name="mobile_config", host=MOBILE, kind="session", provenance=captured("§2.4"))
    async def mobile_config(self, request: web.Request) -> web.StreamResponse:
        """Mobile login state with its own csrf token ``st``."""
        account = self.session(request, "cn")
        data: dict[str, Any] = {"login": account is not None, "st": secrets.token_hex(3)}
        if account:
            data["uid"] = account.uid
        return json_answer({"preferQuickapp": 0, "data": data, "ok": 1})

    @route("POST", "/visitor/genvisitor2", name="visitor", host=PASSPORT, kind="session", provenance=captured("§2.5"))
    async def visitor(self, request: web.Request) -> web.StreamResponse:
        """Cookies of a visitor: a ``SUB`` that is no login."""
        form = await request.post()
        callback = re.sub(r"\W", "", str(form.get("cb", ""))) or "visitor_gray_callback"
        sub = "_2AkM" + secrets.token_urlsafe(40)
        self.state.visitors.add(sub)
        data = {"sub": sub, "subp": "0033WrSXqPxfM72-Ws9jqgMF" + secrets.token_urlsafe(24)}
        text = f"window.{callback} && {callback}({json.dumps({'retcode': 20000000, 'msg': 'succ', 'data': data})});"
        return web.Response(text=text, content_type="text/javascript", charset="utf-8")

    @action("expire_session")
    async def expire_session(self, *, uid: str, zones: list[str] | None = None) -> dict[str, Any]:
        """End logins of an account: zones ``weibo``, ``cn``, ``sina`` (without ``sina`` the session renews itself)."""
        wanted = zones if zones is not None else ["weibo", "cn", "sina"]
        if uid not in self.state.accounts or set(wanted) - {"weibo", "cn", "sina"}:
            raise SettingError(f"no account {uid!r}, or zones {wanted} beyond weibo, cn, sina")
        self.state.lapse(uid, wanted)
        self.ledger.record("session", uid, at=self.clock.now(), lapse=wanted)
        return {"zones": wanted, "login": LOGIN_URL}

    def profile_bit(self, uid: str) -> dict[str, Any]:
        """The short ``user`` of the configuration."""
        account = self.state.accounts[uid]
        return {"id": int(uid), "idstr": uid, "screen_name": account.name}
