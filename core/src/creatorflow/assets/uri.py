"""``asset:<sha256>``: the address of a file in the content-addressed store."""

from __future__ import annotations

import re
from dataclasses import dataclass

from creatorflow.api.errors import InvalidInput, Text

__all__ = ["AssetURI"]

_SHA256 = re.compile(r"[0-9a-fA-F]{64}\Z")


@dataclass(frozen=True, slots=True)
class AssetURI:
    """A stored file by its content; ``sha256`` is 64 lower-case hex digits."""

    sha256: str

    def __post_init__(self) -> None:
        if not _SHA256.match(self.sha256) or self.sha256 != self.sha256.lower():
            raise ValueError("an asset is named by 64 lower-case hex digits")

    @classmethod
    def parse(cls, text: str) -> AssetURI:
        """Read ``asset:<64 hex digits>``; upper-case digits are accepted.

        Raises:
            InvalidInput: it is not such an address.
        """
        scheme, _, digest = text.partition(":")
        if scheme.lower() != "asset" or not _SHA256.match(digest):
            raise InvalidInput(
                Text(
                    en=f"{text[:100]!r} is not an asset address; it is 'asset:' followed by 64 hex digits, as asset.put returns it.",
                    zh=f"“{text[:100]}”不是素材地址；应为 asset: 加 64 位十六进制数字，即 asset.put 返回的地址。",
                ),
                {"ref": text[:100]},
            )
        return cls(digest.lower())

    def __str__(self) -> str:
        return f"asset:{self.sha256}"
