"""Soak test of the collections: threads put, take, iterate, copy, compute and clear on shared containers, short-lived
ones among them, while another collects garbage, for as long as asked. Afterwards all references are balanced and the
memory is back.

    python -P tests/long/soak_collections.py [--seconds 600] [--threads 8] [--seed N] [--asan SOURCE]

The time is divided into phases; after each one the containers are emptied, and every object that went through them must
be gone.
--asan builds the package from the tree SOURCE with the address sanitizer and libc's allocator, and runs under it.
Ends with status 0 and one line of figures, or with the first thing that was wrong.
"""

from __future__ import annotations

import argparse
import copy
import gc
import itertools
import os
import pickle
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from concurrent_collections import LockFreeQueue, LockFreeStack, SkipListMap, SkipListSet, TreeMap, config

KEYS = 300  # few, so that threads meet
PHASES = 4
LEAST_WAIT = 0.0005  # seconds, of a blocking call


class Trouble(Exception):
    """What a hostile key raises."""


class Tracked:
    """Every instance is found by the garbage collector: when all containers are empty, there must be none."""

    def __init__(self, label: Any) -> None:
        self.label = label
        self.itself = self if hash(label) % 64 == 0 else None  # some can only be freed by the collector


class Reentrant(Tracked):
    """Uses a container when it dies."""

    container: Any = None

    def __del__(self) -> None:
        if self.container is not None and isinstance(self.label, int):
            len(self.container)
            self.container.get(self.label)


class Key(Tracked):
    """Ordered by Python, and now and then not at all."""

    trouble = random.Random(3)

    def __lt__(self, other: Any) -> bool:
        if self.trouble.random() < 0.001:
            raise Trouble
        return bool(self.label < other.label)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Key) and self.label == other.label

    __hash__ = None  # type: ignore[assignment]


def tracked() -> int:
    return sum(isinstance(thing, Tracked) for thing in gc.get_objects())


