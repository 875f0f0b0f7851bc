"""Which plugins may load: CREATORFLOW_PLUGINS, allow and block, versions, clashes, shadows."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from creatorflow.plugins.versions import unmet_requirement

Site = runpy.run_path(str(Path(__file__).with_name("plugin_site.py")))["Site"]

COMMAND = """
from creatorflow.api import CliCommandDescriptor, Text, hookimpl

@hookimpl
def creatorflow_cli_commands():
    return [CliCommandDescriptor(name="{name}", version="1", title=Text(en="C", zh="命令"), loader="cf.cli:main")]
"""

TOOL = """
from creatorflow.api import Text, ToolMetadata, hookimpl

@hookimpl
def creatorflow_tools():
    return [
        ToolMetadata(
            name="{name}", version="1", title=Text(en="T", zh="工具"), loader="{package}.tool:Tool",
            input_schema="{package}:any.json", output_schema="{package}:any.json",
        )
    ]
"""


def add_tool(site: Any, plugin: str, tool: str) -> None:
    package = f"cf_{plugin}"
    module = TOOL.replace("{name}", tool).replace("{package}", package)
    site.plugin(plugin, module, files={f"{package}/any.json": '{"type": "object"}'})


@pytest.fixture
def site(tmp_path: Path) -> Any:
    made = Site(tmp_path)
    made.platform("apple")
    made.platform("banana")
    # if the host imports it although it must not, this shows
    made.plugin(
        "cherry", "import pathlib; pathlib.Path(__file__).with_name('imported').touch()\nraise RuntimeError('imported')"
    )
    return made


def states(records: dict[str, Any]) -> dict[str, str]:
    return {key.partition("@")[0]: item["state"] for key, item in records.items()}


def test_without_settings_everything_loads(site: Any) -> None:
    assert states(site.records()) == {"apple": "loaded", "banana": "loaded", "cherry": "failed"}


def test_creatorflow_plugins_loads_exactly_these_whatever_the_file_says(site: Any) -> None:
    records = site.records("only=['banana'], allow=['apple'], block=['banana']")
    assert states(records) == {"apple": "blocked", "banana": "loaded", "cherry": "blocked"}
    assert "CREATORFLOW_PLUGINS does not name it" in records["apple@creatorflow-apple"]["error"]
    assert not (site.root / "cf_cherry" / "imported").exists()


def test_an_empty_creatorflow_plugins_loads_none(site: Any) -> None:
    assert set(states(site.records("only=[]")).values()) == {"blocked"}
    assert set(states(site.records("only=['']")).values()) == {"blocked"}


def test_a_distribution_name_selects_too(site: Any) -> None:
    assert states(site.records("only=['CreatorFlow_Banana']"))["banana"] == "loaded"


def test_a_name_that_is_not_installed_is_shown_with_what_to_do(site: Any) -> None:
    records = site.records("only=['banana', 'wechat-mp', 'bannana']")
    assert records["wechat_mp"]["state"] == "missing"
    assert "pip install creatorflow-wechat-mp" in records["wechat_mp"]["error"]
    assert records["bannana"]["state"] == "missing"
    assert "Installed plugins: apple, banana, cherry" in records["bannana"]["error"]


def test_blocked_plugins_are_listed_and_not_imported(site: Any) -> None:
    records = site.records("block=['cherry']")
    assert states(records) == {"apple": "loaded", "banana": "loaded", "cherry": "blocked"}
    assert "[plugins] block in config.toml names it. Take 'cherry' out" in records["cherry@creatorflow-cherry"]["error"]
    assert not (site.root / "cf_cherry" / "imported").exists()


def test_allow_keeps_out_what_it_does_not_name(site: Any) -> None:
    records = site.records("allow=['apple']")
    assert states(records) == {"apple": "loaded", "banana": "blocked", "cherry": "blocked"}
    assert "[plugins] allow in config.toml does not name it" in records["banana@creatorflow-banana"]["error"]


def test_two_distributions_with_one_platform_are_both_refused_and_both_named(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.platform("first", platform="pinboard", version="1.1")
    site.platform("second", platform="pinboard", version="2.2")
    site.platform("third")
    records = site.records()
    assert states(records) == {"first": "clash", "second": "clash", "third": "loaded"}
    for mine, other in (("first", "'second' (creatorflow-second 2.2)"), ("second", "'first' (creatorflow-first 1.1)")):
        error = records[f"{mine}@creatorflow-{mine}"]["error"]
        assert f"(creatorflow-{mine} " in error
        assert f"the platform 'pinboard' is also offered by {other}" in error
        assert 'block = ["creatorflow-first"]' in error
    assert site.run("out(list(Catalogue.discover(only=['first', 'second', 'third']).platforms))") == ["third"]
    assert states(site.records("block=['creatorflow-first']"))["second"] == "loaded"


def test_asked_for_a_name_that_clashes_the_clash_is_the_answer(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.platform("first", platform="pinboard")
    site.platform("second", platform="pinboard")
    en, zh = site.run(
        """
