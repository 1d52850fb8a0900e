"""Soak test of the profiler: threads allocate, hand objects to each other, start and end, while profilers of all kinds
start, read, reset and stop, for as long as asked. Afterwards nothing must be left over.

    python -P tests/long/soak.py [--seconds 600] [--threads 8] [--seed N]

Ends with status 0 and one line of figures, or with the first thing that was wrong.
"""

from __future__ import annotations

import argparse
import gc
import queue
import random
import sys
import threading
import time
import tracemalloc

from concurrent_collections import MemoryProfiler, config

KINDS = [
    {},
    {"track_per_thread": True, "track_latency": False},
    {"detect_leaks": True},
    {"detect_leaks": True, "capture_stacks": True, "stack_depth": 8},
    {"sample_rate": 0.05},
    {"sample_interval": 65536, "capture_stacks": True},
    {"domains": ("raw", "mem")},
]


MAKERS = [bytearray, bytes, lambda size: [None] * size, lambda size: "x" * size]


class Soak:
    def __init__(self, seconds: float, threads: int, seed: int) -> None:
        self.end = time.monotonic() + seconds
        self.threads = threads
        self.seed = seed
        self.errors: list[BaseException] = []
        self.handed: queue.Queue[object] = queue.Queue(maxsize=1000)
        self.profiles = self.rounds = 0
        self.lock = threading.Lock()

    def running(self) -> bool:
        return time.monotonic() < self.end and not self.errors

    def guarded(self, work, *arguments) -> None:
        try:
            work(*arguments)
        except BaseException as error:
            self.errors.append(error)

    def allocate(self, number: int) -> None:
        """Builds objects of all sizes, gives some away and takes others in exchange."""
        chance = random.Random(self.seed + number)
        while self.running():
            kept: list[object] = []
            for _ in range(chance.randrange(100, 3000)):
                kept.append(chance.choice(MAKERS)(chance.choice((1, 8, 40, 500, 600, 5000))))
            kept[len(kept) // 2 :] = [{str(i): i for i in range(chance.randrange(50))} for _ in range(20)]
            try:
                self.handed.put_nowait(kept)
                self.handed.get_nowait()
            except (queue.Full, queue.Empty):
                pass
            with self.lock:
                self.rounds += 1

    def churn(self, number: int) -> None:
        """Short-lived threads."""
        while self.running():
            helpers = [threading.Thread(target=lambda: [str(i) for i in range(500)]) for _ in range(4)]
            for helper in helpers:
                helper.start()
            for helper in helpers:
                helper.join()

    def profile(self, number: int) -> None:
        chance = random.Random(self.seed * 31 + number)
        while self.running():
            profiler = MemoryProfiler(**chance.choice(KINDS))
            profiler.start()
            for _ in range(chance.randrange(4)):
                action = chance.choice((profiler.snapshot, profiler.reset, gc.collect, lambda: time.sleep(0.003)))
                action()
            profiler.stop()
            self.check(profiler.report())
            with self.lock:
                self.profiles += 1

    def check(self, report) -> None:
        for name in ("alloc_count", "free_count", "alloc_bytes", "free_bytes", "current_allocated", "peak_allocated"):
            assert getattr(report, name) >= 0, (name, report)
        if report.sampling.mode == "exact":
            assert report.free_count <= report.alloc_count, report
            assert report.current_allocated == report.alloc_bytes - report.free_bytes, report
        assert report.dropped_records == 0, report.notes

    def run(self) -> None:
        works = [(self.allocate, n) for n in range(self.threads)] + [
            (self.churn, 0),
            (self.profile, 0),
            (self.profile, 1),
        ]
        threads = [threading.Thread(target=self.guarded, args=work) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    soak = Soak(options.seconds, options.threads, options.seed)
    soak.run()
    assert not tracemalloc.is_tracing() and config.alloc_stats().current_allocated == 0
    with MemoryProfiler() as after:
        data = [str(i) for i in range(1000)]
    assert after.report().alloc_count >= len(data)
    enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
    print(f"{soak.profiles} profiles, {soak.rounds} rounds, GIL {'on' if enabled else 'off'}: good")


if __name__ == "__main__":
    main()
