"""The content-addressed store: whole files or none, in constant memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from creatorflow.api.errors import ContentError, InvalidInput, NotFound, PathDenied, StorageError
from creatorflow.assets import AssetResolver, AssetURI, sniff
from creatorflow.config import AssetSettings, Settings
from creatorflow.store import Store

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 100
DIGEST = hashlib.sha256(PNG).hexdigest()

#: Makes a resolver over the home in argv[1] and runs ``main(resolver)``.
HEAD = """
import asyncio, json, sys
from pathlib import Path
from creatorflow.api.errors import CreatorFlowError
from creatorflow.assets import AssetResolver
from creatorflow.config import Settings
from creatorflow.store import Store
settings = Settings(home=Path(sys.argv[1]))
async def run(main):
    async with Store(settings.directories.database) as store:
        print(json.dumps(await main(AssetResolver(settings, store, settings.directories))))
"""


class Bench:
    def __init__(self, home: Path, store: Store, **assets: object) -> None:
        self.settings = Settings(home=home, assets=AssetSettings.model_validate(assets))
        self.assets = AssetResolver(self.settings, store, self.settings.directories)
        self.folder = home / "assets"

    def left_over(self) -> list[str]:
        return [path.name for path in self.folder.rglob("incoming-*")]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store(tmp_path / "home" / "creatorflow.db") as opened:
        yield opened


@pytest.fixture
def bench(tmp_path: Path, store: Store) -> Bench:
    (tmp_path / "cat.png").write_bytes(PNG)
    return Bench(tmp_path / "home", store)


async def test_a_file_goes_in_and_comes_out_by_its_address(bench: Bench, tmp_path: Path) -> None:
    stored = await bench.assets.ingest(tmp_path / "cat.png")
    assert (stored.sha256, stored.mime, stored.size, stored.name) == (DIGEST, "image/png", len(PNG), "cat.png")
    assert str(stored.uri) == f"asset:{DIGEST}"
    assert stored.path.read_bytes() == PNG
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o600
    assert await bench.assets.get(stored.uri) == stored
    with bench.assets.open(stored.uri) as file:
        assert file.read() == PNG
    for ref in (str(stored.uri), f"ASSET:{DIGEST.upper()}"):
        assert bench.assets.resolve(ref, base_dir=None) == stored.path
    assert bench.left_over() == []


async def test_the_same_content_is_stored_once(bench: Bench, tmp_path: Path) -> None:
    first = await bench.assets.ingest(tmp_path / "cat.png")
    inode = first.path.stat().st_ino
    again = await bench.assets.ingest(tmp_path / "cat.png", name="other.png")
    assert (again.path, again.path.stat().st_ino) == (first.path, inode)
    assert (await bench.assets.get(again.uri)).name == "cat.png"
    assert bench.left_over() == []


async def test_a_stored_file_that_was_cut_short_is_made_whole(bench: Bench, tmp_path: Path) -> None:
    stored = await bench.assets.ingest(tmp_path / "cat.png")
    stored.path.write_bytes(PNG[:10])
    assert (await bench.assets.ingest(tmp_path / "cat.png")).path.read_bytes() == PNG


async def test_unknown_and_malformed_addresses_are_named(bench: Bench) -> None:
    unknown = f"asset:{'0' * 64}"
    with pytest.raises(NotFound, match=unknown) as caught:
        bench.assets.resolve(unknown, base_dir=None)
    assert caught.value.kind == "asset"
    with pytest.raises(NotFound):
        await bench.assets.get(AssetURI.parse(unknown))
    with pytest.raises(NotFound):
        bench.assets.open(AssetURI.parse(unknown))
    for ref in ("asset:", "asset:../../etc/passwd", f"asset:{'0' * 63}", f"asset://{'0' * 64}", f"asset:{'g' * 64}"):
        with pytest.raises(InvalidInput, match="64 hex digits"):
            bench.assets.resolve(ref, base_dir=None)
    with pytest.raises(ValueError, match="64"):
        AssetURI("../x")


async def test_a_link_in_place_of_a_stored_file_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    stored = await bench.assets.ingest(tmp_path / "cat.png")
    stored.path.unlink()
    stored.path.symlink_to(tmp_path / "cat.png")
    with pytest.raises(NotFound):
        bench.assets.resolve(str(stored.uri), base_dir=None)


async def test_configured_and_granted_roots_may_be_read(tmp_path: Path, store: Store) -> None:
    for name in ("shared", "granted"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cat.png").write_bytes(PNG)
    bench = Bench(tmp_path / "home", store, roots=[str(tmp_path / "shared")])
    assert bench.assets.resolve(str(tmp_path / "shared" / "cat.png"), base_dir=None).name == "cat.png"
    with pytest.raises(PathDenied):
        bench.assets.resolve(str(tmp_path / "granted" / "cat.png"), base_dir=None)
    granted = [tmp_path / "granted"]
    assert bench.assets.resolve(str(tmp_path / "granted" / "cat.png"), base_dir=None, roots=granted)


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "empty", "too large"])
async def test_what_is_no_usable_file_is_refused_and_leaves_nothing(tmp_path: Path, store: Store, kind: str) -> None:
    bench = Bench(tmp_path / "home", store, max_bytes=100)
    source = tmp_path / "source"
    if kind == "folder":
        source.mkdir()
    elif kind == "pipe":
        os.mkfifo(source)
    elif kind == "empty":
        source.touch()
    elif kind == "too large":
        source.write_bytes(b"x" * 101)
    with pytest.raises(ContentError, match="source"):
        await bench.assets.ingest(source)
    assert bench.left_over() == []
    assert [path for path in bench.folder.rglob("*") if path.is_file()] == []


def run(home: Path, code: str, *arguments: object) -> object:
    command = [sys.executable, "-c", HEAD + code, str(home), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_a_full_disk_leaves_no_partial_file(bench: Bench, tmp_path: Path) -> None:
    await bench.assets.ingest(tmp_path / "cat.png")
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypisom" + os.urandom(3_000_000))
    code = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write over the limit then fails like one on a full disk
async def main(assets):
    await assets._store.open()
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
    try:
        await assets.ingest(Path(sys.argv[2]))
    except CreatorFlowError as error:
        return [type(error).__name__, error.text.en, error.text.zh]
asyncio.run(run(main))
"""
    told = run(tmp_path / "home", code, tmp_path / "film.mp4")
    assert isinstance(told, list)
    assert told[0] == "StorageError"
    assert re.search("could not be copied.*File too large.*nothing was left behind", told[1])
    assert "没有留下残缺文件" in told[2]
    assert bench.left_over() == []
    assert [path.name for path in bench.folder.rglob("*") if path.is_file()] == [DIGEST]


