"""The hooks of CreatorFlow: the whole list of doors into the host.

A plugin is a distribution with an entry point in the group ``creatorflow`` that names an import-light module (standard library and
``creatorflow.api`` only, under 3 ms). The module holds functions marked with ``@hookimpl``::

    # pyproject.toml
    [project.entry-points.creatorflow]
    pinboard = "creatorflow_pinboard.plugin"

    # creatorflow_pinboard/plugin.py
    from creatorflow.api import Operation, PlatformDescriptor, ReadBack, ReadBackStrength, Requirements, Text, hookimpl

    @hookimpl
    def creatorflow_platform_adapters():
        return [
            PlatformDescriptor(
                name="pinboard",
                version="0.1.0",
                title=Text(en="Pinboard", zh="图钉板"),
                loader="creatorflow_pinboard.adapter:PinboardAdapter",
                content_forms=("text",),
                operations=(Operation.PUBLISH, Operation.LIST_POSTS),
                read_back=ReadBack(strength=ReadBackStrength.STRONG, settle_s=10),
                rules="creatorflow_pinboard:rules.toml",
                requirements=Requirements(hosts=("pinboard.example",)),
            )
        ]

Rules for every hook

- **When**: called once, while the catalogue is built, on a thread of its own with 2 s to answer. Never ``async``.
- **Returns**: an iterable of the descriptor named below; an empty one is fine.
- **Order**: results are sorted by name; installation order never matters, ``tryfirst``/``trylast`` have no effect.
- **Errors**: what raises, hangs or returns something else becomes a catalogue entry ``state: failed`` of that plugin alone. Names that
  two plugins claim are refused for both, and both are named.
- **Import**: nothing heavy. The implementation stands behind the descriptor's ``loader`` and is imported at its first use.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from creatorflow.api.descriptors import (
    CliCommandDescriptor,
    GraphDescriptor,
    HotTopicSourceDescriptor,
    LlmProviderDescriptor,
    PlatformDescriptor,
    ProcessorDescriptor,
    ToolMetadata,
)

__all__ = ["ENTRY_POINT_GROUP", "HOOK_RESULTS", "CreatorFlowSpecs", "hookimpl", "hookspec"]

ENTRY_POINT_GROUP = "creatorflow"

hookspec = pluggy.HookspecMarker("creatorflow")
hookimpl = pluggy.HookimplMarker("creatorflow")


class CreatorFlowSpecs:
    """The hook specifications; collecting hooks without arguments."""

    @hookspec
    def creatorflow_platform_adapters(self) -> Iterable[PlatformDescriptor]:
        """Return the platforms that this plugin publishes to.

        The ``loader`` names a subclass of ``creatorflow.api.PlatformAdapter``. Check it with the contract kit
        (``creatorflow_testkit.PlatformAdapterContract``) against a replica of the platform.
        """
        return ()

    @hookspec
    def creatorflow_tools(self) -> Iterable[ToolMetadata]:
        """Return the tools that graphs, hosts and agents can call.

        The ``loader`` names a subclass of ``creatorflow.api.ToolInterface``; input and output schemas ship as files in the package.
        """
        return ()

    @hookspec
    def creatorflow_content_processors(self) -> Iterable[ProcessorDescriptor]:
        """Return the processors that fit text or media to a platform.

        The ``loader`` names a subclass of ``TextProcessor`` or ``ImageProcessor``, as ``processor_kind`` says. The plan picks the first
        one (by name) that accepts the MIME type at hand.
        """
        return ()

    @hookspec
    def creatorflow_llm_providers(self) -> Iterable[LlmProviderDescriptor]:
        """Return the kinds of LLM endpoints that this plugin can talk to."""
        return ()

    @hookspec
    def creatorflow_graphs(self) -> Iterable[GraphDescriptor]:
        """Return the graphs (YAML files in the package) that this plugin ships."""
        return ()

    @hookspec
    def creatorflow_hot_topic_sources(self) -> Iterable[HotTopicSourceDescriptor]:
        """Return hot lists that need an account; public lists live in the bettafish plugin."""
        return ()

    @hookspec
    def creatorflow_cli_commands(self) -> Iterable[CliCommandDescriptor]:
        """Return commands that appear under ``creatorflow``; the ``loader`` names a ``click.Command``.

        ``click.get_current_context().obj`` is the program's ``creatorflow.cli.Program`` (home directory, locale, catalogue). A name that
        the core already uses is refused.
        """
        return ()


#: Hook name -> the descriptor type that its results must have.
HOOK_RESULTS: dict[str, type] = {
    "creatorflow_platform_adapters": PlatformDescriptor,
    "creatorflow_tools": ToolMetadata,
    "creatorflow_content_processors": ProcessorDescriptor,
    "creatorflow_llm_providers": LlmProviderDescriptor,
    "creatorflow_graphs": GraphDescriptor,
    "creatorflow_hot_topic_sources": HotTopicSourceDescriptor,
    "creatorflow_cli_commands": CliCommandDescriptor,
}
