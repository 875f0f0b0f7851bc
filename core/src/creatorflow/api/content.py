"""The post as its author wrote it, and the draft that one platform gets.

``Content`` mirrors the post file (Markdown with front matter) and the RPC parameter ``content``. The plan turns it into one
``Draft`` per account: text as it will be sent, media as checked local files. Adapters only ever see drafts.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

__all__ = ["Content", "Declarations", "Draft", "Form", "MediaFile", "Visibility"]


class Form(StrEnum):
    """What kind of post it is."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    ARTICLE = "article"


class Visibility(StrEnum):
    """Who may see the post."""

    PUBLIC = "public"
    PRIVATE = "private"
    FRIENDS = "friends"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Declarations(_Model):
    """What the author declares about the content. ``None`` means "not said" and is never replaced by a default."""

    ai_generated: bool | None = None
    original: bool | None = None
    fiction: bool | None = None
    reprint_source: str | None = None


class Content(_Model):
    """A post file or RPC content; media are references (path, ``file:`` or ``asset:`` URI), not files yet."""

    title: str | None = None
    topics: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    video: str | None = None
    cover: str | None = None
    location: str | None = None
    collection: str | None = None
    visibility: Visibility = Visibility.PUBLIC
    schedule: AwareDatetime | None = None
    declarations: Declarations = Declarations()
    form: Form | None = None
    platforms: dict[str, dict[str, Any]] = Field(default_factory=dict)
    body: str = ""


class MediaFile(_Model):
    """One checked media file on this machine, exactly as it will be uploaded."""

    path: Path
    name: str = Field(default="", description="what the author calls it, for messages")
    sha256: str = Field(description="hex digest of the file at path")
    mime: str
    size: int = Field(description="bytes")
    width: int | None = Field(default=None, description="pixels, after orientation")
    height: int | None = Field(default=None, description="pixels, after orientation")


class Draft(_Model):
    """What one adapter publishes: final text, final files. Built only by the plan."""

    platform: str
    form: Form
    title: str = ""
    text: str = Field(
        default="",
        description="exactly what will be posted, topics and mentions included where the platform writes them inline",
    )
    topics: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    images: tuple[MediaFile, ...] = ()
    video: MediaFile | None = None
    cover: MediaFile | None = None
    location: str | None = None
    collection: str | None = None
    visibility: Visibility = Visibility.PUBLIC
    schedule: AwareDatetime | None = None
    declarations: Declarations = Declarations()
    fields: dict[str, Any] = Field(default_factory=dict, description="fields that only this platform knows")

    def payload_hash(self) -> str:
        """Return the SHA-256 (hex) over the canonical content: independent of where files lie, sensitive to everything that is sent."""
        data = self.model_dump(mode="json")
        for name in ("video", "cover"):
            data[name] = data[name]["sha256"] if data[name] else None
        data["images"] = [image["sha256"] for image in data["images"]]
        return hashlib.sha256(
            json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        ).hexdigest()
