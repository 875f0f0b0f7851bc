"""A logger with keyword fields, the shape of ``creatorflow.api.PluginLogger``."""

from __future__ import annotations

import logging
from typing import Any

__all__ = ["FIELDS", "StructuredLogger", "get_logger"]

FIELDS = "creatorflow_fields"  # the attribute of a LogRecord that carries the fields


class StructuredLogger:
    """Logs a fixed message with fields; the redaction happens where the line is written.

    ``bound`` fields go with every line.
    """

    def __init__(self, logger: logging.Logger, bound: dict[str, Any] | None = None) -> None:
        self._logger = logger
        self._bound = bound or {}

    def bind(self, **fields: Any) -> StructuredLogger:
        """Return a logger that adds these fields to every line."""
        return StructuredLogger(self._logger, {**self._bound, **fields})

    def enabled(self, level: int) -> bool:
        """Tell whether a level (``logging.DEBUG`` …) is written, for values that are expensive to make."""
        return self._logger.isEnabledFor(level)

    def debug(self, message: str, /, **fields: Any) -> None:
        """For developers."""
        self._log(logging.DEBUG, message, fields)

    def info(self, message: str, /, **fields: Any) -> None:
        """Normal progress."""
        self._log(logging.INFO, message, fields)

    def warning(self, message: str, /, **fields: Any) -> None:
        """Something odd that was handled."""
        self._log(logging.WARNING, message, fields)

    def error(self, message: str, /, *, exc: BaseException | None = None, **fields: Any) -> None:
        """Something failed; ``exc`` adds its type, message and the code places it came through (no source text, no values)."""
        self._log(logging.ERROR, message, fields, exc)

    def _log(self, level: int, message: str, fields: dict[str, Any], exc: BaseException | None = None) -> None:
        if not self._logger.isEnabledFor(level):
            return
        exc_info = (type(exc), exc, exc.__traceback__) if exc is not None else None
        # The message is no format string: without args logging leaves a "%" in it alone.
        self._logger.log(level, message, exc_info=exc_info, extra={FIELDS: {**self._bound, **fields}}, stacklevel=3)


def get_logger(name: str, **bound: Any) -> StructuredLogger:
    """Return the logger of a room or plugin; ``bound`` fields go with every line."""
    return StructuredLogger(logging.getLogger(name), bound)
