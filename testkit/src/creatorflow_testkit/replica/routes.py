"""Routes of a replica: host + method + path, each with a name, a kind and a provenance."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web

from creatorflow_testkit.replica.provenance import Provenance

__all__ = ["KINDS", "Endpoint", "RouteError", "action", "endpoint_of", "path_params", "route"]

Handler = Callable[[Any, web.Request], Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=Handler)
A = TypeVar("A", bound=Callable[..., Awaitable[Any]])

#: ``publish``: the irreversible step · ``upload``: media in · ``write``: other changes · ``list``: own posts, comments ·
#: ``read``: one thing · ``session``: login and login state · ``page``: HTML for people · ``media``: media out.
KINDS = ("publish", "upload", "write", "list", "read", "session", "page", "media")


class RouteError(TypeError):
    """A replica class declares its routes wrongly."""


@dataclass(frozen=True)
class Endpoint:
    """One route.

    Attributes:
        name: how faults and provenance name it; unique within a replica.
        method: HTTP method in capitals; ``*`` for any.
        hosts: production hosts that answer it.
        path: template, ``{word}`` matches one segment, ``{word:regex}`` what the expression matches.
        kind: one of ``KINDS``.
        provenance: where it comes from.
        attribute: name of the handler on the replica.
    """

    name: str
    method: str
    hosts: tuple[str, ...]
    path: str
    kind: str
    provenance: Provenance
    attribute: str

    def pattern(self) -> re.Pattern[str]:
        """The path template as an expression that must match the whole decoded path."""
        parts = re.split(r"\{(\w+)(?::([^{}]+))?\}", self.path)
        made = [re.escape(parts[0])]
        for word, expression, literal in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            made += [f"(?P<{word}>{expression or '[^/]+'})", re.escape(literal)]
        return re.compile("".join(made))


ENDPOINT = web.RequestKey("endpoint", Endpoint)
PARAMS = web.RequestKey("params", dict[str, str])


@dataclass(frozen=True)
class RouteMark:
    """What the decorator leaves on a handler; hosts ``()`` mean all hosts of the replica."""

    name: str
    method: str
    hosts: tuple[str, ...]
    path: str
    kind: str
    provenance: Provenance


def route(
    method: str,
    path: str,
    *,
    provenance: Provenance,
    name: str = "",
    host: str | tuple[str, ...] = (),
    kind: str = "read",
) -> Callable[[H], H]:
    """Mark an async method of a ``Replica`` as the handler of a route.

    Args:
        method: ``GET``, ``POST`` … or ``*``.
        path: template, see ``Endpoint.path``.
        provenance: where the behaviour comes from.
        name: name for faults; the method's name when empty.
        host: production host or hosts; all hosts of the replica when empty.
        kind: one of ``KINDS``; decides which faults strike it by default.

    Raises:
        RouteError: unknown kind, or a path without a leading slash.
    """
    if kind not in KINDS:
        raise RouteError(f"route {path!r}: kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
    if not path.startswith("/"):
        raise RouteError(f"route {path!r}: a path starts with '/'")
    hosts = (host,) if isinstance(host, str) else host

    def mark(handler: H) -> H:
        marks = [
            *getattr(handler, "replica_routes", ()),
            RouteMark(name, method.upper(), hosts, path, kind, provenance),
        ]
        handler.replica_routes = marks  # type: ignore[attr-defined]
        return handler

    return mark


def action(name: str) -> Callable[[A], A]:
    """Mark an async method as a control action: what a person or the site itself does (scan a code, approve, expire).

    The method takes keyword arguments with JSON values and returns a JSON value.
    """

    def mark(handler: A) -> A:
        handler.replica_action = name  # type: ignore[attr-defined]
        return handler

    return mark


def collect_endpoints(cls: type) -> tuple[Endpoint, ...]:
    """All routes declared on a replica class and its bases.

    Raises:
        RouteError: two routes share a name, or a host is not one of the replica's.
    """
    found: dict[str, Endpoint] = {}
    all_hosts: tuple[str, ...] = cls.hosts  # type: ignore[attr-defined]
    for attribute in dir(cls):
        for mark in getattr(getattr(cls, attribute), "replica_routes", ()):
            hosts = mark.hosts or all_hosts
            strangers = sorted(set(hosts) - set(all_hosts))
            if strangers:
                raise RouteError(f"{cls.__name__}.{attribute}: host {strangers[0]!r} is not in hosts of the replica")
            name = mark.name or attribute
            if name in found:
                raise RouteError(f"{cls.__name__}: two routes are named {name!r}; give one of them another name")
            found[name] = Endpoint(name, mark.method, hosts, mark.path, mark.kind, mark.provenance, attribute)
    return tuple(found.values())


def collect_actions(cls: type) -> dict[str, str]:
    """Action name to attribute, for all actions declared on a replica class and its bases."""
    marked = ((getattr(getattr(cls, attribute), "replica_action", ""), attribute) for attribute in dir(cls))
    return {name: attribute for name, attribute in marked if name}


def endpoint_of(request: web.Request) -> Endpoint:
    """The route that a request was dispatched to."""
    return request[ENDPOINT]


def path_params(request: web.Request) -> dict[str, str]:
    """The named parts of the path."""
    return request[PARAMS]
