"""One profiled program: when profiling begins and ends, and what is written then, whatever way the program takes to its
end.

The end is an atexit function that was registered before all others, so it runs last: non-daemon threads were joined,
other atexit functions have run, and the program's globals are still alive. ``os._exit`` (by which multiprocessing's
forked children leave) and SIGTERM skip atexit functions and are caught on their own.
"""

from __future__ import annotations

import atexit
import functools
import operator
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn, TextIO

from .. import _core
from ..profiling.profiler import MemoryProfiler
from . import program, sigterm
from .outputs import OUTPUTS, PID, Output, path_in_this_process

__all__ = ["Session"]

class Session:
    """Profiles from :meth:`begin` to the end of the process, and of its forked children if the file names have a {pid}.
    """

    def __init__(self, profiler: MemoryProfiler, outputs: dict[str, str], *, force: bool, quiet: bool) -> None:
        self._profiler = profiler
        self._outputs = outputs
        self._force = force
        self._quiet = quiet
        self._children_report = any(PID in path for path in outputs.values())
        self._is_child = False
        self._ended = False
        self._lock = threading.RLock()  # over the end
        self._stderr = sys.stderr
        self._sigterm = sigterm.Watcher(self.end)

    def begin(self) -> None:
        """Start profiling. Raises MemoryError when there is no memory for the recorder."""
        atexit.register(self._end_at_exit)
        os._exit = self._ending(os._exit)  # type: ignore[assignment]
        os.register_at_fork(
            before=_unrecorded(self._sigterm.stop),
            after_in_parent=_unrecorded(self._after_fork_in_parent),
            after_in_child=_unrecorded(self._after_fork_in_child),
        )
        self._sigterm.start()
        self._profiler.start()

    def end(self) -> None:
        """Stop profiling and write what was asked for, once; other threads wait for it. Raises nothing."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            try:
                for name in ("last_exc", "last_value", "last_traceback", "last_type"):
                    vars(sys).pop(name, None)  # what ended the program holds all locals of its frames
                self._profiler.stop()
                self._write()
            except BaseException as error:
                self._say(f"no report: {type(error).__name__}: {error}")

    # -- the ways to the end ------------------------------------------------------------------------------------------

    def _end_at_exit(self) -> None:
        with suppress(Exception):
            sys.stdout.flush()  # the summary comes after what the program printed
        self.end()
        self._sigterm.stop()
        program.die_as_interrupted()

    def _ending(self, original: Callable[[int], NoReturn]) -> Callable[[int], NoReturn]:
        @functools.wraps(original)
        def _exit(status: int) -> NoReturn:
            status = operator.index(status)
            self.end()
            original(status)

        return _exit

    def _after_fork_in_parent(self) -> None:
        if not self._ended:
            self._sigterm.start()

    def _after_fork_in_child(self) -> None:
        self._lock = threading.RLock()
        self._is_child = True
        if not self._children_report:
            self._ended = True
        if self._ended:
            return
        try:
            self._profiler.reset()
        except MemoryError:
            self._ended = True
        self._sigterm.start()

    # -- writing ------------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        with _program_modules_aside():
            from . import summary

            report = self._profiler.report()
            summary.drop_own_frames(report)
            written = [path for output in OUTPUTS if output.name in self._outputs and (path := self._write_one(output))]
            if not self._quiet and not self._is_child:
                self._say(summary.summary(report, written))

    def _write_one(self, output: Output) -> str | None:
        """The file's name, None where it was not written."""
        name = self._outputs[output.name]
        if self._is_child and PID not in name:
            return None
        path = path_in_this_process(name)
        if not self._force and os.path.isfile(path):  # it was not there when the program began
            stem, extension = os.path.splitext(path)
            path = f"{stem}-{secrets.token_hex(4)}{extension}"
        try:
            output.write(self._profiler, path)
        except Exception as error:
            self._say(f"can't write {path}: {getattr(error, 'strerror', None) or repr(error)}")
            return None
        return path

    def _say(self, text: str) -> None:
        _tell(self._stderr, f"concurrent_collections: {text}\n")


def _unrecorded(function: Callable[[], None]) -> Callable[[], None]:
    """``function``, without its allocations in the profile."""

    def call() -> None:
        paused = _core.pause_thread()
        try:
            function()
        finally:
            _core.resume_thread(paused)

    return call


def _tell(stream: TextIO | None, text: str) -> None:
    """Not through the stream's buffer: what stays there because nobody takes it would change the exit status."""
    with suppress(Exception):
        stream.flush()  # type: ignore[union-attr]
        data = text.encode(stream.encoding, "backslashreplace")  # type: ignore[union-attr]
        while data:
            data = data[os.write(stream.fileno(), data) :]  # type: ignore[union-attr]


_PACKAGE = __name__.partition(".")[0]
_import_path = sys.path[0 if sys.flags.safe_path else 1 :]  # without the directory of the command


@contextmanager
def _program_modules_aside() -> Iterator[None]:
    """Import as if there were no program: it may have modules that are called json or plotly."""
    program_path = sys.path
    directories = {os.path.realpath(place) for place in program_path} - {
        os.path.realpath(place) for place in _import_path
    }
    aside = {
        name: module
        for name, module in list(sys.modules.items())
        if name not in ("__main__", _PACKAGE) and _directory_of(module) in directories
    }
    for name in aside:
        sys.modules.pop(name, None)
    sys.path = _import_path[:]
    try:
        yield
    finally:
        sys.path = program_path
        sys.modules.update(aside)


def _directory_of(module: object) -> str | None:
    """Where an import of the module's top-level name finds it."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return None
    directory, name = os.path.split(os.path.realpath(file))
    return os.path.dirname(directory) if name.startswith("__init__.") else directory
