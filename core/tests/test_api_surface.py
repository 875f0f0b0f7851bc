"""``creatorflow.api`` is a promise to plugin authors: its names are pinned, and it stands on next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import creatorflow.api
import pytest
from creatorflow.api import API_VERSION, HOOK_RESULTS, CreatorFlowSpecs, Descriptor, errors

#: A name leaves this list only with a new major API version; a new one comes with a new minor version.
NAMES = """
    API_VERSION AccountRef AdapterContext COUNTERS Cause CliCommandDescriptor Clock Commit ConfigError Content ContentError
    CreatorFlowError CreatorFlowSpecs CredentialRejected Declarations Descriptor Draft DuplicateContent ENTRY_POINT_GROUP EffectClass
    Form GraphDescriptor HOOK_RESULTS HotTopicSourceDescriptor HttpClient HttpResponse HumanNeeded HumanTask ImageInfo ImageProcessor
    ImageResult ImageTarget InvalidInput JobState KeyMismatch KeyringLocked LlmProviderDescriptor LoginStep MediaFile NotFound
    OfflineDenied Operation PathDenied PlanBlocked PlatformAdapter PlatformDescriptor PluginError PluginLogger PostAnalytics
    PostComment PostState Prepared ProcessorContext ProcessorDescriptor ProcessorKind ProofRung RateLimited ReadBack ReadBackStrength
    Receipt Refused RemotePost Requirements RuntimeContext RuntimeType SecretStore Sending SessionInfo StaleOwner StorageError Text
    TextProcessor TextResult ToolCapability ToolInterface ToolMetadata ToolResult Unavailable Uncertain UrlDenied VaultError Visibility
    count_text hookimpl hookspec normalise_text
""".split()  # noqa: SIM905  a list of eighty quoted names is harder to read

ALLOWED = {
    "creatorflow",
    "pluggy",
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "typing_extensions",
    "typing_inspection",
}


def test_the_names_are_pinned() -> None:
    assert creatorflow.api.__all__ == sorted(NAMES)
    assert API_VERSION == (1, 0)


def test_every_name_is_there_and_documented() -> None:
    for name in NAMES:
        value = getattr(creatorflow.api, name)
        if isinstance(value, type):
            assert (value.__doc__ or "").strip(), name
    assert set(NAMES) <= set(dir(creatorflow.api))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = creatorflow.api.Nothing


def _modules_after(code: str) -> set[str]:
    probe = f"import sys; before = set(sys.modules); {code}; import json; print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-P", "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


def test_the_whole_api_stands_on_the_standard_library_pydantic_and_pluggy() -> None:
    modules = _modules_after("from creatorflow.api import *")
    tops = {name.partition(".")[0] for name in modules if not name.startswith("_sysconfigdata")} - set(
        sys.stdlib_module_names
    )
    assert tops <= ALLOWED, tops - ALLOWED
    assert {"pydantic", "pluggy"} <= tops, "the check would pass if nothing had been imported"
    rooms = {name for name in modules if name.startswith("creatorflow.") and not name.startswith("creatorflow.api")}
    assert rooms == set()


def test_a_hook_module_pays_for_descriptors_and_marks_only() -> None:
    modules = _modules_after("from creatorflow.api import PlatformDescriptor, Text, hookimpl")
    assert "pydantic" not in modules
    assert "creatorflow.api.publishing" not in modules


def test_one_hook_for_each_kind_of_descriptor() -> None:
    hooks = {name for name in vars(CreatorFlowSpecs) if name.startswith("creatorflow_")}
    assert set(HOOK_RESULTS) == hooks
    assert all(issubclass(result, Descriptor) for result in HOOK_RESULTS.values())
    assert len({result.kind for result in HOOK_RESULTS.values() if issubclass(result, Descriptor)}) == len(hooks)


def test_every_error_is_drawn_on_the_tree() -> None:
    drawing = (errors.__doc__ or "").partition("::")[2]
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type) and issubclass(kind, errors.CreatorFlowError):
            assert name in drawing, f"{name} is missing from the tree in {Path(errors.__file__).name}"
