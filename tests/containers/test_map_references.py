"""References: every one that a map takes is given back, cycles are collected, weak references work."""

from __future__ import annotations

import gc
import itertools
import sys
import threading
import weakref

import pytest

from concurrent_collections import SkipListMap, SkipListSet, TreeMap

FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()


class Thing:
    """Counted, ordered, weakly referenced."""

    alive = 0

    def __init__(self, number=0):
        self.number = number
        type(self).alive += 1

    def __del__(self):
        type(self).alive -= 1

    def __lt__(self, other):
        return self.number < other.number

    def __eq__(self, other):
        return self.number == other.number


def settle(container):
    """Lets go of what waits."""
    container.drain()
    gc.collect()


@pytest.fixture(autouse=True)
def settled():
    """Nothing of earlier tests waits any more."""
    gc.collect()
    settle(SkipListMap({1: 1}))


OPTIONS = [
    {},
    {"key": lambda thing: thing},
    {"key": lambda thing: thing.number},
    {"cmp": lambda a, b: a.number - b.number},
]


@pytest.mark.parametrize("options", OPTIONS, ids=["natural", "key", "fast key", "cmp"])
def test_every_operation_balances(options):
    gc.collect()
    before = Thing.alive
    key, value, other = Thing(5), Thing(50), Thing(60)
    counted = [key, value, other]
    counts = [sys.getrefcount(one) for one in counted]
    m = SkipListMap([(Thing(i), Thing(i)) for i in (1, 9)], **options)
    for _ in range(50):
        m[key] = value
        m[key] = value
        m[Thing(5)] = other
        assert m[key] is other and m.get(key) is other and m.get(value) is None
        assert key in m and m.setdefault(key, value) is other and m.setdefault(Thing(3), value) is value
        assert not m.put_if_absent(key, value) and m.replace(key, value) and not m.replace(Thing(77), value)
        assert m.replace_if(key, value, other) and not m.replace_if(key, value, other)
        assert m.compute(key, lambda old: value) is value and m.compute(Thing(4), lambda old: old, other) is other
        assert m.remove_if(Thing(4), other) and not m.remove_if(key, other)
        assert m.floor_key(key) is key and m.floor_item(key) == (key, value) and m.lower_key(Thing(0)) is None
        assert m.ceiling_item(Thing(5))[1] is value and m.higher_key(key).number == 9 and m.first_key().number == 1
        assert [one.number for one in m] == [1, 3, 5, 9] and len(list(m.items())) == 4 and value in m.values()
        assert list(m.keys(key, value)) != [] and list(m.items(reverse=True, stop=key)) != []
        iterator = iter(m.items())
        next(iterator)
        assert m.pop(key) is value and m.pop(key, None) is None and m.popitem()[0].number == 9
        with pytest.raises(KeyError):
            m[key]
        m.copy(), m.snapshot(), repr(m), m == m.copy()
        m[Thing(9)] = Thing(9)
        del iterator
    m.clear()
    settle(m)
    assert [sys.getrefcount(one) for one in counted] == counts
    assert Thing.alive == before + 3
    m[key] = value
    del m
    gc.collect()
    settle(SkipListMap())
    assert [sys.getrefcount(one) for one in counted] == counts
    if not options:
        del key, value, other, counted
        assert Thing.alive == before


def test_a_set_balances():
    gc.collect()
    before = Thing.alive
    element = Thing(5)
    count = sys.getrefcount(element)
    s = SkipListSet([Thing(1), Thing(9)])
    for _ in range(50):
        s.add(element), s.add(element), s.discard(Thing(1)), s.add(Thing(1))
        assert element in s and s.floor(element) is element and s.first().number == 1 and list(s)[1] is element
        s.remove(element)
        with pytest.raises(KeyError):
            s.remove(element)
        assert (s | {}.keys()) == s and s.pop().number == 9
        s.add(Thing(9))
    del s
    gc.collect()
    settle(SkipListMap())
    assert sys.getrefcount(element) == count and Thing.alive == before + 1


@pytest.mark.skipif(FREE_THREADED, reason="they wait for readers")
def test_removed_values_go_at_once():
    m = SkipListMap()
    gone = []
    for remove in (
        lambda: m.__setitem__(1, None), lambda: m.pop(1), lambda: m.__delitem__(1), m.clear, m.popitem,
        lambda: m.replace(1, None), lambda: m.compute(1, lambda value: None),
    ):  # fmt: skip
        value = Thing()
        weakref.finalize(value, gone.append, 1)
        m[1] = value
        del value
        gone.clear()
        remove()
        assert gone == [1]


