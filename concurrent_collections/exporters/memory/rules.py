"""What a memory report says in one sentence, and the rules that tell what its reader could do."""

from __future__ import annotations

import re
from typing import Literal

from ...profiling.report import MemoryProfilerReport
from .._format import (
    display,
    finite,
    format_bytes,
    format_count,
    format_ns,
    format_percent,
    format_rate,
    format_seconds,
)
from ..findings import Level, Recommendation, Rule, Verdict, plural
from .sites import blame, leak_lines, short_location

__all__ = ["NEGLIGIBLE_LEAK", "RULES", "verdict"]

KIB, MIB = 1024, 1024**2
NEGLIGIBLE_LEAK = 4 * KIB
"""Fewer leaked bytes than this are no finding: interned strings and the like remain after any run."""


def verdict(report: MemoryProfilerReport) -> Verdict:
    """One sentence: the peak, what was left at the end and where, and whether anything makes the figures doubtful."""
    if not report.alloc_count and not report.dropped_records:
        return Verdict("good", "Nothing was allocated while profiling.")
    peak = f"Peak {format_bytes(report.peak_allocated)}"
    if finite(report.peak_time) is not None:
        peak += f" after {format_seconds(report.peak_time)}"
    level: Level = "good"
    leaked = report.leaked_bytes
    if leaked is None:
        rest = f"{format_bytes(report.current_allocated)} still allocated at the end"
    elif leaked < NEGLIGIBLE_LEAK:
        rest = "no leak found" if leaked <= 0 else f"no leak to speak of ({format_bytes(leaked)} still allocated)"
    else:
        level = _leak_severity(report)
        blocks = f" in {plural(report.leaked_count, 'block')}" if report.leaked_count else ""
        rest = f"{format_bytes(leaked)} leaked{blocks}{_where(report, leaked)}"
    sentence = f"{peak}; {rest}"
    if report.sampling.mode != "exact":
        sentence += f"; figures are estimates from {plural(report.sampling.samples, 'sample')}"
    if report.dropped_records:
        level = "warning" if level == "good" else level
        sentence += f"; {plural(report.dropped_records, 'event')} could not be recorded"
    return Verdict(level, sentence + ".")


def _where(report: MemoryProfilerReport, leaked: int) -> str:
    sites = leak_lines(report)
    if not sites or not sites[0].stack_trace:
        return ""
    place = display(short_location(blame(sites[0].stack_trace)), 60)
    if len(sites) == 1:
        return f", at {place}"
    return f", {format_percent(min(1.0, sites[0].bytes / leaked))} of it at {place}"


def _leak_severity(report: MemoryProfilerReport) -> Literal["warning", "serious"]:
    leaked = report.leaked_bytes or 0
    return "serious" if leaked >= MIB or leaked >= 0.05 * report.peak_allocated else "warning"


# Rules ----------------------------------------------------------------------------------------------------------------


def leak(report: MemoryProfilerReport) -> Recommendation | None:
    """Blocks that were allocated in the profile and never freed."""
    leaked = report.leaked_bytes
    if leaked is None or leaked < NEGLIGIBLE_LEAK:
        return None
    sites = leak_lines(report)
    evidence = [("leaked", format_bytes(leaked))]
    if report.leaked_count:
        evidence.append(("blocks", format_count(report.leaked_count)))
    evidence.append(("share of peak", format_percent(leaked / max(report.peak_allocated, leaked))))
    if report.duration_seconds >= 1:
        evidence.append(("growth if it goes on", f"{format_bytes(leaked / report.duration_seconds * 3600)} an hour"))
    if not sites or not sites[0].stack_trace:
        return Recommendation(
            "leak",
            _leak_severity(report),
            f"{format_bytes(leaked)} were never freed",
            "Profile again with capture_stacks=True to learn which line allocated them.",
            evidence,
        )
    top = blame(sites[0].stack_trace)
    place = display(short_location(top), 60)
    share = min(1.0, sites[0].bytes / leaked)
    evidence.append(("largest site", f"{place}, {format_bytes(sites[0].bytes)} in {plural(sites[0].count, 'block')}"))
    if share >= 0.5:
        title = f"{place} holds {format_percent(share)} of what was never freed"
        advice = (
            f"Look at what {display(top.function, 60)} stores and who still refers to it: a cache without a limit, a"
            " list that only grows, a callback that was never removed. Give it a limit, weak references, or an"
            " explicit clear."
        )
    else:
        title = f"{format_bytes(leaked)} were never freed, from {len(sites)} places"
        advice = (
            "No single line stands out. Look for one owner further up the stacks (the flame graph's wide bars): a"
            " registry, a session, a cache."
        )
    return Recommendation("leak", _leak_severity(report), title, advice, evidence)


