"""``docs/writing-a-platform.md``: its code is the example's code, in both languages, and its commands exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "third_party_adapter"
PAGES = ("writing-a-platform.md", "writing-a-platform.zh-CN.md")

_BLOCK = re.compile(r"(?:^<!-- file: (\S+) -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str, str]]:
    """File, language and text of every code block of a page."""
    return _BLOCK.findall((ROOT / "docs" / page).read_text("utf-8"))


def strange(file: str, language: str, text: str) -> str | None:
    """What is wrong with a block; None when it stands in the file it names, line by line."""
    if language == "console":
        return "a console block names no file" if file else None
    if not file:
        return "a code block must name the file that it is cut from"
    lines, wanted = (EXAMPLE / file).read_text("utf-8").splitlines(), text.splitlines()
    if any(lines[at : at + len(wanted)] == wanted for at in range(len(lines))):
        return None
    return f"these lines do not stand in {file} one after the other"


@pytest.mark.parametrize("page", PAGES)
def test_code_is_the_examples(page: str) -> None:
    found = blocks(page)
    assert len(found) > 15
    faults = [(text[:60], strange(file, language, text)) for file, language, text in found]
    assert [fault for fault in faults if fault[1] is not None] == []
    shown = {file for file, _, _ in found}
    names = ("plugin.py", "rules.toml", "adapter.py", "sandbox.py")
    assert {f"src/creatorflow_pinboard/{name}" for name in names} <= shown


def test_a_changed_block_is_noticed() -> None:
    file, language, text = next(item for item in blocks(PAGES[0]) if item[1] == "python")
    assert strange(file, language, text) is None
    assert strange(file, language, text.replace("pinboard", "corkboard")) is not None
    assert strange("", language, text) is not None


def test_both_languages_show_the_same_code() -> None:
    first, second = (blocks(page) for page in PAGES)
    assert first == second
    heads = [re.findall(r"^(#+) (\d*)", (ROOT / "docs" / page).read_text("utf-8"), re.MULTILINE) for page in PAGES]
    assert heads[0] == heads[1]


def test_commands_exist() -> None:
    text = "".join(text for _, language, text in blocks(PAGES[0]) if language == "console")
    named = sorted(re.findall(r"^creatorflow ([a-z]+(?: (?:why|up))?)", text, re.MULTILINE))
    assert named == ["capabilities", "plugins why", "sandbox up"]
    program = Path(sys.executable).with_name("creatorflow")
    for name in named:
        done = subprocess.run([program, *name.split(), "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (name, done.stderr)


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / "docs" / page).read_text("utf-8")):
            assert (ROOT / "docs" / target).is_file(), f"{page}: {target}"


def test_group_table_names_the_kits_groups() -> None:
    """A new group of checks wants a line in the page."""
    modules = {path.stem for path in (ROOT / "testkit" / "src" / "creatorflow_testkit" / "contract").glob("*.py")}
    groups = set(re.findall(r"^\| (\w+) \|", (ROOT / "docs" / PAGES[0]).read_text("utf-8"), re.MULTILINE)) - {"group"}
    assert groups == modules - {"__init__", "base", "kit", "pictures", "site", "spy", "world"}
