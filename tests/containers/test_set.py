"""SkipListSet: set's protocol, the ordered operations, algebra, copies."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import MutableSet

import pytest
from hypothesis import given, settings, strategies as st

from concurrent_collections import SkipListSet


def negative(number: int) -> int:
    return -number


class Named(SkipListSet):
    """A subclass at module level, for pickle."""


class WithSlots(SkipListSet):
    __slots__ = ("note",)


def test_construction_and_types():
    assert list(SkipListSet()) == [] and list(SkipListSet("hello")) == list("ehlo")
    assert issubclass(SkipListSet, MutableSet) and SkipListSet[int].__origin__ is SkipListSet
    assert not hasattr(SkipListSet(), "__dict__")
    with pytest.raises(TypeError, match="unhashable"):
        hash(SkipListSet())
    with pytest.raises(TypeError):
        SkipListSet(5)
    with pytest.raises(TypeError, match="cmp must be callable"):
        SkipListSet(cmp=5)
    assert repr(SkipListSet([2, 1])) == "SkipListSet([1, 2])" and repr(SkipListSet()) == "SkipListSet([])"
    assert repr(Named([1], key=negative)) == f"Named([1], key={negative!r})"


def test_elements():
    s = SkipListSet()
    s.add(1), s.add(1)
    assert s.add_if_absent(2) is True and s.add_if_absent(2) is False and len(s) == 2
    assert s.discard_if_present(2) is True and s.discard_if_present(2) is False
    s.discard(5)
    with pytest.raises(KeyError) as error:
        s.remove((1, 2)) if False else s.remove(7)
    assert error.value.args == (7,)
    assert s.pop() == 1
    with pytest.raises(KeyError, match="pop from an empty set"):
        s.pop()
    s.update([3, 1, 2], (9,))
    assert s.pop(last=False) == 1 and s.pop() == 9 and list(s) == [2, 3] and list(reversed(s)) == [3, 2]
    s.clear()
    assert not s and s.memory_usage() > 0 and s.drain() is True


def test_neighbours_and_ranges():
    s = SkipListSet([10, 20, 30])
    assert (s.first(), s.last(), s.floor(15), s.lower(10), s.ceiling(15), s.higher(30, "none")) == (
        10,
        30,
        10,
        None,
        20,
        "none",
    )
    assert list(s.range(10, 30)) == [10, 20] and list(s.range(10, 30, inclusive=(False, True), reverse=True)) == [
        30,
        20,
    ]
    with pytest.raises(KeyError, match="empty"):
        SkipListSet().first()
    assert SkipListSet().last(None) is None


NAMES = ["union", "intersection", "difference", "symmetric_difference"]
UPDATES = ["update", "intersection_update", "difference_update", "symmetric_difference_update"]
small_sets = st.sets(st.integers(0, 12))


@settings(max_examples=100, deadline=None)
@given(small_sets, small_sets)
def test_algebra_is_sets(a, b):
    x, y = SkipListSet(a), SkipListSet(b)
    for name in NAMES:
        expected = sorted(getattr(a, name)(b))
        for right in (b, y, list(b), iter(list(b))):
            result = getattr(x, name)(right)
            assert type(result) is SkipListSet and list(result) == expected
    for name in UPDATES:
        expected = set(a)
        getattr(expected, name)(b)
        for right in (b, y, list(b)):
            changed = x.copy()
            assert getattr(changed, name)(right) is None and list(changed) == sorted(expected)
    for left, right in ((x, y), (x, b), (a, y)):
        assert list(left | right) == sorted(a | b) and list(left & right) == sorted(a & b)
        assert list(left - right) == sorted(a - b) and list(left ^ right) == sorted(a ^ b)
        assert (left <= right, left < right, left >= right, left > right) == (a <= b, a < b, a >= b, a > b)
        assert (left == right) == (a == b) and (left != right) == (a != b)
    assert (x.issubset(b), x.issuperset(b), x.isdisjoint(b)) == (a.issubset(b), a.issuperset(b), a.isdisjoint(b))
    for right in (b, y):
        changed = x.copy()
        changed |= right
        assert changed == a | b
        changed &= a
        assert changed == a
        changed -= right
        assert changed == a - b
        changed ^= right
        assert changed == (a - b) ^ b
    x -= x
    y ^= y
    assert not x and not y


def test_its_own_order_tells_which_elements_are_the_same():
    def letters():
        return SkipListSet(["A", "B"], key=str.lower)

    s = letters()
    assert list(s - {"a"}) == list(s.difference(["a"])) == ["B"] and list(s & {"a"}) == list(
        s.intersection(iter("a"))
    ) == ["A"]
    assert list(s | {"a", "c"}) == ["A", "B", "c"] and list(s ^ {"a", "c"}) == ["B", "c"]
    assert s <= {"a", "b"} <= s and not s < {"a", "b"} and s < {"a", "b", "c"} and s > {"a"} and s.isdisjoint("xy")
    for name, expected in zip(UPDATES, (["A", "B", "c"], ["A"], ["B"], ["B", "c"])):
        changed = letters()
        getattr(changed, name)(["a", "c"])
        assert list(changed) == expected
    assert s != {"a", "b"} and s == {"A", "B"} and s != SkipListSet("ab") and SkipListSet("ab") != s
    unhashable = SkipListSet([[1], [2]])
    assert (
        list(unhashable - set()) == [[1], [2]]
        and unhashable != {1, 2}
        and list(unhashable & SkipListSet([[2]])) == [[2]]
    )
    for combine in (
        SkipListSet.difference,
        SkipListSet.difference_update,
        SkipListSet.intersection,
        SkipListSet.issubset,
    ):
        with pytest.raises(TypeError, match="'<' not supported"):
            combine(SkipListSet([1]), ["a"])
    assert SkipListSet([-1]) != SkipListSet([1], key=math.sqrt) and SkipListSet([1]) != SkipListSet(
        ["a"], key=str.lower
    )


def test_operators_want_sets():
    for operator in (
        "__or__",
        "__and__",
        "__sub__",
        "__xor__",
        "__ior__",
        "__iand__",
        "__isub__",
        "__ixor__",
        "__rsub__",
    ):
        assert getattr(SkipListSet([1]), operator)([1]) is NotImplemented
    assert (
        SkipListSet([1]) != [1] and SkipListSet([1]) != SkipListSet(["a"]) and SkipListSet([[1]]) == SkipListSet([[1]])
    )


def test_copies_keep_order_and_state():
    s = Named([1, 2, 3], key=negative)
    s.note = "kept"
    for other in (copy.copy(s), copy.deepcopy(s), pickle.loads(pickle.dumps(s))):
        assert type(other) is Named and list(other) == [3, 2, 1] and other.note == "kept" and other == s
    assert list(s.copy()) == list(s | {2}) == [3, 2, 1] and type(s & {1}) is Named
    assert s.copy().note == (s & {1}).note == "kept"
    assert s == {1, 2, 3} and {1, 2, 3} == s and s != {1, 2}
    assert s.snapshot() == [3, 2, 1]
    t = WithSlots([1])
    t.note = [2]
    for other in (
        t.copy(),
        t | {3},
        copy.copy(t),
        copy.deepcopy(t),
        *(pickle.loads(pickle.dumps(t, p)) for p in range(6)),
    ):
        assert type(other) is WithSlots and other.note == [2] and 1 in other


def test_a_state_that_is_what_the_set_holds():
    class Listed(SkipListSet):
        def __getstate__(self):
            return list(self)

        def __setstate__(self, elements):
            self.update(elements)

    s = Listed([1, 2, 3])
    assert s & {2} == {2} and s - {1} == {2, 3} and {9, 1} - s == {9} and s ^ {1} == {2, 3} and s.copy() == s


def test_an_iterator_survives_what_it_stands_on():
    s = SkipListSet(range(1000))
    for element in s:
        s.remove(element)
    assert not s
