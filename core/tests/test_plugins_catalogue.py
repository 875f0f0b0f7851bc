"""The catalogue: what it offers, what it says about what is missing, and that it stays light."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from creatorflow.plugins.resources import ResourceError, limits_from_rules, read_resource

Site = runpy.run_path(str(Path(__file__).with_name("plugin_site.py")))["Site"]

#: Nothing that ``capabilities.list`` needs may bring these in.
HEAVY = [
    "langgraph",
    "playwright",
    "PIL",
    "mcp",
    "httpx",
    "sqlalchemy",
    "keyring",
    "cryptography",
    "apscheduler",
    "alembic",
    "yaml",
    "rich",
]

PROCESSORS = """
from creatorflow.api import ProcessorDescriptor, ProcessorKind, Text, hookimpl

def processor(name, kind, accepts, loader="cf_words.code:Words"):
    return ProcessorDescriptor(
        name=name, version="1", title=Text(en=name, zh="处理器"), loader=loader, processor_kind=kind,
        accepts=accepts, produces=("text/plain",),
    )

@hookimpl
def creatorflow_content_processors():
    return [
        processor("zz_words", ProcessorKind.TEXT, ("text/*",)),
        processor("words", ProcessorKind.TEXT, ("text/markdown",)),
        processor("liar", ProcessorKind.IMAGE, ("image/x-liar",)),
        processor("gap", ProcessorKind.TEXT, ("text/x-gap",), "cf_words.code:Gap"),
        processor("function", ProcessorKind.TEXT, ("text/x-function",), "cf_words.code:function"),
        processor("exits", ProcessorKind.TEXT, ("text/x-exits",), "cf_words.exits:Words"),
        processor("nowhere", ProcessorKind.TEXT, ("text/x-nowhere",), "cf_words.code:Nowhere"),
    ]
"""

CODE = """
from creatorflow.api import TextProcessor, TextResult

class Words(TextProcessor):
    def render(self, source, options):
        return TextResult(text=source.upper())

class Gap(TextProcessor):
    pass

def function():
    pass
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Site(tmp_path_factory.mktemp("site"))
    made.platform("pinboard")
    # an implementation that drags everything in must not weigh on the catalogue
    made.platform(
        "heavy", files={"cf_heavy/adapter.py": "".join(f"import {name}\n" for name in ("httpx", "sqlalchemy", "yaml"))}
    )
    made.plugin("words", PROCESSORS, files={"cf_words/code.py": CODE, "cf_words/exits.py": "import sys; sys.exit(4)"})
    made.platform("douyin", platform="douyin", rules=None)
    return made


ONLY = "['pinboard', 'heavy', 'words', 'douyin']"
ASK = f"""
from creatorflow.api import CreatorFlowError
catalogue = Catalogue.discover(only={ONLY})
def ask(call):
    try:
        return {{"value": call()}}
    except CreatorFlowError as error:
        return {{
            "type": type(error).__name__, "en": error.text.en, "zh": error.text.zh, "details": dict(error.details),
            "kind": getattr(error, "kind", None), "cause": type(error.__cause__).__name__,
        }}
"""


def test_importing_and_building_the_catalogue_is_light(site: Any) -> None:
    brought = site.run(
        f"""
        catalogue = Catalogue.discover(only={ONLY})
        capabilities_document(catalogue, methods=[], limits={{}}, errors=[], event_types=[])
        assert list(catalogue.platforms) == ["heavy", "pinboard"], catalogue.plugins
        out(sorted({{name.partition(".")[0] for name in sys.modules}}))
        """
    )
    assert set(brought) & set(HEAVY) == set()
    # and not even what may be there at start, as long as nobody needs it
    assert "pydantic" not in brought
    assert "tomllib" in brought, "the check above would pass if nothing had happened"


def test_the_import_check_can_fail(site: Any) -> None:
    brought = site.run(
        f"""
        catalogue = Catalogue.discover(only={ONLY})
        catalogue.load(catalogue.platform("pinboard"))
        try:
            catalogue.load(catalogue.platform("heavy"))
        except Exception:
            pass
        out(sorted({{name.partition(".")[0] for name in sys.modules}}))
        """
    )
    assert "httpx" in brought


def test_sections_are_sorted_and_read_only(site: Any) -> None:
    answer = site.run(
        ASK
        + """
try:
    catalogue.platforms["x"] = 1
except TypeError:
    fixed = True
out([list(catalogue.platforms), list(catalogue.processors), [r.name for r in catalogue.plugins], fixed])
"""
    )
    platforms, processors, plugins, fixed = answer
    assert platforms == ["heavy", "pinboard"]
    assert processors == sorted(processors)
    assert plugins == sorted(plugins)
    assert fixed


