"""Names of the events that hosts get, each as the notification of that name."""

from __future__ import annotations

__all__ = ["EVENT_TYPES"]

EVENT_TYPES = (
    "capabilities.changed",
    "credential.expired",
    "publish.needs_attention",
    "publish.progress",
    "publish.state_changed",
    "task.closed",
    "task.opened",
)
