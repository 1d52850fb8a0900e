"""SkipListMap and TreeMap as mappings: dict's protocol, the ordered operations, views, compound operations."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import ItemsView, KeysView, Mapping, MutableMapping, ValuesView

import pytest

from concurrent_collections import SkipListMap, TreeMap

try:
    from test import mapping_tests
except ImportError:  # an interpreter without its tests
    mapping_tests = None

both = pytest.mark.parametrize("Map", [SkipListMap, TreeMap])


class Backwards(SkipListMap):
    """A subclass at module level, for pickle."""


def negative(key: int) -> int:
    return -key


def by_length(a: str, b: str) -> int:
    return len(a) - len(b)


# ---- CPython's own tests --------------------------------------------------------------------------------------------

if mapping_tests is not None:

    class Adapted:
        """What differs from dict: a first argument None of values and items is "no bound"."""

        def test_values(self):
            assert list(self._empty_mapping().values(None)) == []
            assert list(self._full_mapping({1: 2}).values()) == [2]

        def test_items(self):
            assert list(self._empty_mapping().items(None)) == []
            assert list(self._full_mapping({1: 2}).items()) == [(1, 2)]

        def test_popitem(self):
            """dict's takes what was put last, which is the greatest key only by chance."""
            mapping_tests.BasicTestMappingProtocol.test_popitem(self)

    class TestSkipListMapProtocol(Adapted, mapping_tests.TestMappingProtocol):
        type2test = SkipListMap

    class TestTreeMapProtocol(Adapted, mapping_tests.TestMappingProtocol):
        type2test = TreeMap

    class TestSubclassProtocol(Adapted, mapping_tests.TestMappingProtocol):
        type2test = Backwards


# ---- construction and protocol --------------------------------------------------------------------------------------


@both
def test_construction(Map):
    assert Map() == {}
    assert Map({"b": 1, "a": 2}) == {"a": 2, "b": 1}
    assert Map([("b", 1), ("a", 2)], c=3) == {"a": 2, "b": 1, "c": 3}
    assert Map(Map(a=1)) == {"a": 1}
    assert Map(iter([(1, 2)])) == {1: 2}
    assert list(Map({3: "c", 1: "a", 2: "b"})) == [1, 2, 3]
    with pytest.raises(TypeError):
        Map(1, 2)
    with pytest.raises(TypeError):
        Map(5)
    with pytest.raises(
        ValueError, match=r"element 1 of what update\(\) was given must be a \(key, value\) pair, not \(1, 2, 3\)"
    ):
        Map([(1, 2), (1, 2, 3)])
    with pytest.raises(TypeError, match="element 0 of .* pair, not 7"):
        Map([7])
    assert Map(["ab", [3, 4], iter((5, 6))], key=str) == {"a": "b", 3: 4, 5: 6}
    with pytest.raises(ValueError, match="invalid literal"):
        Map([map(int, "1x")])
    with pytest.raises(TypeError, match="cmp must be callable or None, not int"):
        Map(cmp=5)
    with pytest.raises(TypeError, match="key must be callable or None, not int"):
        Map(key=5)
    with pytest.raises(TypeError, match="not both"):
        Map(cmp=by_length, key=len)


def test_update_from_a_map_that_loses_keys():
    source = SkipListMap.fromkeys(range(100))

    class Removing(SkipListMap):
        def __setitem__(self, key, value):
            super().__setitem__(key, value)
            source.pop(key + 1, None)

    target = Removing(source)
    assert target.first_key() == 0 and set(target) <= set(range(100))


@both
def test_types(Map):
    assert issubclass(Map, MutableMapping) and isinstance(Map(), Mapping)
    assert Map[int, str].__origin__ is Map
    assert isinstance(Map().keys(), KeysView)
    assert isinstance(Map().values(), ValuesView)
    assert isinstance(Map().items(), ItemsView)
    assert not hasattr(Map(), "__dict__")
    with pytest.raises(TypeError, match="unhashable"):
        hash(Map())
    match Map(a=1):
        case {"a": value}:
            assert value == 1
        case _:
            raise AssertionError("a mapping pattern does not match")


