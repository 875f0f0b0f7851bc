"""Finding replica classes by ``package.module:Class``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from creatorflow_testkit.replica import Replica

__all__ = ["ReplicaNotFound", "load_replica"]


class ReplicaNotFound(LookupError):
    """The loader string names no replica class."""


def load_replica(source: str | type[Replica] | Replica) -> Replica:
    """A fresh replica from a loader string or class; an object is returned as it is.

    Raises:
        ReplicaNotFound: the module, the class or its base is wrong; the message says which.
    """
    from creatorflow_testkit.replica import Replica

    if isinstance(source, Replica):
        return source
    if isinstance(source, str):
        module_name, colon, class_name = source.partition(":")
        if not colon:
            raise ReplicaNotFound(f"{source!r} is not of the form package.module:Class")
        try:
            source = getattr(importlib.import_module(module_name), class_name)
        except (ImportError, AttributeError) as error:
            raise ReplicaNotFound(f"cannot load the replica {module_name}:{class_name}: {error}") from error
    if not (isinstance(source, type) and issubclass(source, Replica)):
        raise ReplicaNotFound(f"{source!r} is not a subclass of creatorflow_testkit.replica.Replica")
    return source()
