"""Safe memory reclamation as seen from Python: its domains, and the profiler of the time from retire to free.

A lock-free structure frees a node only when no thread can still be reading it. What is retired and not yet freed is
*pending*; it builds up where a thread stays inside a section for long, or where nobody polls. :class:`SMRProfiler`
shows that as it happens::

    from concurrent_collections import SMRProfiler

    with SMRProfiler() as profiler:
        work()
    print(profiler.report().peak_pending_bytes)
    profiler.to_html("reclamation.html")

The scheme and its thresholds are options of :mod:`concurrent_collections.config`.
"""

from __future__ import annotations

import os
import threading
from _thread import RLock
from contextlib import suppress
from types import TracebackType

from .. import _core
from .._arguments import checked_flag, checked_int
from . import reclamation_watch
from .exports import Exports
from .reclamation_report import (
    DelayDistribution,
    SMRDomainStats,
    SMRProfilerReport,
    SMRThreadStats,
    SMRTimelinePoint,
)

__all__ = [
    "DelayDistribution",
    "SMRDomainStats",
    "SMRProfiler",
    "SMRProfilerReport",
    "SMRThreadStats",
    "SMRTimelinePoint",
    "domains",
]

_lock = RLock()  # over starts, stops and samples of all profilers
_running: list[SMRProfiler] = []


def _after_fork() -> None:
    """In the child: other threads are gone, those that took samples and those that held the lock included."""
    global _lock
    _lock = RLock()
    for profiler in _running:
        profiler._notes.append(
            "the process was forked: no samples were taken after that but at snapshots and at the end"
        )


os.register_at_fork(after_in_child=_core.hidden(_after_fork))


def domains() -> list[SMRDomainStats]:
    """The domains that exist now, oldest first, each with its threads; counters are from its creation."""
    return reclamation_watch.domain_stats()


class SMRProfiler(Exports):
    """Watches all domains of safe memory reclamation while started; a context manager.

    All arguments are keywords. interval: seconds between two samples of the timeline, at least 0.001; None takes
    samples only at the start, at snapshots and at the end, with no thread of its own. track_delays: the time from
    retire to free of one node in 16 (a few ns for each node; without, profiling costs nothing but the samples).
    delay_buckets: log-spaced buckets from 1 ns to 100 s, 10 to 5000; 1000 gives percentiles to within 1.7 %.

    Raises TypeError or ValueError, naming the argument, for arguments of the wrong type or range. Any number of
    profilers may run at once. Methods may be called from any thread.
    """

    def __init__(self, *, interval: float | None = 0.1, track_delays: bool = True, delay_buckets: int = 1000) -> None:
        checked_flag("track_delays", track_delays)
        checked_int("delay_buckets", delay_buckets, 10, 5000)
        if interval is not None:
            if isinstance(interval, bool) or not isinstance(interval, (int, float)):
                raise TypeError(f"interval must be a float or None, not {interval!r}")
            if not 0.001 <= interval <= 3600:
                raise ValueError(f"interval must be 0.001 to 3600 seconds, not {interval!r}")
        self._interval = interval
        self._delay_buckets = delay_buckets if track_delays else 0
        self._watch: reclamation_watch.Watch | None = None
        self._final: SMRProfilerReport | None = None
        self._notes: list[str] = []
        self._stopping = threading.Event()
        self._sampler: threading.Thread | None = None

    def __repr__(self) -> str:
        state = "running" if self._watch is not None else "stopped" if self._final is not None else "not started"
        return f"<SMRProfiler {state}>"

    def __enter__(self) -> SMRProfiler:
        """Start profiling."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop profiling, if it was not stopped inside."""
        if self._watch is not None:
            self.stop()

    def start(self) -> None:
        """Start profiling; after a stop it starts anew, at zero. Raises RuntimeError when it is running."""
        with _lock:
            if self._watch is not None:
                raise RuntimeError("start() was called on an SMRProfiler that is running")
            self._notes = []
            self._stopping = threading.Event()
            _running.append(self)
            try:
                self._watch = reclamation_watch.Watch(self._delay_buckets)
                if self._interval is not None:
                    self._sampler = threading.Thread(
                        target=self._take_samples,
                        args=(self._stopping, self._interval),
                        name="SMRProfiler",
                        daemon=True,
                    )
                    self._sampler.start()
                self._final = None
            except BaseException:
                self._leave()
                raise

    def stop(self) -> None:
        """Stop profiling and make the report. Raises RuntimeError when it is not running."""
        with _lock:
            watch = self._running_watch("stop")
            watch.sample()
            self._final = watch.report(self._notes)
            sampler = self._sampler
            self._leave()
        if sampler is not None and sampler is not threading.current_thread():
            sampler.join()

    def snapshot(self) -> SMRProfilerReport:
        """The report until now, without stopping. Raises RuntimeError when it is not running."""
        with _lock:
            watch = self._running_watch("snapshot")
            watch.sample()
            return watch.report(self._notes)

    def report(self) -> SMRProfilerReport:
        """The report made by :meth:`stop`; while running, a :meth:`snapshot`. Raises RuntimeError before the start."""
        with _lock:
            if self._watch is not None:
                return self.snapshot()
            if self._final is None:
                raise RuntimeError("report() was called on an SMRProfiler that was never started; call start() first")
            return self._final

    def reset(self) -> None:
        """Begin anew at zero: while running, from now on; when stopped, the report is forgotten.

        Raises RuntimeError before the start.
        """
        with _lock:
            if self._watch is not None:
                self._watch = reclamation_watch.Watch(self._delay_buckets)
                self._notes = []
            elif self._final is not None:
                self._final = None
            else:
                raise RuntimeError("reset() was called on an SMRProfiler that was never started")

    def _exported(self) -> SMRProfilerReport:
        return self.report()

    def _take_samples(self, stopping: threading.Event, interval: float) -> None:
        """What the sampling thread does, until it is told to stop. It is no part of a memory profile."""
        _core.pause_thread()
        while not stopping.wait(interval):
            with _lock, suppress(MemoryError):  # then the timeline lacks a sample
                if self._watch is not None and not stopping.is_set():
                    self._watch.sample()

    # -- below: call with _lock held ----------------------------------------------------------------------------------

    def _running_watch(self, method: str) -> reclamation_watch.Watch:
        if self._watch is None:
            state = "was never started" if self._final is None else "is stopped"
            raise RuntimeError(f"{method}() was called on an SMRProfiler that {state}")
        return self._watch

    def _leave(self) -> None:
        """Take this profiler off the list; with the last one that tracks delays, stop recording them."""
        self._stopping.set()
        self._watch = self._sampler = None
        if self in _running:
            _running.remove(self)
        if not any(profiler._delay_buckets for profiler in _running):
            reclamation_watch.stop_recording()
