"""Removing metadata from a file without touching its pixels: JPEG segments, PNG chunks, GIF extensions.

A picture that only carries metadata keeps every byte of its image data; nothing is encoded again.
"""

from __future__ import annotations

import struct

__all__ = ["StripError", "strip"]


class StripError(ValueError):
    """The file's structure is not what its format demands."""


def strip(data: bytes, kind: str, *, keep_icc: bool = True) -> bytes:
    """Return ``data`` without metadata; equal to ``data`` when there is none.

    Args:
        data: a complete file.
        kind: ``jpeg``, ``png`` or ``gif``.
        keep_icc: keep an embedded colour profile.

    Raises:
        StripError: the structure is broken, or ``kind`` is another one.
    """
    try:
        if kind == "jpeg":
            return _jpeg(data, keep_icc)
        if kind == "png":
            return _png(data, keep_icc)
        if kind == "gif":
            return _gif(data)
    except (IndexError, struct.error) as error:
        raise StripError(f"broken {kind} structure") from error
    raise StripError(f"no way to strip {kind}")


def _jpeg(data: bytes, keep_icc: bool) -> bytes:
    """Keep the segments that decoding needs; drop APPn, comments, and whatever follows the end of the image.

    Kept of the APPn: JFIF (0), a colour profile (2, on demand) and Adobe's (14), which says how colours are coded.
    """
    if data[:2] != b"\xff\xd8":
        raise StripError("not a JPEG")
    out = bytearray(b"\xff\xd8")
    at = 2
    while True:
        if data[at] != 0xFF:
            raise StripError("no marker where one must be")
        while data[at + 1] == 0xFF:  # fill bytes
            at += 1
        marker = data[at + 1]
        if marker == 0xD9:
            return bytes(out + b"\xff\xd9")
        size = struct.unpack(">H", data[at + 2 : at + 4])[0]
        end = at + 2 + size
        segment = data[at:end]
        if len(segment) != size + 2:
            raise StripError("segment cut short")
        if _keep_segment(marker, segment[4:], keep_icc):
            out += segment
        at = end
        if marker == 0xDA:
            end = _scan_end(data, at)
            out += data[at:end]
            at = end


def _keep_segment(marker: int, body: bytes, keep_icc: bool) -> bool:
    if marker == 0xE0:
        return body.startswith(b"JFIF\0")
    if marker == 0xE2:
        return keep_icc and body.startswith(b"ICC_PROFILE\0")
    if marker == 0xEE:
        return body.startswith(b"Adobe")
    return not (0xE0 <= marker <= 0xEF or marker == 0xFE)


def _scan_end(data: bytes, at: int) -> int:
    """Return where the entropy-coded data that starts at ``at`` ends: at the next marker that is no stuffing and no restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise StripError("scan without end")
        following = data[at + 1]
        if following == 0x00 or 0xD0 <= following <= 0xD7:
            at += 2
        elif following == 0xFF:
            at += 1
        else:
            return at


#: Chunks that change what is seen: critical ones, transparency, colour, density, animation.
_PNG_KEEP = frozenset(
    name.encode()
    for name in [
        "IHDR",
        "PLTE",
        "IDAT",
        "IEND",
        "tRNS",
        "gAMA",
        "cHRM",
        "sRGB",
        "cICP",
        "sBIT",
        "bKGD",
        "pHYs",
        "acTL",
        "fcTL",
        "fdAT",
    ]
)


def _png(data: bytes, keep_icc: bool) -> bytes:
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise StripError("not a PNG")
    out = bytearray(data[:8])
    at = 8
    while True:
        size, name = struct.unpack(">I4s", data[at : at + 8])
        end = at + 12 + size
        if end > len(data):
            raise StripError("chunk cut short")
        if name in _PNG_KEEP or (keep_icc and name == b"iCCP"):
            out += data[at:end]
        at = end
        if name == b"IEND":
            return bytes(out)


def _gif(data: bytes) -> bytes:
    """Drop comments, plain text and application extensions other than the loop counter."""
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        raise StripError("not a GIF")
    at = 13 + _palette(data[10])
    out = bytearray(data[:at])
    while True:
        start = at
        kind = data[at]
        if kind == 0x3B:
            return bytes(out + b"\x3b")
        if kind == 0x2C:
            at = _blocks_end(data, at + 10 + _palette(data[at + 9]) + 1)
            out += data[start:at]
        elif kind == 0x21:
            at = _blocks_end(data, at + 2)
            label = data[start + 1]
            loops = label == 0xFF and data[start + 3 : start + 14] in (b"NETSCAPE2.0", b"ANIMEXTS1.0")
            if label == 0xF9 or loops:
                out += data[start:at]
        else:
            raise StripError("unknown block")


def _palette(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks_end(data: bytes, at: int) -> int:
    while size := data[at]:
        at += size + 1
    return at + 1