def test_what_is_missing_is_explained(site: Any) -> None:
    answer = site.run(
        ASK
        + """
out({name: ask(lambda: catalogue.platform(name)) for name in ("xiaohongshu", "pinbord", "weibbo", "zzz", "douyin")}
    | {"tool": ask(lambda: catalogue.tool("bettafish.sentiment")), "image": ask(lambda: catalogue.processor_for("image/png"))})
"""
    )
    for item in answer.values():
        assert item["type"] == "NotFound"
        assert item["zh"] != item["en"]
    ours = answer["xiaohongshu"]
    assert ours["kind"] == "platform"
    assert ours["en"] == (
        "There is no platform 'xiaohongshu'. Installed: heavy, pinboard. Install it: pip install creatorflow-xiaohongshu"
    )
    assert (
        ours["zh"] == "没有平台 'xiaohongshu'。已安装：heavy, pinboard。安装方法：pip install creatorflow-xiaohongshu"
    )
    assert ours["details"]["pip"] == "pip install creatorflow-xiaohongshu"
    assert "Did you mean 'pinboard'?" in answer["pinbord"]["en"]
    assert "pip" not in answer["pinbord"]["en"]
    assert "Did you mean 'weibo'? (pip install creatorflow-weibo)" in answer["weibbo"]["en"]
    assert answer["zzz"]["en"].endswith("See 'creatorflow capabilities'.")
    # installed but broken: the reason, not advice to install it again
    assert "resource 'cf_douyin:rules.toml' is not in the package" in answer["douyin"]["en"]
    assert answer["douyin"]["en"].endswith(" Installed: heavy, pinboard.")
    assert "pip install creatorflow-douyin" not in answer["douyin"]["en"]
    assert "No tool is installed. Install it: pip install creatorflow-bettafish" in answer["tool"]["en"]
    assert answer["image"]["kind"] == "processor"
    assert "No content processor accepts 'image/png'." in answer["image"]["en"]
    assert "pip install creatorflow-pillow" in answer["image"]["en"]


def test_the_first_processor_by_name_is_taken(site: Any) -> None:
    answer = site.run(
        ASK
        + "out([catalogue.processor_for(m).name for m in ('text/markdown', 'TEXT/Markdown; charset=utf-8', 'text/html', 'image/x-liar')])"
    )
    assert answer == ["words", "words", "zz_words", "liar"]


def test_implementations_are_imported_once_and_checked(site: Any) -> None:
    answer = site.run(
        ASK
        + """
words = catalogue.processor("words")
assert "cf_words.code" not in sys.modules
out({name: ask(lambda: catalogue.load(catalogue.processor(name)).__name__) for name in catalogue.processors}
    | {"same": catalogue.load(words) is catalogue.load(words), "rendered": catalogue.load(words)().render("a", {}).text})
"""
    )
    assert answer["words"] == {"value": "Words"}
    assert answer["same"] is True
    assert answer["rendered"] == "A"
    expected = {
        "liar": "'cf_words.code:Words' is not a subclass of ImageProcessor",
        "gap": "'cf_words.code:Gap' does not implement render",
        "function": "'cf_words.code:function' is not a subclass of TextProcessor",
        "exits": "loading 'cf_words.exits:Words' raised SystemExit: 4",
        "nowhere": "loading 'cf_words.code:Nowhere' raised AttributeError",
    }
    for name, words in expected.items():
        assert answer[name]["type"] == "PluginError"
        assert words in answer[name]["en"]
        assert f"Plugin 'words' (creatorflow-words 1.0), processor '{name}'" in answer[name]["en"]
        assert answer[name]["details"] == {
            "plugin": "words", "distribution": "creatorflow-words", "version": "1.0", "kind": "processor", "capability": name,
        }  # fmt: skip
    assert answer["exits"]["cause"] == "SystemExit"


