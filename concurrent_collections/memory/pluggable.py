"""Pluggable allocators: choose one for C code that calls ``cc_mem_malloc``, read its status, set limits, look for
errors.

>>> from concurrent_collections import memory
>>> memory.allocators.backends[:3]
('system', 'mimalloc', 'debug')
>>> memory.allocators.configure("buddy", buffer_bytes=1 << 20)
>>> memory.allocators.status().current
0
>>> memory.allocators.shutdown()

Python's own objects never come from here. SQLite can: see :mod:`concurrent_collections.sqlite`.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass

from .. import _core
from .._arguments import checked_choice, checked_flag, checked_int

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = [
    "AllocatorStatus", "BufferStatus", "Debugger", "MemoryProblem", "MemoryProblemError", "allocators", "debug",
]  # fmt: skip

_MOST = 1 << 62


@dataclass(frozen=True)
class AllocatorStatus:
    """What the core's blocks come to; bytes are those that may be used, which may be more than was asked for."""

    current: int
    high_water: int
    """The most that ``current`` was; exact, also under threads."""
    count: int
    """Blocks allocated; resizing a block is none."""
    current_count: int
    highest_count: int
    largest: int
    """The largest size asked for, refused ones included."""
    failed: int
    """Requests that got no memory."""


@dataclass(frozen=True)
class BufferStatus:
    """How full the buffer of a ``static`` or ``buddy`` allocator is; bytes and counts."""

    capacity: int
    used: int
    """Live blocks, with their headers."""
    peak_used: int
    live_blocks: int
    free_blocks: int
    """Pieces that the free memory lies in."""
    largest_free: int
    """The largest request that would be met now."""
    failed: int


@dataclass(frozen=True)
class MemoryProblem:
    """One thing that the ``debug`` allocator found."""

    kind: str
    """overrun, underrun, double free, foreign free, use after free, or leak."""
    address: int
    bytes: int
    """Of the block as asked for; of a leak's blocks together."""
    blocks: int
    distance: int
    """Bytes between the block (its end for an overrun, else its beginning) and what was written or freed."""
    title: str
    text: str
    """All of it, with the stacks of allocation and free."""

    def __str__(self) -> str:
        """The text."""
        return self.text.rstrip("\n")


class MemoryProblemError(AssertionError):
    """Raised at the end of :func:`debug`; ``problems`` tells what was found."""

    def __init__(self, problems: list[MemoryProblem]) -> None:
        self.problems = problems
        super().__init__("\n\n".join(map(str, problems)))


