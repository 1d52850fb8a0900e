"""The public path of :mod:`concurrent_collections.memory.statistics`."""

from .memory.statistics import *
from .memory.statistics import __all__ as __all__
