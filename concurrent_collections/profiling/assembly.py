"""Makes a :class:`MemoryProfilerReport` of what the recorder measured. No figure is measured here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from typing import Any

from .. import _core
from . import fragmentation, measures
from .report import (
    Accuracy,
    AllocationRecord,
    AllocationSite,
    CrossThreadFlow,
    DomainStats,
    LatencyDistribution,
    MemoryProfilerReport,
    SamplingInfo,
    SizeHistogram,
    ThreadMemoryStats,
    TimelinePoint,
)

_LIMITS = _core.BIN_LIMITS
_AVERAGE_SECONDS = 1.0  # time constant of the moving average


@dataclass(frozen=True)
class Options:
    """What a profiler was asked to do; see :class:`MemoryProfiler`."""

    track_sizes: bool
    track_latency: bool
    track_per_thread: bool
    track_cross_thread: bool
    detect_leaks: bool
    capture_stacks: bool
    sample_rate: float
    sample_interval: int | None
    latency_buckets: int
    domains: tuple[str, ...]
    stack_depth: int
    leak_limit: int


def _count(value: float) -> int:
    return max(0, round(value))


def _histogram(bins: list[float], total_bytes: float) -> SizeHistogram:
    buckets: dict[str, int] = {}
    for index, count in enumerate(bins):
        if round(count) > 0:
            lower = _LIMITS[index - 1] + 1 if index else 0
            buckets[f"{lower}-{_LIMITS[index]}" if index else "0"] = round(count)
    return SizeHistogram(buckets, _count(sum(bins)), _count(total_bytes))


def _timeline(points: list[_core.PointFigures]) -> list[TimelinePoint]:
    result: list[TimelinePoint] = []
    time = allocated = 0.0
    average: float | None = None
    for point in points:
        elapsed = point["seconds"] - time
        if elapsed <= 0:
            continue
        rate = max(0.0, (point["alloc_count"] - allocated) / elapsed)
        weight = 1 - math.exp(-elapsed / _AVERAGE_SECONDS)
        average = rate if average is None else average + weight * (rate - average)
        result.append(
            TimelinePoint(
                time=point["seconds"],
                current_allocated=_count(point["current"]),
                peak_allocated=_count(point["peak"]),
                alloc_count=_count(point["alloc_count"]),
                free_count=_count(point["free_count"]),
                alloc_bytes=_count(point["alloc_bytes"]),
                alloc_rate=rate,
                alloc_rate_average=average,
            )
        )
        time, allocated = point["seconds"], point["alloc_count"]
    return result


def _frame_text(frame: tuple[str, int, str]) -> str:
    file, line, function = frame
    return f"{file}:{line} in {function}" if line else f"{file} in {function}"


def _stack_text(stack: tuple[tuple[str, int, str], ...]) -> list[str]:
    # CPython runs __init__ under a frame of its own that has no line.
    return [_frame_text(frame) for frame in stack if frame[0] != "__init__"]


def _threads(
    figures: list[_core.ThreadFigures], names: dict[int, str]
) -> tuple[list[ThreadMemoryStats], dict[int, str | None]]:
    threads, by_id = [], {}
    for thread in figures:
        name = by_id[thread["id"]] = thread["name"] or names.get(thread["native_id"])
        threads.append(
            ThreadMemoryStats(
                thread_id=thread["id"],
                thread_name=name,
                alloc_count=_count(thread["alloc_count"]),
                free_count=_count(thread["free_count"]),
                alloc_bytes=_count(thread["alloc_bytes"]),
                free_bytes=_count(thread["free_bytes"]),
                cross_thread_frees_sent=_count(thread["sent"]),
                cross_thread_frees_received=_count(thread["received"]),
                native_id=thread["native_id"],
                alive=thread["alive"],
            )
        )
    return threads, by_id


def _flows(flows: list[_core.FlowFigures], names: dict[int, str | None]) -> list[CrossThreadFlow]:
    return [
        CrossThreadFlow(
            alloc_thread_id=flow["alloc_thread"],
            alloc_thread_name=names.get(flow["alloc_thread"]),
            free_thread_id=flow["free_thread"],
            free_thread_name=names.get(flow["free_thread"]),
            count=_count(flow["count"]),
            bytes=_count(flow["bytes"]),
        )
        for flow in sorted(flows, key=lambda flow: -flow["count"])
    ]


@dataclass
class _Domains:
    """The domains that a profile saw: each one's statistics and histogram, and what they come to together."""

    stats: dict[str, DomainStats] = field(default_factory=dict)
    histograms: dict[str, SizeHistogram] = field(default_factory=dict)
    bins: list[float] = field(default_factory=lambda: [0.0] * len(_LIMITS))
    block_bytes: float = 0.0
    variance: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("alloc_bytes", "free_bytes", "alloc_count", "free_count"), 0.0)
    )

    def add(self, name: str, figures: _core.DomainFigures) -> None:
        alloc_bins, free_bins = figures["alloc_bins"], figures["free_bins"]
        blocks = figures["alloc_block_bytes"] - figures["free_block_bytes"]
        self.stats[name] = DomainStats(
            alloc_count=_count(sum(alloc_bins)),
            free_count=_count(sum(free_bins)),
            alloc_bytes=_count(figures["alloc_bytes"]),
            free_bytes=_count(figures["free_bytes"]),
            current_allocated=_count(figures["alloc_bytes"] - figures["free_bytes"]),
            current_block_bytes=_count(blocks),
        )
        self.block_bytes += max(0.0, blocks)
        self.histograms[name] = _histogram(alloc_bins, figures["alloc_bytes"])
        self.bins = [a + b for a, b in zip(self.bins, alloc_bins)]
        self.variance["alloc_bytes"] += figures["alloc_bytes_variance"]
        self.variance["free_bytes"] += figures["free_bytes_variance"]
        self.variance["alloc_count"] += figures["alloc_count_variance"]
        self.variance["free_count"] += figures["free_count_variance"]

    def standard_error(self) -> dict[str, float]:
        """Of the estimates of a sampled profile, by field of the report."""
        errors = {name: math.sqrt(max(0.0, value)) for name, value in self.variance.items()}
        # The live blocks' share of the samples' variance is what was not freed.
        live = self.variance["alloc_bytes"] - self.variance["free_bytes"]
        errors["current_allocated"] = math.sqrt(max(0.0, live))
        return errors


