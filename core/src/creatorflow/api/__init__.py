"""Everything a plugin may import from CreatorFlow.

The submodules are imported at first use of a name, so that a plugin's hook module pays only for descriptors and hook marks.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from creatorflow.api.content import (
        Content as Content,
    )
    from creatorflow.api.content import (
        Declarations as Declarations,
    )
    from creatorflow.api.content import (
        Draft as Draft,
    )
    from creatorflow.api.content import (
        Form as Form,
    )
    from creatorflow.api.content import (
        MediaFile as MediaFile,
    )
    from creatorflow.api.content import (
        Visibility as Visibility,
    )
    from creatorflow.api.context import (
        AccountRef as AccountRef,
    )
    from creatorflow.api.context import (
        AdapterContext as AdapterContext,
    )
    from creatorflow.api.context import (
        Clock as Clock,
    )
    from creatorflow.api.context import (
        HttpClient as HttpClient,
    )
    from creatorflow.api.context import (
        HttpResponse as HttpResponse,
    )
    from creatorflow.api.context import (
        HumanTask as HumanTask,
    )
    from creatorflow.api.context import (
        PluginLogger as PluginLogger,
    )
    from creatorflow.api.context import (
        ProcessorContext as ProcessorContext,
    )
    from creatorflow.api.context import (
        RuntimeContext as RuntimeContext,
    )
    from creatorflow.api.context import (
        RuntimeType as RuntimeType,
    )
    from creatorflow.api.context import (
        SecretStore as SecretStore,
    )
    from creatorflow.api.descriptors import (
        API_VERSION as API_VERSION,
    )
    from creatorflow.api.descriptors import (
        CliCommandDescriptor as CliCommandDescriptor,
    )
    from creatorflow.api.descriptors import (
        Descriptor as Descriptor,
    )
    from creatorflow.api.descriptors import (
        EffectClass as EffectClass,
    )
    from creatorflow.api.descriptors import (
        GraphDescriptor as GraphDescriptor,
    )
    from creatorflow.api.descriptors import (
        HotTopicSourceDescriptor as HotTopicSourceDescriptor,
    )
    from creatorflow.api.descriptors import (
        LlmProviderDescriptor as LlmProviderDescriptor,
    )
    from creatorflow.api.descriptors import (
        Operation as Operation,
    )
    from creatorflow.api.descriptors import (
        PlatformDescriptor as PlatformDescriptor,
    )
    from creatorflow.api.descriptors import (
        ProcessorDescriptor as ProcessorDescriptor,
    )
    from creatorflow.api.descriptors import (
        ProcessorKind as ProcessorKind,
    )
    from creatorflow.api.descriptors import (
        ReadBack as ReadBack,
    )
    from creatorflow.api.descriptors import (
        ReadBackStrength as ReadBackStrength,
    )
    from creatorflow.api.descriptors import (
        Requirements as Requirements,
    )
    from creatorflow.api.descriptors import (
        ToolCapability as ToolCapability,
    )
    from creatorflow.api.descriptors import (
        ToolMetadata as ToolMetadata,
    )
    from creatorflow.api.errors import (
        Cause as Cause,
    )
    from creatorflow.api.errors import (
        ConfigError as ConfigError,
    )
    from creatorflow.api.errors import (
        ContentError as ContentError,
    )
    from creatorflow.api.errors import (
        CreatorFlowError as CreatorFlowError,
    )
    from creatorflow.api.errors import (
        CredentialRejected as CredentialRejected,
    )
    from creatorflow.api.errors import (
        DuplicateContent as DuplicateContent,
    )
    from creatorflow.api.errors import (
        HumanNeeded as HumanNeeded,
    )
    from creatorflow.api.errors import (
        InvalidInput as InvalidInput,
    )
    from creatorflow.api.errors import (
        KeyMismatch as KeyMismatch,
    )
    from creatorflow.api.errors import (
        KeyringLocked as KeyringLocked,
    )
    from creatorflow.api.errors import (
        NotFound as NotFound,
    )
    from creatorflow.api.errors import (
        OfflineDenied as OfflineDenied,
    )
    from creatorflow.api.errors import (
        PathDenied as PathDenied,
    )
    from creatorflow.api.errors import (
        PlanBlocked as PlanBlocked,
    )
    from creatorflow.api.errors import (
        PluginError as PluginError,
    )
    from creatorflow.api.errors import (
        RateLimited as RateLimited,
    )
    from creatorflow.api.errors import (
        Refused as Refused,
    )
    from creatorflow.api.errors import (
        StaleOwner as StaleOwner,
    )
    from creatorflow.api.errors import (
        StorageError as StorageError,
    )
    from creatorflow.api.errors import (
        Text as Text,
    )
    from creatorflow.api.errors import (
        Unavailable as Unavailable,
    )
    from creatorflow.api.errors import (
        Uncertain as Uncertain,
    )
    from creatorflow.api.errors import (
        UrlDenied as UrlDenied,
    )
    from creatorflow.api.errors import (
        VaultError as VaultError,
    )
    from creatorflow.api.hookspecs import (
        ENTRY_POINT_GROUP as ENTRY_POINT_GROUP,
    )
    from creatorflow.api.hookspecs import (
        HOOK_RESULTS as HOOK_RESULTS,
    )
    from creatorflow.api.hookspecs import (
        CreatorFlowSpecs as CreatorFlowSpecs,
    )
    from creatorflow.api.hookspecs import (
        hookimpl as hookimpl,
    )
    from creatorflow.api.hookspecs import (
        hookspec as hookspec,
    )
    from creatorflow.api.processing import (
        ImageInfo as ImageInfo,
    )
    from creatorflow.api.processing import (
        ImageProcessor as ImageProcessor,
    )
    from creatorflow.api.processing import (
        ImageResult as ImageResult,
    )
    from creatorflow.api.processing import (
        ImageTarget as ImageTarget,
    )
    from creatorflow.api.processing import (
        TextProcessor as TextProcessor,
    )
    from creatorflow.api.processing import (
        TextResult as TextResult,
    )
    from creatorflow.api.publishing import (
        Commit as Commit,
    )
    from creatorflow.api.publishing import (
        JobState as JobState,
    )
    from creatorflow.api.publishing import (
        LoginStep as LoginStep,
    )
    from creatorflow.api.publishing import (
        PlatformAdapter as PlatformAdapter,
    )
    from creatorflow.api.publishing import (
        PostAnalytics as PostAnalytics,
    )
    from creatorflow.api.publishing import (
        PostComment as PostComment,
    )
    from creatorflow.api.publishing import (
        PostState as PostState,
    )
    from creatorflow.api.publishing import (
        Prepared as Prepared,
    )
    from creatorflow.api.publishing import (
        ProofRung as ProofRung,
    )
    from creatorflow.api.publishing import (
        Receipt as Receipt,
    )
    from creatorflow.api.publishing import (
        RemotePost as RemotePost,
    )
    from creatorflow.api.publishing import (
        Sending as Sending,
    )
    from creatorflow.api.publishing import (
        SessionInfo as SessionInfo,
    )
    from creatorflow.api.text import (
        COUNTERS as COUNTERS,
    )
    from creatorflow.api.text import (
        count_text as count_text,
    )
    from creatorflow.api.text import (
        normalise_text as normalise_text,
    )
    from creatorflow.api.tools import (
        ToolInterface as ToolInterface,
    )
    from creatorflow.api.tools import (
        ToolResult as ToolResult,
    )

_EXPORTS = {
    "content": (
        "Content",
        "Declarations",
        "Draft",
        "Form",
        "MediaFile",
        "Visibility",
    ),
    "context": (
        "AccountRef",
        "AdapterContext",
        "Clock",
        "HttpClient",
        "HttpResponse",
        "HumanTask",
        "PluginLogger",
        "ProcessorContext",
        "RuntimeContext",
        "RuntimeType",
        "SecretStore",
    ),
    "descriptors": (
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
    ),
    "errors": (
        "Cause",
        "ConfigError",
        "ContentError",
        "CreatorFlowError",
        "CredentialRejected",
        "DuplicateContent",
        "HumanNeeded",
        "InvalidInput",
        "KeyMismatch",
        "KeyringLocked",
        "NotFound",
        "OfflineDenied",
        "PathDenied",
        "PlanBlocked",
        "PluginError",
        "RateLimited",
        "Refused",
        "StaleOwner",
        "StorageError",
        "Text",
        "Unavailable",
        "Uncertain",
        "UrlDenied",
        "VaultError",
    ),
    "hookspecs": (
        "CreatorFlowSpecs",
        "ENTRY_POINT_GROUP",
        "HOOK_RESULTS",
        "hookimpl",
        "hookspec",
    ),
    "processing": (
        "ImageInfo",
        "ImageProcessor",
        "ImageResult",
        "ImageTarget",
        "TextProcessor",
        "TextResult",
    ),
    "publishing": (
        "Commit",
        "JobState",
        "LoginStep",
        "PlatformAdapter",
        "PostAnalytics",
        "PostComment",
        "PostState",
        "Prepared",
        "ProofRung",
        "Receipt",
        "RemotePost",
        "Sending",
        "SessionInfo",
    ),
    "text": (
        "COUNTERS",
        "count_text",
        "normalise_text",
    ),
    "tools": (
        "ToolInterface",
        "ToolResult",
    ),
}
_HOME = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605  one table serves the lazy import and this list


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
