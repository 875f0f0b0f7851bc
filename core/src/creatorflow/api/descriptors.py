"""Frozen descriptions that hooks return: what a plugin offers, readable without importing its implementation.

Plain dataclasses on purpose: a catalogue of every installed plugin costs no schema building. Implementations are named by loader
strings ``"package.module:Class"`` and imported at first use; files by resource strings ``"package:path/in/package"``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from creatorflow.api.context import RuntimeType
from creatorflow.api.errors import Text

__all__ = [
    "API_VERSION",
    "CliCommandDescriptor",
    "Descriptor",
    "EffectClass",
    "GraphDescriptor",
    "HotTopicSourceDescriptor",
    "LlmProviderDescriptor",
    "Operation",
    "PlatformDescriptor",
    "ProcessorDescriptor",
    "ProcessorKind",
    "ReadBack",
    "ReadBackStrength",
    "Requirements",
    "ToolCapability",
    "ToolMetadata",
]

#: Version of this contract. A plugin module may state ``CREATORFLOW_API = (1, n)``; its distribution states ``creatorflow>=X.Y,<Z``.
API_VERSION = (1, 0)

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\Z")
_LOADER = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")
_RESOURCE = re.compile(r"[A-Za-z_][\w.]*:[\w./-]+\Z")


class EffectClass(StrEnum):
    """What a call can change: nothing, this machine, or the outside world."""

    READ = "read"
    LOCAL = "local"
    EXTERNAL = "external"


class Operation(StrEnum):
    """What a platform adapter can do beyond the session check."""

    LOGIN = "login"
    PUBLISH = "publish"
    LIST_POSTS = "list_posts"
    ANALYTICS = "analytics"
    COMMENTS = "comments"
    REPLY_COMMENT = "reply_comment"
    DELETE_POST = "delete_post"


class ReadBackStrength(StrEnum):
    """Whether "not in the list" can prove "not published".

    ``STRONG``: the list holds own posts in every state, so repeated absence over the settle time is proof. ``WEAK``: posts may hide (in
    review, filtered), so a person decides. ``NONE``: nothing can be read back.
    """

    STRONG = "strong"
    WEAK = "weak"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """How to prove presence and absence. ``settle_s``: seconds after the submit within which a post may still be missing from lists."""

    strength: ReadBackStrength
    settle_s: float
    min_reads: int = 2

    def __post_init__(self) -> None:
        if self.settle_s < 0 or self.min_reads < 1:
            raise ValueError("ReadBack needs settle_s >= 0 and min_reads >= 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What must be there for the capability to work. ``hosts``: exact names or ``*.suffix`` patterns the plugin may contact."""

    hosts: tuple[str, ...] = ()
    browser: bool = False
    executables: tuple[str, ...] = ()
    host_tool: str | None = None


