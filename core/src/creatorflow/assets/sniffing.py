"""The kind of a media file by its first bytes; names and extensions are never trusted."""

from __future__ import annotations

from pathlib import Path

__all__ = ["UNKNOWN", "sniff"]

#: What an unknown kind of file is called.
UNKNOWN = "application/octet-stream"

# Enough for every signature below, brands of an ISO media file included.
_HEAD_BYTES = 64

_FIXED: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)

# ISO/IEC 23008-12 (HEIF) and the AVIF specification name these brands; the rest of ISO media is taken for MP4 where it says so.
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF = frozenset({b"avif", b"avis"})
_MP4 = frozenset({b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"dash", b"MSNV"})


def sniff(path: Path) -> str:
    """Return the MIME type of a JPEG, PNG, GIF, WebP, HEIC, AVIF, MP4 or QuickTime file, else ``application/octet-stream``.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return sniff_bytes(file.read(_HEAD_BYTES))


def sniff_bytes(head: bytes) -> str:
    """Return the MIME type that the first bytes of a file announce."""
    for magic, mime in _FIXED:
        if head.startswith(magic):
            return mime
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    return UNKNOWN


def _iso_media(head: bytes) -> str:
    size = int.from_bytes(head[:4], "big")
    box = head[: min(size, len(head))] if size >= 16 else head[:16]
    major = box[8:12]
    # Major brand first; an image sequence or a plain "mif1" says only in the compatible brands how it is coded.
    brands = [major, *(box[at : at + 4] for at in range(16, len(box) - 3, 4))]
    for brand in brands:
        if brand in _AVIF:
            return "image/avif"
        if brand in _HEIC:
            return "image/heic"
        if brand in _MP4:
            return "video/mp4"
        if brand == b"qt  ":
            return "video/quicktime"
    return UNKNOWN
