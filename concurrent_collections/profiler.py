"""The public path of :mod:`concurrent_collections.profiling.profiler`."""

from .profiling.profiler import *
from .profiling.profiler import __all__ as __all__
