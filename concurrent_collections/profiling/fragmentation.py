"""The figures of fragmentation: live blocks against their size classes, and what each heap tells of itself."""

from __future__ import annotations

import re
import sys
from typing import Any

from .. import _core
from .report import FragmentationMetrics

_POOL_BYTES_LINE = re.compile(r"^\s*(\d+) unused pools \* (\d+) bytes\s*=\s*([\d,]+)", re.MULTILINE)
_CLASS_LINE = re.compile(r"^\s+\d+\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*$", re.MULTILINE)
_ARENA_LINE = re.compile(r"^(\d+) arenas \* (\d+) bytes/arena\s*=\s*([\d,]+)", re.MULTILINE)


def _python_heap(text: str) -> dict[str, int] | None:
    """The state of CPython's small-object allocator (obmalloc), from its own text; None where that tells nothing."""
    arenas = _ARENA_LINE.search(text)
    pools = _POOL_BYTES_LINE.search(text)
    if arenas is None or pools is None:
        return None
    used = available = available_count = largest = 0
    for size, _pools, in_use, free in _CLASS_LINE.findall(text):
        used += int(size) * int(in_use)
        available += int(size) * int(free)
        available_count += int(free)
        if int(free):
            largest = max(largest, int(size))
    unused_pools, pool_size = int(pools[1]), int(pools[2])
    return {
        "committed": int(arenas[3].replace(",", "")),
        "used": used,
        "free": available + unused_pools * pool_size,
        "free_count": available_count + unused_pools,
        "largest": pool_size if unused_pools else largest,
    }


def measure(domains: dict[str, Any], current: int, block_bytes: int, runtime_is_complete: bool) -> FragmentationMetrics:
    """Fragmentation now.

    ``current`` and ``block_bytes`` are of the profile's live blocks; ``domains`` names what is seen.

    ``runtime_is_complete`` says that the runtime's statistics know all its live blocks, so that its committed bytes can
    be set against them.
    """
    sources: dict[str, str] = {}
    internal = None
    if block_bytes > 0:
        internal = max(0.0, 1 - current / block_bytes)
        sources["internal_fragmentation"] = "estimate: requested bytes of live blocks against their size classes"
    used = free = committed = 0
    free_count = largest = None
    python_heap = None
    if domains.keys() & {"mem", "object"}:
        python_heap = _python_heap(_core.object_heap_text())
    if python_heap is not None:
        used += python_heap["used"]
        free += python_heap["free"]
        committed += python_heap["committed"]
        free_count, largest = python_heap["free_count"], python_heap["largest"]
        sources["free_blocks"] = "CPython's small-object allocator (sys._debugmallocstats), whole process"
    if "runtime" in domains and runtime_is_complete and (heap := _core.heap_bytes()) is not None:
        live = _core.alloc_stats()["current_block_bytes"]
        used += live
        free += max(0, heap[0] - live)
        committed += heap[0]
        sources["runtime"] = "estimate: mimalloc's committed bytes, which lag, against the runtime's live block bytes"
    if committed == 0:
        reason = (
            "unknown: a free-threaded interpreter tells nothing of its heaps"
            if "t" in sys.abiflags
            else "unknown: no heap that can be read is profiled"
        )
        sources["external_fragmentation"] = reason
        return FragmentationMetrics(internal, None, None, None, None, None, sources)
    sources["external_fragmentation"] = "free bytes of the heaps below against their committed bytes"
    return FragmentationMetrics(
        internal_fragmentation=internal,
        external_fragmentation=free / committed if committed else None,
        largest_free_block=largest,
        free_block_count=free_count,
        utilization=used / (used + free) if used + free else None,
        committed_bytes=committed,
        sources=sources,
    )
