"""What each thread did, and which thread freed what another had allocated."""

from __future__ import annotations

from collections.abc import Callable

from ....profiling.report import MemoryProfilerReport, ThreadMemoryStats
from ..._format import binary_unit, format_bytes, format_count
from ...theme import SERIES
from ...figures.plot import Figure, Trace, axis, label, layout

__all__ = ["cross_thread_flow", "thread_activity", "thread_label"]

MAX_THREADS = 16
MAX_FLOWS = 40


def thread_activity(report: MemoryProfilerReport) -> Figure | str:
    """For each thread: how many blocks, and how many bytes, it allocated and freed."""
    if not report.thread_stats:
        return "Threads were not told apart. Enable with track_per_thread=True."
    ranked = sorted(report.thread_stats, key=lambda thread: -(thread.alloc_count + thread.free_count))
    shown = ranked[:MAX_THREADS]
    names = [thread_label(thread) for thread in shown]
    hidden = ranked[MAX_THREADS:]
    if hidden:
        rest = ThreadMemoryStats(
            -1,
            None,
            alloc_count=sum(thread.alloc_count for thread in hidden),
            free_count=sum(thread.free_count for thread in hidden),
            alloc_bytes=sum(thread.alloc_bytes for thread in hidden),
            free_bytes=sum(thread.free_bytes for thread in hidden),
            cross_thread_frees_sent=0,
            cross_thread_frees_received=0,
        )
        shown = [*shown, rest]
        names.append(f"{len(hidden)} more")
    positions = list(range(len(shown)))
    divisor, unit = binary_unit(max(max(thread.alloc_bytes, thread.free_bytes) for thread in shown))

    def bars(name: str, what: str, color: str, where: str, scale: float, text: Callable[[float | None], str]) -> Trace:
        values = [getattr(thread, what) for thread in shown]
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
        f"{len(ranked)} threads; the busiest, {names[0]}, made {format_count(busiest.alloc_count)} allocations."
    )
    return Figure(data, figure_layout, 130 + 34 * len(shown), description)


def thread_label(thread: ThreadMemoryStats) -> str:
    """The thread's name, or its number where it has none."""
    return label(thread.thread_name or f"thread {thread.thread_id}")


def cross_thread_flow(report: MemoryProfilerReport) -> Figure | str:
    """A Sankey diagram: who allocated the blocks (left), and which other thread freed them (right)."""
    if report.cross_thread_free_count is None:
        return "Cross-thread frees were not tracked. Enable with track_cross_thread=True."
    flows = sorted((flow for flow in report.cross_thread_flows if flow.count > 0), key=lambda flow: -flow.count)
    if not flows:
        if report.cross_thread_free_count:
            return f"{format_count(report.cross_thread_free_count)} cross-thread frees; the threads were not told apart. Enable with track_per_thread=True."
        return "No block was freed by another thread than the one that allocated it."
    shown = flows[:MAX_FLOWS]
    nodes: dict[tuple[str, int], int] = {}
    names: list[str] = []
    colors: list[int] = []
    threads: dict[int, int] = {}
    for flow in shown:
        for side, thread_id, name in (
            ("from", flow.alloc_thread_id, flow.alloc_thread_name),
            ("to", flow.free_thread_id, flow.free_thread_name),
        ):
            if (side, thread_id) not in nodes:
                nodes[side, thread_id] = len(nodes)
                names.append(label(name or f"thread {thread_id}"))
                colors.append(threads.setdefault(thread_id, len(threads)) % SERIES)
    sources = [nodes["from", flow.alloc_thread_id] for flow in shown]
    sankey: Trace = {
        "type": "sankey",
        "arrangement": "snap",
        "valueformat": ",d",
        "node": {
            "label": names,
            "color": [f"@series{color}" for color in colors],
            "pad": 22,
            "thickness": 16,
            "line": {"width": 0},
            "hovertemplate": "%{label}: %{value} blocks<extra></extra>",
        },
        "link": {
            "source": sources,
            "target": [nodes["to", flow.free_thread_id] for flow in shown],
            "value": [flow.count for flow in shown],
            "color": [f"@link{colors[source]}" for source in sources],
            "customdata": [format_bytes(flow.bytes) for flow in shown],
            "hovertemplate": "%{source.label} → %{target.label}<br>%{value} blocks, %{customdata}<extra></extra>",
        },
        "textfont": {"color": "@text", "size": 12, "shadow": "none"},
    }
    left = sum(1 for side, _ in nodes if side == "from")
    figure_layout = layout(
        margin={"l": 16, "r": 16, "t": 30, "b": 12},
        annotations=[
            {
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
            for text, x, anchor in (("allocated by", 0, "left"), ("freed by", 1, "right"))
        ],
    )
    biggest = flows[0]
    description = f"{format_count(report.cross_thread_free_count)} cross-thread frees; the largest flow has {format_count(biggest.count)} blocks."
    return Figure([sankey], figure_layout, max(260, 90 + 42 * max(left, len(nodes) - left)), description)
