"""Gauges of internal and external fragmentation."""

from __future__ import annotations

from ....profiling.report import MemoryProfilerReport
from ..._format import finite, format_percent
from ...figures.plot import Figure, Trace, layout

__all__ = ["fragmentation_gauge"]


def fragmentation_gauge(report: MemoryProfilerReport) -> Figure | str:
    """Two gauges: padding inside live blocks, and free memory between them."""
    known = [
        (title, ratio)
        for title, value in (
            ("inside blocks", report.fragmentation.internal_fragmentation),
            ("between blocks", report.fragmentation.external_fragmentation),
        )
        if (ratio := finite(value)) is not None
    ]
    if not known:
        return "Fragmentation is not known: no heap could be read."
    data: list[Trace] = []
    width = 1 / len(known)
    for index, (title, ratio) in enumerate(known):
        color = "@good" if ratio < 0.2 else "@warning" if ratio < 0.5 else "@serious"
        data.append(
            {
                "type": "indicator",
                "mode": "gauge+number",
                "value": round(ratio * 100, 1),
                "number": {"suffix": " %", "font": {"color": "@text", "size": 21}},
                "title": {"text": title, "font": {"color": "@muted", "size": 13}},
                "domain": {"x": [index * width + 0.06, (index + 1) * width - 0.06], "y": [0.05, 0.78]},
                "gauge": {
                    "axis": {
                        "range": [0, 100],
                        "tickvals": [20, 50],
                        "ticksuffix": " %",
                        "tickcolor": "@border",
                        "tickfont": {"color": "@muted", "size": 10},
                    },
                    "bar": {"color": color, "thickness": 0.62},
                    "bgcolor": "rgba(0,0,0,0)",
                    "borderwidth": 0,
                    "steps": [
                        {"range": [0, 20], "color": "@good-soft"},
                        {"range": [20, 50], "color": "@warning-soft"},
                        {"range": [50, 100], "color": "@serious-soft"},
                    ],
                },
            }
        )
    figure_layout = layout(margin={"l": 20, "r": 20, "t": 30, "b": 8})
    return Figure(data, figure_layout, 180, "; ".join(f"{title} {format_percent(ratio)}" for title, ratio in known))
