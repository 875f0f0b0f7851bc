"""JSON Schemas of all methods as a data file, so that answering ``capabilities.list`` builds none.

``python -m creatorflow.rpc.schemas --write`` renews ``schemas.json``; a test fails while it is stale.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from creatorflow.rpc.registry import MethodRegistry

__all__ = ["build_schemas", "load_schemas", "schemas_text"]

_FILE = Path(__file__).with_name("schemas.json")
#: What a method without parameters takes, and what one without a described result answers.
_NOTHING = {"type": "object", "properties": {}, "additionalProperties": False}
_ANYTHING = {"type": "object"}


@cache
def load_schemas() -> dict[str, dict[str, Any]]:
    """Return method name -> ``{"params": schema, "result": schema}`` from the data file."""
    schemas: dict[str, dict[str, Any]] = json.loads(_FILE.read_text("utf-8"))
    return schemas


def build_schemas(registry: MethodRegistry) -> dict[str, dict[str, Any]]:
    """Generate the schemas (JSON Schema 2020-12) from the models: parameters as they come in, results as they go out."""
    schemas: dict[str, dict[str, Any]] = {}
    for method in registry:
        params = method.params_model()
        result = method.result_model()
        schemas[method.name] = {
            "params": _NOTHING if params is None else params.model_json_schema(),
            "result": _ANYTHING if result is None else _result_schema(result),
        }
    return schemas


def _result_schema(result: Any) -> dict[str, Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(result).json_schema(mode="serialization")


def schemas_text(registry: MethodRegistry) -> str:
    """Return the contents of the data file."""
    return json.dumps(build_schemas(registry), ensure_ascii=False, indent=1) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or say whether it is stale (exit code 1)."""
    from creatorflow.rpc.methods import core_methods

    text = schemas_text(core_methods())
    if "--write" in arguments:
        _FILE.write_text(text, "utf-8")
        return 0
    fresh = _FILE.exists() and _FILE.read_text("utf-8") == text
    if not fresh:
        sys.stderr.write("schemas.json is stale; run: python -m creatorflow.rpc.schemas --write\n")
    return 0 if fresh else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
