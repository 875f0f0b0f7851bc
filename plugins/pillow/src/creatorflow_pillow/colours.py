"""Colours and pixel modes; runs in the worker process."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

__all__ = ["is_srgb", "plain_mode", "to_srgb"]


def is_srgb(profile: bytes) -> bool:
    """Tell whether an embedded profile says that it is sRGB; an unreadable one counts as such, because it cannot be applied."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return "srgb" in ImageCms.getProfileDescription(opened).lower()
    except (ImageCms.PyCMSError, OSError):
        return True


def to_srgb(image: Image.Image) -> tuple[Image.Image, bool]:
    """Return the picture in sRGB, and whether its profile was applied; CMYK becomes RGB with or without a profile."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "CMYK") and (image.mode == "CMYK" or not is_srgb(profile)):
        alpha = image.getchannel("A") if image.mode == "RGBA" else None
        base = image.convert("RGB") if alpha is not None else image
        try:
            converted = ImageCms.profileToProfile(
                base,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a profile that does not fit its picture: the numbers are all we have
        if converted is not None:
            if alpha is not None:
                converted.putalpha(alpha)
            return converted, True
    return (image.convert("RGB"), False) if image.mode == "CMYK" else (image, False)


def plain_mode(image: Image.Image) -> Image.Image:
    """Return a copy in L, RGB or RGBA with eight bits per channel."""
    if image.mode.startswith("I;16") or image.mode == "I":
        # 0..65535 to 0..255; a plain conversion would cut everything above 255 to white
        return image.convert("I").point(lambda value: value * (1 / 257) + 0).convert("L")
    if image.mode in ("L", "RGB", "RGBA") and "transparency" not in image.info:
        return image.copy()
    if image.mode in ("LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in ("1", "L", "F") else "RGB")
