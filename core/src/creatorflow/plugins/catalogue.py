"""What every installed plugin can do, complete without importing one implementation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar, overload

from creatorflow.api.descriptors import (
    CliCommandDescriptor,
    Descriptor,
    GraphDescriptor,
    HotTopicSourceDescriptor,
    LlmProviderDescriptor,
    PlatformDescriptor,
    ProcessorDescriptor,
    ToolMetadata,
)
from creatorflow.plugins.building import Built, Selection, build
from creatorflow.plugins.explain import absent_capability, story
from creatorflow.plugins.finding import find_plugins
from creatorflow.plugins.implementations import load_implementation, load_replica
from creatorflow.plugins.official import OFFICIAL, OfficialDistribution, accepts
from creatorflow.plugins.records import PluginRecord, canonical

TYPE_CHECKING = False
if TYPE_CHECKING:
    from creatorflow.api.errors import Text
    from creatorflow.api.processing import ImageProcessor, TextProcessor
    from creatorflow.api.publishing import PlatformAdapter
    from creatorflow.api.tools import ToolInterface

__all__ = ["HOOK_BUDGET_S", "Catalogue"]

#: Wall time that one import or one hook of a plugin may take, in seconds.
HOOK_BUDGET_S = 2.0

_D = TypeVar("_D", bound=Descriptor)


class Catalogue:
    """The capabilities of the plugins that loaded, and a record of every plugin that was found.

    Built once by ``discover`` and then fixed. All mappings are read-only and sorted by name.
    """

    def __init__(self, built: Built, core_version: str) -> None:
        self._built = built
        #: Version of the core's distribution, "" for a bare source tree.
        self.core_version = core_version
        #: Every plugin found, sorted by name; also the failed, clashing, blocked and missing ones.
        self.plugins: tuple[PluginRecord, ...] = built.records
        self.platforms = self._of(PlatformDescriptor)
        self.tools = self._of(ToolMetadata)
        self.processors = self._of(ProcessorDescriptor)
        self.llm_providers = self._of(LlmProviderDescriptor)
        self.graphs = self._of(GraphDescriptor)
        self.hot_topic_sources = self._of(HotTopicSourceDescriptor)
        self.cli_commands = self._of(CliCommandDescriptor)

    @classmethod
    def discover(
        cls,
        only: Sequence[str] | None = None,
        allow: Sequence[str] | None = None,
        block: Sequence[str] = (),
        *,
        budget_s: float = HOOK_BUDGET_S,
    ) -> Catalogue:
        """Find and load the installed plugins.

        Args:
            only: names from CREATORFLOW_PLUGINS: exactly these, whatever ``allow`` and ``block`` say; empty loads none; None: not set.
            allow: names from ``[plugins] allow``; None allows all.
            block: names from ``[plugins] block``.
            budget_s: what one import or one hook may take, in seconds of wall time.

        Returns:
            The catalogue. No plugin can make this raise; each that could not be loaded has a record that says why.
        """
        found = find_plugins()
        return cls(build(found, Selection.of(only, allow, block), budget_s=budget_s), found.core_version)

    def platform(self, name: str) -> PlatformDescriptor:
        """Return a platform.

        Raises:
            NotFound: no loaded plugin offers it; the sentence says what does, or what to install.
        """
        return self._get(self.platforms, PlatformDescriptor.kind, name)

    def tool(self, name: str) -> ToolMetadata:
        """Return a tool, or raise ``NotFound`` as ``platform`` does."""
        return self._get(self.tools, ToolMetadata.kind, name)

    def processor(self, name: str) -> ProcessorDescriptor:
        """Return a content processor, or raise ``NotFound`` as ``platform`` does."""
        return self._get(self.processors, ProcessorDescriptor.kind, name)

    def llm_provider(self, name: str) -> LlmProviderDescriptor:
        """Return a kind of LLM endpoint, or raise ``NotFound`` as ``platform`` does."""
        return self._get(self.llm_providers, LlmProviderDescriptor.kind, name)

    def graph(self, name: str) -> GraphDescriptor:
        """Return a graph, or raise ``NotFound`` as ``platform`` does."""
        return self._get(self.graphs, GraphDescriptor.kind, name)

    def processor_for(self, mime: str) -> ProcessorDescriptor:
        """Return the first processor, by name, that accepts ``mime``.

        Raises:
            NotFound: there is none; the sentence names the distribution of ours that brings one, where there is one.
        """
        for descriptor in self.processors.values():
            if accepts(descriptor.accepts, mime):
                return descriptor
        official = next((item for item in OFFICIAL if accepts(item.mimes, mime)), None)
        raise absent_capability(ProcessorDescriptor.kind, mime, list(self.processors), self.plugins, official=official)

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Return the JSON entries of a kind, sorted by name, each with the ``plugin`` that brings it. The caller may change them."""
        from copy import deepcopy

        return [
            {**deepcopy(self._built.entries[key]), "plugin": self._built.owners[key].name}
            for key in sorted(self._built.entries)
            if key[0] == kind
        ]

    def limits(self, platform: str) -> dict[str, Any]:
        """Return a copy of the tables of the platform's ``rules.toml`` without their provenance.

        Raises:
            NotFound: as ``platform``.
        """
        from copy import deepcopy

        descriptor = self.platform(platform)
        limits: dict[str, Any] = deepcopy(self._built.entries[descriptor.kind, descriptor.name]["limits"])
        return limits

    def owner(self, descriptor: Descriptor) -> PluginRecord:
        """Return the record of the plugin that brought ``descriptor``."""
        return self._built.owners[descriptor.kind, descriptor.name]

    def descriptors(self, record: PluginRecord) -> list[Descriptor]:
        """Return what a plugin brought, sorted by kind and name; nothing for one that did not load."""
        keys = sorted(key for key, owner in self._built.owners.items() if owner is record)
        return [self._built.descriptors[key] for key in keys]

    def record(self, name: str) -> PluginRecord | None:
        """Return the first record of a plugin by its own or its distribution's name, or None."""
        wanted = canonical(name)
        return next(
            (item for item in self.plugins if wanted in (canonical(item.name), canonical(item.distribution))), None
        )

    def not_installed(self) -> list[OfficialDistribution]:
        """Return the distributions of ours that are not installed, sorted by name."""
        here = {canonical(item.distribution) for item in self.plugins if item.distribution}
        return [item for item in OFFICIAL if item.distribution not in here]

    def why(self, name: str) -> list[Text]:
        """Return the whole story of a plugin (by its own, its distribution's or a capability's name), one sentence an item.

        Raises:
            NotFound: nothing of that name is installed or known; the sentence names the nearest.
        """
        return story(name, self.plugins)

    @overload
    def load(self, descriptor: PlatformDescriptor) -> type[PlatformAdapter]: ...
    @overload
    def load(self, descriptor: ToolMetadata) -> type[ToolInterface]: ...
    @overload
    def load(self, descriptor: ProcessorDescriptor) -> type[TextProcessor] | type[ImageProcessor]: ...
    @overload
    def load(self, descriptor: Descriptor) -> Any: ...
    def load(self, descriptor: Descriptor) -> Any:
        """Import the implementation behind ``descriptor`` at its first use, and return it.

        Blocks while it imports: call it from a worker thread where an event loop runs.

        Raises:
            PluginError: the import raised, or what it found is not what the descriptor promises; names plugin, version and capability.
        """
        return load_implementation(descriptor, self.owner(descriptor))

    def load_sandbox(self, descriptor: PlatformDescriptor) -> Any:
        """Import the platform's replica.

        Raises:
            PluginError: it has none, its extra ``[sandbox]`` is not installed, or the import raised.
        """
        return load_replica(descriptor, self.owner(descriptor))

    def _of(self, kind: type[_D]) -> Mapping[str, _D]:
        items = {name: item for (_, name), item in sorted(self._built.descriptors.items()) if isinstance(item, kind)}
        return MappingProxyType(items)

    def _get(self, items: Mapping[str, _D], kind: str, name: str) -> _D:
        found = items.get(name)
        if found is None:
            raise absent_capability(kind, name, list(items), self.plugins)
        return found