@both
def test_key_errors_are_dicts(Map):
    for key in ("x", (1, 2), (), 7):
        for mapping in ({}, Map()):
            for use in (mapping.__getitem__, mapping.__delitem__, mapping.pop):
                with pytest.raises(KeyError) as error:
                    use(key)
                assert error.value.args == (key,)
    for name, arguments in [("get", ()), ("get", (1, 2, 3)), ("pop", ()), ("setdefault", ())]:
        with pytest.raises(TypeError) as ours:
            getattr(Map(), name)(*arguments)
        with pytest.raises(TypeError) as theirs:
            getattr({}, name)(*arguments)
        assert str(ours.value) == str(theirs.value)


def test_none_is_a_value():
    m = SkipListMap(a=None)
    assert m["a"] is None and "a" in m and m.get("a", 1) is None
    assert m.setdefault("a", 1) is None
    assert not m.put_if_absent("a", 1)
    assert m.pop("a", 1) is None
    assert not m.pop("a", None) and not m


def test_keys_that_are_there_stay():
    m = SkipListMap({1: "a"})
    m[True] = "b"
    m[1.0] = "c"
    assert m.snapshot() == [(1, "c")] and type(next(iter(m))) is int


# ---- order ----------------------------------------------------------------------------------------------------------


@both
def test_neighbours(Map):
    m = Map({10: "a", 20: "b", 30: "c"})
    assert (m.first_key(), m.first_item(), m.last_key(), m.last_item()) == (10, (10, "a"), 30, (30, "c"))
    assert [m.floor_key(k) for k in (5, 10, 15, 35)] == [None, 10, 10, 30]
    assert [m.lower_key(k) for k in (5, 10, 15, 35)] == [None, None, 10, 30]
    assert [m.ceiling_key(k) for k in (5, 10, 15, 35)] == [10, 10, 20, None]
    assert [m.higher_key(k) for k in (5, 10, 30, 35)] == [10, 20, None, None]
    assert m.floor_item(25) == (20, "b") and m.lower_item(20) == (10, "a")
    assert m.ceiling_item(25) == (30, "c") and m.higher_item(20) == (30, "c")
    assert m.floor_item(5) is None and m.floor_item(5, ()) == () and m.higher_key(30, default := object()) is default


@both
def test_ends_of_an_empty_map(Map):
    for name in ("first_key", "last_key", "first_item", "last_item"):
        with pytest.raises(KeyError, match=rf"{name}\(\): the container is empty"):
            getattr(Map(), name)()
        with pytest.raises(TypeError, match=f"{name} expected at most 1 argument, got 2"):
            getattr(Map(), name)(1, 2)
        assert list(inspect.signature(getattr(Map(), name)).parameters) == ["default"]
        assert getattr(Map(), name)(None) is None
    with pytest.raises(KeyError, match="empty"):
        Map().popitem()


@both
def test_popitem(Map):
    m = Map({1: "a", 2: "b", 3: "c"})
    assert m.popitem() == (3, "c")
    assert m.popitem(last=False) == (1, "a")
    assert m.popitem(last=True) == (2, "b")
    for arguments, names in [((1,), {}), ((), {"first": True}), ((), {"last": 1, "more": 2})]:
        with pytest.raises(TypeError, match="keyword 'last'"):
            m.popitem(*arguments, **names)


