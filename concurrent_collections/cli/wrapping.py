"""Functions of the interpreter that do something more for us, which no profile and no traceback shows."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .. import _core

__all__ = ["unrecorded", "wrap"]


def unrecorded(function: Callable[..., object]) -> Callable[..., None]:
    """``function``, without its allocations in the profile."""

    def call(*arguments: Any, **keywords: Any) -> None:
        paused = _core.pause_thread()
        try:
            function(*arguments, **keywords)
        finally:
            _core.resume_thread(paused)

    return call


def wrap(
    names: Sequence[str], before: Callable[..., object] | None, after: Callable[..., object] | None = None
) -> None:
    """Have ``before`` and ``after`` called around a function, with its arguments; what they raise is dropped.

    ``names`` are the ``module.function`` by which it is known. The first module is loaded, others only looked at.
    """
    module, _, function = names[0].rpartition(".")
    original = getattr(importlib.import_module(module), function, None)
    if original is None:
        return
    wrapped = _core.Wrapped(original, before and unrecorded(before), after and unrecorded(after))
    for name in names:
        module, _, function = name.rpartition(".")
        if getattr(sys.modules.get(module), function, None) is original:
            setattr(sys.modules[module], function, wrapped)
