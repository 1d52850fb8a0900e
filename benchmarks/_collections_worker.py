"""One container, one interpreter: measures what benchmarks/collections.py asks for and prints a line of JSON for each
measurement.

    python -P benchmarks/_collections_worker.py speed CONTAINER int|str ENTRIES THREADS,… WORKLOAD,… OPERATIONS REPEATS
    python -P benchmarks/_collections_worker.py bytes CONTAINER int|str ENTRIES
    python -P benchmarks/_collections_worker.py list

Methods are bound beforehand, whoever is measured: on CPython 3.13t, naming an object that all threads share already
costs them two writes to its reference count. Each thread has keys of its own, made beforehand; queues carry small ints,
which are not counted. A time is net of the same loop without the call.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

SCAN = 100
WARMED = 1_000_000  # entries; with more, the first reads of each are among what is measured


@dataclass(frozen=True)
class Container:
    """Names its module and class, and the statements of each operation; None: it has none."""

    module: str
    type: str
    get: str | None
    put: str
    remove: str | None = None
    scan: str | None = None
    bound: str = ""  # names for methods, before the loop

    def load(self) -> Callable[[], Any] | None:
        try:
            return getattr(importlib.import_module(self.module), self.type, None)
        except ImportError:
            return None


_MAP = "get, put, remove = container.get, container.__setitem__, container.pop"
_QUEUE = "put, get = container.put, container.get"
_OURS = dict(
    module="concurrent_collections", get="get(key)", put="put(key, key)", remove="remove(key, None)",
    scan="list(islice(items(key), SCAN))", bound=_MAP + "; items = container.items",
)  # fmt: skip

MAPS = {
    "SkipListMap": Container(type="SkipListMap", **_OURS),
    "TreeMap": Container(type="TreeMap", **_OURS),
    "SortedDict + Lock": Container(
        "sortedcontainers", "SortedDict", "with lock: get(key)", "with lock: put(key, key)",
        "with lock: remove(key, None)",
        "with lock: [(found, at(found)) for found in islice(irange(key), SCAN)]",
        _MAP + "; irange, at = container.irange, container.__getitem__",
    ),
    "dict + Lock": Container(
        "builtins", "dict", "with lock: get(key)", "with lock: put(key, key)", "with lock: remove(key, None)",
        bound=_MAP
    ),
    "dict, no lock": Container("builtins", "dict", "get(key)", "put(key, key)", "remove(key, None)", bound=_MAP),
    "cereggii AtomicDict": Container(
        "cereggii", "AtomicDict", "get(key)", "put(key, key)", "try: remove(key)\n        except KeyError: pass",
        bound="get, put, remove = container.get, container.__setitem__, container.__delitem__",
    ),
    "ft_utils ConcurrentDict": Container(
        "ft_utils.concurrency", "ConcurrentDict", "get(key)", "put(key, key)", "remove(key, None)", bound=_MAP
    ),
}  # fmt: skip
QUEUES = {
    "LockFreeQueue": Container("concurrent_collections", "LockFreeQueue", "get()", "put(key)", bound=_QUEUE),
    "LockFreeStack": Container("concurrent_collections", "LockFreeStack", "get()", "put(key)", bound=_QUEUE),
    "queue.SimpleQueue": Container("queue", "SimpleQueue", "get()", "put(key)", bound=_QUEUE),
    "queue.Queue": Container("queue", "Queue", "get()", "put(key)", bound=_QUEUE),
    "collections.deque": Container(
        "collections", "deque", "get()", "put(key)", bound="put, get = container.append, container.popleft"
    ),
    "ft_utils ConcurrentDeque": Container(
        "ft_utils.concurrency",
        "ConcurrentDeque",
        "get()",
        "put(key)",
        bound="put, get = container.append, container.popleft",
    ),
    "ft_utils StdConcurrentQueue": Container(
        "ft_utils.concurrency", "StdConcurrentQueue", "get()", "put(key)", bound=_QUEUE
    ),
}

SINGLE = """
def loop(program, container, lock):
    {bound}
    for key in program:
        {one}
"""
PAIR = """
def loop(program, container, lock):
    {bound}
    for key in program:
        {put}
        {get}
"""
MIXED = """
def loop(program, container, lock):
    {bound}
    for reads, added, removed in program:
        for key in reads:
            {get}
        key = added
        {put}
        key = removed
        {remove}
