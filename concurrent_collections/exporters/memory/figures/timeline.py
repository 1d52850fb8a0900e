"""The memory timeline: allocated bytes with their peak, and the allocation rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ....profiling.report import MemoryProfilerReport, TimelinePoint
from ..._format import binary_unit, finite, format_bytes, format_rate, format_seconds
from ...figures.plot import Figure, Trace, axis, groups, layout, marked_peak

__all__ = ["memory_timeline"]

MAX_TIMELINE_POINTS = 1500


def memory_timeline(report: MemoryProfilerReport) -> Figure | str:
    """Allocated bytes over time with the peak marked; beneath, the allocation rate with its moving average."""
    points = _thin(report.timeline)
    if len(points) < 2:
        return "No timeline: the profile was too short for two points, or none were recorded."
    times = [point.time for point in points]
    divisor, unit = binary_unit(max(report.peak_allocated, *(point.peak_allocated for point in points)))
    peak = max(points, key=lambda point: point.peak_allocated)
    peak_time = report.peak_time if finite(report.peak_time) is not None else peak.time
    peak_value, shown_peak = report.peak_allocated / divisor, format_bytes(report.peak_allocated)
    hover = f"peak {shown_peak} at {format_seconds(peak_time)}"
    middle = (times[0] + times[-1]) / 2
    data = [
        *_byte_traces(points, times, divisor),
        marked_peak("peak", peak_time, peak_value, f"Peak {shown_peak}", hover, middle),
        *_rate_traces(points, times),
    ]
    top = max(peak_value, *data[0]["y"]) * 1.12 or 1
    figure_layout = layout(
        xaxis=axis("seconds since the start", anchor="y2", range=[min(0.0, times[0]), times[-1]], showgrid=False),
        yaxis=axis(f"allocated ({unit})", domain=[0.40, 1], range=[0, top], nticks=6),
        yaxis2=axis("allocations/s", domain=[0, 0.29], rangemode="tozero", tickformat="~s", nticks=4),
        hovermode="x",
        margin={"l": 64, "r": 24, "t": 8, "b": 44},
    )
    description = (
        f"Allocated bytes over {format_seconds(times[-1])}, highest {shown_peak} at {format_seconds(peak_time)}."
    )
    return Figure(data, figure_layout, 430, description)


def _byte_traces(points: Sequence[TimelinePoint], times: list[float], divisor: int) -> list[Trace]:
    highest = [max(point.peak_allocated, point.current_allocated) for point in points]
    shown = [
        [format_bytes(point.current_allocated), format_bytes(peak)] for point, peak in zip(points, highest, strict=True)
    ]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "highest between points",
            "x": times,
            "y": [peak / divisor for peak in highest],
            "line": {"color": "@peak", "width": 1, "dash": "dot"},
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": "allocated",
            "x": times,
            "y": [point.current_allocated / divisor for point in points],
            "customdata": shown,
            "line": {"color": "@alloc", "width": 2},
            "fill": "tozeroy",
            "fillcolor": "@alloc-soft",
            "hovertemplate": (
                "%{x:.3~f} s<br>allocated <b>%{customdata[0]}</b><br>highest since the point before"
                " %{customdata[1]}<extra></extra>"
            ),
        },
    ]


def _rate_traces(points: Sequence[TimelinePoint], times: list[float]) -> list[Trace]:
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "allocation rate",
            "x": times,
            "y": [point.alloc_rate for point in points],
            "yaxis": "y2",
            "line": {"color": "@held", "width": 1, "shape": "vh"},
            "customdata": [format_rate(point.alloc_rate) for point in points],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": "moving average",
            "x": times,
            "y": [point.alloc_rate_average for point in points],
            "yaxis": "y2",
            "line": {"color": "@series3", "width": 2},
            "customdata": [format_rate(point.alloc_rate_average) for point in points],
            "hovertemplate": "average %{customdata}<extra></extra>",
        },
    ]


def _thin(points: Sequence[TimelinePoint]) -> list[TimelinePoint]:
    """Of each group of neighbours the last, with the group's highest peak and mean rate."""
    return [
        replace(
            group[-1],
            peak_allocated=max(point.peak_allocated for point in group),
            alloc_rate=sum(point.alloc_rate for point in group) / len(group),
        )
        for group in groups(points, MAX_TIMELINE_POINTS)
    ]
