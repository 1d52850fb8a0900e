"""What an :class:`SMRProfiler` does while it runs: samples of all domains, and the report that is made of them.

libcc's statistics are pulled: counters that only grow, from which a baseline is subtracted, and the present state.
Nothing here measures, and nothing here locks: the profiler's lock is held around each call.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, cast

from .. import _core
from . import measures, threads
from .reclamation_report import DelayDistribution, SMRDomainStats, SMRProfilerReport, SMRThreadStats, SMRTimelinePoint

__all__ = ["Watch", "domain_stats", "stop_recording"]

MAX_POINTS = 512
MAX_DESTROYED = 100
DELAY_STEP_NS = 1024.0

_COUNTERS = (
    "retired_nodes", "retired_bytes", "reclaimed_nodes", "reclaimed_bytes", "polls", "scans", "barriers",
    "neutralizations", "signals", "fallbacks",
)  # fmt: skip
# The domains in which profiles, and nobody else, have delays recorded.
_switched_on: set[int] = set()

_SUMS = (*_COUNTERS, "pending_nodes", "pending_bytes", "orphaned_nodes", "stalled_threads")


@dataclass
class _Domain:
    """What is known of a living domain: libcc's figures at the baseline and last, and the highest that was pending."""

    baseline: dict[str, Any]
    last: dict[str, Any]
    delay_baseline: list[int] | None
    peak_nodes: int = 0
    peak_bytes: int = 0

    def update(self, stats: dict[str, Any]) -> None:
        self.last = stats
        for name in ("nodes", "bytes"):
            libcc, before = stats[f"peak_pending_{name}"], self.baseline.get(f"peak_pending_{name}", 0)
            # libcc's peak is of the domain's whole life: it is the profile's where it has risen since.
            highest = libcc if libcc > before else 0
            setattr(self, f"peak_{name}", max(getattr(self, f"peak_{name}"), stats[f"pending_{name}"], highest))

    def stats(self, number: int, names: dict[int, str], delay: DelayDistribution | None, alive: bool) -> SMRDomainStats:
        counters = {name: self.last[name] - self.baseline.get(name, 0) for name in _COUNTERS}
        figures = {**self.last, **counters}
        return SMRDomainStats(
            domain_id=number,
            name=self.last["name"] or f"domain {number}",
            scheme=self.last["scheme"],
            asymmetric=self.last["asymmetric"],
            alive=alive,
            **{name: figures[name] for name in _SUMS},
            peak_pending_nodes=self.peak_nodes,
            peak_pending_bytes=self.peak_bytes,
            epoch=self.last["epoch"],
            epoch_lag=_lag(self.last),
            threads=_thread_stats(number, names) if alive else [],
            delay=delay,
        )


@dataclass
class _Point:
    """One sample: sums over all domains; ``peak`` is the highest of the samples that were merged into it."""

    time: float
    pending_nodes: int
    pending_bytes: int
    peak: int
    retired_nodes: int
    reclaimed_nodes: int
    epoch_lag: int
    stalled_threads: int


