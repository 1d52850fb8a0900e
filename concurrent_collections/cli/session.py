"""One profiled program: when profiling begins and ends, and what is written then, whatever way it takes to its end.

The end is an atexit function that was registered before all others, so it runs last: non-daemon threads were joined,
other atexit functions have run, and the program's globals are still alive. ``os._exit`` (by which multiprocessing's
forked children leave), ``os.exec*`` and SIGTERM skip atexit functions and are caught on their own.

What is used of ``threading``, ``time`` and ``os`` after the beginning is bound here: a program may replace it.
"""

from __future__ import annotations

import atexit
import operator
import os
import secrets
import sys
from _thread import RLock, get_ident
from contextlib import suppress
from os import X_OK, access, fsdecode, write as write_to_descriptor
from os.path import isdir, isfile, splitext
from typing import Any, TextIO

from .. import _core
from ..profiling.exports import EXPORTERS, Exporter
from ..profiling.profiler import MemoryProfiler
from ..profiling.report import MemoryProfilerReport
from .children import Children
from .family import Family
from .outputs import PID, path_in_this_process
from .surroundings import Surroundings
from .wrapping import hidden, surround

__all__ = ["Session"]


class Session:
    """Profiles from :meth:`begin` to the end of the process.

    Forked children do so, too, from the fork on, if the file names have a {pid}.
    """

    def __init__(
        self,
        profiler: MemoryProfiler,
        outputs: dict[str, str],
        *,
        force: bool,
        quiet: bool,
        family: Family | None = None,
        is_child: bool = False,
    ) -> None:
        """``family``: what this process starts joins it. ``is_child``: this one was started so, and ``site`` runs."""
        self._profiler = profiler
        self._outputs = outputs
        self._force = force
        self._quiet = quiet
        self._children_report = any(PID in path for path in outputs.values())
        self._family = family
        self._children = Children(family)
        self._is_child = is_child
        self._ended = False
        self._lock = RLock()  # over the end
        self._written: set[str] = set()
        self._stderr = None if is_child else sys.stderr  # what a child says belongs to its program
        self._main_thread = get_ident()
        self._surroundings = Surroundings(sys.path[0 if is_child or sys.flags.safe_path else 1 :])
        self._at_exit = hidden(self._end_at_exit)

    def begin(self) -> None:
        """Start profiling. Raises MemoryError when there is no memory for the recorder."""
        atexit.register(self._at_exit)
        surround("atexit._clear", None, self._register_again)
        surround("atexit._run_exitfuncs", lambda: atexit.unregister(self._at_exit), self._register_again)
        surround("posix._exit", self._before_exit)
        surround("posix.execv", self._before_exec)
        surround("posix.execve", self._before_exec)
        surround("_signal.signal", None, lambda *_: _core.rearm_sigterm())
        self._children.watch()
        self._rehearse()
        os.register_at_fork(
            before=hidden(_core.unwatch_sigterm),
            after_in_parent=hidden(self._after_fork_in_parent),
            after_in_child=hidden(self._after_fork_in_child),
        )
        _core.watch_sigterm(self.end)
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
                with self._surroundings.restored():
                    self._profiler.stop()
                    self._write(self._profiler.report())
            except BaseException as error:
                self._say(f"no report: {type(error).__name__}: {error}")
            if self._family is not None and not self._is_child:
                self._family.end()

    # -- the ways to the end ------------------------------------------------------------------------------------------

    def _register_again(self) -> None:
        """The program ran the functions of its end, or dropped them, and goes on."""
        atexit.register(self._at_exit)

    def _end_at_exit(self) -> None:
        if not self._quiet:
            with suppress(BaseException):
                sys.stdout.flush()  # the summary comes after what the program printed
        self.end()
        _core.unwatch_sigterm()

    def _before_exit(self, status: int) -> None:
        operator.index(status)  # os._exit refuses what is none
        self.end()

    def _before_exec(self, path: Any, *_: Any) -> None:
        """Writes the report as it is now: another program takes this one's place, or the call fails and all goes on."""
        if self._ended or not isinstance(path, int) and (not access(path, X_OK) or isdir(path)):
            return
        name = f"descriptor {path}" if isinstance(path, int) else fsdecode(path)
        with self._lock, self._surroundings.restored():
            try:
                report = self._profiler.snapshot()
                report.notes.append(f"the program was replaced by {name}: what that did is not in here")
                self._write(report)
            except BaseException as error:
                self._say(f"no report: {type(error).__name__}: {error}")

    def _after_fork_in_parent(self) -> None:
        if self._ended:
            return
        if not self._children_report:
            self._children.forked()
        # Python warns of a fork when the main thread is not alone, and looks after this.
        _core.watch_sigterm(self.end, get_ident() == self._main_thread)

    def _after_fork_in_child(self) -> None:
        self._lock = RLock()
        self._main_thread = get_ident()
        self._is_child = True
        self._children.forget()
        self._written.clear()
        if not self._children_report:
            self._ended = True
        if self._ended:
            return
        try:
            self._profiler.reset()
        except MemoryError:
            self._ended = True
            return
        _core.watch_sigterm(self.end)

    # -- writing ------------------------------------------------------------------------------------------------------

    def _rehearse(self) -> None:
        """Write reports of nothing, which loads what they need: a program may change its user or its root directory."""
        with self._surroundings.restored(), suppress(Exception):
            from . import summary

            with MemoryProfiler() as profiler:
                pass
            report = profiler.report()
            summary.summary(report, [])
            for name in self._outputs:
                EXPORTERS[name].write(report, os.devnull)

    def _write(self, report: MemoryProfilerReport) -> None:
        from . import summary

        summary.drop_own_frames(report)
        if note := self._children.note():
            report.notes.append(note)
        written = [path for name in self._outputs if (path := self._write_one(EXPORTERS[name], report))]
        if not self._quiet and not self._is_child:
            self._say(summary.summary(report, written))

    def _write_one(self, exporter: Exporter, report: MemoryProfilerReport) -> str | None:
        """The file's name, None where it was not written."""
        name = self._outputs[exporter.name]
        if self._is_child and PID not in name:
            return None
        path = path_in_this_process(name)
        if not self._force and path not in self._written and isfile(path):  # it was not there at the beginning
            stem, extension = splitext(path)
            path = f"{stem}-{secrets.token_hex(4)}{extension}"
        try:
            exporter.write(report, path)
        except Exception as error:
            self._say(f"can't write {path}: {getattr(error, 'strerror', None) or repr(error)}")
            return None
        self._written.add(path)
        return path

    def _say(self, text: str) -> None:
        _tell(self._stderr, f"concurrent_collections: {text}\n")


def _tell(stream: TextIO | None, text: str) -> None:
    """Not through the stream's buffer: what stays there because nobody takes it would change the exit status."""
    with suppress(Exception):
        stream.flush()  # type: ignore[union-attr]
        data = text.encode(stream.encoding, "backslashreplace")  # type: ignore[union-attr]
        while data:
            data = data[write_to_descriptor(stream.fileno(), data) :]  # type: ignore[union-attr]