class ToolCapability(StrEnum):
    """Coarse kinds of tools, for hosts that group them."""

    LLM = "llm"
    WEB_SEARCH = "web_search"
    BROWSER_AUTOMATION = "browser_automation"
    CREDENTIALS = "credentials"
    HOT_TOPICS = "hot_topics"
    SENTIMENT = "sentiment"
    CONTENT = "content"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What every descriptor carries. ``name`` is lower case ``a.b_c``; ``loader`` is ``"package.module:Class"``."""

    name: str
    version: str
    title: Text
    loader: str
    summary: Text | None = None
    requirements: Requirements = field(default_factory=Requirements)
    runtimes: tuple[RuntimeType, ...] = (RuntimeType.LOCAL,)

    #: Singular kind word used in the catalogue and in messages.
    kind: ClassVar[str] = "capability"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.match(self.name):
            raise ValueError(f"{type(self).__name__}.name {self.name!r} must be lower-case words joined by '_' or '.'")
        if not isinstance(self.loader, str) or not _LOADER.match(self.loader):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: loader {self.loader!r} must look like 'package.module:Class'"
            )
        if not isinstance(self.title, Text):
            raise TypeError(f"{type(self).__name__} {self.name!r}: title must be a Text(en=…, zh=…)")


def _check_resource(owner: Descriptor, value: str | None) -> None:
    if value is not None and not _RESOURCE.match(value):
        raise ValueError(f"{type(owner).__name__} {owner.name!r}: resource {value!r} must look like 'package:file'")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformDescriptor(Descriptor):
    """A publisher. ``rules`` is the resource of its ``rules.toml``; the catalogue's limits are generated from it.

    ``content_forms`` are the forms it publishes, the first one wins where the post does not say. ``sandbox`` is the loader of its replica
    (needs the extra ``[sandbox]``). ``last_live_proof`` is an ISO date, or None: never seen working on the live site.
    ``credential_kinds``: which of ``cookies``, ``storage_state``, ``credentials`` an account of it can be added with.
    """

    content_forms: tuple[str, ...]
    operations: tuple[Operation, ...]
    read_back: ReadBack
    rules: str
    effect: EffectClass = EffectClass.EXTERNAL
    credential_kinds: tuple[str, ...] = ("cookies", "storage_state")
    fields: Mapping[str, Text] = field(default_factory=dict)
    sandbox: str | None = None
    sandbox_verified: str | None = None
    last_live_proof: str | None = None

    kind: ClassVar[str] = "platform"

    def __post_init__(self) -> None:
        Descriptor.__post_init__(self)
        _check_resource(self, self.rules)
        if "." in self.name:
            raise ValueError(
                f"PlatformDescriptor.name {self.name!r} must be one word: it becomes part of RPC method names"
            )
        if not self.content_forms:
            raise ValueError(f"PlatformDescriptor {self.name!r}: content_forms is empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolMetadata(Descriptor):
    """A tool. A dotted name (``bettafish.sentiment``) is the RPC method and the MCP tool of that name.

    ``input_schema`` and ``output_schema`` are resources of JSON Schema files (2020-12) in the package.
    """

    input_schema: str
    output_schema: str
    capabilities: tuple[ToolCapability, ...] = (ToolCapability.OTHER,)
    effect: EffectClass = EffectClass.READ

    kind: ClassVar[str] = "tool"

    def __post_init__(self) -> None:
        Descriptor.__post_init__(self)
        _check_resource(self, self.input_schema)
        _check_resource(self, self.output_schema)


class ProcessorKind(StrEnum):
    """Which interface of ``creatorflow.api.processing`` the processor implements."""

    TEXT = "text"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorDescriptor(Descriptor):
    """A content processor. ``accepts`` are MIME types (``text/markdown``, ``image/*``)."""

    processor_kind: ProcessorKind
    accepts: tuple[str, ...]
    produces: tuple[str, ...]
    options_schema: str | None = None
    effect: EffectClass = EffectClass.LOCAL

    kind: ClassVar[str] = "processor"

    def __post_init__(self) -> None:
        Descriptor.__post_init__(self)
        _check_resource(self, self.options_schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmProviderDescriptor(Descriptor):
    """A kind of LLM endpoint. ``config_schema`` is the resource of the JSON Schema of its settings, without the key."""

    config_schema: str
    effect: EffectClass = EffectClass.EXTERNAL

    kind: ClassVar[str] = "llm_provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphDescriptor(Descriptor):
    """A graph; ``source`` is the resource of its YAML file, ``loader`` names the package's graph loader."""

    source: str

    kind: ClassVar[str] = "graph"


@dataclass(frozen=True, slots=True, kw_only=True)
class HotTopicSourceDescriptor(Descriptor):
    """A hot list that needs an account of ``platform``."""

    platform: str

    kind: ClassVar[str] = "hot_topic_source"


@dataclass(frozen=True, slots=True, kw_only=True)
class CliCommandDescriptor(Descriptor):
    """A command of the ``creatorflow`` program; ``loader`` names a ``click.Command``, imported when it is used."""

    kind: ClassVar[str] = "cli_command"