class Watch:
    """The samples of one profile, from its start on.

    ``delay_buckets`` is how many buckets of delays the report has, 0 for none. The timeline has a fixed number of
    points at most: when they are used up, two become one and samples are taken into every second one only.
    """

    def __init__(self, delay_buckets: int) -> None:
        self._delay_buckets = delay_buckets
        self._domains: dict[int, _Domain] = {}
        self._destroyed: dict[tuple[str, str], SMRDomainStats] = {}
        self._points: list[_Point] = []
        self._per_point = self._in_point = 1
        self._names: dict[int, str] = {}
        self._peak = self._peak_nodes = 0
        self._peak_time = 0.0
        self._start_wall, self._start = time.time(), time.monotonic()
        for number, stats in _living().items():
            self._meet(number, stats, stats)
        self.sample()

    def sample(self) -> None:
        """Look at all domains now."""
        now = time.monotonic() - self._start
        self._names = threads.known_names()
        living = _living()
        for number in self._domains.keys() - living.keys():
            self._bury(number)
        for number, stats in living.items():
            if number not in self._domains:
                self._meet(number, stats, {})
            self._domains[number].update(stats)
        self._add_point(now)

    def report(self, notes: Iterable[str]) -> SMRProfilerReport:
        """Everything that was seen up to the last sample."""
        seconds = max(time.monotonic() - self._start, 1e-9)
        counts = [0] * self._delay_buckets
        delay_sum = 0
        domains = list(self._destroyed.values())
        for number, domain in self._domains.items():
            delay = None
            delays = self._delays(number, domain)
            if delays is not None:
                sum_ns = domain.last["delay_sum_ns"] - domain.baseline.get("delay_sum_ns", 0)
                delay = _distribution(delays, sum_ns)
                counts = [a + b for a, b in zip(counts, delays, strict=True)]
                delay_sum += sum_ns
            domains.append(domain.stats(number, self._names, delay, alive=True))
        totals = {name: sum(getattr(domain, name) for domain in domains) for name in _SUMS}
        timed = sum(counts)
        percentiles = {
            f"delay_{name}": measures.percentile(counts, timed, share, DELAY_STEP_NS)
            for name, share in measures.PERCENTILES
        }
        return SMRProfilerReport(
            **totals,
            peak_pending_nodes=max([self._peak_nodes, *(domain.peak_pending_nodes for domain in domains)]),
            peak_pending_bytes=max([self._peak, *(domain.peak_pending_bytes for domain in domains)]),
            retire_rate=totals["retired_nodes"] / seconds,
            reclaim_rate=totals["reclaimed_nodes"] / seconds,
            **percentiles,  # type: ignore[arg-type]
            epoch_lag=max((domain.epoch_lag for domain in domains), default=0),
            duration_seconds=seconds,
            start_time=datetime.fromtimestamp(self._start_wall, timezone.utc),
            end_time=datetime.now(timezone.utc),
            domains=domains,
            timeline=_timeline(self._points),
            delay=_distribution(counts, delay_sum) if self._delay_buckets else None,
            peak_time=self._peak_time if self._peak else None,
            notes=list(notes),
            environment=measures.environment(),
        )

    def _meet(self, number: int, stats: dict[str, Any], baseline: dict[str, Any]) -> None:
        """Take in a domain that was not known; without a baseline it was made while profiling."""
        delays = None
        if self._delay_buckets:
            if not stats["delay_recorded"] and _core.record_smr_delays(number, True):
                _switched_on.add(number)
            delays = _core.smr_delay_histogram(number, self._delay_buckets) if baseline else [0] * self._delay_buckets
        self._domains[number] = _Domain(baseline, stats, delays)

    def _delays(self, number: int, domain: _Domain) -> list[int] | None:
        if domain.delay_baseline is None:
            return None
        counts = _core.smr_delay_histogram(number, self._delay_buckets)
        if counts is None:
            return None
        return [max(0, count - before) for count, before in zip(counts, domain.delay_baseline, strict=True)]

    def _bury(self, number: int) -> None:
        """A domain was destroyed, which frees what is pending. Those of one name become one."""
        domain = self._domains.pop(number)
        _switched_on.discard(number)
        stats = domain.stats(number, {}, None, alive=False)
        stats.reclaimed_nodes += stats.pending_nodes
        stats.reclaimed_bytes += stats.pending_bytes
        stats.pending_nodes = stats.pending_bytes = stats.orphaned_nodes = stats.stalled_threads = stats.epoch_lag = 0
        key = (stats.name, stats.scheme)
        if key not in self._destroyed and len(self._destroyed) >= MAX_DESTROYED:
            stats.name = "(other destroyed domains)"
            key = (stats.name, stats.scheme)
        before = self._destroyed.get(key)
        if before is not None:
            for name in _COUNTERS:
                setattr(stats, name, getattr(stats, name) + getattr(before, name))
            stats.peak_pending_nodes = max(stats.peak_pending_nodes, before.peak_pending_nodes)
            stats.peak_pending_bytes = max(stats.peak_pending_bytes, before.peak_pending_bytes)
        self._destroyed[key] = stats

    def _add_point(self, now: float) -> None:
        living = list(self._domains.values())
        point = _Point(
            time=now,
            pending_nodes=sum(domain.last["pending_nodes"] for domain in living),
            pending_bytes=sum(domain.last["pending_bytes"] for domain in living),
            peak=0,
            retired_nodes=self._total("retired_nodes"),
            reclaimed_nodes=self._total("reclaimed_nodes"),
            epoch_lag=max((_lag(domain.last) for domain in living), default=0),
            stalled_threads=sum(domain.last["stalled_threads"] for domain in living),
        )
        point.peak = point.pending_bytes
        self._peak_nodes = max(self._peak_nodes, point.pending_nodes)
        if point.pending_bytes > self._peak:
            self._peak, self._peak_time = point.pending_bytes, now
        if self._in_point < self._per_point:
            self._points[-1] = _merged(self._points[-1], point)
            self._in_point += 1
            return
        if len(self._points) >= MAX_POINTS:
            first, rest = self._points[0], self._points[1:]
            self._points = [first, *(_merged(a, b) for a, b in zip(rest[::2], rest[1::2], strict=False))]
            if len(rest) % 2:
                self._points.append(rest[-1])
            self._per_point *= 2
        self._points.append(point)
        self._in_point = 1

    def _total(self, name: str) -> int:
        living = sum(domain.last[name] - domain.baseline.get(name, 0) for domain in self._domains.values())
        return int(living + sum(getattr(domain, name) for domain in self._destroyed.values()))


