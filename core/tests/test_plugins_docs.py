"""``docs/hooks.md`` is the reference: complete, exact, and every example in it runs."""

from __future__ import annotations

import dataclasses
import inspect
import re
import runpy
from pathlib import Path
from typing import Any

import creatorflow.api as api
import pytest
from creatorflow.api import HOOK_RESULTS, CreatorFlowSpecs, Descriptor
from creatorflow.plugins import PluginState

Site = runpy.run_path(str(Path(__file__).with_name("plugin_site.py")))["Site"]

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("hooks.md", "hooks.zh-CN.md")
_BLOCK = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(r"^```(.*?)^```$", re.MULTILINE | re.DOTALL)

DESCRIPTORS = [*HOOK_RESULTS.values(), Descriptor, api.Requirements, api.ReadBack]
CONTEXTS = [api.AdapterContext, api.ProcessorContext, api.RuntimeContext]


def sections(page: str) -> dict[str, str]:
    parts = re.split(r"^### (.+)$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        title: re.split(r"^## ", body, flags=re.MULTILINE)[0]
        for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def field_names(table: str) -> set[str]:
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("hook", HOOK_RESULTS)
def test_every_hook_has_its_section_with_the_exact_signature(page: str, hook: str) -> None:
    signature = inspect.signature(getattr(CreatorFlowSpecs, hook))
    assert list(signature.parameters) == ["self"], "hooks take no arguments"
    assert f"\n\n`{hook}() -> {signature.return_annotation}`\n" in sections(page)[hook]
    assert (inspect.getdoc(getattr(CreatorFlowSpecs, hook)) or "").startswith("Return "), (
        "the hookspec says what it returns"
    )


@pytest.mark.parametrize("page", PAGES)
def test_there_is_no_section_for_a_hook_that_is_gone(page: str) -> None:
    assert {title for title in sections(page) if title.startswith("creatorflow_")} == set(HOOK_RESULTS)


@pytest.mark.parametrize("hook", HOOK_RESULTS)
def test_the_example_of_every_hook_runs(hook: str, tmp_path: Path) -> None:
    files = dict(_BLOCK.findall(sections("hooks.md")[hook]))
    assert f"def {hook}(" in files["creatorflow_pinboard/plugin.py"]
    site: Any = Site(tmp_path)
    site.add(
        "creatorflow-pinboard",
        {"creatorflow_pinboard/__init__.py": "", **files},
        points={"pinboard": "creatorflow_pinboard.plugin"},
    )
    answer = site.run(
        """
        from creatorflow.plugins.checking import check_plugins
        from creatorflow.publish.rules import load_rules
        catalogue = Catalogue.discover()
        record = catalogue.plugins[0]
        offered = catalogue.descriptors(record)
        out({
            "state": record.state,
            "error": record.error and record.error.en,
            "kinds": [item.kind for item in offered],
            "loaded": [getattr(catalogue.load(item), "__name__", "command") for item in offered],
            "rules": [sorted(load_rules(item).forms) for item in catalogue.platforms.values()],
            "problems": [item.text.en for item in check_plugins(catalogue)],
        })
        """
    )
    assert (answer["state"], answer["error"], answer["problems"]) == ("loaded", None, [])
    result = HOOK_RESULTS[hook]
    assert issubclass(result, Descriptor)
    assert answer["kinds"] == [result.kind]
    assert len(answer["loaded"]) == 1
    assert answer["rules"] == ([["text"]] if hook == "creatorflow_platform_adapters" else [])


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("kind", DESCRIPTORS, ids=lambda kind: kind.__name__)
def test_every_descriptor_is_described_field_by_field(page: str, kind: type) -> None:
    fields = {field.name for field in dataclasses.fields(kind)}
    if issubclass(kind, Descriptor) and kind is not Descriptor:
        fields -= {field.name for field in dataclasses.fields(Descriptor)}
    assert field_names(sections(page)[kind.__name__]) == fields


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: context.__name__)
def test_every_context_is_described_member_by_member(page: str, context: type) -> None:
    members = {name for name in vars(context) if not name.startswith("_")}
    assert field_names(sections(page)[context.__name__]) == members


@pytest.mark.parametrize("page", PAGES)
def test_every_state_is_explained(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for state in PluginState:
        assert f"\n| `{state.value}` |" in text


def test_both_languages_show_the_same_code_and_the_same_sections() -> None:
    english, chinese = ((DOCS / page).read_text(encoding="utf-8") for page in PAGES)
    assert _ANY_BLOCK.findall(english) == _ANY_BLOCK.findall(chinese)
    assert list(sections("hooks.md")) == list(sections("hooks.zh-CN.md"))
    assert english.count("\n## ") == chinese.count("\n## ")
