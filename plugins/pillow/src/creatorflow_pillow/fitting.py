"""Fitting one picture to a target; runs in the worker process.

Why a colour profile becomes sRGB: sites encode pictures again and tend to drop the profile, after which a Display-P3 or CMYK picture looks
dull or wrong. A profile that already is sRGB changes nothing and stays in files that are left alone.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from creatorflow_pillow import encoding
from creatorflow_pillow.colours import is_srgb, plain_mode, to_srgb
from creatorflow_pillow.strip import StripError, strip

__all__ = ["Problem", "Target", "fit"]

#: Decoders we let near a stranger's file; Pillow has others that nobody needs here, one of which starts a program.
_FORMATS = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "HEIF")
_KINDS = {"MPO": "jpeg"}
_MIMES = {"tiff": "image/tiff", "bmp": "image/bmp", "avif": "image/avif", "heif": "image/heif", **encoding.MIMES}
_ANIMATED = frozenset({"gif", "png", "webp", "avif"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_ORIENTATION = 0x0112

Image.MAX_IMAGE_PIXELS = (
    None  # our own limit is checked before anything is decoded, and is an error instead of a warning
)


class Problem(Exception):
    """The picture cannot be fitted; ``code`` is a key of ``messages.PROBLEMS``, ``values`` fill its sentence."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """``creatorflow.api.ImageTarget`` as the worker gets it."""

    mimes: frozenset[str] = frozenset()
    max_bytes: int | None = None
    min_side: int | None = None
    max_side: int | None = None
    max_pixels: int | None = None
    strip_metadata: bool = True

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Target:
        """Build a target from its JSON form."""
        return cls(**{**value, "mimes": frozenset(value["mimes"])})

    def allows(self, kind: str) -> bool:
        """Tell whether the target takes this format."""
        return not self.mimes or _MIMES.get(kind) in self.mimes

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Return the largest size of the same shape that is not too big."""
        factor = 1.0
        if self.max_side is not None:
            factor = min(factor, self.max_side / max(width, height))
        if self.max_pixels is not None:
            factor = min(factor, (self.max_pixels / (width * height)) ** 0.5)
        if factor >= 1:
            return width, height
        return max(1, int(width * factor)), max(1, int(height * factor))


@dataclass(slots=True)
class _Source:
    """A completely decoded picture."""

    data: bytes
    kind: str
    image: Image.Image
    frames: int
    orientation: int
    size: tuple[int, int]
    stripped: bytes | None
    has_metadata: bool
    operations: list[dict[str, Any]] = field(default_factory=list)

    def note(self, code: str, **values: Any) -> None:
        """Remember what was done; ``code`` is a key of ``messages.OPERATIONS``."""
        self.operations.append({"code": code, "values": values})


def fit(path: Path, target: Target, out_dir: Path, limits: Mapping[str, int]) -> dict[str, Any]:
    """Return ``{"path", "info", "operations"}`` of a picture that fits ``target``: the file itself when it does.

    Raises:
        Problem: the file cannot be used.
    """
    source = _decode(_read(path, limits), target, limits)
    width, height = source.size
    if target.min_side is not None and min(width, height) < target.min_side:
        raise Problem("too_small", width=width, height=height, min_side=target.min_side)
    left_alone = _without_encoding(source, target)
    if left_alone is not None:
        if left_alone == source.data:
            return _result(source, path, source.kind, source.size, len(source.data))
        source.note("metadata")
        return _result(source, _write(out_dir, left_alone, source.kind), source.kind, source.size, len(left_alone))
    if source.frames > 1 and source.kind in _ANIMATED:
        raise Problem("animation", kind=source.kind.upper(), size=len(source.data), max_bytes=target.max_bytes or 0)
    return _encoded(source, target, out_dir)


def _read(path: Path, limits: Mapping[str, int]) -> bytes:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise Problem("missing") from None
    except OSError as error:
        raise Problem("unreadable", reason=error.strerror or type(error).__name__) from None
    if not stat.S_ISREG(status.st_mode):
        raise Problem("no_file")
    if status.st_size == 0:
        raise Problem("empty")
    if status.st_size > limits["input_bytes"]:
        raise Problem("file_too_big", size=status.st_size, limit=limits["input_bytes"])
    try:
        return path.read_bytes()
    except OSError as error:
        raise Problem("unreadable", reason=error.strerror or type(error).__name__) from None


def _open(data: bytes) -> Image.Image:
    heic = data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS
    if heic:
        try:  # an extra of this package: most people never meet this format
            import pillow_heif  # type: ignore[import-not-found,unused-ignore]

            pillow_heif.register_heif_opener()
        except ImportError:
            pass
    Image.init()
    try:
        return Image.open(io.BytesIO(data), formats=[name for name in _FORMATS if name in Image.OPEN])
    except UnidentifiedImageError:
        raise Problem("heic" if heic else "no_picture") from None


