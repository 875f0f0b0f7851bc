"""Tools that runs and hosts can call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from creatorflow.api.context import RuntimeContext

__all__ = ["ToolInterface", "ToolResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """Outcome of one tool call; ``data`` fits the descriptor's output schema when ``success``."""

    success: bool
    data: Any = None
    error: str | None = None


class ToolInterface(ABC):
    """One tool; constructed per run, stateless between calls."""

    @abstractmethod
    async def execute(self, ctx: RuntimeContext, arguments: Mapping[str, Any]) -> ToolResult:
        """Run the tool with arguments that already fit its input schema."""
