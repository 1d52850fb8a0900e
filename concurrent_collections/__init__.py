"""A memory runtime and a memory profiler for threaded Python, first of all for free-threaded Python.

>>> from concurrent_collections import MemoryProfiler
>>> with MemoryProfiler() as profiler:
...     data = [str(number) for number in range(1000)]
>>> profiler.report().alloc_count > 1000
True
"""

import os as _os

_directory = _os.path.dirname(_os.path.abspath(__file__))

try:
    from . import _core
except ImportError as _error:  # a foreign libcc of our soname shows as a missing symbol
    if "symbol" in str(_error) or "libcc" in str(_error):
        raise ImportError(
            f"concurrent_collections found a libcc that it was not built with (another libcc of the same name may "
            f"have been loaded first, or the package was not installed with pip): {_error}"
        ) from _error
    if not any(_name.startswith("_core.") and not _name.endswith(".pyi") for _name in _os.listdir(_directory)):
        raise ImportError(
            f"concurrent_collections was imported from its source tree ({_directory}), where the extension is not "
            f"built: install it with pip, and run Python from another directory or with -P"
        ) from _error
    raise

_core.set_package_directory(_directory)

from . import config  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import memory, sqlite
    from .containers.maps import SkipListMap, TreeMap
    from .containers.queues import LockFreeQueue, LockFreeStack
    from .containers.sets import SkipListSet
    from .profiling.profiler import MemoryProfiler
    from .profiling.reclamation import SMRProfiler
    from .profiling.reclamation_report import SMRProfilerReport
    from .profiling.report import (
        AllocationRecord,
        FragmentationMetrics,
        MemoryProfilerReport,
        SizeHistogram,
        ThreadMemoryStats,
    )

__version__: str = _core.version

__all__ = [
    "AllocationRecord",
    "FragmentationMetrics",
    "LockFreeQueue",
    "LockFreeStack",
    "MemoryProfiler",
    "MemoryProfilerReport",
    "SMRProfiler",
    "SMRProfilerReport",
    "SizeHistogram",
    "SkipListMap",
    "SkipListSet",
    "ThreadMemoryStats",
    "TreeMap",
    "config",
    "memory",
    "sqlite",
]


_HOME = {
    "LockFreeQueue": ".containers.queues",
    "LockFreeStack": ".containers.queues",
    "MemoryProfiler": ".profiling.profiler",
    "SMRProfiler": ".profiling.reclamation",
    "SMRProfilerReport": ".profiling.reclamation_report",
    "SkipListMap": ".containers.maps",
    "SkipListSet": ".containers.sets",
    "TreeMap": ".containers.maps",
}


def __getattr__(name: str) -> object:
    """Loads the rest when it is first used, so that importing the package costs next to nothing (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    if name in ("memory", "sqlite"):
        return importlib.import_module(f".{name}", __name__)
    module = importlib.import_module(_HOME.get(name, ".profiling.report"), __name__)
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
