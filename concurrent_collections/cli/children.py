"""The processes that the program starts and that are not profiled: how many, and what they run.

With ``--children`` they are offered to be; see :mod:`.family`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .family import HELPERS, Family, description
from .wrapping import surround

__all__ = ["Children"]

_ENVIRONMENT = 4  # which argument it is of fork_exec, after the first


class Children:
    """Counts what this process starts, from :meth:`watch` on."""

    def __init__(self, family: Family | None = None) -> None:
        self._family = family
        self._started: Counter[str] = Counter()
        self._is_executing = False  # such a fork is the beginning of another program

    def watch(self) -> None:
        """Begin to count."""
        surround("_posixsubprocess.fork_exec", self._executes, self._has_executed)
        for name in ("posix_spawn", "posix_spawnp"):
            surround(f"posix.{name}", lambda path, arguments, *_, **__: self._add(arguments))
        surround("posix.system", lambda command: self._add(os.fsdecode(command).split() or [""]))
        if self._family is not None:
            self._family.offer()

    def forked(self) -> None:
        """A copy of this process was made that is not profiled."""
        if not self._is_executing:
            self._started["a fork of the program"] += 1

    def forget(self) -> None:
        """In a forked child: those were its parent's."""
        self._started.clear()
        if self._family is not None:
            self._family.offer()

    def note(self) -> str | None:
        """What the report says of them; None when there were none."""
        started = self._started - Counter(self._family.joined() if self._family is not None else ())
        if not started:
            return None
        count = sum(started.values())
        kinds = [f"{text} ({times})" if times > 1 else text for text, times in started.most_common(10)]
        if len(started) > len(kinds):
            kinds.append("…")
        processes = "1 child process was" if count == 1 else f"{count} child processes were"
        return f"{processes} not profiled: {', '.join(kinds)}"

    def _executes(self, arguments: Sequence[Any], *others: Any, **__: Any) -> None:
        self._is_executing = True
        self._add(arguments)
        if self._family is not None:
            self._family.add_to(others[_ENVIRONMENT])

    def _has_executed(self, *_: Any, **__: Any) -> None:
        self._is_executing = False

    def _add(self, arguments: Sequence[Any]) -> None:
        words = [os.fsdecode(word) for word in arguments]
        if not any(helper in word for word in words for helper in HELPERS):
            self._started[description(words)] += 1
