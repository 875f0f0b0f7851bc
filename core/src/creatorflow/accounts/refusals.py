"""The sentences with which the account service refuses."""

from __future__ import annotations

from collections.abc import Sequence

from creatorflow.accounts.views import public_id
from creatorflow.api.errors import Cause, InvalidInput, NotFound, Text
from creatorflow.store import AccountRecord

__all__ = [
    "OtherUid",
    "almost_same",
    "ambiguous",
    "busy",
    "changed_meanwhile",
    "check_needed",
    "login_prompt",
    "other_platform",
    "other_uid",
    "uid_taken",
    "unknown",
    "unsettled",
]

_ADD = "creatorflow accounts add"


class OtherUid(InvalidInput):
    """The session is good, but it is another person's."""


def unknown(account_id: str | None, platform: str | None, known: Sequence[AccountRecord]) -> NotFound:
    """No such account; names those that exist."""
    names = [public_id(row) for row in known][:20]
    if account_id is not None and platform is not None and ":" not in account_id:
        account_id = f"{platform}:{account_id}"
    what_en = (
        f"There is no account {account_id!r}."
        if account_id
        else f"There is no account of {platform or 'any platform'}."
    )
    what_zh = f"没有账号“{account_id}”。" if account_id else f"没有{f' {platform} 的' if platform else ''}账号。"
    return NotFound(
        Text(
            en=what_en
            + (f" Known: {', '.join(names)}." if names else "")
            + f" Add one with: {_ADD} PLATFORM NAME --cookies FILE",
            zh=what_zh
            + (f"已有：{'、'.join(names)}。" if names else "")
            + f"可用以下命令添加：{_ADD} 平台 名称 --cookies 文件",
        ),
        {"account_id": account_id, "platform": platform, "known": names},
        kind="account",
    )


def ambiguous(account_id: str | None, platform: str | None, fitting: Sequence[AccountRecord]) -> InvalidInput:
    """Several accounts fit."""
    names = [public_id(row) for row in fitting]
    what = account_id or platform or ""
    return InvalidInput(
        Text(
            en=f"Several accounts fit {what!r}: {', '.join(names)}. Name one of them in full.",
            zh=f"有多个账号符合“{what}”：{'、'.join(names)}。请写出完整账号。",
        ),
        {"fitting": names},
    )


def other_platform(account_id: str, platform: str) -> InvalidInput:
    """``weibo:alice`` beside another platform."""
    return InvalidInput(
        Text(
            en=f"Account {account_id!r} is not one of {platform}. Name an account of {platform}.",
            zh=f"账号“{account_id}”不属于 {platform}。请指定 {platform} 的账号。",
        ),
        {"account_id": account_id, "platform": platform},
    )


def almost_same(name: str, row: AccountRecord) -> InvalidInput:
    """A name that differs from another one only in case."""
    return InvalidInput(
        Text(
            en=f"{name!r} differs from the existing account {public_id(row)} only in upper and lower case. Use that name, or another one.",
            zh=f"“{name}”与已有账号 {public_id(row)} 仅大小写不同。请使用该名称，或换一个名称。",
        ),
        {"existing": public_id(row)},
    )


def other_uid(row: AccountRecord, uid: str) -> OtherUid:
    """The session of another person."""
    return OtherUid(
        Text(
            en=f"This session belongs to uid {uid}, but {public_id(row)} is bound to uid {row.uid}. Log in with the right account, or add "
            "this one under another name.",
            zh=f"该登录状态属于 uid {uid}，而 {public_id(row)} 绑定的是 uid {row.uid}。请登录正确的账号，或以其他名称添加。",
        ),
        {"account": public_id(row), "bound_uid": row.uid, "session_uid": uid},
        Cause.ACCOUNT,
    )


def uid_taken(row: AccountRecord, other: AccountRecord) -> InvalidInput:
    """One real account under two names."""
    return InvalidInput(
        Text(
            en=f"uid {row.uid} is already the account {public_id(other)}. Use that name: under two names the same post could go out twice.",
            zh=f"uid {row.uid} 已是账号 {public_id(other)}。请使用该名称：同一账号有两个名称时，同一内容可能被发布两次。",
        ),
        {"uid": row.uid, "existing": public_id(other)},
        Cause.ACCOUNT,
    )


def check_needed(row: AccountRecord) -> InvalidInput:
    """A new session for a bound account that nobody may check."""
    return InvalidInput(
        Text(
            en=f"{public_id(row)} is bound to uid {row.uid}, so a new session must be checked before it replaces the stored one. Add it "
            "with the check, or remove the account first.",
            zh=f"{public_id(row)} 已绑定 uid {row.uid}，新的登录状态必须先检查才能替换。请在添加时进行检查，或先移除该账号。",
        ),
        {"account": public_id(row), "bound_uid": row.uid},
    )


def changed_meanwhile(row: AccountRecord) -> InvalidInput:
    """Another process added or removed the account at the same moment."""
    return InvalidInput(
        Text(
            en=f"{public_id(row)} was added or removed by another process at the same moment. Nothing was stored; run the command again.",
            zh=f"另一个进程同时添加或移除了 {public_id(row)}。未存入任何内容，请重新运行命令。",
        ),
        {"account": public_id(row)},
    )


def busy(row: AccountRecord) -> InvalidInput:
    """A job of the account runs."""
    return InvalidInput(
        Text(
            en=f"A job of {public_id(row)} is running. Wait for it or cancel it, then remove the account.",
            zh=f"{public_id(row)} 有任务正在运行。请等待其结束或取消后再移除账号。",
        ),
        {"account": public_id(row)},
    )


def unsettled(row: AccountRecord, job_ids: Sequence[str]) -> InvalidInput:
    """Posts that may be out."""
    shown = ", ".join(job_ids[:5])
    return InvalidInput(
        Text(
            en=f"{public_id(row)} cannot be removed: posts of it may be out and are not settled (jobs {shown}). Run 'creatorflow jobs "
            "reconcile' first; without the account nobody can read them back.",
            zh=f"无法移除 {public_id(row)}：它有可能已发出但尚未确认的内容（任务 {shown}）。请先运行 'creatorflow jobs reconcile'；移除账号后将"
            "无法回读核实。",
        ),
        {"account": public_id(row), "jobs": list(job_ids)},
    )


def login_prompt(row: AccountRecord) -> Text:
    """What a person has to do about an expired session."""
    return Text(
        en=f"{public_id(row)} is logged out. Log in on the platform, export the session and run: {_ADD} {row.platform} {row.account_name} "
        "--cookies FILE",
        zh=f"{public_id(row)} 的登录已失效。请在平台上重新登录，导出登录信息后运行：{_ADD} {row.platform} {row.account_name} --cookies 文件",
    )
