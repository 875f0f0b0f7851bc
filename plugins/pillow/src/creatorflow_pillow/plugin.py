"""What the pillow plugin offers; Pillow itself is only imported in the worker process."""

from __future__ import annotations

from creatorflow.api import ProcessorDescriptor, ProcessorKind, Text, hookimpl

CREATORFLOW_API = (1, 0)


@hookimpl
def creatorflow_content_processors() -> list[ProcessorDescriptor]:
    """Return the one processor of this package."""
    return [
        ProcessorDescriptor(
            name="pillow",
            version="0.1.0",
            title=Text(en="Picture fitting", zh="图片适配"),
            summary=Text(
                en="Checks pictures completely and fits them to a platform: format, size, orientation, colours, no metadata.",
                zh="完整检查图片并按平台要求处理：格式、大小、方向、色彩，并清除元数据。",
            ),
            loader="creatorflow_pillow.processor:PillowImages",
            processor_kind=ProcessorKind.IMAGE,
            accepts=("image/*",),
            produces=("image/jpeg", "image/png", "image/gif", "image/webp"),
        )
    ]
