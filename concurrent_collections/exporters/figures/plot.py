"""What the figures share: the :class:`Figure` itself, safe labels, and parts in the page's style."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .._format import display
from ..theme import SERIES

__all__ = ["Figure", "Trace", "axis", "groups", "label", "layout", "marked_peak"]

MAX_LABEL = 28

Trace = dict[str, Any]
Point = TypeVar("Point")


@dataclass
class Figure:
    """Plotly's ``data`` and ``layout``, the height in pixels, and the same in words for a reader who cannot see it.

    ``captions`` are sentences that stand beneath it: what it leaves out, what its figures rest on.
    """

    data: list[Trace]
    layout: dict[str, Any]
    height: int
    description: str
    captions: list[str] = field(default_factory=list)


def label(text: object, limit: int = MAX_LABEL) -> str:
    """Text of the profiled program as plotly may show it: one line, shortened, its markup inert."""
    return html.escape(display(text, limit), quote=False)


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis in the page's style; ``more`` adds to it or takes the place of its parts."""
    result: dict[str, Any] = {
        "gridcolor": "@grid",
        "linecolor": "@border",
        "zerolinecolor": "@grid",
        "tickfont": {"color": "@muted"},
        "automargin": True,
    }
    if title:
        result["title"] = {"text": title, "font": {"color": "@muted", "size": 12}, "standoff": 10}
    return {**result, **more}


def groups(points: Sequence[Point], most: int) -> Iterator[Sequence[Point]]:
    """The points in at most ``most`` groups of neighbours, all of one size but the last."""
    step = math.ceil(len(points) / most) or 1
    for start in range(0, len(points), step):
        yield points[start : start + step]


def marked_peak(name: str, time: float | None, value: float, text: str, hover: str, middle: float) -> Trace:
    """The highest point of a timeline with its text, which stands on the side of ``middle`` that has room."""
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": name,
        "x": [time],
        "y": [value],
        "marker": {"color": "@peak", "size": 10, "symbol": "diamond", "line": {"color": "@surface", "width": 1.5}},
        "text": [f"  <b>{text}</b>  "],
        "textposition": "middle right" if time is not None and time < middle else "middle left",
        "textfont": {"color": "@peak", "size": 13},
        "hovertemplate": f"{hover}<extra></extra>",
        "showlegend": False,
        "cliponaxis": False,
    }


def layout(**more: Any) -> dict[str, Any]:
    """A layout in the page's style; ``more`` adds to it or takes the place of its parts."""
    result: dict[str, Any] = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {
            "family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
            "size": 12,
            "color": "@text",
        },
        "margin": {"l": 64, "r": 24, "t": 28, "b": 44},
        "hoverlabel": {
            "bgcolor": "@raised",
            "bordercolor": "@border",
            "font": {"color": "@text", "size": 12},
            "align": "left",
            "namelength": -1,
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "xanchor": "left",
            "yanchor": "bottom",
            "font": {"color": "@muted"},
            "bgcolor": "rgba(0,0,0,0)",
        },
        "colorway": [f"@series{index}" for index in range(SERIES)],
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "@muted", "activecolor": "@text"},
        "uirevision": "keep",
    }
    return {**result, **more}
