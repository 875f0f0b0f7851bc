"""Draws the pictures of the example posts: ``python examples/posts/make_pictures.py [FOLDER]``. Needs Pillow and a Chinese font.

The pictures are ours, drawn from numbers with a fixed seed. ``lane.jpg`` is stored the way a phone stores an upright photo: lying down,
with an EXIF rotation and a place (GPS), so that the plan shows both being dealt with. The committed files were made with Noto Serif CJK;
another font gives other letters and otherwise the same pictures.
"""

# ruff: noqa: D103, S311 - a drawing script, and dice are dice
from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter
from strokes import (
    INK,
    PAPER,
    SCALE,
    SEAL,
    Colour,
    canvas,
    draw_leaf,
    finish,
    glow,
    letters,
    ridge,
    scatter,
    stamp,
    vertical,
)


def hills() -> Image.Image:
    """Terraced tea hills in morning haze."""
    rng, width, height = random.Random(11), 1440, 1080
    image = canvas(
        width, height, [(0, (250, 226, 190)), (0.42, (247, 211, 170)), (0.7, (228, 190, 160)), (1, (190, 160, 140))]
    )
    wide, high = image.size
    glow(image, (wide * 0.68, high * 0.27), 210, (255, 250, 232), 250)
    ImageDraw.Draw(image).ellipse(
        (wide * 0.68 - 92, high * 0.27 - 92, wide * 0.68 + 92, high * 0.27 + 92), fill=(253, 240, 214)
    )
    tones: Sequence[Colour] = ((206, 178, 158), (176, 158, 142), (140, 138, 118), (104, 118, 88), (74, 96, 62))
    for number, tone in enumerate(tones):
        base = high * (0.5 + 0.115 * number)
        shape = ridge(rng, wide, high, base, 150 - 16 * number, 5)
        ImageDraw.Draw(image).polygon(shape, fill=tone)
        if number >= 3:  # rows of tea bushes follow the slope
            lighter: Colour = (tone[0] + 20, tone[1] + 26, tone[2] + 14)
            for row in range(1, 16):
                line = [(x, y + row * (20 + 5 * row)) for x, y in shape[:-2]]
                ImageDraw.Draw(image).line(line, fill=lighter, width=4 + row, joint="curve")
        haze = Image.new("L", image.size, 0)
        ImageDraw.Draw(haze).ellipse((-wide * 0.2, base + 20, wide * 1.2, base + 260), fill=max(0, 70 - 20 * number))
        image.paste(Image.new("RGB", image.size, (252, 232, 206)), (0, 0), haze.filter(ImageFilter.GaussianBlur(60)))
    scatter(image, rng, [(wide * 0.06, high * 0.9), (wide * 0.16, high * 0.965), (wide * 0.93, high * 0.94)], (90, 130))
    vertical(image, "山中何所有\n岭上多白云", (wide * 0.29, high * 0.09), 46, INK)
    stamp(image, "秋游", (wide * 0.217, high * 0.42), 56)
    return finish(image)


def bowl() -> Image.Image:
    """A bowl of tea from above, on a wooden table."""
    rng, side = random.Random(5), 1200
    image = canvas(side, side, [(0, (132, 92, 62)), (1, (104, 70, 46))])
    draw = ImageDraw.Draw(image)
    for board in range(5):
        top = board * image.height / 5
        draw.rectangle((0, top, image.width, top + 5), fill=(72, 46, 30))
        for _ in range(46):
            y, start, length = (
                top + rng.uniform(10, image.height / 5 - 4),
                rng.uniform(-400, image.width),
                rng.uniform(200, 1500),
            )
            shade = rng.randint(-14, 12)
            draw.line(
                (start, y, start + length, y + rng.uniform(-5, 5)),
                fill=(112 + shade, 76 + shade, 50 + shade),
                width=rng.choice((2, 3, 4)),
            )
    middle = (image.width * 0.47, image.height * 0.53)
    shadow = Image.new("L", image.size, 0)
    ImageDraw.Draw(shadow).ellipse((middle[0] - 700, middle[1] - 660, middle[0] + 780, middle[1] + 820), fill=150)
    image.paste(Image.new("RGB", image.size, (34, 20, 12)), (0, 0), shadow.filter(ImageFilter.GaussianBlur(50)))
    draw = ImageDraw.Draw(image)
    rings: Sequence[tuple[float, Colour]] = (
        (712, (196, 188, 172)), (706, (238, 232, 220)), (676, (226, 218, 202)), (662, (206, 196, 178)), (640, (188, 142, 62)),
        (628, (206, 156, 66)), (520, (214, 166, 74)), (400, (220, 174, 84)), (270, (226, 182, 94)),
    )  # fmt: skip
    for radius, colour in rings:
        draw.ellipse((middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius), fill=colour)
    tea = Image.new("L", image.size, 0)
    ImageDraw.Draw(tea).ellipse((middle[0] - 628, middle[1] - 628, middle[0] + 628, middle[1] + 628), fill=255)
    image.paste(image.filter(ImageFilter.GaussianBlur(34)), (0, 0), tea)
    light = Image.new("L", image.size, 0)
    ImageDraw.Draw(light).arc(
        (middle[0] - 560, middle[1] - 560, middle[0] + 560, middle[1] + 560), 196, 262, fill=170, width=34
    )
    image.paste(Image.new("RGB", image.size, (255, 244, 214)), (0, 0), light.filter(ImageFilter.GaussianBlur(16)))
    for place, size, angle in (((0.52, 0.5), 92, 0.7), ((0.41, 0.63), 70, 3.9)):
        draw_leaf(ImageDraw.Draw(image), (image.width * place[0], image.height * place[1]), size, angle, (224, 186, 74))
    scatter(image, rng, [(image.width * 0.9, image.height * 0.1), (image.width * 0.93, image.height * 0.9)], (150, 190))
    vertical(image, "寒夜客来茶当酒", (image.width * 0.07, image.height * 0.05), 40, (238, 222, 196))
    return finish(image)


