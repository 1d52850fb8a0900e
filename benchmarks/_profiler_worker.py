"""One profiler, one interpreter: runs workloads that it is told on standard input and prints the seconds of processor
time each took.

Run by benchmarks/profiler.py, one process for each mode, so that no mode sees what another left behind.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# -- allocation-heavy workloads ---------------------------------------------------------------------------------------


def tuples() -> None:
    """Nested tuples, ints and strings by the ten thousand: little more than allocation."""
    for _ in range(30):
        [(i, (i, i + 1), str(i)) for i in range(8000)]


def json_round_trip() -> None:
    """A document of some thousand objects, written and read."""
    document = {"rows": [{f"k{i}": i, "v": [i, str(i)], "f": i * 1.5} for i in range(300)]}
    for _ in range(50):
        json.loads(json.dumps(document))


def string_dict() -> None:
    """A dictionary of lists with string keys, built anew."""
    for _ in range(30):
        table = {}
        for i in range(7000):
            table["k" + str(i)] = [i]


class _Point:
    def __init__(self, x: int, y: list[int]) -> None:
        self.x, self.y = x, y


def objects() -> None:
    """Instances of a class with a list each."""
    for _ in range(30):
        [_Point(i, [i]) for i in range(7000)]


def log_lines() -> None:
    """Lines of an access log, split, converted and counted."""
    line = '10.0.{}.{} - - [21/Nov/2026:10:{:02d}:00] "GET /item/{} HTTP/1.1" 200 {}'
    lines = [line.format(i % 256, i % 199, i % 60, i % 500, i) for i in range(8000)]
    for _ in range(6):
        totals: dict[str, list[int]] = {}
        for text in lines:
            fields = text.split(" ")
            totals.setdefault(fields[5], []).append(int(fields[8]))


HEAVY = [tuples, json_round_trip, string_dict, objects, log_lines]


# -- from pyperformance's set -----------------------------------------------------------------------------------------


def _pyperformance(name: str, call: Callable[[object], None]) -> Callable[[], None]:
    """A workload that calls into bm_<name>/run_benchmark.py of the installed pyperformance package."""
    package = importlib.util.find_spec("pyperformance")
    assert package is not None and package.origin is not None
    path = Path(package.origin).parent / "data-files" / "benchmarks" / f"bm_{name}" / "run_benchmark.py"
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(f"bm_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.pop(0)

    def run() -> None:
        call(module)

    run.__name__ = name
    return run


def others() -> list[Callable[[], None]]:
    """Empty where pyperformance is not installed."""
    if importlib.util.find_spec("pyperformance") is None:
        return []
    return [
        _pyperformance("richards", lambda module: module.Richards().run(2)),
        _pyperformance("nbody", lambda module: module.bench_nbody(1, "sun", 6000)),
        _pyperformance("fannkuch", lambda module: module.fannkuch(8)),
        _pyperformance("deltablue", lambda module: module.delta_blue(300)),
    ]


# -- live blocks ------------------------------------------------------------------------------------------------------


def churn(live: list[object]) -> None:
    """Replaces 200,000 of the live blocks, at places spread over all of them."""
    count, place = len(live), 1
    for i in range(200_000):
        place = (place * 1103515245 + 12345) & 0x7FFFFFFF
        live[place % count] = (i, place)


# -- modes ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def profiler(**options: object) -> Iterator[None]:
    from concurrent_collections import MemoryProfiler

    measured = MemoryProfiler(**options)  # type: ignore[arg-type]
    measured.start()
    try:
        yield
    finally:
        measured.stop()


@contextlib.contextmanager
def use_tracemalloc() -> Iterator[None]:
    import tracemalloc

    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


@contextlib.contextmanager
def use_memray() -> Iterator[None]:
    import memray

    with memray.Tracker(destination=memray.FileDestination("/dev/null", overwrite=True), trace_python_allocators=True):
        yield


_EXACT = {"track_latency": False, "track_per_thread": True}
MODES: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "off": contextlib.nullcontext,
    "idle": contextlib.nullcontext,
    "hooks": lambda: profiler(sample_rate=1e-9),
    "rate 0.01": lambda: profiler(sample_rate=0.01),
    "512 KiB": lambda: profiler(sample_interval=524288),
    "exact": lambda: profiler(**_EXACT),
    "exact+latency": lambda: profiler(track_per_thread=True),
    "leaks+stacks": lambda: profiler(track_per_thread=True, detect_leaks=True, capture_stacks=True, stack_depth=32),
    "tracemalloc": use_tracemalloc,
    "memray": use_memray,
}


def timed(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    mode = sys.argv[1]
    workloads = {work.__name__: work for work in [*HEAVY, *others()]}
    context = MODES[mode]
    if mode == "idle":
        with profiler():
            tuples()
    # All modes import the same, and the collector leaves that alone: how often it looks at how much is half of a
    # workload's time.
    for module in (
        "concurrent_collections.profiling.profiler",
        "subprocess",
    ):  # platform, which stop() asks, imports the second
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    with contextlib.suppress(AttributeError):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    live: list[object] = []
    print("ready", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        gc.collect()
        with context():
            if command["work"] == "churn":
                gc.disable()  # it would look at all that lives again and again
                live.extend((i, -i) for i in range(command["live"]))
                work: Callable[[], None] = lambda: churn(live)
            else:
                work = workloads[command["work"]]
            if command["repeat"] > 1:
                work()  # warm
            seconds = min(timed(work) for _ in range(command["repeat"]))
        print(seconds, flush=True)


if __name__ == "__main__":
    main()
    os._exit(0)  # what is left to free is no part of the measurement
