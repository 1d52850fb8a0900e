"""The former path of :mod:`.findings` and of the rules of memory reports."""

from .findings import Recommendation, Verdict, plural, recommend, verdict
from .memory.rules import NEGLIGIBLE_LEAK, RULES

__all__ = ["NEGLIGIBLE_LEAK", "RULES", "Recommendation", "Verdict", "plural", "recommend", "verdict"]
