"""Interpreters that a profiled program starts are profiled, too.

The program's process puts an *offer* into the environment that its children get: what is measured, and which reports
are wanted. The program sees nothing of it in ``os.environ``. A file beside the installed package,
``concurrent_collections_children.pth``, has each interpreter look for an offer when it begins (:mod:`.joining`). An
interpreter that can't import this package, or is started without ``site`` (``-S``), runs as it would.

The processes of a family share a directory of their own. Each that joined leaves a file there, named by its process id,
which tells what it runs.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from os import fsencode, getpid, listdir
from os.path import basename, join
from typing import Any, NamedTuple

__all__ = ["HELPERS", "VARIABLE", "Family", "description"]

VARIABLE = "_CONCURRENT_COLLECTIONS_CHILDREN"
HELPERS = ("multiprocessing.resource_tracker",)
"""Processes of Python's own, which run nothing of the program's."""
_MOST_TEXT = 60


class Family(NamedTuple):
    """What the processes of a profiled program have in common."""

    version: str
    directory: str
    path: list[str]
    """The directories in which the program's own modules lie."""
    profiler: dict[str, Any]
    """The arguments of MemoryProfiler."""
    outputs: dict[str, str]
    """The files that each child writes."""
    force: bool
    process: int = 0
    """Who offers: a sub-interpreter of it, or what it is replaced by, is no child."""

    @staticmethod
    def found(version: str, profiler: dict[str, Any], outputs: dict[str, str], *, force: bool) -> Family:
        """A new family, when ``sys.path`` is the program's. Raises OSError when there is no place for its directory."""
        directory = tempfile.mkdtemp(prefix="concurrent-collections-")
        return Family(version, directory, sys.path[:1], profiler, outputs, force)

    @staticmethod
    def of_text(text: str) -> Family | None:
        """The one that made the offer; None where there is none."""
        return Family(**json.loads(text)) if text else None

    def text(self) -> str:
        """The offer of this process."""
        return json.dumps(self._replace(process=getpid())._asdict())

    def offer(self) -> None:
        """To all processes that get this one's environment."""
        os.putenv(VARIABLE, self.text())  # not in os.environ, which is the program's

    def add_to(self, environment: Any) -> None:
        """To a process that gets this environment: a list that ``subprocess`` made for it."""
        name = fsencode(VARIABLE) + b"="
        if isinstance(environment, list) and not any(entry.startswith(name) for entry in environment):
            environment.append(name + fsencode(self.text()))

    def join(self) -> None:
        """Tell that this process is profiled."""
        with open(join(self.directory, str(getpid())), "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(description(sys.orig_argv))

    def joined(self) -> list[str]:
        """What those run that joined."""
        texts = []
        for name in listdir(self.directory):
            with suppress(OSError), open(join(self.directory, name), encoding="utf-8") as file:
                texts.append(file.read())
        return texts

    def end(self) -> None:
        """Remove the directory. Those that are still running write their reports nevertheless."""
        shutil.rmtree(self.directory, ignore_errors=True)


def description(words: list[str]) -> str:
    """What a process runs, in a few words."""
    text = " ".join(" ".join([basename(words[0]), *words[1:]]).split())
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"
