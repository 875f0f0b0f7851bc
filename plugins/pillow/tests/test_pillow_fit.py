"""Pictures that can be fitted: real files through the real worker process."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from creatorflow.api import ImageResult, ImageTarget
from creatorflow_pillow.messages import OPERATIONS
from creatorflow_pillow.plugin import creatorflow_content_processors
from creatorflow_pillow.processor import PillowImages
from PIL import Image, ImageCms, PngImagePlugin

Maker = Callable[[int, int], Image.Image]
WEIBO = ImageTarget(mimes=frozenset({"image/jpeg", "image/png", "image/gif"}), max_bytes=20_971_519)


def gps_exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SecretPhone"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (39.0, 54.0, 26.0)
    return exif


async def one(images: PillowImages, path: Path, target: ImageTarget = WEIBO) -> ImageResult:
    (result,) = await images.fit([path], target)
    with Image.open(result.path) as written:
        written.load()
        assert written.size == (result.info.width, result.info.height)
        assert (written.format or "").lower().replace("mpo", "jpeg") == result.info.format
    assert result.path.stat().st_size == result.info.size
    return result


def words(result: ImageResult) -> str:
    return "; ".join(text.en for text in result.operations)


def is_red(path: Path, corner: str) -> bool:
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    x = 5 if "left" in corner else image.width - 6
    y = 5 if "upper" in corner else image.height - 6
    red, green, blue = image.getpixel((x, y))  # type: ignore[misc]
    return red > 150 and green < 100 and blue < 100


# --- left alone -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif"])
async def test_a_fitting_picture_stays_byte_for_byte(
    images: PillowImages, tmp_path: Path, kind: str, scene: Maker
) -> None:
    path = tmp_path / f"a.{kind}"
    scene(320, 200).save(path)
    before = path.read_bytes()
    result = await one(images, path)
    assert result.path == path
    assert list(result.operations) == []
    assert path.read_bytes() == before
    assert result.info.mime == f"image/{kind}"
    assert not result.info.has_metadata


async def test_the_content_counts_not_the_name(images: PillowImages, tmp_path: Path, scene: Maker) -> None:
    path = tmp_path / "really_png.jpg"
    scene(320, 200).save(path, "PNG")
    result = await one(images, path)
    assert result.info.mime == "image/png"
    assert list(result.operations) == []


async def test_an_srgb_profile_is_not_worth_a_change(images: PillowImages, tmp_path: Path, scene: Maker) -> None:
    path = tmp_path / "srgb.jpg"
    scene(320, 200).save(path, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert list((await one(images, path)).operations) == []


async def test_an_animation_stays(images: PillowImages, tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    frames = [Image.new("RGB", (40, 30), color) for color in ("red", "green", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, loop=0)
    result = await one(images, path)
    assert result.path == path
    assert result.info.frames == 3


async def test_a_commented_animation_loses_only_the_comment(images: PillowImages, tmp_path: Path, scene: Maker) -> None:
    path = tmp_path / "a.gif"
    frames = [scene(64, 40), scene(64, 40).rotate(90), scene(64, 40).rotate(180)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=90, loop=3, comment=b"at home")
    result = await one(images, path)
    assert "metadata" in words(result)
    assert b"at home" not in result.path.read_bytes()
    with Image.open(path) as before, Image.open(result.path) as after:
        assert getattr(after, "n_frames", 1) == 3
        assert after.info["loop"] == 3
        for number in range(3):
            before.seek(number)
            after.seek(number)
            assert before.convert("RGB").tobytes() == after.convert("RGB").tobytes()


# --- metadata, orientation, colours -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["jpeg", "png"])
async def test_gps_goes_and_no_pixel_changes(images: PillowImages, tmp_path: Path, kind: str, scene: Maker) -> None:
    path = tmp_path / f"gps.{kind}"
    extra: dict[str, Any] = {"exif": gps_exif()}
    if kind == "png":
        notes = PngImagePlugin.PngInfo()
        notes.add_itxt("XML:com.adobe.xmp", "<x>SecretPlace</x>")
        notes.add_text("Author", "SecretName", zip=True)
        extra["pnginfo"] = notes
    else:
        extra |= {"comment": b"SecretName", "xmp": b"<x>SecretPlace</x>", "progressive": True}
    scene(320, 200).save(path, **extra)
    result = await one(images, path)
    assert words(result) == OPERATIONS["metadata"][0]
    data = result.path.read_bytes()
    assert b"Secret" not in data
    with Image.open(path) as before, Image.open(result.path) as after:
        assert dict(after.getexif()) == {}
        assert before.tobytes() == after.tobytes()
    assert not result.info.has_metadata
    again = await one(images, result.path)
    assert again.path == result.path


async def test_metadata_may_stay_when_the_target_says_so(images: PillowImages, tmp_path: Path, scene: Maker) -> None:
    path = tmp_path / "gps.jpg"
    scene(320, 200).save(path, exif=gps_exif())
    result = await one(images, path, ImageTarget(strip_metadata=False))
    assert result.path == path
    assert result.info.has_metadata


async def test_what_hides_behind_the_end_of_a_jpeg_goes(images: PillowImages, tmp_path: Path, scene: Maker) -> None:
    path = tmp_path / "motion.jpg"
    scene(320, 200).save(path)
    path.write_bytes(path.read_bytes() + b"SecretVideo" * 100)
    assert b"Secret" not in (await one(images, path)).path.read_bytes()


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png"])
async def test_orientation_is_applied(
    images: PillowImages, tmp_path: Path, orientation: int, kind: str, scene: Maker
) -> None:
    upright = scene(320, 200)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    path = tmp_path / f"turned.{kind}"
    upright.transpose(undo).save(path, exif=gps_exif(orientation))
    result = await one(images, path)
    assert (result.info.width, result.info.height) == (320, 200)
    assert result.info.oriented
    assert is_red(result.path, "upper left")
    assert not is_red(result.path, "lower right")
    assert "upright" in words(result)
    assert b"SecretPhone" not in result.path.read_bytes()


async def test_cmyk_becomes_rgb(images: PillowImages, tmp_path: Path, scene: Maker) -> None:
    path = tmp_path / "print.jpg"
    scene(320, 200).convert("CMYK").save(path)
    result = await one(images, path)
    assert "CMYK" in words(result)
    with Image.open(result.path) as after:
        assert after.mode == "RGB"
    assert is_red(result.path, "upper left")


async def test_a_wide_profile_is_applied(images: PillowImages, tmp_path: Path) -> None:
    path = tmp_path / "lab.tif"
    profile = _swapped_profile()
    Image.new("RGB", (64, 64), (200, 60, 60)).save(path, icc_profile=profile)
    result = await one(images, path)
    assert "sRGB" in words(result)
    with Image.open(result.path) as after:
        assert "icc_profile" not in after.info
        red, green, blue = after.convert("RGB").getpixel((32, 32))  # type: ignore[misc]
    # the profile exchanges the red and blue primaries, so a picture of red numbers shows blue
    assert blue > 150
    assert red < 100
    assert green < 100


def _swapped_profile() -> bytes:
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    places = {bytes(data[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, blue = places[b"rXYZ"], places[b"bXYZ"]
    data[red + 4 : red + 12], data[blue + 4 : blue + 12] = data[blue + 4 : blue + 12], data[red + 4 : red + 12]
    start, size = struct.unpack(">II", data[places[b"desc"] + 4 : places[b"desc"] + 12])
    for name in ("sRGB".encode("utf-16-be"), b"sRGB"):
        at = bytes(data).find(name, start, start + size)
        if at >= 0:
            data[at : at + len(name)] = "Test".encode("utf-16-be") if len(name) == 8 else b"Test"
    return bytes(data)


async def test_sixteen_bits_keep_their_brightness(images: PillowImages, tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.frombytes("I;16", (400, 300), struct.pack("<H", 0x8080) * (400 * 300)).save(path)
    assert list((await one(images, path)).operations) == []
    result = await one(images, path, ImageTarget(mimes=WEIBO.mimes, max_side=100))
    with Image.open(result.path) as after:
        assert abs(int(after.convert("L").getpixel((50, 30))) - 0x80) <= 1  # type: ignore[arg-type]


# --- format, size ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "wanted"), [("webp", "jpeg"), ("bmp", "jpeg"), ("tiff", "jpeg"), ("avif", "jpeg")])
async def test_other_formats_are_converted(
    images: PillowImages, tmp_path: Path, kind: str, wanted: str, scene: Maker
) -> None:
    path = tmp_path / f"a.{kind}"
    scene(320, 200).save(path)
    result = await one(images, path)
    assert result.info.format == wanted
    assert result.path.suffix == ".jpg"
    assert f"from {kind.upper()} to JPEG" in words(result)
    assert is_red(result.path, "upper left")


def see_through(image: Image.Image, path: Path, kind: str) -> None:
    image = image.convert("RGBA")
    image.paste((0, 0, 0, 0), (200, 100, 320, 200))
    image.save(path, kind, **({"lossless": True} if kind == "webp" else {}))


async def test_transparency_survives_where_it_can(images: PillowImages, tmp_path: Path, scene: Maker) -> None:
    path = tmp_path / "a.webp"
    see_through(scene(320, 200), path, "webp")
    result = await one(images, path)
    assert result.info.format == "png"
    with Image.open(result.path) as after:
        assert after.getpixel((310, 190))[3] == 0  # type: ignore[index]


async def test_transparency_goes_on_white_where_it_must(images: PillowImages, tmp_path: Path, scene: Maker) -> None:
    path = tmp_path / "a.png"
    see_through(scene(320, 200), path, "png")
    result = await one(images, path, ImageTarget(mimes=frozenset({"image/jpeg"})))
    assert result.info.format == "jpeg"
    assert "white" in words(result)
    with Image.open(result.path) as after:
        assert min(after.getpixel((310, 190))) > 245  # type: ignore[arg-type]


async def test_best_quality_under_the_limit(images: PillowImages, tmp_path: Path, noise: Maker) -> None:
    path = tmp_path / "big.jpg"
    noise(400, 300).save(path, quality=98)
    limit = 90_000
    result = await one(images, path, ImageTarget(mimes=WEIBO.mimes, max_bytes=limit))
    assert limit * 0.9 < result.info.size <= limit  # the best one that fits, not just any
    assert (result.info.width, result.info.height) == (400, 300)
    assert "quality" in words(result)


async def test_a_heavy_png_becomes_jpeg(images: PillowImages, tmp_path: Path, noise: Maker) -> None:
    path = tmp_path / "big.png"
    noise(400, 300).save(path)
    result = await one(images, path, ImageTarget(mimes=WEIBO.mimes, max_bytes=200_000))
    assert result.info.format == "jpeg"
    assert result.info.size <= 200_000


async def test_pixels_go_when_quality_is_not_enough(images: PillowImages, tmp_path: Path, noise: Maker) -> None:
    path = tmp_path / "big.png"
    noise(400, 300).save(path)
    result = await one(images, path, ImageTarget(mimes=frozenset({"image/png"}), max_bytes=100_000))
    assert result.info.size <= 100_000
    assert result.info.width < 400
    assert "to fit the size limit" in words(result)


@pytest.mark.parametrize("kind", ["jpeg", "png"])
async def test_scaling_keeps_the_shape(images: PillowImages, tmp_path: Path, kind: str, scene: Maker) -> None:
    path = tmp_path / f"a.{kind}"
    scene(1600, 1000).save(path)
    result = await one(images, path, ImageTarget(mimes=WEIBO.mimes, max_side=400))
    assert (result.info.width, result.info.height) == (400, 250)
    assert is_red(result.path, "upper left")
    by_pixels = await one(images, path, ImageTarget(mimes=WEIBO.mimes, max_pixels=100_000))
    assert by_pixels.info.width * by_pixels.info.height <= 100_000
    assert by_pixels.info.width / by_pixels.info.height == pytest.approx(1.6, rel=0.02)


def test_descriptor() -> None:
    (descriptor,) = creatorflow_content_processors()
    assert descriptor.loader == f"{PillowImages.__module__}:{PillowImages.__name__}"
