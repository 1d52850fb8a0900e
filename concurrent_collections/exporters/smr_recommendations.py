"""The former path of :mod:`.findings` and of the rules of reclamation reports."""

from .findings import recommend as smr_recommend, verdict as smr_verdict
from .reclamation.rules import RULES as SMR_RULES

__all__ = ["SMR_RULES", "smr_recommend", "smr_verdict"]