def resident() -> int:
    """Bytes; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0


def check_order(keys: Iterator[Any], *, reverse: bool = False) -> None:
    last = None
    for key in keys:
        label = getattr(key, "label", key)
        assert last is None or (label < last if reverse else label > last), f"{label!r} after {last!r}"
        last = label


class Maps:
    """All that is done with a map; `make_key` gives a new object each time."""

    def __init__(self, container: Any, make_key: Callable[[int], Any]) -> None:
        self.container, self.make_key = container, make_key

    def pairs(self) -> None:
        for key, value in self.container.items():
            label = getattr(key, "label", key)
            assert value.label == label, (label, value.label)

    def actions(self, chance: random.Random) -> list[tuple[int, Callable[[], Any]]]:
        """(weight, what to do) for one random key."""
        container, shared = self.container, self.container
        number = chance.randrange(KEYS)
        key, other = self.make_key(number), self.make_key(number + 5)
        label = getattr(key, "label", key)

        def value() -> Tracked:
            return (Reentrant if chance.random() < 0.1 else Tracked)(label)

        def check(found: Any) -> None:
            assert found is None or found.label == label, (found.label, label)

        def from_empty(call: Callable[[], Any]) -> None:
            try:
                call()
            except KeyError:
                pass

        return [
            (40, lambda: check(container.get(key))),
            (20, lambda: container.__setitem__(key, value())),
            (10, lambda: check(container.pop(key, None))),
            (5, lambda: check(container.setdefault(key, value()))),
            (5, lambda: container.put_if_absent(key, value())),
            (5, lambda: container.replace(key, value())),
            (3, lambda: container.replace_if(key, container.get(key), value())),
            (3, lambda: check(container.compute(key, lambda old: value()))),
            (3, lambda: key in container),
            (3, lambda: from_empty(container.first_key)),
            (3, lambda: from_empty(lambda: container.floor_key(key))),
            (3, lambda: from_empty(lambda: container.popitem(last=chance.random() < 0.5))),
            (2, lambda: check_order(itertools.islice(container, 50))),
            (2, lambda: check_order(iter(container.keys(key, other)))),
            (1, lambda: check_order(reversed(container), reverse=True)),
            (1, self.pairs),
            (1, lambda: check_order(pair[0] for pair in container.snapshot())),
            (1, lambda: check_order(iter(copy.copy(shared)))),
            (1, lambda: len(repr(itertools.islice(container.values(), 3))) + len(container)),
        ]


class Sets(Maps):
    def actions(self, chance: random.Random) -> list[tuple[int, Callable[[], Any]]]:
        container, member = self.container, self.make_key(chance.randrange(KEYS))

        def pop() -> None:
            try:
                container.pop()
            except KeyError:
                pass

        return [
            (30, lambda: container.add(member)),
            (30, lambda: container.discard(member)),
            (30, lambda: member in container),
            (3, pop),
            (2, lambda: check_order(itertools.islice(container, 50))),
            (1, lambda: check_order(iter(pickle.loads(pickle.dumps(container)))) if isinstance(member, int) else None),
            (1, lambda: len(container)),
        ]


class Queues:
    def __init__(self, container: Any) -> None:
        self.container = container

    def actions(self, chance: random.Random) -> list[tuple[int, Callable[[], Any]]]:
        container, value = self.container, (Reentrant if chance.random() < 0.1 else Tracked)(chance.randrange(KEYS))

        def quietly(call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
            try:
                call(*arguments, **options)
            except (queue.Full, queue.Empty):
                pass

        return [
            (40, lambda: quietly(container.put_nowait, value)),
            (44, lambda: quietly(container.get_nowait)),
            (2, lambda: quietly(container.put, value, timeout=LEAST_WAIT)),
            (2, lambda: quietly(container.get, timeout=LEAST_WAIT)),
            (2, container.qsize),
            (2, container.empty),
        ]


class Soak:
    def __init__(self, seconds: float, threads: int, seed: int) -> None:
        self.seconds, self.threads, self.seed = seconds, threads, seed
        self.errors: list[BaseException] = []
        self.operations = self.collections = self.short_lived = 0
        self.lock = threading.Lock()
        text = "key {:05d}".format
        self.subjects: list[Any] = [
            Maps(SkipListMap(), lambda number: number),
            Maps(SkipListMap(), text),
            Maps(TreeMap(), Key),
            Maps(SkipListMap(cmp=lambda a, b: (a > b) - (a < b)), float),
            Sets(SkipListSet(), lambda number: number),
            Sets(SkipListSet(), Key),
            Queues(LockFreeQueue()),
            Queues(LockFreeQueue(16)),
            Queues(LockFreeStack()),
        ]

    def running(self) -> bool:
        return time.monotonic() < self.end and not self.errors

    def guarded(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except BaseException as error:
            self.errors.append(error)

    def operate(self, number: int, count: int | None = None) -> None:
        chance = random.Random(self.seed * 1000 + number)
        done = 0
        while self.running() and (count is None or done < count):
            subject = chance.choice(self.subjects)
            for _ in range(20):
                actions = subject.actions(chance)
                (action,) = chance.choices([action for _, action in actions], [weight for weight, _ in actions])
                try:
                    action()
                except Trouble:
                    pass
                done += 1
            if chance.random() < 0.001 and hasattr(subject.container, "clear"):
                subject.container.clear()
        with self.lock:
            self.operations += done

    def collect(self) -> None:
        while self.running():
            gc.collect()
            time.sleep(0.02)
            self.collections += 1

    def churn(self) -> None:
        for number in itertools.count(1000):
            if not self.running():
                break
            helpers = [
                threading.Thread(target=self.guarded, args=(self.operate, number * 4 + i, 200)) for i in range(4)
            ]
            for helper in helpers:
                helper.start()
            for helper in helpers:
                helper.join()
            self.short_lived += len(helpers)

    def phase(self) -> None:
        self.end = time.monotonic() + self.seconds / PHASES
        sys.unraisablehook = lambda unraisable: self.errors.append(unraisable.exc_value or unraisable.exc_type())
        Reentrant.container = self.subjects[0].container
        works: list[tuple[Any, ...]] = [(self.operate, number) for number in range(self.threads)]
        threads = [
            threading.Thread(target=self.guarded, args=work) for work in [*works, (self.collect,), (self.churn,)]
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def empty(self) -> None:
        """Takes everything out and waits until nothing is held any more."""
        Reentrant.container = None
        for subject in self.subjects:
            container = subject.container
            if isinstance(subject, Queues):
                for _ in range(container.qsize()):
                    container.get_nowait()
                assert container.empty()
            else:
                container.clear()
                assert len(container) == 0 and list(container) == []
            container.drain()
        gc.collect()
        left = tracked()
        assert left == 0, f"{left} objects are still held"

    def store(self, values: list[Any]) -> None:
        """Puts each of the values many times into all containers that hold values."""
        for subject in self.subjects:
            for number, value in enumerate(values * 50):
                try:
                    if isinstance(subject, Queues):
                        subject.container.put_nowait(value)
                    elif not isinstance(subject, Sets):
                        subject.container[subject.make_key(number)] = value
                except (Trouble, queue.Full):
                    pass

    def run(self) -> None:
        shared = ["a value that all containers share", 12345.678]
        before = [sys.getrefcount(value) for value in shared]
        self.sizes: list[tuple[int, int]] = []  # bytes of libcc, of the process
        for phase in range(PHASES):
            self.seed += phase
            self.phase()
            self.store(shared)
            self.empty()
            after = [sys.getrefcount(value) for value in shared]
            assert after == before, f"references {before} became {after}"
            self.sizes.append((config.alloc_stats().current_allocated, resident()))
        # The first phase fills caches and pools; from then on nothing may grow with the time.
        allocated, pages = zip(*self.sizes[1:])
        assert allocated[-1] <= allocated[0] + (1 << 20), f"libcc holds {allocated} bytes after the phases"
        assert pages[-1] <= pages[0] * 1.2 + (32 << 20), f"the process has {pages} bytes after the phases"


def run_under_asan(source: Path, arguments: list[str]) -> int:
    """Builds the package into a temporary folder, and runs this file with it."""
    with tempfile.TemporaryDirectory() as folder:
        tree, target = Path(folder, "tree"), Path(folder, "package")
        subprocess.run(["cp", "-r", "--", str(source), str(tree)], check=True)
        flags = "-O1 -g -fno-omit-frame-pointer -fsanitize=address -DCC_BACKEND_LIBC=1"
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--target",
            target,
            tree,
        ]
        subprocess.run(pip, check=True, env=os.environ | {"CFLAGS": flags, "LDFLAGS": "-fsanitize=address"})
        runtime = subprocess.run(
            ["gcc", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True
        ).stdout.strip()
        gil = getattr(sys, "_is_gil_enabled", lambda: True)()
        environment = os.environ | {
            "LD_PRELOAD": runtime,
            "PYTHONPATH": str(target),
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "PYTHONMALLOC": "malloc" if gil else "default",  # where it may be: then objects are checked, too
        }
        return subprocess.run([sys.executable, "-P", __file__, *arguments], env=environment).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--asan", type=Path, metavar="SOURCE")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    if options.asan is not None:
        rest = ["--seconds", options.seconds, "--threads", options.threads, "--seed", options.seed]
        return run_under_asan(options.asan, list(map(str, rest)))
    config.enable_alloc_statistics = True
    soak = Soak(options.seconds, options.threads, options.seed)
    soak.run()
    enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
    held = ", ".join(f"{allocated >> 10}/{pages >> 20}" for allocated, pages in soak.sizes)
    print(
        f"{soak.operations} operations, {soak.collections} collections, {soak.short_lived} short-lived threads, "
        f"KiB of libcc/MiB of the process after each phase: {held}, GIL {'on' if enabled else 'off'}: good"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
