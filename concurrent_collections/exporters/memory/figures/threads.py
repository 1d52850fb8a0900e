"""What each thread did, and which thread freed what another had allocated."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ....profiling.report import MemoryProfilerReport, ThreadMemoryStats
from ..._format import binary_unit, format_bytes, format_count
from ...figures.plot import Figure, Trace, axis, label, layout
from ...theme import SERIES

__all__ = ["cross_thread_flow", "thread_activity"]

MAX_THREADS = 16
"""More threads than this are shown by name, those whose names differ in their numbers only as one."""
MAX_FLOWS = 40


@dataclass
class _Bar:
    """One thread, or all of a name."""

    name: str
    alloc_count: int = 0
    free_count: int = 0
    alloc_bytes: int = 0
    free_bytes: int = 0
    threads: int = 0

    def add(self, other: ThreadMemoryStats | _Bar, threads: int = 1) -> None:
        self.alloc_count += other.alloc_count
        self.free_count += other.free_count
        self.alloc_bytes += other.alloc_bytes
        self.free_bytes += other.free_bytes
        self.threads += threads

    @property
    def label(self) -> str:
        return label(self.name) if self.threads == 1 else f"{label(self.name)} ×{self.threads:,}"


def group_name(name: str | None) -> str:
    """What threads of one kind are called together: ``worker-*`` of ``worker-17``."""
    return re.sub(r"\d+", "*", name) if name else "unnamed threads"


def _bars(threads: Sequence[ThreadMemoryStats]) -> list[_Bar]:
    """A bar for each thread, or for each name where there are too many; the smallest of those are one bar."""
    if len(threads) <= MAX_THREADS:
        bars = [_Bar(thread_name(thread.thread_name, thread.thread_id)) for thread in threads]
        for bar, thread in zip(bars, threads, strict=True):
            bar.add(thread)
    else:
        groups: dict[str, _Bar] = {}
        for thread in threads:
            name = group_name(thread.thread_name)
            groups.setdefault(name, _Bar(name)).add(thread)
        bars = list(groups.values())
    bars.sort(key=lambda bar: -(bar.alloc_count + bar.free_count))
    if len(bars) > MAX_THREADS:
        rest = _Bar("others")
        for bar in bars[MAX_THREADS:]:
            rest.add(bar, bar.threads)
        bars[MAX_THREADS:] = [rest]
    return bars


def thread_activity(report: MemoryProfilerReport) -> Figure | str:
    """For each thread, or name of threads: how many blocks, and how many bytes, were allocated and freed."""
    if not report.thread_stats:
        return "Threads were not told apart. Enable with track_per_thread=True."
    shown = _bars(report.thread_stats)
    names = [bar.label for bar in shown]
    positions = list(range(len(shown)))
    divisor, unit = binary_unit(max(max(bar.alloc_bytes, bar.free_bytes) for bar in shown))

    def bars(name: str, what: str, color: str, where: str, scale: float, text: Callable[[float | None], str]) -> Trace:
        values = [getattr(bar, what) for bar in shown]
        return {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "x": [value / scale for value in values],
            "y": positions,
            "xaxis": where,
            "marker": {"color": color},
            "customdata": [[names[index], text(value)] for index, value in enumerate(values)],
            "hovertemplate": f"%{{customdata[0]}}<br>{name} %{{customdata[1]}}<extra></extra>",
            "legendgroup": name,
            "showlegend": where == "x",
        }

    data = [
        bars("allocated", "alloc_count", "@alloc", "x", 1, format_count),
        bars("freed", "free_count", "@free", "x", 1, format_count),
        bars("allocated", "alloc_bytes", "@alloc", "x2", divisor, format_bytes),
        bars("freed", "free_bytes", "@free", "x2", divisor, format_bytes),
    ]
    figure_layout = layout(
        barmode="group",
        bargap=0.3,
        xaxis=axis("blocks", domain=[0, 0.48], tickformat="~s", nticks=5),
        xaxis2=axis(f"bytes ({unit})", domain=[0.52, 1], nticks=5),
        yaxis=axis(
            "",
            tickmode="array",
            tickvals=positions,
            ticktext=names,
            autorange="reversed",
            showgrid=False,
            zeroline=False,
        ),
        margin={"l": 120, "r": 24, "t": 28, "b": 44},
    )
    busiest = shown[0]
    description = (
        f"{len(report.thread_stats)} threads; the busiest, {names[0]}, made "
        f"{format_count(busiest.alloc_count)} allocations."
    )
    return Figure(data, figure_layout, 130 + 34 * len(shown), description)


def thread_name(name: str | None, thread_id: int) -> str:
    """The thread's name, or its number where it has none."""
    return name or f"thread {thread_id}"


