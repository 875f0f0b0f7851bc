"""The Pinboard publisher. The site's whole interface is four routes; see ``creatorflow_pinboard.sandbox`` for what they answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from creatorflow.api import (
    Cause,
    Commit,
    CredentialRejected,
    Draft,
    HttpResponse,
    MediaFile,
    PlatformAdapter,
    Prepared,
    RateLimited,
    Receipt,
    Refused,
    RemotePost,
    Sending,
    SessionInfo,
    Text,
    Unavailable,
    Uncertain,
    Visibility,
)

__all__ = ["PinboardAdapter"]

SITE = "https://pinboard.example"
_WORDS = {Visibility.PUBLIC: "everyone", Visibility.PRIVATE: "me"}
_VISIBILITY = {word: visibility for visibility, word in _WORDS.items()}
#: More than anybody pins between a baseline and a read-back; a list that does not end by then is an error, never cut short.
_MAX_PAGES = 50


class PinboardAdapter(PlatformAdapter):
    """One account's session on Pinboard."""

    async def check_session(self) -> SessionInfo:
        """Ask the site who we are."""
        user = (await self._read("/api/me"))["user"]
        return SessionInfo(uid=str(user["id"]), display_name=str(user["name"]))

    async def prepare(self, draft: Draft, checkpoint: Mapping[str, Any] | None = None) -> Prepared:
        """Upload the pictures that are not up yet, and write the request: everything but sending it."""
        uploaded = dict((checkpoint or {}).get("media", {}))
        for number, image in enumerate(draft.images):
            if image.sha256 not in uploaded:
                text = Text(en=f"Uploading picture {number + 1}", zh=f"正在上传第 {number + 1} 张图片")
                self.context.progress(text, number / len(draft.images))
                uploaded[image.sha256] = await self._upload(image)
        form = {
            "text": draft.text,
            "media": [uploaded[image.sha256] for image in draft.images],
            "visibility": _WORDS[draft.visibility],
            "ai_generated": draft.declarations.ai_generated,
        }
        body = json.dumps(form, ensure_ascii=False).encode()
        return Prepared(draft=draft, checkpoint={"media": uploaded}, handle=body, preview=form)

    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        """Arm, send the one request, judge its answer."""
        body: bytes = prepared.handle
        await commit.arm(_sending(body))
        try:
            response = await self.context.http.request(
                "POST", f"{SITE}/api/pins", content=body, headers={"Content-Type": "application/json"}
            )
        except Unavailable as error:
            raise _uncertain(error.text.en, error.text.zh) from error
        return _receipt(response)

    async def list_posts(self, since: datetime) -> Sequence[RemotePost]:
        """Read own pins page by page until they are older than ``since``; all of them or an error."""
        found: list[RemotePost] = []
        params: dict[str, str | int] = {}
        for _ in range(_MAX_PAGES):
            page = await self._read("/api/pins/mine", params)
            pins = [_remote(pin) for pin in page["pins"]]
            found += [pin for pin in pins if pin.created_at >= since]
            if not page["next"] or pins[-1].created_at < since:
                return found
            params = {"before": page["next"]}
        raise _odd("/api/pins/mine", "a list without an end", Cause.DRIFT)

    async def _upload(self, image: MediaFile) -> str:
        response = await self.context.http.request(
            "POST", f"{SITE}/api/media", content=image.path, headers={"Content-Type": image.mime}, timeout_s=120.0
        )
        return str(_answer("/api/media", response)["media_id"])

    async def _read(self, path: str, params: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        return _answer(path, await self.context.http.request("GET", SITE + path, params=params))


def _sending(body: bytes) -> Sending:
    """Say what the request will publish, read back from its own bytes."""
    form = json.loads(body)
    return Sending(text=form["text"], media=len(form["media"]), visibility=_VISIBILITY[form["visibility"]])


def _json(response: HttpResponse) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _answer(path: str, response: HttpResponse) -> dict[str, Any]:
    """Return the body of an answer that changes nothing, or raise what went wrong."""
    status, body = response.status_code, _json(response)
    if status in (200, 201) and body:
        return body
    if status == 401:
        raise _login_lost()
    if status in (403, 429):
        raise RateLimited(
            Text(
                en=f"Pinboard holds this account back (HTTP {status}). Wait some minutes, then try again.",
                zh=f"图钉板限制了该账号（HTTP {status}）。请等待几分钟后重试。",
            ),
            cause=Cause.RISK,
        )
    raise _odd(path, f"HTTP {status}", Cause.NETWORK if status >= 500 else Cause.DRIFT)


def _receipt(response: HttpResponse) -> Receipt:
    """Judge the answer to the one request: a pin with an id, the site's own "no", or not known."""
    body = _json(response)
    pin, error = body.get("pin"), body.get("error")
    if response.status_code == 201 and isinstance(pin, dict) and pin.get("id"):
        return Receipt(post_id=str(pin["id"]), post_url=str(pin["url"]), uid=str(pin["owner"]))
    if isinstance(error, dict) and 400 <= response.status_code < 500:  # the site's own words, not a gateway's page
        if response.status_code == 401:
            raise _login_lost()
        raise _refused(str(error["code"]), str(error["message"]))
    raise _uncertain(f"HTTP {response.status_code}", f"HTTP {response.status_code}")


def _refused(code: str, message: str) -> Refused:
    return Refused(
        Text(en=f"Pinboard did not publish the post: {message}", zh=f"图钉板没有发布该内容：{message}"),
        details={"platform_code": code, "platform_message": message, "duplicate": code == "duplicate"},
        cause=Cause.RISK if code == "too_fast" else Cause.CONTENT,
    )


def _remote(pin: Mapping[str, Any]) -> RemotePost:
    return RemotePost(
        post_id=str(pin["id"]),
        url=str(pin["url"]),
        text=str(pin["text"]),
        created_at=datetime.fromisoformat(pin["created_at"]),
        media_count=len(pin["media"]),
        media_ids=tuple(pin["media"]),
    )


def _login_lost() -> CredentialRejected:
    return CredentialRejected(
        Text(
            en="Pinboard says that this session is not logged in. Log in on pinboard.example and add the account again.",
            zh="图钉板提示当前会话未登录。请在 pinboard.example 重新登录后再次添加账号。",
        ),
        cause=Cause.SESSION,
    )


def _odd(path: str, seen: str, cause: Cause) -> Unavailable:
    return Unavailable(
        Text(
            en=f"Pinboard gave no usable answer to {path}: {seen}. Try again later.",
            zh=f"图钉板对 {path} 没有给出可用的回答：{seen}。请稍后重试。",
        ),
        cause=cause,
    )


def _uncertain(en: str, zh: str) -> Uncertain:
    return Uncertain(
        Text(
            en=f"Pinboard's answer does not tell whether the pin was made: {en}.",
            zh=f"无法从图钉板的回答判断内容是否已发布：{zh}。",
        ),
        cause=Cause.NETWORK,
    )
