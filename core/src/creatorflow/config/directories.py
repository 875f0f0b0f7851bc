"""Where everything of one installation lives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from creatorflow.api.errors import StorageError, Text

__all__ = ["Directories", "find_home"]


def find_home(home: Path | None, env: Mapping[str, str]) -> Path:
    """Return the absolute home directory: the argument, ``CREATORFLOW_HOME``, else the platform's user data directory.

    Nothing is created.
    """
    if home is None and env.get("CREATORFLOW_HOME"):
        home = Path(env["CREATORFLOW_HOME"])
    if home is None:
        import platformdirs  # only when nobody named a home: most calls of a host do

        home = platformdirs.user_data_path("creatorflow", appauthor=False)
    try:
        return home.expanduser().absolute()
    except RuntimeError:  # "~name" of a user who does not exist
        return home.absolute()


class Directories:
    """The places below one home directory.

    A folder is made when it is first asked for, readable by its owner only (0700); ``home``, ``config_file`` and ``database`` are paths
    and make nothing. Folders that exist keep their rights.

    Raises:
        StorageError: from any property that makes a folder, when the folder cannot be made or written.
    """

    def __init__(self, home: Path) -> None:
        self.home = home

    def __repr__(self) -> str:
        return f"Directories({str(self.home)!r})"

    @property
    def config_file(self) -> Path:
        """``config.toml``; need not exist."""
        return self.home / "config.toml"

    @property
    def database(self) -> Path:
        """The SQLite file; need not exist. Call ``ready()`` before writing it."""
        return self.home / "creatorflow.db"

    @property
    def assets(self) -> Path:
        """Files put in by a host (``asset:`` addresses)."""
        return self._folder("assets")

    @property
    def locks(self) -> Path:
        """Lock files: one per account, one for the sweeps."""
        return self._folder("locks")

    @property
    def logs(self) -> Path:
        """Rotating log files, when switched on."""
        return self._folder("logs")

    @property
    def bundles(self) -> Path:
        """Evidence of failed jobs."""
        return self._folder("bundles")

    @property
    def work(self) -> Path:
        """Scratch space of running jobs."""
        return self._folder("work")

    def ready(self) -> Path:
        """Make the home directory if needed, check that it can be written, and return it."""
        return _make(self.home)

    def _folder(self, name: str) -> Path:
        self.ready()
        return _make(self.home / name)


def _make(folder: Path) -> Path:
    import os

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error.strerror or type(error).__name__) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(folder, "permission denied")
    return folder


def _unusable(folder: Path, reason: str) -> StorageError:
    return StorageError(
        Text(
            en=f"The data directory {folder} cannot be used ({reason}). Give the folder to this user, or choose another one with --home "
            "or CREATORFLOW_HOME.",
            zh=f"无法使用数据目录 {folder}（{reason}）。请把该目录的权限交给当前用户，或用 --home、CREATORFLOW_HOME 指定其他目录。",
        ),
        details={"path": str(folder), "reason": reason},
    )
