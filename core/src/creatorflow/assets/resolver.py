"""Resolve what posts name, and keep what hosts put in: files in a store named by their content."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import stat
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from creatorflow.api.errors import ContentError, NotFound, StorageError, Text
from creatorflow.assets.paths import contained_file
from creatorflow.assets.sniffing import sniff
from creatorflow.assets.uri import AssetURI
from creatorflow.config import Directories, Settings
from creatorflow.store import AssetRecord, Store
from creatorflow.store import assets as rows

__all__ = ["AssetResolver", "StoredAsset"]

_CHUNK_BYTES = 1 << 20
# A copy under way is never this old; what is, was left by a process that died.
_STALE_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class StoredAsset:
    """A file in the store; ``size`` in bytes, ``name`` is what its giver called it."""

    sha256: str
    mime: str
    size: int
    path: Path
    name: str = ""

    @property
    def uri(self) -> AssetURI:
        """Its address."""
        return AssetURI(self.sha256)


class AssetResolver:
    """References of posts to files: ``asset:<sha256>``, ``file:`` URIs and paths.

    What may be read: the post's own folder, ``[assets] roots``, the roots that the session was granted, and the store.
    """

    def __init__(self, settings: Settings, store: Store, directories: Directories) -> None:
        self._settings = settings
        self._store = store
        self._directories = directories

    def resolve(self, ref: str, *, base_dir: Path | None, roots: Sequence[Path] = ()) -> Path:
        """Return the checked, fully resolved file that ``ref`` names.

        Args:
            ref: ``asset:<sha256>``, a ``file:`` URI, or a path, relative to ``base_dir`` or absolute.
            base_dir: folder of the post; None when the content came without a file.
            roots: further folders that this session may read.

        Raises:
            PathDenied: outside the folders that may be read, or a name that is not portable.
            ContentError: missing, unreadable, empty, too large (``[assets] max_bytes``), or no regular file.
            NotFound: no such asset in the store (kind ``asset``).
            InvalidInput: a malformed ``asset:`` address.
        """
        if ref[:6].lower() == "asset:":
            return self._stored_file(AssetURI.parse(ref))
        return contained_file(
            ref,
            base_dir=base_dir,
            roots=(*self._settings.assets.roots, *roots),
            max_bytes=self._settings.assets.max_bytes,
        )

    async def ingest(self, path: Path, *, name: str | None = None) -> StoredAsset:
        """Copy a file into the store, in pieces; the same content twice is stored once.

        ``path`` is not checked against roots: resolve a reference first.

        Args:
            path: the file to copy.
            name: what to call it; its own name by default.

        Raises:
            ContentError: the file cannot be read, is empty or too large.
            StorageError: the store cannot be written (disk full, no permission); no partial file is left.
        """
        found = await asyncio.to_thread(self._copy, path, name or path.name)
        row = AssetRecord(
            sha256=found.sha256, mime=found.mime, size=found.size, name=found.name, created_at=datetime.now(UTC)
        )
        await self._store.write(lambda connection: rows.add_asset(connection, row))
        return found

    async def get(self, uri: AssetURI) -> StoredAsset:
        """Return what is known of a stored file.

        Raises:
            NotFound: it is not in the store (kind ``asset``).
        """
        row = await self._store.read(lambda connection: rows.get_asset(connection, uri.sha256))
        if row is None:
            raise _missing(uri)
        return StoredAsset(sha256=row.sha256, mime=row.mime, size=row.size, path=self._stored_file(uri), name=row.name)

    def open(self, uri: AssetURI) -> BinaryIO:
        """Open a stored file for reading.

        Raises:
            NotFound: it is not in the store (kind ``asset``).
        """
        return self._stored_file(uri).open("rb")

    def _place(self, sha256: str) -> Path:
        return self._directories.assets / sha256[:2] / sha256

    def _stored_file(self, uri: AssetURI) -> Path:
        path = self._place(uri.sha256)
        try:
            regular = stat.S_ISREG(path.lstat().st_mode)
        except OSError:
            regular = False
        if not regular:
            raise _missing(uri)
        return path

    def _copy(self, source: Path, name: str) -> StoredAsset:
        folder = self._directories.assets
        temporary = folder / f"incoming-{uuid.uuid4().hex}"
        _sweep(folder)
        with _open_source(source) as reader:
            try:
                return self._copy_open(reader, source, temporary, name)
            except OSError as error:
                raise _not_stored(folder, error) from error
            finally:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)

    def _copy_open(self, reader: BinaryIO, source: Path, temporary: Path, name: str) -> StoredAsset:
        digest = hashlib.sha256()
        size = 0
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0) as writer:
            while piece := _read(reader, source):
                digest.update(piece)
                size += len(piece)
                if size > self._settings.assets.max_bytes:
                    raise _too_large(source, self._settings.assets.max_bytes)
                _write_all(writer.fileno(), piece)
            os.fsync(writer.fileno())
        if size == 0:
            raise _unreadable(source, "is empty", "是空文件")
        sha256 = digest.hexdigest()
        place = self._place(sha256)
        mime = sniff(temporary)
        if not _holds(place, size):
            place.parent.mkdir(mode=0o700, exist_ok=True)
            temporary.replace(place)
            _sync_folder(place.parent)
        return StoredAsset(sha256=sha256, mime=mime, size=size, path=place, name=name)


def _open_source(source: Path) -> BinaryIO:
    # O_NONBLOCK: opening a pipe must not wait for its writer; it is refused right after.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(source, flags)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise _unreadable(source, f"cannot be read ({reason})", f"无法读取（{reason}）") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _unreadable(source, "is no regular file", "不是普通文件")
    return os.fdopen(descriptor, "rb", buffering=0)


def _read(reader: BinaryIO, source: Path) -> bytes:
    try:
        return reader.read(_CHUNK_BYTES)
    except OSError as error:
        raise _unreadable(source, f"cannot be read ({error.strerror})", f"无法读取（{error.strerror}）") from error


def _write_all(descriptor: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]


def _holds(place: Path, size: int) -> bool:
    try:
        found = place.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open a folder, and journals the rename itself
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    for left in folder.glob("incoming-*"):
        with contextlib.suppress(OSError):
            if left.stat().st_mtime < time.time() - _STALE_SECONDS:
                left.unlink()


def _missing(uri: AssetURI) -> NotFound:
    return NotFound(
        Text(
            en=f"There is no stored file {uri}. Put it in again, or name the file by its path.",
            zh=f"素材库中没有 {uri}。请重新放入，或直接写文件路径。",
        ),
        {"ref": str(uri)},
        kind="asset",
    )


def _unreadable(source: Path, en: str, zh: str) -> ContentError:
    return ContentError(
        Text(en=f"File {source.name!r} {en}. Nothing was stored.", zh=f"文件“{source.name}”{zh}。未存入任何内容。"),
        {"file": source.name},
    )


def _too_large(source: Path, limit: int) -> ContentError:
    return _unreadable(
        source, f"is larger than [assets] max_bytes = {limit}", f"超过 [assets] max_bytes = {limit} 字节"
    )


def _not_stored(folder: Path, error: OSError) -> StorageError:
    reason = error.strerror or type(error).__name__
    return StorageError(
        Text(
            en=f"The file could not be copied into {folder} ({reason}). Free some space or correct the rights of the folder and "
            "try again; nothing was left behind.",
            zh=f"无法把文件复制到 {folder}（{reason}）。请清理空间或修正目录权限后重试；没有留下残缺文件。",
        ),
        {"path": str(folder), "reason": reason},
    )
