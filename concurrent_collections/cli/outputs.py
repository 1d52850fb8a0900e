"""The files that ``profile`` is to write its reports to: their names, and whether they can be written."""

from __future__ import annotations

import errno
import os
import secrets

from .program import Refused

__all__ = ["PID", "checked_outputs", "path_in_this_process"]

PID = "{pid}"


def path_in_this_process(path: str) -> str:
    """The name with the process id in it, where there is a place for it."""
    return path.replace(PID, str(os.getpid()))


def checked_outputs(names: dict[str, str], *, force: bool) -> dict[str, str]:
    """The files' absolute names, as the program may change the directory.

    Raises Refused where one could not be written.
    """
    outputs: dict[str, str] = {}
    for kind, name in names.items():
        try:
            path = os.path.abspath(name)
        except OSError as error:  # the current directory was deleted
            raise Refused(f"can't write {name!r}: {error.strerror}") from None
        for other, taken in outputs.items():
            if os.path.realpath(taken) == os.path.realpath(path):
                raise Refused(f"--{other} and --{kind} name the same file {name!r}")
        try:
            _check_writable(path_in_this_process(path), force=force)
        except OSError as error:
            hint = "; --force overwrites it" if isinstance(error, FileExistsError) else ""
            raise Refused(f"can't write {name!r}: {error.strerror}{hint}") from None
        outputs[kind] = path
    return outputs


def _check_writable(path: str, *, force: bool) -> None:
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, "is a directory")
    if os.path.isfile(path) and not force:
        raise FileExistsError(errno.EEXIST, "the file exists")
    if os.path.exists(path) and not os.path.isfile(path):
        return  # a pipe or a device
    # The file will be made beside its name and renamed: whether that is possible is found out by doing it.
    if len(os.fsencode(os.path.basename(path))) > os.pathconf(os.path.dirname(path), "PC_NAME_MAX"):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    attempt = os.path.join(os.path.dirname(os.path.realpath(path)), f".{secrets.token_hex(8)}.tmp")
    os.close(os.open(attempt, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(attempt)
