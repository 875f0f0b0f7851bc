"""``scripts/campaign crash``: kill a Weibo publish at every database sync and write, every HTTP write and read, all n; then
the same with one protection removed at a time, which must find double posts.

The short form (all syncs and HTTP writes, the last reads, the negative controls) is ``tests/e2e/test_crash.py``. Results are written to ``results/crash.json``.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from tests.campaigns._crash import KINDS, Sweep, Trial, run_sweeps, table
from tests.campaigns._victim import CONTROLS


def main() -> int:
    """Run all sweeps; exit 1 when the real program fails one or a negative control passes."""
    report = {}
    failed = False
    for control in CONTROLS:
        started = time.monotonic()
        trials: list[Trial] = []
        sweeps = [Sweep(kind) for kind in KINDS]
        with tempfile.TemporaryDirectory(prefix="creatorflow-crash-") as directory:
            for trial in run_sweeps(sweeps, Path(directory), control=control):
                trials.append(trial)
                mark = "; ".join(trial.problems) or "ok"
                line = f"{control:12} {trial.kind:8} n={trial.n:<4} {trial.state_after_kill} -> {trial.state}  {mark}"
                print(line, file=sys.stderr, flush=True)
        report[control] = {**table(trials), "seconds": round(time.monotonic() - started)}
        bad = any(trial.problems for trial in trials)
        failed |= bad if control == "none" else not bad
    for control in CONTROLS[1:]:
        report[control]["problems"] = report[control]["problems"][:3]  # enough to see how it fails
    results = Path(__file__).parent / "results" / "crash.json"
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", "utf-8")
    print(json.dumps(report, ensure_ascii=False, indent=2))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