class _Allocators:
    """The one core of the process; see :data:`allocators`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._arguments: tuple[Any, ...] | None = None  # of the last configure, None since a shutdown

    def __repr__(self) -> str:
        return f"<allocators: {self.backend}>"

    @property
    def backends(self) -> tuple[str, ...]:
        """The names of all backends."""
        return tuple(_core.mem_backends())

    @property
    def backend(self) -> str:
        """The name of the one in use or configured."""
        return _core.mem_configured()

    def configure(
        self,
        backend: str = "mimalloc",
        *,
        status: bool = True,
        buffer_bytes: int | None = None,
        min_block: int | None = None,
        debug_below: str = "system",
        frames: int = 16,
        quarantine_bytes: int | None = None,
    ) -> None:
        """Choose the backend of ``cc_mem_malloc`` and set up the one that SQLite can be given by the same name.

        status: count and heed limits; without, calls cost what the backend costs. buffer_bytes: for static and buddy,
        64 MiB by default. min_block: for buddy, the smallest block, 16 by default. debug_below: what the debug backend
        takes its memory from; frames: how much of each stack it keeps, 0 to 32 (0: none, several times faster);
        quarantine_bytes: freed blocks that it holds back, 1 MiB by default; its reports go to stderr.

        Limits and status begin anew. Raises TypeError or ValueError that names the argument; RuntimeError when the core
        or one of the buffers is in use; MemoryError.
        """
        self._configure(
            False,
            checked_choice("backend", backend, self.backends),
            checked_flag("status", status),
            _optional_int("buffer_bytes", buffer_bytes, 1),
            _optional_int("min_block", min_block, 8, 1 << 20),
            checked_choice("debug_below", debug_below, tuple(name for name in self.backends if name != "debug")),
            checked_int("frames", frames, 0, _core.MAX_DEBUG_FRAMES),
            _optional_int("quarantine_bytes", quarantine_bytes, 1),
        )

    def shutdown(self) -> None:
        """Forget configuration, limits and status; the debug backend reports its leaks. No block may be in use."""
        with self._lock:
            _core.mem_shutdown()
            self._arguments = None

    def status(self, *, reset: bool = False) -> AllocatorStatus:
        """The status now; reset: marks go down to the present values and counts to 0, after it is read."""
        return AllocatorStatus(**_core.mem_status(checked_flag("reset", reset)))

    def buffer_status(self, backend: str | None = None) -> BufferStatus | None:
        """How full the buffer of static or buddy (default: of the core's backend) is; None where there is none now."""
        name = self.backend if backend is None else checked_choice("backend", backend, self.backends)
        figures = _core.mem_buffer_status(name)
        return None if figures is None else BufferStatus(**figures)

    @property
    def soft_limit(self) -> int:
        """Bytes in use from which on registered releasers are asked first; 0: none. May be set."""
        return _core.mem_soft_limit(-1)

    @soft_limit.setter
    def soft_limit(self, value: int) -> None:
        _core.mem_soft_limit(checked_int("soft_limit", value, 0, _MOST))

    @property
    def hard_limit(self) -> int:
        """Bytes in use that are never exceeded; 0: none. It bounds the soft limit, too. May be set."""
        return _core.mem_hard_limit(-1)

    @hard_limit.setter
    def hard_limit(self, value: int) -> None:
        _core.mem_hard_limit(checked_int("hard_limit", value, 0, _MOST))

    def _configure(self, keep_problems: bool, *arguments: Any) -> None:
        backend, status, buffer_bytes, min_block, below, frames, quarantine = arguments
        with self._lock:
            _core.mem_config(
                backend=backend,
                status=status,
                buffer_bytes=buffer_bytes or 0,
                min_block=min_block or 0,
                debug_below=below,
                frames=frames,
                quarantine_bytes=quarantine or 0,
                keep_problems=keep_problems,
            )
            self._arguments = (keep_problems, *arguments)


allocators = _Allocators()
"""Configures, reads and limits the core: what C code gets from ``cc_mem_malloc``."""


class Debugger:
    """What :func:`debug` gives."""

    def __init__(self) -> None:
        self.problems: list[MemoryProblem] = []
        """All that was found up to now; grows with :meth:`check` and at the end."""
        self._mark = _core.mem_debug_mark()

    def check(self) -> list[MemoryProblem]:
        """Look at all blocks now; what has been found since the last call."""
        _core.mem_debug_check()
        return self._collect()

    def _collect(self) -> list[MemoryProblem]:
        found, _ = _core.take_problems()
        new = [MemoryProblem(**problem) for problem in found]
        self.problems += new
        return new


@contextmanager
def debug(
    *, below: str = "system", leaks: bool = True, frames: int = 16, raise_on_problem: bool = True
) -> Iterator[Debugger]:
    """For tests: inside, the core's blocks come from the debug allocator, and SQLite's too after
    ``sqlite.use("debug")``.

    At the end all blocks are looked at, and (leaks) what was allocated inside and is still alive counts as leaked; if
    anything was found, MemoryProblemError is raised (raise_on_problem), unless another exception is on its way. Then
    the configuration is as before. below, frames: see :meth:`allocators.configure`.

    Raises RuntimeError when the core is in use at the beginning.
    """
    checked_flag("leaks", leaks)
    checked_flag("raise_on_problem", raise_on_problem)
    others = tuple(name for name in allocators.backends if name != "debug")
    before = allocators._arguments
    arguments = (checked_choice("below", below, others), checked_int("frames", frames, 0, _core.MAX_DEBUG_FRAMES))
    allocators._configure(True, "debug", True, None, None, *arguments, None)
    _core.take_problems()
    debugger = Debugger()
    try:
        yield debugger
    except BaseException:
        raise_on_problem = False
        raise
    finally:
        _core.mem_debug_check()
        if leaks:
            _core.mem_debug_leaks(debugger._mark)
        debugger._collect()
        allocators.shutdown()
        if before is not None:
            allocators._configure(*before)
        _core.take_problems()  # of the shutdown: the same leaks
        if raise_on_problem and debugger.problems:
            raise MemoryProblemError(debugger.problems)


def _optional_int(name: str, value: Any, least: int, most: int = _MOST) -> int | None:
    return None if value is None else checked_int(name, value, least, most)
