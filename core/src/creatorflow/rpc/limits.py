"""Sizes and time-outs that do not belong to one connection (protocol_notes §10), for ``capabilities.list``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creatorflow.rpc.registry import CONTROL_S

if TYPE_CHECKING:
    from creatorflow.config import AssetSettings, PublishSettings

__all__ = ["ENGINE", "WAIT_MAX_MS", "work_limits"]

#: Longest ``wait_ms`` of a method that waits for a publish job.
WAIT_MAX_MS = 600_000

#: The publishing engine's own budgets, seconds. Repeated here because its modules bring the database library, which
#: ``capabilities.list`` must not import; a test fails when one of them differs from the engine's.
ENGINE = {
    "publish_prepare_s": 900.0,
    "publish_submit_s": 120.0,
    "publish_read_s": 120.0,
    "publish_give_up_s": 86_400.0,
}


def work_limits(publish: PublishSettings, assets: AssetSettings) -> dict[str, float | None]:
    """Return the limits of calls and of publishing by name; sizes in bytes, ``…_s`` in seconds.

    Args:
        publish: the settings in force; ``publish_settle_s`` is None while each platform's ``read_back.settle_s`` decides.
        assets: the settings in force.
    """
    return {
        "control_s": CONTROL_S,
        "wait_max_s": WAIT_MAX_MS / 1000,
        **ENGINE,
        "publish_listed_s": publish.wait_seconds,
        "publish_settle_s": publish.settle_seconds,
        "publish_late_s": publish.late_minutes * 60,
        "human_wait_s": publish.human_wait_seconds,
        "account_lock_s": publish.lock_wait_seconds,
        "media_bytes": assets.max_bytes,
    }
