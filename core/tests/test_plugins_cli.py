"""``creatorflow capabilities`` and ``creatorflow plugins``, run over real installed plugins; and the deep check behind them."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

Site = runpy.run_path(str(Path(__file__).with_name("plugin_site.py")))["Site"]

HEAVY_HOOKS = """
import yaml
import creatorflow.config
print("loading")
from creatorflow.api import hookimpl
@hookimpl
def creatorflow_tools():
    return []
"""

#: Runs a command of the file under test with a real catalogue, and answers its exit code and output.
RUN = """
import click
from creatorflow.api import CreatorFlowError
from creatorflow.cli.plugins_cmd import capabilities, plugins

class Program:
    def __init__(self, locale, only):
        self.locale, self.catalogue = locale, Catalogue.discover(only=only)
    def capabilities(self):
        return capabilities_document(self.catalogue, methods=[], limits={}, errors=[], event_types=[], locale=self.locale)
    def expect_json(self, when_refused):
        pass
    def echo_json(self, document):
        click.echo(json.dumps(document, ensure_ascii=False))

group = click.Group(commands=[capabilities, plugins])
locale, only, *arguments = sys.argv[1:]
from click.testing import CliRunner
result = CliRunner().invoke(group, arguments, obj=Program(locale, only.split(",") if only else []))
error = result.exception if isinstance(result.exception, CreatorFlowError) else None
if result.exception is not None and not isinstance(result.exception, SystemExit) and error is None:
    raise result.exception
out({"exit": result.exit_code, "out": result.stdout, "err": result.stderr, "error": error and error.text.en})
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Site(tmp_path_factory.mktemp("site"))
    made.platform("pinboard")
    made.plugin("broken", "raise RuntimeError('out of order')")
    made.plugin("heavy", HEAVY_HOOKS)
    made.platform("liar")
    module = (made.root / "cf_liar" / "plugin.py").read_text(encoding="utf-8")
    module = module.replace("Operation.LIST_POSTS)", "Operation.LIST_POSTS, Operation.DELETE_POST)")
    (made.root / "cf_liar" / "plugin.py").write_text(module, encoding="utf-8")
    with (made.root / "cf_liar" / "adapter.py").open("a", encoding="utf-8") as file:
        file.write("\n    async def fetch_analytics(self, post_id):\n        return None\n")
    made.platform("lost", files={"cf_lost/adapter.py": "import not_installed_anywhere"})
    made.platform("odd_rules", rules="schema = 7\n")
    return made


def run(site: Any, only: str, *arguments: str, locale: str = "en") -> dict[str, Any]:
    answer: dict[str, Any] = site.run(RUN, locale, only, *arguments)
    return answer


def test_capabilities_json_is_one_document_and_nothing_else(site: Any) -> None:
    answer = run(site, "pinboard,heavy,broken", "capabilities", "--json")
    document = json.loads(answer["out"])
    assert answer["exit"] == 0
    assert answer["err"] == ""
    assert [item["name"] for item in document["platforms"]] == ["pinboard"]
    assert {item["name"]: item["state"] for item in document["plugins"]}["broken"] == "failed"


def test_capabilities_for_people_in_both_languages(site: Any) -> None:
    english = run(site, "pinboard,broken", "capabilities")["out"]
    assert "Platforms (1)\n  pinboard  0.3  Pinboard  text; publish, list_posts\n" in english
    assert "failed: Plugin 'broken' (creatorflow-broken 1.0)" in english
    assert "pip install creatorflow-xiaohongshu" in english
    chinese = run(site, "pinboard,broken", "capabilities", locale="zh-CN")["out"]
    assert "平台 (1)\n  pinboard  0.3  图钉板" in chinese
    assert "failed: 插件 'broken'（creatorflow-broken 1.0）" in chinese


def test_plugins_list(site: Any) -> None:
    lines = run(site, "pinboard,broken", "plugins", "list")["out"].splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("  ")}
    assert rows["pinboard"] == ["loaded", "creatorflow-pinboard", "1.0", "platform:", "pinboard"]
    assert rows["broken"] == ["failed", "creatorflow-broken", "1.0"]
    assert any("raised RuntimeError: out of order" in line for line in lines)
    entries = json.loads(run(site, "pinboard,broken", "plugins", "list", "--json")["out"])["plugins"]
    assert {item["name"]: item["state"] for item in entries if item["state"] != "blocked"} == {
        "pinboard": "loaded",
        "broken": "failed",
    }


