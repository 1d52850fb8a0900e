"""The public path of :mod:`concurrent_collections.profiling.reclamation`."""

from .profiling.reclamation import *
from .profiling.reclamation import __all__ as __all__
