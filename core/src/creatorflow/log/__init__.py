"""Logging, trace ids and the one redaction sink. Standard library only: everything imports this room."""

from __future__ import annotations

from creatorflow.log.logger import StructuredLogger, get_logger
from creatorflow.log.redaction import forget_secrets, redact, register_secret
from creatorflow.log.setup import configure_logging, shutdown_logging
from creatorflow.log.trace import new_trace_id, trace_id, tracing

__all__ = [
    "StructuredLogger",
    "configure_logging",
    "forget_secrets",
    "get_logger",
    "new_trace_id",
    "redact",
    "register_secret",
    "shutdown_logging",
    "trace_id",
    "tracing",
]
