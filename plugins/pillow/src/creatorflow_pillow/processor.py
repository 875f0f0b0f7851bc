"""The picture processor: one child process per batch does the decoding; this side only talks to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from creatorflow.api import (
    Cause,
    ContentError,
    ImageInfo,
    ImageProcessor,
    ImageResult,
    ImageTarget,
    PluginError,
    StorageError,
    Text,
)

from creatorflow_pillow.messages import operation, problem

__all__ = ["PillowImages"]

#: What the child gets of the environment: enough to start Python, none of the host's secrets.
_ENVIRONMENT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "SYSTEMROOT",
    "TMPDIR",
    "TEMP",
    "TMP",
)


class PillowImages(ImageProcessor):
    """Inspects and fits pictures with Pillow in a child process with limits."""

    #: ``memory`` and byte limits in bytes, ``cpu_s`` of the child per picture, ``pixels`` per frame; an animation may have
    #: ``frames_factor`` times as many in all its frames together.
    limits: ClassVar[Mapping[str, int]] = {
        "memory": 2 << 30,
        "cpu_s": 60,
        "file_bytes": 512 << 20,
        "input_bytes": 256 << 20,
        "pixels": 120_000_000,
        "frames_factor": 8,
    }
    #: Wall time for one picture, in seconds.
    budget_s: ClassVar[float] = 90.0

    async def fit(self, paths: Sequence[Path], target: ImageTarget) -> Sequence[ImageResult]:
        """Fit every picture, in order; see ``ImageProcessor.fit``."""
        if not paths:
            return []
        results: list[ImageResult] = []
        child = await self._start()
        try:
            request = self._request(paths, target)
            assert child.stdin is not None
            child.stdin.write(json.dumps(request).encode() + b"\n")
            with contextlib.suppress(ConnectionError):  # a child that died at once is reported by its silence
                await child.stdin.drain()
            async for answer in self._answers(child, paths):
                results.append(self._result(answer))
                self.context.progress(
                    Text(
                        en=f"Checked picture {len(results)} of {len(paths)}",
                        zh=f"已检查第 {len(results)}/{len(paths)} 张图片",
                    ),
                    len(results) / len(paths),
                )
        finally:
            await self._end(child)
        return results

    def _request(self, paths: Sequence[Path], target: ImageTarget) -> dict[str, Any]:
        return {
            "paths": [str(path) for path in paths],
            "target": {
                "mimes": sorted(target.mimes),
                "max_bytes": target.max_bytes,
                "min_side": target.min_side,
                "max_side": target.max_side,
                "max_pixels": target.max_pixels,
                "strip_metadata": target.strip_metadata,
            },
            "out_dir": str(self.context.work_dir),
            "limits": {**self.limits, "cpu_s": self.limits["cpu_s"] * len(paths)},
        }

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # modules come from the installation, not from the current folder
            "-m",
            "creatorflow_pillow.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | {"PYTHONUTF8": "1"},
        )

    async def _answers(
        self, child: asyncio.subprocess.Process, paths: Sequence[Path]
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Yield one answer per picture.

        Raises:
            ContentError: a picture cannot be used, or was too much for the child.
            StorageError: the work folder cannot be written, for example on a full disk.
            PluginError: the child does not work at all.
        """
        assert child.stdout is not None
        assert child.stderr is not None
        words = asyncio.create_task(child.stderr.read(64 << 10))
        current: int | None = None
        done = 0
        try:
            while done < len(paths):
                try:
                    line = await asyncio.wait_for(child.stdout.readline(), self.budget_s)
                except TimeoutError:
                    raise _problem(paths[current or 0], "timeout", {"seconds": self.budget_s}) from None
                if not line:
                    code = await child.wait()
                    last = (await words).decode("utf-8", "replace").strip().splitlines()[-1:]
                    reason = ": ".join([f"exit {code}", *last])[:300]
                    if current is None:
                        raise _broken(reason)
                    raise _problem(paths[current], "crashed", {"reason": reason})
                answer = json.loads(line)
                if "start" in answer:
                    current = answer["start"]
                elif "error" in answer:
                    error = answer["error"]
                    raise _problem(paths[error["index"]], error["code"], error["values"])
                else:
                    done += 1
                    yield answer
        finally:
            words.cancel()

    @staticmethod
    def _result(answer: Mapping[str, Any]) -> ImageResult:
        return ImageResult(
            path=Path(answer["path"]),
            info=ImageInfo(**answer["info"]),
            operations=[operation(done["code"], done["values"]) for done in answer["operations"]],
        )

    @staticmethod
    async def _end(child: asyncio.subprocess.Process) -> None:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()  # its work is on disk; there is nothing to wait for
        if child.stdin is not None:
            child.stdin.close()
        await child.wait()


def _problem(path: Path, code: str, values: Mapping[str, Any]) -> ContentError | StorageError:
    details = {"path": str(path), "problem": code, **values}
    if code == "unwritable":  # nothing is wrong with the picture
        return StorageError(problem(code, str(path), values), details=details)
    return ContentError(problem(code, str(path), values), details=details, cause=Cause.CONTENT)


def _broken(reason: str) -> PluginError:
    return PluginError(
        Text(
            en=f"The picture worker did not start ({reason}). Install creatorflow-pillow and Pillow again.",
            zh=f"图片处理进程未能启动（{reason}）。请重新安装 creatorflow-pillow 和 Pillow。",
        ),
        details={"reason": reason},
        cause=Cause.OUR_BUG,
    )
