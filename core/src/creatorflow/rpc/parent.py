"""Notice that the host process died, also when some launcher keeps our stdin open.

A death signal (``PR_SET_PDEATHSIG``) is bound to the *thread* that started us and fires too early in hosts that spawn from short-lived
threads; so we look at the process: a pidfd where there is one, and the parent id every second everywhere.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable

__all__ = ["ParentWatch"]

_PERIOD_S = 1.0


class ParentWatch:
    """Calls ``on_death`` once when the process that started us has ended.

    Off when there is nothing to watch: started by the init process, or the parent was gone before we looked.
    """

    def __init__(self, on_death: Callable[[], None]) -> None:
        self._on_death = on_death
        self._loop = asyncio.get_running_loop()
        self._parent = os.getppid()
        self._timer: asyncio.TimerHandle | None = None
        self._pidfd: int | None = None
        if sys.platform == "win32":
            self._alive = _handle_watch(self._parent)
        else:
            self._alive = self._same_parent

    def start(self) -> None:
        """Begin to watch."""
        if self._parent <= 1:
            return
        if sys.platform == "linux":
            try:
                pidfd = os.pidfd_open(self._parent)
            except OSError:  # an old kernel, a sandbox, or the parent is gone: the timer will see
                pass
            else:
                # Opened for the parent and not for a later process with its number: we still are its child.
                if os.getppid() == self._parent:
                    self._pidfd = pidfd
                    self._loop.add_reader(pidfd, self._dead)
                else:
                    os.close(pidfd)
        self._tick()

    def stop(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    def _tick(self) -> None:
        if self._alive():
            self._timer = self._loop.call_later(_PERIOD_S, self._tick)
        else:
            self._dead()

    def _dead(self) -> None:
        self.stop()
        self._on_death()

    def _same_parent(self) -> bool:
        return os.getppid() == self._parent


if sys.platform == "win32":

    def _handle_watch(parent: int) -> Callable[[], bool]:
        """Tell whether a process lives; its id is never updated in its children here and may be reused, a handle stays bound."""
        import _winapi

        try:
            handle = _winapi.OpenProcess(0x0010_0000, False, parent)  # SYNCHRONIZE
        except OSError:
            return lambda: True
        return lambda: _winapi.WaitForSingleObject(handle, 0) != _winapi.WAIT_OBJECT_0