def test_a_replica_that_is_not_there_names_the_extra(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.platform("plain")
    module = (
        (tmp_path / "cf_plain" / "plugin.py")
        .read_text(encoding="utf-8")
        .replace("cf_plain", "cf_box")
        .replace('"plain"', '"box"')
    )
    module = module.replace(
        'rules="cf_box:rules.toml",', 'rules="cf_box:rules.toml", sandbox="cf_box.sandbox:Replica",'
    )
    files = {"cf_box/rules.toml": "", "cf_box/sandbox.py": "import a_testkit_that_is_not_there"}
    site.plugin("box", module, files=files)
    code = (
        ASK.replace(ONLY, "['plain', 'box']")
        + "out({n: ask(lambda: catalogue.load_sandbox(catalogue.platform(n))) for n in ('plain', 'box')})"
    )
    answer = site.run(code)
    assert "it ships no replica" in answer["plain"]["en"]
    assert "Try: pip install 'creatorflow-box[sandbox]'" in answer["box"]["en"]
    assert answer["box"]["cause"] == "ModuleNotFoundError"


def test_the_document_is_complete_plain_and_deterministic(site: Any) -> None:
    code = f"""
catalogue = Catalogue.discover(only={ONLY})
document = capabilities_document(
    catalogue, methods=[{{"name": "b"}}, {{"name": "a"}}], limits={{"line_bytes": 8}}, errors=[{{"name": "z"}}, {{"name": "y"}}],
    event_types=["t", "s"], offline="loopback", locale="zh-CN",
)
sys.stdout.write("\\n" + json.dumps(document))
"""
    document = site.run(code)
    assert json.dumps(site.run(code)) == json.dumps(document)
    assert set(document) == {
        "protocol_versions", "version", "api_version", "offline", "plugins", "platforms", "tools", "processors", "llm_providers",
        "graphs", "hot_topic_sources", "cli_commands", "methods", "limits", "event_types", "errors", "not_installed",
    }  # fmt: skip
    assert document["protocol_versions"] == [1]
    assert document["offline"] == "loopback"
    assert [item["name"] for item in document["methods"]] == ["a", "b"]
    assert document["event_types"] == ["s", "t"]
    pinboard = document["platforms"][1]
    assert pinboard == {
        "name": "pinboard",
        "version": "0.3",
        "title": {"en": "Pinboard", "zh-CN": "图钉板"},
        "summary": None,
        "requirements": {"hosts": [], "executables": [], "browser": False, "host_tool": None},
        "runtimes": ["local"],
        "content_forms": ["text"],
        "operations": ["publish", "list_posts"],
        "read_back": {"strength": "strong", "settle_s": 5, "min_reads": 2},
        "limits": {"schema": 1, "text": {"max": 100, "counter": "code_points"}, "forms": {"text": {}}},
        "limits_provenance": {
            "text": {
                "source": "https://pinboard.example/help",
                "date": "2026-11-01",
                "confidence": "D",
            }
        },
        "effect": "external",
        "credential_kinds": ["cookies", "storage_state"],
        "fields": {},
        "sandbox": False,
        "sandbox_verified": None,
        "last_live_proof": None,
        "plugin": "pinboard",
    }
    plugins = {item["name"]: item for item in document["plugins"]}
    assert plugins["douyin"]["state"] == "failed"
    assert plugins["douyin"]["error"].startswith("插件 'douyin'（creatorflow-douyin 1.0）")
    assert plugins["pinboard"]["capabilities"] == {"platform": ["pinboard"]}
    missing = {item["name"]: item for item in document["not_installed"]}
    assert missing["xiaohongshu"] == {
        "name": "xiaohongshu",
        "distribution": "creatorflow-xiaohongshu",
        "kinds": {"platform": ["xiaohongshu"]},
        "pip": "pip install creatorflow-xiaohongshu",
    }
    assert "douyin" not in missing, "it is installed, though broken"


def test_the_callers_changes_stay_out_of_the_catalogue(site: Any) -> None:
    answer = site.run(
        ASK
        + """
catalogue.entries("platform")[1]["limits"]["text"]["max"] = 1
catalogue.limits("pinboard")["text"].clear()
out(catalogue.limits("pinboard")["text"]["max"])
"""
    )
    assert answer == 100


def test_why_tells_the_whole_story(site: Any) -> None:
    answer = site.run(
        ASK
        + "out({n: ask(lambda: [t.en for t in catalogue.why(n)]) for n in ('pinboard', 'creatorflow-words', 'gap', 'douyin', 'bilibili', 'pinbord')})"
    )
    assert answer["pinboard"]["value"] == [
        "Plugin 'pinboard' comes with the distribution creatorflow-pinboard 1.0; its entry point is 'cf_pinboard.plugin'.",
        "It is loaded.",
        "It offers: platform 'pinboard'.",
    ]
    assert answer["gap"] == answer["creatorflow-words"]
    failed = answer["douyin"]["value"]
    assert failed[1] == "It was found, and loading it failed."
    assert "rules.toml" in failed[2]
    assert answer["bilibili"]["value"][-1] == "Install it: pip install creatorflow-bilibili"
    assert answer["pinbord"]["type"] == "NotFound"
    assert answer["pinbord"]["kind"] == "plugin"
    assert "Did you mean 'pinboard'?" in answer["pinbord"]["en"]


def test_resources_in_a_zip_are_read(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as bundle:
        bundle.writestr("zipped/__init__.py", "raise RuntimeError('executed')")
        bundle.writestr("zipped/data/a.json", "[1]")
    code = (
        "from creatorflow.plugins.resources import read_resource; print(read_resource('zipped.data:a.json').decode())"
    )
    path = f"import sys; sys.path.insert(0, {str(tmp_path / 'bundle.zip')!r})"
    done = subprocess.run(
        [sys.executable, "-c", f"{path}\n{code}"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[1]\n"


@pytest.mark.parametrize(
    "resource",
    [
        "creatorflow:../../../pyproject.toml",
        "creatorflow:/etc/hosts",
        "creatorflow:",
        "nowhere:x",
        "creatorflow:none.toml",
        "json.decoder:x",
    ],
)
def test_resources_stay_inside_their_package(resource: str) -> None:
    with pytest.raises(ResourceError, match=f"resource '{resource}'"):
        read_resource(resource)


def test_provenance_goes_beside_the_limits() -> None:
    rules = {"a": {"max": 1, "source": "s", "b": [{"min": 2, "date": "d"}]}, "source": {"max": 3}}
    limits, provenance = limits_from_rules(rules)
    assert limits == {"a": {"max": 1, "b": [{"min": 2}]}, "source": {"max": 3}}
    assert provenance == {"a": {"source": "s"}, "a.b.0": {"date": "d"}}
