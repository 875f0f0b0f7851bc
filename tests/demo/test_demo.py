"""``creatorflow demo`` from end to end; and that it fails when a claim does not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from creatorflow_testkit.demo import Show
from creatorflow_testkit.sandbox import BackgroundSandbox

EXAMPLES = Path(__file__).parents[2] / "examples" / "posts"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("zh-CN", ("已确认 confirmed", "已在列表中", "退出码 1", "相同内容已在 weibo:demo 发布", "各发布恰好一次")),
        ("en", ("confirmed", "listed", "exit code 1", "The same content was already published", "exactly once")),
    ],
)
def test_the_demo_proves_what_it_says(locale: str, words: tuple[str, ...], program: Any, tmp_path: Path) -> None:
    folder, home = tmp_path / "demo", program.home
    before = sorted(home.rglob("*"))
    done = program("demo", "--keep", folder, "--posts", EXAMPLES, locale=locale)
    assert done.code == 0, done.out + done.err
    for word in words:
        assert word in done.out + done.err
    assert "✗" not in done.out
    page = (folder / "visitor" / "weibo-autumn-tea-walk" / "index.html").read_text(encoding="utf-8")
    assert "雨停之后，去听雨茶舍坐一下午" in page
    assert page.count('src="picture') == 5
    assert (folder / "visitor" / "weibo-autumn-tea-walk" / "picture2.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert sorted(home.rglob("*")) == before, "the demo touched the caller's data directory"
    assert not list(folder.glob("*session*")), "a session lies around"

    again = program("demo", "--keep", folder, "--posts", EXAMPLES, locale=locale)
    assert again.code == 1
    assert str(folder) in again.err


def test_a_folder_without_posts_is_refused(program: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = program("demo", "--posts", tmp_path / "empty")
    assert done.code == 1
    assert "--posts FOLDER" in done.err


def test_a_claim_that_does_not_hold_fails_the_demo(
    program: Any, sandbox: BackgroundSandbox, alice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second post at the site, however it came there, must be seen."""

    class Speaking:
        locale = "en"

        @staticmethod
        def say(en: str, _zh: str) -> str:
            return en

    class Stage:
        def __init__(self) -> None:
            self.sandbox = sandbox
            self.folder = program.home

        @staticmethod
        def creatorflow(*arguments: str, live: bool = False) -> Any:
            from creatorflow_testkit.demo_stage import Finished

            ran = program(*[alice if word == "weibo:demo" else word for word in arguments])
            twice = program(*[alice if word == "weibo:demo" else word for word in arguments], "--allow-duplicate")
            assert twice.code == 0
            return Finished(ran.code, ran.out, ran.err)

    show = Show(Speaking(), Stage(), [EXAMPLES / "solar-term-note.md"], ["weibo"])  # type: ignore[arg-type]
    assert show._publish() is False
    assert show.failed == ["the sites' own records hold 1 posts, each exactly once"]
    assert "✗" in capsys.readouterr().out
