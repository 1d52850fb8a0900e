"""The processes that the program starts and that are not profiled: how many, and what they run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .wrapping import surround

__all__ = ["Children"]

_MOST_TEXT = 60
_HELPERS = ("multiprocessing.resource_tracker",)  # of Python's own, which run nothing of the program's


class Children:
    """Counts what this process starts, from :meth:`watch` on."""

    def __init__(self) -> None:
        self._started: Counter[str] = Counter()
        self._is_executing = False  # such a fork is the beginning of another program

    def watch(self) -> None:
        """Begin to count."""
        surround("_posixsubprocess.fork_exec", self._executes, self._has_executed)
        for name in ("posix_spawn", "posix_spawnp"):
            surround(f"posix.{name}", lambda path, arguments, *_, **__: self._add(arguments))
        surround("posix.system", self._add_command)

    def forked(self) -> None:
        """A copy of this process was made that is not profiled."""
        if not self._is_executing:
            self._started["a fork of the program"] += 1

    def forget(self) -> None:
        """In a forked child: those were its parent's."""
        self._started.clear()

    def note(self) -> str | None:
        """What the report says of them; None when there were none."""
        if not self._started:
            return None
        count = sum(self._started.values())
        kinds = [f"{text} ({times})" if times > 1 else text for text, times in self._started.most_common(10)]
        if len(self._started) > len(kinds):
            kinds.append("…")
        processes = "1 child process was" if count == 1 else f"{count} child processes were"
        return f"{processes} not profiled: {', '.join(kinds)}"

    def _executes(self, arguments: Sequence[Any], *_: Any, **__: Any) -> None:
        self._is_executing = True
        self._add(arguments)

    def _has_executed(self, *_: Any, **__: Any) -> None:
        self._is_executing = False

    def _add_command(self, command: Any) -> None:
        self._started[_shortened(os.fsdecode(command))] += 1

    def _add(self, arguments: Sequence[Any]) -> None:
        words = [os.fsdecode(word) for word in arguments]
        if not any(helper in word for word in words for helper in _HELPERS):
            self._started[_shortened(" ".join([os.path.basename(words[0]), *words[1:]]))] += 1


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"
