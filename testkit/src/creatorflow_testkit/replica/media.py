"""Looking at uploaded bytes the way a site does: type, size in pixels, and whether the file is whole."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ImageFacts", "MediaStore", "sniff_image"]


@dataclass(frozen=True)
class ImageFacts:
    """What the first look at a picture says.

    Attributes:
        mime: ``image/jpeg``, ``image/png``, ``image/gif``, ``image/webp`` or ``image/bmp``.
        width: pixels, 0 when the header is damaged.
        height: pixels, 0 when the header is damaged.
        whole: the end mark of the format is there (always true for formats without one).
    """

    mime: str
    width: int
    height: int
    whole: bool


def sniff_image(body: bytes) -> ImageFacts | None:
    """Facts of a picture from its bytes, or ``None`` when they are no picture of a known type."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = int.from_bytes(body[16:20]), int.from_bytes(body[20:24])
        return ImageFacts("image/png", width, height, whole=b"IEND" in body[-16:])
    if body[:6] in {b"GIF87a", b"GIF89a"}:
        width, height = int.from_bytes(body[6:8], "little"), int.from_bytes(body[8:10], "little")
        return ImageFacts("image/gif", width, height, whole=body.rstrip(b"\0").endswith(b";"))
    if body.startswith(b"\xff\xd8"):
        width, height = _jpeg_size(body)
        return ImageFacts("image/jpeg", width, height, whole=b"\xff\xd9" in body[-64:])
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return ImageFacts("image/webp", 0, 0, whole=int.from_bytes(body[4:8], "little") + 8 <= len(body))
    if body.startswith(b"BM"):
        width, height = int.from_bytes(body[18:22], "little"), int.from_bytes(body[22:26], "little")
        return ImageFacts("image/bmp", width, height, whole=int.from_bytes(body[2:6], "little") <= len(body))
    return None


def _jpeg_size(body: bytes) -> tuple[int, int]:
    """Walk the JPEG segments to the frame header; (0, 0) when it is not there."""
    at = 2
    while at + 9 <= len(body) and body[at] == 0xFF:
        marker = body[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        # Start-of-frame markers are C0..CF without C4 (tables), C8 (reserved) and CC (conditioning).
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return int.from_bytes(body[at + 7 : at + 9]), int.from_bytes(body[at + 5 : at + 7])
        at += 2 + int.from_bytes(body[at + 2 : at + 4])
    return 0, 0


class MediaStore:
    """Uploaded bytes on disk, named by their SHA-256, so that a restarted replica still serves them."""

    def __init__(self, directory: Path) -> None:
        """Use (and make) ``directory``."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory

    def put(self, body: bytes) -> str:
        """Store bytes; returns their SHA-256 in hex."""
        digest = hashlib.sha256(body).hexdigest()
        target = self._directory / digest
        if not target.exists():
            half = target.with_suffix(".half")
            half.write_bytes(body)
            half.replace(target)
        return digest

    def get(self, digest: str) -> bytes | None:
        """The bytes of that SHA-256, or ``None``."""
        target = self._directory / digest
        return target.read_bytes() if target.exists() else None
