"""Checks of arguments. An error names the argument, its value and what was expected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["checked_choice", "checked_flag", "checked_int"]


def checked_flag(name: str, value: Any) -> bool:
    """The value, a bool. Raises TypeError for any other."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return value


def checked_int(name: str, value: Any, least: int, most: int) -> int:
    """The value, an int from ``least`` to ``most``. Raises TypeError for what is no int, ValueError for another int."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {value!r}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be {least} to {most}, not {value!r}")
    return value


def checked_choice(name: str, value: Any, valid: Iterable[str]) -> str:
    """The value, one of the ``valid`` strings. Raises TypeError for what is no string, ValueError for another
    string.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {value!r}")
    if value not in (names := tuple(valid)):
        raise ValueError(f"{name} must be one of {', '.join(names)}, not {value!r}")
    return value
