"""Python's ``sqlite3`` on one of libcc's allocators.

>>> from concurrent_collections import sqlite
>>> sqlite.use("mimalloc")
>>> import sqlite3
>>> sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()
(42,)
>>> sqlite.status().backend
'mimalloc'

What SQLite then allocates is a domain of its own, ``sqlite``, in the reports of :class:`MemoryProfiler`.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
import threading
from dataclasses import dataclass

from .. import _core
from .._arguments import checked_choice, checked_flag
from .pluggable import BufferStatus, allocators

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["SqliteStatus", "library", "status", "use"]

_SQLITE_OK, _SQLITE_NOMEM = 0, 7
_CONFIG_MALLOC, _CONFIG_GETMALLOC = 4, 5
_STATUS = {"memory_used": 0, "largest_request": 5, "pagecache_overflow": 2, "malloc_count": 9}  # SQLITE_STATUS_…


class _Methods(ctypes.Structure):
    """SQLite's sqlite3_mem_methods."""

    _fields_ = [
        (name, ctypes.c_void_p)
        for name in ("xMalloc", "xFree", "xRealloc", "xSize", "xRoundup", "xInit", "xShutdown", "pAppData")
    ]


@dataclass(frozen=True)
class SqliteStatus:
    """SQLite's own account of its memory, in bytes; all 0 where it was built without (SQLITE_DEFAULT_MEMSTATUS=0)."""

    backend: str | None
    """What it allocates from; None: not from here."""
    memory_used: int
    memory_highwater: int
    malloc_count: int
    """Live blocks."""
    largest_request: int
    pagecache_overflow: int
    """Bytes of page cache that came from the allocator."""
    buffer: BufferStatus | None
    """How full the buffer is; None but for static and buddy."""


_lock = threading.RLock()
_found: Any = None
_backend_in_use: str | None = None


def _extension() -> str | None:
    """The file of Python's _sqlite3; None when it is part of the interpreter."""
    loaded = sys.modules.get("_sqlite3")
    spec = loaded.__spec__ if loaded is not None else importlib.util.find_spec("_sqlite3")
    if spec is None:
        raise RuntimeError("this Python was built without SQLite: there is no module _sqlite3")
    return spec.origin if spec.has_location else None


def _library() -> Any:
    """The SQLite that Python's sqlite3 calls: found as the dynamic linker finds it for the extension module."""
    global _found
    if _found is None:
        extension = _extension()
        for scope in (None, extension):  # what the process shows to all comes first, as for the linker
            handle = ctypes.CDLL(scope)
            if hasattr(handle, "sqlite3_config"):
                break
        else:
            raise RuntimeError(
                f"the SQLite of {extension or sys.executable} is linked into it statically and shows no functions: "
                "its allocator cannot be replaced"
            )
        handle.sqlite3_config.argtypes = [ctypes.c_int]  # the rest is variadic
        handle.sqlite3_memory_used.restype = ctypes.c_int64
        handle.sqlite3_libversion.restype = ctypes.c_char_p
        handle.sqlite3_status64.argtypes = [
            ctypes.c_int, ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(ctypes.c_int64), ctypes.c_int
        ]  # fmt: skip
        _found = handle
    return _found


def library() -> str:
    """The version of the SQLite that Python's ``sqlite3`` uses, such as "3.40.1".

    Raises RuntimeError when that one cannot be reached: where it is linked statically into Python.
    """
    version: bytes = _library().sqlite3_libversion()
    return version.decode()


def use(backend: str | None = "mimalloc") -> None:
    """Have SQLite allocate from ``backend``, of :data:`memory.allocators.backends`; None: from SQLite's own again.

    Call it before ``import sqlite3`` or after, but when no connection is open and no thread is using SQLite: SQLite is
    shut down and begins anew, which also forgets ``sqlite3_auto_extension`` and other settings of the process.
    ``static`` and ``buddy`` have one buffer for all of SQLite, of 64 MiB, of ``CC_SQLITE_BUFFER_BYTES``, or as
    ``memory.allocators.configure`` was told for that backend; when it is full, SQLite raises MemoryError.

    Raises TypeError or ValueError for another backend; RuntimeError when SQLite has begun (it holds memory; which and
    where the message says), or when the SQLite of this Python cannot be reached; MemoryError.
    """
    global _backend_in_use
    if backend is not None:
        checked_choice("backend", backend, allocators.backends)
    with _lock:
        sqlite = _library()
        _refuse_if_begun(sqlite)
        sqlite.sqlite3_shutdown()
        before = _Methods()
        sqlite.sqlite3_config(_CONFIG_GETMALLOC, ctypes.byref(before))
        address = None if backend is None else _core.sqlite3_mem_methods(backend)
        wanted = _Methods() if address is None else _Methods.from_address(address)
        result = sqlite.sqlite3_config(_CONFIG_MALLOC, ctypes.byref(wanted))
        if result == _SQLITE_OK:
            result = sqlite.sqlite3_initialize()
        if result == _SQLITE_OK:
            _backend_in_use = backend
            return
        sqlite.sqlite3_shutdown()
        sqlite.sqlite3_config(_CONFIG_MALLOC, ctypes.byref(before))
        sqlite.sqlite3_initialize()
    size = os.environ.get("CC_SQLITE_BUFFER_BYTES")
    reason = f": CC_SQLITE_BUFFER_BYTES must be a large enough number of bytes, not {size!r}" if size else ""
    if result == _SQLITE_NOMEM:
        raise MemoryError(f"no memory for the {backend} allocator; SQLite is as it was{reason}")
    raise RuntimeError(f"SQLite refused the {backend} allocator (its error {result}) and is as it was{reason}")


def _refuse_if_begun(sqlite: Any) -> None:
    used = sqlite.sqlite3_memory_used()
    if used == 0 and not sqlite.sqlite3_compileoption_used(b"DEFAULT_MEMSTATUS=0"):
        return
    connections = _open_connections()
    if used or connections:
        held = f"{used} bytes of memory" if used else "memory"
        raise RuntimeError(
            f"sqlite.use() must be called before SQLite begins, but it holds {held} ({connections} connections of "
            "sqlite3 are open): call it earlier, or close all connections first"
        )


def _open_connections() -> int:
    if "_sqlite3" not in sys.modules:
        return 0
    connection, closed = sys.modules["_sqlite3"].Connection, sys.modules["_sqlite3"].ProgrammingError
    count = 0
    for item in gc.get_objects():
        if isinstance(item, connection):
            try:
                count += item.total_changes >= 0
            except closed as error:
                count += "thread" in str(error)  # of another thread: not known, so taken for open
    return count


def status(*, reset: bool = False) -> SqliteStatus:
    """SQLite's account of its memory now; reset: high-water marks go down to the present values, after they are read.

    Raises RuntimeError when the SQLite of this Python cannot be reached.
    """
    checked_flag("reset", reset)
    sqlite = _library()
    now, most = ctypes.c_int64(), ctypes.c_int64()
    current, highest = {}, {}
    for name, number in _STATUS.items():
        sqlite.sqlite3_status64(number, ctypes.byref(now), ctypes.byref(most), int(reset))
        current[name], highest[name] = now.value, most.value
    backend = _backend_in_use
    return SqliteStatus(
        backend=backend,
        memory_used=current["memory_used"],
        memory_highwater=highest["memory_used"],
        malloc_count=current["malloc_count"],
        largest_request=highest["largest_request"],
        pagecache_overflow=current["pagecache_overflow"],
        buffer=allocators.buffer_status(backend) if backend is not None else None,
    )
