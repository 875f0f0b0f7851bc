"""The public names of the kit, and what importing it costs everybody who has it installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import creatorflow_testkit
import pytest
from creatorflow_testkit import PlatformAdapterContract, sample_png
from creatorflow_testkit.replica import sniff_image


def test_pytest_plugin_loads_nothing_heavy() -> None:
    """pytest imports it for every project of the environment."""
    code = "import json, sys, creatorflow_testkit.pytest_plugin; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"aiohttp", "httpx", "sqlalchemy", "cryptography", "creatorflow.app", "creatorflow_testkit.contract"}
    assert heavy & set(json.loads(done.stdout)) == set()


def test_names() -> None:
    assert creatorflow_testkit.__all__ == ["PlatformAdapterContract", "sample_png"]
    with pytest.raises(AttributeError, match="nothing"):
        creatorflow_testkit.nothing  # noqa: B018


def test_every_check_says_what_it_checks() -> None:
    """Authors read the names and sentences when a check fails."""
    checks = {
        name: getattr(PlatformAdapterContract, name) for name in dir(PlatformAdapterContract) if name[:5] == "test_"
    }
    assert len(checks) > 35
    assert [name for name, check in checks.items() if not (check.__doc__ or "").endswith(".")] == []


def test_sample_pictures_are_whole_and_different(tmp_path: Path) -> None:
    bodies = [sample_png(tmp_path / "in" / f"{seed}.png", seed, width=40, height=30).read_bytes() for seed in range(4)]
    assert len(set(bodies)) == 4
    for body in bodies:
        facts = sniff_image(body)
        assert facts is not None
        assert (facts.mime, facts.width, facts.height, facts.whole) == ("image/png", 40, 30, True)


def test_sample_fits_the_forms_it_is_for(tmp_path: Path) -> None:
    contents = PlatformAdapterContract().sample(tmp_path)
    assert set(contents) == {"text", "image"}
    assert all(Path(picture).is_file() for picture in contents["image"]["images"])
