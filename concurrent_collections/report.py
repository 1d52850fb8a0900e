"""The public path of :mod:`concurrent_collections.profiling.report`."""

from .profiling.report import *
from .profiling.report import __all__ as __all__
