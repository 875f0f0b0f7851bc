"""The one method registry: what can be called, with which parameters, and what a call may change.

Dispatch, ``capabilities.list``, the JSON Schemas in ``schemas.json`` and the tables in ``docs/rpc.md`` all come from here.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from creatorflow.api.errors import Text

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["ALL_TRANSPORTS", "Effect", "Idempotency", "Method", "MethodRegistry", "Transport"]


class Effect(StrEnum):
    """What a call can change."""

    NONE = "none"
    LOCAL = "local"
    EXTERNAL = "external"


class Idempotency(StrEnum):
    """What a repeated call does: reads again; ends in the same state; answers the first outcome for the same key."""

    READ = "read"
    NATURAL = "natural"
    KEYED = "keyed"


class Transport(StrEnum):
    """Where a method can be reached."""

    STDIO = "stdio"
    HTTP = "http"
    MCP = "mcp"


ALL_TRANSPORTS = frozenset(Transport)


#: Time limit of a method that names none, seconds.
CONTROL_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One entry.

    ``handler`` takes the call and the checked parameters; a plain function answers at once on the event loop and must only read
    memory, a coroutine function becomes a task. ``params`` is a pydantic model, ``result`` any type that pydantic knows, or ``"module:Model"`` strings
    that are imported at the first call, so that the registry costs nothing at start. ``params`` None: the method takes none.
    ``name`` may hold one variable part, ``platform.{platform}.publish``. ``timeout_s`` None: the method bounds itself.
    ``needs_store`` False: it answers without opening the data directory.
    """

    name: str
    handler: Callable[[Any, Any], Any]
    summary: Text
    params: type[BaseModel] | str | None = None
    result: Any = None
    effect: Effect = Effect.NONE
    idempotency: Idempotency = Idempotency.READ
    cancellable: bool = True
    timeout_s: float | None = CONTROL_S
    offline_allowed: bool = True
    needs_store: bool = True
    transports: frozenset[Transport] = ALL_TRANSPORTS
    is_async: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_async", inspect.iscoroutinefunction(self.handler))

    def params_model(self) -> type[BaseModel] | None:
        """Return the parameter model, imported if need be."""
        return _load(self.params) if isinstance(self.params, str) else self.params

    def result_model(self) -> Any:
        """Return the type of the result, imported if need be; None when it is not described."""
        return _load(self.result) if isinstance(self.result, str) else self.result


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


class MethodRegistry:
    """Methods by name; names with a variable part are resolved after exact ones."""

    def __init__(self, methods: Iterable[Method] = ()) -> None:
        self._exact: dict[str, Method] = {}
        self._patterns: dict[tuple[str, int, str], tuple[Method, str]] = {}
        self._found: dict[str, tuple[Method, Mapping[str, str]]] = {}
        for method in methods:
            self.add(method)

    def add(self, method: Method) -> None:
        """Register ``method``.

        Raises:
            ValueError: the name is taken.
        """
        if any(known.name == method.name for known in self):
            raise ValueError(f"RPC method {method.name!r} is registered twice")
        head, brace, rest = method.name.partition("{")
        if brace:
            variable, _, tail = rest.partition("}")
            self._patterns[(head, method.name.count("."), tail)] = (method, variable)
        else:
            self._exact[method.name] = method
            self._found[method.name] = (method, {})

    def __iter__(self) -> Iterator[Method]:
        methods = [*self._exact.values(), *(method for method, _ in self._patterns.values())]
        return iter(sorted(methods, key=lambda method: method.name))

    def find(self, name: str) -> tuple[Method, Mapping[str, str]] | None:
        """Return the method that answers ``name`` and the values of its variable part, or None."""
        found = self._found.get(name)
        if found is not None:
            return found
        for (head, dots, tail), (method, variable) in self._patterns.items():
            value = name[len(head) : len(name) - len(tail)]
            if name.startswith(head) and name.endswith(tail) and name.count(".") == dots and value.isidentifier():
                return method, {variable: value}
        return None

    def describe(self, *, platforms: Sequence[str] = (), transport: Transport | None = None) -> list[dict[str, Any]]:
        """Return every callable method as JSON, sorted by name, with the schemas from ``schemas.json``.

        Args:
            platforms: installed platforms; a name with ``{platform}`` is listed once for each.
            transport: only what this transport offers.
        """
        from creatorflow.rpc.schemas import load_schemas  # reads a data file: only when somebody asks

        schemas = load_schemas()
        entries: list[dict[str, Any]] = []
        for method in self:
            if transport is not None and transport not in method.transports:
                continue
            entry = describe_method(method, schemas.get(method.name, {}))
            each = platforms if "{platform}" in method.name else ("",)
            entries.extend({**entry, "name": method.name.replace("{platform}", platform)} for platform in each)
        return sorted(entries, key=lambda entry: str(entry["name"]))


def describe_method(method: Method, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return one method as JSON."""
    return {
        "name": method.name,
        "summary": method.summary.as_dict(),
        "effect": method.effect.value,
        "idempotency": method.idempotency.value,
        "cancellable": method.cancellable,
        "timeout_s": method.timeout_s,
        "offline_allowed": method.offline_allowed,
        "transports": sorted(method.transports),
        "params": schemas.get("params"),
        "result": schemas.get("result"),
    }