"""
READS = {"mixed": 8, "half": 2}  # to one put and one remove


def make_loop(container: Container, workload: str, *, empty: bool) -> Callable[..., None]:
    def statement(text: str | None) -> str:
        return "pass" if empty else text or "pass"

    scope: dict[str, Any] = {"islice": islice, "SCAN": SCAN}
    template = {"read": SINGLE, "scan": SINGLE, "pairs": PAIR}.get(workload, MIXED)
    source = template.format(
        bound=container.bound or "pass",
        one=statement(container.scan if workload == "scan" else container.get),
        get=statement(container.get), put=statement(container.put), remove=statement(container.remove),
    )  # fmt: skip
    exec(source, scope)
    return scope["loop"]


def make_key(kind: str, number: int) -> Any:
    """A new object each time (but for the interpreter's small ints)."""
    return number if kind == "int" else f"key {number:012d}"


def make_program(chance: random.Random, workload: str, kind: str, count: int, entries: int) -> list[Any]:
    """What one thread does: keys, evenly from twice as many as there are entries; or (keys to get, one to put, one
    to remove).
    """
    if workload == "scan":
        count //= SCAN // 4

    def draw(number: int) -> list[Any]:
        return [make_key(kind, int(chance.random() * 2 * entries)) for _ in range(number)]

    if workload in READS:
        return [(draw(READS[workload]), *draw(2)) for _ in range(count // (READS[workload] + 2))]
    return draw(count)


def elapsed(
    loops: Sequence[Callable[..., None]], number: int, make: Callable[[int], list[Any]], *shared: Any
) -> list[float]:
    """For each loop the seconds from the first thread's start to the last one's end; with one thread its processor
    time, which others on the machine disturb less. Each thread makes its program itself: what another thread has
    made costs a free-threaded interpreter locked instructions to count references to.
    """
    barrier = threading.Barrier(number)
    times: list[list[tuple[float, float]]] = [[] for _ in loops]
    clock = time.thread_time if number == 1 else time.perf_counter

    def work(thread: int) -> None:
        program = make(thread)
        for loop, rows in zip(loops, times):
            barrier.wait()
            start = clock()
            loop(program, *shared)
            rows.append((start, clock()))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(rows) == number for rows in times), "a thread has failed"
    return [max(end for _, end in rows) - min(start for start, _ in rows) for rows in times]


def fill(container: Any, kind: str, entries: int) -> None:
    """Half of the keys that are drawn from, in random order."""
    numbers = random.Random(1).sample(range(2 * entries), entries)
    for number in numbers:
        key = make_key(kind, number)
        container[key] = key


def measure_speed(
    name: str, kind: str, entries: int, threads: list[int], workloads: list[str], count: int, repeats: int
) -> None:
    described = MAPS.get(name) or QUEUES[name]
    make = described.load()
    assert make is not None, f"{name} is not installed"
    container, lock = make(), threading.Lock()
    if name in MAPS:
        fill(container, kind, entries)
        if entries <= WARMED:
            # Untimed: 3.13t's dict takes microseconds, once, to hand out an object that another thread has put in.
            read = make_loop(described, "read", empty=False)
            elapsed((read,), 1, lambda _: [make_key(kind, key) for key in range(2 * entries)], container, lock)
    for workload in workloads:
        if (workload == "pairs") != (name in QUEUES) or (workload == "scan" and described.scan is None):
            continue
        loop, empty = (make_loop(described, workload, empty=e) for e in (False, True))
        for number in threads:
            seconds, idle = [], []
            for repeat in range(repeats):

                def make_programs(thread: int) -> list[Any]:
                    """Others in each repeat, so that the processor cannot learn one by heart."""
                    chance = random.Random(repeat * 100 + thread)
                    return make_program(chance, workload, kind, count // number, entries)

                gc.collect()
                gc.disable()
                loop_time, gross = elapsed((empty, loop), number, make_programs, container, lock)
                gc.enable()
                idle.append(loop_time)
                seconds.append(gross)
            operations = len(make_programs(0)) * number * (READS[workload] + 2 if workload in READS else 1)
            gross, loop_time = statistics.median(seconds), min(idle)
            net = max(gross - loop_time, gross / 100)
            print(
                json.dumps(
                    {"container": name, "keys": kind, "entries": entries, "workload": workload, "threads": number,
                     "rate": operations / net, "gross_rate": operations / gross,
                     "loop_ns": loop_time / operations * 1e9}
                ), flush=True,
            )  # fmt: skip


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def measure_bytes(name: str, kind: str, entries: int) -> None:
    """Of the container alone: keys are made before, values are the keys."""
    make = MAPS[name].load()
    assert make is not None, f"{name} is not installed"
    numbers = random.Random(1).sample(range(2 * entries), entries)  # kept: what is freed now would be used again below
    keys = [make_key(kind, number) for number in numbers]
    gc.collect()
    before = resident()
    container = make()
    for key in keys:
        container[key] = key
    gc.collect()
    grown = resident() - before
    result = {
        "container": name,
        "keys": kind,
        "entries": entries,
        "workload": "bytes",
        "bytes_per_entry": grown / entries,
    }
    if hasattr(container, "memory_usage"):
        usage = container.memory_usage()
        result["own_bytes_per_entry"] = getattr(usage, "total_bytes", usage) / entries
    print(json.dumps(result), flush=True)


def main(arguments: list[str]) -> None:
    command, *rest = arguments
    if command == "list":
        names = [name for name, container in (MAPS | QUEUES).items() if container.load() is not None]
        version = sys.version.split()[0] + getattr(sys, "abiflags", "")
        gil = getattr(sys, "_is_gil_enabled", lambda: True)()
        print(json.dumps({"version": version, "gil": gil, "containers": names}))
    elif command == "bytes":
        measure_bytes(rest[0], rest[1], int(rest[2]))
    else:
        name, kind, entries, threads, workloads, count, repeats = rest
        measure_speed(
            name,
            kind,
            int(entries),
            [int(n) for n in threads.split(",")],
            workloads.split(","),
            int(count),
            int(repeats),
        )


if __name__ == "__main__":
    main(sys.argv[1:])
