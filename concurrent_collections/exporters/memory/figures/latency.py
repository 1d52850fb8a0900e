"""What allocating and freeing took."""

from __future__ import annotations

from ....profiling.report import LatencyDistribution, MemoryProfilerReport
from ..._format import display, finite, format_count, format_ns, format_percent
from ...figures.distribution import Distribution, distribution_figure, percentiles
from ...figures.plot import Figure

__all__ = ["latency_caption", "latency_distribution"]


def latency_distribution(report: MemoryProfilerReport) -> Figure | str:
    """Histograms of what allocating and freeing took, on a logarithmic axis, with the percentiles above them."""
    latency = report.latency
    if latency is None:
        return "Latency was not tracked. Enable with track_latency=True."
    if not latency.alloc and not latency.free:
        return "Nothing was timed."
    series = [
        Distribution(name, name, "took", buckets, percentiles(report, f"{name}_latency"))
        for name, buckets in (("alloc", latency.alloc), ("free", latency.free))
    ]
    description = (
        f"Allocation latency p50 {format_ns(report.alloc_latency_p50)}, p99 {format_ns(report.alloc_latency_p99)}; free"
        f" p50 {format_ns(report.free_latency_p50)}, p99 {format_ns(report.free_latency_p99)}."
    )
    return distribution_figure(series, "share of timed calls", finite(latency.floor_ns), description)


def latency_caption(latency: LatencyDistribution) -> str:
    """How the latency was measured, its error and its floor, in one paragraph."""
    parts = [f"{format_count(latency.alloc_samples)} allocations and {format_count(latency.free_samples)} frees timed"]
    if latency.timed_fraction < 1:
        parts[0] += f" ({format_percent(latency.timed_fraction)} of all)"
    parts.append(f"clock {display(latency.clock, 40)}")
    parts.append(f"± {latency.relative_error * 100:.2g} % from the buckets")
    parts.append(f"nothing below {format_ns(latency.floor_ns)} can be told apart (shaded)")
    parts.append(f"{format_ns(latency.overhead_ns)} for reading the clock subtracted")
    return "; ".join(parts) + "."
