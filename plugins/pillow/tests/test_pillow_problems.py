"""Pictures that cannot be used, and the child process that finds out."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from creatorflow.api import ContentError, ImageTarget, PluginError, ProcessorContext, StorageError
from creatorflow_pillow.messages import OPERATIONS, PROBLEMS
from creatorflow_pillow.processor import PillowImages
from creatorflow_pillow.strip import StripError, strip
from PIL import Image

Maker = Callable[[int, int], Image.Image]
WEIBO = ImageTarget(mimes=frozenset({"image/jpeg", "image/png", "image/gif"}), max_bytes=20_971_519)


# --- what cannot be used --------------------------------------------------------------------------------------------------------------


async def refused(images: PillowImages, path: Path, problem: str, target: ImageTarget = WEIBO) -> ContentError:
    with pytest.raises(ContentError) as caught:
        await images.fit([path], target)
    error = caught.value
    assert error.details["path"] == str(path)
    assert error.details["problem"] == problem
    assert str(path) in error.text.en
    assert str(path) in error.text.zh
    return error


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp"])
@pytest.mark.parametrize("share", [0.5, 0.9])
async def test_truncated(images: PillowImages, tmp_path: Path, kind: str, share: float, noise: Maker) -> None:
    path = tmp_path / f"cut.{kind}"
    noise(200, 150).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    await refused(images, path, "damaged")


async def test_a_flipped_bit_in_a_png(images: PillowImages, tmp_path: Path, scene: Maker) -> None:
    path = tmp_path / "flipped.png"
    scene(320, 200).save(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    await refused(images, path, "damaged")


async def test_a_wrong_checksum_in_a_png(images: PillowImages, tmp_path: Path, scene: Maker) -> None:
    """The pixels decode; that a byte of the file changed on its way is seen by the checksum only."""
    path = tmp_path / "checksum.png"
    scene(320, 200).save(path)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"IEND") - 5] ^= 0x01  # last byte of the checksum before the chunk IEND
    path.write_bytes(data)
    await refused(images, path, "damaged")


async def test_missing_empty_and_strange_files(images: PillowImages, tmp_path: Path) -> None:
    await refused(images, tmp_path / "none.jpg", "missing")
    await refused(images, tmp_path, "no_file")
    empty = tmp_path / "empty.jpg"
    empty.touch()
    await refused(images, empty, "empty")
    text = tmp_path / "text.jpg"
    text.write_text("这不是图片")
    await refused(images, text, "no_picture")
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    await refused(images, pipe, "no_file")


async def test_a_bomb_is_refused_before_it_is_decoded(images: PillowImages, tmp_path: Path) -> None:
    side = 60_000  # 3.6 gigapixels in a few kilobytes

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    path = tmp_path / "bomb.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes(10_000_000)))
        + chunk(b"IEND", b"")
    )
    await refused(images, path, "too_many_pixels")


async def test_a_postscript_file_starts_no_program(images: PillowImages, tmp_path: Path, scene: Maker) -> None:
    path = tmp_path / "a.jpg"
    scene(20, 20).save(path, "EPS")
    await refused(images, path, "no_picture")


async def test_too_small(images: PillowImages, tmp_path: Path, scene: Maker) -> None:
    path = tmp_path / "a.png"
    scene(50, 40).save(path)
    await refused(images, path, "too_small", ImageTarget(min_side=100))


async def test_an_animation_is_never_stopped_silently(images: PillowImages, tmp_path: Path, noise: Maker) -> None:
    path = tmp_path / "a.gif"
    frames = [noise(60, 60) for _ in range(4)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    await refused(images, path, "animation", ImageTarget(mimes=frozenset({"image/jpeg"})))
    await refused(images, path, "animation", ImageTarget(mimes=WEIBO.mimes, max_bytes=2000))


async def test_heic_is_named(images: PillowImages, tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    path.write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200))
    error = await refused(images, path, "heic")
    assert "creatorflow-pillow[heif]" in error.text.en


async def test_the_second_of_three_is_the_one_that_is_named(images: PillowImages, tmp_path: Path, scene: Maker) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    scene(320, 200).save(good)
    bad.write_bytes(good.read_bytes()[:-200])
    with pytest.raises(ContentError) as caught:
        await images.fit([good, bad, good], WEIBO)
    assert caught.value.details["path"] == str(bad)


# --- the child process ------------------------------------------------------------------------------------------------------------------


async def test_a_batch_keeps_its_order_and_uses_one_child(
    images: PillowImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: Maker
) -> None:
    started = 0
    start = images._start

    async def counting() -> asyncio.subprocess.Process:
        nonlocal started
        started += 1
        return await start()

    monkeypatch.setattr(images, "_start", counting)
    paths = []
    for width in (30, 20, 40):
        path = tmp_path / f"{width}.png"
        scene(width, 20).save(path)
        paths.append(path)
    results = await images.fit(paths, WEIBO)
    assert [result.info.width for result in results] == [30, 20, 40]
    assert started == 1
    assert await images.fit([], WEIBO) == []


class Tight(PillowImages):
    limits: ClassVar[Mapping[str, int]] = {**PillowImages.limits, "memory": 400 << 20}


async def test_the_memory_limit_holds(context: ProcessorContext, tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("RGB", (10_000, 10_000)).save(path)
    with pytest.raises(ContentError) as caught:
        await Tight(context).fit([path], WEIBO)
    assert caught.value.details["problem"] in ("memory", "damaged", "crashed")


class Hasty(PillowImages):
    budget_s: ClassVar[float] = 0.05


async def test_the_time_budget_holds_and_the_child_is_gone(
    context: ProcessorContext, tmp_path: Path, noise: Maker
) -> None:
    path = tmp_path / "big.png"
    noise(2000, 2000).save(path, compress_level=1)
    images = Hasty(context)
    with pytest.raises(ContentError) as caught:
        await images.fit([path], ImageTarget(mimes=frozenset({"image/png"}), max_bytes=1000))
    assert caught.value.details["problem"] == "timeout"
    assert str(path) in caught.value.text.zh


async def test_a_full_disk_is_no_fault_of_the_picture(context: ProcessorContext, tmp_path: Path, noise: Maker) -> None:
    class Full(PillowImages):
        limits: ClassVar[Mapping[str, int]] = {**PillowImages.limits, "file_bytes": 1000}  # the system's own refusal

    path = tmp_path / "fine.jpg"
    noise(400, 300).save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
    with pytest.raises(StorageError) as caught:
        await Full(context).fit([path], WEIBO)
    assert str(path) in caught.value.text.en
    assert "Free some space" in caught.value.text.en
    assert "请清理磁盘空间" in caught.value.text.zh
    assert list(context.work_dir.iterdir()) == []


class Remembering(PillowImages):
    child: asyncio.subprocess.Process | None = None

    async def _start(self) -> asyncio.subprocess.Process:
        self.child = await super()._start()
        return self.child


async def busy(
    context: ProcessorContext, tmp_path: Path, noise: Maker
) -> tuple[asyncio.Task[Any], asyncio.subprocess.Process]:
    """Start a fit that takes seconds, and return once the child is inside the picture."""
    path = tmp_path / "big.png"
    noise(1500, 1500).save(path, compress_level=1)
    images = Remembering(context)
    task = asyncio.create_task(images.fit([path], ImageTarget(mimes=frozenset({"image/png"}), max_bytes=1000)))
    async with asyncio.timeout(20):
        while images.child is None or not _cpu_used(images.child.pid):  # noqa: ASYNC110 - /proc has no events
            await asyncio.sleep(0.01)
    return task, images.child


async def test_a_killed_child_is_an_error_about_its_picture(
    context: ProcessorContext, tmp_path: Path, noise: Maker
) -> None:
    task, child = await busy(context, tmp_path, noise)
    child.send_signal(signal.SIGSEGV)
    with pytest.raises(ContentError) as caught:
        await task
    assert caught.value.details["problem"] == "crashed"
    assert str(tmp_path / "big.png") in caught.value.text.zh


async def test_the_child_inherits_no_secret(
    context: ProcessorContext, tmp_path: Path, noise: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREATORFLOW_VAULT_PASSPHRASE", "correct horse")
    task, child = await busy(context, tmp_path, noise)
    environment = _environment(child.pid)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert b"correct horse" not in environment
    assert b"PATH=" in environment


async def test_cancelling_kills_the_child(context: ProcessorContext, tmp_path: Path, noise: Maker) -> None:
    task, child = await busy(context, tmp_path, noise)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert child.returncode == -signal.SIGKILL


def _environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def _cpu_used(pid: int) -> bool:
    """Whether the process has used 0.3 s of processor time: past its imports, inside the picture."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > 0.3


