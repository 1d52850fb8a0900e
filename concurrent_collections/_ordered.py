"""Where pickles of maps and sets that were made before :mod:`.containers.ordered` look for ``make``."""

from .containers.ordered import make as make
