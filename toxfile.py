"""One tox environment per plugins/* folder, found by glob: a new plugin touches its own folder only."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tox.config.loader.memory import MemoryLoader
from tox.config.types import Command
from tox.plugin import impl

if TYPE_CHECKING:
    from tox.config.sets import ConfigSet
    from tox.session.state import State

sys.path.insert(0, str(Path(__file__).resolve().parent / "scripts"))
from workspace import Member, closure, members, plugin_members

TEST_TOOLS = ["pytest", "pytest-asyncio", "hypothesis"]


def _env_name(plugin: Member) -> str:
    return plugin.folder.removeprefix("plugins/")


def _editable(wanted: dict[str, tuple[str, ...]]) -> list[str]:
    everyone = members()
    return [everyone[name].requirement(extras) for name, extras in wanted.items()]


@impl
def tox_extend_envs() -> list[str]:
    """Name the plugin environments; without a word on the command line tox runs them all."""
    return [_env_name(plugin) for plugin in plugin_members()]


@impl
def tox_add_core_config(core_conf: ConfigSet, state: State) -> None:
    """Give each environment the members it may see; tox.toml says the rest."""
    loaders = state.conf.memory_seed_loaders
    pytest_arguments = list(state.conf.pos_args(None) or ())  # a MemoryLoader substitutes nothing: no {posargs} here
    for plugin in plugin_members():
        loaders[_env_name(plugin)].append(
            MemoryLoader(
                description=f"the tests of {plugin.name}: core, itself and what it declares",
                deps="\n".join([*_editable(closure(plugin, plugin.test_extras)), *TEST_TOOLS]),
                commands=[Command(["python", "scripts/run_tests.py", plugin.folder, *pytest_arguments])],
            )
        )
    for env, folder in (("core", "core"), ("testkit", "testkit")):
        member = next(m for m in members().values() if m.folder == folder)
        loaders[env].append(
            MemoryLoader(deps="\n".join([*_editable(closure(member, member.test_extras)), *TEST_TOOLS]))
        )
    everything = _editable({name: tuple(sorted(member.extras)) for name, member in members().items()})
    loaders["e2e"].append(MemoryLoader(deps="\n".join([*everything, *TEST_TOOLS, "import-linter"])))
    loaders["type"].append(MemoryLoader(deps="\n".join([*everything, *TEST_TOOLS, "mypy", "types-PyYAML", "tox"])))
