"""The timeline of safe memory reclamation: what is pending, the rates on either side, and how far threads lag."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ....profiling.reclamation_report import SMRProfilerReport, SMRTimelinePoint
from ..._format import binary_unit, finite, format_bytes, format_count, format_rate, format_seconds
from ...figures.plot import Figure, Trace, axis, groups, layout, marked_peak

__all__ = ["reclamation_timeline"]

MAX_POINTS = 1500


def reclamation_timeline(report: SMRProfilerReport) -> Figure | str:
    """Pending bytes with the highest marked; beneath, nodes retired and reclaimed per second; then the epoch lag."""
    points = _thin(report.timeline)
    if len(points) < 2:
        return "No timeline: the profile was shorter than two points, or interval=None."
    times = [point.time for point in points]
    top = max(points, key=lambda point: point.peak_pending_bytes)
    divisor, unit = binary_unit(top.peak_pending_bytes)
    shown = [f"{format_bytes(point.pending_bytes)} in {format_count(point.pending_nodes)} nodes" for point in points]
    peak_time = report.peak_time if finite(report.peak_time) is not None else top.time
    shown_peak, middle = format_bytes(top.peak_pending_bytes), (times[0] + times[-1]) / 2
    hover = f"highest {shown_peak} at {format_seconds(peak_time)}"

    def line(name: str, color: str, pane: str, values: Sequence[float], text: Callable[[float], str]) -> Trace:
        return {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": times,
            "y": list(values),
            "yaxis": pane,
            "line": {"color": color, "width": 1.5, "shape": "vh"},
            "customdata": [text(value) for value in values],
            "hovertemplate": f"{name} %{{customdata}}<extra></extra>",
        }

    data: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "pending",
            "x": times,
            "y": [point.pending_bytes / divisor for point in points],
            "customdata": shown,
            "line": {"color": "@alloc", "width": 2},
            "fill": "tozeroy",
            "fillcolor": "@alloc-soft",
            "hovertemplate": "%{x:.3~f} s<br>pending <b>%{customdata}</b><extra></extra>",
        },
        marked_peak("highest", peak_time, top.peak_pending_bytes / divisor, shown_peak, hover, middle),
        line("retired", "@series1", "y2", [point.retire_rate for point in points], format_rate),
        line("reclaimed", "@free", "y2", [point.reclaim_rate for point in points], format_rate),
        line("epoch lag", "@series3", "y3", [point.epoch_lag for point in points], format_count),
    ]
    figure_layout = layout(
        xaxis=axis("seconds since the start", anchor="y3", range=[min(0.0, times[0]), times[-1]], showgrid=False),
        yaxis=axis(
            f"pending ({unit})", domain=[0.52, 1], range=[0, top.peak_pending_bytes / divisor * 1.12 or 1], nticks=6
        ),
        yaxis2=axis("nodes/s", domain=[0.25, 0.44], rangemode="tozero", tickformat="~s", nticks=4),
        yaxis3=axis("epoch lag", domain=[0, 0.17], rangemode="tozero", tickformat="~s", nticks=3),
        hovermode="x",
        margin={"l": 64, "r": 24, "t": 8, "b": 44},
    )
    description = (
        f"Pending bytes over {format_seconds(times[-1])}, highest {shown_peak} at "
        f"{format_seconds(peak_time)}, {format_bytes(points[-1].pending_bytes)} at the end."
    )
    return Figure(data, figure_layout, 480, description)


def _thin(points: Sequence[SMRTimelinePoint]) -> list[SMRTimelinePoint]:
    """Of each group of neighbours the last, with the group's highest values and mean rates."""
    return [
        replace(
            group[-1],
            peak_pending_bytes=max(point.peak_pending_bytes for point in group),
            retire_rate=sum(point.retire_rate for point in group) / len(group),
            reclaim_rate=sum(point.reclaim_rate for point in group) / len(group),
            epoch_lag=max(point.epoch_lag for point in group),
            stalled_threads=max(point.stalled_threads for point in group),
        )
        for group in groups(points, MAX_POINTS)
    ]
