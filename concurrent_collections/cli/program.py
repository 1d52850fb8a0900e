"""Runs another program in this process as ``python script.py`` or ``python -m module`` would run it.

Nothing of the program's end is imitated: its exception or SystemExit leaves through the interpreter, which prints,
joins threads, runs atexit functions and exits as for any program. Only our own frames are taken out of the traceback.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import io
import os
import pkgutil
import runpy
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import ModuleType, TracebackType

__all__ = ["Refused", "die_as_interrupted", "is_own_frame", "prepare"]

_PACKAGE = __name__.partition(".")[0]
_own_main: ModuleType | None = None  # alive as long as its functions may run
_interrupted = False  # a KeyboardInterrupt ended the program


class Refused(Exception):
    """The program is not run; the text says why in one line."""


def prepare(program: str, arguments: list[str], *, is_module: bool) -> Callable[[], None]:
    """Make the interpreter look as if it had been started with the program; what is returned runs it.

    Raises Refused when there is no such script. Whether a module exists is known when it runs, as in ``python -m``.
    """
    script = os.path.join(os.getcwd(), program)
    holds_main = not is_module and pkgutil.get_importer(script) is not None  # a directory or a zip file
    run: Callable[[], None]
    if is_module:
        path, run = os.getcwd(), partial(_run_module, program, alter_argv=True)
    elif holds_main:
        path, run = script, partial(_run_module, "__main__", alter_argv=False)
    else:
        path, run = os.path.dirname(os.path.realpath(script)), _script(program, script)
    sys.argv[:] = ["-m" if is_module else program, *arguments]
    if not sys.flags.safe_path:
        sys.path[0] = path  # in place of the directory where this command was found
    elif holds_main:
        sys.path.insert(0, path)
    if sys.path[0] == path:
        _forget_modules_that_lie_in(path)
    return run


def _forget_modules_that_lie_in(path: str) -> None:
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


def _script(program: str, path: str) -> Callable[[], None]:
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        raise Refused(f"can't open file {program!r}: {error.strerror}") from None

    def run() -> None:
        main = _fresh_main()
        main.__file__ = path
        main.__dict__["__cached__"] = None
        main.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
        with _Outermost():
            exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)

    return run


def _run_module(name: str, *, alter_argv: bool) -> None:
    _fresh_main()
    with _Outermost():
        runpy._run_module_as_main(name, alter_argv)  # type: ignore[attr-defined]  # what python -m calls


def _fresh_main() -> ModuleType:
    """A new ``__main__``, so that pickle, dataclasses and multiprocessing find the program's names in it."""
    global _own_main
    _own_main = sys.modules["__main__"]
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    if sys.version_info < (3, 14):
        main.__dict__["__annotations__"] = {}
    sys.modules["__main__"] = main
    return main


# ---- tracebacks -----------------------------------------------------------------------------------------------------


def is_own_frame(file: str) -> bool:
    """Whether it is the file of this module, whose frames lie below all of the program's."""
    return file == __file__


class _Outermost:
    """What leaves the block is about to end the program: has it printed without the frames of this package."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        global _interrupted
        _interrupted = kind is KeyboardInterrupt
        hook = getattr(sys, "excepthook", None)
        if error is None or isinstance(error, SystemExit) or hook is None:
            return

        def print_without_own_frames(
            kind: type[BaseException], error: BaseException, traceback: TracebackType | None
        ) -> None:
            sys.excepthook = hook
            inner = _innermost_own(traceback)
            sys.last_traceback = error.__traceback__ = inner
            hook(kind, error, inner)

        sys.excepthook = print_without_own_frames


def die_as_interrupted() -> None:
    """Last of all, have the interpreter end as an uncaught KeyboardInterrupt makes it end: by SIGINT.

    It does so when the code that it compiled from text last ended that way; imports for the report ran other code.
    """
    if _interrupted:
        with suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")


def _innermost_own(traceback: TracebackType | None) -> TracebackType | None:
    """What follows the last of our own frames."""
    rest = traceback
    while traceback is not None:
        if is_own_frame(traceback.tb_frame.f_code.co_filename):
            rest = traceback.tb_next
        traceback = traceback.tb_next
    return rest
