"""The figures of a memory report: one function for each view, from a report to a figure.

A view that has no data gives a line of text in place of a figure: what is missing, and the option that enables it.
Each function bounds the number of points that it gives, whatever the report's size.
"""

from __future__ import annotations

from collections.abc import Callable

from ....profiling.report import MemoryProfilerReport
from ...figures.plot import Figure
from .flame import flame_graph
from .fragmentation import fragmentation_gauge
from .latency import latency_caption, latency_distribution
from .sizes import size_heatmap
from .threads import cross_thread_flow, thread_activity
from .timeline import memory_timeline

__all__ = ["VIEWS", "latency_caption"]

VIEWS: dict[str, tuple[str, Callable[[MemoryProfilerReport], Figure | str]]] = {
    "timeline": ("Memory timeline", memory_timeline),
    "flame": ("Flame graph of live bytes", flame_graph),
    "latency": ("Latency distribution", latency_distribution),
    "fragmentation": ("Fragmentation", fragmentation_gauge),
    "sizes": ("Allocation sizes", size_heatmap),
    "threads": ("Thread activity", thread_activity),
    "flow": ("Cross-thread flow", cross_thread_flow),
}
"""The figures by the id of their place in the page: title and function."""