def lane() -> Image.Image:
    """An upright lane with white walls, dark eaves and a lantern, in light rain."""
    rng, width, height = random.Random(23), 1080, 1440
    image = canvas(width, height, [(0, (206, 212, 212)), (0.45, (226, 226, 220)), (1, (196, 192, 184))])
    wide, high = image.size
    draw = ImageDraw.Draw(image)
    far = (wide * 0.5, high * 0.56)
    draw.polygon([(wide * 0.36, high), far, (wide * 0.64, high)], fill=(150, 146, 140))
    draw.polygon(
        [(wide * 0.1, high), (far[0] - 40, far[1]), (far[0] + 40, far[1]), (wide * 0.9, high)], fill=(158, 154, 148)
    )
    for row in range(26):  # paving stones
        share = (row / 26) ** 2
        y, half = far[1] + (high - far[1]) * share, 40 + wide * 0.4 * share
        draw.line((far[0] - half, y, far[0] + half, y), fill=(136, 132, 126), width=2 + round(7 * share))
    for side in (-1, 1):
        edge = 0 if side < 0 else wide
        top, foot = high * 0.2, high
        wall = [
            (edge, top),
            (far[0] + side * 44, far[1] - 150),
            (far[0] + side * 44, far[1] + 4),
            (far[0] + side * wide * 0.42, foot),
            (edge, foot),
        ]
        draw.polygon(wall, fill=(236, 233, 224) if side < 0 else (222, 219, 210))
        eave = [
            (edge, top - 130),
            (far[0] + side * 30, far[1] - 196),
            (far[0] + side * 12, far[1] - 150),
            (far[0] + side * 44, far[1] - 138),
            (edge, top + 60),
        ]
        draw.polygon(eave, fill=(62, 64, 66))
        for tile in range(15):
            share = tile / 15
            x = edge + (far[0] + side * 30 - edge) * share
            up, down = top - 130 + (far[1] - 196 - top + 130) * share, top + 60 + (far[1] - 138 - top - 60) * share
            draw.line((x, up, x + side * 10, down), fill=(84, 86, 88), width=max(2, round(12 * (1 - share))))
        base = [
            (edge, foot - 210),
            (far[0] + side * 44, far[1] - 6),
            (far[0] + side * 44, far[1] + 4),
            (far[0] + side * wide * 0.42, foot),
            (edge, foot),
        ]
        draw.polygon(base, fill=(176, 172, 164))
    glow(image, (wide * 0.23, high * 0.47), 260, (255, 206, 132), 190)
    draw = ImageDraw.Draw(image)
    lantern = (wide * 0.23 - 84, high * 0.47 - 96, wide * 0.23 + 84, high * 0.47 + 96)
    draw.line((wide * 0.23, high * 0.33, wide * 0.23, lantern[1]), fill=INK, width=6)
    draw.ellipse(lantern, fill=(214, 78, 48))
    for inset in (28, 56):
        draw.ellipse((lantern[0] + inset, lantern[1], lantern[2] - inset, lantern[3]), outline=(236, 130, 84), width=4)
    for y in (lantern[1] - 12, lantern[3] - 12):
        draw.rounded_rectangle((wide * 0.23 - 42, y, wide * 0.23 + 42, y + 24), radius=8, fill=(70, 50, 40))
    draw.line((wide * 0.23, lantern[3] + 12, wide * 0.23, lantern[3] + 96), fill=(196, 60, 40), width=12)
    draw.text((wide * 0.23, high * 0.47), "茶", fill=(255, 226, 170), font=letters(56), anchor="mm")
    rain = Image.new("L", image.size, 0)
    pen = ImageDraw.Draw(rain)
    for _ in range(420):
        x, y, length = rng.uniform(0, wide), rng.uniform(0, high), rng.uniform(30, 90)
        pen.line((x, y, x - length * 0.12, y + length), fill=rng.randint(40, 110), width=2)
    image.paste(Image.new("RGB", image.size, (250, 252, 252)), (0, 0), rain)
    scatter(
        image,
        rng,
        [
            (wide * 0.42, high * 0.93),
            (wide * 0.62, high * 0.86),
            (wide * 0.53, high * 0.74),
            (wide * 0.74, high * 0.965),
        ],
        (52, 96),
    )
    vertical(image, "小巷深处", (wide * 0.86, high * 0.36), 44, INK)
    stamp(image, "雨后", (wide * 0.86, high * 0.545), 52)
    return finish(image)


