"""Renderings of the profilers' reports, memory's and reclamation's.

Each format is a module with a function of a report and nothing else; ``concurrent_collections.profiling.exports`` lists
them.

==============  ====================================================================================
``json``        ``report_to_dict``, ``write_json``, ``read_json``; versioned schema
``csv``         ``write_csv``: one tidy table for spreadsheets and data frames
``html``        ``write_html``, ``render_html``: one self-contained offline page
``prometheus``  ``prometheus_text``; ``MemoryProfilerCollector``, ``SMRCollector`` for live scraping
==============  ====================================================================================

``findings`` has ``verdict`` and ``recommend``: what a report says in a sentence, and the rules that the page and a
terminal share. What is a kind of report's own (its page, rules, metrics and figures) is in the folder of the kind,
``memory`` or ``reclamation``; ``kinds`` says what a kind has.

The names are also available here, and are imported at first use. Importing this package, or any module of it,
imports nothing third-party: ``plotly`` and ``prometheus_client`` are imported by the calls that need them. The former
names ``smr_prometheus_text``, ``smr_recommend`` and ``smr_verdict`` and the former modules' paths still work.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .csv import write_csv
    from .findings import (
        Recommendation,
        Verdict,
        recommend,
        recommend as smr_recommend,
        verdict,
        verdict as smr_verdict,
    )
    from .html import render_html, write_html
    from .json import read_json, report_to_dict, write_json
    from .prometheus import (
        MemoryProfilerCollector,
        SMRCollector,
        prometheus_text,
        prometheus_text as smr_prometheus_text,
    )

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
    "Recommendation": "findings",
    "SMRCollector": "prometheus",
    "Verdict": "findings",
    "prometheus_text": "prometheus",
    "read_json": "json",
    "recommend": "findings",
    "render_html": "html",
    "report_to_dict": "json",
    "verdict": "findings",
    "write_csv": "csv",
    "write_html": "html",
    "write_json": "json",
}
_FORMER = {"smr_prometheus_text": "prometheus_text", "smr_recommend": "recommend", "smr_verdict": "verdict"}


def __getattr__(name: str) -> Any:
    """Import the module that defines ``name`` when it is first asked for (PEP 562)."""
    attribute = _FORMER.get(name, name)
    if attribute not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[attribute]}", __name__), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
