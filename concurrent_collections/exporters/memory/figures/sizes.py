"""Allocation sizes: a heatmap of size ranges and allocator domains."""

from __future__ import annotations

import math

from ....profiling.report import MemoryProfilerReport, SizeHistogram
from ..._format import binary_unit, format_count, format_percent
from ...figures.plot import Figure, Trace, axis, label, layout

__all__ = ["size_heatmap"]


def size_heatmap(report: MemoryProfilerReport) -> Figure | str:
    """How many allocations asked for how much: size ranges down, allocator domains across, on a logarithmic colour
    scale."""
    histogram = report.size_histogram
    if histogram is None:
        return "Sizes were not tracked. Enable with track_sizes=True."
    ranges = _size_ranges(histogram)
    if not ranges:
        return "Nothing was allocated."
    columns: list[tuple[str, SizeHistogram]] = [
        (name, part) for name, part in report.size_histograms.items() if part.total_count
    ]
    columns.append(("all", histogram))
    total = max(histogram.total_count, 1)
    z: list[list[float | None]] = []
    text: list[list[str]] = []
    hover: list[list[str]] = []
    for size_range in ranges:
        counts = [part.buckets.get(size_range, 0) for _, part in columns]
        z.append([math.log10(count) if count else None for count in counts])
        text.append([format_count(count) if count else "" for count in counts])
        hover.append([f"{count:,} allocations, {format_percent(count / total)} of all" for count in counts])
    names = [_range_label(size_range) for size_range in ranges]
    # Numeric positions: two names that look alike must not become one category.
    heat: Trace = {
        "type": "heatmap",
        "x": list(range(len(columns))),
        "y": list(range(len(ranges))),
        "z": z,
        "zmin": 0,
        "zmax": max(1.0, math.log10(max(histogram.buckets.values()))),
        "text": text,
        "texttemplate": "%{text}",
        "textfont": {"size": 11, "color": "@text"},
        "customdata": hover,
        "hovertemplate": "%{y} in %{x}<br>%{customdata}<extra></extra>",
        "colorscale": [[0, "@heat0"], [0.4, "@heat1"], [0.75, "@heat2"], [1, "@heat3"]],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hoverongaps": False,
    }
    shares = [histogram.buckets.get(size_range, 0) / total for size_range in ranges]
    bars: Trace = {
        "type": "bar",
        "orientation": "h",
        "x": shares,
        "y": list(range(len(ranges))),
        "xaxis": "x2",
        "marker": {"color": "@alloc"},
        "text": [format_percent(share) if share >= 0.02 else "" for share in shares],
        "textposition": "outside",
        "textfont": {"color": "@muted", "size": 11},
        "cliponaxis": False,
        "customdata": [f"{format_percent(share)} of all allocations" for share in shares],
        "hovertemplate": "%{y}: %{customdata}<extra></extra>",
        "showlegend": False,
    }
    positions = list(range(len(ranges)))
    figure_layout = layout(
        xaxis=axis(
            "",
            domain=[0, 0.66],
            tickmode="array",
            tickvals=list(range(len(columns))),
            ticktext=[label(name, 16) for name, _ in columns],
            side="top",
            showgrid=False,
            zeroline=False,
        ),
        xaxis2=axis(
            "share of allocations", domain=[0.70, 0.97], tickformat=".0%", nticks=4, rangemode="tozero", side="bottom"
        ),
        yaxis=axis(
            "bytes asked for",
            tickmode="array",
            tickvals=positions,
            ticktext=names,
            autorange="reversed",
            showgrid=False,
            zeroline=False,
        ),
        margin={"l": 84, "r": 24, "t": 36, "b": 44},
        showlegend=False,
        bargap=0.25,
    )
    hottest = histogram.hot_sizes(1)[0]
    description = f"{histogram.total_count:,} allocations; the most frequent size is {hottest[0]} bytes with {format_percent(hottest[1] / total)}."
    return Figure([heat, bars], figure_layout, 120 + 22 * len(ranges), description)


def _size_ranges(histogram: SizeHistogram) -> list[str]:
    """The ranges from the first used one to the last, ascending."""
    used = [index for index, count in enumerate(histogram.buckets.values()) if count]
    return list(histogram.buckets)[used[0] : used[-1] + 1][:64] if used else []


def _range_label(size_range: str) -> str:
    """``1025-2048`` as ``1–2 KiB`` where both ends are whole units; else as it is."""
    lower, dash, upper = size_range.partition("-")
    if not dash or not lower.isdigit() or not upper.isdigit() or int(upper) < 1024:
        return label(size_range.replace("-", "–"), 24)
    divisor, unit = binary_unit(int(upper))
    low_divisor, low_unit = binary_unit(max(int(lower) - 1, 1))
    if int(upper) % divisor or (int(lower) - 1) % low_divisor:
        return label(size_range.replace("-", "–"), 24)
    low = f"{(int(lower) - 1) // low_divisor}" + (f" {low_unit}" if low_unit != unit else "")
    return f"{low}–{int(upper) // divisor} {unit}"
