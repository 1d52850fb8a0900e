"""Renderings of the profilers' reports, memory's and reclamation's: JSON, CSV, Prometheus text and HTML.

One module for each format, each a function of a report and nothing else:

========================  =====================================================================
``json_format``           ``report_to_dict``, ``write_json``, ``read_json``; versioned schema; either report
``csv_format``            ``write_csv``: one tidy table for spreadsheets and data frames; either report
``html``                  ``write_html``, ``render_html``: one self-contained offline page; either report
``prometheus``            ``prometheus_text``; ``MemoryProfilerCollector`` for live scraping
``smr_prometheus``        ``smr_prometheus_text``; ``SMRCollector``: the same for reclamation
``recommendations``       ``recommend``, ``verdict``: the rules that the page and a terminal share
``smr_recommendations``   ``smr_recommend``, ``smr_verdict``: the same for reclamation
========================  =====================================================================

The names are also available here, and are imported at first use. Importing this package, or any module of it,
imports nothing third-party: ``plotly`` and ``prometheus_client`` are imported by the calls that need them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .csv_format import write_csv
    from .html import render_html, write_html
    from .json_format import read_json, report_to_dict, write_json
    from .prometheus import MemoryProfilerCollector, prometheus_text
    from .recommendations import Recommendation, Verdict, recommend, verdict
    from .smr_prometheus import SMRCollector, smr_prometheus_text
    from .smr_recommendations import smr_recommend, smr_verdict

__all__ = [
    "MemoryProfilerCollector",
    "Recommendation",
    "SMRCollector",
    "Verdict",
    "prometheus_text",
    "read_json",
    "recommend",
    "render_html",
    "report_to_dict",
    "smr_prometheus_text",
    "smr_recommend",
    "smr_verdict",
    "verdict",
    "write_csv",
    "write_html",
    "write_json",
]

_HOME = {
    "MemoryProfilerCollector": "prometheus",
    "Recommendation": "recommendations",
    "SMRCollector": "smr_prometheus",
    "Verdict": "recommendations",
    "prometheus_text": "prometheus",
    "read_json": "json_format",
    "recommend": "recommendations",
    "render_html": "html",
    "report_to_dict": "json_format",
    "smr_prometheus_text": "smr_prometheus",
    "smr_recommend": "smr_recommendations",
    "smr_verdict": "smr_recommendations",
    "verdict": "recommendations",
    "write_csv": "csv_format",
    "write_html": "html",
    "write_json": "json_format",
}


def __getattr__(name: str) -> Any:
    """Import the module that defines ``name`` when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
