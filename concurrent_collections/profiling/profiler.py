"""The memory profiler: what Python and the runtime allocate, where, how fast, in which thread, and what stays.

One recorder in the process serves any number of profilers, nested or side by side, started and stopped from any thread
while others allocate. It wraps CPython's allocators only while some profiler runs.
"""

from __future__ import annotations

import gc
import math
import os
import sys
from _thread import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .. import _core, config
from .._arguments import checked_flag, checked_int
from .._core import DOMAINS, HOOKED_DOMAINS
from . import assembly, threads
from .assembly import Options
from .exports import Exports
from .report import MemoryProfilerReport

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MemoryProfiler"]

_lock = RLock()  # over starts and stops of all profilers
_running: list[MemoryProfiler] = []


def _renew_lock() -> None:
    global _lock
    _lock = RLock()


os.register_at_fork(after_in_child=_core.hidden(_renew_lock))


def _bits(domains: Iterable[str]) -> int:
    return sum(1 << DOMAINS.index(name) for name in domains)


def _hook_domains() -> int:
    return _bits({name for profiler in _running for name in profiler._options.domains if name in HOOKED_DOMAINS})


class MemoryProfiler(Exports):
    """Profiles memory while started; a context manager.

    All arguments are keywords. With the defaults every allocation is counted (*exact*); a fraction of them is timed.

    track_sizes: the histogram of sizes.
    track_latency: percentiles and distribution of the allocator's own work.
    track_per_thread: figures for each thread.
    track_cross_thread: blocks freed by another thread than allocated them.
    detect_leaks: list what was allocated while profiling and is alive at the end (costs 4 to 8 bytes of live table more
    for each block).
    capture_stacks: remember call stacks, ``stack_depth`` innermost frames of Python code, for live blocks.
    sample_rate: 1.0 records all allocations; less, in (0, 1), each with this probability. Figures are then estimates
    (Horvitz and Thompson) with a standard error.
    sample_interval: bytes, instead of sample_rate: a Poisson process over allocated bytes with this mean distance, as
    in tcmalloc and jemalloc; 524288 is good for production.
    latency_buckets: log-spaced buckets from 1 ns to 100 s, 10 to 5000; 1000 gives percentiles to within 1.7 %.
    domains: which allocations are seen, of "runtime" (libcc's own), "raw", "mem" and "object" (CPython's
    PyMem_RawMalloc, PyMem_Malloc and PyObject_Malloc) and "sqlite" (SQLite's, see :func:`sqlite.use`).
    leak_limit: how many single blocks a report lists.

    Raises TypeError or ValueError, naming the argument, for arguments of the wrong type or range.

    The live table is shadow memory in the manner of AddressSanitizer; latency histograms are log-linear as
    HdrHistogram's. Methods may be called from any thread.
    """

    def __init__(
        self,
        *,
        track_sizes: bool = True,
        track_latency: bool = True,
        track_per_thread: bool = False,
        track_cross_thread: bool = True,
        detect_leaks: bool = False,
        capture_stacks: bool = False,
        sample_rate: float = 1.0,
        latency_buckets: int = 1000,
        sample_interval: int | None = None,
        domains: Iterable[str] = DOMAINS,
        stack_depth: int = 32,
        leak_limit: int = 1000,
    ) -> None:
        flags = {
            "track_sizes": track_sizes,
            "track_latency": track_latency,
            "track_per_thread": track_per_thread,
            "track_cross_thread": track_cross_thread,
            "detect_leaks": detect_leaks,
            "capture_stacks": capture_stacks,
        }
        self._options = Options(
            **{name: checked_flag(name, value) for name, value in flags.items()},
            sample_rate=_checked_rate(sample_rate),
            sample_interval=(
                None if sample_interval is None else checked_int("sample_interval", sample_interval, 1, 1 << 40)
            ),
            latency_buckets=checked_int("latency_buckets", latency_buckets, 10, 5000),
            domains=_checked_domains(domains),
            stack_depth=checked_int("stack_depth", stack_depth, 1, _core.MAX_STACK_DEPTH),
            leak_limit=checked_int("leak_limit", leak_limit, 0, 10_000_000),
        )
        self._profile: _core.Profile | None = None
        self._final: MemoryProfilerReport | None = None
        self._names: dict[int, str] = {}
        self._notes: list[str] = []
        self._runtime_is_complete = False
        self._recording_ended = False

    def __repr__(self) -> str:
        state = "running" if self._profile is not None else "stopped" if self._final is not None else "not started"
        return f"<MemoryProfiler {state}>"

    def __enter__(self) -> MemoryProfiler:
        """Start profiling."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop profiling, if it was not stopped inside."""
        if self._profile is not None:
            self.stop()

    def start(self) -> None:
        """Start profiling; after a stop it starts anew, at zero.

        Raises RuntimeError when it is running, MemoryError when there is no memory for the recorder.
        """
        options = self._options
        stacks = options.capture_stacks or options.detect_leaks
        with _lock:
            if self._profile is not None:
                raise RuntimeError("start() was called on a MemoryProfiler that is running")
            for profiler in _running:  # before hooks that were replaced are installed anew
                profiler._note_lost_hooks()
            _running.append(self)
            try:
                _core.install_hooks(_hook_domains())
                threads.watch()
                threads.tell_names()
                self._names = threads.known_names()
                self._notes = []
                self._runtime_is_complete = config.enable_alloc_statistics
                self._final = None
                self._recording_ended = False
                self._profile = _core.Profile(
                    domains=_bits(options.domains),
                    sample_rate=options.sample_rate,
                    sample_interval=options.sample_interval or 0,
                    latency=options.track_latency,
                    timestamps=options.detect_leaks,
                    stack_depth=0 if not stacks else options.stack_depth if options.capture_stacks else 1,
                )
            except BaseException:
                self._leave()
                raise

    def stop(self) -> None:
        """Stop profiling and make the report. With ``detect_leaks``, collects garbage first.

        Raises RuntimeError when it is not running, MemoryError when there is no memory for the figures: then recording
        has ended, and stop() may be called again to get them.
        """
        if self._options.detect_leaks and self._profile is not None:
            _let_go_of_garbage()
        with _lock:
            profile = self._running_profile("stop")
            paused = _core.pause_thread()
            try:
                threads.tell_names()
                self._note_lost_hooks()
                if not self._recording_ended:
                    profile.stop()
                    self._recording_ended = True
                self._final = self._read(profile)
                self._leave()
                self._profile = None
                profile.close()
            finally:
                _core.resume_thread(paused)

    def snapshot(self) -> MemoryProfilerReport:
        """The report until now, without stopping. Raises RuntimeError when it is not running."""
        with _lock:
            profile = self._running_profile("snapshot")
            paused = _core.pause_thread()
            try:
                threads.tell_names()
                self._note_lost_hooks()
                return self._read(profile)
            finally:
                _core.resume_thread(paused)

    def report(self) -> MemoryProfilerReport:
        """The report made by :meth:`stop`; while running, a :meth:`snapshot`. Raises RuntimeError before the start."""
        with _lock:
            if self._profile is not None:
                return self.snapshot()
            if self._final is None:
                raise RuntimeError("report() was called on a MemoryProfiler that was never started; call start() first")
            return self._final

    def reset(self) -> None:
        """Begin anew at zero: while running, from now on; when stopped, the report is forgotten.

        Raises RuntimeError before the start, MemoryError when there is no memory for a new beginning (nothing changes).
        """
        with _lock:
            if self._profile is not None:
                self._profile.reset()
                self._names = threads.known_names()
                self._notes = []
            elif self._final is not None:
                self._final = None
            else:
                raise RuntimeError("reset() was called on a MemoryProfiler that was never started")

    def _exported(self) -> MemoryProfilerReport:
        return self.report()

    # -- below: call with _lock held ----------------------------------------------------------------------------------

    def _running_profile(self, method: str) -> _core.Profile:
        if self._profile is None:
            state = "was never started" if self._final is None else "is stopped"
            raise RuntimeError(f"{method}() was called on a MemoryProfiler that {state}")
        return self._profile

    def _read(self, profile: _core.Profile) -> MemoryProfilerReport:
        options = self._options
        raw = profile.read(options.latency_buckets)
        live = profile.live(options.leak_limit) if options.detect_leaks or options.capture_stacks else None
        complete = self._runtime_is_complete and config.enable_alloc_statistics
        return assembly.assemble(options, raw, live, self._names, self._notes, complete)

    def _note_lost_hooks(self) -> None:
        wanted = _bits(name for name in self._options.domains if name in HOOKED_DOMAINS)
        lost = wanted & ~_core.check_hooks(wanted)
        if lost:
            names = ", ".join(name for bit, name in enumerate(DOMAINS) if lost >> bit & 1)
            note = (
                f"conflict: another tool (such as tracemalloc.stop()) replaced the allocator hooks of {names} while "
                "profiling; allocations after that were not seen"
            )
            if note not in self._notes:
                self._notes.append(note)

    def _leave(self) -> None:
        """Take this profiler off the list; with the last one, take the hooks out."""
        if self in _running:
            _running.remove(self)
        if not _running:
            threads.unwatch()
            _core.remove_hooks(_bits(HOOKED_DOMAINS))


def _let_go_of_garbage() -> None:
    """Free what nobody can reach, so that it is not taken for a leak."""
    _core.clear_type_cache()
    gc.collect()
    if "t" in sys.abiflags:
        gc.collect()  # frees what the first put off until no thread could be reading it


def _checked_rate(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"sample_rate must be a float, not {value!r}")
    if not (0 < value <= 1) or math.isnan(value):
        raise ValueError(f"sample_rate must be greater than 0 and at most 1, not {value!r}")
    return float(value)


def _checked_domains(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError(f"domains must be an iterable of names, such as ({value!r},), not a string")
    try:
        names = set(value)
    except TypeError:
        raise TypeError(f"domains must be an iterable of names, not {value!r}") from None
    if not names or not names <= set(DOMAINS):
        raise ValueError(f"domains must be one or more of {', '.join(DOMAINS)}, not {value!r}")
    return tuple(name for name in DOMAINS if name in names)