async def test_an_unusable_folder_is_named(bench: Bench, tmp_path: Path) -> None:
    bench.folder.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="assets"):
        await bench.assets.ingest(tmp_path / "cat.png")


async def test_a_large_file_is_copied_in_constant_memory(bench: Bench, tmp_path: Path) -> None:
    size = 256 * 1024 * 1024
    with (tmp_path / "film.mp4").open("wb") as file:
        file.write(b"\0\0\0\x18ftypisom\0\0\0\0isom")
        file.truncate(size)
    code = """
import resource
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
async def main(assets):
    before = peak()
    stored = await assets.ingest(Path(sys.argv[2]))
    return [stored.size, stored.mime, peak() - before]
asyncio.run(run(main))
"""
    told = await asyncio.to_thread(run, tmp_path / "home", code, tmp_path / "film.mp4")
    assert isinstance(told, list)
    assert told[:2] == [size, "video/mp4"]
    assert told[2] < 32 * 1024  # KiB; the file is eight times that


async def test_a_copy_that_died_is_swept_away_but_not_one_under_way(bench: Bench, tmp_path: Path) -> None:
    bench.settings.directories.assets.joinpath("incoming-dead").write_bytes(b"half")
    bench.settings.directories.assets.joinpath("incoming-alive").write_bytes(b"half")
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(bench.folder / "incoming-dead", (two_days_ago, two_days_ago))
    await bench.assets.ingest(tmp_path / "cat.png")
    assert bench.left_over() == ["incoming-alive"]


async def test_many_copies_of_one_file_at_once_agree(bench: Bench, tmp_path: Path) -> None:
    found = await asyncio.gather(*(bench.assets.ingest(tmp_path / "cat.png") for _ in range(12)))
    assert {item.path for item in found} == {found[0].path}
    assert found[0].path.read_bytes() == PNG
    assert bench.left_over() == []


def iso(major: bytes, *brands: bytes) -> bytes:
    body = b"ftyp" + major + b"\0\0\0\0" + b"".join(brands)
    return (len(body) + 4).to_bytes(4, "big") + body + b"\0\0\0\x08mdat"


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"\xff\xd8\xff\xe0..JFIF", "image/jpeg"),
        (PNG, "image/png"),
        (b"GIF89a....", "image/gif"),
        (b"GIF87a....", "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "application/octet-stream"),
        (iso(b"heic", b"mif1", b"heic"), "image/heic"),
        (iso(b"mif1", b"mif1", b"heic"), "image/heic"),
        (iso(b"avif", b"mif1", b"avif"), "image/avif"),
        (iso(b"mif1", b"mif1", b"avif"), "image/avif"),
        (iso(b"isom", b"isom", b"iso2", b"avc1", b"mp41"), "video/mp4"),
        (iso(b"mp42"), "video/mp4"),
        (iso(b"qt  ", b"qt  "), "video/quicktime"),
        (iso(b"zzzz", b"yyyy"), "application/octet-stream"),
        (b"%PDF-1.7", "application/octet-stream"),
        (b"<svg xmlns=", "application/octet-stream"),
        (b"x", "application/octet-stream"),
    ],
)
def test_the_kind_is_read_from_the_first_bytes(tmp_path: Path, head: bytes, mime: str) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(head)
    assert sniff(path) == mime
