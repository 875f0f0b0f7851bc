"""Uploading one picture by the route that keeps its quality (variant B, facts §3.1)."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from pathlib import Path
from typing import Any

from creatorflow.api import (
    Cause,
    ContentError,
    CreatorFlowError,
    HttpClient,
    HumanNeeded,
    MediaFile,
    Refused,
    Text,
    Unavailable,
)

from creatorflow_weibo.answers import as_int, login_lost

__all__ = ["UPLOAD_URL", "digests", "upload", "upload_error"]

UPLOAD_URL = "https://picupload.weibo.com/interface/upload.php"
_APP_ID = "339644097"  # of the web composer
_SLOWEST = 64 * 1024  # bytes per second that we still wait for


def digests(path: Path) -> tuple[str, str, int, int]:
    """Return SHA-256 (hex), MD5 (hex), CRC-32 and the size in bytes of a file, reading it once in pieces.

    Raises:
        OSError: the file cannot be read.
    """
    sha, md5, crc, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0, 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            sha.update(piece)
            md5.update(piece)
            crc = zlib.crc32(piece, crc)
            size += len(piece)
    return sha.hexdigest(), md5.hexdigest(), crc, size


async def upload(http: HttpClient, image: MediaFile, *, uid: str, nick: str, request_id: int) -> str:
    """Upload one picture and return its ``pid``. Publishes nothing.

    Args:
        http: the account's client.
        image: the file; its content must still have the planned digest.
        uid: the account's numeric id.
        nick: the account's display name, for the watermark.
        request_id: a number of our own, by custom the time in milliseconds.

    Raises:
        ContentError: the file vanished or changed after it was planned.
        Refused, HumanNeeded, CredentialRejected, Unavailable: by the uploader's error number.
    """
    try:
        sha256, md5, crc, size = await asyncio.to_thread(digests, image.path)
    except OSError as error:
        raise _changed(image, f"{type(error).__name__}: {error.strerror}") from error
    if sha256 != image.sha256:
        raise _changed(image, "sha256")
    response = await http.request(
        "POST",
        UPLOAD_URL,
        params={
            "file_source": 1,
            "cs": crc,
            "ent": "miniblog",
            "appid": _APP_ID,
            "uid": uid,
            "raw_md5": md5,
            "ori": 1,
            "mpos": 1,
            "nick": nick,
            "pri": 0,
            "request_id": request_id,
            "file_size": size,
        },
        headers={
            "Referer": "https://weibo.com/",
            "Origin": "https://weibo.com",
            "Content-Type": "application/octet-stream",
        },
        content=image.path,
        timeout_s=30 + size / _SLOWEST,
    )
    try:
        body: Any = response.json()
    except ValueError:
        body = None
    pid = body["pic"].get("pid") if isinstance(body, dict) and isinstance(body.get("pic"), dict) else None
    if response.status_code == 200 and isinstance(body, dict) and body.get("ret") is True and pid:
        return str(pid)
    number = as_int(body.get("errno")) if isinstance(body, dict) else None
    raise upload_error(image.path.name, response.status_code, abs(number) if number is not None else None)


def _changed(image: MediaFile, why: str) -> ContentError:
    return ContentError(
        Text(
            en=f"The picture {image.path.name!r} is not the one that was planned any more ({why}). Plan and publish again.",
            zh=f"图片“{image.path.name}”与计划时不一致（{why}）。请重新计划并发布。",
        ),
        details={"path": str(image.path)},
        cause=Cause.CONTENT,
    )


#: Error number of the uploader -> what it means, in both languages (facts §3.1).
_CONTENT = {
    8: ("its data is broken", "数据损坏"),
    9: ("its format is not supported", "格式不支持"),
    10: ("it is too big", "文件过大"),
    12: ("its EXIF block is too long", "EXIF 信息过长"),
}
_PROTOCOL = {
    2: "no data",
    3: "bad callback",
    4: "no file",
    7: "bad s",
    13: "callback",
    14: "bad request",
    15: "bad request",
}


def upload_error(name: str, status: int, number: int | None) -> CreatorFlowError:
    """Turn a failed upload of the file ``name`` into an error; ``number`` is the uploader's, without sign."""
    details: dict[str, Any] = {"platform_code": number, "http_status": status, "file": name}
    if number in (1, 100006):
        return login_lost(Text(en=f"picture upload, {number}", zh=f"图片上传，{number}"), details)
    if number in _CONTENT:
        en, zh = _CONTENT[number]
        return Refused(
            Text(
                en=f"Weibo refused the picture {name!r}: {en} ({number}). Replace it and publish again.",
                zh=f"微博拒绝了图片“{name}”：{zh}（{number}）。请更换后重新发布。",
            ),
            details={**details, "platform_message": en},
            cause=Cause.CONTENT,
        )
    if number == 5:
        return HumanNeeded(
            Text(
                en=f"Weibo does not let this account upload the picture {name!r} (5). Open photo.weibo.com with the account, verify it "
                "there, then retry the job.",
                zh=f"微博不允许该账号上传图片“{name}”（5）。请用该账号打开 photo.weibo.com 完成验证，再重试任务。",
            ),
            details=details,
            cause=Cause.RISK,
        )
    if number == 6:
        return Refused(
            Text(
                en=f"Weibo's uploader says that the picture {name!r} came under a wrong user id (6). Check the account with "
                "'creatorflow accounts check'.",
                zh=f"微博上传接口提示图片“{name}”的用户 ID 不符（6）。请用 'creatorflow accounts check' 检查账号。",
            ),
            details=details,
            cause=Cause.ACCOUNT,
        )
    seen = _PROTOCOL.get(number or 0) or ("storage error" if number == 11 else f"HTTP {status}")
    return Unavailable(
        Text(
            en=f"Weibo did not take the picture {name!r}: {seen} ({number or '-'}). Nothing was published; try again later.",
            zh=f"微博未接收图片“{name}”：{seen}（{number or '-'}）。尚未发布任何内容，请稍后重试。",
        ),
        details=details,
        cause=_transport_cause(status, number),
    )


def _transport_cause(status: int, number: int | None) -> Cause:
    if number in _PROTOCOL:
        return Cause.DRIFT
    if status in (403, 414, 418, 429, 432):
        return Cause.RISK
    return Cause.NETWORK if number == 11 or status >= 500 else Cause.DRIFT
