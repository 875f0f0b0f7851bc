"""The replica does what the site's help says; no product code here, only HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from creatorflow_pinboard.sandbox import PinboardReplica
from creatorflow_testkit import sample_png
from creatorflow_testkit.http import sandbox_client
from creatorflow_testkit.sandbox import BackgroundSandbox

SITE = "https://pinboard.example"
PIN: dict[str, Any] = {"text": "猫", "media": [], "visibility": "everyone", "ai_generated": False}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[BackgroundSandbox]:
    with BackgroundSandbox(tmp_path / "sandbox", [PinboardReplica]) as running:
        yield running


def test_nobody_is_logged_in_without_the_cookie(sandbox: BackgroundSandbox) -> None:
    with sandbox_client(sandbox) as http:
        answer = http.get(f"{SITE}/api/me")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "login_required")


def test_a_pin_needs_its_declaration_and_own_pictures(sandbox: BackgroundSandbox, tmp_path: Path) -> None:
    mine, yours = sandbox.control.make_account(), sandbox.control.make_account()
    with sandbox_client(sandbox, yours) as http:
        picture = sample_png(tmp_path / "1.png").read_bytes()
        media_id = http.post(f"{SITE}/api/media", content=picture).json()["media_id"]
        assert http.post(f"{SITE}/api/media", content=picture[:-20]).status_code == 415
    with sandbox_client(sandbox, mine) as http:
        assert http.post(f"{SITE}/api/pins", json={**PIN, "ai_generated": None}).status_code == 422
        assert http.post(f"{SITE}/api/pins", json={**PIN, "media": [media_id]}).status_code == 422
        assert http.post(f"{SITE}/api/pins", json=PIN).status_code == 201
    assert [post.uid for post in sandbox.control.posts()] == [mine.uid]


def test_pins_and_logins_outlive_a_restart(sandbox: BackgroundSandbox) -> None:
    account = sandbox.control.make_account()
    with sandbox_client(sandbox, account) as http:
        made = [
            http.post(f"{SITE}/api/pins", json={**PIN, "text": str(number)}).json()["pin"]["id"] for number in range(12)
        ]
    sandbox.restart()
    with sandbox_client(sandbox, account) as http:
        first = http.get(f"{SITE}/api/pins/mine").json()
        second = http.get(f"{SITE}/api/pins/mine", params={"before": first["next"]}).json()
    assert [pin["id"] for pin in first["pins"] + second["pins"]] == made[::-1]
    assert second["next"] is None
