"""How long retired nodes waited for their free."""

from __future__ import annotations

from ....profiling.reclamation_report import SMRProfilerReport
from ..._format import format_ns
from ...figures.distribution import Distribution, distribution_figure, percentiles
from ...figures.plot import Figure

__all__ = ["delay_distribution"]


def delay_distribution(report: SMRProfilerReport) -> Figure | str:
    """A histogram of the time from retire to free, on a logarithmic axis, with the percentiles above it."""
    if report.delay is None:
        return "Delays were not tracked. Enable with track_delays=True."
    if not report.delay.buckets:
        return "Nothing was reclaimed."
    series = Distribution("delay", "alloc", "waited", report.delay.buckets, percentiles(report, "delay"))
    description = f"Time from retire to free: p50 {format_ns(report.delay_p50)}, p99 {format_ns(report.delay_p99)}."
    return distribution_figure([series], "share of the reclaimed nodes", None, description)
