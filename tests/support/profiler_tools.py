"""What the profiler's tests share: libcc through ctypes, threads that report their errors, programs of their own process."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import concurrent_collections

PACKAGE = Path(concurrent_collections.__file__).parent
FREE_THREADED_BUILD = "t" in sys.abiflags


class Runtime:
    """The functions of the installed libcc."""

    def __init__(self) -> None:
        (path,) = (PACKAGE / "lib").glob("libcc.so.*")
        self.library = ctypes.CDLL(str(path))
        size, pointer = ctypes.c_size_t, ctypes.c_void_p
        for name, result, *arguments in [
            ("cc_alloc", pointer, size),
            ("cc_calloc", pointer, size, size),
            ("cc_alloc_aligned", pointer, size, size),
            ("cc_alloc_node", pointer, size),
            ("cc_realloc", pointer, pointer, size, size),
            ("cc_free", None, pointer, size),
            ("cc_free_unsized", None, pointer),
            ("cc_usable_size", size, pointer),
        ]:
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)


class Threads:
    """Named threads that begin together; leaving the block joins them and raises what the first of them raised."""

    def __init__(self, functions: dict[str, Callable[[], None]]) -> None:
        self._barrier = threading.Barrier(len(functions))
        self._errors: list[BaseException] = []
        self.threads = [
            threading.Thread(target=self._run, args=(function,), name=name) for name, function in functions.items()
        ]

    def _run(self, function: Callable[[], None]) -> None:
        try:
            self._barrier.wait(60)
            function()
        except BaseException as error:
            self._errors.append(error)

    def __enter__(self) -> Threads:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self.threads:
            thread.join()
        if self._errors:
            raise self._errors[0]


def run_python(
    code: str, *arguments: object, options: Sequence[str] = (), environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs ``code`` in an interpreter of its own and returns how that ended."""
    return subprocess.run(
        [sys.executable, "-P", *options, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **(environment or {})},
    )


def output_of(code: str, *arguments: object, **others) -> str:
    """What ``code`` prints, after checking that it ended well and complained of nothing."""
    result = run_python(code, *arguments, **others)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return result.stdout
