"""Distributions of times, each as a histogram on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .._format import finite, format_ns
from .plot import Figure, Trace, axis, layout

__all__ = ["Distribution", "distribution_figure", "percentiles"]

BINS_PER_DECADE = 15


@dataclass
class Distribution:
    """One distribution: ``(lower_ns, upper_ns, count)`` buckets, and percentiles as ``(name, ns)``."""

    name: str
    color: str
    what: str
    buckets: Sequence[tuple[float, float, int]]
    percentiles: list[tuple[str, float | None]]


def percentiles(report: object, prefix: str) -> list[tuple[str, float | None]]:
    keys = (("p50", "p50"), ("p95", "p95"), ("p99", "p99"), ("p99.9", "p999"))
    return [(text, finite(getattr(report, f"{prefix}_{key}"))) for text, key in keys]


def distribution_figure(series: Sequence[Distribution], share: str, floor: float | None, description: str) -> Figure:
    """The histograms beneath a lane of percentiles for each; what lies below ``floor`` is shaded."""
    data: list[Trace] = []
    lowest, highest = math.inf, 0.0
    for one in series:
        edges, shares = _rebin(one.buckets)
        if not edges:
            continue
        lowest, highest = min(lowest, edges[0]), max(highest, edges[-1])
        centers = [format_ns(math.sqrt(low * high)) for low, high in pairwise(edges)]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": one.name,
                "x": edges,
                "y": [*shares, 0],
                "line": {"color": f"@{one.color}", "width": 1.5, "shape": "hv"},
                "fill": "tozeroy",
                "fillcolor": f"@{one.color}-soft",
                "customdata": [*centers, ""],
                "hovertemplate": f"{one.name}: %{{y:.2%}} {one.what} about %{{customdata}}<extra></extra>",
            }
        )
    rows = list(range(len(series) - 1, -1, -1))
    data += [trace for row, one in zip(rows, series, strict=True) for trace in _percentile_traces(row, one)]
    left = math.floor(math.log10(max(lowest, 0.1)) * 2) / 2
    right = math.ceil(math.log10(max(highest, 10)) * 2) / 2
    ticks = [exponent for exponent in range(math.ceil(left), math.floor(right) + 1)]
    figure_layout = layout(
        xaxis=axis(
            "",
            type="log",
            range=[left, right],
            tickmode="array",
            tickvals=[10.0**tick for tick in ticks],
            ticktext=[format_ns(10.0**tick) for tick in ticks],
            anchor="y",
        ),
        yaxis=axis(share, domain=[0, 0.68], tickformat=".0%", rangemode="tozero", nticks=5),
        yaxis2=axis(
            "",
            domain=[0.74, 1],
            range=[-0.6, len(series) - 0.4],
            tickmode="array",
            tickvals=rows,
            ticktext=[one.name for one in series],
            showgrid=False,
            zeroline=False,
            fixedrange=True,
        ),
        shapes=[] if floor is None or floor <= 10**left else [_shade(10**left, floor)],
        hovermode="closest",
        legend={"visible": False},
        showlegend=False,
        margin={"l": 64, "r": 24, "t": 12, "b": 36},
    )
    return Figure(data, figure_layout, 380, description)


def _shade(left: float, right: float) -> dict[str, Any]:
    """A grey background behind the histograms between two times."""
    return {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": left,
        "x1": right,
        "y0": 0,
        "y1": 0.68,
        "fillcolor": "@faint",
        "line": {"width": 0},
        "layer": "below",
    }


def _rebin(buckets: Sequence[tuple[float, float, int]]) -> tuple[list[float], list[float]]:
    """Bin edges (one more than shares) on a coarser logarithmic grid, and each bin's share of the samples."""
    usable = [(lower, upper, count) for lower, upper, count in buckets if upper > 0 and count > 0]
    if not usable:
        return [], []
    widest = max(math.log10(upper / max(lower, upper / 2, 1e-3)) for lower, upper, _ in usable)
    per_decade = max(1, min(BINS_PER_DECADE, math.floor(1 / widest))) if widest > 0 else BINS_PER_DECADE
    bins: dict[int, int] = {}
    for lower, upper, count in usable:
        index = math.floor(math.log10(math.sqrt(max(lower, upper / 2, 1e-3) * upper)) * per_decade)
        bins[index] = bins.get(index, 0) + count
    total = sum(bins.values())
    first, last = min(bins), max(bins)
    indexes = range(first, last + 1)
    return [10 ** (index / per_decade) for index in range(first, last + 2)], [
        bins.get(index, 0) / total for index in indexes
    ]


def _percentile_traces(row: int, series: Distribution) -> list[Trace]:
    present = [(text, value) for text, value in series.percentiles if value is not None and value > 0]
    if not present:
        return []
    return [
        {
            "type": "scatter",
            "mode": "lines+markers+text",
            "name": f"{series.name} percentiles",
            "x": [value for _, value in present],
            "y": [row] * len(present),
            "yaxis": "y2",
            "line": {"color": f"@{series.color}", "width": 1},
            "marker": {"color": f"@{series.color}", "size": 9, "line": {"color": "@surface", "width": 1}},
            "text": [f"{text} {format_ns(value)}" for text, value in present],
            # Ascending: the texts of the lower ones end at their points, those of the higher ones begin there.
            # So none overlap.
            "textposition": ["top left", "bottom left", "top right", "bottom right"][-len(present) :],
            "textfont": {"color": "@text", "size": 11},
            "hovertemplate": f"{series.name} %{{text}}<extra></extra>",
            "cliponaxis": False,
        }
    ]
