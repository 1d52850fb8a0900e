"""What ``config.alloc_stats()`` returns."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AllocStats"]


@dataclass(frozen=True)
class AllocStats:
    """What the runtime (``cc_alloc`` and its kin) allocated since counting was switched on or reset; bytes and counts.

    A snapshot that is taken while other threads allocate is never negative, and exact once they stop.
    """

    alloc_count: int
    free_count: int
    alloc_bytes: int
    free_bytes: int
    current_allocated: int
    """``alloc_bytes - free_bytes``, at least 0."""
    failed_count: int
    """Calls that returned NULL for want of memory or because of a bad argument."""
    unsized_free_count: int
    """Frees without a size; ``free_bytes`` was credited the block's usable size."""
    alloc_block_bytes: int
    """Usable bytes of the blocks, padding included."""
    free_block_bytes: int
    current_block_bytes: int
    thread_count: int
    """Living threads that the runtime has met."""
