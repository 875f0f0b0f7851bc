"""What the markdown plugin offers; markdown-it is imported at first use, not here."""

from __future__ import annotations

from creatorflow.api import ProcessorDescriptor, ProcessorKind, Text, hookimpl

CREATORFLOW_API = (1, 0)


@hookimpl
def creatorflow_content_processors() -> list[ProcessorDescriptor]:
    """Return the one processor of this package."""
    return [
        ProcessorDescriptor(
            name="markdown",
            version="0.1.0",
            title=Text(en="Markdown to plain text", zh="Markdown 转纯文本"),
            summary=Text(
                en="Turns a Markdown body into the plain text that social platforms show, without losing a word or a link.",
                zh="把 Markdown 正文转成社交平台显示的纯文本，不丢字、不丢链接。",
            ),
            loader="creatorflow_markdown.render:MarkdownText",
            processor_kind=ProcessorKind.TEXT,
            accepts=("text/markdown",),
            produces=("text/plain",),
            options_schema="creatorflow_markdown:options.schema.json",
        )
    ]
