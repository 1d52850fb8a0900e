"""The public path of :mod:`concurrent_collections.profiling.reclamation_report`."""

from .profiling.reclamation_report import *
from .profiling.reclamation_report import __all__ as __all__