def remainder(report: MemoryProfilerReport) -> Recommendation | None:
    """Much is still allocated, and leaks were not looked for."""
    if (
        report.leaked_bytes is not None
        or report.current_allocated < MIB
        or report.current_allocated < 0.1 * report.peak_allocated
    ):
        return None
    return Recommendation(
        "remainder",
        "info",
        f"{format_bytes(report.current_allocated)} were still allocated at the end",
        "This may be a cache that is meant to stay. To learn which lines allocated it, profile with detect_leaks=True,"
        " capture_stacks=True.",
        [("still allocated", format_bytes(report.current_allocated)), ("peak", format_bytes(report.peak_allocated))],
    )


def spike(report: MemoryProfilerReport) -> Recommendation | None:
    """The peak lies far above what the program held most of the time."""
    if len(report.timeline) < 8 or report.peak_allocated < 4 * MIB:
        return None
    typical = sorted(point.current_allocated for point in report.timeline)[len(report.timeline) // 2]
    if report.peak_allocated < 2.5 * max(typical, 1):
        return None
    evidence = [("peak", format_bytes(report.peak_allocated)), ("median over time", format_bytes(typical))]
    if report.peak_time is not None:
        evidence.append(("at", format_seconds(report.peak_time)))
    return Recommendation(
        "spike",
        "warning",
        (
            f"A short peak needs {format_count(report.peak_allocated / max(typical, 1))} times the usual memory"
            if typical
            else "Nearly all memory is needed in one short peak"
        ),
        "The machine must be sized for the peak. Work in smaller batches, stream instead of loading whole, or drop"
        " intermediate results sooner.",
        evidence,
    )


def tiny_sizes(report: MemoryProfilerReport) -> Recommendation | None:
    """One small size range makes most of the allocations."""
    histogram = report.size_histogram
    if histogram is None or histogram.total_count < 10_000 or not histogram.buckets:
        return None
    size_range, count = histogram.hot_sizes(1)[0]
    upper = _upper_bound(size_range)
    share = count / histogram.total_count
    if upper is None or upper > 64 or share < 0.5:
        return None
    return Recommendation(
        "tiny_sizes",
        "info",
        f"{format_percent(share)} of the allocations ask for {display(size_range, 40)} bytes",
        "Many small objects of one kind: consider __slots__, tuples or array/numpy columns in place of an object for"
        " each item, or reusing objects.",
        [("allocations of that size", format_count(count)), ("all", format_count(histogram.total_count))],
    )


def churn(report: MemoryProfilerReport) -> Recommendation | None:
    """Far more is allocated over time than is ever held."""
    if report.peak_allocated <= 0 or report.alloc_bytes < 100 * MIB or report.alloc_bytes < 50 * report.peak_allocated:
        return None
    if (finite(report.alloc_rate) or 0.0) < 100_000:
        return None
    return Recommendation(
        "churn",
        "info",
        f"Memory is turned over {format_count(round(report.alloc_bytes / report.peak_allocated))} times",
        "Most objects live very briefly. In the hot loop, hoist constants, reuse buffers, and avoid temporary lists and"
        " slices.",
        [
            ("allocated", format_bytes(report.alloc_bytes)),
            ("peak", format_bytes(report.peak_allocated)),
            ("rate", format_rate(report.alloc_rate)),
        ],
    )


def cross_thread(report: MemoryProfilerReport) -> Recommendation | None:
    """Many blocks are freed by another thread than the one that allocated them."""
    percentage = finite(report.cross_thread_free_pct)
    count = report.cross_thread_free_count
    if percentage is None or count is None or percentage < 20 or count < 1000:
        return None
    evidence = [("cross-thread frees", format_count(count)), ("of all frees", format_percent(percentage / 100))]
    if report.cross_thread_flows:
        flow = max(report.cross_thread_flows, key=lambda flow: flow.count)
        source = display(flow.alloc_thread_name or f"thread {flow.alloc_thread_id}", 40)
        target = display(flow.free_thread_name or f"thread {flow.free_thread_id}", 40)
        evidence.append(("largest flow", f"{source} to {target}, {plural(flow.count, 'block')}"))
    return Recommendation(
        "cross_thread",
        "warning" if percentage >= 40 else "info",
        f"{format_percent(percentage / 100)} of the frees happen on another thread than the allocation",
        "Such a free costs more than a local one, and the owner may get the memory back only when it next allocates."
        " Hand over fewer, larger objects (batches), or let the thread that allocated also release.",
        evidence,
    )


def latency_tail(report: MemoryProfilerReport) -> Recommendation | None:
    """The slowest hundredth takes far longer than the median."""
    median, tail = finite(report.alloc_latency_p50), finite(report.alloc_latency_p99)
    if median is None or tail is None:
        return None
    floor = report.latency.floor_ns if report.latency is not None else 1.0
    ratio = tail / max(median, floor, 1.0)
    if ratio < 20 or tail < 1000:
        return None
    evidence = [("p50", format_ns(median)), ("p99", format_ns(tail))]
    if finite(report.alloc_latency_p999) is not None:
        evidence.append(("p99.9", format_ns(report.alloc_latency_p999)))
    return Recommendation(
        "latency_tail",
        "warning",
        f"One allocation in a hundred takes {format_count(round(ratio))} times the median or longer",
        "Page faults of a growing heap, very large blocks, or a machine with more busy threads than processors."
        " Allocate large buffers once and keep them; compare with fewer threads.",
        evidence,
    )


def internal_fragmentation(report: MemoryProfilerReport) -> Recommendation | None:
    """Much of the live memory is padding inside blocks."""
    ratio = finite(report.fragmentation.internal_fragmentation)
    if ratio is None or ratio < 0.2:
        return None
    blocks = sum(domain.current_block_bytes or 0 for domain in report.domains.values())
    if report.domains and blocks < 256 * KIB:
        return None
    evidence = [("padding", format_percent(ratio))]
    if blocks:
        evidence.append(("live blocks", format_bytes(blocks)))
    if report.size_histogram is not None and report.size_histogram.buckets:
        evidence.append(
            ("most frequent sizes", ", ".join(display(name, 20) for name, _ in report.size_histogram.hot_sizes(3)))
        )
    return Recommendation(
        "internal_fragmentation",
        "warning" if ratio >= 0.35 else "info",
        f"{format_percent(ratio)} of the live memory is padding",
        "Sizes lie just above an allocator's size class. Trim a field from the most frequent objects, or keep several"
        " in one larger block.",
        evidence,
    )


def external_fragmentation(report: MemoryProfilerReport) -> Recommendation | None:
    """Much committed memory lies free between live blocks."""
    ratio = finite(report.fragmentation.external_fragmentation)
    committed = report.fragmentation.committed_bytes
    if ratio is None or committed is None or ratio < 0.5 or committed < 16 * MIB:
        return None
    return Recommendation(
        "external_fragmentation",
        "warning",
        f"{format_percent(ratio)} of the committed memory lies free between live blocks",
        "A few long-lived blocks keep whole pages. Allocate what lives long before what lives briefly, or keep the"
        " long-lived data in its own process or arena.",
        [("committed", format_bytes(committed)), ("free in it", format_bytes(ratio * committed))],
    )


def failed_allocations(report: MemoryProfilerReport) -> Recommendation | None:
    """Allocations failed."""
    if not report.failed_alloc_count:
        return None
    return Recommendation(
        "failed_allocations",
        "warning",
        f"{plural(report.failed_alloc_count, 'allocation')} failed",
        "The process was at a memory limit, or asked for an impossible size. Check the limits (ulimit -v, cgroup) and"
        " the sizes that are asked for.",
        [("failed", format_count(report.failed_alloc_count))],
    )


def dropped(report: MemoryProfilerReport) -> Recommendation | None:
    """The recorder ran out of memory."""
    if not report.dropped_records and not report.dropped_stacks:
        return None
    events = report.alloc_count + report.free_count + report.dropped_records
    share = report.dropped_records / events if events else 0.0
    return Recommendation(
        "dropped",
        "serious" if share >= 0.01 else "warning",
        "The profiler could not record everything",
        "Totals lack these events. Give the process more memory, sample (sample_rate=0.1), or capture no stacks.",
        [
            ("lost events", format_count(report.dropped_records)),
            ("of all", format_percent(share)),
            ("lost stacks", format_count(report.dropped_stacks)),
        ],
    )


def estimate(report: MemoryProfilerReport) -> Recommendation | None:
    """The figures are estimates, and perhaps rough ones."""
    sampling = report.sampling
    if sampling.mode == "exact":
        return None
    evidence = [("samples", format_count(sampling.samples))]
    if sampling.mode == "rate":
        evidence.append(("sampled", format_percent(sampling.rate)))
    elif sampling.interval is not None:
        evidence.append(("one sample every", format_bytes(sampling.interval)))
    worst = 0.0
    for name in ("alloc_count", "alloc_bytes", "peak_allocated", "current_allocated"):
        error, value = finite(sampling.standard_error.get(name)), getattr(report, name)
        if error is not None and value:
            worst = max(worst, error / value)
            evidence.append((f"standard error of {name}", format_percent(error / value)))
    rough = worst > 0.1 or sampling.samples < 100
    return Recommendation(
        "estimate",
        "warning" if rough else "info",
        "The figures are rough estimates" if rough else "The figures are estimates",
        (
            "Raise sample_rate, lower sample_interval, or profile for longer."
            if rough
            else "Good enough to compare; profile with sample_rate=1.0 where a figure must be exact."
        ),
        evidence,
    )


RULES: tuple[Rule[MemoryProfilerReport], ...] = (
    leak,
    dropped,
    failed_allocations,
    spike,
    cross_thread,
    latency_tail,
    internal_fragmentation,
    external_fragmentation,
    tiny_sizes,
    churn,
    remainder,
    estimate,
)


def _upper_bound(size_range: str) -> int | None:
    """The largest size of a range such as ``9-16`` or ``8``; None where it has no upper end."""
    match = re.fullmatch(r"(?:\d+-)?(\d+)", size_range)
    return int(match[1]) if match else None
