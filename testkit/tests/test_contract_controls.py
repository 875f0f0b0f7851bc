"""Negative controls of the contract kit: adapters that are wrong in one way each must fail it, in the tests that are meant for it.

One pytest process runs chosen contract tests for all of them, against distributions made on the fly; each test here looks at one adapter.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "third_party_adapter" / "src" / "creatorflow_pinboard"
WRONG = Path(__file__).with_name("wrong_pinboard.py")

#: Every wrong adapter with the tests that must catch it. None of the others that run for it may fail.
CONTROLS: dict[str, set[str]] = {
    "ArmsAfterTheRequest": {"test_one_arm_immediately_before_the_one_request", "test_dry_run_publishes_nothing"},
    "NeverArms": {"test_one_arm_immediately_before_the_one_request", "test_dry_run_publishes_nothing"},
    "SendsWhilePreparing": {
        "test_one_arm_immediately_before_the_one_request",
        "test_dry_run_publishes_nothing",
        "test_cancelled_before_arm_sends_nothing",
    },
    "RetriesBlindly": {
        "test_answer_lost_is_read_back",
        "test_answer_too_late_is_read_back",
        "test_request_lost_ends_absent_and_a_retry_publishes_once",
    },
    "ReadsFirst": {"test_one_arm_immediately_before_the_one_request"},
    "ReceiptWithoutId": {"test_waits_until_the_post_is_listed"},
    "TakesAnyAnswerForSuccess": {
        "test_publishes_text",
        "test_refused_content_is_told_in_the_platforms_words",
        "test_gateway_error_after_accept_is_read_back",
        "test_risk_wall_at_submit",
    },
    "SwallowsRefusals": {"test_refused_content_is_told_in_the_platforms_words"},
    "DoubtIsRefusal": {
        "test_answer_lost_is_read_back",
        "test_request_lost_ends_absent_and_a_retry_publishes_once",
    },
    "CutsTheList": {"test_list_is_complete_or_an_error"},
    "ListEndsAtTrouble": {"test_list_is_complete_or_an_error", "test_list_down_before_submit_sends_nothing"},
    "SaysOtherThanItSends": {"test_publishes_text", "test_sending_is_what_is_sent"},
    "ForgetsTheCheckpoint": {"test_uploads_are_not_repeated_by_a_retry"},
    "LostSessionIsTrouble": {"test_expired_session_parks_the_job"},
    "ComparesLiterally": {
        "test_rewritten_text_is_still_ours",
        "test_normalise_is_stable_and_keeps_texts_apart",
    },
    "TellsItsCookie": {"test_secrets_appear_nowhere"},
    "LeavesATaskBehind": {"test_session_has_a_stable_uid"},
    "HidesAnOperation": {"test_declared_operations_are_the_implemented_ones"},
    "HeavyHooks": {"test_hook_module_is_import_light"},
}
#: Tests for what is said about a replica without knobs, the default replica, and a platform that is not installed.
OTHERS = {
    "Knobless": {"test_refused_content_is_told_in_the_platforms_words", "test_publishes_video"},
    "Defaults": {"test_publishes_image", "test_demanded_declaration_is_asked_for"},
    "Nowhere": {"test_publishes_text"},
}
#: Runs for every one of them: a control in which everything fails would show nothing.
FINE = "test_rules_load_and_fit_the_descriptor"

PLUGIN = """
from dataclasses import replace

from creatorflow.api import hookimpl
from creatorflow_pinboard import plugin as right

CREATORFLOW_API = (1, 0)
NAMES = {names}

@hookimpl
def creatorflow_platform_adapters():
    model = right.creatorflow_platform_adapters()[0]
    return [
        replace(model, name=name.lower(), loader="creatorflow_wrong.adapters:" + name, sandbox=None)
        for name in NAMES
    ]
"""
HEAVY = """
import httpx  # far too much for a hook module
from dataclasses import replace

from creatorflow.api import hookimpl
from creatorflow_pinboard import plugin as right

CREATORFLOW_API = (1, 0)

@hookimpl
def creatorflow_platform_adapters():
    return [replace(right.creatorflow_platform_adapters()[0], name="heavyhooks", sandbox=None)]
"""
TESTS = """
from pathlib import Path

import pytest
from creatorflow_pinboard.sandbox import PinboardReplica
from creatorflow_testkit import PlatformAdapterContract, sample_png

class Pinboard(PlatformAdapterContract):
    visibility_words = {"public": "everyone", "private": "me"}

    def sample(self, directory):
        said = {"declarations": {"ai_generated": False}}
        picture = str(sample_png(directory / "1.png", 1))
        return {"text": {"body": "猫", **said}, "image": {"body": "照片", "images": [picture], **said}}

class TestKnobless(Pinboard):
    platform = "pinboard"
    replica = type("Knobless", (PinboardReplica,), {"extra_faults": ()})

class TestDefaults(Pinboard):
    platform = "pinboard"  # the replica is the descriptor's own

class TestNowhere(Pinboard):
    platform = "nowhere"

for name in NAMES:
    replica = type(name, (PinboardReplica,), {"name": name.lower()})
    globals()["Test" + name] = type("Test" + name, (Pinboard,), {"platform": name.lower(), "replica": replica})
