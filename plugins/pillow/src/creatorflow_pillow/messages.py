"""The sentences of this package; the worker only sends codes and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from creatorflow.api import Text

__all__ = ["OPERATIONS", "PROBLEMS", "operation", "problem"]

OPERATIONS: dict[str, tuple[str, str]] = {
    "oriented": ("turned upright as its EXIF orientation says", "按 EXIF 方向信息旋转"),
    "metadata": ("metadata removed (EXIF, GPS position, XMP, comments)", "已清除元数据（EXIF、GPS 位置、XMP、注释）"),
    "cmyk": ("converted from CMYK to RGB", "由 CMYK 转为 RGB"),
    "srgb": ("colours converted to sRGB", "颜色转换为 sRGB"),
    "resized": (
        "scaled from {width}×{height} to {to_width}×{to_height} pixels",
        "由 {width}×{height} 缩放为 {to_width}×{to_height} 像素",
    ),
    "shrunk": (
        "scaled to {to_width}×{to_height} pixels to fit the size limit",
        "为满足大小限制缩放为 {to_width}×{to_height} 像素",
    ),
    "format": ("converted from {kind} to {to_kind}", "由 {kind} 转为 {to_kind}"),
    "white": ("transparency put on white", "透明部分填充为白色"),
    "quality": ("compressed at quality {quality} to {size} bytes", "以质量 {quality} 压缩为 {size} 字节"),
}

PROBLEMS: dict[str, tuple[str, str]] = {
    "missing": ("The picture {path!r} does not exist. Check the path.", "图片“{path}”不存在。请检查路径。"),
    "unreadable": (
        "The picture {path!r} cannot be read ({reason}). Check its permissions.",
        "无法读取图片“{path}”（{reason}）。请检查权限。",
    ),
    "no_file": ("{path!r} is not a file. Name a picture file.", "“{path}”不是文件。请指定图片文件。"),
    "empty": ("The picture {path!r} is empty (0 bytes). Export it again.", "图片“{path}”为空（0 字节）。请重新导出。"),
    "file_too_big": (
        "The picture {path!r} has {size} bytes, more than the {limit} that are read. Export a smaller one.",
        "图片“{path}”有 {size} 字节，超过可读取的 {limit} 字节。请导出较小的图片。",
    ),
    "no_picture": (
        "{path!r} is not a picture in a known format (JPEG, PNG, GIF, WebP, AVIF, BMP, TIFF). Export it as JPEG or PNG.",
        "“{path}”不是已知格式的图片（JPEG、PNG、GIF、WebP、AVIF、BMP、TIFF）。请导出为 JPEG 或 PNG。",
    ),
    "heic": (
        "{path!r} is a HEIC picture, which this installation cannot read. Export it as JPEG, or run: pip install "
        "'creatorflow-pillow[heif]'.",
        "“{path}”是 HEIC 图片，当前安装无法读取。请导出为 JPEG，或运行：pip install 'creatorflow-pillow[heif]'。",
    ),
    "damaged": (
        "The picture {path!r} is damaged or cut short ({reason}). Export or download it again.",
        "图片“{path}”已损坏或不完整（{reason}）。请重新导出或下载。",
    ),
    "too_many_pixels": (
        "The picture {path!r} has {width}×{height} pixels, more than the {limit} that are decoded. Export a smaller one.",
        "图片“{path}”为 {width}×{height} 像素，超过可解码的 {limit} 像素。请导出较小的图片。",
    ),
    "too_small": (
        "The picture {path!r} has {width}×{height} pixels; the platform wants at least {min_side} on each side. Use a larger one.",
        "图片“{path}”为 {width}×{height} 像素，平台要求每边至少 {min_side} 像素。请使用更大的图片。",
    ),
    "animation": (
        "The animated {kind} {path!r} ({size} bytes) cannot be sent as it is, and fitting it would stop the animation. Export it smaller "
        "or as a format that the platform takes, or use a still picture.",
        "动图“{path}”（{kind}，{size} 字节）无法直接发送，转换会丢失动画。请导出更小的文件或平台支持的格式，或使用静态图片。",
    ),
    "no_format": (
        "The picture {path!r} cannot be written in any format that the platform takes ({mimes}). Use another platform or file.",
        "图片“{path}”无法写成平台支持的任何格式（{mimes}）。请更换平台或文件。",
    ),
    "too_big": (
        "The picture {path!r} does not fit into {max_bytes} bytes even when scaled down. Use a smaller one.",
        "图片“{path}”缩小后仍超过 {max_bytes} 字节。请使用更小的图片。",
    ),
    "unwritable": (
        "The fitted picture {path!r} cannot be written to {folder} ({reason}). Free some space there, or correct its rights.",
        "处理后的图片“{path}”无法写入 {folder}（{reason}）。请清理磁盘空间，或修正该目录的权限。",
    ),
    "memory": (
        "Decoding the picture {path!r} needs more memory than is allowed. Export a smaller one.",
        "解码图片“{path}”所需内存超过限制。请导出较小的图片。",
    ),
    "timeout": (
        "Decoding the picture {path!r} took longer than {seconds:g} s and was stopped. Export it again or use another one.",
        "解码图片“{path}”超过 {seconds:g} 秒，已停止。请重新导出或更换图片。",
    ),
    "crashed": (
        "The picture {path!r} crashed its decoder or ran out of its limits ({reason}). Export it again or use another one.",
        "图片“{path}”导致解码器崩溃或超出限制（{reason}）。请重新导出或更换图片。",
    ),
}


def operation(code: str, values: Mapping[str, Any]) -> Text:
    """Return the sentence for one thing that was done."""
    en, zh = OPERATIONS[code]
    return Text(en=en.format(**values), zh=zh.format(**values))


def problem(code: str, path: str, values: Mapping[str, Any]) -> Text:
    """Return the sentence for a picture that cannot be used."""
    en, zh = PROBLEMS[code]
    return Text(en=en.format(path=path, **values), zh=zh.format(path=path, **values))
