"""The public path of :mod:`concurrent_collections.containers.sets`."""

from .containers.sets import *
from .containers.sets import (
    __all__ as __all__,
    _restore as _restore,  # pickles that were made before look for it here
)