async def test_a_child_that_cannot_start_is_our_error(
    context: ProcessorContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: Maker
) -> None:
    path = tmp_path / "a.png"
    scene(320, 200).save(path)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(PluginError):
        await PillowImages(context).fit([path], WEIBO)


def test_the_child_dies_with_its_host(context: ProcessorContext, tmp_path: Path, noise: Maker) -> None:
    """A worker whose input ends, as it does when the host is killed, stops in the middle of a picture."""
    path = tmp_path / "big.png"
    noise(1500, 1500).save(path, compress_level=1)
    request = {
        "paths": [str(path)],
        "target": {"mimes": ["image/png"], "max_bytes": 1000},
        "out_dir": str(context.work_dir),
        "limits": dict(PillowImages.limits),
    }
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "creatorflow_pillow.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps(request).encode() + b"\n")
        worker.stdin.flush()
        assert json.loads(worker.stdout.readline()) == {"start": 0}
        worker.stdin.close()
        assert worker.wait(timeout=20) == 3
        assert worker.stdout.read() == b""


# --- the byte-level stripper -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif"])
def test_strip_leaves_clean_files_and_is_done_after_one_pass(kind: str, scene: Maker) -> None:
    out = io.BytesIO()
    scene(320, 200).save(out, kind)
    data = out.getvalue()
    assert strip(data, kind) == data


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif"])
def test_strip_refuses_every_cut(kind: str, scene: Maker) -> None:
    out = io.BytesIO()
    scene(40, 30).save(out, kind)
    data = out.getvalue()
    for length in range(len(data) - 1):
        with pytest.raises(StripError):
            strip(data[:length], kind)


def test_strip_knows_three_formats() -> None:
    with pytest.raises(StripError):
        strip(b"RIFF", "webp")


def test_every_sentence_can_be_filled() -> None:
    values = dict.fromkeys(
        ("width", "height", "to_width", "to_height", "kind", "to_kind", "quality", "size", "limit"), 1
    )
    values |= dict.fromkeys(("reason", "min_side", "max_bytes", "mimes", "seconds", "folder"), 1)
    for en, zh in [*OPERATIONS.values(), *PROBLEMS.values()]:
        assert "{" not in en.format(path="a", **values) + zh.format(path="a", **values)