def test_plugins_why(site: Any) -> None:
    assert "raised RuntimeError: out of order" in run(site, "broken", "plugins", "why", "broken")["out"]
    assert "它已加载。" in run(site, "pinboard", "plugins", "why", "pinboard", locale="zh-CN")["out"]
    assert json.loads(run(site, "pinboard", "plugins", "why", "pinboard", "--json")["out"])["name"] == "pinboard"
    assert (
        "There is no plugin 'pinbord'. Did you mean 'pinboard'?"
        in run(site, "pinboard", "plugins", "why", "pinbord")["error"]
    )


def test_check_is_content_with_a_good_plugin(site: Any) -> None:
    answer = run(site, "pinboard", "plugins", "check", "pinboard")
    assert (answer["exit"], answer["out"]) == (0, "1 plugin(s) checked, nothing is wrong.\n")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken", ["raised RuntimeError: out of order"]),
        ("heavy", ["also imports creatorflow.config, yaml.", "It prints while loading ('loading')"]),
        ("liar", ["does not implement delete_post()", "does not declare the operation 'analytics'"]),
        ("lost", ["raised ModuleNotFoundError: No module named 'not_installed_anywhere'"]),
        ("odd_rules", ["The rules of platform 'odd_rules'"]),
        ("absent", ["CREATORFLOW_PLUGINS names it, but it is not installed"]),
    ],
)
def test_check_finds_what_is_wrong_and_exits_1(site: Any, name: str, words: list[str]) -> None:
    answer = run(site, f"pinboard,{name}", "plugins", "check", "--json")
    document = json.loads(answer["out"])
    assert answer["exit"] == 1
    assert document["ok"] is False
    assert {item["plugin"] for item in document["problems"]} == {name}
    said = " ".join(item["error"] for item in document["problems"])
    for word in words:
        assert word in said
    assert run(site, f"pinboard,{name}", "plugins", "check", "pinboard")["exit"] == 0, (
        "only what was asked for is looked at"
    )


def test_unreadable_metadata_of_anybody_does_not_stop_the_program(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.platform("pinboard")
    site.add("creatorflow-garbled", {}, entry_points="[creatorflow]\nno equals sign\n")
    site.add("stranger", {}, entry_points="[console_scripts]\nno equals sign\n")
    code = f"""
import os
os.environ.pop("PYDANTIC_DISABLE_PLUGINS", None)
sys.argv = ["creatorflow", "--home", {str(tmp_path / "home")!r}, "--locale", "en", "plugins", "list", "--json"]
from creatorflow.cli import main
import contextlib, io
heard = io.StringIO()
with contextlib.redirect_stdout(heard), contextlib.suppress(SystemExit):
    main()
out(json.loads(heard.getvalue()))
"""
    states = {item["name"]: item["state"] for item in site.run(code)["plugins"]}
    assert states == {"garbled": "failed", "pinboard": "loaded"}


@pytest.mark.parametrize("command", ["capabilities", "plugins list", "plugins check", "plugins why loud", "doctor"])
def test_json_is_alone_on_stdout_although_a_plugin_writes_to_the_descriptor(tmp_path: Path, command: str) -> None:
    site = Site(tmp_path)
    site.plugin("loud", "import os\nos.write(1, b'from C\\n')\nos.system('echo from a child')")
    code = f"""
import os, subprocess
env = {{**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CREATORFLOW_HOME": {str(tmp_path / "home")!r}}}
command = [sys.executable, "-m", "creatorflow", "--locale", "en", *{command.split()!r}, "--json"]
done = subprocess.run(command, env=env, capture_output=True, text=True)
out([done.stdout, done.stderr])
"""
    said, heard = site.run(code)
    assert isinstance(json.loads(said), dict)
    assert {"from C", "from a child"} <= set(heard.splitlines())


def test_check_of_an_unknown_name_says_so(site: Any) -> None:
    answer = run(site, "pinboard", "plugins", "check", "pinbord")
    assert "Did you mean 'pinboard'?" in answer["error"]


def test_every_name_of_the_core_is_reserved() -> None:
    from creatorflow.cli.program import COMMANDS
    from creatorflow.plugins import CORE_COMMANDS, CORE_METHOD_PREFIXES
    from creatorflow.rpc.methods import core_methods

    assert set(COMMANDS) <= CORE_COMMANDS
    prefixes = {method.name.partition(".")[0] for method in core_methods()}
    assert prefixes, "the registry is not empty"
    assert prefixes <= CORE_METHOD_PREFIXES
