"""Interfaces of content processors: what turns an author's text and files into what a platform takes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from creatorflow.api.context import ProcessorContext
from creatorflow.api.errors import Text

__all__ = ["ImageInfo", "ImageProcessor", "ImageResult", "ImageTarget", "TextProcessor", "TextResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextResult:
    """Rendered text. ``warnings`` name what the target cannot show (a table, an inline picture) and what became of it."""

    text: str
    warnings: Sequence[Text] = ()


class TextProcessor(ABC):
    """Renders Markdown for a platform. Pure: no I/O, same input same output."""

    @abstractmethod
    def render(self, source: str, options: Mapping[str, Any]) -> TextResult:
        """Return ``source`` rendered by ``options`` (validated against the descriptor's ``options_schema``).

        HTML in the source is literal text; a line break stays a line break.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """A decoded picture: format as Pillow names it in lower case (jpeg, png, gif, webp, ...); pixels after EXIF orientation."""

    format: str
    mime: str
    width: int
    height: int
    size: int
    frames: int = 1
    has_metadata: bool = False
    oriented: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTarget:
    """What a platform takes; None means "no limit known"."""

    mimes: frozenset[str] = field(default_factory=frozenset)
    max_bytes: int | None = None
    min_side: int | None = None
    max_side: int | None = None
    max_pixels: int | None = None
    strip_metadata: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResult:
    """A fitted picture; ``operations`` is empty when the file was left byte for byte as it was."""

    path: Path
    info: ImageInfo
    operations: Sequence[Text] = ()


class ImageProcessor(ABC):
    """Inspects and fits pictures. Decodes in a child process with limits: hostile files cannot hang or crash the host."""

    def __init__(self, context: ProcessorContext) -> None:
        self.context = context

    @abstractmethod
    async def fit(self, paths: Sequence[Path], target: ImageTarget) -> Sequence[ImageResult]:
        """Decode every picture completely and return, in order, one that fits ``target``: itself when it already does.

        Raises:
            ContentError: a file is missing, truncated, not a picture or beyond the limits; ``details["path"]`` names which.
            StorageError: the result cannot be written, for example on a full disk.
        """
