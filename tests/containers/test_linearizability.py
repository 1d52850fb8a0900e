"""The checker itself, and recorded histories of our containers.

A longer run: python tests/containers/test_linearizability.py --rounds 100000
"""

from __future__ import annotations

import argparse
import queue
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from linearizability import (
    ABSENT,
    IMPOSSIBLE,
    MAP_CALLS,
    MAPPING_CALLS,
    QUEUE_CALLS,
    SET_CALLS,
    Call,
    KeyModel,
    NotLinearizable,
    QueueModel,
    SetModel,
    StackModel,
    check,
    linearize,
    map_programs,
    queue_programs,
    record,
    split_by_key,
)

import concurrent_collections

FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()
ROUNDS = 2500 if FREE_THREADED else 400  # histories of each container in the short form; with a GIL few calls overlap
SEED = 20260


@contextmanager
def quick_switches() -> Iterator[None]:
    """With a GIL, threads change as often as they can: else hardly any two calls would overlap."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


# ---- the checker
# -------------------------------------------------------------------------------------------------------


def history(*rows: tuple[int, int, str, tuple[Any, ...], Any]) -> list[Call]:
    return [Call(*row) for row in rows]


GOOD = {
    "a read beside a write may be before it": (
        KeyModel(),
        [(0, 9, "set", ("k", 1), None), (1, 8, "get", ("k",), ABSENT), (10, 11, "get", ("k",), 1)],
    ),
    "or after it": (KeyModel(), [(0, 9, "set", ("k", 1), None), (1, 8, "get", ("k",), 1)]),
    "a call that ends when another starts is beside it": (
        KeyModel(),
        [(0, 5, "set", ("k", 1), None), (5, 6, "get", ("k",), ABSENT)],
    ),
    "only one of two puts wins": (
        KeyModel(),
        [(0, 9, "put_if_absent", ("k", 1), False), (1, 8, "put_if_absent", ("k", 2), True), (10, 11, "get", ("k",), 2)],
    ),
    "the order is not that of the starts": (
        KeyModel(),
        [
            (0, 20, "replace_if", ("k", 2, 3), True),
            (1, 20, "replace_if", ("k", 1, 2), True),
            (2, 20, "set", ("k", 1), None),
        ],
    ),
    "increments": (
        KeyModel(),
        [(0, 9, "increment", ("k",), 2), (1, 8, "increment", ("k",), 1), (10, 11, "get", ("k",), 2)],
    ),
    "a queue's puts beside each other may be in any order": (
        QueueModel(),
        [(0, 9, "put", (1,), True), (1, 8, "put", (2,), True), (10, 11, "get", (), 2), (12, 13, "get", (), 1)],
    ),
    "a queue may be empty before a put": (QueueModel(), [(0, 9, "put", (1,), True), (1, 8, "get", (), ABSENT)]),
    "a full queue": (
        QueueModel(1),
        [(0, 1, "put", (1,), True), (2, 9, "put", (2,), False), (3, 8, "get", (), 1), (10, 11, "get", (), ABSENT)],
    ),
    "a stack": (
        StackModel(),
        [(0, 1, "put", (1,), True), (2, 3, "put", (2,), True), (4, 5, "get", (), 2), (6, 7, "get", (), 1)],
    ),
    "a set": (
        SetModel(),
        [(0, 9, "add", ("k",), None), (1, 8, "remove", ("k",), True), (10, 11, "contains", ("k",), False)],
    ),
}

BAD = {
    "an old value": (
        KeyModel(),
        [(0, 1, "set", ("k", 1), None), (2, 3, "set", ("k", 2), None), (4, 5, "get", ("k",), 1)],
    ),
    "a lost update": (
        KeyModel(),
        [(0, 9, "increment", ("k",), 1), (1, 8, "increment", ("k",), 1)],
    ),
    "two winners": (KeyModel(), [(0, 9, "put_if_absent", ("k", 1), True), (1, 8, "put_if_absent", ("k", 2), True)]),
    "two readers that saw two writes in opposite orders": (
        KeyModel(),
        [
            (0, 20, "set", ("k", 1), None),
            (0, 20, "set", ("k", 2), None),
            (1, 2, "get", ("k",), 1),
            (3, 4, "get", ("k",), 2),
            (5, 6, "get", ("k",), 1),
        ],
    ),
    "what was removed comes back": (
        KeyModel(),
        [(0, 1, "set", ("k", 1), None), (2, 9, "pop", ("k",), 1), (3, 8, "pop", ("k",), 1)],
    ),
    "out of order": (
        QueueModel(),
        [(0, 1, "put", (1,), True), (2, 3, "put", (2,), True), (4, 9, "get", (), 2), (10, 11, "get", (), 1)],
    ),
    "the same twice": (QueueModel(), [(0, 1, "put", (1,), True), (2, 9, "get", (), 1), (3, 8, "get", (), 1)]),
    "empty while something is in it": (QueueModel(), [(0, 1, "put", (1,), True), (2, 3, "get", (), ABSENT)]),
    "full while there is room": (
        QueueModel(2),
        [(0, 1, "put", (1,), True), (2, 3, "put", (2,), False)],
    ),
    "more than it holds": (QueueModel(1), [(0, 1, "put", (1,), True), (2, 3, "put", (2,), True)]),
    "a stack's lowest first": (
        StackModel(),
        [(0, 1, "put", (1,), True), (2, 3, "put", (2,), True), (4, 5, "get", (), 1)],
    ),
    "a set's member removed twice": (
        SetModel(),
        [(0, 1, "add", ("k",), None), (2, 9, "remove", ("k",), True), (3, 8, "remove", ("k",), True)],
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_accepts(name):
    model, rows = GOOD[name]
    calls = history(*rows)
    order = linearize(calls, model)
    assert order is not None and len(order) == len(calls) and all(call in calls for call in order)
    state = model.initial
    for call in order:  # the order that it gives is one
        state = model.step(state, call)
        assert all(other.end >= call.start for other in order[order.index(call) + 1 :])


@pytest.mark.parametrize("name", BAD)
def test_rejects(name):
    model, rows = BAD[name]
    with pytest.raises(NotLinearizable, match="no order of these calls"):
        check([history(*rows)], model)


def brute_force(calls: list[Call], model: Any) -> bool:
    """By trying every permutation."""

    def extend(state: Any, left: list[Call]) -> bool:
        for call in left:
            rest = [other for other in left if other is not call]
            if all(other.end >= call.start for other in rest):
                after = model.step(state, call)
                if after is not IMPOSSIBLE and extend(after, rest):
                    return True
        return not left

    return extend(model.initial, calls)


@pytest.mark.parametrize("model", [KeyModel(), QueueModel(2), StackModel()], ids=lambda model: type(model).__name__)
def test_agrees_with_trying_all_orders(model):
    chance = random.Random(SEED)
    verdicts = {True: 0, False: 0}
    for _ in range(1500):
        calls = []
        for _ in range(5):
            start = chance.randrange(12)
            if isinstance(model, KeyModel):
                name = chance.choice(("get", "set", "pop"))
                arguments = ("k", chance.randrange(2)) if name == "set" else ("k",)
                result = None if name == "set" else chance.choice((0, 1, ABSENT))
            else:
                name = chance.choice(("put", "get"))
                arguments = (chance.randrange(2),) if name == "put" else ()
                result = chance.random() < 0.8 if name == "put" else chance.choice((0, 1, ABSENT))
            calls.append(Call(start, start + chance.randrange(8), name, arguments, result))
        good = linearize(calls, model) is not None
        assert good == brute_force(calls, model), calls
        verdicts[good] += 1
    assert min(verdicts.values()) > 50, verdicts


def test_long_histories_are_searched_in_time():
    """Where nothing overlaps there is nothing to try; where all does, Lowe's memory keeps it from trying everything."""
    calls = [Call(i * 2, i * 2 + 1, "set", ("k", i)) for i in range(400)]
    assert linearize(calls, KeyModel()) is not None
    together = [Call(0, 100, "increment", ("k",), i + 1) for i in range(12)]
    assert linearize(together, KeyModel()) is not None
    assert linearize([*together, Call(101, 102, "get", ("k",), 11)], KeyModel()) is None


