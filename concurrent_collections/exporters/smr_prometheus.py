"""The former path of what :mod:`.prometheus` has for reclamation reports."""

from .prometheus import MAX_LABELS as MAX_DOMAIN_LABELS, SMRCollector, prometheus_text as smr_prometheus_text
from .reclamation.metrics import DELAY_BOUNDS_NS

__all__ = ["DELAY_BOUNDS_NS", "MAX_DOMAIN_LABELS", "SMRCollector", "smr_prometheus_text"]