BOUNDS = [None, 0, 1, 4, 5, 9, 10]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("inclusive", [(True, False), (True, True), (False, False), (False, True)])
def test_ranges(inclusive, reverse):
    keys = [1, 3, 4, 5, 9]
    m = SkipListMap({k: str(k) for k in keys})
    for start in BOUNDS:
        for stop in BOUNDS:
            expected = [
                k for k in keys
                if (start is None or start < k or (inclusive[0] and start == k))
                and (stop is None or k < stop or (inclusive[1] and stop == k))
            ]  # fmt: skip
            if reverse:
                expected.reverse()
            view = m.keys(start, stop, inclusive=inclusive, reverse=reverse)
            assert list(view) == expected
            assert list(reversed(view)) == expected[::-1]
            assert len(view) == len(expected)
            assert [k for k in range(11) if k in view] == sorted(expected)
            items = m.items(start, stop, inclusive=inclusive, reverse=reverse)
            assert list(items) == [(k, str(k)) for k in expected]
            assert [k for k in range(11) if (k, str(k)) in items] == sorted(expected)
            assert (3, "4") not in items and 3 not in items
            values = m.values(start, stop, inclusive=inclusive, reverse=reverse)
            assert list(values) == [str(k) for k in expected]
            assert ("4" in values) == (4 in expected)


def test_views_are_live_and_sets():
    m = SkipListMap({1: "a"})
    keys, items, tail = m.keys(), m.items(), m.keys(2)
    m[2] = "b"
    assert list(keys) == [1, 2] and len(items) == 2 and list(tail) == [2]
    assert keys & {2, 3} == {2} and keys | {3} == {1, 2, 3} and keys == {1, 2} and items - {(1, "a")} == {(2, "b")}
    assert repr(keys) == "SkipListMap.keys([1, 2])" and repr(m.items(2)) == "SkipListMap.items([(2, 'b')])"
    assert repr(m.values()) == "SkipListMap.values(['a', 'b'])"
    assert keys.mapping == m and isinstance(items.mapping, types.MappingProxyType)
    for inclusive in (True, (True,), None, "no"):
        with pytest.raises(TypeError, match="inclusive must be a pair of bools, for start and for stop, not"):
            m.keys(inclusive=inclusive)
    m[3] = m.values()
    assert repr(m) == "SkipListMap({1: 'a', 2: 'b', 3: SkipListMap.values(['a', 'b', ...])})"


# ---- iteration ------------------------------------------------------------------------------------------------------


def test_an_iterator_survives_what_it_stands_on():
    m = SkipListMap.fromkeys(range(1000))
    for key in m:
        del m[key]
    assert not m and list(m) == []
    m = SkipListMap.fromkeys(range(0, 1000, 2))
    seen = []
    for key in m:
        seen.append(key)
        m[(key + 1) % 1000] = None
        m.pop(key - 10, None)
    assert seen == sorted(set(seen)) and set(range(0, 1000, 2)) <= set(seen)
    backwards = []
    for key in reversed(m):
        backwards.append(key)
        m.clear()
    assert backwards == sorted(set(backwards), reverse=True)


def test_nested_iteration():
    m = SkipListMap.fromkeys(range(50))
    assert [(a, b) for a in m for b in m] == [(a, b) for a in range(50) for b in range(50)]


def test_an_ended_iterator_stays_ended():
    m = SkipListMap({1: 1})
    iterator = iter(m)
    assert list(iterator) == [1]
    m[2] = 2
    assert list(iterator) == [] and next(iterator, "end") == "end"


def test_iterators_cannot_be_made_directly():
    with pytest.raises(TypeError):
        type(iter(SkipListMap()))()


# ---- compound operations --------------------------------------------------------------------------------------------


@both
def test_put_if_absent_and_replace(Map):
    m = Map()
    assert m.replace("a", 1) is False and m == {}
    assert m.put_if_absent("a", 1) is True and m.put_if_absent("a", 2) is False and m == {"a": 1}
    assert m.replace("a", 3) is True and m == {"a": 3}
    assert m.replace_if("a", 4, 5) is False and m.replace_if("a", 3.0, 5) is True and m == {"a": 5}
    assert m.replace_if("b", 5, 6) is False and "b" not in m
    assert m.remove_if("a", 4) is False and m.remove_if("b", 4) is False
    assert m.remove_if("a", 5) is True and m == {}