def ground() -> Image.Image:
    """Ginkgo leaves on wet stone."""
    rng, side = random.Random(40), 1200
    image = canvas(side, side, [(0, (96, 104, 104)), (0.5, (84, 90, 92)), (1, (70, 76, 80))])
    draw = ImageDraw.Draw(image)
    step = image.width / 4
    for row in range(5):
        draw.line((0, row * step, image.width, row * step + 14), fill=(56, 60, 64), width=12)
        for column in range(5):
            x = column * step + (step / 2 if row % 2 else 0)
            draw.line((x, row * step, x + 8, (row + 1) * step), fill=(56, 60, 64), width=12)
    image = image.filter(ImageFilter.GaussianBlur(3))
    places = [(rng.uniform(0, image.width), rng.uniform(0, image.height)) for _ in range(64)]
    kept = [
        place for place in places if not (0.56 < place[0] / image.width < 0.92 and 0.06 < place[1] / image.height < 0.6)
    ]
    scatter(image, rng, kept, (110, 200))
    vertical(image, "碧云天\n黄叶地", (image.width * 0.82, image.height * 0.1), 62, (250, 240, 214))
    stamp(image, "银杏", (image.width * 0.742, image.height * 0.46), 62)
    return finish(image)


def menu() -> Image.Image:
    """The tea house's menu: mostly letters, hence a PNG."""
    width, height = 900, 1200
    image = Image.new("RGB", (width * SCALE, height * SCALE), PAPER)
    draw = ImageDraw.Draw(image)
    wide, high = image.size
    for inset, line in ((44, 6), (60, 2)):
        draw.rectangle((inset, inset, wide - inset, high - inset), outline=(150, 126, 98), width=line)
    draw.text((wide / 2, high * 0.11), "听雨茶舍", fill=INK, font=letters(72), anchor="mm")
    draw.text((wide / 2, high * 0.175), "秋 季 茶 单", fill=(140, 116, 90), font=letters(28), anchor="mm")
    lines = (
        ("桂花龙井", "38"),
        ("陈皮白茶", "42"),
        ("九曲红梅", "36"),
        ("老树普洱", "58"),
        ("银杏酥", "22"),
        ("桂花糖藕", "26"),
    )
    for number, (name, price) in enumerate(lines):
        y = high * (0.275 + 0.09 * number)
        draw.text((wide * 0.17, y), name, fill=INK, font=letters(42), anchor="lm")
        draw.text((wide * 0.83, y), price, fill=SEAL, font=letters(38), anchor="rm")
        left = wide * 0.17 + draw.textlength(name, font=letters(42)) + 40
        for dot in range(round(left), round(wide * 0.83 - 120), 26):
            draw.ellipse((dot, y + 14, dot + 5, y + 19), fill=(182, 160, 132))
    draw.text((wide / 2, high * 0.85), "雨天续水不加钱", fill=(140, 116, 90), font=letters(28), anchor="mm")
    draw_leaf(draw, (wide * 0.2, high * 0.9), 120, 0.5, (226, 176, 70))
    draw_leaf(draw, (wide * 0.8, high * 0.92), 96, -0.6, (216, 160, 58))
    stamp(image, "听雨", (wide * 0.5, high * 0.915), 60)
    return image.resize((width, height), Image.Resampling.LANCZOS).quantize(64, dither=Image.Dither.NONE)


def as_from_a_phone(image: Image.Image) -> tuple[Image.Image, Image.Exif]:
    """Lay an upright picture down and note the rotation, the time and a place in EXIF, as phones do."""
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn clockwise by 90 degrees to see it upright
    exif[0x010F], exif[0x0110] = "CreatorFlow", "Example Phone"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:07 10:21:36"
    place = exif.get_ifd(0x8825)  # the West Lake in Hangzhou: a place that everybody knows
    place[1], place[2] = "N", (30.0, 14.0, 31.0)
    place[3], place[4] = "E", (120.0, 8.0, 52.0)
    return image.transpose(Image.Transpose.ROTATE_90), exif


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in (("hills", hills()), ("bowl", bowl()), ("ground", ground())):
        picture.save(folder / f"{name}.jpg", quality=82, optimize=True, progressive=True)
    lying, exif = as_from_a_phone(lane())
    lying.save(folder / "lane.jpg", quality=82, optimize=True, exif=exif)
    menu().save(folder / "menu.png", optimize=True)


if __name__ == "__main__":
    main()
