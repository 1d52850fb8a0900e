"""Settings of the runtime, and its allocation statistics.

Each option is an attribute of this module and an environment variable that is read when the package is imported::

    from concurrent_collections import config
    config.enable_alloc_statistics = True      # CONCURRENT_COLLECTIONS_ENABLE_ALLOC_STATISTICS=1

A wrong name or value is an error that lists the valid ones. Options may be set from any thread at any time.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .alloc_stats import AllocStats

__all__ = ["alloc_stats", "enable_alloc_statistics", "allocator", "options", "reset_alloc_stats"]

ENVIRONMENT_PREFIX = "CONCURRENT_COLLECTIONS_"

enable_alloc_statistics: bool
allocator: str


def alloc_stats() -> AllocStats:
    """The runtime's allocation statistics; all zero while ``enable_alloc_statistics`` was never on."""
    from .alloc_stats import AllocStats

    return AllocStats(*_core.alloc_stats())


def reset_alloc_stats() -> None:
    """Make the present totals the new zero, for all threads."""
    _core.reset_alloc_stats()


class _Option:
    """One row of the table below. ``parse`` makes a value of an environment variable's text; KeyError: it is none."""

    def __init__(
        self,
        *,
        default: Any,
        accepts: str,
        parse: Callable[[str], Any],
        check: Callable[[Any], bool],
        get: Callable[[], Any],
        set: Callable[[Any], None],
        description: str,
    ) -> None:
        self.default, self.accepts, self.description = default, accepts, description
        self.parse, self.check, self.get, self.set = parse, check, get, set


_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_ALLOCATORS = {"mimalloc": "mimalloc", "libc": "libc"}

_OPTIONS: dict[str, _Option] = {
    "enable_alloc_statistics": _Option(
        default=False,
        accepts="True or False (in the environment 1/0, true/false, yes/no, on/off)",
        parse=lambda text: _BOOLEANS[text.strip().lower()],
        check=lambda value: isinstance(value, bool),
        get=_core.alloc_stats_enabled,
        set=_core.alloc_stats_enable,
        description="count the runtime's allocations",
    ),
    "allocator": _Option(
        default="mimalloc",
        accepts="'mimalloc' or 'libc'",
        parse=lambda text: _ALLOCATORS[text.strip().lower()],
        check=lambda value: isinstance(value, str) and value in _ALLOCATORS,
        get=_core.alloc_selected,
        set=_core.alloc_select,
        description="what serves the runtime's new blocks; libc is for debugging tools",
    ),
}


def options() -> dict[str, tuple[Any, str]]:
    """All options: name -> (present value, description with what it accepts)."""
    return {
        name: (option.get(), f"{option.description}; {option.accepts}; default {option.default!r}")
        for name, option in _OPTIONS.items()
    }


def _set(name: str, value: Any) -> None:
    option = _OPTIONS[name]
    if not option.check(value):
        raise ValueError(f"config.{name} must be {option.accepts}, not {value!r}")
    option.set(value)


def _read_environment(environment: dict[str, str]) -> None:
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        name = variable[len(ENVIRONMENT_PREFIX) :].lower()
        if name not in _OPTIONS:
            valid = ", ".join(ENVIRONMENT_PREFIX + known.upper() for known in _OPTIONS)
            raise ValueError(f"environment variable {variable} is no option; valid are {valid}")
        try:
            value = _OPTIONS[name].parse(text)
        except KeyError:
            raise ValueError(
                f"environment variable {variable} must be {_OPTIONS[name].accepts}, not {text!r}"
            ) from None
        _set(name, value)


class _Config(ModuleType):
    """The module's type: its options are properties, and no other name can be set by mistake."""

    def __getattr__(self, name: str) -> Any:
        if name in _OPTIONS:
            return _OPTIONS[name].get()
        raise AttributeError(f"config has no option {name!r}; options are {', '.join(_OPTIONS)}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OPTIONS:
            _set(name, value)
        elif name.startswith("__"):
            super().__setattr__(name, value)
        else:
            raise AttributeError(f"config has no option {name!r}; options are {', '.join(_OPTIONS)}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_OPTIONS})


_read_environment(dict(os.environ))
sys.modules[__name__].__class__ = _Config
