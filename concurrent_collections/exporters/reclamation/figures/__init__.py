"""The figures of a reclamation report: one function for each view, from a report to a figure or to what is missing."""

from __future__ import annotations

from collections.abc import Callable

from ....profiling.reclamation_report import SMRProfilerReport
from ...figures.plot import Figure
from .delay import delay_distribution
from .timeline import reclamation_timeline

__all__ = ["VIEWS"]

VIEWS: dict[str, tuple[str, Callable[[SMRProfilerReport], Figure | str]]] = {
    "pending": ("Retired and not yet freed", reclamation_timeline),
    "delay": ("From retire to free", delay_distribution),
}
"""The figures by the id of their place in the page: title and function."""
