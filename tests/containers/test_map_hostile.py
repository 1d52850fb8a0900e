"""Maps and sets with keys that misbehave: whose comparisons raise, lie, re-enter or change."""

from __future__ import annotations

import functools
import gc

import pytest

from concurrent_collections import SkipListMap

# ---- hostile keys ---------------------------------------------------------------------------------------------------


@functools.total_ordering
class Key:
    """Ordered by `number`; `hook`, if any, runs in each comparison."""

    hook = None
    alive = 0

    def __init__(self, number):
        self.number = number
        Key.alive += 1

    def __del__(self):
        Key.alive -= 1

    def __lt__(self, other):
        if Key.hook is not None:
            Key.hook(self, other)
        return self.number < other.number

    def __eq__(self, other):
        return self.number == other.number

    __hash__ = None

    def __repr__(self):
        return f"Key({self.number})"


@pytest.fixture(autouse=True)
def fresh():
    """No hook, and nothing of earlier tests waits any more."""
    Key.hook = None
    gc.collect()
    SkipListMap({1: 1}).drain()
    yield
    Key.hook = None


def numbers_of(m):
    return [key.number for key in m]


def test_exceptions_reach_the_caller_and_change_nothing():
    m = SkipListMap((Key(i), i) for i in range(200))
    counter = [0]

    def explode(a, b):
        counter[0] -= 1
        if counter[0] == 0:
            raise ZeroDivisionError

    Key.hook = explode
    uses = [
        lambda: m[Key(100.5)], lambda: m.__setitem__(Key(100.5), 0), lambda: m.pop(Key(100)),
        lambda: m.setdefault(Key(100.5), 1),
        lambda: m.floor_key(Key(7.5)), lambda: Key(7.5) in m, lambda: m.__delitem__(Key(7)),
        lambda: list(m.keys(Key(5), Key(9))),
        lambda: m.compute(Key(9.5), lambda value: 1), lambda: m.replace(Key(3), 1), lambda: m.replace_if(Key(3), 3, 4),
    ]  # fmt: skip
    for use in uses:
        for after in range(1, 5):
            counter[0] = after
            with pytest.raises(ZeroDivisionError):
                use()
    Key.hook = None
    assert numbers_of(m) == list(range(200)) and list(m.values()) == list(range(200)) and len(m) == 200


@pytest.mark.parametrize("what", ["insert", "delete", "clear", "iterate", "collect", "same"])
def test_comparisons_that_use_the_same_map(what):
    m = SkipListMap((Key(i), i) for i in range(100))
    depth, calls = [0], [0]

    def reenter(a, b):
        if depth[0]:
            return
        depth[0] += 1
        try:
            if what == "insert":
                m[Key(m.last_key().number + 1)] = "new"
            elif what == "delete" and len(m) > 10:
                m.popitem(last=False)
            elif what == "clear":
                m.clear()
            elif what == "iterate":
                assert numbers_of(m) == sorted(numbers_of(m))
            elif what == "collect":
                calls[0] += 1
                if calls[0] % 10 == 1:
                    gc.collect()
            elif what == "same":
                m[Key(50.5)] = "inner"
        finally:
            depth[0] -= 1

    Key.hook = reenter
    for number in (50.5, 20.5, 50.5, 80.5):
        m[Key(number)] = "outer"
        m.get(Key(number))
        m.pop(Key(number - 0.5), None)
        m.ceiling_key(Key(3.3))
    Key.hook = None
    assert numbers_of(m) == sorted(set(numbers_of(m))) and len(m) == len(list(m))


def test_finalizers_that_use_the_same_map():
    m = SkipListMap()
    log = []

    class Value:
        def __init__(self, number):
            self.number = number

        def __del__(self):
            log.append(self.number)
            if self.number > 0:
                m[self.number % 7] = Value(self.number - 1)  # replaces, and so on
                m.pop(3, None)

    for i in range(7):
        m[i] = Value(20)
    m[0] = None
    m.clear()
    m.drain()
    for _ in range(200):  # each round ends some chains
        m.clear()
        m.drain()
    assert len(m) == 0 and len(log) >= 20


def test_a_key_that_changes_its_mind():
    import random

    generator = random.Random(5)
    before = Key.alive
    m = SkipListMap()
    keys = [Key(i) for i in range(300)]
    for round_number in range(3000):
        key = generator.choice(keys)
        if round_number % 7 == 0:
            key.number = generator.randrange(300)
        action = generator.randrange(6)
        try:
            if action < 3:
                m[key] = key
            elif action == 3:
                m.pop(key, None)
            elif action == 4:
                m.floor_item(key)
            else:
                list(zip(range(20), m.keys(key), strict=False))
        except TypeError as error:  # neither less nor equal
            assert "no order" in str(error)
    assert len(list(m)) <= 300 * 20
    m.clear()
    m.drain()
    del m, keys, key
    gc.collect()
    assert Key.alive == before


def test_comparisons_at_random():
    import random

    generator = random.Random(7)
    before = Key.alive

    def lie(a, b):
        return generator.randrange(3) - 1

    m = SkipListMap(cmp=lie)
    for i in range(3000):
        m[Key(i)] = i
        if i % 3 == 0:
            m.pop(Key(i), None)
        if i % 100 == 0:
            sum(1 for _ in m)
            sum(1 for _ in m.keys(Key(1), Key(2)))
            sum(1 for _ in reversed(m))
    while m:
        m.popitem()
    m.drain()
    del m
    gc.collect()
    assert Key.alive == before


def test_keys_without_an_order():
    m = SkipListMap()
    m[frozenset([1])] = 1
    with pytest.raises(TypeError, match="have no order: neither is less, and they are not equal"):
        m[frozenset([2])] = 2
    assert m[frozenset([1])] == 1 and len(m) == 1


def test_an_iterator_that_is_advanced_by_its_own_comparison():
    m = SkipListMap((Key(i), i) for i in range(200))
    iterator = iter(m.keys(Key(3), Key(150)))
    errors = []

    def advance(a, b):
        try:
            next(iterator, None)
        except ValueError as error:
            errors.append(str(error))

    Key.hook = advance
    list(iterator)
    Key.hook = None
    assert errors and set(errors) == {"iterator already executing"}
