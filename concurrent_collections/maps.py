"""The public path of :mod:`concurrent_collections.containers.maps`."""

from .containers.maps import *
from .containers.maps import __all__ as __all__
