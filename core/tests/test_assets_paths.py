"""Which files a post may name: contained, portable, regular. Real files, links, pipes and loops."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from creatorflow.api.errors import ContentError, PathDenied
from creatorflow.assets import contained_file

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX files")


@pytest.fixture
def post(tmp_path: Path) -> Path:
    folder = tmp_path / "posts" / "today"
    (folder / "图片").mkdir(parents=True)
    for name in ("cat.png", "图片/猫 咪.png", "100%.png", "a#b.png", "console.png", "com10.png", "v1.2.final.png"):
        (folder / name).write_bytes(b"picture")
    (tmp_path / "posts" / "secret.txt").write_bytes(b"outside")
    (tmp_path / "posts" / "today-evil").mkdir()
    (tmp_path / "posts" / "today-evil" / "cat.png").write_bytes(b"outside")
    return folder


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("cat.png", "cat.png"),
        ("./cat.png", "cat.png"),
        ("图片/../cat.png", "cat.png"),
        ("图片//猫 咪.png", "图片/猫 咪.png"),
        ("file:cat.png", "cat.png"),
        ("file:%E5%9B%BE%E7%89%87/%E7%8C%AB%20%E5%92%AA.png", "图片/猫 咪.png"),
        ("100%.png", "100%.png"),
        ("file:100%25.png", "100%.png"),
        ("a#b.png", "a#b.png"),
        ("file:a%23b.png", "a#b.png"),
        ("console.png", "console.png"),
        ("com10.png", "com10.png"),
        ("v1.2.final.png", "v1.2.final.png"),
        ("../today/cat.png", "cat.png"),
    ],
)
def test_files_of_the_post_are_found(post: Path, ref: str, name: str) -> None:
    assert contained_file(ref, base_dir=post) == (post / name).resolve()


@pytest.mark.parametrize("form", ["{}", "file:{}", "file://{}", "file://localhost{}", "FILE://{}"])
def test_absolute_paths_inside_are_found(post: Path, form: str) -> None:
    assert contained_file(form.format(post / "cat.png"), base_dir=post) == (post / "cat.png").resolve()


@pytest.mark.parametrize(
    "ref",
    [
        "../secret.txt",
        "图片/../../secret.txt",
        "../today-evil/cat.png",  # a prefix of the name is not a parent
        "../../nothing",
        "/etc/passwd",
        "file:///etc/passwd",
        "file:../secret.txt",
        "file:%2e%2e/secret.txt",
        "file:..%2fsecret.txt",
        "/",
        "..",
    ],
)
def test_what_lies_outside_is_refused_whether_it_exists_or_not(post: Path, ref: str) -> None:
    with pytest.raises(PathDenied, match="outside the folders that may be read") as caught:
        contained_file(ref, base_dir=post)
    assert "roots" in caught.value.text.en
    assert "目录之外" in caught.value.text.zh
    assert caught.value.details["ref"] == ref


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("cat.png\0.txt", "control characters"),
        ("file:cat.png%00.txt", "control characters"),
        ("cat\n.png", "control characters"),
        ("cat\ud800.png", "control characters"),
        ("//server/share/cat.png", "network or device path"),
        ("\\\\server\\share\\cat.png", "network or device path"),
        ("\\\\?\\C:\\cat.png", "network or device path"),
        ("\\\\.\\pipe\\x", "network or device path"),
        ("file:////server/share/cat.png", "network or device path"),
        ("file://server/share/cat.png", "names another machine"),
        ("图片\\猫 咪.png", "backslash"),
        ("cat.png:stream", "colon"),
        ("cat.png::$DATA", "colon"),
        ("图片/a:b.png", "colon"),
        ("nul", "name of a device"),
        ("NUL.png", "name of a device"),
        ("图片/con.tar.gz", "name of a device"),
        ("com1", "name of a device"),
        ("LPT9.png", "name of a device"),
        ("com².png", "name of a device"),
        ("CONOUT$", "name of a device"),
        ("aux .png", "name of a device"),
        ("cat.png.", "space or a dot"),
        ("cat.png ", "space or a dot"),
        ("...", "space or a dot"),
        ("http://example.com/cat.png", "scheme 'http'"),
        ("data:image/png;base64,AAAA", "scheme 'data'"),
        ("javascript:alert(1)", "scheme 'javascript'"),
        ("file:cat.png?x", "contains ? or #"),
        ("file:a#b.png", "contains ? or #"),
        ("file:%ff%fe.png", "not UTF-8"),
    ],
)
def test_names_that_mean_something_else_somewhere_are_refused(post: Path, ref: str, why: str) -> None:
    with pytest.raises(PathDenied) as caught:
        contained_file(ref, base_dir=post)
    assert why in caught.value.text.en
    assert caught.value.text.zh
    assert "\0" not in caught.value.text.en + caught.value.text.zh


@pytest.mark.skipif(sys.platform == "win32", reason="a drive is fine there")
@pytest.mark.parametrize("ref", ["C:/cat.png", "c:cat.png", "file:///C:/cat.png", "C:\\cat.png"])
def test_a_windows_drive_is_refused_elsewhere(post: Path, ref: str) -> None:
    with pytest.raises(PathDenied):
        contained_file(ref, base_dir=post)


def test_without_a_post_only_absolute_paths_inside_roots_are_found(post: Path) -> None:
    with pytest.raises(PathDenied, match="no post file to be relative to"):
        contained_file("cat.png", base_dir=None)
    with pytest.raises(PathDenied, match="outside"):
        contained_file(str(post / "cat.png"), base_dir=None)
    assert contained_file(str(post / "cat.png"), base_dir=None, roots=[post.parent]).name == "cat.png"


def test_roots_are_added_to_the_folder_of_the_post(post: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "logo.png").write_bytes(b"logo")
    with pytest.raises(PathDenied):
        contained_file(str(shared / "logo.png"), base_dir=post)
    assert contained_file(str(shared / "logo.png"), base_dir=post, roots=[shared]) == (shared / "logo.png").resolve()


@posix_only
def test_links_are_followed_before_it_is_decided(post: Path) -> None:
    (post / "inside.png").symlink_to("cat.png")
    (post / "outside.png").symlink_to(post.parent / "secret.txt")
    (post / "folder").symlink_to(post.parent)
    (post / "hop.png").symlink_to("outside.png")
    assert contained_file("inside.png", base_dir=post) == (post / "cat.png").resolve()
    for ref in ("outside.png", "hop.png", "folder/secret.txt"):
        with pytest.raises(PathDenied, match="outside"):
            contained_file(ref, base_dir=post)
    assert contained_file("folder/today/cat.png", base_dir=post) == (post / "cat.png").resolve()


@posix_only
def test_a_root_that_is_a_link_is_followed_too(post: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(post)
    assert contained_file("cat.png", base_dir=tmp_path / "link") == (post / "cat.png").resolve()


@posix_only
def test_a_loop_of_links_is_no_file(post: Path) -> None:
    (post / "a.png").symlink_to("b.png")
    (post / "b.png").symlink_to("a.png")
    with pytest.raises(ContentError, match=r"a\.png"):
        contained_file("a.png", base_dir=post)


@posix_only
def test_only_regular_files_with_content_count(post: Path) -> None:
    os.mkfifo(post / "pipe.png")
    (post / "empty.png").touch()
    (post / "device.png").symlink_to("/dev/zero")
    for ref, why in [
        ("图片", "is a folder"),
        ("pipe.png", "pipe, socket or device"),
        ("empty.png", "is empty"),
        ("missing.png", "does not exist"),
        ("cat.png/x", "cannot be read"),
        ("x" * 300 + ".png", "cannot be read"),
    ]:
        with pytest.raises(ContentError) as caught:
            contained_file(ref, base_dir=post)
        assert why in caught.value.text.en, ref
        assert "请检查路径" in caught.value.text.zh
    with pytest.raises(ContentError, match="pipe, socket or device"):
        contained_file("device.png", base_dir=post, roots=[Path("/dev")])


def test_a_file_over_the_limit_is_refused_with_both_numbers(post: Path) -> None:
    assert contained_file("cat.png", base_dir=post, max_bytes=7)
    with pytest.raises(ContentError, match=r"7 bytes.* max_bytes = 6"):
        contained_file("cat.png", base_dir=post, max_bytes=6)


def test_a_message_repeats_no_endless_name(post: Path) -> None:
    with pytest.raises(PathDenied) as caught:
        contained_file("/" + "y" * 100_000, base_dir=post)
    assert len(caught.value.text.en) < 500
