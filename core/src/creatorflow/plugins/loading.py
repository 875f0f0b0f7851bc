"""Loads one plugin: import, registration, hooks, resources; every step on the workbench, every failure a sentence."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

import pluggy

from creatorflow.api.descriptors import API_VERSION, Descriptor
from creatorflow.api.errors import Text
from creatorflow.api.hookspecs import HOOK_RESULTS, CreatorFlowSpecs
from creatorflow.plugins.describe import describe
from creatorflow.plugins.explain import kind_words
from creatorflow.plugins.isolation import Crashed, Fault, TimedOut, Workbench
from creatorflow.plugins.records import Candidate, one_line

__all__ = ["Loader", "Offer", "new_manager"]

_PREFIX = "creatorflow_"
_MARK = "creatorflow_impl"  # the attribute that pluggy's marker for the project "creatorflow" sets
#: More descriptors than this from one hook is a generator that never ends.
_MAX_DESCRIPTORS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a loaded plugin brings: descriptors sorted by kind and name, and the JSON entry of each."""

    descriptors: tuple[Descriptor, ...] = ()
    entries: Mapping[tuple[str, str], dict[str, Any]] = field(default_factory=dict)


def new_manager() -> pluggy.PluginManager:
    """Return a plugin manager that knows our hooks."""
    manager = pluggy.PluginManager("creatorflow")
    manager.add_hookspecs(CreatorFlowSpecs)
    return manager


class Loader:
    """Loads candidates one by one; ``budget_s`` bounds each import and each hook in seconds of wall time."""

    def __init__(self, budget_s: float) -> None:
        self._budget_s = budget_s
        self._bench = Workbench(budget_s)
        self._manager = new_manager()
        self._users: dict[int, str] = {}  # id of a registered object -> plugin that brought it

    def close(self) -> None:
        """Let the thread go."""
        self._bench.close()

    def load(self, candidate: Candidate) -> Offer:
        """Load one plugin.

        Raises:
            Fault: why it cannot be used, as the end of a sentence that begins with its name.
        """
        plugin = self._step(
            lambda: _import(candidate.value),
            Text(en=f"importing {candidate.value!r}", zh=f"导入 {candidate.value!r} 时"),
        )
        user = self._users.setdefault(id(plugin), candidate.name)
        if user != candidate.name:
            raise Fault(
                Text(
                    en=f"its entry point {candidate.value!r} is the very module of plugin {user!r}",
                    zh=f"它的入口 {candidate.value!r} 与插件 {user!r} 是同一个模块",
                )
            )
        registering = Text(en="registering its hooks", zh="注册钩子时")
        try:
            hooks = self._step(lambda: self._register(candidate, plugin), registering)
            descriptors = self._collect(hooks)
            reading = Text(en="reading its descriptors and files", zh="读取描述符及其文件时")
            entries = self._step(lambda: {(item.kind, item.name): describe(item) for item in descriptors}, reading)
        except Fault:
            # A plugin without a place in the manager answers no hook later.
            if self._manager.has_plugin(candidate.name):
                self._manager.unregister(name=candidate.name)
            raise
        return Offer(descriptors=tuple(descriptors), entries=entries)

    def _register(self, candidate: Candidate, plugin: Any) -> list[tuple[str, Callable[[], object]]]:
        _check_api_version(plugin)
        _check_hook_names(plugin)
        try:
            self._manager.register(plugin, name=candidate.name)
        except pluggy.PluginValidationError as error:
            detail = one_line(str(error))
            raise Fault(
                Text(
                    en=f"a hook has the wrong signature; hooks take no arguments ({detail})",
                    zh=f"钩子的签名不对；钩子不接受参数（{detail}）",
                )
            ) from error
        found = [
            (caller.name, impl)
            for caller in self._manager.get_hookcallers(plugin) or ()
            for impl in caller.get_hookimpls()
            if impl.plugin is plugin
        ]
        for name, impl in found:
            if name not in HOOK_RESULTS:
                raise Fault(_unknown_hook(name))
            if impl.wrapper or impl.hookwrapper:
                raise Fault(
                    Text(
                        en=f"{name} is a wrapper; hooks here only collect", zh=f"{name} 是包装器；这里的钩子只用于收集"
                    )
                )
        if not found:
            raise Fault(Text(en="it has no function marked with @hookimpl", zh="它没有任何带 @hookimpl 标记的函数"))
        return sorted(((name, impl.function) for name, impl in found), key=lambda pair: pair[0])

    def _collect(self, hooks: Iterable[tuple[str, Callable[[], object]]]) -> list[Descriptor]:
        collected: dict[tuple[str, str], Descriptor] = {}
        for name, function in hooks:
            calling = Text(en=f"its hook {name}", zh=f"调用钩子 {name} 时")
            for item in self._step(lambda name=name, function=function: _results(name, function()), calling):  # type: ignore[misc]
                key = (item.kind, item.name)
                if key in collected:
                    raise Fault(
                        Text(
                            en=f"it offers the {kind_words(item.kind)[0]} {item.name!r} twice",
                            zh=f"它重复提供了{kind_words(item.kind)[1]} {item.name!r}",
                        )
                    )
                collected[key] = item
        return [collected[key] for key in sorted(collected)]

    def _step(self, step: Callable[[], Any], doing: Text) -> Any:
        try:
            return self._bench.run(step)
        except TimedOut:
            raise Fault(
                Text(
                    en=f"{doing.en} did not end within {self._budget_s:g} s",
                    zh=f"{doing.zh}超过 {self._budget_s:g} 秒仍未结束",
                )
            ) from None
        except Crashed as crash:
            at = f" ({crash.where})" if crash.where else ""
            raise Fault(
                Text(en=f"{doing.en} raised {crash.reason}{at}", zh=f"{doing.zh}出错：{crash.reason}{at}")
            ) from None


