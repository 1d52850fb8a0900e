"""Recorded histories of concurrent calls, and whether they are linearizable: whether each call can have taken effect at
one moment between its start and its end.

    calls = record(container, MAP_CALLS, programs)      # what each thread is to call: [(name, arguments), …]
    order = linearize(calls, KeyModel())                # the calls in such an order, or None

The search is Wing and Gong's (JPDC 1993) with Lowe's memory of configurations that led nowhere (Concurrency and
Computation 2017). Calls on different keys of a map are looked at apart (`split_by_key`): a history is linearizable if
those of its keys are (Herlihy and Wing, TOPLAS 1990, locality).
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

Program = Sequence[tuple[str, tuple[Any, ...]]]


class Call(NamedTuple):
    """One call: when it started and ended, in any unit, and what it returned."""

    start: int
    end: int
    name: str
    arguments: tuple[Any, ...]
    result: Any = None
    thread: int = 0

    def __str__(self) -> str:
        arguments = ", ".join(map(repr, self.arguments))
        return f"thread {self.thread}  {self.start:>8} to {self.end:>8}  {self.name}({arguments}) -> {self.result!r}"


class _Sentinel:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


ABSENT = _Sentinel("ABSENT")  # no such key; nothing to get
IMPOSSIBLE = _Sentinel("IMPOSSIBLE")  # from this state the call cannot have returned what it did


# ---- models: a state that can be hashed, and the state after a call
# -----------------------------------------------------


class KeyModel:
    """One key of a map. The state is its value, or ABSENT."""

    initial: Hashable = ABSENT

    def step(self, state: Hashable, call: Call) -> Hashable:
        _, *values = call.arguments
        match call.name:
            case "get":
                result, after = state, state
            case "contains":
                result, after = state is not ABSENT, state
            case "set":
                result, after = None, values[0]
            case "pop":
                result, after = state, ABSENT
            case "delete":
                result, after = state is not ABSENT, ABSENT
            case "setdefault":
                result = after = values[0] if state is ABSENT else state
            case "put_if_absent":
                result, after = state is ABSENT, values[0] if state is ABSENT else state
            case "replace":
                result, after = state is not ABSENT, ABSENT if state is ABSENT else values[0]
            case "replace_if":
                result, after = state == values[0], values[1] if state == values[0] else state
            case "remove_if":
                result, after = state == values[0], ABSENT if state == values[0] else state
            case "increment":
                result = after = 1 if state is ABSENT else state + 1
            case _:
                raise ValueError(f"a call of a map: {call.name!r}")
        return after if call.result is result or call.result == result else IMPOSSIBLE


class SetModel(KeyModel):
    """One member of a set: in it or ABSENT. add and discard tell nothing, remove whether it was there."""

    def step(self, state: Hashable, call: Call) -> Hashable:
        match call.name:
            case "add":
                result, after = None, True
            case "discard":
                result, after = None, ABSENT
            case "remove":
                result, after = state is not ABSENT, ABSENT
            case "contains":
                result, after = state is not ABSENT, state
            case _:
                raise ValueError(f"a call of a set: {call.name!r}")
        return after if call.result == result else IMPOSSIBLE


class QueueModel:
    """First in, first out; the state is its content. A put returns whether there was room, a get what it took or
    ABSENT.
    """

    initial: Hashable = ()
    end = 0  # where a get takes from

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = capacity

    def step(self, state: Any, call: Call) -> Hashable:
        match call.name:
            case "put":
                room = self.capacity is None or len(state) < self.capacity
                if call.result != room:
                    return IMPOSSIBLE
                return (*state, call.arguments[0]) if room else state
            case "get":
                if not state:
                    return state if call.result is ABSENT else IMPOSSIBLE
                if call.result != state[self.end]:
                    return IMPOSSIBLE
                return state[1:] if self.end == 0 else state[:-1]
            case _:
                raise ValueError(f"a call of a queue: {call.name!r}")


class StackModel(QueueModel):
    """Last in, first out."""

    end = -1


# ---- the search
# --------------------------------------------------------------------------------------------------------


def linearize(calls: Iterable[Call], model: Any) -> list[Call] | None:
    """The calls in an order that the model allows and that keeps each before those that started after its end; None:
    there is no such order. A call that ends in the moment in which another starts may come after it.
    """
    history = sorted(calls, key=lambda call: call[:2])
    everything = (1 << len(history)) - 1
    configurations: list[tuple[int, Hashable, tuple[Any, ...]]] = [
        (0, model.initial, ())
    ]  # which are done, state, order so far
    seen = {(0, model.initial)}
    while configurations:
        done, state, order = configurations.pop()
        if done == everything:
            found: list[Call] = []
            while order:
                order, call = order
                found.append(call)
            return found[::-1]
        first_end: float = float("inf")  # of those left: none that started after it can be next
        for number, call in enumerate(history):
            if done >> number & 1:
                continue
            if call.start > first_end:
                break
            first_end = min(first_end, call.end)
        for number, call in enumerate(history):
            if call.start > first_end:
                break
            if done >> number & 1:
                continue
            after = model.step(state, call)
            reached = (done | 1 << number, after)
            if after is not IMPOSSIBLE and reached not in seen:
                seen.add(reached)
                configurations.append((*reached, (order, call)))
    return None


def split_by_key(calls: Iterable[Call]) -> list[list[Call]]:
    """The calls of each key, the first argument, apart."""
    keys: dict[Any, list[Call]] = {}
    for call in calls:
        keys.setdefault(call.arguments[0], []).append(call)
    return list(keys.values())


@dataclass
class NotLinearizable(AssertionError):
    """A history that no order explains, as short as it was found."""

    calls: list[Call]

    def __str__(self) -> str:
        calls = sorted(self.calls, key=lambda call: call[:2])
        first = calls[0].start
        rows = [str(call._replace(start=call.start - first, end=call.end - first)) for call in calls]
        return "no order of these calls explains what they returned:\n  " + "\n  ".join(rows)


def check(parts: Iterable[Sequence[Call]], model: Any) -> None:
    """Raises NotLinearizable for the first part that is not."""
    for calls in parts:
        if linearize(calls, model) is None:
            raise NotLinearizable(list(calls))


# ---- recording
# ---------------------------------------------------------------------------------------------------------

_SPINS = 100  # looks at the others before a thread gives its processor away


class _Thread(threading.Thread):
    """Runs its program of each round when all threads have come to that round."""

    def __init__(
        self, number: int, arrived: list[int], containers: Sequence[Any], operations: Any, programs: Any
    ) -> None:
        super().__init__()
        self.number, self.arrived, self.containers = number, arrived, containers
        self.operations, self.programs = operations, programs
        self.rounds: list[list[tuple[Any, ...]]] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for number, container in enumerate(self.containers):
                self.rounds.append(self.run_round(number, container))
        except BaseException as error:
            self.error = error
            self.arrived[self.number] = 1 << 60  # the others need not wait

    def run_round(self, number: int, container: Any) -> list[tuple[Any, ...]]:
        program = [(name, self.operations[name], arguments) for name, arguments in self.programs[number][self.number]]
        calls = []
        # Its own, so nobody ever waits for it: on x86 its locked instruction makes all stores of the call visible
        # before the end is read. Without it a call could "end" while what it wrote still waits in the processor's store
        # buffer.
        fence = threading.Lock()
        clock = time.perf_counter_ns  # one for all threads: CLOCK_MONOTONIC
        arrived, spins = self.arrived, 0
        arrived[self.number] = number + 1
        while min(arrived) <= number:
            spins += 1
            if spins % _SPINS == 0:
                time.sleep(0)
        for name, function, arguments in program:
            start = clock()
            result = function(container, *arguments)
            with fence:
                end = clock()
            calls.append((start, end, name, arguments, result, self.number))
        return calls


def record(
    containers: Sequence[Any], operations: dict[str, Callable[..., Any]], programs: Sequence[Sequence[Program]]
) -> Iterator[list[Call]]:
    """One history for each container: programs[i][t] is what thread t calls on container i. Threads begin a
    container together.
    """
    threads = len(programs[0])
    arrived = [0] * threads
    workers = [_Thread(number, arrived, containers, operations, programs) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for worker in workers:
        if worker.error is not None:
            raise worker.error
    for number in range(len(containers)):
        yield [Call(*call) for worker in workers for call in worker.rounds[number]]


def map_programs(chance: random.Random, names: Sequence[str], *, threads: int, calls: int, keys: int) -> list[Program]:
    """Random calls on few keys. Values that are set are different from each other, but for few that replace_if can
    expect.
    """
    programs = []
    for thread in range(threads):
        program: list[tuple[str, tuple[Any, ...]]] = []
        for number in range(calls):
            name, key, value = chance.choice(names), chance.randrange(keys), 100 * thread + number
            match name:
                case "set" | "setdefault" | "put_if_absent" | "replace":
                    arguments: tuple[Any, ...] = (key, chance.choice((value, 1, 2)))
                case "replace_if":
                    arguments = (key, chance.choice((1, 2)), chance.choice((value, 1, 2)))
                case "remove_if":
                    arguments = (key, chance.choice((1, 2)))
                case _:
                    arguments = (key,)
            program.append((name, arguments))
        programs.append(program)
    return programs


def queue_programs(chance: random.Random, *, threads: int, calls: int) -> list[Program]:
    """Random puts of values that are all different, and gets."""
    return [
        [chance.choice((("put", (100 * thread + number,)), ("get", ()))) for number in range(calls)]
        for thread in range(threads)
    ]


# ---- how the calls of the models are made
# ------------------------------------------------------------------------------


def _delete(container: Any, key: Any) -> bool:
    try:
        del container[key]
    except KeyError:
        return False
    return True


def _remove(container: Any, key: Any) -> bool:
    try:
        container.remove(key)
    except KeyError:
        return False
    return True


def _put(container: Any, value: Any) -> bool:
    try:
        container.put_nowait(value)
    except queue.Full:
        return False
    return True


def _get(container: Any) -> Any:
    try:
        return container.get_nowait()
    except queue.Empty:
        return ABSENT


#: Of every MutableMapping that promises them to be atomic.
MAPPING_CALLS: dict[str, Callable[..., Any]] = {
    "get": lambda container, key: container.get(key, ABSENT),
    "contains": lambda container, key: key in container,
    "set": lambda container, key, value: container.__setitem__(key, value),
    "pop": lambda container, key: container.pop(key, ABSENT),
    "delete": _delete,
    "setdefault": lambda container, key, value: container.setdefault(key, value),
}
#: Of our maps.
MAP_CALLS: dict[str, Callable[..., Any]] = MAPPING_CALLS | {
    "put_if_absent": lambda container, key, value: container.put_if_absent(key, value),
    "replace": lambda container, key, value: container.replace(key, value),
    "replace_if": lambda container, key, expected, value: container.replace_if(key, expected, value),
    "remove_if": lambda container, key, expected: container.remove_if(key, expected),
    "increment": lambda container, key: container.compute(key, lambda value: value + 1, 0),
}
SET_CALLS: dict[str, Callable[..., Any]] = {
    "add": lambda container, key: container.add(key),
    "discard": lambda container, key: container.discard(key),
    "remove": _remove,
    "contains": lambda container, key: key in container,
}
#: Of queue's classes, and of ours.
QUEUE_CALLS: dict[str, Callable[..., Any]] = {"put": _put, "get": _get}
