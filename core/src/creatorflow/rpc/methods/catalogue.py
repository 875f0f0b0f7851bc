"""What is installed: ``capabilities.list``, ``plugins.list``, ``platform.list``."""

from __future__ import annotations

import asyncio
from typing import Any

from creatorflow.api.errors import Text
from creatorflow.rpc.registry import Method
from creatorflow.rpc.session import Call

__all__ = ["METHODS"]


async def capabilities_list(call: Call, _params: None) -> dict[str, Any]:
    """Answer the capability document."""
    from creatorflow.rpc.describe import capabilities_of

    # On a thread: a plugin may take two seconds to say what it has.
    return await asyncio.to_thread(capabilities_of, call.app, call.session.limits)


async def plugins_list(call: Call, _params: None) -> dict[str, Any]:
    """Answer every plugin found, loaded or not."""
    from creatorflow.plugins import plugin_entry

    catalogue = await asyncio.to_thread(lambda: call.app.catalogue)
    return {"plugins": [plugin_entry(record, call.session.locale) for record in catalogue.plugins]}


async def platform_list(call: Call, _params: None) -> dict[str, Any]:
    """Answer what each platform can do, its limits included."""
    catalogue = await asyncio.to_thread(lambda: call.app.catalogue)
    return {"platforms": catalogue.entries("platform")}


METHODS = (
    Method(
        name="capabilities.list",
        handler=capabilities_list,
        summary=Text(
            en="Everything this installation can do: plugins, platforms, methods with schemas, limits, errors.",
            zh="本安装能做的一切：插件、平台、方法及其 schema、限制、错误表。",
        ),
        needs_store=False,
    ),
    Method(
        name="plugins.list",
        handler=plugins_list,
        summary=Text(en="Every plugin found, with its state and error.", zh="发现的所有插件及其状态与错误。"),
        result="creatorflow.rpc.results:Plugins",
        needs_store=False,
    ),
    Method(
        name="platform.list",
        handler=platform_list,
        summary=Text(
            en="The platforms, with forms, operations, read-back strength and limits.",
            zh="各平台的内容形式、操作、回读能力与限制。",
        ),
        result="creatorflow.rpc.results:Platforms",
        needs_store=False,
    ),
)