@pytest.mark.parametrize("Container", [SkipListMap, TreeMap, SkipListSet])
def test_weak_references(Container):
    container = Container()
    called = []
    reference = weakref.ref(container, called.append)
    assert reference() is container
    del container
    gc.collect()
    assert reference() is None and called == [reference]


def cyclic_value():
    m = SkipListMap()
    m["self"] = m
    return m


def cyclic_key():
    class Holder(tuple):
        def __lt__(self, other):
            return id(self) < id(other)

        __eq__ = object.__eq__
        __hash__ = object.__hash__

    m = SkipListMap()
    m[Holder([m])] = 1
    return m


def cyclic_set():
    s = SkipListSet(key=id)
    s.add((s,))
    return s


def cyclic_order():
    m = SkipListMap(key=lambda key: (m, key)[1])
    m[1] = 2
    return m


def cyclic_own_key():
    class Ranked(SkipListMap):
        def __init__(self):
            super().__init__(key=self.rank)

        def rank(self, key):
            return -key

    m = Ranked()
    m[1] = m[2] = 3
    return m


def cyclic_own_cmp():
    class Ranked(SkipListSet):
        def __init__(self):
            super().__init__([1, 2, 3], cmp=self.compare)

        def compare(self, a, b):
            return b - a

    return Ranked()


def cyclic_iterator():
    m = SkipListMap()
    m[1] = iter(m.items())
    m[2] = 2
    next(m[1])
    return m


def cyclic_bounds():
    class Bound(Thing):
        pass

    m = SkipListMap()
    low, high, key = Bound(1), Bound(3), Bound(2)
    low.map = high.map = key.map = m
    m[key] = iter(m.keys(low, high))
    return m


def cyclic_many():
    m = SkipListMap()
    for i in range(1000):
        m[i] = [m]
    return m


CYCLES = [
    cyclic_value,
    cyclic_key,
    cyclic_set,
    cyclic_order,
    cyclic_own_key,
    cyclic_own_cmp,
    cyclic_iterator,
    cyclic_bounds,
    cyclic_many,
]


@pytest.mark.parametrize("make", CYCLES, ids=lambda make: make.__name__)
def test_cycles_are_collected(make):
    """Counted: weak references are cleared of what is found to be unreachable, whether it goes or not."""

    def count():
        for _ in range(2):
            gc.collect()
            settle(SkipListMap())
        return sum(not {SkipListMap, SkipListSet}.isdisjoint(type(one).__mro__ or ()) for one in gc.get_objects())

    before = count()
    reference = weakref.ref(make())
    assert count() == before
    assert reference() is None


def test_every_reference_is_seen_by_the_collector():
    m = SkipListMap((Thing(i), Thing(i)) for i in range(500))
    for i in range(0, 500, 3):
        m.pop(Thing(i))
    settle(m)
    referents = gc.get_referents(m)
    seen = {id(one) for one in referents}
    assert {id(key) for key in m} <= seen and {id(value) for value in m.values()} <= seen


def test_a_long_chain_of_maps():
    m = None
    for _ in range(100_000):
        m = SkipListMap({1: m})
    del m
    gc.collect()


