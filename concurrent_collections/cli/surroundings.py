"""What a report needs of the interpreter, as it was before the program could change it.

A program may have modules that are called json or plotly, replace functions of ``os``, empty ``sys.path``, lower the
recursion limit, use up the descriptors that it may have. While a report is made, all that is as it was at the
beginning; afterwards it is the program's again.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from os.path import dirname, realpath, split
from resource import RLIMIT_AS, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NOFILE, getrlimit, setrlimit
from types import ModuleType
from typing import Any

__all__ = ["Surroundings"]

_PACKAGE = __name__.partition(".")[0]
_REPLACED = ("io", "os", "time")  # modules whose functions programs replace: gevent does, tests do
_RECURSION_LIMIT = 1000
_LIMITS = (RLIMIT_AS, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NOFILE)


class Surroundings:
    """Remembers them when it is made; ``path`` is ``sys.path`` without the directory of the program."""

    def __init__(self, path: list[str]) -> None:
        self._path = path
        self._modules = {name: module for name, module in sys.modules.items() if name != "__main__"}  # that is to die
        self._meta_path, self._path_hooks = sys.meta_path[:], sys.path_hooks[:]
        self._contents = [(module, dict(vars(module))) for module in self._replaced_modules()]

    def _replaced_modules(self) -> list[ModuleType]:
        return [builtins, *(sys.modules[name] for name in _REPLACED if name in sys.modules)]

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Inside, they are as they were."""
        with ExitStack() as stack:
            for module, contents in self._contents:
                stack.enter_context(_with_contents(vars(module), contents))
            stack.enter_context(_with_recursion_limit(_RECURSION_LIMIT))
            stack.enter_context(_without_soft_limits())
            stack.enter_context(self._with_modules())
            yield

    @contextmanager
    def _with_modules(self) -> Iterator[None]:
        """Import as if there were no program."""
        program_path, program_modules = sys.path, dict(sys.modules)
        places = program_path if isinstance(program_path, list) else []
        directories = {realpath(place) for place in places if isinstance(place, str)}
        directories -= {realpath(place) for place in self._path}
        for name, module in program_modules.items():
            if name not in ("__main__", _PACKAGE) and (module is None or _directory_of(module) in directories):
                sys.modules.pop(name, None)
        for name, known in self._modules.items():
            if program_modules.get(name) is not known:
                sys.modules[name] = known
        program_finders = sys.meta_path, sys.path_hooks
        sys.path, sys.meta_path, sys.path_hooks = self._path[:], self._meta_path, self._path_hooks
        try:
            yield
        finally:
            sys.path, (sys.meta_path, sys.path_hooks) = program_path, program_finders
            self._keep_what_was_loaded(program_modules)
            sys.modules.update(program_modules)

    def _keep_what_was_loaded(self, program_modules: dict[str, ModuleType]) -> None:
        """What was imported inside is there the next time; the program, when it imports that name, does not get it."""
        for name, module in list(sys.modules.items()):
            if name == _PACKAGE or name.startswith(f"{_PACKAGE}.") or program_modules.get(name) is module:
                continue
            self._modules[name] = module
            if name not in program_modules:
                del sys.modules[name]


@contextmanager
def _with_contents(dictionary: dict[str, Any], contents: dict[str, Any]) -> Iterator[None]:
    changed = {name: dictionary.get(name) for name, value in contents.items() if dictionary.get(name) is not value}
    dictionary.update({name: contents[name] for name in changed})
    try:
        yield
    finally:
        dictionary.update(changed)


@contextmanager
def _with_recursion_limit(least: int) -> Iterator[None]:
    limit = sys.getrecursionlimit()
    if limit < least:
        sys.setrecursionlimit(least)
    try:
        yield
    finally:
        if limit < least:
            with suppress(RecursionError):  # it is too low for where we are
                sys.setrecursionlimit(limit)


@contextmanager
def _without_soft_limits() -> Iterator[None]:
    """What the program set itself, or used up, is raised as far as a process may do so."""
    limits = [(limit, getrlimit(limit)) for limit in _LIMITS]
    for limit, (_, hard) in limits:
        with suppress(OSError, ValueError):
            setrlimit(limit, (hard, hard))
    try:
        yield
    finally:
        for limit, before in limits:
            with suppress(OSError, ValueError):
                setrlimit(limit, before)


def _directory_of(module: object) -> str | None:
    """Where an import of the module's top-level name finds it."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return None
    directory, name = split(realpath(file))
    return dirname(directory) if name.startswith("__init__.") else directory
