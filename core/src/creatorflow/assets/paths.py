"""From a file reference of a post to a checked file on this machine.

A post means the same on every machine, so names that mean something else on one of them (device names, alternate streams, backslashes)
are refused everywhere. Containment is decided on the fully resolved path, by parts, before it is said whether the file exists.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote_to_bytes

from creatorflow.api.errors import ContentError, PathDenied, Text

__all__ = ["contained_file"]

# No dot in it: "cat.png:stream" is a file and its alternate stream, not an address.
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+-]+):")
_DRIVE = re.compile(r"[a-zA-Z]:(?=/|\\|$)")
# Names that Windows gives to devices in every folder, with any extension; the superscript digits count too.
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³])\Z")
_ON_WINDOWS = sys.platform == "win32"


def contained_file(
    ref: str, *, base_dir: Path | None, roots: Iterable[Path] = (), max_bytes: int | None = None
) -> Path:
    """Return the resolved path of a readable, regular, non-empty file inside ``base_dir`` or one of ``roots``.

    Args:
        ref: a path (relative to ``base_dir``, or absolute) or a ``file:`` URI.
        base_dir: the folder of the post; None where there is none (RPC).
        roots: further folders that may be read.
        max_bytes: largest accepted size.

    Raises:
        PathDenied: the reference leads, or could lead, outside the folders, or is no portable file name.
        ContentError: the file is missing, unreadable, empty, too large, or no regular file.
    """
    path = _portable_path(ref)
    if not path.is_absolute():
        if base_dir is None:
            raise _denied(
                ref,
                ("is relative, but there is no post file to be relative to", "是相对路径，但没有可作参照的文章文件"),
                ("Give a file: or asset: address.", "请改用 file: 或 asset: 地址。"),
            )
        path = base_dir / path
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links, up to Python 3.12
        raise _unusable(ref, "cannot be followed to a file", "无法解析到文件") from error
    folders = [folder.resolve() for folder in ((base_dir,) if base_dir else ()) + tuple(roots)]
    if not any(_inside(resolved, folder) for folder in folders):
        raise _denied(
            ref,
            ("lies outside the folders that may be read", "位于允许读取的目录之外"),
            (
                "Move the file beside the post, or add its folder to [assets] roots in config.toml.",
                "请把文件移到文章所在目录，或在 config.toml 的 [assets] roots 中加入其目录。",
            ),
        )
    _check_file(ref, resolved, max_bytes)
    return resolved


def _portable_path(ref: str) -> Path:
    if not ref or not ref.strip():
        raise _denied(ref, ("is empty", "为空"), ("Name a file.", "请写出文件名。"))
    # "//server" as in "file://server" is a scheme first; a lone letter is a drive.
    scheme = _SCHEME.match(ref)
    text = _from_uri(ref, scheme[1]) if scheme else ref
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in text):
        raise _denied(ref, ("contains control characters", "含有控制字符"), ("Rename the file.", "请重命名该文件。"))
    if text.startswith(("//", "\\\\", "/\\", "\\/")):
        raise _denied(
            ref,
            ("is a network or device path", "是网络路径或设备路径"),
            ("Copy the file beside the post.", "请把文件复制到文章所在目录。"),
        )
    drive = _DRIVE.match(text)
    if "\\" in text and not (_ON_WINDOWS and drive):
        raise _denied(
            ref,
            ("contains a backslash", "含有反斜杠"),
            ("Write / between folders.", "请用 / 分隔目录。"),
        )
    rest = text[2:] if drive else text
    if drive and not _ON_WINDOWS:
        raise _denied(
            ref,
            ("names a Windows drive", "使用了 Windows 盘符"),
            ("Use a path relative to the post.", "请使用相对于文章的路径。"),
        )
    for part in re.split(r"[/\\]", rest):
        _check_part(ref, part)
    return Path(text)


def _from_uri(ref: str, scheme: str) -> str:
    if scheme.lower() != "file":
        raise _denied(
            ref,
            (
                f"has the scheme {scheme!r}; only paths, file: and asset: are read",
                f"的协议是“{scheme}”；只支持路径、file: 和 asset:",
            ),
            ("Save the file beside the post and name it there.", "请把文件保存到文章所在目录，再写出文件名。"),
        )
    rest = ref[len(scheme) + 1 :]
    if "?" in rest or "#" in rest:
        raise _denied(
            ref,
            (
                "contains ? or #, which end the path of a file: address",
                "含有 ? 或 #，而它们在 file: 地址中表示路径结束",
            ),
            ("Write them as %3F and %23.", "请写作 %3F 和 %23。"),
        )
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host.lower() not in {"", "localhost"} or not slash:
            raise _denied(
                ref,
                ("names another machine", "指向另一台机器"),
                ("Copy the file beside the post.", "请把文件复制到文章所在目录。"),
            )
        rest = "/" + path
    try:
        decoded = unquote_to_bytes(rest).decode()
    except UnicodeDecodeError:
        raise _denied(
            ref, ("is not UTF-8 after %-decoding", "百分号解码后不是 UTF-8"), ("Correct the address.", "请修正地址。")
        ) from None
    return decoded[1:] if _ON_WINDOWS and _DRIVE.match(decoded[1:]) else decoded


def _check_part(ref: str, part: str) -> None:
    if ":" in part:
        raise _denied(
            ref,
            ("contains a colon, which names an alternate stream on Windows", "含有冒号，在 Windows 上表示备用数据流"),
            ("Rename the file.", "请重命名该文件。"),
        )
    if part in {"", ".", ".."}:
        return
    if part[-1] in " .":
        raise _denied(
            ref,
            (
                "has a name that ends in a space or a dot, which Windows drops",
                "的名称以空格或句点结尾，Windows 会将其丢弃",
            ),
            ("Rename the file.", "请重命名该文件。"),
        )
    if _DEVICE.match(part.split(".", 1)[0].rstrip(" ").lower()):
        raise _denied(ref, ("is the name of a device", "是设备名"), ("Rename the file.", "请重命名该文件。"))


def _inside(path: Path, folder: Path) -> bool:
    wanted = [os.path.normcase(part) for part in folder.parts]
    return [os.path.normcase(part) for part in path.parts[: len(wanted)]] == wanted


def _check_file(ref: str, path: Path, max_bytes: int | None) -> None:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise _unusable(ref, "does not exist", "不存在") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise _unusable(ref, f"cannot be read ({reason})", f"无法读取（{reason}）") from error
    if stat.S_ISDIR(found.st_mode):
        raise _unusable(ref, "is a folder, not a file", "是目录而不是文件")
    if not stat.S_ISREG(found.st_mode):
        raise _unusable(ref, "is a pipe, socket or device, not a file", "是管道、套接字或设备，而不是文件")
    if not os.access(path, os.R_OK):
        raise _unusable(ref, "cannot be read (permission denied)", "无法读取（权限不足）")
    if found.st_size == 0:
        raise _unusable(ref, "is empty", "是空文件")
    if max_bytes is not None and found.st_size > max_bytes:
        raise _unusable(
            ref,
            f"has {found.st_size} bytes, more than [assets] max_bytes = {max_bytes}",
            f"有 {found.st_size} 字节，超过 [assets] max_bytes = {max_bytes}",
        )


def _short(ref: str) -> str:
    shown = "".join(char if char.isprintable() else "�" for char in ref)
    return shown if len(shown) <= 200 else shown[:199] + "…"


def _denied(ref: str, why: tuple[str, str], then: tuple[str, str]) -> PathDenied:
    shown = _short(ref)
    return PathDenied(
        Text(en=f"File {shown!r} {why[0]}. {then[0]}", zh=f"文件“{shown}”{why[1]}。{then[1]}"), {"ref": shown}
    )


def _unusable(ref: str, en: str, zh: str) -> ContentError:
    shown = _short(ref)
    return ContentError(
        Text(
            en=f"File {shown!r} {en}. Check the path; it is relative to the post.",
            zh=f"文件“{shown}”{zh}。请检查路径；路径相对于文章文件。",
        ),
        {"ref": shown},
    )