def _decode(data: bytes, target: Target, limits: Mapping[str, int]) -> _Source:
    """Decode every frame, so that a damaged file is found here and not by the site."""
    try:
        image = _open(data)
        width, height = image.size
        if width * height > limits["pixels"]:
            raise Problem("too_many_pixels", width=width, height=height, limit=limits["pixels"])
        orientation = image.getexif().get(_ORIENTATION, 1)
        kind = _KINDS.get(image.format or "", (image.format or "").lower())
        frames = _load(image, kind, target, orientation, limits)
        if kind == "png":
            Image.open(io.BytesIO(data), formats=["PNG"]).verify()  # checksums, which decoding does not look at
    except (Problem, MemoryError):
        raise
    except Exception as error:  # a decoder may raise anything on a damaged file, and each of them means the same
        raise Problem("damaged", reason=str(error)[:200] or type(error).__name__) from None
    oriented = isinstance(orientation, int) and 2 <= orientation <= 8
    size = (height, width) if oriented and orientation >= 5 else (width, height)
    stripped: bytes | None = None
    if kind in ("jpeg", "png", "gif"):
        try:
            stripped = strip(data, kind)
        except StripError as error:
            if kind == "gif":  # decoders stop silently at the end of a cut file
                raise Problem("damaged", reason=str(error)) from None
    metadata = (
        stripped != data if stripped is not None else any(image.info.get(key) for key in ("exif", "xmp", "comment"))
    )
    return _Source(data, kind, image, frames, orientation if oriented else 1, size, stripped, bool(metadata))


def _load(image: Image.Image, kind: str, target: Target, orientation: int, limits: Mapping[str, int]) -> int:
    """Decode all frames that count and leave the first one loaded; return how many there are."""
    width, height = image.size
    wanted = target.size_for(width, height)
    if kind == "jpeg" and wanted != (width, height):
        image.draft("RGB" if image.mode == "RGB" else None, wanted)  # the decoder scales by 1/2, 1/4, 1/8 on its way
    image.load()
    if kind not in _ANIMATED:
        return 1
    frames = int(getattr(image, "n_frames", 1))
    if frames * width * height > limits["pixels"] * limits["frames_factor"]:
        raise Problem("too_many_pixels", width=width, height=height * frames, limit=limits["pixels"])
    for number in range(1, frames):
        image.seek(number)
        image.load()
    if frames > 1:
        image.seek(0)
        image.load()
    return frames


def _without_encoding(source: _Source, target: Target) -> bytes | None:
    """Return the file's bytes, stripped where wanted, when its pixels may stay as they are; else None."""
    profile = source.image.info.get("icc_profile")
    pixels_stay = (
        target.allows(source.kind)
        and source.orientation == 1
        and target.size_for(*source.size) == source.size
        and source.image.mode != "CMYK"
        and (not profile or source.image.mode not in ("RGB", "RGBA") or is_srgb(profile))
    )
    if not pixels_stay:
        return None
    data = source.data
    if target.strip_metadata and source.has_metadata:
        if source.stripped is None:
            return None
        data = source.stripped
    return data if target.max_bytes is None or len(data) <= target.max_bytes else None


def _encoded(source: _Source, target: Target, out_dir: Path) -> dict[str, Any]:
    image = source.image
    tables = encoding.jpeg_tables(image) if source.kind == "jpeg" and image.mode in ("L", "RGB") else None
    if source.orientation != 1:
        image = encoding.upright(image, source.orientation)
        source.note("oriented")
    if target.strip_metadata and source.has_metadata:
        source.note("metadata")
    before = image.mode
    image, profiled = to_srgb(image)
    if before == "CMYK":
        source.note("cmyk")
    elif profiled:
        source.note("srgb")
    image = plain_mode(image)
    image.info.clear()  # encoders would write what they find here
    wanted = target.size_for(*source.size)
    if wanted != source.size:
        image = image.resize(wanted, Image.Resampling.LANCZOS, reducing_gap=3.0)
        source.note("resized", width=source.size[0], height=source.size[1], to_width=wanted[0], to_height=wanted[1])
        tables = None
    kinds = encoding.candidates(source.kind, encoding.has_alpha(image), target.allows)
    if not kinds:
        raise Problem("no_format", mimes=", ".join(sorted(target.mimes)))
    made = encoding.encode(image, kinds, target.max_bytes, tables)
    if made is None:
        raise Problem("too_big", max_bytes=target.max_bytes or 0)
    if made.kind != source.kind:
        source.note("format", kind=source.kind.upper(), to_kind=made.kind.upper())
    if made.flattened:
        source.note("white")
    if made.size != wanted:
        source.note("shrunk", to_width=made.size[0], to_height=made.size[1])
    if made.quality is not None:
        source.note("quality", quality=made.quality, size=len(made.data))
    return _result(source, _write(out_dir, made.data, made.kind), made.kind, made.size, len(made.data))


def _write(out_dir: Path, data: bytes, kind: str) -> Path:
    name = hashlib.sha256(data).hexdigest()[:24] + encoding.SUFFIXES[kind]
    part = out_dir / f".{name}.{os.getpid()}"
    try:
        part.write_bytes(data)
        return part.replace(out_dir / name)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Problem("unwritable", folder=str(out_dir), reason=error.strerror or type(error).__name__) from error


def _result(source: _Source, path: Path, kind: str, size: tuple[int, int], length: int) -> dict[str, Any]:
    changed = bool(source.operations)
    info = {
        "format": kind,
        "mime": _MIMES[kind],
        "width": size[0],
        "height": size[1],
        "size": length,
        "frames": source.frames,  # an animation is never encoded again
        "has_metadata": source.has_metadata and not changed,
        "oriented": source.orientation != 1,
    }
    return {"path": str(path), "info": info, "operations": source.operations}
