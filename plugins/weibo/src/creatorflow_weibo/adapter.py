"""The Weibo publisher over the web session (facts §2-3, §6)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from creatorflow.api import (
    AdapterContext,
    Cause,
    Commit,
    CredentialRejected,
    Draft,
    Form,
    HttpResponse,
    OfflineDenied,
    PlatformAdapter,
    PluginError,
    Prepared,
    Receipt,
    Refused,
    RemotePost,
    Sending,
    SessionInfo,
    Text,
    Unavailable,
    Uncertain,
    UrlDenied,
)

from creatorflow_weibo import form, pictures, posts
from creatorflow_weibo.answers import DELAYED, Answer, as_int, parse, says_no, submit_refusal
from creatorflow_weibo.client import WeiboClient
from creatorflow_weibo.ids import mblogid_from_id, post_url
from creatorflow_weibo.text import normalise

__all__ = ["WeiboAdapter"]

#: How long the answer to the one irreversible request is awaited; an answer in hand is worth more than a quick error.
_SUBMIT_TIMEOUT_S = 90.0


class WeiboAdapter(PlatformAdapter):
    """One Weibo account's web session: text and picture posts."""

    def __init__(self, context: AdapterContext) -> None:
        super().__init__(context)
        self._client = WeiboClient(context.http)
        self._session: SessionInfo | None = None
        self._long_texts: dict[str, str] = {}

    # --- session ------------------------------------------------------------------------------------------------------------------

    async def check_session(self) -> SessionInfo:
        """Ask ``get_config`` who we are; renew silently where the site offers it; then fetch name and rights."""
        try:
            uid = await self._client.config_uid()
        except CredentialRejected:
            self.context.log.info("weibo session lapsed, trying the silent renewal")
            if not await self._client.renew():
                raise
            uid = await self._client.config_uid()
        await self._client.ensure_xsrf()
        user, statements = await asyncio.gather(self._profile(uid), self._statements())
        rights: dict[str, Any] = {} if statements is None else {"mblog_statement": statements}
        self._session = SessionInfo(
            uid=uid,
            display_name=str(user.get("screen_name") or user.get("name") or ""),
            avatar_url=str(user.get("avatar_hd") or user.get("avatar_large") or ""),
            rights=rights,
        )
        return self._session

    async def _profile(self, uid: str) -> Mapping[str, Any]:
        try:
            return await self._client.profile(uid)
        except Unavailable as error:  # the name is an ornament
            self.context.log.warning("weibo profile not readable", reason=str(error))
            return {}

    async def _statements(self) -> list[int] | None:
        try:
            return await self._client.statements()
        except Unavailable as error:  # an unknown right is a legal answer
            self.context.log.warning("weibo declaration list not readable", reason=str(error))
            return None

    async def _who(self) -> SessionInfo:
        return self._session if self._session is not None else await self.check_session()

    # --- publishing ---------------------------------------------------------------------------------------------------------------

    async def prepare(self, draft: Draft, checkpoint: Mapping[str, Any] | None = None) -> Prepared:
        """Upload the pictures that are not up yet, and build the form."""
        if draft.form not in (Form.TEXT, Form.IMAGE):
            raise Refused(
                Text(
                    en=f"creatorflow-weibo publishes text and picture posts, not {draft.form.value}. Use form: text or image.",
                    zh=f"creatorflow-weibo 只发布文字和图片微博，不支持 {draft.form.value}。请使用 form: text 或 image。",
                ),
                cause=Cause.CONTENT,
            )
        session = await self._who()
        self._check_statement(draft, session)
        await self._client.ensure_xsrf()
        pics = await self._upload(draft, session, dict(checkpoint or {}))
        body = form.build(draft, [pic["pid"] for pic in pics])
        return Prepared(draft=draft, checkpoint={"pics": pics}, handle=body, preview=dict(form.fields_of(body)))

    def _check_statement(self, draft: Draft, session: SessionInfo) -> None:
        declared = form.statement(draft.declarations)
        allowed = session.rights.get("mblog_statement", self.context.account.rights.get("mblog_statement"))
        if declared is None or allowed is None or declared in allowed:
            return
        name = form.STATEMENT_NAMES[declared]
        raise Refused(
            Text(
                en=f"Weibo does not offer this account the declaration {name!r} (mblog_statement {declared}; offered: {allowed}). "
                "Declare it on weibo.com by hand, or change the declarations of the post.",
                zh=f"微博未向该账号提供声明“{name}”（mblog_statement {declared}，可用：{allowed}）。请在 weibo.com 手动声明，或修改内容声明。",
            ),
            details={"declaration": name, "allowed": allowed},
            cause=Cause.ACCOUNT,
        )

    async def _upload(self, draft: Draft, session: SessionInfo, checkpoint: dict[str, Any]) -> list[dict[str, str]]:
        known = {
            str(pic["sha256"]): str(pic["pid"])
            for pic in checkpoint.get("pics", [])
            if isinstance(pic, Mapping) and pic.get("sha256") and pic.get("pid")
        }
        pics: list[dict[str, str]] = []
        total = len(draft.images)
        for number, image in enumerate(draft.images, start=1):
            pid = known.get(image.sha256)
            if pid is None:
                self.context.progress(
                    Text(en=f"Uploading picture {number} of {total}", zh=f"正在上传第 {number}/{total} 张图片"),
                    (number - 1) / total,
                )
                pid = await pictures.upload(
                    self.context.http,
                    image,
                    uid=session.uid,
                    nick=session.display_name,
                    request_id=int(self.context.clock.now().timestamp() * 1000),
                )
                known[image.sha256] = pid
            pics.append({"sha256": image.sha256, "pid": pid})
        return pics

    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        """Arm, then send the form once and read the answer."""
        body = prepared.handle
        if not isinstance(body, bytes):  # resumed from a checkpoint of another process
            by_digest = {pic["sha256"]: pic["pid"] for pic in prepared.checkpoint.get("pics", [])}
            try:
                body = form.build(prepared.draft, [by_digest[image.sha256] for image in prepared.draft.images])
            except KeyError as error:
                raise PluginError(
                    Text(
                        en="The Weibo job has no picture id for one of its pictures: prepare must run first.",
                        zh="该微博任务缺少某张图片的 ID：必须先执行准备步骤。",
                    )
                ) from error
        sending: Sending = form.sending_of(body)
        headers = {**self._client.headers(), "Content-Type": "application/x-www-form-urlencoded"}
        await commit.arm(sending)
        try:
            response = await self._client.post_update(body, headers=headers, timeout_s=_SUBMIT_TIMEOUT_S)
        except (OfflineDenied, UrlDenied):
            raise
        except Unavailable as error:
            if error.details.get("sent") is False:
                raise
            raise _uncertain(
                f"no complete answer ({error.text.en})", f"没有完整的回答（{error.text.zh}）", {}
            ) from error
        return self._receipt(response)

    def _receipt(self, response: HttpResponse) -> Receipt:
        """Judge the answer to the submit: a receipt, a refusal, or not known."""
        answer = parse(response)
        if answer is None or response.status_code not in (200, 400):
            seen = f"HTTP {response.status_code}"
            raise _uncertain(seen, seen, {"http_status": response.status_code})
        if says_no(answer):
            raise submit_refusal(answer)
        receipt = self._positive(answer) if answer.status == 200 else None
        if receipt is None:
            raise _uncertain(f"the answer {answer.quoted}", f"回答为 {answer.quoted}", answer.details)
        return receipt

    def _positive(self, answer: Answer) -> Receipt | None:
        delayed = answer.code == DELAYED
        if not delayed and (answer.ok is None or answer.ok <= 0):
            return None
        post_id = posts.post_id_of(answer.data)
        if post_id is None:
            return None
        user = answer.data.get("user")
        named = as_int(user.get("idstr") or user.get("id")) if isinstance(user, Mapping) else None
        uid = str(named) if named is not None else None
        known = uid or (self._session.uid if self._session else None) or self.context.account.uid or ""
        mblogid = str(answer.data.get("mblogid") or "") or mblogid_from_id(post_id)
        return Receipt(
            post_id=post_id,
            post_url=post_url(known, mblogid),
            uid=uid,
            delayed=delayed,
            evidence={"ok": answer.ok, "code": answer.code, "message": answer.message, "mblogid": mblogid},
        )

    # --- reading back -------------------------------------------------------------------------------------------------------------

    async def list_posts(self, since: datetime) -> Sequence[RemotePost]:
        """Return own posts from ``since`` on, with their full text. The site's times are whole seconds, so ``since`` is cut to one."""
        return await posts.own_posts(
            self._client, (await self._who()).uid, since.replace(microsecond=0), self._long_texts
        )

    def normalise(self, text: str) -> str:
        """Undo what Weibo rewrites; see ``creatorflow_weibo.text``."""
        return normalise(text)


def _uncertain(en: str, zh: str, details: Mapping[str, Any]) -> Uncertain:
    return Uncertain(
        Text(
            en=f"Weibo's answer does not tell whether the post was published: {en}. It will be looked for in the account's own posts; "
            "do not publish it again by hand.",
            zh=f"无法从微博的回答判断内容是否已发布：{zh}。将在账号自己的微博中查找；请勿手动重复发布。",
        ),
        details=details,
        cause=Cause.NETWORK,
    )
