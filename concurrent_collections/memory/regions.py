"""Regions of memory as objects: see :mod:`concurrent_collections.memory`, which exports them.

What all of them share: blocks have the buffer protocol, so ``memoryview(block)`` and ``numpy.frombuffer(block)`` show
the memory itself. Memory that such a view shows is never taken back: the call that would do it raises BufferError and
changes nothing. Blocks whose memory was taken back raise ValueError when they are used.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from .. import _core
from .._arguments import checked_flag, checked_int

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from _typeshed import ReadableBuffer

__all__ = ["Arena", "ArenaStatus", "Block", "Heap", "HeapStatus", "MappedFile", "Mark", "Pool", "PoolStatus"]

Block = _core.Block
Mark = _core.Mark

_MOST = 1 << 60


@dataclass(frozen=True)
class ArenaStatus:
    """Bytes and counts of an :class:`Arena`."""

    used: int
    """Bytes allocated, with the gaps that align them."""
    reserved: int
    """Bytes that the arena holds."""
    blocks: int
    """Pieces that they come in."""


@dataclass(frozen=True)
class HeapStatus:
    """Bytes and counts of a :class:`Heap`."""

    reserved: int
    """Bytes that the heap holds."""
    blocks: int
    """Pieces that they come in."""
    allocations: int


@dataclass(frozen=True)
class PoolStatus:
    """Bytes and counts of a :class:`Pool`."""

    block_size: int
    stride: int
    """Bytes from one block to the next."""
    blocks: int
    """Blocks that there are."""
    live: int
    """Blocks that are in use."""
    chunks: int
    reserved: int
    """Bytes that the pool holds."""


class Arena(_core.Arena):
    """Memory that is forgotten together: allocating moves a pointer, a rewind or reset takes back all at once.

    start_size: bytes of the first piece of memory; each further one is twice as large, up to 1 MiB, or as large as an
    allocation needs. allocator: one of ``allocators.backends``; None: libcc's own, whose figures are in ``alloc_stats``
    and in profiles.

    An arena belongs to the thread that made it; any other gets RuntimeError from all methods, until it calls
    ``adopt()``. Blocks may be used, and dropped, by any thread. ``with Arena() as arena: …`` closes it at the end.

    >>> from concurrent_collections import memory
    >>> with memory.Arena() as arena:
    ...     with arena.mark():
    ...         block = arena.alloc(5)
    ...         block[0:5] = b"hello"
    ...         bytes(block)
    ...     block.alive
    b'hello'
    False
    """

    __slots__ = ("__weakref__",)

    def __init__(self, start_size: int = 4096, *, allocator: str | None = None) -> None:
        super().__init__(checked_int("start_size", start_size, 1, _MOST), _checked_allocator(allocator))

    def alloc(self, size: int, *, alignment: int = 16) -> _core.Block:
        """A block of ``size`` zeros, at a multiple of ``alignment``, a power of two."""
        return self._alloc(checked_int("size", size, 1, _MOST), _checked_alignment(alignment))

    def copy(self, data: ReadableBuffer) -> _core.Block:
        """A block with the bytes of ``data``."""
        return _copied(self, data)

    def status(self) -> ArenaStatus:
        """The figures now."""
        return ArenaStatus(**self._status())


class Heap(_core.Heap):
    """A stack of allocations with checkpoints: the latest can be taken back, or all since a checkpoint.

    start_size: bytes of the first piece of memory; each further one is twice as large, up to standard_size, and a
    larger allocation gets one of its own. allocator, threads and ``with``: as for :class:`Arena`. Unlike an arena it
    gives memory back as soon as a piece is empty.

    >>> from concurrent_collections import memory
    >>> with memory.Heap() as heap:
    ...     _ = heap.copy(b"stays")
    ...     with heap.checkpoint():
    ...         _ = heap.alloc(100_000)
    ...     bytes(heap.top())
    b'stays'
    """

    __slots__ = ("__weakref__",)

    def __init__(self, start_size: int = 64, *, standard_size: int = 8192, allocator: str | None = None) -> None:
        super().__init__(
            checked_int("start_size", start_size, 1, _MOST),
            checked_int("standard_size", standard_size, 1, _MOST),
            _checked_allocator(allocator),
        )

    def alloc(self, size: int, *, alignment: int = 8) -> _core.Block:
        """A block of ``size`` zeros, at a multiple of ``alignment``, a power of two."""
        return self._alloc(checked_int("size", size, 1, _MOST), _checked_alignment(alignment))

    def copy(self, data: ReadableBuffer) -> _core.Block:
        """A block with the bytes of ``data``."""
        return _copied(self, data)

    def status(self) -> HeapStatus:
        """The figures now."""
        return HeapStatus(**self._status())


class Pool(_core.Pool):
    """Blocks of one size that come and go; a block that is dropped goes back by itself.

    alignment: of blocks, a power of two up to 4096 (default: 16, or 8 for sizes up to 8). blocks: how many the first
    piece of memory has; fixed: there are never more. allocator and ``with``: as for :class:`Arena`. Any thread may use
    a pool.

    >>> from concurrent_collections import memory
    >>> with memory.Pool(64, blocks=10, fixed=True) as pool:
    ...     block = pool.alloc()
    ...     pool.status().live
    ...     pool.free(block)
    1
    """

    __slots__ = ("__weakref__",)

    def __init__(
        self,
        block_size: int,
        *,
        alignment: int | None = None,
        blocks: int | None = None,
        fixed: bool = False,
        allocator: str | None = None,
    ) -> None:
        checked_flag("fixed", fixed)
        super().__init__(
            block_size=checked_int("block_size", block_size, 1, _MOST),
            alignment=0 if alignment is None else _checked_alignment(alignment),
            blocks=0 if blocks is None else checked_int("blocks", blocks, 1, (1 << 32) - 2),
            fixed=fixed,
            allocator=_checked_allocator(allocator),
        )

    def status(self) -> PoolStatus:
        """The figures now. Takes time in proportion to the blocks."""
        return PoolStatus(**self._status())


class MappedFile(_core.MappedFile):
    """A file's bytes as memory, read as they are used: ``len(file)``, ``file[i]``, ``memoryview(file)``.

    ``file[a:b]`` is a view.

    copy_on_write: the bytes can be written; what is written stays in this process and never reaches the file. Any
    thread may use the object. Raises FileNotFoundError, PermissionError, IsADirectoryError, ValueError for an empty
    file, OSError (also for more than 1024 at a time).

    If the file becomes shorter meanwhile, memory behind its new end reads as zeros from then on: a message goes to
    stderr once, and ``truncated`` is True. (With plain ``mmap`` the process would be killed by SIGBUS.) ``read`` raises
    OSError instead. A handler of SIGBUS that is set later, such as ``faulthandler.enable()``'s, is in charge instead.

    >>> import os, tempfile
    >>> from concurrent_collections import memory
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(b"one,two"), file.flush()
    ...     with memory.MappedFile(file.name) as mapped:
    ...         mapped.find(b","), bytes(mapped[4:])
    (3, b'two')
    """

    __slots__ = ("__weakref__", "path")

    def __init__(self, path: str | bytes | os.PathLike[str], *, copy_on_write: bool = False) -> None:
        checked_flag("copy_on_write", copy_on_write)
        self.path = os.fspath(path)
        """As it was given."""
        super().__init__(self.path, copy_on_write)

    def __repr__(self) -> str:
        return f"<MappedFile {self.path!r}{', closed' if self.closed else ''}>"

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        """A copy of ``length`` bytes (default: all) from ``start`` on, out of the file itself.

        Raises OSError when the file has become too short.

        What was written to a copy_on_write map is not in it.
        """
        start = checked_int("start", start, 0, len(self))
        rest = len(self) - start
        return self._read(start, rest if length is None else checked_int("length", length, 0, rest))

    def find(self, part: ReadableBuffer, start: int = 0, end: int | None = None) -> int:
        """Where ``part`` first lies between ``start`` and ``end``, -1 if nowhere, as ``bytes.find``.

        Other threads run meanwhile.
        """
        return self._search(part, start, end, False)

    def rfind(self, part: ReadableBuffer, start: int = 0, end: int | None = None) -> int:
        """Where it lies last."""
        return self._search(part, start, end, True)

    def advise(self, advice: str, start: int = 0, length: int | None = None) -> None:
        """Tell the system how a range will be read: "normal", "sequential", "random", "will need" or "don't need"."""
        if advice not in _core.FILE_ADVICE:
            raise ValueError(f"advice must be one of {', '.join(map(repr, _core.FILE_ADVICE))}, not {advice!r}")
        start = checked_int("start", start, 0, len(self))
        rest = len(self) - start
        self._advise(advice, start, rest if length is None else checked_int("length", length, 0, rest))

    def _search(self, part: ReadableBuffer, start: int, end: int | None, from_end: bool) -> int:
        start, end, _ = slice(start, end).indices(len(self)) if start <= len(self) else (start, end or 0, 0)
        if start > end:
            return -1
        return self._find(part, start, end, from_end)


def _copied(region: Arena | Heap, data: ReadableBuffer) -> _core.Block:
    with memoryview(data) as view, view.cast("B") as source:
        block = region.alloc(len(source))
        block[:] = source
    return block


def _checked_alignment(value: Any) -> int:
    alignment = checked_int("alignment", value, 1, 4096)
    if alignment & (alignment - 1):
        raise ValueError(f"alignment must be a power of two up to 4096, not {value!r}")
    return alignment


def _checked_allocator(value: Any) -> str | None:
    backends = _core.mem_backends()
    if value is not None and not isinstance(value, str):
        raise TypeError(f"allocator must be a string or None, not {value!r}")
    if value is not None and value not in backends:
        raise ValueError(f"allocator must be None or one of {', '.join(backends)}, not {value!r}")
    return value
