"""What Weibo's answers mean: numbers and words to errors (facts §3.1, §9).

Number lists copied between API generations differ by one position, so the words count as much as the numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from creatorflow.api import (
    Cause,
    CreatorFlowError,
    CredentialRejected,
    HttpResponse,
    RateLimited,
    Refused,
    Text,
    Unavailable,
)

__all__ = [
    "DELAYED",
    "Answer",
    "as_int",
    "login_lost",
    "parse",
    "reading_error",
    "says_no",
    "submit_refusal",
]

#: "Published, but the data may be late by one or two minutes": a success that must never be sent again.
DELAYED = 20032

_LOGIN_CODES = frozenset({-100, 100001, 100006, 21327, 21332, 40100, 20033})
#: The anti-bot wall answers with these; 432 is "no valid SUB" on the mobile host.
_WALL = frozenset({414, 418, 429, 432})
#: Server trouble behind the front door: the write may have happened, so these say nothing about it.
_UNCLEAR_CODES = frozenset({10001, 10003, 10009, 10010, 10011})
_UNCLEAR_WORDS = re.compile(r"超时|系统错误|系统繁忙|time\s?-?out|system (?:error|busy)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One JSON answer of the site. ``ok``: 1 good, 0 error, -100 not logged in; ``code`` the error number, where there is one."""

    status: int
    ok: int | None = None
    code: int | None = None
    message: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def quoted(self) -> str:
        """The platform's own words with its number, for a sentence."""
        number = "" if self.code is None else str(self.code)
        said = " ".join(part for part in (self.message, f"({number})" if number else "") if part)
        return said or ("-" if self.ok is None else f"ok {self.ok}")

    @property
    def details(self) -> dict[str, Any]:
        """The platform's own words for programs."""
        return {"platform_code": self.code, "platform_message": self.message, "http_status": self.status}


def as_int(value: object) -> int | None:
    """Return ``value`` as a whole number when it is one or spells one; Weibo sends numbers both ways."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
        return int(value)
    return None


def _first(body: Mapping[str, Any], *names: str) -> Any:
    return next((body[name] for name in names if body.get(name) not in (None, "")), None)


def parse(response: HttpResponse) -> Answer | None:
    """Return the answer in the site's own JSON form, or None when it is something else."""
    try:
        body = response.json()
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    data = body.get("data")
    return Answer(
        status=response.status_code,
        ok=as_int(body.get("ok")),
        code=as_int(_first(body, "error_code", "errno", "errorcode", "code")),
        message=str(_first(body, "msg", "message", "error") or "")[:300],
        data=data if isinstance(data, dict) else {},
    )


def login_lost(sign: str | Text, details: Mapping[str, Any]) -> CredentialRejected:
    """Say that a person must log in again; ``sign`` is what showed it, a code or a clause."""
    en, zh = (sign.en, sign.zh) if isinstance(sign, Text) else (sign, sign)
    return CredentialRejected(
        Text(
            en=f"Weibo says that this session is not logged in ({en}). Log in on weibo.com and import the cookies again "
            "with 'creatorflow accounts add weibo'.",
            zh=f"微博提示当前会话未登录（{zh}）。请在 weibo.com 重新登录，再用 'creatorflow accounts add weibo' 导入 Cookie。",
        ),
        details=details,
        cause=Cause.SESSION,
    )


def _wall(what: str, status: int) -> RateLimited:
    return RateLimited(
        Text(
            en=f"Weibo's access control answered {what} with HTTP {status}. Wait some minutes, open weibo.com in a browser with this "
            "account, then try again.",
            zh=f"微博的访问控制以 HTTP {status} 拒绝了 {what}。请等待几分钟，用该账号在浏览器打开 weibo.com 后重试。",
        ),
        details={"http_status": status},
        cause=Cause.RISK,
    )


def _too_fast(what: str, answer: Answer) -> RateLimited:
    return RateLimited(
        Text(
            en=f"Weibo says that {what} is called too often: {answer.quoted}. Try again in some minutes.",
            zh=f"微博提示 {what} 过于频繁：{answer.quoted}。请几分钟后重试。",
        ),
        details=answer.details,
        cause=Cause.RISK,
    )


def _odd(what: str, seen: str, cause: Cause, details: Mapping[str, Any]) -> Unavailable:
    return Unavailable(
        Text(
            en=f"Weibo gave no usable answer to {what}: {seen}. Try again later; if it stays, the site may have changed.",
            zh=f"微博对 {what} 没有给出可用的回答：{seen}。请稍后重试；若一直如此，可能是网站已改版。",
        ),
        details=details,
        cause=cause,
    )


