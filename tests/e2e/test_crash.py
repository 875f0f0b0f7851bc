"""The short form of the crash campaign: every database sync, every HTTP write, the last HTTP reads and database writes; and that it can fail.

The long form is ``scripts/campaign crash``; its results lie in ``tests/campaigns/results``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.campaigns._crash import Sweep, run_sweeps, table

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="kills at system calls need strace (scripts/test installs it as root)"
)


def test_killed_at_every_sync_and_every_http_write_it_never_posts_twice(tmp_path: Path) -> None:
    trials = list(
        run_sweeps([Sweep("sync"), Sweep("send"), Sweep("receive", tail=20), Sweep("write", tail=40)], tmp_path)
    )
    summary = table(trials)
    assert summary["problems"] == []
    assert summary["points"]["sync"] >= 12, summary
    assert summary["points"]["send"] >= 12, summary
    assert {"preparing", "submitting", "confirmed"} <= set(summary["states_after_kill"]), (
        "the kills did not reach every phase"
    )


@pytest.mark.parametrize("control", ["arm_late", "blind_retry"])
def test_a_program_without_a_protection_fails_the_campaign(tmp_path: Path, control: str) -> None:
    trials = list(run_sweeps([Sweep("write", tail=60)], tmp_path, control=control, until_problem=True))
    assert any("DOUBLE POST" in problem for trial in trials for problem in trial.problems), table(trials)
