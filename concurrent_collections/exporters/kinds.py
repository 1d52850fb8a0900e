"""What an exporter has to know of a kind of report: one descriptor a report class.

A report class names its kind in ``kind``; ``exporters/<kind>/`` holds all that is its own and has the descriptor as
``KIND``. The functions of the formats (in ``json``, ``csv``, ``html``, ``prometheus``) render any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar

from ._metrics import Metrics
from ._page import Page
from ._rows import Row
from .findings import Rule, Verdict

__all__ = ["ReportKind", "kind_of"]

Report = TypeVar("Report")


@dataclass(frozen=True)
class ReportKind(Generic[Report]):
    """All that the exporters know of one report class."""

    report: type[Report]
    name: str
    """As a sentence names it: ``a memory report``."""
    schema: str
    """The name of its JSON schema."""
    schema_version: int
    tables: Sequence[str]
    """The fields that may have 100,000 items with call stacks: JSON has them as tables."""
    rows: Callable[[Report], Iterator[Row]]
    """The rows of the CSV table."""
    metrics: Metrics[Report]
    """Prometheus' metric families."""
    verdict: Callable[[Report], Verdict]
    """The report in one sentence."""
    rules: Sequence[Rule[Report]]
    """What it may recommend."""
    page: Callable[[Report], Page]
    """The HTML page."""


def kind_of(report: object) -> ReportKind[Any]:
    """The descriptor of a report or a report class. Raises TypeError for what is neither."""
    kind = getattr(report, "kind", None)
    if not isinstance(kind, str):
        raise TypeError(f"expected a report, not {type(report).__name__}")
    descriptor: ReportKind[Any] = import_module(f".{kind}", __package__).KIND
    return descriptor
