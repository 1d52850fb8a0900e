"""Maps and sets used by many threads at once; forks; the interpreter's end."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import sys
import threading

import pytest
from interpreter import output_of, run_python
from threads import Threads

from concurrent_collections import SkipListMap, SkipListSet

FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()
ROUNDS = 4000 if FREE_THREADED else 1000


def run(*functions):
    with Threads({f"worker {i}": function for i, function in enumerate(functions)}):
        pass


class Counted:
    """Alive ones are counted, exactly, and without a lock: finalizers and signal handlers run inside __init__, too."""

    births: list[None] = []  # appending is one step, whoever else appends
    deaths: list[None] = []

    def __init__(self, number):
        self.number = number
        self.births.append(None)

    def __del__(self):
        self.deaths.append(None)

    def __lt__(self, other):
        return self.number < other.number

    def __eq__(self, other):
        return isinstance(other, Counted) and self.number == other.number

    __hash__ = None


def alive_when_settled() -> int:
    gc.collect()
    SkipListMap({1: 1}).drain()
    gc.collect()
    return len(Counted.births) - len(Counted.deaths)


def test_each_key_is_taken_once():
    m = SkipListMap((i, i) for i in range(ROUNDS))
    taken = [[], [], [], []]

    def take(mine, last):
        while True:
            try:
                mine.append(m.popitem(last=last)[0])
            except KeyError:
                return

    def remove(mine, start):
        for key in range(start, ROUNDS, 3):
            if m.pop(key, None) is not None:
                mine.append(key)

    run(
        lambda: take(taken[0], True),
        lambda: take(taken[1], False),
        lambda: remove(taken[2], 0),
        lambda: remove(taken[3], 1),
    )
    assert sorted(sum(taken, [])) == list(range(ROUNDS)) and len(m) == 0


def test_each_key_is_put_once():
    m, s = SkipListMap(), SkipListSet()
    won = [0] * 4

    def put(index):
        for key in range(ROUNDS):
            won[index] += m.put_if_absent(key, index)
            won[index] += s.add_if_absent(f"key{key}")

    run(*(lambda index=index: put(index) for index in range(4)))
    assert (
        sum(won) == 2 * ROUNDS
        and list(m) == list(range(ROUNDS))
        and list(s) == sorted(f"key{key}" for key in range(ROUNDS))
    )


def test_counting_is_exact():
    m, turns = SkipListMap(), SkipListMap(turn=0)

    def count(seed):
        generator = random.Random(seed)
        for _ in range(ROUNDS):
            m.compute(generator.randrange(5), lambda value: value + 1, 0)
        for _ in range(ROUNDS // 4):
            while not turns.replace_if("turn", value := turns["turn"], value + 1):
                pass

    run(*(lambda seed=seed: count(seed) for seed in range(4)))
    assert sum(m.values()) == 4 * ROUNDS and turns["turn"] == ROUNDS


@pytest.mark.parametrize("make", [int, str, Counted, lambda i: (i,)], ids=["int", "str", "object", "tuple"])
def test_everything_at_once(make):
    before = alive_when_settled()
    m = SkipListMap()
    keys = [make(i) for i in range(200)]
    stop = threading.Event()
    rounds = ROUNDS if make in (int, str) else ROUNDS // 4

    def work(seed):
        generator = random.Random(seed)
        for number in range(rounds):
            key, action = generator.choice(keys), generator.randrange(20)
            if action < 6:
                m[key] = Counted(number)
            elif action < 9:
                m.pop(key, None)
            elif action < 13:
                value = m.get(key)
                assert value is None or value.number >= 0
            elif action == 13:
                m.setdefault(key, Counted(number))
            elif action == 14:
                m.compute(key, lambda old: Counted(0))
            elif action == 15:
                item = m.floor_item(key)
                assert item is None or not key < item[0]
            elif action == 16:
                part = [k for k, _ in zip(m.keys(key), range(30), strict=False)]
                assert all(a < b for a, b in zip(part, part[1:], strict=False)) and all(not k < key for k in part)
            elif action == 17:
                if number % 5 == 0:
                    with contextlib.suppress(KeyError):  # empty
                        m.popitem(last=bool(number % 2))
            elif action == 18 and number % 50 == 0:
                m.clear()
            else:
                value = m.get(key)
                m.replace_if(key, value, Counted(1))

    def look():
        while not stop.is_set():
            backwards = list(reversed(m))
            assert all(b < a for a, b in zip(backwards, backwards[1:], strict=False))
            for _, value in m.items():
                assert value.number >= 0
            m.snapshot(), m.copy(), len(m), m.memory_usage()
            gc.collect()

    looker = threading.Thread(target=look)
    looker.start()
    try:
        run(*(lambda seed=seed: work(seed) for seed in range(4)))
    finally:
        stop.set()
        looker.join()
    assert len(m) == len(list(m)) == len(set(map(id, m)))
    m.clear()
    m.drain()
    del m, keys
    assert alive_when_settled() == before


def test_what_was_there_throughout_is_seen():
    m = SkipListMap((i, None) for i in range(0, 2000, 2))
    stop = threading.Event()

    def disturb():
        generator = random.Random(1)
        while not stop.is_set():
            key = generator.randrange(1000) * 2 + 1
            m[key] = None
            m.pop(generator.randrange(1000) * 2 + 1, None)

    def scan():
        try:
            for _ in range(30):
                seen = list(m)
                assert seen == sorted(set(seen)) and len([key for key in seen if key % 2 == 0]) == 1000
                seen = list(m.keys(100, 300, reverse=True))
                assert [key for key in seen if key % 2 == 0] == list(range(298, 98, -2))
        finally:
            stop.set()

    run(disturb, scan)


def test_one_iterator_for_many_threads():
    m = SkipListMap((i, i) for i in range(ROUNDS))
    iterator = iter(m.items())
    seen = [[], [], []]
    run(*(lambda mine=mine: mine.extend(iterator) for mine in seen))
    assert sorted(sum(seen, [])) == [(i, i) for i in range(ROUNDS)]


def test_a_comparison_that_stalls_blocks_nobody():
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Counted):
        def __lt__(self, other):
            if self.number == 50.5 or other.number == 50.5:
                entered.set()
                assert go_on.wait(60)
            return self.number < other.number

    m = SkipListMap((Slow(i), i) for i in range(100))

    def stall():
        m[Slow(50.5)] = "late"

    def others():
        assert entered.wait(60)
        for i in range(100):
            m[Slow(i)] = -i
            m.pop(Slow(i + 1000), None)
        assert m.pop(Slow(50)) == -50 and m.pop(Slow(51)) == -51 and len(list(m)) == 98
        go_on.set()

    run(stall, others)
    assert m[Slow(50.5)] == "late" and len(m) == 99


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_signal_handlers_may_use_the_map():
    m = SkipListMap((Counted(i), i) for i in range(100))
    calls, inside = [], []

    def handler(number, frame):
        if inside:  # the next signal came before this one had been handled
            return
        inside.append(number)
        calls.append(number)
        m[Counted(len(calls) % 100)] = "handler"
        m.pop(Counted(len(calls) * 7 % 100), None)
        inside.clear()

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        while len(calls) < 20:
            for i in range(100):
                m[Counted(i)] = i
                m.pop(Counted(i + 0.5), None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(m) == len(list(m)) <= 100


def test_threads_that_end_leave_nothing():
    before = alive_when_settled()
    m = SkipListMap()

    def work():
        for i in range(200):
            m[i] = Counted(i)
        for i in range(200):
            m.pop(i, None)

    for _ in range(10):
        run(work, work)
    m.clear()
    m.drain()
    del m
    assert alive_when_settled() == before


@pytest.mark.skipif(sys.version_info < (3, 13), reason="needs _interpreters")
def test_threads_that_end_leave_nothing_where_there_was_a_subinterpreter():
    assert output_of(
        """
        import _interpreters, gc, threading
        from concurrent_collections import SkipListMap

        _interpreters.destroy(_interpreters.create("legacy"))
        alive = 0

        class Value:
            def __init__(self):
                global alive
                alive += 1

            def __del__(self):
                global alive
                alive -= 1

        m = SkipListMap({1: 0})

        def work():
            for _ in range(40):
                m[1] = Value()

        for _ in range(5):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        m[1] = 0
        for _ in range(3):
            m.drain()
        gc.collect()
        m.get(1)
        print(alive)
        """
    ).split() == ["0"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork():
    result = run_python(
        """
        import os, threading, time
        from concurrent_collections import SkipListMap
        m = SkipListMap((i, [i]) for i in range(1000))
        stop = threading.Event()
        def disturb():
            while not stop.is_set():
                for i in range(1000, 1500):
                    m[i] = [i]
                for i in range(1000, 1500):
                    m.pop(i, None)
        threads = [threading.Thread(target=disturb, daemon=True) for _ in range(2)]
        for thread in threads: thread.start()
        for _ in range(10):
            child = os.fork()
            if child == 0:
                assert list(m.keys(0, 1000)) == list(range(1000)) and m[5] == [5]
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads: thread.join()
        print("done")
        """,
        options=["-W", "ignore"],
    )
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


@pytest.mark.parametrize("where", ["global", "cycle", "daemon threads", "module"])
def test_the_interpreters_end(where):
    result = run_python(
        """
        import sys, threading
        from concurrent_collections import SkipListMap, SkipListSet
        class Value:
            def __del__(self):
                m = globals().get("m")
                if m is not None:
                    m[1] = 2
        m = SkipListMap((i, Value()) for i in range(1000))
        if sys.argv[1] == "cycle":
            m[10**6] = m
        elif sys.argv[1] == "module":
            sys.kept = m
        elif sys.argv[1] == "daemon threads":
            at_work = threading.Barrier(4)
            def work():
                m[0] = 0
                at_work.wait()
                while True:
                    for i in range(100):
                        m[i] = i
                        m.pop(i, None)
            for _ in range(3): threading.Thread(target=work, daemon=True).start()
            at_work.wait()
        print("done")
        """,
        where,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "done\n", "")
