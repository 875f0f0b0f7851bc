"""Descriptors as JSON: the entries of the capability document.

Built while a plugin loads, so that a descriptor with a field of the wrong type fails its own plugin and never the document.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from creatorflow.api.context import RuntimeType
from creatorflow.api.descriptors import (
    Descriptor,
    EffectClass,
    GraphDescriptor,
    HotTopicSourceDescriptor,
    LlmProviderDescriptor,
    Operation,
    PlatformDescriptor,
    ProcessorDescriptor,
    ProcessorKind,
    ReadBack,
    ReadBackStrength,
    Requirements,
    ToolCapability,
    ToolMetadata,
)
from creatorflow.api.errors import Text
from creatorflow.plugins.resources import limits_from_rules, read_resource, read_rules, read_schema

__all__ = ["describe"]


def describe(descriptor: Descriptor) -> dict[str, Any]:
    """Return the catalogue entry of ``descriptor``, with its resources read.

    Raises:
        TypeError, ValueError: a field holds something else than the descriptor's class promises; the message names it.
        ResourceError: a rules, schema or graph file is missing or broken.
    """
    entry = {
        "name": descriptor.name,
        "version": _string(descriptor, "version"),
        "title": descriptor.title.as_dict(),
        "summary": _optional_text(descriptor, "summary"),
        "requirements": _requirements(descriptor),
        "runtimes": _enums(descriptor, "runtimes", RuntimeType),
    }
    add = _DETAILS.get(descriptor.kind)
    if add is not None:
        entry |= add(descriptor)
    json.dumps(entry, allow_nan=False)  # what JSON cannot hold must fail here, under the plugin's name
    return entry


def _platform(descriptor: PlatformDescriptor) -> dict[str, Any]:
    if not isinstance(descriptor.read_back, ReadBack):
        raise _wrong(descriptor, "read_back", "a ReadBack", descriptor.read_back)
    limits, provenance = limits_from_rules(read_rules(descriptor.rules))
    return {
        "content_forms": _strings(descriptor, "content_forms"),
        "operations": _enums(descriptor, "operations", Operation),
        "read_back": {
            "strength": ReadBackStrength(descriptor.read_back.strength).value,
            "settle_s": descriptor.read_back.settle_s,
            "min_reads": descriptor.read_back.min_reads,
        },
        "limits": limits,
        "limits_provenance": provenance,
        "effect": EffectClass(descriptor.effect).value,
        "credential_kinds": _strings(descriptor, "credential_kinds"),
        "fields": _texts(descriptor, "fields"),
        "sandbox": descriptor.sandbox is not None,
        "sandbox_verified": _optional_string(descriptor, "sandbox_verified"),
        "last_live_proof": _optional_string(descriptor, "last_live_proof"),
    }


def _tool(descriptor: ToolMetadata) -> dict[str, Any]:
    return {
        "capabilities": _enums(descriptor, "capabilities", ToolCapability),
        "effect": EffectClass(descriptor.effect).value,
        "input_schema": read_schema(descriptor.input_schema),
        "output_schema": read_schema(descriptor.output_schema),
    }


def _processor(descriptor: ProcessorDescriptor) -> dict[str, Any]:
    return {
        "processor_kind": ProcessorKind(descriptor.processor_kind).value,
        "accepts": _strings(descriptor, "accepts"),
        "produces": _strings(descriptor, "produces"),
        "options_schema": read_schema(descriptor.options_schema) if descriptor.options_schema is not None else None,
        "effect": EffectClass(descriptor.effect).value,
    }


def _llm_provider(descriptor: LlmProviderDescriptor) -> dict[str, Any]:
    return {"config_schema": read_schema(descriptor.config_schema), "effect": EffectClass(descriptor.effect).value}


def _graph(descriptor: GraphDescriptor) -> dict[str, Any]:
    read_resource(descriptor.source)  # it exists; what is in it is the graph room's business
    return {}


def _hot_topic_source(descriptor: HotTopicSourceDescriptor) -> dict[str, Any]:
    return {"platform": _string(descriptor, "platform")}


_DETAILS: dict[str, Callable[[Any], dict[str, Any]]] = {
    PlatformDescriptor.kind: _platform,
    ToolMetadata.kind: _tool,
    ProcessorDescriptor.kind: _processor,
    LlmProviderDescriptor.kind: _llm_provider,
    GraphDescriptor.kind: _graph,
    HotTopicSourceDescriptor.kind: _hot_topic_source,
}


def _wrong(descriptor: Descriptor, field: str, wanted: str, value: object) -> TypeError:
    return TypeError(
        f"{type(descriptor).__name__} {descriptor.name!r}: {field} must be {wanted}, not {type(value).__name__}"
    )


def _string(descriptor: Descriptor, field: str) -> str:
    value = getattr(descriptor, field)
    if not isinstance(value, str):
        raise _wrong(descriptor, field, "a string", value)
    return value


def _optional_string(descriptor: Descriptor, field: str) -> str | None:
    return None if getattr(descriptor, field) is None else _string(descriptor, field)


def _optional_text(descriptor: Descriptor, field: str) -> dict[str, str] | None:
    value = getattr(descriptor, field)
    if value is None:
        return None
    if not isinstance(value, Text):
        raise _wrong(descriptor, field, "a Text", value)
    return value.as_dict()


def _texts(descriptor: Descriptor, field: str) -> dict[str, dict[str, str]]:
    value = getattr(descriptor, field)
    if not isinstance(value, Mapping) or not all(isinstance(item, Text) for item in value.values()):
        raise _wrong(descriptor, field, "a mapping of name to Text", value)
    return {str(key): value[key].as_dict() for key in sorted(value)}


def _strings(descriptor: Descriptor | Requirements, field: str, owner: Descriptor | None = None) -> list[str]:
    value = getattr(descriptor, field)
    # a bare string is an iterable of strings too: the classic ("text") without its comma
    if not isinstance(value, tuple | list) or not all(isinstance(item, str) for item in value):
        raise _wrong(owner or descriptor, field, "a tuple of strings", value)  # type: ignore[arg-type]
    return [str(item) for item in value]


def _enums(descriptor: Descriptor, field: str, kind: Callable[[str], str]) -> list[str]:
    return [str(kind(item)) for item in _strings(descriptor, field)]


def _requirements(descriptor: Descriptor) -> dict[str, Any]:
    needs = descriptor.requirements
    if not isinstance(needs, Requirements):
        raise _wrong(descriptor, "requirements", "a Requirements", needs)
    lists: Iterable[str] = ("hosts", "executables")
    return {field: _strings(needs, field, descriptor) for field in lists} | {
        "browser": bool(needs.browser),
        "host_tool": None if needs.host_tool is None else str(needs.host_tool),
    }
