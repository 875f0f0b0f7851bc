"""Request bodies from files, and headers that cannot smuggle."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx

from creatorflow.api.errors import ContentError, InvalidInput, Text

__all__ = ["FileBody", "checked_headers"]

FILE_CHUNK_BYTES = 256 * 1024


class FileBody(httpx.AsyncByteStream):
    """Exactly ``size`` bytes of a file, read again from the start for each hop, in constant memory."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self.size = size

    @classmethod
    async def opened(cls, path: Path) -> FileBody:
        """Look at a file before anything is sent.

        Raises:
            ContentError: it cannot be read.
        """

        def look() -> int:
            with path.open("rb") as handle:  # opened, so that a missing right shows now
                return handle.seek(0, os.SEEK_END)

        try:
            return cls(path, await asyncio.to_thread(look))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ContentError(
                Text(
                    en=f"The file {path} cannot be read ({reason}). Check that it exists and that this user may read it.",
                    zh=f"无法读取文件 {path}（{reason}）。请确认文件存在且当前用户有读取权限。",
                ),
                details={"file": str(path), "reason": reason, "sent": False},
            ) from error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        handle = await asyncio.to_thread(self._path.open, "rb")
        try:
            left = self.size
            while left and (chunk := await asyncio.to_thread(handle.read, min(FILE_CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk
            if left:
                raise OSError("the file became shorter while it was sent")
        finally:
            handle.close()


def checked_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers unchanged, or refuse a line break in one: the rest of it would become a header of its own."""
    for name, value in headers.items():
        shown = re.split(r"[\r\n\0]", name)[0]
        if re.search(r"[\r\n\0]", name + value):
            raise InvalidInput(
                Text(
                    en=f'The header "{shown}" holds a line break; nothing was sent. Remove it.',
                    zh=f"请求头“{shown}”中有换行符，请求未发出。请去除换行。",
                ),
                details={"sent": False},
            )
    return headers