def _living() -> dict[int, dict[str, Any]]:
    """libcc's figures of each domain that there is now, by its id."""
    found = {number: _core.smr_stats(number) for number in _core.smr_domains()}
    return {number: cast("dict[str, Any]", stats) for number, stats in found.items() if stats is not None}


def stop_recording() -> None:
    """No profile wants delays any more."""
    while _switched_on:
        _core.record_smr_delays(_switched_on.pop(), False)


def domain_stats() -> list[SMRDomainStats]:
    """The living domains as they are now, counted from their creation."""
    names = threads.known_names()
    found = []
    for number, stats in _living().items():
        domain = _Domain({}, stats, None)
        domain.update(stats)
        found.append(domain.stats(number, names, None, alive=True))
    return found


def _lag(stats: dict[str, Any]) -> int:
    return max(0, int(stats["epoch"]) - int(stats["oldest_epoch"]))


def _thread_stats(number: int, names: dict[int, str]) -> list[SMRThreadStats]:
    return [
        SMRThreadStats(
            thread_id=thread["thread_id"],
            thread_name=thread["name"] or names.get(thread["native_id"]),
            native_id=thread["native_id"],
            inside=thread["inside"],
            epoch_lag=thread["epoch_lag"],
            stalled=thread["stalled"],
            deaf=thread["deaf"],
            retired_nodes=thread["retired_nodes"],
            pending_nodes=thread["pending_nodes"],
            pending_bytes=thread["pending_bytes"],
            neutralizations=thread["neutralized"],
        )
        for thread in _core.smr_threads(number)
    ]


def _distribution(counts: list[int], sum_ns: int) -> DelayDistribution:
    error = measures.relative_error(len(counts))
    return DelayDistribution(measures.buckets_of(counts), sum(counts), float(max(0, sum_ns)), error, DELAY_STEP_NS)


def _merged(first: _Point, second: _Point) -> _Point:
    """Two neighbours as one: the later state, and the higher of what can be high."""
    return _Point(
        second.time, second.pending_nodes, second.pending_bytes, max(first.peak, second.peak), second.retired_nodes,
        second.reclaimed_nodes, max(first.epoch_lag, second.epoch_lag),
        max(first.stalled_threads, second.stalled_threads),
    )  # fmt: skip


def _timeline(points: list[_Point]) -> list[SMRTimelinePoint]:
    result: list[SMRTimelinePoint] = []
    before: _Point | None = None
    for point in points:
        elapsed = point.time - before.time if before is not None else 0.0
        retired = point.retired_nodes - before.retired_nodes if before is not None else 0
        reclaimed = point.reclaimed_nodes - before.reclaimed_nodes if before is not None else 0
        result.append(
            SMRTimelinePoint(
                point.time, point.pending_nodes, point.pending_bytes, point.peak, point.retired_nodes,
                point.reclaimed_nodes, retired / elapsed if elapsed > 0 else 0.0,
                reclaimed / elapsed if elapsed > 0 else 0.0, point.epoch_lag, point.stalled_threads,
            )
        )  # fmt: skip
        before = point
    return result
