"""Write a file as a whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress

from ..profiling.exports import StrPath

__all__ = ["StrPath", "write_file"]


def write_file(path: StrPath, chunks: Iterable[str | bytes]) -> None:
    """Write ``chunks`` to ``path``, text as UTF-8, replacing an existing file in one step.

    The text goes to a new file beside the target, which then takes the target's name: an error or a full disk
    leaves the old file, or none, and never half of one. A symbolic link keeps pointing at the file that is written.
    What is not a regular file (a terminal, a pipe, ``/dev/null``) is written directly. Raises OSError, with
    ``path`` as its file name.
    """
    target = os.path.realpath(path)
    try:
        existing: os.stat_result | None = os.stat(path)
    except FileNotFoundError:
        existing = None
    if existing is not None and not stat.S_ISREG(existing.st_mode):
        with open(path, "wb") as stream:
            stream.writelines(map(_encoded, chunks))
        return

    temporary = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.tmp")
    try:
        # O_EXCL: never somebody else's file. Mode 0o666 less the umask, as open() would give.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
    try:
        with open(descriptor, "wb") as stream:
            stream.writelines(map(_encoded, chunks))
        if existing is not None:
            os.chmod(temporary, stat.S_IMODE(existing.st_mode))
        os.replace(temporary, target)
    except OSError as error:
        _remove(temporary)
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    except BaseException:
        _remove(temporary)
        raise


def _encoded(chunk: str | bytes) -> bytes:
    return chunk if isinstance(chunk, bytes) else chunk.encode("utf-8", "backslashreplace")


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