@both
def test_compute(Map):
    m = Map()
    for _ in range(3):
        m.compute("a", lambda n: n + 1, 0)
    assert m == {"a": 3}
    assert m.compute("b", repr) == "None" and m["b"] == "None"
    with pytest.raises(ZeroDivisionError):
        m.compute("a", lambda n: n / 0)
    with pytest.raises(TypeError, match="function must be callable, not int"):
        m.compute("a", 5)
    assert m["a"] == 3


def test_compute_runs_again_when_the_value_was_changed():
    m = SkipListMap(a=1)
    seen = []

    def function(value):
        seen.append(value)
        if len(seen) == 1:
            m["a"] = 10  # as another thread would
        return value + 1

    assert m.compute("a", function) == 11 and seen == [1, 10]
    seen.clear()
    del m["a"]
    assert m.compute("a", function, 0) == 11 and seen == [0, 10]

    def remove(value):
        m.pop("a", None)
        return value

    m["a"] = 5
    calls = []
    assert m.compute("a", lambda value: calls.append(value) or (remove(value) if len(calls) == 1 else 7), 0) == 7
    assert calls == [5, 0]


def test_replace_if_asks_again_when_the_value_was_changed():
    m = SkipListMap()

    class Changing:
        def __init__(self, number):
            self.number = number

        def __eq__(self, other):
            if self.number < 3:
                m["a"] = Changing(self.number + 1)
            return True

    m["a"] = Changing(0)
    assert m.replace_if("a", "anything", "done") and m["a"] == "done"
    m["a"] = Changing(0)
    assert m.remove_if("a", "anything") and not m


def test_replace_if_keeps_what_came_between():
    m = SkipListMap()

    class Replaced:
        def __eq__(self, other):
            m["a"] = "newer"
            return True

    m["a"] = Replaced()
    assert m.replace_if("a", "anything", "mine") is False and m["a"] == "newer"
    m["a"] = Replaced()
    assert m.remove_if("a", "anything") is False and m["a"] == "newer"


def test_errors_in_equality_reach_the_caller():
    class Bad:
        def __eq__(self, other):
            raise ZeroDivisionError

    m = SkipListMap(a=Bad())
    for use in (lambda: m.replace_if("a", 1, 2), lambda: m.remove_if("a", 1)):
        with pytest.raises(ZeroDivisionError):
            use()
    assert isinstance(m["a"], Bad)


# ---- subclasses -----------------------------------------------------------------------------------------------------


def test_a_subclass_may_choose_its_order():
    class Reversed(SkipListMap):
        def __init__(self, *args, **items):
            super().__init__(*args, key=negative, **items)

    m = Reversed({1: "a", 2: "b"})
    assert list(m) == [2, 1] and list(m.copy()) == [2, 1]
    with pytest.raises(TypeError, match="order of a container cannot be changed"):
        SkipListMap.__init__(m)
    assert list(m) == [2, 1]


def test_methods_of_a_subclass_that_did_not_initialize():
    class Lazy(SkipListMap):
        def __init__(self):
            pass

    assert len(Lazy()) == 0 and list(Lazy()) == [] and Lazy().get(1) is None and repr(Lazy()) == "Lazy({})"
    m = Lazy()
    m[1] = 2
    m.clear()
    assert not m and Lazy().memory_usage() >= 0 and Lazy().drain() is True


# ---- figures --------------------------------------------------------------------------------------------------------


@both
def test_memory(Map):
    m = Map()
    empty = m.memory_usage()
    for i in range(10000):
        m[i] = i
    full = m.memory_usage()
    assert full - empty > 10000 * 16
    assert sys.getsizeof(m) >= full
    m.clear()
    assert m.drain() is True
    assert m.memory_usage() < full / 2


def test_mass():
    m = SkipListMap()
    for i in range(20000):
        m[i * 7919 % 20011] = i
    assert len(m) == 20000 and list(m) == sorted(m) and len(list(m)) == 20000
    for i in range(0, 20000, 2):
        del m[i * 7919 % 20011]
    assert len(m) == 10000 == len(list(m)) and list(reversed(m)) == sorted(m, reverse=True)
    assert all(m[i * 7919 % 20011] == i for i in range(1, 20000, 2))