def reading_error(what: str, response: HttpResponse, answer: Answer | None) -> CreatorFlowError | None:
    """Return the error of a call that changes nothing, or None when it went well.

    Args:
        what: the call in words for people, such as ``"ajax/config/get_config"``.
        response: its raw answer.
        answer: the same, parsed.
    """
    status = response.status_code
    if answer is not None and (answer.ok in _LOGIN_CODES or answer.code in _LOGIN_CODES):
        return login_lost(answer.quoted, answer.details)
    if status == 401 or (300 <= status < 400 and re.search(r"login|passport", response.headers.get("location", ""))):
        return login_lost(f"HTTP {status}", {"http_status": status})
    if status in _WALL:
        return _wall(what, status)
    if status == 200 and answer is not None and answer.ok == 1:
        return None
    if answer is not None and _kind(answer) == "rate":
        return _too_fast(what, answer)
    seen = f"HTTP {status}, {'not JSON' if answer is None else answer.quoted}"
    cause = Cause.NETWORK if status >= 500 else Cause.SESSION if status == 403 else Cause.DRIFT
    return _odd(what, seen, cause, {"http_status": status} if answer is None else answer.details)


def says_no(answer: Answer) -> bool:
    """Tell whether the answer to a submit is a positive "no" of the site: its own form, an error, and words or a number for it."""
    if answer.status not in (200, 400) or answer.code in _UNCLEAR_CODES or answer.code == DELAYED:
        return False
    no_number = answer.code in (None, 0, 100000)
    negative = not no_number if answer.ok is None else answer.ok <= 0
    named = bool(answer.message) or answer.code is not None or answer.ok == -100
    return negative and named and not _UNCLEAR_WORDS.search(answer.message)


# --- refusals of a post -----------------------------------------------------------------------------------------------------------

_CODES = {
    "duplicate": {20017, 20019, 20111},
    "human": {20031},
    "rate": {10022, 10023, 10024, 20016},
    "content": {20008, 20012, 20013, 20018, 20020, 20021, 10018},
    "account": {10014, 10017, 20014, 20015, 20022, 21321, 21337},
}
#: In this order: "相似内容…频繁" is a duplicate, "频繁…验证码" wants a person.
_WORDS = {
    "duplicate": r"重复|相同(?:的)?(?:内容|微博)|相似(?:的)?内容|repeat|duplicate|similar content|same content",
    "human": r"验证码|人机|安全验证|人脸|captcha|geetest",
    "rate": r"频繁|太快|过快|稍后再试|out of rate|too (?:fast|frequent|many)|rate limit",
    "content": r"违规|违法|敏感|广告|非法|不合法|illegal|advertis|字数|过长|为空",
    "account": r"实名|身份认证|权限|手机(?:号)?|冻结|封禁|异常|permission|identity authentication|SERVICE_REQUIRED",
}
_ADVICE: dict[str, tuple[Cause | None, str, str]] = {
    "duplicate": (
        Cause.CONTENT,
        "The same words are on the account already, perhaps from an earlier attempt: look at the account before anything else.",
        "账号上已有相同内容，可能来自之前的尝试：请先查看该账号。",
    ),
    "human": (
        Cause.RISK,
        "Open weibo.com in a browser with this account, pass the check there, then use 'jobs retry'.",
        "请用该账号在浏览器打开 weibo.com 完成验证，然后使用 'jobs retry'。",
    ),
    "rate": (
        Cause.RISK,
        "Wait at least ten minutes, then use 'jobs retry'.",
        "请至少等待十分钟，再使用 'jobs retry'。",
    ),
    "content": (Cause.CONTENT, "Change the post and publish it again.", "请修改内容后重新发布。"),
    "account": (
        Cause.ACCOUNT,
        "The account lacks a right or is restricted: look at its notices on weibo.com.",
        "账号缺少权限或受到限制：请在 weibo.com 查看账号通知。",
    ),
    "other": (
        None,
        "Read the reason, change the post or the account, then use 'jobs retry'.",
        "请根据原因调整内容或账号，再使用 'jobs retry'。",
    ),
}


def _kind(answer: Answer) -> str:
    for kind, codes in _CODES.items():
        if answer.code in codes:
            return kind
    for kind, words in _WORDS.items():
        if re.search(words, answer.message, re.IGNORECASE):
            return kind
    return "other"


def submit_refusal(answer: Answer) -> CreatorFlowError:
    """Turn a positive "no" to a submit into ``CredentialRejected`` or ``Refused``.

    ``details["duplicate"]`` is true when the site says that it has the same post already; ``details["rate_limited"]`` when it wants us
    to be slower; ``details["human"]`` when a person must pass a check first.
    """
    if answer.ok == -100 or answer.code in _LOGIN_CODES:
        return login_lost(answer.quoted, answer.details)
    kind = _kind(answer)
    cause, en, zh = _ADVICE[kind]
    flag = {"duplicate": "duplicate", "rate": "rate_limited", "human": "human"}.get(kind)
    details = {**answer.details, flag: True} if flag else answer.details
    return Refused(
        Text(
            en=f"Weibo did not publish the post: {answer.quoted}. {en}",
            zh=f"微博没有发布该内容：{answer.quoted}。{zh}",
        ),
        details=details,
        cause=cause,
    )
