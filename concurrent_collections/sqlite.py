"""The public path of :mod:`concurrent_collections.memory.sqlite`."""

from .memory.sqlite import *
from .memory.sqlite import __all__ as __all__
