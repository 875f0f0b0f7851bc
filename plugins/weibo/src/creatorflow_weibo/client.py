"""Weibo's web protocol: one method per call, answers turned into data or errors. No decisions about posts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from creatorflow.api import Cause, HttpClient, HttpResponse, Text, Unavailable

from creatorflow_weibo.answers import Answer, as_int, login_lost, parse, reading_error
from creatorflow_weibo.plugin import HOSTS

__all__ = ["SITE", "Page", "WeiboClient", "parse_time"]

SITE = "https://weibo.com/"
_RENEWAL_HOPS = 10
#: The long ticket is spent: only a person with a phone can log in again (facts §2.3).
_TICKET_SPENT = "retcode=6102"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the own list, newest first; ``next_cursor`` is "" where the site names none. ``total`` may be unknown."""

    items: Sequence[Mapping[str, Any]]
    next_cursor: str
    total: int | None


def parse_time(value: str) -> datetime:
    """Read ``Thu Aug 20 10:00:00 +0800 2026`` into UTC, whatever the machine's language is.

    Raises:
        ValueError: another form.
    """
    try:
        _, month, day, clock, offset, year = value.split()
        hours, minutes, seconds = (int(part) for part in clock.split(":"))
        sign = {"+": 1, "-": -1}[offset[0]]
        shift = timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5])))
        moment = datetime(int(year), _MONTHS.index(month) + 1, int(day), hours, minutes, seconds, tzinfo=shift)
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"{value!r} is not a time as Weibo writes it") from error
    return moment.astimezone(UTC)


def drift(what: str, seen: str) -> Unavailable:
    """Say that an answer does not have the known form."""
    return Unavailable(
        Text(
            en=f"Weibo's answer to {what} does not have the known form: {seen}. The site may have changed; look for a newer "
            "creatorflow-weibo.",
            zh=f"微博对 {what} 的回答不符合已知格式：{seen}。网站可能已改版，请检查 creatorflow-weibo 是否有新版本。",
        ),
        cause=Cause.DRIFT,
    )


