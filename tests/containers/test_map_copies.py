"""SkipListMap and TreeMap copied, pickled, merged and compared."""

from __future__ import annotations

import copy
import math
import pickle
from collections import UserDict

import pytest

from concurrent_collections import SkipListMap, TreeMap

try:
    from test import mapping_tests
except ImportError:  # an interpreter without its tests
    mapping_tests = None

both = pytest.mark.parametrize("Map", [SkipListMap, TreeMap])


class Backwards(SkipListMap):
    """A subclass at module level, for pickle."""


class WithSlots(SkipListMap):
    __slots__ = ("note",)


class WithArguments(SkipListMap):
    def __new__(cls, name):
        self = super().__new__(cls)
        self.name = name
        return self

    def __init__(self, name):
        super().__init__()

    def __getnewargs__(self):
        return (self.name,)


class WithState(SkipListMap):
    def __getstate__(self):
        return "state"

    def __setstate__(self, state):
        self.received = state


class WithReduce(SkipListMap):
    def __reduce__(self):
        return dict, ((("reduced", 1),),)


def negative(key: int) -> int:
    return -key


def by_length(a: str, b: str) -> int:
    return len(a) - len(b)


# ---- copies ---------------------------------------------------------------------------------------------------------


@both
def test_copies(Map):
    m = Map({"b": [1], "a": 2})
    for other in (m.copy(), copy.copy(m), Map(m)):
        assert type(other) is Map and other == m and other is not m and other["b"] is m["b"]
    deep = copy.deepcopy(m)
    assert deep == m and deep["b"] is not m["b"]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        loaded = pickle.loads(pickle.dumps(m, protocol))
        assert type(loaded) is Map and loaded == m
    snapshot = m.snapshot()
    m["c"] = 3
    assert snapshot == [("a", 2), ("b", [1])]


def test_copies_keep_order_and_state():
    m = Backwards([(1, "a"), (2, "b")], key=negative)
    m.note = "kept"
    for other in (copy.copy(m), copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert type(other) is Backwards and list(other) == [2, 1] and other.note == "kept"
    assert list(m.copy()) == [2, 1] and m.copy().note == (m | {3: 4}).note == ({3: 4} | m).note == "kept"
    t = WithSlots({1: 2})
    t.note = [2]
    for other in (
        t.copy(),
        t | {3: 4},
        copy.copy(t),
        copy.deepcopy(t),
        *(pickle.loads(pickle.dumps(t, p)) for p in range(6)),
    ):
        assert type(other) is WithSlots and other.note == [2] and other[1] == 2
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(SkipListMap(key=lambda key: key))


def test_copies_of_subclasses_with_protocols_of_their_own():
    named = WithArguments("tasks")
    named[1] = 2
    for other in (named.copy(), copy.copy(named), copy.deepcopy(named), pickle.loads(pickle.dumps(named))):
        assert type(other) is WithArguments and other.name == "tasks" and other == {1: 2}
    for other in (
        WithState({1: 2}).copy(),
        copy.copy(WithState({1: 2})),
        pickle.loads(pickle.dumps(WithState({1: 2}))),
    ):
        assert other == {1: 2} and other.received == "state"
    assert pickle.loads(pickle.dumps(WithReduce({1: 2}))) == {"reduced": 1}


def test_recursive_copies():
    m = SkipListMap()
    m["self"] = m
    deep = copy.deepcopy(m)
    assert deep["self"] is deep
    loaded = pickle.loads(pickle.dumps(m))
    assert loaded["self"] is loaded
    assert repr(m) == "SkipListMap({'self': {...}})"


@both
def test_merging(Map):
    m = Map(a=1)
    assert (m | {"b": 2}).snapshot() == [("a", 1), ("b", 2)] and type(m | {}) is Map
    assert ({"a": 0, "b": 2} | m) == {"a": 1, "b": 2} and type({} | m) is Map
    m |= [("c", 3)]
    assert m == {"a": 1, "c": 3}
    with pytest.raises(TypeError):
        m | [("d", 4)]
    assert (Map({1: 1}, key=negative) | {2: 2}).snapshot() == [(2, 2), (1, 1)]


@both
def test_equality(Map):
    assert Map(a=1) == {"a": 1} and {"a": 1} == Map(a=1) and Map(a=1) == UserDict(a=1)
    assert Map(a=1) != {"a": 2} and Map(a=1) != {"b": 1} and Map(a=1) != {} and Map(a=1) != 1 and Map() != []
    assert Map({1: 1}) != Map(a=1) and Map({1: 1}) != {"a": 1} and Map({1: 1, 2: 2}, key=negative) == Map({1: 1, 2: 2})
    assert SkipListMap(a=1) == TreeMap(a=1)
    assert Map({1: 1}) != Map(a=1, key=str.lower) and Map(a=1, key=str.lower) != Map({1: 1})
    assert Map({(): [1]}) == {(): [1]}
    assert Map({"a": 1}) != Map({"A": 1}, key=str.lower) and Map({"A": 1}, key=str.lower) != Map({"a": 1})
    assert Map({-1: 1}) != Map({1: 1}, key=math.sqrt) and Map({1: 1}, key=math.sqrt) != Map({-1: 1})


def test_repr():
    assert repr(SkipListMap()) == "SkipListMap({})" and repr(TreeMap(b=1, a=2)) == "TreeMap({'a': 2, 'b': 1})"
    assert repr(Backwards({1: 2}, key=negative)) == f"Backwards({{1: 2}}, key={negative!r})"
    assert repr(SkipListMap(cmp=by_length)) == f"SkipListMap({{}}, cmp={by_length!r})"


def test_fromkeys():
    assert SkipListMap.fromkeys("ba") == {"a": None, "b": None}
    assert type(Backwards.fromkeys([1], 2)) is Backwards
