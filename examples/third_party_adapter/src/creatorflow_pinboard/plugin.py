"""What this package offers. Import-light: the standard library and creatorflow.api, nothing else."""

from __future__ import annotations

from creatorflow.api import Operation, PlatformDescriptor, ReadBack, ReadBackStrength, Requirements, Text, hookimpl

CREATORFLOW_API = (1, 0)


@hookimpl
def creatorflow_platform_adapters() -> list[PlatformDescriptor]:
    """Return the one platform of this package."""
    return [
        PlatformDescriptor(
            name="pinboard",
            version="0.1.0",
            title=Text(en="Pinboard", zh="图钉板"),
            summary=Text(en="Short texts and up to four pictures.", zh="短文字与最多四张图片。"),
            loader="creatorflow_pinboard.adapter:PinboardAdapter",
            content_forms=("text", "image"),
            operations=(Operation.PUBLISH, Operation.LIST_POSTS),
            # Strong: the own list holds every pin at once, so a pin that is missing after ten seconds was never made.
            read_back=ReadBack(strength=ReadBackStrength.STRONG, settle_s=10.0),
            rules="creatorflow_pinboard:rules.toml",
            requirements=Requirements(hosts=("pinboard.example",)),
            sandbox="creatorflow_pinboard.sandbox:PinboardReplica",
        )
    ]
