"""Threads of tests: that begin together and report their errors, that are waited for, that are interrupted while
they wait.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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


def started(function: Callable[..., Any], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come to that within a minute"
        time.sleep(0.001)


def is_waiting(thread: threading.Thread) -> bool:
    """Whether the system has the thread asleep."""
    stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "S"


@contextmanager
def interrupted() -> Iterator[None]:
    """The block, which waits in the main thread, is interrupted as by Ctrl-C, once, while it sleeps.

    A signal that comes before the sleep may be seen late by any Python: it is sent until it has been seen, and raises
    KeyboardInterrupt the first time only, so that none comes after the block.
    """
    seen = threading.Event()

    def interrupt(number: int, frame: object) -> None:
        if not seen.is_set():
            seen.set()
            raise KeyboardInterrupt

    def send() -> None:
        asleep = 0
        while not seen.wait(0.001):
            asleep = asleep + 1 if is_waiting(threading.main_thread()) else 0
            if asleep == 5:  # it does not merely wait for the GIL
                os.kill(os.getpid(), signal.SIGINT)
                asleep = 0

    before = signal.signal(signal.SIGINT, interrupt)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        unseen = not seen.is_set()
        seen.set()
        sender.join()
        signal.signal(signal.SIGINT, before)
    assert not unseen, "the block ended before it was interrupted"