def _import(value: str) -> Any:
    module_name, _, attributes = value.partition(":")
    target: Any = import_module(module_name.strip())
    for attribute in filter(None, attributes.partition("[")[0].strip().split(".")):
        target = getattr(target, attribute)
    return target


def _check_api_version(plugin: Any) -> None:
    module = plugin if isinstance(plugin, ModuleType) else sys.modules.get(getattr(plugin, "__module__", ""))
    wanted = getattr(module, "CREATORFLOW_API", None)
    if wanted is None:
        return
    ours = ".".join(map(str, API_VERSION))
    if not (isinstance(wanted, tuple) and len(wanted) == 2 and all(type(part) is int for part in wanted)):
        raise Fault(
            Text(
                en=f"CREATORFLOW_API must be a pair of whole numbers such as {API_VERSION}, not {one_line(repr(wanted))}",
                zh=f"CREATORFLOW_API 必须是一对整数，例如 {API_VERSION}，而不是 {one_line(repr(wanted))}",
            )
        )
    if wanted[0] != API_VERSION[0] or wanted[1] > API_VERSION[1]:
        theirs = ".".join(map(str, wanted))
        raise Fault(
            Text(
                en=f"it is written for plugin API {theirs}; this core speaks {ours}",
                zh=f"它面向插件 API {theirs} 编写，而当前核心提供的是 {ours}",
            )
        )


def _check_hook_names(plugin: Any) -> None:
    """Refuse what pluggy would pass over in silence: hook functions without the mark, and marked ones that no hook is called."""
    for name in dir(plugin):
        if not name.startswith(_PREFIX):
            continue
        value = inspect.getattr_static(plugin, name, None)
        function = getattr(value, "__func__", value)
        if not inspect.isfunction(function):
            continue  # a module or a class that happens to begin like this
        options = getattr(function, _MARK, None) or getattr(value, _MARK, None)
        hook = (options or {}).get("specname") or name
        if hook not in HOOK_RESULTS:
            raise Fault(_unknown_hook(hook))
        if options is None:
            raise Fault(
                Text(en=f"its function {name} lacks the mark @hookimpl", zh=f"它的函数 {name} 缺少 @hookimpl 标记")
            )


def _unknown_hook(name: str) -> Text:
    from difflib import get_close_matches  # only when something is wrong

    near = get_close_matches(name, HOOK_RESULTS, n=1, cutoff=0.0)[0]
    return Text(en=f"there is no hook {name}; the nearest is {near}", zh=f"不存在钩子 {name}；最接近的是 {near}")


def _results(hook: str, answer: object) -> list[Descriptor]:
    """Check a hook's answer and return it as a list. Runs on the plugin's thread: a generator is the plugin's code."""
    wanted = HOOK_RESULTS[hook]
    if inspect.iscoroutine(answer):
        answer.close()  # it will never be awaited, and Python would say so on stderr
        raise Fault(_async_hook(hook))
    if inspect.isawaitable(answer) or inspect.isasyncgen(answer):
        raise Fault(_async_hook(hook))
    if isinstance(answer, str | bytes | Mapping) or not isinstance(answer, Iterable):
        raise Fault(_wrong_type(hook, wanted, answer))
    found: list[Descriptor] = []
    for item in answer:
        if not isinstance(item, wanted) or not isinstance(item, Descriptor):
            raise Fault(_wrong_type(hook, wanted, item))
        if len(found) == _MAX_DESCRIPTORS:
            raise Fault(
                Text(
                    en=f"{hook} returned more than {_MAX_DESCRIPTORS} descriptors",
                    zh=f"{hook} 返回了超过 {_MAX_DESCRIPTORS} 个描述符",
                )
            )
        found.append(item)
    return found


def _async_hook(hook: str) -> Text:
    return Text(
        en=f"{hook} is asynchronous; hooks are plain functions that return at once",
        zh=f"{hook} 是异步的；钩子必须是立即返回的普通函数",
    )


def _wrong_type(hook: str, wanted: type, value: object) -> Text:
    return Text(
        en=f"{hook} must return a list of {wanted.__name__}, and gave {type(value).__name__}",
        zh=f"{hook} 必须返回 {wanted.__name__} 的列表，实际得到 {type(value).__name__}",
    )
