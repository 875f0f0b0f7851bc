"""One plugin can never stop the host: a zoo of bad ones beside a good one, all in one real interpreter."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

_helper = runpy.run_path(str(Path(__file__).with_name("plugin_site.py")))
Site = _helper["Site"]

OK_TOOL = """
from creatorflow.api import Text, ToolMetadata, hookimpl
def tool(name, **more):
    return ToolMetadata(name=name, version="1", title=Text(en="T", zh="工具"), loader="x.y:Z", input_schema="x:i.json", output_schema="x:o.json", **more)
"""

#: Plugin -> its hook module and what its error must say.
ZOO: dict[str, tuple[str, str]] = {
    "raises": (
        "\n\nraise ImportError('no module of that kind')",
        "raised ImportError: no module of that kind (cf_raises/plugin.py:3)",
    ),
    "missing_module": (
        "import does_not_exist_anywhere",
        "ModuleNotFoundError: No module named 'does_not_exist_anywhere'",
    ),
    "syntax": ("def broken(:", "raised SyntaxError"),
    "exits": ("import sys; sys.exit(3)", "raised SystemExit: 3"),
    "base_exception": ("class Stop(BaseException): pass\nraise Stop('now')", "raised Stop: now"),
    "interrupts": ("raise KeyboardInterrupt", "raised KeyboardInterrupt"),
    "unprintable": ("class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "raised E: (unprintable)"),
    "hang_import": ("import threading; threading.Event().wait()", "did not end within 2 s"),
    "hang_hook": (
        OK_TOOL + "import threading\n@hookimpl\ndef creatorflow_tools():\n    threading.Event().wait()",
        "its hook creatorflow_tools did not end within 2 s",
    ),
    "hook_raises": (
        OK_TOOL + "@hookimpl\ndef creatorflow_tools():\n    return 1 / 0",
        "its hook creatorflow_tools raised ZeroDivisionError",
    ),
    "asks": ("input('your name? ')", "raised EOFError"),
    "none": (
        OK_TOOL + "@hookimpl\ndef creatorflow_tools():\n    pass",
        "must return a list of ToolMetadata, and gave NoneType",
    ),
    "single": (
        OK_TOOL + "@hookimpl\ndef creatorflow_tools():\n    return tool('a')",
        "must return a list of ToolMetadata, and gave ToolMetadata",
    ),
    "strings": (
        OK_TOOL + "@hookimpl\ndef creatorflow_tools():\n    return ['a']",
        "must return a list of ToolMetadata, and gave str",
    ),
    "wrong_descriptor": (
        OK_TOOL + "@hookimpl\ndef creatorflow_content_processors():\n    return [tool('a')]",
        "must return a list of ProcessorDescriptor, and gave ToolMetadata",
    ),
    "coroutine": (
        OK_TOOL + "@hookimpl\nasync def creatorflow_tools():\n    return []",
        "creatorflow_tools is asynchronous",
    ),
    "async_generator": (
        OK_TOOL + "@hookimpl\nasync def creatorflow_tools():\n    yield tool('a')",
        "creatorflow_tools is asynchronous",
    ),
    "endless": (
        OK_TOOL
        + "@hookimpl\ndef creatorflow_tools():\n    n = 0\n    while True:\n        n += 1\n        yield tool(f'a{n}')",
        "returned more than 1000 descriptors",
    ),
    "twice": (
        OK_TOOL + "@hookimpl\ndef creatorflow_tools():\n    return [tool('a'), tool('a')]",
        "offers the tool 'a' twice",
    ),
    "api_major": (
        OK_TOOL + "CREATORFLOW_API = (2, 0)\n@hookimpl\ndef creatorflow_tools():\n    return []",
        "written for plugin API 2.0; this core speaks 1.",
    ),
    "api_minor": (
        OK_TOOL + "CREATORFLOW_API = (1, 999)\n@hookimpl\ndef creatorflow_tools():\n    return []",
        "written for plugin API 1.999",
    ),
    "api_odd": (
        OK_TOOL + "CREATORFLOW_API = '1.0'\n@hookimpl\ndef creatorflow_tools():\n    return []",
        "must be a pair of whole numbers",
    ),
    "signature": (
        OK_TOOL + "@hookimpl\ndef creatorflow_tools(config):\n    return []",
        "a hook has the wrong signature; hooks take no arguments",
    ),
    "misspelt": (
        OK_TOOL + "@hookimpl\ndef creatorflow_toolz():\n    return []",
        "there is no hook creatorflow_toolz; the nearest is creatorflow_tools",
    ),
    "specname": (
        OK_TOOL + "@hookimpl(specname='creatorflow_tool')\ndef mine():\n    return []",
        "there is no hook creatorflow_tool;",
    ),
    "unmarked": (
        OK_TOOL + "def creatorflow_tools():\n    return []",
        "its function creatorflow_tools lacks the mark @hookimpl",
    ),
    "wrapper": (
        OK_TOOL + "@hookimpl(wrapper=True)\ndef creatorflow_tools():\n    return (yield)",
        "creatorflow_tools is a wrapper",
    ),
    "nothing": ("x = 1", "it has no function marked with @hookimpl"),
    "bad_name": (
        OK_TOOL + "@hookimpl\ndef creatorflow_tools():\n    return [tool('Not A Name')]",
        "must be lower-case words",
    ),
    "bad_field": (
        OK_TOOL + "@hookimpl\ndef creatorflow_tools():\n    return [tool('a', runtimes='local')]",
        "ToolMetadata 'a': runtimes must be a tuple of strings, not str",
    ),
    "no_schema": (OK_TOOL + "@hookimpl\ndef creatorflow_tools():\n    return [tool('a')]", "there is no package 'x'"),
}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    site = Site(tmp_path_factory.mktemp("zoo"))
    for name, (module, _) in ZOO.items():
        site.plugin(name, module)
    site.platform("good")
    site.plugin(
        "prints",
        "print('hello from a plugin')\nfrom creatorflow.api import hookimpl\n@hookimpl\ndef creatorflow_tools():\n    print('again')\n    return []",
    )
    site.platform("no_rules", rules=None)
    site.platform("bad_rules", rules="[forms\n")
    site.platform("endless_rules", rules="[forms.text]\nmax = inf\n")
    site.add("creatorflow-attribute", {"cf_attr.py": "class P: pass"}, points={"attribute": "cf_attr:Q"})
    result: dict[str, Any] = site.run(
        """
        import asyncio, contextlib, io, time
        from datetime import UTC, datetime
        stdout, stdin = sys.stdout, sys.stdin
        heard = io.StringIO()
        started = time.monotonic()
        with contextlib.redirect_stdout(heard):
            catalogue = Catalogue.discover()
        seconds = time.monotonic() - started

        class Commit:
            async def arm(self, sending): self.sending = sending

        async def publish():
            adapter = catalogue.load(catalogue.platform("good"))(None)
            before = datetime.now(UTC)
            receipt = await adapter.submit(await adapter.prepare("hello"), Commit())
            return [receipt.post_id, [post.text for post in await adapter.list_posts(before)]]

        out({
            "plugins": {record.name: plugin_entry(record, "en") for record in catalogue.plugins},
            "zh": {record.name: record.error.zh for record in catalogue.plugins if record.error},
            "seconds": seconds,
            "heard": heard.getvalue(),
            "streams": [sys.stdout is stdout, sys.stdin is stdin],
            "published": asyncio.run(publish()),
            "platforms": list(catalogue.platforms),
            "why_prints": [text.en for text in catalogue.why("prints")],
        })
        """
    )
    return result


@pytest.mark.parametrize("name", sorted(ZOO))
def test_a_bad_plugin_fails_alone_and_says_why(zoo: dict[str, Any], name: str) -> None:
    entry = zoo["plugins"][name]
    assert entry["state"] == "failed"
    assert ZOO[name][1] in entry["error"]
    assert f"Plugin '{name}' (creatorflow-{name} 1.0)" in entry["error"]
    assert f"pip install --upgrade creatorflow-{name}" in entry["error"]
    assert entry["capabilities"] == {}
    assert f"插件 '{name}'（creatorflow-{name} 1.0）" in zoo["zh"][name]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_rules", "resource 'cf_no_rules:rules.toml' is not in the package"),
        ("bad_rules", "resource 'cf_bad_rules:rules.toml' is not TOML"),
        ("endless_rules", "inf is not a limit"),
        ("attribute", "raised AttributeError"),
    ],
)
def test_broken_files_fail_their_own_plugin(zoo: dict[str, Any], name: str, words: str) -> None:
    assert zoo["plugins"][name]["state"] == "failed"
    assert words in zoo["plugins"][name]["error"]


def test_the_good_plugin_beside_them_still_publishes(zoo: dict[str, Any]) -> None:
    assert zoo["plugins"]["good"]["state"] == "loaded"
    assert zoo["plugins"]["good"]["error"] is None
    assert "good" in zoo["platforms"]
    assert zoo["published"] == ["1", ["hello"]]


def test_unreadable_metadata_of_one_distribution_hides_no_other(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.add("creatorflow-torn", {}, entry_points=b"[creatorflow]\n\xff\xfe = nowhere\n")
    site.add("creatorflow-garbled", {}, entry_points="[creatorflow]\nno equals sign\n")
    site.add("someone-else", {}, entry_points=b"[console_scripts]\n\xff\xfe = nowhere\n")
    site.platform("good")
    records = site.records()
    assert records["torn@creatorflow-torn"]["state"] == "failed"
    assert "its entry_points.txt cannot be read (UnicodeDecodeError" in records["torn@creatorflow-torn"]["error"]
    assert records["garbled@creatorflow-garbled"]["state"] == "failed"
    assert records["good@creatorflow-good"]["state"] == "loaded"
    assert len(records) == 3, "a stranger's metadata is not ours to report"


def test_two_hanging_plugins_cost_two_budgets_not_more(zoo: dict[str, Any]) -> None:
    # 2 plugins x 2 s, and the rest of the zoo (some 40 plugins) in well under the time of one more
    assert 4.0 <= zoo["seconds"] < 7.9


def test_printing_stays_out_of_stdout_and_is_told(zoo: dict[str, Any]) -> None:
    assert zoo["heard"] == ""
    assert zoo["streams"] == [True, True]
    assert zoo["plugins"]["prints"]["state"] == "loaded"
    assert any("printed while loading" in line and "hello from a plugin again" in line for line in zoo["why_prints"])