@pytest.mark.skipif(FREE_THREADED, reason="allocators cannot be exchanged while other threads may run")
@pytest.mark.parametrize("options", OPTIONS, ids=["natural", "key", "fast key", "cmp"])
def test_out_of_memory(options):
    """Each operation with Python's n-th allocation failing, for every n: a MemoryError, and nothing is lost or left."""
    testcapi = pytest.importorskip("_testcapi")
    things = [Thing(i) for i in range(10)]
    m = SkipListMap([(thing, thing) for thing in things[:8]], **options)
    m[things[1]]  # caches of the interpreter
    counts = [sys.getrefcount(thing) for thing in things]
    uses = [
        lambda: m[things[3]], lambda: m.get(things[9]), lambda: m.__setitem__(things[3], things[3]),
        lambda: things[3] in m,
        lambda: m.floor_item(things[9]), lambda: m.replace_if(things[2], things[2], things[2]),
        lambda: m.setdefault(things[2]),
        lambda: m.compute(things[2], lambda old: old), lambda: next(iter(m.items(things[2], things[5]))), m.first_item,
        lambda: m.__setitem__(*m.popitem()),
        m.snapshot, lambda: list(m), lambda: m.memory_usage(),
    ]  # fmt: skip
    failures = 0
    for use in uses:
        for number in range(1, 40):
            try:
                testcapi.set_nomemory(number, number + 1)
                use()
            except MemoryError:
                failures += 1
            finally:
                testcapi.remove_mem_hooks()
    assert failures > 5
    assert [thing.number for thing in m] == list(range(8)) and all(m[thing] is thing for thing in things[:8])
    items, came = iter(m.items()), []
    for number in itertools.chain((1, 2, 3) * 8, itertools.repeat(100)):
        try:
            testcapi.set_nomemory(number, number + 1)
            entry = next(items, None)
        except MemoryError:
            continue
        finally:
            testcapi.remove_mem_hooks()
        if entry is None:
            break
        came.append(entry[0].number)
    assert came == list(range(8))
    use = entry = items = None
    gc.collect()
    assert [sys.getrefcount(thing) for thing in things] == counts


@pytest.mark.skipif(not FREE_THREADED, reason="with a GIL they go at once")
def test_removed_values_go_when_drained():
    m = SkipListMap()
    for remove in (lambda: m.__setitem__(1, None), lambda: m.pop(1), m.clear, m.popitem, lambda: m.compute(1, repr)):
        value = Thing()
        reference = weakref.ref(value)
        m[1] = value
        del value
        remove()
        assert m.drain() is True and reference() is None
    before = Thing.alive
    for i in range(1000):  # and without, when more are removed
        m[1] = Thing(i)
    assert Thing.alive - before <= 1 + 128


def test_an_iterator_keeps_its_map():
    iterator = iter(SkipListMap.fromkeys(range(100)).items())
    gc.collect()
    assert [key for key, _ in iterator] == list(range(100))


def shared_with_a_finalizer(finalizer):
    """An iterator of 0 to 63 that has come to 31, which nobody but it holds any more: the next step drops it."""

    class Key(Thing):
        def __del__(self):
            super().__del__()
            if self.number is thirty_one:
                finalizer(iterator)

    thirty_one = 31.0
    m = SkipListMap([(Key(i if i != 31 else thirty_one), i) for i in range(64)])
    iterator = iter(m.values())
    assert [next(iterator) for _ in range(32)] == list(range(32))
    m.pop(Key(31))
    for key in [Key(1000 + i) for i in range(300)]:  # so that its node has been freed
        m[key] = 0
        del m[key]
    m.drain()
    return iterator


@pytest.mark.parametrize("elsewhere", [False, True], ids=["itself", "another thread"])
def test_the_iterator_is_used_while_a_finalizer_runs_that_it_caused(elsewhere):
    seen = []

    def take_all(iterator):
        try:
            seen.extend(iterator)
        except ValueError as error:
            assert str(error) == "iterator already executing"

    def wait_for_another(iterator):
        thread = threading.Thread(target=take_all, args=(iterator,))
        thread.start()
        thread.join()

    iterator = shared_with_a_finalizer(wait_for_another if elsewhere else take_all)
    seen.append(next(iterator))
    seen.extend(iterator)
    assert sorted(seen) == list(range(32, 64))


def test_no_tuple_is_seen_before_it_is_filled():
    """By comparisons and finalizers that look at all objects."""

    class Key(Thing):
        def __lt__(self, other):
            look()
            return super().__lt__(other)

        def __del__(self):
            look()
            super().__del__()

    def look():
        for one in gc.get_objects() if looking else ():
            if type(one) is tuple and len(one) == 2:
                one[0], one[1]

    looking = False
    m = SkipListMap([(Key(i), Key(i)) for i in range(70)])
    low, high = Key(2), Key(68)
    looking = True
    assert sum(1 for _ in m.items(low, high)) == 66
    m[Key(1)] = 1
    assert m.popitem()[0].number == 69 and m.first_item()[0].number == 0 and m.floor_item(low)[0].number == 2
    looking = False


def test_a_collection_during_iteration():
    m = SkipListMap({i: [i] for i in range(300)})
    for key, _ in m.items():
        if key % 20 == 0:
            gc.collect()
        m.pop(key + 1, None)
    gc.collect()