def _latency(figures: _core.LatencyFigures, buckets: int) -> LatencyDistribution:
    return LatencyDistribution(
        alloc=measures.buckets_of(figures["alloc_counts"]),
        free=measures.buckets_of(figures["free_counts"]),
        alloc_samples=round(figures["alloc_timed"]),
        free_samples=round(figures["free_timed"]),
        alloc_sum_ns=figures["alloc_sum_ns"],
        free_sum_ns=figures["free_sum_ns"],
        timed_fraction=figures["timed_fraction"],
        relative_error=measures.relative_error(buckets),
        floor_ns=figures["floor_ns"],
        overhead_ns=figures["overhead_ns"],
        clock=figures["name"],
    )


def _percentiles(figures: _core.LatencyFigures, wanted: bool) -> dict[str, float | None]:
    result: dict[str, float | None] = {}
    floor = figures["floor_ns"]
    for kind, counts, total in (
        ("alloc", figures["alloc_counts"], figures["alloc_timed"]),
        ("free", figures["free_counts"], figures["free_timed"]),
    ):
        for label, share in measures.PERCENTILES:
            value = measures.percentile(counts, total, share, floor) if wanted else None
            result[f"{kind}_latency_{label}"] = value
    return result


def _accuracy(report: MemoryProfilerReport, sampled: bool, incomplete: bool) -> dict[str, Accuracy]:
    """How sure each field is. ``incomplete``: allocations were not seen, for instance because hooks were replaced."""
    always_exact = {
        "duration_seconds", "start_time", "end_time", "sampling", "accuracy", "notes", "environment",
        "dropped_records", "dropped_stacks", "peak_error_bytes",
    }  # fmt: skip
    always_estimates = {
        "fragmentation", "latency", "timeline", "peak_time", "resident_bytes", "peak_resident_bytes",
    }  # fmt: skip
    # A block whose stack was dropped counts as held by the interpreter, whoever allocated it.
    by_stack = {
        "leaked_allocations", "leaked_bytes", "leaked_count", "leaks_omitted", "interpreter_held_count",
        "interpreter_held_bytes", "live_sites",
    }  # fmt: skip
    uncounted = sampled or incomplete or report.dropped_records > 0
    result: dict[str, Accuracy] = {}
    for one in fields(report):
        name = one.name
        if getattr(report, name) is None:
            result[name] = "unknown"
        elif name in always_exact:
            result[name] = "exact"
        elif (
            uncounted
            or name in always_estimates
            or "_latency_" in name
            or (name in by_stack and report.dropped_stacks > 0)
            or (name == "peak_allocated" and report.peak_error_bytes > 0)
        ):
            result[name] = "estimate"
        else:
            result[name] = "exact"  # "domains" but for current_block_bytes, which fragmentation speaks of
    if sampled:
        result["untracked_free_count"] = "unknown"  # frees of blocks that were not sampled are not looked at
    return result


