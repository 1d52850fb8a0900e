"""Allocation sizes in powers of two: a heatmap by allocator domain, and the shares of all blocks and of all bytes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from ....profiling.report import MemoryProfilerReport, SizeHistogram
from ..._format import binary_unit, format_bytes, format_count, format_percent
from ...figures.plot import Figure, Trace, axis, label, layout

__all__ = ["size_heatmap"]

SMALLEST = 3
"""The first row is of sizes up to 2**3."""

_CAPTION = (
    "The bytes of a row are estimated: blocks of each range that was counted are taken to be as large as its middle."
)


@dataclass
class _Row:
    """The sizes up to ``2**power`` and above half of it: blocks by column, and bytes as far as they can be told."""

    name: str
    counts: list[int] = field(default_factory=list)
    bytes: float = 0.0


def size_heatmap(report: MemoryProfilerReport) -> Figure | str:
    """How many allocations asked for how much: sizes down, allocator domains across, on a logarithmic colour scale."""
    histogram = report.size_histogram
    if histogram is None:
        return "Sizes were not tracked. Enable with track_sizes=True."
    columns = [(name, part) for name, part in report.size_histograms.items() if part.total_count]
    columns.append(("all", histogram))
    rows = _rows([part for _, part in columns])
    if not rows:
        return "Nothing was allocated."
    total = max(histogram.total_count, 1)
    all_bytes = max(sum(row.bytes for row in rows), 1)
    count_shares, byte_shares = [row.counts[-1] / total for row in rows], [row.bytes / all_bytes for row in rows]
    data = [
        _heat(rows, total),
        _bars("x2", "@alloc", count_shares, [f"{row.counts[-1]:,} allocations" for row in rows]),
        _bars("x3", "@series1", byte_shares, [f"about {format_bytes(row.bytes)}" for row in rows]),
    ]
    positions = list(range(len(rows)))
    share = {"tickformat": ".0%", "nticks": 3, "rangemode": "tozero", "side": "bottom"}
    figure_layout = layout(
        xaxis=axis(
            "",
            domain=[0, 0.54],
            tickmode="array",
            tickvals=list(range(len(columns))),
            ticktext=[label(name, 16) for name, _ in columns],
            side="top",
            showgrid=False,
            zeroline=False,
        ),
        xaxis2=axis("share of blocks", domain=[0.57, 0.73], **share),
        xaxis3=axis("share of bytes", domain=[0.80, 0.96], **share),
        yaxis=axis(
            "bytes asked for",
            tickmode="array",
            tickvals=positions,
            ticktext=[row.name for row in rows],
            autorange="reversed",
            showgrid=False,
            zeroline=False,
        ),
        margin={"l": 84, "r": 24, "t": 36, "b": 44},
        showlegend=False,
        bargap=0.25,
    )
    most, heaviest = count_shares.index(max(count_shares)), byte_shares.index(max(byte_shares))
    description = (
        f"{histogram.total_count:,} allocations; most, {format_percent(count_shares[most])}, ask for "
        f"{rows[most].name} bytes; the most memory, about {format_percent(byte_shares[heaviest])}, is asked for in "
        f"blocks of {rows[heaviest].name} bytes."
    )
    return Figure(data, figure_layout, 120 + 22 * len(rows), description, [_CAPTION])


def _heat(rows: list[_Row], total: int) -> Trace:
    highest = max(count for row in rows for count in row.counts)
    return {
        "type": "heatmap",
        # Numeric positions: two names that look alike must not become one category.
        "x": list(range(len(rows[0].counts))),
        "y": list(range(len(rows))),
        "z": [[math.log10(count) if count else None for count in row.counts] for row in rows],
        "zmin": 0,
        "zmax": max(1.0, math.log10(highest)),
        "text": [[format_count(count) if count else "" for count in row.counts] for row in rows],
        "texttemplate": "%{text}",
        "textfont": {"size": 11, "color": "@text"},
        "customdata": [
            [f"{count:,} allocations, {format_percent(count / total)} of all" for count in row.counts] for row in rows
        ],
        "hovertemplate": "%{y} in %{x}<br>%{customdata}<extra></extra>",
        "colorscale": [[0, "@heat0"], [0.4, "@heat1"], [0.75, "@heat2"], [1, "@heat3"]],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hoverongaps": False,
    }


def _bars(where: str, color: str, shares: list[float], told: list[str]) -> Trace:
    return {
        "type": "bar",
        "orientation": "h",
        "x": shares,
        "y": list(range(len(shares))),
        "xaxis": where,
        "marker": {"color": color},
        "text": [format_percent(share) if share >= 0.02 else "" for share in shares],
        "textposition": "outside",
        "textfont": {"color": "@muted", "size": 11},
        "cliponaxis": False,
        "customdata": [f"{text}, {format_percent(share)} of all" for text, share in zip(told, shares, strict=True)],
        "hovertemplate": "%{y}: %{customdata}<extra></extra>",
        "showlegend": False,
    }


def _rows(columns: list[SizeHistogram]) -> list[_Row]:
    """From the smallest size that occurs to the largest, none left out; the last of ``columns`` is of all domains."""
    counts: list[dict[int, int]] = []
    sizes: dict[int, float] = {}
    for histogram in columns:
        powers: dict[int, int] = {}
        sizes = {}
        for size_range, count in histogram.buckets.items():
            bounds = re.fullmatch(r"(?:(\d+)-)?(\d+)", size_range)
            if bounds is None or not count:
                continue
            upper = int(bounds[2])
            power = max(SMALLEST, (upper - 1).bit_length()) if upper else 0
            powers[power] = powers.get(power, 0) + count
            sizes[power] = sizes.get(power, 0.0) + count * (int(bounds[1] or upper) + upper) / 2
        counts.append(powers)
    used = counts[-1]
    if not used:
        return []
    shown = [power for power in range(min(used), max(used) + 1) if power in used or power >= SMALLEST]
    scale = columns[-1].total_bytes / (sum(sizes.values()) or 1)
    return [
        _Row(_name(power), [column.get(power, 0) for column in counts], sizes.get(power, 0.0) * scale)
        for power in shown
    ]


def _name(power: int) -> str:
    """The range of a row: ``33–64``, ``1–2 KiB``; ``0`` by itself."""
    if power <= SMALLEST:
        return f"1–{2**SMALLEST}" if power else "0"
    lower, upper = 2 ** (power - 1), 2**power
    if upper < 1024:
        return f"{lower + 1}–{upper}"
    divisor, unit = binary_unit(upper)
    low_divisor, low_unit = binary_unit(lower)
    low = f"{lower // low_divisor}" + (f" {low_unit}" if low_unit != unit else "")
    return f"{low}–{upper // divisor} {unit}"
