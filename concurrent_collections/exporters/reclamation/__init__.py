"""What the exporters have for reports of safe memory reclamation."""

from __future__ import annotations

from ...profiling.reclamation_report import SMRProfilerReport
from ..kinds import ReportKind
from .metrics import METRICS
from .page import page
from .rows import rows
from .rules import RULES, verdict

__all__ = ["KIND"]

KIND = ReportKind(
    report=SMRProfilerReport,
    name="an SMR report",
    schema="concurrent_collections.smr_report",
    schema_version=1,
    tables=(),
    rows=rows,
    metrics=METRICS,
    verdict=verdict,
    rules=RULES,
    page=page,
)
