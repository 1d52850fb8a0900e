"""The public path of :mod:`concurrent_collections.containers.queues`."""

from .containers.queues import *
from .containers.queues import __all__ as __all__