class WeiboClient:
    """The calls of one session. Only ``post_update`` changes anything that others can see."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    # --- session ------------------------------------------------------------------------------------------------------------------

    def xsrf(self) -> str | None:
        """Return the double-submit token of the session, decoded, or None when there is no such cookie."""
        value = self._http.cookie("XSRF-TOKEN", "weibo.com")
        return unquote(value) if value else None

    def headers(self) -> dict[str, str]:
        """Return the headers that every call of the web page carries (facts §3)."""
        headers = {
            "Referer": SITE,
            "Origin": "https://weibo.com",
            "X-Requested-With": "XMLHttpRequest",
            "Accept": "application/json, text/plain, */*",
        }
        token = self.xsrf()
        if token:
            headers["x-xsrf-token"] = token
        return headers

    async def ensure_xsrf(self) -> None:
        """Load the front page once when the token cookie is missing.

        Raises:
            CredentialRejected: the front page leads to the login.
            Unavailable: it loads, but sets no token.
        """
        if self.xsrf():
            return
        if await self.renew() and self.xsrf():
            return
        raise drift("the front page", "no XSRF-TOKEN cookie")

    async def config_uid(self) -> str:
        """Return the uid of the logged-in account (``ajax/config/get_config``).

        Raises:
            CredentialRejected, Unavailable: see ``answers.reading_error``.
        """
        answer = await self._get("ajax/config/get_config", {})
        uid = as_int(answer.data.get("uid"))
        if not uid:
            raise drift("ajax/config/get_config", "no uid")
        return str(uid)

    async def renew(self) -> bool:
        """Load the front page and, where it offers a silent renewal, follow it through the login hosts (facts §2.3).

        Returns:
            True when the front page was reached in the end.

        Raises:
            CredentialRejected: the long ticket is spent, or the way leads to a login page.
            Unavailable: no answer on the way.
        """
        url = SITE
        for hop in range(_RENEWAL_HOPS):
            response = await self._http.request("GET", url, headers={"Referer": SITE})
            if response.status_code == 200:
                return url == SITE
            location = response.headers.get("location", "")
            if not 300 <= response.status_code < 400 or not location:
                error = reading_error(url.split("?")[0], response, None)
                raise error if error is not None else drift(url.split("?")[0], f"HTTP {response.status_code}")
            if hop == 0 and response.headers.get("x-login-autologin", "").lower() != "true":
                raise login_lost(
                    Text(en="weibo.com leads to the login page", zh="weibo.com 跳转到登录页"),
                    {"http_status": response.status_code},
                )
            url = self._next_hop(url, location)
        raise login_lost(Text(en="the silent renewal goes round in circles", zh="静默续期反复跳转"), {})

    @staticmethod
    def _next_hop(url: str, location: str) -> str:
        # refuses before the host's own guard does: a sentence about the session helps, one about declared hosts does not
        target = urljoin(url, location)
        if _TICKET_SPENT in target:
            raise login_lost(
                Text(en="retcode 6102: the long-lived ticket is spent", zh="retcode 6102：长期票据已失效"),
                {"platform_code": 6102},
            )
        parts = urlsplit(target)
        if parts.scheme != "https" or parts.hostname not in HOSTS:
            raise login_lost(
                Text(
                    en=f"the renewal leads to {parts.scheme}://{parts.hostname}",
                    zh=f"续期跳转到 {parts.scheme}://{parts.hostname}",
                ),
                {"host": parts.hostname},
            )
        return target

    # --- reading ------------------------------------------------------------------------------------------------------------------

    async def profile(self, uid: str) -> Mapping[str, Any]:
        """Return the account's own ``user`` object (``ajax/profile/info``)."""
        answer = await self._get("ajax/profile/info", {"uid": uid})
        user = answer.data.get("user")
        return user if isinstance(user, dict) else {}

    async def statements(self) -> list[int] | None:
        """Return the ``mblog_statement`` codes that the account may use, or None when the site does not say."""
        answer = await self._get("ajax/getSpaConfig", {})
        node: Any = answer.data
        for name in ("flags", "statement", "mblog_statement_list"):
            node = node.get(name) if isinstance(node, dict) else None
        if not isinstance(node, list):
            return None
        codes = [as_int(entry) for entry in node]
        # an entry of another shape means that we do not understand the list: better no right than a wrong one
        return [code for code in codes if code is not None] if codes and None not in codes else None

    async def own_page(self, uid: str, page: int, cursor: str) -> Page:
        """Return one page of the own list (``ajax/statuses/mymblog``); pages count from 1."""
        what = "ajax/statuses/mymblog"
        answer = await self._get(what, {"uid": uid, "page": page, "feature": 0, "since_id": cursor})
        items = answer.data.get("list")
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise drift(what, "no list")
        following = answer.data.get("since_id")
        return Page(
            items=items,
            next_cursor="" if following in (None, "", 0, "0") else str(following),
            total=as_int(answer.data.get("total")),
        )

    async def long_text(self, post_id: str) -> str | None:
        """Return the full text of a long post (``ajax/statuses/longtext``), or None when the site has none for it."""
        what = "ajax/statuses/longtext"
        response = await self._http.request("GET", SITE + what, params={"id": post_id}, headers=self.headers())
        answer = parse(response)
        if answer is not None and response.status_code == 200 and answer.ok == 0:
            return None
        error = reading_error(what, response, answer)
        if error is not None:
            raise error
        text = answer.data.get("longTextContent") if answer is not None else None
        return text if isinstance(text, str) and text else None

    async def _get(self, what: str, params: Mapping[str, str | int]) -> Answer:
        response = await self._http.request("GET", SITE + what, params=params, headers=self.headers())
        answer = parse(response)
        error = reading_error(what, response, answer)
        if error is not None:
            raise error
        if answer is None:  # reading_error never lets this pass; said for the type checker
            raise drift(what, "not JSON")
        return answer

    # --- the one call that publishes ----------------------------------------------------------------------------------------------

    async def post_update(self, body: bytes, *, headers: Mapping[str, str], timeout_s: float) -> HttpResponse:
        """Send the form of a new post, once. Every judgement of the answer is the caller's."""
        return await self._http.request(
            "POST", SITE + "ajax/statuses/update", headers=headers, content=body, timeout_s=timeout_s
        )
