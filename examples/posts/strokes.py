"""What the example pictures are drawn with: leaves, light, hills' lines, letters and the seal. Used by ``make_pictures.py`` beside it."""

# ruff: noqa: D103, PLR0917, S311, S607 - helpers of a drawing script, and dice are dice
from __future__ import annotations

import math
import random
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

Colour = tuple[int, int, int]
Point = tuple[float, float]

#: Everything is drawn twice as large and scaled down: smooth edges.
SCALE = 2
INK: Colour = (52, 44, 38)
PAPER: Colour = (244, 236, 221)
SEAL: Colour = (168, 50, 38)

FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/System/Library/Fonts/Supplemental/Songti.ttc",
    "C:/Windows/Fonts/simsun.ttc",
)


def font_file() -> str:
    """Return a font with Chinese glyphs: one of the usual places, else what fontconfig knows."""
    for candidate in FONTS:
        if Path(candidate).exists():
            return candidate
    try:
        found = subprocess.run(["fc-match", "-f", "%{file}", ":lang=zh-cn"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(
            "no Chinese font found. Install one (Debian, Ubuntu: apt-get install fonts-noto-cjk) and run this again."
        )
    return found.stdout


def letters(size: int) -> ImageFont.FreeTypeFont:
    # Face 2 of the Noto collection is Simplified Chinese; the others of the list have one face.
    file = font_file()
    return ImageFont.truetype(file, size * SCALE, index=2 if "Noto" in file else 0)


def gradient(size: tuple[int, int], stops: Sequence[tuple[float, Colour]]) -> Image.Image:
    """Return a vertical gradient through ``stops`` (place from 0 to 1, colour)."""
    column = Image.new("RGB", (1, 256))
    for y in range(256):
        place = y / 255
        for (low, first), (high, second) in pairwise(stops):
            if low <= place <= high:
                share = (place - low) / (high - low)
                column.putpixel((0, y), tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True)))
    return column.resize(size, Image.Resampling.BICUBIC)


def canvas(width: int, height: int, stops: Sequence[tuple[float, Colour]]) -> Image.Image:
    return gradient((width * SCALE, height * SCALE), stops)


def glow(image: Image.Image, centre: Point, radius: float, colour: Colour, strength: int) -> None:
    """Lay soft light on a picture; ``strength`` from 0 to 255 at the centre."""
    mask = Image.radial_gradient("L").resize((round(4 * radius), round(4 * radius)))
    mask = ImageChops.invert(mask).point([round(level**2 / 255 * strength / 255) for level in range(256)])
    image.paste(
        Image.new("RGB", mask.size, colour), (round(centre[0] - 2 * radius), round(centre[1] - 2 * radius)), mask
    )


def ridge(rng: random.Random, width: int, height: int, base: float, swing: float, waves: int) -> list[Point]:
    """Return a mountain line as a closed shape down to the lower edge."""
    parts = [
        (rng.uniform(0.6, 1.4) * step, rng.uniform(0, math.tau), swing / step**1.1) for step in range(1, waves + 1)
    ]
    line = [
        (float(x), base - sum(size * math.sin(math.tau * pace * x / width + shift) for pace, shift, size in parts))
        for x in range(0, width + 8, 8)
    ]
    return [*line, (float(width), float(height)), (0.0, float(height))]


def ginkgo(centre: Point, size: float, angle: float) -> tuple[list[Point], list[tuple[Point, Point]]]:
    """Return a ginkgo leaf (fan with a notch) and its veins with the stem; ``angle`` in radians."""
    fan: list[Point] = [(0.0, 0.0)]
    for step in range(41):
        turn = math.radians(-68 + 136 * step / 40)
        notch = 1 - 0.34 * math.exp(-((turn / 0.12) ** 2))
        wave = 1 + 0.025 * math.sin(11 * turn)
        fan.append((size * notch * wave * math.sin(turn), -size * notch * wave * (0.82 + 0.18 * math.cos(turn))))
    veins = [((0.0, 0.0), (0.86 * x, 0.86 * y)) for x, y in fan[3:-2:4]] + [((0.0, 0.0), (0.06 * size, 0.72 * size))]

    def turned(point: Point) -> Point:
        x, y = point
        return (
            centre[0] + x * math.cos(angle) - y * math.sin(angle),
            centre[1] + x * math.sin(angle) + y * math.cos(angle),
        )

    return [turned(point) for point in fan], [(turned(start), turned(end)) for start, end in veins]


