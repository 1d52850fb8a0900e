"""Settings of the runtime, and its allocation statistics.

Each option is an attribute of this module and an environment variable that is read when the package is imported::

    from concurrent_collections import config
    config.enable_alloc_statistics = True      # CONCURRENT_COLLECTIONS_ENABLE_ALLOC_STATISTICS=1

A wrong name or value is an error that lists the valid ones. Options may be set from any thread at any time.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock
from types import ModuleType

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .memory.statistics import AllocStats

__all__ = ["alloc_stats", "enable_alloc_statistics", "allocator", "options", "reset_alloc_stats"]

ENVIRONMENT_PREFIX = "CONCURRENT_COLLECTIONS_"

enable_alloc_statistics: bool
allocator: str
smr: str
smr_retire_threshold: int
smr_reclaim_per_poll: int
smr_batch_nodes: int
smr_batch_bytes: int
smr_epoch_frequency: int
smr_stall_threshold: int
smr_initial_threads: int
smr_plain_fence: int
smr_signal: int


def alloc_stats() -> AllocStats:
    """The runtime's allocation statistics; all zero while ``enable_alloc_statistics`` was never on."""
    from .memory.statistics import AllocStats

    return AllocStats(**_core.alloc_stats())


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
_SCHEMES = {name: name for name in _core.smr_schemes()}

# Options of the domains of safe memory reclamation that are made later; defaults and ranges are libcc's.
_SMR_OPTIONS = {
    "retire_threshold": "with plain fences: nodes that a thread gathers before it looks for what can be freed; "
    "also what makes a poll look",
    "reclaim_per_poll": "with plain fences: nodes freed at a time at most",
    "batch_nodes": "with membarrier: nodes that a thread gathers before it looks for what can be freed",
    "batch_bytes": "bytes that a thread gathers before it looks, however few nodes they are",
    "epoch_frequency": "nodes that a thread allocates before it advances the epoch",
    "stall_threshold": "epochs that a section may lag behind before it counts as stalled (and debra sends its signal)",
    "initial_threads": "threads that a domain has room for at first; it grows beyond",
    "plain_fence": "1: readers fence even where the system has membarrier",
    "signal": "the signal of debra; 0: SIGURG",
}


def _one_of(names: Iterable[str]) -> str:
    *others, last = map(repr, names)
    return f"{', '.join(others)} or {last}"


def _integer(text: str) -> int:
    """The number that a text is; KeyError for any other."""
    try:
        return int(text)
    except ValueError:
        raise KeyError(text) from None


def _smr_option(limits: _core.OptionLimits) -> _Option:
    name, least, most = limits["name"], limits["least"], limits["most"]
    return _Option(
        default=limits["initial"],
        accepts=f"an int, {least} to {most}",
        parse=_integer,
        check=lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
        get=lambda: _core.smr_option(name),
        set=lambda value: _core.set_smr_option(name, value),
        description=_SMR_OPTIONS[name],
    )


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
        accepts=_one_of(_ALLOCATORS),
        parse=lambda text: _ALLOCATORS[text.strip().lower()],
        check=lambda value: isinstance(value, str) and value in _ALLOCATORS,
        get=_core.alloc_selected,
        set=_core.alloc_select,
        description="what serves the runtime's new blocks; libc is for debugging tools",
    ),
    "smr": _Option(
        default="ibr",
        accepts=_one_of(_SCHEMES),
        parse=lambda text: _SCHEMES[text.strip().lower()],
        check=lambda value: isinstance(value, str) and value in _SCHEMES,
        get=_core.smr_scheme,
        set=_core.set_smr_scheme,
        description="the scheme of later domains of safe memory reclamation; epoch and none are for comparison",
    ),
    **{f"smr_{limits['name']}": _smr_option(limits) for limits in _core.smr_options()},
}

_lock = allocate_lock()  # libcc's options of a domain are read, changed and written together


def _renew_lock() -> None:
    global _lock
    _lock = allocate_lock()


os.register_at_fork(after_in_child=_core.hidden(_renew_lock))


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
    with _lock:
        option.set(value)


def _read_environment(environment: dict[str, str]) -> None:
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        name = variable[len(ENVIRONMENT_PREFIX) :].lower()
        if name not in _OPTIONS:
            valid = ", ".join(ENVIRONMENT_PREFIX + known.upper() for known in _OPTIONS)
            raise ValueError(f"environment variable {variable} is no option; valid are {valid}")
        option = _OPTIONS[name]
        try:
            value = option.parse(text)
        except KeyError:
            value = None
        if value is None or not option.check(value):
            raise ValueError(f"environment variable {variable} must be {option.accepts}, not {text!r}")
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
