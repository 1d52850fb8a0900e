"""What tests of reclamation share: tests/support/smr_driver.c, compiled against the installed libcc as a user would."""

from __future__ import annotations

import ctypes
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from threads import Threads

SOURCE = Path(__file__).with_name("smr_driver.c")


class Driver:
    """The functions of the driver. Calls release the GIL."""

    def __init__(self, library: Path) -> None:
        self.path = library
        self._library = ctypes.CDLL(str(library))
        pointer, text, number, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64, ctypes.c_size_t
        for name, result, *arguments in [
            ("create", pointer, text, text),
            ("destroy", ctypes.c_int, pointer),
            ("retire", ctypes.c_int, pointer, number, size),
            ("enter", None, pointer),
            ("exit", None, pointer),
            ("search", None, pointer, ctypes.POINTER(ctypes.c_int)),
            ("poll", number, pointer),
            ("drain", ctypes.c_int, pointer, number),
        ]:
            function = getattr(self._library, f"driver_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    @contextmanager
    def domain(self, name: str = "test", scheme: str | None = None) -> Iterator[int]:
        """A domain for the block; with the default scheme, or another."""
        domain = self.create(name.encode(), scheme.encode() if scheme else None)
        assert domain
        try:
            yield domain
        finally:
            assert self.destroy(domain) == 0


def build_driver(directory: Path) -> Driver:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is installed")
    command = [sys.executable, "-P", "-m", "concurrent_collections", "config", "--cflags", "--libs"]
    flags = shlex.split(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    library = directory / "libdriver.so"
    line = [compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", SOURCE, "-o", library, *flags]
    subprocess.run(line, check=True)
    return Driver(library)


def in_thread(function, name="worker"):
    """Run it in a thread of its own, and wait until the system's thread is gone: then its nodes are handed on."""
    with Threads({name: function}) as threads:
        task = Path(f"/proc/self/task/{threads.threads[0].native_id}")
    while task.exists():
        time.sleep(0.001)


@contextmanager
def held_section(driver, domain, name="sleeper"):
    """Another thread stays inside a section for the block."""
    entered, leave = threading.Event(), threading.Event()

    def stay():
        driver.enter(domain)
        entered.set()
        leave.wait(60)
        driver.exit(domain)

    with Threads({name: stay}):
        try:
            assert entered.wait(60)
            yield
        finally:
            leave.set()
