"""Memory that libcc manages: pluggable allocators, regions, and SQLite on either.

>>> from concurrent_collections import memory
>>> memory.allocators.backends[:3]
('system', 'mimalloc', 'debug')
"""

from .pluggable import (
    AllocatorStatus,
    BufferStatus,
    Debugger,
    MemoryProblem,
    MemoryProblemError,
    allocators,
    debug,
)
from .regions import Arena, ArenaStatus, Block, Heap, HeapStatus, MappedFile, Mark, Pool, PoolStatus

__all__ = [
    "AllocatorStatus", "Arena", "ArenaStatus", "Block", "BufferStatus", "Debugger", "Heap", "HeapStatus", "MappedFile",
    "Mark", "MemoryProblem", "MemoryProblemError", "Pool", "PoolStatus", "allocators", "debug",
]  # fmt: skip
