"""The door to implementations: imported at first use, checked against what their descriptor promises."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from creatorflow.api.descriptors import Descriptor, PlatformDescriptor, ProcessorDescriptor, ProcessorKind
from creatorflow.api.errors import PluginError, Text
from creatorflow.plugins.records import PluginRecord, one_line

__all__ = ["load_implementation", "load_replica"]


def load_implementation(descriptor: Descriptor, owner: PluginRecord) -> Any:
    """Return the checked implementation, or raise ``PluginError``.

    Python keeps imported modules, so a second call is cheap; a failed import is tried again, its cause may have gone.
    """
    implementation = _resolve(descriptor.loader, descriptor, owner)
    _check(implementation, descriptor, owner)
    return implementation


def load_replica(descriptor: PlatformDescriptor, owner: PluginRecord) -> Any:
    """Return what the descriptor's ``sandbox`` names, or raise ``PluginError``."""
    if descriptor.sandbox is None:
        raise _error(
            descriptor, owner, Text(en="it ships no replica to try it against", zh="它没有附带可供试用的平台副本")
        )
    try:
        return _resolve(descriptor.sandbox, descriptor, owner)
    except PluginError as error:
        if not isinstance(error.__cause__, ImportError):
            raise
        pip = f"pip install '{owner.distribution}[sandbox]'"
        text = Text(en=f"{error.text.en} Try: {pip}", zh=f"{error.text.zh}可尝试：{pip}")
        raise PluginError(text, details={**error.details, "pip": pip}) from error.__cause__


def _resolve(loader: str, descriptor: Descriptor, owner: PluginRecord) -> Any:
    module_name, _, attributes = loader.partition(":")
    try:
        target: Any = import_module(module_name)
        for attribute in attributes.split("."):
            target = getattr(target, attribute)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # a plugin's sys.exit() must not take the host along
        reason = one_line(f"{type(error).__name__}: {error}")
        text = Text(en=f"loading {loader!r} raised {reason}", zh=f"加载 {loader!r} 时出错：{reason}")
        raise _error(descriptor, owner, text) from error
    return target


def _check(implementation: Any, descriptor: Descriptor, owner: PluginRecord) -> None:
    promised = _promised(descriptor)
    if promised is None:
        return
    loader = descriptor.loader
    if descriptor.kind == "cli_command":
        if not isinstance(implementation, promised):
            text = Text(en=f"{loader!r} is not a click.Command", zh=f"{loader!r} 不是 click.Command")
            raise _error(descriptor, owner, text)
        return
    if not (inspect.isclass(implementation) and issubclass(implementation, promised)):
        text = Text(
            en=f"{loader!r} is not a subclass of {promised.__name__}", zh=f"{loader!r} 不是 {promised.__name__} 的子类"
        )
        raise _error(descriptor, owner, text)
    gaps = ", ".join(sorted(getattr(implementation, "__abstractmethods__", ())))
    if gaps:
        text = Text(en=f"{loader!r} does not implement {gaps}", zh=f"{loader!r} 没有实现 {gaps}")
        raise _error(descriptor, owner, text)


def _promised(descriptor: Descriptor) -> type | None:
    """Return the interface of the kind; the interfaces are imported here because a catalogue does not need them."""
    if descriptor.kind == "platform":
        from creatorflow.api.publishing import PlatformAdapter

        return PlatformAdapter
    if descriptor.kind == "tool":
        from creatorflow.api.tools import ToolInterface

        return ToolInterface
    if isinstance(descriptor, ProcessorDescriptor):
        from creatorflow.api.processing import ImageProcessor, TextProcessor

        return TextProcessor if descriptor.processor_kind is ProcessorKind.TEXT else ImageProcessor
    if descriptor.kind == "cli_command":
        from click import Command

        return Command
    return None  # graphs, providers and hot lists: their rooms know what they call


def _error(descriptor: Descriptor, owner: PluginRecord, reason: Text) -> PluginError:
    kind = descriptor.kind.replace("_", " ")
    who_en = f"Plugin {owner.name!r} ({owner.label}), {kind} {descriptor.name!r}: "
    who_zh = f"插件 {owner.name!r}（{owner.label}），{kind} {descriptor.name!r}："
    check_en = f" Update it (pip install --upgrade {owner.distribution}) or report it to its author."
    check_zh = f"请更新它（pip install --upgrade {owner.distribution}）或向作者反馈。"
    return PluginError(
        Text(en=f"{who_en}{reason.en}.{check_en}", zh=f"{who_zh}{reason.zh}。{check_zh}"),
        details={
            "plugin": owner.name,
            "distribution": owner.distribution,
            "version": owner.version,
            "kind": descriptor.kind,
            "capability": descriptor.name,
        },
    )