def assemble(
    options: Options,
    raw: _core.Figures,
    live: _core.LiveFigures | None,
    names: dict[int, str],
    notes: list[str],
    runtime_is_complete: bool,
) -> MemoryProfilerReport:
    """The report of the figures ``raw`` (``_core.Profile.read``) and ``live`` (``_core.Profile.live``).

    ``notes`` tell of conflicts that kept allocations from being seen.
    """
    seen = _Domains()
    for name, figures in raw["domains"].items():
        if name in options.domains:
            seen.add(name, figures)
    threads, thread_names = _threads(raw["threads"], names)
    sampled, current = raw["estimated"], _count(raw["current"])
    report = MemoryProfilerReport(
        **_totals(options, raw),
        **_percentiles(raw["latency"], options.track_latency),  # type: ignore[arg-type]
        size_histogram=_histogram(seen.bins, raw["alloc_bytes"]) if options.track_sizes else None,
        thread_stats=threads if options.track_per_thread else [],
        fragmentation=fragmentation.measure(seen.stats, current, _count(seen.block_bytes), runtime_is_complete),
        leaked_allocations=None,
        leaked_bytes=None,
        domains=seen.stats,
        size_histograms=seen.histograms if options.track_sizes else {},
        timeline=_timeline(raw["points"]),
        latency=_latency(raw["latency"], options.latency_buckets) if options.track_latency else None,
        cross_thread_flows=_flows(raw["flows"], thread_names) if options.track_cross_thread else [],
        sampling=SamplingInfo(
            mode="exact" if not sampled else "bytes" if options.sample_interval else "rate",
            rate=options.sample_rate,
            interval=options.sample_interval,
            samples=round(raw["samples"]),
            standard_error=seen.standard_error() if sampled else {},
        ),
        notes=list(notes),
        environment=measures.environment(),
    )
    resident = _core.resident_bytes()
    if resident is not None:
        report.resident_bytes, report.peak_resident_bytes = resident
    if live is not None:
        _add_live(report, options, live)
    _add_notes(report)
    report.accuracy = _accuracy(report, sampled, incomplete=bool(notes))
    return report


def _totals(options: Options, raw: _core.Figures) -> dict[str, Any]:
    """The report's fields that are single figures: sums, rates, times."""
    seconds, alloc_count, free_count = raw["seconds"], _count(raw["alloc_count"]), _count(raw["free_count"])
    crossed = _count(raw["cross_thread_frees"])
    crossed_pct = 100.0 * crossed / free_count if free_count else 0.0
    return {
        "alloc_count": alloc_count,
        "free_count": free_count,
        "alloc_bytes": _count(raw["alloc_bytes"]),
        "free_bytes": _count(raw["free_bytes"]),
        "current_allocated": _count(raw["current"]),
        "peak_allocated": _count(raw["peak"]),
        "peak_time": raw["peak_seconds"],
        "peak_error_bytes": _count(raw["peak_error"]),
        "alloc_rate": alloc_count / seconds if seconds > 0 else 0.0,
        "free_rate": free_count / seconds if seconds > 0 else 0.0,
        "bytes_rate": raw["alloc_bytes"] / seconds if seconds > 0 else 0.0,
        "cross_thread_free_count": crossed if options.track_cross_thread else None,
        "cross_thread_free_pct": crossed_pct if options.track_cross_thread else None,
        "duration_seconds": seconds,
        "start_time": datetime.fromtimestamp(raw["start_wall_ns"] * 1e-9, timezone.utc),
        "end_time": datetime.fromtimestamp(raw["end_wall_ns"] * 1e-9, timezone.utc),
        "untracked_free_count": _count(raw["untracked_frees"]),
        "failed_alloc_count": _count(raw["failed"]),
        "dropped_records": _count(raw["dropped_records"]),
        "dropped_stacks": _count(raw["dropped_stacks"]),
    }


def _add_live(report: MemoryProfilerReport, options: Options, live: _core.LiveFigures) -> None:
    sites, blocks = live["sites"], live["blocks"]
    stacks = {site["site"]: _stack_text(site["stack"]) for site in sites}
    report.live_sites = [
        AllocationSite(stacks[site["site"]], _count(site["count"]), _count(site["bytes"]), site["held"])
        for site in sites
    ]
    if not options.detect_leaks:
        return
    report.leaked_count, report.leaked_bytes = _count(live["count"]), _count(live["bytes"])
    report.interpreter_held_count = _count(live["held_count"])
    report.interpreter_held_bytes = _count(live["held_bytes"])
    report.leaked_allocations = [
        AllocationRecord(
            ptr=block["address"],
            size=block["size"],
            timestamp=block["wall_ns"] * 1e-9 if block["wall_ns"] else None,
            thread_id=block["thread"],
            stack_trace=stacks.get(block["site"], []) if options.capture_stacks else None,
        )
        for block in blocks
    ]
    report.leaks_omitted = max(0, report.leaked_count - len(blocks))


def _add_notes(report: MemoryProfilerReport) -> None:
    if report.dropped_records:
        report.notes.append(
            f"{report.dropped_records:,} events were not recorded for want of memory; the figures lack them"
        )
    if report.dropped_stacks:
        report.notes.append(f"{report.dropped_stacks:,} call stacks could not be kept; their blocks show no frames")
    if report.leaks_omitted:
        report.notes.append(
            f"the list of live blocks shows the largest {len(report.leaked_allocations or ()):,}; "
            f"{report.leaks_omitted:,} more are in the sums only"
        )