"""


def install(site: Path, distribution: str, files: dict[str, str], entry_point: str) -> None:
    """Put an installed distribution into a folder of the import path."""
    for name, text in files.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    info = site / f"{distribution.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.1.0\nRequires-Dist: creatorflow>=0.1,<0.2\n"
    (info / "METADATA").write_text(metadata, "utf-8")
    (info / "entry_points.txt").write_text(f"[creatorflow]\n{entry_point}\n", "utf-8")


def make_site(site: Path) -> None:
    """Pinboard itself, a package with all the wrong adapters, and one with a heavy hook module."""
    shutil.copytree(EXAMPLE, site / "creatorflow_pinboard", ignore=shutil.ignore_patterns("__pycache__"))
    install(site, "creatorflow-pinboard", {}, "pinboard = creatorflow_pinboard.plugin")
    names = [name for name in CONTROLS if name != "HeavyHooks"]
    adapters = WRONG.read_text("utf-8")
    files = {
        "creatorflow_wrong/__init__.py": "",
        "creatorflow_wrong/plugin.py": PLUGIN.replace("{names}", repr(names)),
        "creatorflow_wrong/adapters.py": adapters,
        "creatorflow_heavy/__init__.py": "",
        "creatorflow_heavy/plugin.py": HEAVY,
    }
    install(site, "creatorflow-wrong", files, "wrong = creatorflow_wrong.plugin\nheavy = creatorflow_heavy.plugin")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, tuple[str, str]]]:
    """Run everything once; class name to test name to (passed, failed, skipped or error; message)."""
    folder = tmp_path_factory.mktemp("controls")
    make_site(folder / "site")
    settings = "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
    (folder / "pytest.ini").write_text(settings, "utf-8")
    (folder / "test_wrong.py").write_text(f"NAMES = {list(CONTROLS)!r}\n{TESTS}", "utf-8")
    wanted = {name: sorted({*tests, FINE}) for name, tests in CONTROLS.items()} | OTHERS
    chosen = [f"test_wrong.py::Test{name}::{test}" for name, tests in wanted.items() for test in tests]
    report = folder / "report.xml"
    env = {**os.environ, "PYTHONPATH": str(folder / "site")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", "--tb=short"]
    done = subprocess.run(
        [*command, *chosen], cwd=folder, env=env, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        trouble = next(iter(case), None)
        outcome = "passed" if trouble is None else {"failure": "failed"}.get(trouble.tag, trouble.tag)
        text = "" if trouble is None else f"{trouble.get('message')}\n{trouble.text}"
        found.setdefault(re.sub(r".*\.Test", "", case.attrib["classname"]), {})[case.attrib["name"]] = (outcome, text)
    assert {name: sorted(tests) for name, tests in found.items()} == {name: sorted(t) for name, t in wanted.items()}
    return found


@pytest.mark.parametrize("adapter", CONTROLS)
def test_the_kit_catches(adapter: str, results: dict[str, dict[str, tuple[str, str]]]) -> None:
    seen = {test: outcome for test, (outcome, _) in results[adapter].items()}
    assert seen == {FINE: "passed"} | dict.fromkeys(CONTROLS[adapter], "failed"), results[adapter]


def test_failures_say_what_is_wrong(results: dict[str, dict[str, tuple[str, str]]]) -> None:
    """A stranger reads these sentences, and only these."""
    for adapter, test, words in (
        ("ArmsAfterTheRequest", "test_one_arm_immediately_before_the_one_request", "published before commit.arm"),
        ("NeverArms", "test_one_arm_immediately_before_the_one_request", "must await commit.arm\\(\\) exactly once"),
        ("ReadsFirst", "test_one_arm_immediately_before_the_one_request", "right before the request, but /api/me"),
        ("RetriesBlindly", "test_answer_lost_is_read_back", "exactly one post, it has [23]"),
        ("ListEndsAtTrouble", "test_list_is_complete_or_an_error", "that would look like absence"),
        ("TellsItsCookie", "test_secrets_appear_nowhere", "a secret of the session stands in"),
        ("LeavesATaskBehind", "test_session_has_a_stable_uid", "left tasks running.*watchdog"),
        ("HeavyHooks", "test_hook_module_is_import_light", "import them in the adapter's module"),
    ):
        text = results[adapter][test][1]
        assert re.search(words, text), (adapter, text)


def test_what_cannot_be_checked_is_skipped_with_its_reason(results: dict[str, dict[str, tuple[str, str]]]) -> None:
    refused, video = (results["Knobless"][test] for test in sorted(OTHERS["Knobless"], reverse=True))
    assert refused[0] == video[0] == "skipped"
    assert "has no fault 'content_refused'" in refused[1]
    assert "has no form 'video'" in video[1]


def test_the_descriptors_own_replica_is_the_default(results: dict[str, dict[str, tuple[str, str]]]) -> None:
    assert {outcome for outcome, _ in results["Defaults"].values()} == {"passed"}, results["Defaults"]


def test_a_platform_that_is_not_installed_is_an_error(results: dict[str, dict[str, tuple[str, str]]]) -> None:
    outcome, text = results["Nowhere"]["test_publishes_text"]
    assert outcome == "error"
    assert "No installed plugin offers the platform 'nowhere'" in text


def test_every_wrong_adapter_is_used() -> None:
    classes = set(re.findall(r"^class ([A-Z]\w+)", WRONG.read_text("utf-8"), re.MULTILINE))
    assert classes == set(CONTROLS) - {"HeavyHooks"}
