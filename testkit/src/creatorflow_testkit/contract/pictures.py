"""Small real pictures made from nothing but the standard library."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

__all__ = ["sample_png"]


def sample_png(path: Path, seed: int = 0, *, width: int = 320, height: int = 240) -> Path:
    """Write a PNG whose bytes differ for every ``seed`` and return ``path``.

    Args:
        path: file to write; its folder is made.
        seed: which picture.
        width: pixels.
        height: pixels.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    red, green, blue = (37 * seed + 90) % 256, (91 * seed + 30) % 256, (53 * seed + 160) % 256
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # filter type "none"
        for x in range(width):
            rows += bytes(((red + x // 4) % 256, (green + y // 4) % 256, (blue + (x ^ y) // 8) % 256))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    data = (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(rows)))
        + _chunk(b"IEND", b"")
    )
    path.write_bytes(data)
    return path


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
