"""Something to do before SIGTERM kills, even while the main thread is in C code or waits for ever.

A Python signal handler would run only when the main thread comes back to Python, and a program could see it. Ours is C:
it writes a byte to a pipe at once, a thread reads the pipe, acts, takes the handler away and sends the signal again.
For the program SIGTERM looks untouched, and a handler that it installs takes over.

While the process forks there is neither handler nor thread: a child must not write to its parent's pipe, and Python
warns of a fork in a process with several threads.
"""

from __future__ import annotations

import _thread
import os
import signal
import time
from collections.abc import Callable

from .. import _core

__all__ = ["Watcher"]


class Watcher:
    """Calls ``act``, in a thread of its own, when SIGTERM comes; then the process dies by it."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._pipe: tuple[int, int] | None = None
        self._thread: int | None = None

    def start(self) -> None:
        """Begin to watch; does nothing when the program, or who started it, handles or ignores the signal."""
        if self._pipe is not None or not _is_default():
            return
        reader, writer = self._pipe = os.pipe()
        os.set_blocking(writer, False)
        ready = _thread.allocate_lock()
        ready.acquire()
        _thread.start_new_thread(self._watch, (reader, ready))
        ready.acquire()
        _core.catch_sigterm(writer)

    def stop(self) -> None:
        """Cease to watch; the thread has ended when this returns."""
        if self._pipe is None:
            return
        _core.release_sigterm()
        reader, writer = self._pipe
        self._pipe = None
        os.close(writer)  # its end is what the thread reads now
        for _ in range(1000):
            if not os.path.exists(f"/proc/self/task/{self._thread}"):
                break
            time.sleep(0.001)
        os.close(reader)

    def _watch(self, reader: int, ready: _thread.LockType) -> None:
        _core.pause_thread()
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they wake the main thread
        self._thread = _thread.get_native_id()
        ready.release()
        if os.read(reader, 1):
            if _is_default():
                self._act()
            _core.release_sigterm()
            os.kill(os.getpid(), signal.SIGTERM)


def _is_default() -> bool:
    """Whether the program has not set a handler; ours does not show."""
    return signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
