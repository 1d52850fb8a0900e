"""For the reports of all profilers: percentiles and buckets of log-spaced counts, and the environment."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from typing import Any

from .. import _core, config

__all__ = ["DECADES", "PERCENTILES", "buckets_of", "environment", "percentile", "relative_error"]

DECADES = 11
"""Log-spaced counts cover 1 ns to 100 s."""

PERCENTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999))


def percentile(counts: Sequence[float], total: float, fraction: float, floor: float) -> float | None:
    """The geometric middle in ns of the bucket in which the rank falls; None where nothing was counted.

    It is at least ``floor``, below which the clock cannot see.
    """
    if total <= 0:
        return None
    rank, seen = fraction * total, 0.0
    for index, count in enumerate(counts):
        seen += count
        if count and seen >= rank:
            return max(floor, 10 ** (DECADES * (index + 0.5) / len(counts)))
    return None


def buckets_of(counts: Sequence[float]) -> list[tuple[float, float, int]]:
    """The non-empty buckets as ``(lower_ns, upper_ns, count)``."""
    step = DECADES / len(counts)
    return [(10 ** (i * step), 10 ** ((i + 1) * step), round(count)) for i, count in enumerate(counts) if count]


def relative_error(buckets: int) -> float:
    """Half the width of one of so many buckets, and of the recorder's own below it."""
    return float(10 ** (DECADES / buckets / 2) * (1 + 2**-8) - 1)


def environment() -> dict[str, Any]:
    """What is profiled: Python, platform, process, command line."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "free_threaded": getattr(sys, "_is_gil_enabled", lambda: True)() is False,
        "platform": _platform(),
        "pid": os.getpid(),
        "command_line": list(getattr(sys, "argv", [])),
        "concurrent_collections": _core.version,
        "allocator": config.allocator,
    }


def _platform() -> str:
    """System, release, machine and C library. ``platform.platform`` would start a process (``uname -p``)."""
    system = os.uname()
    library = "".join(platform.libc_ver())
    return "-".join([system.sysname, system.release, system.machine, *(["with", library] if library else [])])
