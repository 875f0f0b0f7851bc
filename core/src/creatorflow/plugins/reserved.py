"""Names that belong to the core; a plugin that claims one is refused."""

from __future__ import annotations

from creatorflow.api.descriptors import Descriptor

__all__ = ["CORE_COMMANDS", "CORE_METHOD_PREFIXES", "is_reserved"]

#: Commands of the ``creatorflow`` program itself (a test compares).
CORE_COMMANDS = frozenset(
    {
        "accounts", "analytics", "capabilities", "comments", "doctor", "drafts", "graph", "help", "jobs", "llm", "plan",
        "plugins", "process", "publish", "runs", "schedule", "serve", "tasks", "version", "worker",
    }
)  # fmt: skip

#: First words of the RPC methods of the core; a tool's dotted name is an RPC method.
CORE_METHOD_PREFIXES = frozenset(
    {
        "account", "agent", "analytics", "asset", "auth", "capabilities", "comment", "credential", "draft", "event", "graph",
        "llm", "platform", "plugins", "publish", "rpc", "run", "scheduler", "sidecar", "task", "tool",
    }
)  # fmt: skip


def is_reserved(descriptor: Descriptor) -> bool:
    """Say whether the core itself uses the descriptor's name as a command or in front of its RPC methods."""
    if descriptor.kind == "cli_command":
        return descriptor.name in CORE_COMMANDS
    return descriptor.kind == "tool" and descriptor.name.partition(".")[0] in CORE_METHOD_PREFIXES