try:
    Catalogue.discover().platform("pinboard")
except Exception as error:
    out([error.text.en, error.text.zh])
"""
    )
    assert en.startswith("There is no platform 'pinboard'. Plugin 'first' (creatorflow-first 1.0)")
    assert "is also offered by 'second'" in en
    assert "No platform is installed" not in en  # two are
    assert "尚未安装" not in zh


def test_one_name_may_serve_two_kinds(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.platform("first", platform="pinboard")
    add_tool(site, "second", "pinboard")
    assert set(states(site.records()).values()) == {"loaded"}


def test_two_distributions_with_one_entry_point_name_are_both_refused_and_not_imported(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.plugin("one", "import pathlib; pathlib.Path(__file__).with_name('imported').touch()")
    site.add("other-dist", {"other.py": "raise RuntimeError"}, points={"one": "other"}, version="7")
    records = site.records()
    assert records["one@creatorflow-one"]["state"] == records["one@other-dist"]["state"] == "clash"
    assert "other-dist 7 has a plugin of the same name" in records["one@creatorflow-one"]["error"]
    assert "creatorflow-one 1.0 has a plugin of the same name" in records["one@other-dist"]["error"]
    assert not (site.root / "cf_one" / "imported").exists()


def test_two_entry_points_on_one_module_are_one_plugin_too_many(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.platform("one")
    site.add("copycat", {}, points={"two": "cf_one.plugin"})
    records = site.records()
    assert records["one@creatorflow-one"]["state"] == "loaded"
    assert "is the very module of plugin 'one'" in records["two@copycat"]["error"]


@pytest.mark.parametrize(
    ("kind", "name"), [("command", "publish"), ("tool", "publish.everything"), ("tool", "sidecar")]
)
def test_names_of_the_core_win(tmp_path: Path, kind: str, name: str) -> None:
    site = Site(tmp_path)
    if kind == "tool":
        add_tool(site, "greedy", name)
    else:
        site.plugin("greedy", COMMAND.replace("{name}", name))
    record = site.records()["greedy@creatorflow-greedy"]
    assert record["state"] == "clash"
    assert f"it offers the {kind} '{name}', a name that belongs to the core" in record["error"]


@pytest.mark.parametrize("front_has_a_plugin", [True, False])
def test_a_copy_later_on_the_path_is_shadowed_as_an_import_would_be(tmp_path: Path, front_has_a_plugin: bool) -> None:
    front, back = Site(tmp_path / "front"), Site(tmp_path / "back")
    if front_has_a_plugin:
        front.platform("apple", version="2.0")
    else:
        front.add("creatorflow-apple", {}, version="2.0", entry_points="[console_scripts]\na = b:c\n")
    back.platform("apple", version="1.0")
    code = f"sys.path.append({str(back.root)!r})\nout([record.version for record in Catalogue.discover().plugins])"
    assert front.run(code) == (["2.0"] if front_has_a_plugin else [])


def test_a_folder_twice_on_the_path_is_no_clash(site: Any) -> None:
    code = f"sys.path.append({str(site.root)!r})\nout([record.state for record in Catalogue.discover(allow=['apple']).plugins])"
    assert site.run(code) == ["loaded", "blocked", "blocked"]


def test_a_plugin_for_another_core_is_refused_before_its_import(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.plugin(
        "old", "import pathlib; pathlib.Path(__file__).with_name('imported').touch()", requires=["creatorflow>=99,<100"]
    )
    record = site.records()["old@creatorflow-old"]
    assert record["state"] == "failed"
    assert "it requires 'creatorflow>=99,<100', and this core is " in record["error"]
    assert not (site.root / "cf_old" / "imported").exists()


@pytest.mark.parametrize(
    ("requirement", "core", "fits"),
    [
        ("creatorflow>=0.1,<0.2", "0.1.0", True),
        ("creatorflow>=0.1,<0.2", "0.1.9", True),
        ("creatorflow>=0.1,<0.2", "0.2.0", False),
        ("creatorflow>=0.1,<0.2", "0.2.0rc1", False),
        ("creatorflow (>=1.0)", "0.9", False),
        ("CreatorFlow[http] ~=1.4", "1.9", True),
        ("creatorflow~=1.4", "2.0", False),
        ("creatorflow~=1.4.2", "1.5", False),
        ("creatorflow==1.*", "1.7.3", True),
        ("creatorflow==1.*", "2.0", False),
        ("creatorflow!=1.7", "1.7.0", False),
        ("creatorflow==1.0", "1", True),
        ("creatorflow", "3", True),
        ("creatorflow-testkit>=99", "0.1", True),
        ("creatorflow>=99 ; extra == 'http'", "0.1", True),  # not judged
        ("creatorflow @ file:///x", "0.1", True),  # not judged
        ("creatorflow>=99", "", True),  # a core without metadata
    ],
)
def test_requirements_on_the_core(requirement: str, core: str, fits: bool) -> None:
    assert (unmet_requirement(("pydantic>=2", requirement), core) is None) is fits
