"""The flame graph: live bytes by call stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....profiling.report import AllocationSite, MemoryProfilerReport
from ..._format import format_bytes, format_count, format_percent
from ...figures.plot import Figure, Trace, label, layout
from ...stacks import StackTree
from ...theme import SERIES
from ..sites import NO_FRAME, parse_frame

__all__ = ["flame_graph"]

MAX_FLAME_NODES = 1200
MAX_FLAME_DEPTH = 40


@dataclass
class _Node:
    frame: str
    parent: int
    depth: int
    bytes: int
    count: int
    held: int


def flame_graph(report: MemoryProfilerReport) -> Figure | str:
    """Live bytes by call stack: callers above, callees below, width by bytes. A click zooms in."""
    sites = [site for site in report.live_sites if site.bytes > 0]
    if not sites:
        if report.leaked_bytes is None and not report.live_sites:
            return "Call stacks were not captured. Enable with detect_leaks=True, capture_stacks=True."
        return "No block was still allocated when the report was made."
    if not any(len(site.stack_trace) > 1 for site in sites):
        return "Call stacks were not captured. Enable with capture_stacks=True."
    nodes, hidden = _call_tree(sites)
    total = nodes[0].bytes
    modules: dict[str, int] = {}
    labels, colors, hover = [], [], []
    for node in nodes:
        frame = parse_frame(node.frame)
        labels.append(label(f"{frame.function} · {frame.base_name}:{frame.line}" if frame.file else node.frame, 60))
        if node.held * 2 > node.bytes:
            colors.append("@flame-held")
        elif node.parent < 0:
            colors.append("@faint")
        else:
            colors.append(f"@flame{modules.setdefault(frame.file or node.frame, len(modules)) % SERIES}")
        hover.append(
            f"{label(node.frame, 110)}<br><b>{format_bytes(node.bytes)}</b> in {format_count(node.count)} blocks,"
            f" {format_percent(node.bytes / total)} of what is alive"
        )
    icicle: Trace = {
        "type": "icicle",
        "ids": [str(index) for index in range(len(nodes))],
        "labels": labels,
        "parents": ["" if node.parent < 0 else str(node.parent) for node in nodes],
        "values": [node.bytes for node in nodes],
        "branchvalues": "total",
        "customdata": hover,
        "hovertemplate": "%{customdata}<extra></extra>",
        "texttemplate": "%{label}",
        "textfont": {"size": 12, "color": "@text"},
        "marker": {"colors": colors, "line": {"color": "@surface", "width": 1}},
        "tiling": {"orientation": "v", "pad": 0},
        "pathbar": {"visible": True, "thickness": 20, "textfont": {"size": 12, "color": "@text"}},
        "root": {"color": "@faint"},
        "leaf": {"opacity": 1},
        "sort": True,
    }
    depth = max(node.depth for node in nodes) + 1
    figure_layout = layout(margin={"l": 8, "r": 8, "t": 28, "b": 8}, uniformtext={"minsize": 11, "mode": "hide"})
    description = f"{format_bytes(total)} alive, from {format_count(len(sites))} call stacks."
    captions = [f"{hidden:,} smaller frames are not drawn; their bytes are in their callers."] if hidden else []
    return Figure([icicle], figure_layout, 60 + 26 * max(depth, 4), description, captions)


def _call_tree(sites: Sequence[AllocationSite]) -> tuple[list[_Node], int]:
    """The largest ``MAX_FLAME_NODES`` nodes of the tree of calls, parents first, and how many are left out.

    A node's bytes include its callees', so what is left out still counts in the callers. A parent is never smaller
    than its callee, and comes before it: the largest nodes are a tree.
    """
    tree = StackTree()
    indexes = [tree.add(site.stack_trace or [NO_FRAME]) for site in sites]
    sizes, counts, held = [0] * len(tree), [0] * len(tree), [0] * len(tree)
    for index, site in zip(indexes, sites, strict=True):
        sizes[index] += site.bytes
        counts[index] += site.count
        held[index] += site.bytes if site.held_by_interpreter else 0
    for index in range(len(tree) - 1, 0, -1):  # callees come after their callers
        caller = index - tree.back[index]
        sizes[caller] += sizes[index]
        counts[caller] += counts[index]
        held[caller] += held[index]
    smallest = sizes[0] / 2000  # narrower than a pixel
    kept = [index for index, size in enumerate(sizes) if size >= smallest]
    kept.sort(key=lambda index: (-sizes[index], index))
    chosen = [_Node("all live blocks", -1, 0, sizes[0], counts[0], held[0])]
    places = {0: 0}
    for index in kept[1:]:
        parent = places.get(index - tree.back[index])
        if parent is None or chosen[parent].depth == MAX_FLAME_DEPTH:
            continue
        if len(chosen) == MAX_FLAME_NODES:
            break
        places[index] = len(chosen)
        frame = tree.frames[tree.frame[index]]
        chosen.append(_Node(frame, parent, chosen[parent].depth + 1, sizes[index], counts[index], held[index]))
    return chosen, len(tree) - len(chosen)
