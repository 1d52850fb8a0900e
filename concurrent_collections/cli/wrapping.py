"""Functions of the interpreter that do something more for us, which no profile, traceback or trace function shows."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from .. import _core

__all__ = ["hidden", "surround"]

hidden = _core.hidden


def surround(name: str, before: Callable[..., object] | None, after: Callable[..., object] | None = None) -> None:
    """Have ``before`` and ``after`` called around a built-in ``module.function`` (if there is one), with its arguments.

    What they raise is dropped.
    """
    module, _, function = name.rpartition(".")
    original = getattr(importlib.import_module(module), function, None)
    if original is not None:
        _core.surround(original, before, after)
