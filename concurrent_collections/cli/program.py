"""Runs another program in this process as the interpreter would run it, from a file, a module, a text or stdin.

The interpreter itself runs it, prints what it raises and ends the process. Here the interpreter is made to look as if
it had been started with the program: ``sys.argv``, ``sys.orig_argv``, ``sys.path``, ``__main__``, no frame below it.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import linecache
import os
import pkgutil
import runpy
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import NamedTuple

from .. import _core

__all__ = ["Refused", "forget_modules_that_lie_in", "prepare"]

_PACKAGE = __name__.partition(".")[0]
_own_main: ModuleType | None = None  # alive as long as its functions may run


class Refused(Exception):
    """The program is not run; the text says why in one line."""


class _Start(NamedTuple):
    """How the interpreter would have been started, and what it would do."""

    words: list[str]
    """Its command line from the program on."""
    argv: list[str]
    path: str | None
    """What ``sys.path`` begins with; None: with nothing of the program's."""
    is_path_safe: bool
    """Whether ``sys.path`` begins with it under ``-P``, too."""
    run: Callable[[], None]


def prepare(arguments: list[str], *, module: str | None = None, command: str | None = None) -> Callable[[], None]:
    """Make the interpreter look as if it had been started with the program. What is returned runs it and never returns.

    The program is a ``module`` (``-m``), a ``command`` (``-c``), or the first of the ``arguments``: a script, a
    compiled one, a directory or zip file with a ``__main__``, or ``-`` for stdin. Raises Refused when there is no such
    script. Whether a module exists is known when it runs, as in ``python -m``.
    """
    _set_fresh_main()
    if module is not None:
        run = _runs_main_of(module, True)
        start = _Start(["-m", module, *arguments], ["-m", *arguments], _current_directory(), False, run)
    elif command is not None:
        run = _runs_command(command)
        start = _Start(["-c", command, *arguments], ["-c", *arguments], "", False, run)
    elif arguments[0] == "-":
        start = _Start(arguments, arguments, "", False, partial(_core.run_program, "stdin", None))
    else:
        start = _script(arguments)
    _set_search_path(start)
    _set_words(start)
    return start.run


def _script(arguments: list[str]) -> _Start:
    name, directory = arguments[0], _current_directory()
    path = name if directory is None else os.path.join(directory, name)
    if pkgutil.get_importer(path) is not None:  # a directory or a zip file
        return _Start(arguments, arguments, path, True, _runs_main_of("__main__", False))
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        raise Refused(f"can't open file {name!r}: {error.strerror}") from None
    own = os.path.dirname(_real_path(path))
    return _Start(arguments, arguments, own, False, partial(_core.run_program, "file", path))


def _real_path(path: str) -> str:
    """The file itself; for a pipe, which has no path (/dev/stdin), what the first link names."""
    try:
        return os.path.realpath(path, strict=True)
    except OSError:
        return os.path.join(os.path.dirname(path), os.readlink(path)) if os.path.islink(path) else path


def _runs_main_of(module: str, alter_argv: bool) -> Callable[[], None]:
    main = runpy._run_module_as_main  # type: ignore[attr-defined]  # what python -m calls
    return partial(_core.run_program, "call", main, (module, alter_argv))


def _runs_command(text: str) -> Callable[[], None]:
    """Newer Pythons take out the text's indentation, and show its lines in tracebacks."""
    if sys.version_info >= (3, 14):
        text = textwrap.dedent(text)
    if sys.version_info >= (3, 13):
        with suppress(SyntaxError):  # is raised, and printed, when it runs
            code = compile(text, "<string>", "exec", dont_inherit=True)
            linecache._register_code(code, text, "<string>")  # type: ignore[attr-defined]  # what python -c calls
            return partial(_core.run_program, "call", exec, (code, vars(sys.modules["__main__"])))
    return partial(_core.run_program, "text", text)


def _current_directory() -> str | None:
    """Its name; None when it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return None


def _set_search_path(start: _Start) -> None:
    """The program's own beginning of ``sys.path``, in place of the directory where this command was found."""
    was_run_by_m = getattr(_own_main, "__spec__", None) is not None
    if not sys.flags.safe_path and not (was_run_by_m and _current_directory() is None):
        del sys.path[0]
    if start.path is not None and (start.is_path_safe or not sys.flags.safe_path):
        sys.path.insert(0, start.path)
        forget_modules_that_lie_in(start.path)


def _set_words(start: _Start) -> None:
    """Who starts the program anew by ``sys.orig_argv`` starts it as it was, without the profiler."""
    ours = len(sys.argv) - 1
    interpreter = sys.orig_argv[: len(sys.orig_argv) - ours]
    if sys.orig_argv[len(sys.orig_argv) - ours :] == sys.argv[1:] and len(interpreter) > 1:
        del interpreter[-2 if interpreter[-1] == _PACKAGE else -1 :]  # -m package, or the console script
        sys.orig_argv[:] = [*interpreter, *start.words]
    sys.argv[:] = start.argv


def forget_modules_that_lie_in(path: str) -> None:
    """A program's own secrets.py is what it imports, although this package has loaded the library's."""
    finder = pkgutil.get_importer(path)
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        loaded_by_python = spec is not None and spec.origin in ("built-in", "frozen") or name == "encodings"
        if spec is None or loaded_by_python or finder is None or "." in name or name in ("__main__", _PACKAGE):
            continue
        found = finder.find_spec(name)
        if found is not None and found.loader is not None and found.origin != spec.origin:
            del sys.modules[name]


def _set_fresh_main() -> None:
    """A new ``__main__``, so that pickle, dataclasses and multiprocessing find the program's names in it."""
    global _own_main
    _own_main = sys.modules["__main__"]
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    main.__loader__ = importlib.machinery.BuiltinImporter
    if sys.version_info < (3, 14):
        main.__dict__["__annotations__"] = {}
    sys.modules["__main__"] = main
