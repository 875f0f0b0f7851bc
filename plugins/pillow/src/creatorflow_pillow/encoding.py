"""Writing a picture in the best form that fits a size; runs in the worker process."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageFile, JpegImagePlugin

__all__ = ["MIMES", "SUFFIXES", "Encoded", "candidates", "encode", "has_alpha", "jpeg_tables", "upright"]

#: The formats that we write.
MIMES = {"jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp"}
SUFFIXES = {"jpeg": ".jpg", "png": ".png", "gif": ".gif", "webp": ".webp"}

_BEST, _WORST = 95, 60  # JPEG and WebP quality; below 60 fewer pixels look better than worse ones
_SHRINK_STEPS = 8
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

#: Quantization tables and chroma subsampling of a JPEG: writing with the same ones loses least and grows nothing.
Tables = tuple[dict[int, list[int]], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """An encoded picture. ``quality`` is set when it had to go down to fit; ``flattened`` when transparency became white."""

    data: bytes
    kind: str
    size: tuple[int, int]
    quality: int | None = None
    flattened: bool = False


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the picture turned as its EXIF orientation (2..8) says."""
    turned = image.transpose(_TURNS[orientation])
    turned.info = dict(image.info)
    return turned


def has_alpha(image: Image.Image) -> bool:
    """Tell whether anything in the picture is really transparent."""
    if image.mode != "RGBA":
        return False
    low, _ = image.getchannel("A").getextrema()
    return isinstance(low, int | float) and low < 255


def jpeg_tables(image: Image.Image) -> Tables | None:
    """Return how a JPEG was written, or None when it is unusual."""
    tables: dict[int, list[int]] = getattr(image, "quantization", {})
    sampling = JpegImagePlugin.get_sampling(image)
    return (tables, sampling) if 1 <= len(tables) <= 3 and sampling >= 0 else None


def candidates(kind: str, alpha: bool, allows: Callable[[str], bool]) -> list[str]:
    """Return the formats to try, best first: its own where it is one that suits pixels we changed, then by content."""
    own = [kind] if kind in ("jpeg", "png", "webp") else []
    rest = ["png", "webp", "jpeg", "gif"] if alpha or kind == "gif" else ["jpeg", "webp", "png", "gif"]
    return [name for name in dict.fromkeys([*own, *rest]) if allows(name)]


def encode(image: Image.Image, kinds: Sequence[str], max_bytes: int | None, tables: Tables | None) -> Encoded | None:
    """Return the picture in the first format that fits at a decent quality, smaller in pixels only when none does.

    Args:
        image: mode L, RGB or RGBA, without info.
        kinds: formats to try, best first.
        max_bytes: limit, or None.
        tables: how the source JPEG was written, for the first try.
    """
    for step in range(_SHRINK_STEPS):
        shown = image
        if step:
            factor = 0.8**step
            size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
            shown = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        for kind in kinds:
            made = _fitting(shown, kind, max_bytes, tables if not step else None)
            if made is not None:
                return made
    return None


def _fitting(image: Image.Image, kind: str, max_bytes: int | None, tables: Tables | None) -> Encoded | None:
    flattened = False
    if kind == "jpeg" and image.mode == "RGBA":
        flattened = has_alpha(image)
        image = _over_white(image)

    def fits(data: bytes) -> bool:
        return max_bytes is None or len(data) <= max_bytes

    def done(data: bytes, quality: int | None = None) -> Encoded:
        return Encoded(data=data, kind=kind, size=image.size, quality=quality, flattened=flattened)

    if kind in ("png", "gif"):
        data = _save(image, kind, **({"compress_level": 6} if kind == "png" else {}))
        return done(data) if fits(data) else None
    if kind == "jpeg" and tables is not None:
        data = _save(image, kind, qtables=tables[0], subsampling=tables[1], optimize=True)
        if fits(data):
            return done(data)
    best = _lossy(image, kind, _BEST)
    if fits(best):
        return done(best, None if tables is None else _BEST)
    return _search(image, kind, fits, done)


def _search(
    image: Image.Image, kind: str, fits: Callable[[bytes], bool], done: Callable[[bytes, int], Encoded]
) -> Encoded | None:
    """Find the best quality that fits; size grows with quality, so halving the range is enough."""
    low, high = _WORST, _BEST - 1
    found: Encoded | None = None
    while low <= high:
        middle = (low + high + 1) // 2
        data = _lossy(image, kind, middle)
        if fits(data):
            found = done(data, middle)
            low = middle + 1
        else:
            high = middle - 1
    return found


def _lossy(image: Image.Image, kind: str, quality: int) -> bytes:
    if kind == "webp":
        return _save(image, kind, quality=quality, method=4)
    # full colour resolution where quality is high: red text on a picture stays sharp
    return _save(image, kind, quality=quality, subsampling=0 if quality >= 90 else 2, optimize=True, progressive=True)


def _save(image: Image.Image, kind: str, **options: Any) -> bytes:
    if kind == "jpeg":
        # The JPEG encoder writes optimised files in one go and fails when its buffer is too small; Pillow's own guess is, for noisy
        # pictures at high quality.
        ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, image.width * image.height * 4 + (64 << 10))
    out = io.BytesIO()
    image.save(out, kind.upper(), **options)
    return out.getvalue()


def _over_white(image: Image.Image) -> Image.Image:
    base = Image.new("RGB", image.size, "white")
    base.paste(image, mask=image.getchannel("A"))
    return base