def test_an_error_in_a_thread_is_raised():
    with pytest.raises(ZeroDivisionError):
        operations = {"fail": lambda container: 1 // 0, "good": lambda container: 1}
        list(record([None] * 3, operations, [[[("fail", ())], [("good", ())]]] * 3))


# ---- recorded histories
# ------------------------------------------------------------------------------------------------


def overlapping(calls: list[Call]) -> bool:
    """Whether any two of its calls were under way at once."""
    ends = 0
    for call in sorted(calls, key=lambda call: call[:2]):
        if call.start < ends:
            return True
        ends = max(ends, call.end)
    return False


def run_maps(
    make: Callable[[], Any], operations: dict[str, Any], model: Any, rounds: int, seed: int, names: Any = None
) -> int:
    """Checks so many histories; returns in how many calls overlapped."""
    overlapped = 0
    for threads, calls, keys in ((2, 8, 1), (2, 12, 3), (3, 6, 2), (4, 5, 2)):
        chance = random.Random(seed + threads * 100 + keys)
        count = rounds // 4 or 1
        programs = [
            map_programs(chance, names or list(operations), threads=threads, calls=calls, keys=keys)
            for _ in range(count)
        ]
        with quick_switches():
            histories = list(record([make() for _ in range(count)], operations, programs))
        for calls_made in histories:
            overlapped += overlapping(calls_made)
            check(split_by_key(calls_made), model)
    return overlapped


def run_queues(make: Callable[[], Any], model: Any, rounds: int, seed: int) -> int:
    overlapped = 0
    for threads, calls in ((2, 8), (3, 6), (4, 5)):
        chance = random.Random(seed + threads)
        count = rounds // 3 or 1
        programs = [queue_programs(chance, threads=threads, calls=calls) for _ in range(count)]
        with quick_switches():
            histories = list(record([make() for _ in range(count)], QUEUE_CALLS, programs))
        for calls_made in histories:
            overlapped += overlapping(calls_made)
            check([calls_made], model)
    return overlapped


class Planted:
    """Containers with a bug that only other threads can show: two steps where there must be one."""

    class Map:
        """A dictionary whose conditional calls look first and change afterwards."""

        def __init__(self) -> None:
            self.content: dict[Any, Any] = {}

        def get(self, key: Any, default: Any = None) -> Any:
            return self.content.get(key, default)

        def set(self, key: Any, value: Any) -> None:
            self.content[key] = value

        def replace(self, key: Any, value: Any) -> bool:
            if key not in self.content:
                return False
            time.sleep(0)
            self.content[key] = value
            return True

        def pop(self, key: Any, default: Any = None) -> Any:
            return self.content.pop(key, default)

    MAP_CALLS = {
        "get": lambda container, key: container.get(key, ABSENT),
        "set": lambda container, key, value: container.set(key, value),
        "replace": lambda container, key, value: container.replace(key, value),
        "pop": lambda container, key: container.pop(key, ABSENT),
    }

    class Queue:
        """A queue whose get looks at the first and then takes it away."""

        def __init__(self) -> None:
            self.content: list[Any] = []

        def put_nowait(self, value: Any) -> None:
            self.content.append(value)

        def get_nowait(self) -> Any:
            try:
                value = self.content[0]
                time.sleep(0)
                self.content.pop(0)
            except IndexError:
                raise queue.Empty from None
            return value


def test_finds_a_replace_that_looks_first():
    with pytest.raises(NotLinearizable, match="replace"):
        run_maps(Planted.Map, Planted.MAP_CALLS, KeyModel(), 4000, SEED)


def test_finds_a_queue_that_peeks_and_then_pops():
    with pytest.raises(NotLinearizable, match="get"):
        run_queues(Planted.Queue, QueueModel(), 4000, SEED)


class LockedMap(dict):  # type: ignore[type-arg]
    """What every call of ours must look like."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def replace(self, key: Any, value: Any) -> bool:
        with self.lock:
            present = key in self
            if present:
                dict.__setitem__(self, key, value)
            return present

    def __setitem__(self, key: Any, value: Any) -> None:
        with self.lock:
            dict.__setitem__(self, key, value)

    def pop(self, key: Any, default: Any = None) -> Any:
        with self.lock:
            return dict.pop(self, key, default)


def enough(overlapped: int) -> bool:
    """Whether the histories say something. How many overlap is the machine's affair; with a GIL it may be none."""
    return overlapped > 0 or not FREE_THREADED


def test_accepts_a_map_with_a_lock():
    calls = {name: MAPPING_CALLS[name] for name in ("get", "contains", "set", "pop")}
    calls["replace"] = MAP_CALLS["replace"]
    assert enough(run_maps(LockedMap, calls, KeyModel(), ROUNDS // 4, SEED))


def test_accepts_queues_of_the_standard_library():
    assert enough(run_queues(queue.SimpleQueue, QueueModel(), ROUNDS // 4, SEED))
    run_queues(lambda: queue.Queue(2), QueueModel(2), ROUNDS // 20, SEED)
    run_queues(lambda: queue.LifoQueue(2), StackModel(2), ROUNDS // 20, SEED)


#: Name, what makes one, how it is checked.
CONTAINERS: dict[str, Callable[[int, int], int]] = {
    "SkipListMap": lambda rounds, seed: run_maps(
        concurrent_collections.SkipListMap, MAP_CALLS, KeyModel(), rounds, seed
    ),
    "TreeMap": lambda rounds, seed: run_maps(concurrent_collections.TreeMap, MAP_CALLS, KeyModel(), rounds, seed),
    "SkipListMap, keys compared by Python": lambda rounds, seed: run_maps(
        lambda: concurrent_collections.SkipListMap(cmp=lambda a, b: a - b), MAP_CALLS, KeyModel(), rounds, seed
    ),
    "SkipListSet": lambda rounds, seed: run_maps(
        concurrent_collections.SkipListSet, SET_CALLS, SetModel(), rounds, seed
    ),
    "LockFreeQueue": lambda rounds, seed: run_queues(concurrent_collections.LockFreeQueue, QueueModel(), rounds, seed),
    "LockFreeQueue(2)": lambda rounds, seed: run_queues(
        lambda: concurrent_collections.LockFreeQueue(2), QueueModel(2), rounds, seed
    ),
    "LockFreeStack": lambda rounds, seed: run_queues(concurrent_collections.LockFreeStack, StackModel(), rounds, seed),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_histories_are_linearizable(name):
    assert enough(CONTAINERS[name](ROUNDS, SEED))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100_000, help="histories of each container")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--only", default="", metavar="TEXT", help="containers whose name contains it")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    for name in (name for name in CONTAINERS if options.only in name):
        overlapped = done = 0
        while done < options.rounds:  # in parts: a history takes memory
            overlapped += CONTAINERS[name](min(10_000, options.rounds - done), options.seed + done)
            done += 10_000
        print(f"{name}: {options.rounds} histories, calls overlapped in {overlapped}: linearizable", flush=True)


if __name__ == "__main__":
    main()
