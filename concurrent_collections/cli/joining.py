"""The beginning of an interpreter that is profiled because a profiled program started it; see :mod:`.family`."""

from __future__ import annotations

import os
import sys

from .. import _core
from ..profiling.profiler import MemoryProfiler
from .family import HELPERS, VARIABLE, Family
from .program import forget_modules_that_lie_in
from .session import Session

__all__ = ["join"]


def join() -> None:
    """Profile this process if it was offered to be. Called by ``site``, which runs before the program does."""
    family = Family.of_text(os.environ.get(VARIABLE, ""))
    if family is None or family.process == os.getpid():  # a sub-interpreter, or what a process was replaced by
        return
    del os.environ[VARIABLE]
    is_helper = any(helper in word for word in sys.orig_argv for helper in HELPERS)
    if is_helper or family.version != _core.version:
        return
    session = Session(
        MemoryProfiler(**family.profiler), family.outputs, force=family.force, quiet=True, family=family, is_child=True
    )
    family.join()
    session.begin()
    for path in (*family.path, *_own_path()):
        forget_modules_that_lie_in(path)


def _own_path() -> list[str]:
    """What ``sys.path`` is going to begin with."""
    if sys.flags.safe_path:
        return []
    name = sys.argv[0] if sys.argv else ""
    if name in ("", "-c", "-m", "-"):
        return [""]
    return [name] if os.path.isdir(name) else [name, os.path.dirname(os.path.realpath(name))]
