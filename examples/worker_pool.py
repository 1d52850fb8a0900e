"""A thread pool as concurrent.futures has it, on any class with queue.Queue's methods: LockFreeQueue is one.

python examples/worker_pool.py
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from concurrent_collections import LockFreeQueue


class WorkerPool:
    """Runs functions in threads; `kind` is the class of the queue between them."""

    def __init__(self, workers: int, kind: Callable[[int], Any], *, backlog: int = 100) -> None:
        self._tasks = kind(backlog)
        self._threads = [threading.Thread(target=self._work) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._tasks.put((future, function, arguments))
        return future

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, function, arguments = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*arguments))
                except BaseException as error:
                    future.set_exception(error)
            self._tasks.task_done()
        self._tasks.task_done()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self._tasks.join()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()


def run(kind: Callable[[int], Any]) -> tuple[int, str]:
    with WorkerPool(4, kind) as pool:
        futures = [pool.submit(pow, number, 2) for number in range(2000)]
        failing = pool.submit(int, "not a number")
    return sum(future.result() for future in futures), type(failing.exception()).__name__


def main() -> None:
    for kind in queue.Queue, LockFreeQueue:
        began = time.perf_counter()
        total, error = run(kind)
        print(f"{kind.__name__}: sum {total}, failure {error}, {1000 * (time.perf_counter() - began):.0f} ms")


if __name__ == "__main__":
    main()
