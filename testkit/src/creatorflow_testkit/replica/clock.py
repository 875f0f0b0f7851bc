"""The site's clock: real time plus an offset that a test may push forward."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

__all__ = ["SiteClock"]


class SiteClock:
    """Aware UTC time of the replica; ``advance`` saves a test from waiting for list delays or expiries."""

    def __init__(self) -> None:
        self._offset = 0.0

    def now(self) -> datetime:
        """The site's time, timezone-aware UTC."""
        return datetime.fromtimestamp(self.time(), tz=UTC)

    def time(self) -> float:
        """The site's time in seconds since 1970."""
        return time.time() + self._offset

    @property
    def offset(self) -> float:
        """Seconds by which the site is ahead of this machine."""
        return self._offset

    def advance(self, seconds: float) -> None:
        """Push the site's time by ``seconds`` (negative: back)."""
        self._offset += seconds

    async def sleep(self, seconds: float) -> None:
        """Wait real seconds (faults delay answers in the client's time, not in the site's)."""
        await asyncio.sleep(seconds)
