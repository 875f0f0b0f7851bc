"""What the tests of the picture processor share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from creatorflow.api import Text
from creatorflow_pillow.processor import PillowImages
from PIL import Image, ImageDraw

Maker = Callable[[int, int], Image.Image]


class Log:
    """Keeps nothing."""

    def debug(self, message: str, /, **fields: Any) -> None:
        pass

    def info(self, message: str, /, **fields: Any) -> None:
        pass

    def warning(self, message: str, /, **fields: Any) -> None:
        pass


class Context:
    """A processor's context with a folder of its own."""

    def __init__(self, work_dir: Path) -> None:
        self._work_dir = work_dir
        self.said: list[Text] = []

    @property
    def work_dir(self) -> Path:
        return self._work_dir

    @property
    def log(self) -> Log:
        return Log()

    def progress(self, text: Text, fraction: float | None = None) -> None:
        self.said.append(text)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def context(work: Path) -> Context:
    return Context(work)


@pytest.fixture
def images(context: Context) -> PillowImages:
    return PillowImages(context)


def scene(width: int, height: int) -> Image.Image:
    """A picture with smooth parts, edges and a red upper left corner, so that turns and colours can be seen."""
    image = Image.radial_gradient("L").resize((width, height)).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 4, height // 4), fill=(220, 30, 30))
    for x in range(0, width, 16):
        draw.line((x, height // 2, x + 8, height), fill=(20, 90, 200), width=2)
    return image


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), os.urandom(width * height * 3))


@pytest.fixture(name="scene")
def scene_fixture() -> Maker:
    return scene


@pytest.fixture(name="noise")
def noise_fixture() -> Maker:
    return noise
