"""What a report says in one sentence, and what its reader could do: the forms, and the functions for any report.

A rule is a function from a report to a recommendation or None. The rules of a kind of report stand in its folder, with
their thresholds beside them. These are judgements: a rule that fires names its figures, so that a reader may
judge otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from ._format import format_count

__all__ = ["Level", "Recommendation", "Rule", "Severity", "Verdict", "plural", "recommend", "verdict"]

Severity = Literal["serious", "warning", "info"]
Level = Literal["good", "warning", "serious"]
_ORDER: dict[str, int] = {"serious": 0, "warning": 1, "info": 2}


@dataclass(frozen=True)
class Recommendation:
    """One finding: what was seen, what to do about it, and the figures (``name``, ``value``) behind it."""

    rule: str
    severity: Severity
    title: str
    advice: str
    evidence: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """The report in one plain sentence. ``level`` is ``good``, ``warning`` or ``serious``."""

    level: Level
    sentence: str


_Report = TypeVar("_Report")
Rule = Callable[[_Report], "Recommendation | None"]


def verdict(report: Any) -> Verdict:
    """What a report of any kind says, in one sentence."""
    from .kinds import kind_of

    return kind_of(report).verdict(report)


def recommend(report: Any) -> list[Recommendation]:
    """What the rules find, the most serious first. Empty: nothing stands out."""
    from .kinds import kind_of

    found = [finding for rule in kind_of(report).rules if (finding := rule(report)) is not None]
    return sorted(found, key=lambda finding: _ORDER[finding.severity])


def plural(count: int | None, noun: str) -> str:
    """``1 block``, ``2 blocks``."""
    return f"{format_count(count)} {noun}{'' if count == 1 else 's'}"