# Who frees what another allocated -------------------------------------------------------------------------------------


@dataclass
class _Flow:
    """Blocks that went from one thread to another, or from the threads of one name to those of another."""

    source: str | int
    target: str | int
    count: int = 0
    bytes: int = 0


def _flows(report: MemoryProfilerReport) -> tuple[list[_Flow], dict[str | int, str]]:
    """The flows, largest first, and the names of their ends; by thread, or by name where there are too many."""
    given = [flow for flow in report.cross_thread_flows if flow.count > 0]
    names: dict[str | int, str] = {}

    def end(thread_id: int, name: str | None) -> str | int:
        key = thread_id if len(given) <= MAX_FLOWS else group_name(name)
        names.setdefault(key, thread_name(name, thread_id) if key == thread_id else str(key))
        return key

    merged: dict[tuple[str | int, str | int], _Flow] = {}
    for flow in given:
        source, target = (
            end(flow.alloc_thread_id, flow.alloc_thread_name),
            end(flow.free_thread_id, flow.free_thread_name),
        )
        one = merged.setdefault((source, target), _Flow(source, target))
        one.count += flow.count
        one.bytes += flow.bytes
    return sorted(merged.values(), key=lambda flow: -flow.count), names


def _left_out(flows: Sequence[_Flow]) -> list[str]:
    """What the diagram does not show, in a sentence."""
    if not flows:
        return []
    blocks, size = sum(flow.count for flow in flows), sum(flow.bytes for flow in flows)
    return [f"{len(flows):,} smaller flows with {format_count(blocks)} blocks, {format_bytes(size)}, are not drawn."]


def cross_thread_flow(report: MemoryProfilerReport) -> Figure | str:
    """A Sankey diagram: who allocated the blocks (left), and which other thread freed them (right)."""
    if report.cross_thread_free_count is None:
        return "Cross-thread frees were not tracked. Enable with track_cross_thread=True."
    flows, ends = _flows(report)
    if not flows:
        if report.cross_thread_free_count:
            return (
                f"{format_count(report.cross_thread_free_count)} cross-thread frees; the threads were not told apart. "
                "Enable with track_per_thread=True."
            )
        return "No block was freed by another thread than the one that allocated it."
    shown = flows[:MAX_FLOWS]
    nodes: dict[tuple[str, str | int], int] = {}
    threads: dict[str | int, int] = {}
    for flow in shown:
        for side, key in (("from", flow.source), ("to", flow.target)):
            nodes.setdefault((side, key), len(nodes))
            threads.setdefault(key, len(threads))
    colors = [threads[key] % SERIES for _, key in nodes]
    sources = [nodes["from", flow.source] for flow in shown]
    sankey: Trace = {
        "type": "sankey",
        "arrangement": "snap",
        "valueformat": ",d",
        "node": {
            "label": [label(ends[key]) for _, key in nodes],
            "color": [f"@series{color}" for color in colors],
            "pad": 22,
            "thickness": 16,
            "line": {"width": 0},
            "hovertemplate": "%{label}: %{value} blocks<extra></extra>",
        },
        "link": {
            "source": sources,
            "target": [nodes["to", flow.target] for flow in shown],
            "value": [flow.count for flow in shown],
            "color": [f"@link{colors[source]}" for source in sources],
            "customdata": [format_bytes(flow.bytes) for flow in shown],
            "hovertemplate": "%{source.label} → %{target.label}<br>%{value} blocks, %{customdata}<extra></extra>",
        },
        "textfont": {"color": "@text", "size": 12, "shadow": "none"},
    }
    left = sum(1 for side, _ in nodes if side == "from")
    annotations = [_heading("allocated by", 0, "left"), _heading("freed by", 1, "right")]
    figure_layout = layout(margin={"l": 16, "r": 16, "t": 30, "b": 12}, annotations=annotations)
    description = (
        f"{format_count(report.cross_thread_free_count)} cross-thread frees; the largest flow has "
        f"{format_count(flows[0].count)} blocks."
    )
    height = max(260, 90 + 42 * max(left, len(nodes) - left))
    return Figure([sankey], figure_layout, height, description, _left_out(flows[MAX_FLOWS:]))


def _heading(text: str, x: int, anchor: str) -> dict[str, Any]:
    return {
        "text": text,
        "x": x,
        "y": 1,
        "xref": "paper",
        "yref": "paper",
        "xanchor": anchor,
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": "@muted", "size": 12},
    }