def draw_leaf(draw: ImageDraw.ImageDraw, centre: Point, size: float, angle: float, colour: Colour) -> None:
    shape, veins = ginkgo(centre, size, angle)
    dark: Colour = (int(colour[0] * 0.86), int(colour[1] * 0.8), int(colour[2] * 0.7))
    draw.polygon(shape, fill=colour)
    for start, end in veins[:-1]:
        draw.line([start, end], fill=dark, width=max(1, round(size / 90)))
    draw.line(list(veins[-1]), fill=dark, width=max(2, round(size / 26)))


def scatter(image: Image.Image, rng: random.Random, places: Sequence[Point], sizes: tuple[float, float]) -> None:
    """Drop leaves with a soft shadow each."""
    golds: Sequence[Colour] = ((232, 178, 48), (222, 158, 38), (240, 196, 84), (206, 138, 44), (236, 206, 120))
    for place in places:
        size, angle, colour = rng.uniform(*sizes), rng.uniform(0, math.tau), rng.choice(golds)
        shadow = Image.new("L", image.size, 0)
        shape, _ = ginkgo((place[0] + size * 0.07, place[1] + size * 0.1), size, angle)
        ImageDraw.Draw(shadow).polygon(shape, fill=90)
        box = [
            round(value)
            for value in (place[0] - 2 * size, place[1] - 2 * size, place[0] + 2 * size, place[1] + 2 * size)
        ]
        region = (max(0, box[0]), max(0, box[1]), min(image.width, box[2]), min(image.height, box[3]))
        soft = shadow.crop(region).filter(ImageFilter.GaussianBlur(size * 0.05))
        image.paste(Image.new("RGB", soft.size, (60, 40, 20)), region[:2], soft)
        draw_leaf(ImageDraw.Draw(image), place, size, angle, colour)


def vertical(image: Image.Image, text: str, top_right: Point, size: int, colour: Colour, gap: float = 1.18) -> None:
    """Write columns from right to left, characters from top to bottom, as on a scroll."""
    draw, face = ImageDraw.Draw(image), letters(size)
    for number, column in enumerate(text.split("\n")):
        x = top_right[0] - number * size * SCALE * 1.5
        for place, char in enumerate(column):
            draw.text((x, top_right[1] + place * size * SCALE * gap), char, fill=colour, font=face, anchor="mt")


def stamp(image: Image.Image, text: str, centre: Point, size: int) -> None:
    """Set a red seal with two characters, one above the other."""
    half = size * SCALE / 2
    draw = ImageDraw.Draw(image)
    box = (centre[0] - half * 0.66, centre[1] - half, centre[0] + half * 0.66, centre[1] + half)
    draw.rounded_rectangle(box, radius=half * 0.16, fill=SEAL)
    face = letters(round(size * 0.4))
    for place, char in enumerate(text):
        draw.text((centre[0], centre[1] + (place - 0.5) * half * 0.9), char, fill=PAPER, font=face, anchor="mm")


def finish(image: Image.Image, grain: float = 5.0) -> Image.Image:
    """Scale down and add a little grain, so that skies do not show bands."""
    small = image.resize((image.width // SCALE, image.height // SCALE), Image.Resampling.LANCZOS)
    random_state = random.Random(small.width * small.height)
    noise = Image.frombytes("L", (256, 256), random_state.randbytes(65536)).point(
        [round(128 + (level - 128) * grain / 128) for level in range(256)]
    )
    tiled = Image.new("L", small.size)
    for x in range(0, small.width, 256):
        for y in range(0, small.height, 256):
            tiled.paste(noise, (x, y))
    return ImageChops.add(small, Image.merge("RGB", (tiled, tiled, tiled)), offset=-128)
