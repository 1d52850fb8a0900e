"""What the exporters have for reports of memory."""

from __future__ import annotations

from ...profiling.report import MemoryProfilerReport
from ..kinds import ReportKind
from .metrics import METRICS
from .page import page
from .rows import rows
from .rules import RULES, verdict

__all__ = ["KIND"]

KIND = ReportKind(
    report=MemoryProfilerReport,
    name="a memory report",
    schema="concurrent_collections.memory_report",
    schema_version=2,
    tables=("live_sites",),
    rows=rows,
    metrics=METRICS,
    verdict=verdict,
    rules=RULES,
    page=page,
)
