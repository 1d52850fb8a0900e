"""The maps held to what the JSR-166 TCK asserts of ConcurrentSkipListMap and its sub maps, in words of our own.

TCK method, with what it asserts here         test
--------------------------------------------  -----------------------------------------
ConcurrentSkipListMapTest
    Clear                                     test_clear_removes_all_pairs
    ConstructFromSorted, Equals, PutAll       test_a_map_of_a_map_is_equal
    ContainsKey, Get                          test_keys_that_are_there_and_others
    ContainsValue, Values, ValuesToArray      test_values_are_all_in_the_order_of_keys
    IsEmpty, Size                             test_size_counts_puts_and_removals
    FirstKey, LastKey                         test_the_ends
    KeySet, KeySetToArray, KeySetOrder        test_the_view_of_keys_is_a_set_in_order
    KeySetDescendingIteratorOrder,
    DescendingKeySet{Order,ToArray},
    DescendingKeySetDescendingIteratorOrder   test_descending_views_are_the_reverse
    EntrySet, EntrySetToArray,
    DescendingEntrySet{,ToArray}              test_pairs_are_all_there_in_both_directions
    PutIfAbsent, PutIfAbsent2                 test_put_if_absent
    Replace, Replace2                         test_replace_wants_the_key
    ReplaceValue, ReplaceValue2               test_replace_if_wants_the_value
    Remove                                    test_a_removed_key_is_gone
    Remove2, Remove3                          test_remove_if_wants_the_pair
    {Lower,Floor,Ceiling,Higher}{Key,Entry}   test_neighbours
    EntryImmutability                         test_a_pair_that_was_given_out_cannot_change_the_map
    PollFirstEntry, PollLastEntry             test_both_ends_are_taken_in_order
    ToString                                  test_the_text_has_all_keys_and_values
    …_NullPointerException, 12 of them        test_a_key_that_cannot_be_compared_is_refused_everywhere
    Clone, Serialization                      test_copies_are_equal_and_on_their_own
    SubMapContents, SubMapContents2,
    HeadMapContents, TailMapContents          test_ranges_hold_what_lies_within
    RecursiveSubMaps                          test_ranges_of_ranges_at_random
ConcurrentSkipListSubMapTest
    all above for a sub map, and …Descending… test_ranges_hold_what_lies_within, test_ranges_of_ranges_at_random,
                                              test_a_range_is_a_set_or_a_collection_of_its_own
MapTest
    ImplSanity                                test_one_pair
    Bug8210280                                test_an_update_keeps_what_it_does_not_name
    Clone                                     test_copies_are_equal_and_on_their_own
    ConcurrentAccess                          test_compute_and_replace_if_lose_no_step

Without a counterpart: HashCode (a map has no hash); nulls as values (None is a value); setValue and Bug8186171 (pairs are
tuples); remove() of iterators and what removes through a sub map (ranges are to be read only); put through a sub map,
its neighbours and its ends, sub maps of sub maps (ranges have none: their bounds are given to the map's `keys`, `values`,
`items`).

Beside it, from CPython's tests of dict and sortedcontainers' of SortedDict, what other tests of ours did not ask yet:
test_views_compare_as_sets, test_values_have_no_algebra, test_pop_and_setdefault, test_update_of_nothing_and_of_itself,
test_writing_and_removing_while_iterating, test_an_iterator_knows_no_length, test_keys_that_raise_leave_no_trace.
"""

from __future__ import annotations

import copy
import functools
import operator
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from threads import Threads

from concurrent_collections import SkipListMap, TreeMap


def three_way(a: Any, b: Any) -> int:
    return (a > b) - (a < b)


@dataclass(frozen=True)
class Kind:
    """One kind of map: its type and order, and its keys by number, in their order."""

    key: Callable[[int], Any]
    order: tuple[tuple[str, Any], ...] = ()
    Map: type[Any] = SkipListMap

    def of(self, numbers: dict[int, Any]) -> Any:
        made = self.Map(**dict(self.order))
        for number, value in numbers.items():
            made[self.key(number)] = value
        return made

    def five(self) -> Any:
        """Keys 1 to 5 with "A" to "E", put in out of order."""
        made = self.of({1: "A", 5: "E", 3: "C", 2: "B", 4: "D"})
        assert made and len(made) == 5
        return made

    def keys(self, *numbers: int) -> list[Any]:
        return [self.key(number) for number in numbers]


KINDS = {
    "int": Kind(int),
    "float": Kind(lambda number: number + 0.5),
    "large": Kind(lambda number: number + 10**30),
    "str": Kind(lambda number: f"user:{5000 + number}"),
    "bytes": Kind(lambda number: b"\0%d" % (5000 + number)),
    "tuple": Kind(lambda number: (number,)),
    "cmp": Kind(int, (("cmp", three_way),)),
    "key": Kind(lambda number: str(-number), (("key", lambda text: -int(text)),)),
    "tree": Kind(int, Map=TreeMap),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


# ---- the whole map --------------------------------------------------------------------------------------------------


def test_clear_removes_all_pairs(kind):
    m = kind.five()
    m.clear()
    assert len(m) == 0 and not m and list(m) == [] and kind.key(3) not in m
    m[kind.key(3)] = "again"
    assert list(m.items()) == [(kind.key(3), "again")]


def test_a_map_of_a_map_is_equal(kind):
    first, empty = kind.five(), kind.of({})
    second = kind.Map(first, **dict(kind.order))
    empty.update(first)
    for other in (second, empty, kind.five()):
        assert first == other and other == first and len(other) == 5
        assert all(key in other for key in first)
    first.clear()
    assert first != second and second != first and len(second) == 5


def test_keys_that_are_there_and_others(kind):
    m = kind.five()
    assert [m[kind.key(number)] for number in range(1, 6)] == list("ABCDE")
    assert kind.key(1) in m and kind.key(0) not in m and kind.key(6) not in m
    assert m.get(kind.key(1)) == "A" and m.get(kind.key(0)) is None and m.get(kind.key(0), 7) == 7
    assert kind.of({}).get(kind.key(1)) is None and kind.key(1) not in kind.of({})


def test_values_are_all_in_the_order_of_keys(kind):
    values = kind.five().values()
    assert list(values) == list("ABCDE") and len(values) == 5
    assert "A" in values and "Z" not in values and "A" not in kind.of({}).values()


def test_size_counts_puts_and_removals(kind):
    m = kind.of({})
    assert not m and len(m) == 0
    for number in range(100):
        assert len(m) == number
        m[kind.key(number * 37 % 101)] = number
    for number in range(100):
        assert len(m) == 100 - number and m
        m.popitem(last=bool(number % 2))
    assert not m and len(m) == 0


def test_the_ends(kind):
    m = kind.five()
    assert m.first_key() == kind.key(1) and m.last_key() == kind.key(5)
    assert m.first_item() == (kind.key(1), "A") and m.last_item() == (kind.key(5), "E")
    for end in (kind.of({}).first_key, kind.of({}).last_key, kind.of({}).first_item, kind.of({}).last_item):
        assert end(None) is None
        with pytest.raises(KeyError):
            end()


def test_the_view_of_keys_is_a_set_in_order(kind):
    m = kind.five()
    keys, listed = m.keys(), list(m.keys())
    assert listed == kind.keys(1, 2, 3, 4, 5) == list(m) and len(keys) == 5
    assert all(key in keys for key in listed) and kind.key(-10) not in keys
    assert keys >= set(listed) and not keys >= {*listed[1:], kind.key(-10)}


def test_descending_views_are_the_reverse(kind):
    m, down = kind.five(), kind.keys(5, 4, 3, 2, 1)
    keys = m.keys(reverse=True)
    assert list(keys) == list(reversed(m)) == list(reversed(m.keys())) == down and len(keys) == 5
    assert list(reversed(keys)) == down[::-1]
    assert keys >= set(down) and kind.key(-10) not in keys
    assert list(m.values(reverse=True)) == list("EDCBA") == list(reversed(m.values()))


def test_pairs_are_all_there_in_both_directions(kind):
    m = kind.five()
    pairs = list(zip(kind.keys(1, 2, 3, 4, 5), "ABCDE"))
    for view, expected in [(m.items(), pairs), (m.items(reverse=True), pairs[::-1])]:
        assert list(view) == expected and len(view) == 5
        assert list(reversed(view)) == expected[::-1]
        assert all(pair in view for pair in pairs)
        assert (kind.key(1), "E") not in view and (kind.key(6), "A") not in view
        assert all(key in m and value in m.values() for key, value in view)


def test_the_text_has_all_keys_and_values(kind):
    text = repr(kind.five())
    assert all(repr(key) in text for key in kind.keys(1, 2, 3, 4, 5)) and all(repr(value) in text for value in "ABCDE")


def test_copies_are_equal_and_on_their_own(kind):
    m = kind.five()
    copies = [m.copy(), copy.copy(m), copy.deepcopy(m)]
    if not kind.order or kind.order[0][1] is three_way:  # a lambda cannot be pickled
        copies += [pickle.loads(pickle.dumps(m, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for other in copies:
        assert other is not m and len(other) == 5 and type(other) is type(m)
        assert list(other.items()) == list(m.items()) and other == m and m == other
        other[kind.key(-1)] = "only there"
        assert len(m) == 5 and len(other) == 6
        other.clear()
        assert not other and len(m) == 5 and m != other


# ---- one key --------------------------------------------------------------------------------------------------------


def test_one_pair(kind):
    m = kind.of({})
    assert not m
    m[kind.key(7)] = None
    assert m and len(m) == 1 and kind.key(7) in m and None in m.values()
    m[kind.key(7)] = 2
    assert list(m.items()) == [(kind.key(7), 2)] and None not in m.values()


def test_put_if_absent(kind):
    m = kind.five()
    assert m.put_if_absent(kind.key(6), "Z") is True and m[kind.key(6)] == "Z"
    assert m.put_if_absent(kind.key(1), "Z") is False and m[kind.key(1)] == "A"


def test_replace_wants_the_key(kind):
    m = kind.five()
    assert m.replace(kind.key(6), "Z") is False and kind.key(6) not in m and len(m) == 5
    assert m.replace(kind.key(1), "Z") is True and m[kind.key(1)] == "Z" and len(m) == 5


def test_replace_if_wants_the_value(kind):
    m = kind.five()
    assert m.replace_if(kind.key(1), "Z", "Z") is False and m[kind.key(1)] == "A"
    assert m.replace_if(kind.key(1), "A", "Z") is True and m[kind.key(1)] == "Z"
    assert m.replace_if(kind.key(6), None, "Z") is False and kind.key(6) not in m


def test_a_removed_key_is_gone(kind):
    m = kind.five()
    del m[kind.key(5)]
    assert len(m) == 4 and kind.key(5) not in m
    with pytest.raises(KeyError):
        del m[kind.key(5)]
    assert m.pop(kind.key(4)) == "D" and list(m) == kind.keys(1, 2, 3)


def test_remove_if_wants_the_pair(kind):
    m = kind.five()
    assert m.remove_if(kind.key(5), "E") is True and len(m) == 4 and kind.key(5) not in m
    assert m.remove_if(kind.key(4), "A") is False and len(m) == 4 and kind.key(4) in m
    assert m.remove_if(kind.key(4), None) is False and m.remove_if(kind.key(6), None) is False


def test_neighbours(kind):
    m, missing = kind.five(), 0
    answers = {
        "lower": {3: 2, 6: 5, 1: missing, 0: missing},
        "floor": {3: 3, 6: 5, 1: 1, 0: missing},
        "ceiling": {3: 3, 0: 1, 5: 5, 6: missing},
        "higher": {3: 4, 0: 1, 5: missing, 6: missing},
    }
    for name, expected in answers.items():
        for asked, found in expected.items():
            key, item = getattr(m, f"{name}_key"), getattr(m, f"{name}_item")
            assert key(kind.key(asked)) == (kind.key(found) if found else None)
            assert item(kind.key(asked)) == ((kind.key(found), "ABCDE"[found - 1]) if found else None)
            assert found or key(kind.key(asked), "none") == item(kind.key(asked), "none") == "none"


def test_a_pair_that_was_given_out_cannot_change_the_map(kind):
    m, three = kind.five(), kind.key(3)
    given = [m.lower_item(three), m.floor_item(three), m.ceiling_item(three), m.higher_item(three), m.first_item(), m.last_item()]
    for pair in [*given, *m.items(), m.popitem()]:
        with pytest.raises(TypeError):
            pair[1] = "X"
    m[three] = "later"
    assert given[1] == (three, "C")


def test_both_ends_are_taken_in_order(kind):
    for last, (near, next_, middle, fourth, far) in [(False, (1, 2, 3, 4, 5)), (True, (5, 4, 3, 2, 1))]:
        m = kind.five()
        letter = lambda number: "ABCDE"[number - 1]  # noqa: E731
        assert m.popitem(last=last) == (kind.key(near), letter(near))
        assert m.popitem(last=last)[0] == kind.key(next_)
        m[kind.key(near)] = "back"
        assert m.popitem(last=last) == (kind.key(near), "back")
        assert m.popitem(last=last)[0] == kind.key(middle)
        del m[kind.key(fourth)]
        assert m.popitem(last=last) == (kind.key(far), letter(far))
        with pytest.raises(KeyError):
            m.popitem(last=last)


def test_a_key_that_cannot_be_compared_is_refused_everywhere(kind):
    m = kind.five()
    calls = [
        m.get, m.__getitem__, m.__contains__, m.__delitem__, m.pop, m.setdefault, m.keys().__contains__,
        lambda key: m.__setitem__(key, "whatever"), lambda key: m.put_if_absent(key, "whatever"),
        lambda key: m.replace(key, "whatever"), lambda key: m.replace_if(key, "A", "whatever"),
        lambda key: m.remove_if(key, "A"), lambda key: m.compute(key, str), lambda key: (key, "A") in m.items(),
        lambda key: m.update({key: 1}), lambda key: list(m.keys(key or [])), lambda key: list(m.items(None, key or [])),
        m.lower_key, m.floor_key, m.ceiling_key, m.higher_key, m.lower_item, m.floor_item, m.ceiling_item, m.higher_item,
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(TypeError):
            call(None)
    assert m == kind.five()


# ---- ranges ---------------------------------------------------------------------------------------------------------


def within(number: int, low: int | None, high: int | None, inclusive: tuple[bool, bool]) -> bool:
    above = low is None or number > low or (inclusive[0] and number == low)
    return above and (high is None or number < high or (inclusive[1] and number == high))


def check_range(kind: Kind, m: Any, model: dict[int, Any], low: int | None, high: int | None, inclusive: tuple[bool, bool]) -> None:
    """The three views of a range, in both directions, have what the model has there, and know it when asked."""
    bounds = [None if number is None else kind.key(number) for number in (low, high)]
    numbers = sorted(number for number in model if within(number, low, high, inclusive))
    for reverse in (False, True):
        keys, values, items = (view(*bounds, inclusive=inclusive, reverse=reverse) for view in (m.keys, m.values, m.items))
        expected = numbers[::-1] if reverse else numbers
        assert list(keys) == kind.keys(*expected) and list(reversed(keys)) == kind.keys(*expected[::-1])
        assert list(values) == [model[number] for number in expected]
        assert list(items) == [(kind.key(number), model[number]) for number in expected]
        assert len(keys) == len(values) == len(items) == len(numbers) and bool(keys) == bool(numbers)
        for number in range(-2, 108, 5 if len(model) > 10 else 1):
            assert (kind.key(number) in keys) == (number in numbers)
            assert ((kind.key(number), model.get(number)) in items) == (number in numbers)


BOUNDS = [(2, 4), (2, 3), (None, 4), (2, None), (3, 3), (4, 2), (0, 9), (6, 9), (None, None)]


@pytest.mark.parametrize("inclusive", [(True, False), (True, True), (False, False), (False, True)], ids=str)
def test_ranges_hold_what_lies_within(kind, inclusive):
    """They are live: what is put into the map, changed or removed from it shows in views that are there."""
    m, model = kind.five(), dict(zip(range(1, 6), "ABCDE"))
    for low, high in BOUNDS:
        check_range(kind, m, model, low, high, inclusive)
    view = m.keys(kind.key(2), kind.key(4), inclusive=inclusive)
    for number in (2, 3):
        del m[kind.key(number)], model[number]
        assert list(view) == kind.keys(*[left for left in sorted(model) if within(left, 2, 4, inclusive)])
    for low, high in BOUNDS:
        check_range(kind, m, model, low, high, inclusive)
    m[kind.key(3)] = model[3] = "new"
    assert kind.key(3) in view
    for low, high in BOUNDS:
        check_range(kind, m, model, low, high, inclusive)
    for key in list(m.keys(None, kind.key(4))):
        del m[key]
    assert m.first_key() == kind.key(4) and len(m) == 2 and kind.key(3) not in view


def test_ranges_of_ranges_at_random(kind):
    """A part of a part …, each changed within, with bounds that belong to it or not; what lies outside stays as it is."""
    chance = random.Random(166)
    model = {number: 2 * number for number in chance.sample(range(100), 66)}
    m = kind.of(model)
    check_range(kind, m, model, None, None, (True, False))

    def divide(low: int, high: int, depth: int) -> None:
        outside = [*m.items(None, kind.key(low)), *m.items(kind.key(high))]
        for number in chance.sample(range(low, high), (high - low) // 2):
            if number in model and chance.random() < 0.6:
                assert m.pop(kind.key(number)) == model.pop(number)
            else:
                m[kind.key(number)] = model[number] = number + depth
        inclusive = (chance.random() < 0.5, chance.random() < 0.5)
        check_range(kind, m, model, low, high, inclusive)
        check_range(kind, m, model, chance.randrange(low, high), None, inclusive)
        check_range(kind, m, model, None, chance.randrange(low, high), inclusive)
        assert outside == [*m.items(None, kind.key(low)), *m.items(kind.key(high))]
        if high - low > 12:
            middle = (low + high) // 2
            divide(low, middle, depth + 1)
            divide(middle, high, depth + 1)
            divide(*sorted(chance.sample(range(low, high + 1), 2)), depth + 1)

    divide(0, 100, 1)


def test_a_range_is_a_set_or_a_collection_of_its_own(kind):
    m = kind.five()
    two_to_four = m.keys(kind.key(2), kind.key(4), inclusive=(True, True))
    assert two_to_four == set(kind.keys(2, 3, 4)) and two_to_four != m.keys() and two_to_four < m.keys()
    assert two_to_four & {kind.key(4), kind.key(5)} == {kind.key(4)}
    assert two_to_four.isdisjoint(kind.keys(1, 5)) and not two_to_four.isdisjoint(kind.keys(1, 2))
    assert "B" in m.values(kind.key(2), kind.key(3)) and "C" not in m.values(kind.key(2), kind.key(3))
    assert all(repr(key) in repr(two_to_four) for key in kind.keys(2, 3, 4)) and repr(kind.key(5)) not in repr(two_to_four)
    assert not m.keys(kind.key(4), kind.key(2)) and not m.values(kind.key(6)) and not m.items(None, kind.key(1))


# ---- together -------------------------------------------------------------------------------------------------------


def test_an_update_keeps_what_it_does_not_name(kind):
    chance = random.Random(8210280)
    first = {1024 * number + chance.randrange(1024): number for number in range(chance.randrange(32))}
    second = {-1024 * number - chance.randrange(1, 1024): -number for number in range(chance.randrange(128))}
    m, other = kind.of(first), kind.of(second)
    before = m.copy()
    m.update(other)
    assert all(m[key] == other[key] for key in other) and all(m[key] is before[key] for key in before)
    assert len(m) == len(first) + len(second)


def test_compute_and_replace_if_lose_no_step(kind):
    m, done = kind.of({}), [0] * 4

    def computes(place: int) -> None:
        chance = random.Random(place)
        for _ in range(300):
            m.compute(kind.key(3 * chance.randrange(10)), lambda value: value + 1, 0)
            done[place] += 1

    def replaces(place: int) -> None:
        chance = random.Random(place)
        for _ in range(300):
            key = kind.key(3 * chance.randrange(10))
            value = m.get(key)
            done[place] += value is not None and m.replace_if(key, value, value + 1)

    with Threads({"a": lambda: computes(0), "b": lambda: computes(1), "c": lambda: replaces(2), "d": lambda: replaces(3)}):
        pass
    assert sum(m.values()) == sum(done)


# ---- what dict's and SortedDict's tests ask beside ------------------------------------------------------------------


def test_views_compare_as_sets(kind):
    m, model = kind.five(), dict(zip(kind.keys(1, 2, 3, 4, 5), "ABCDE"))
    more = {**model, kind.key(9): "Z"}
    for ours, same, larger in [(m.keys(), model.keys(), more.keys()), (m.items(), model.items(), more.items())]:
        assert ours == same and same == ours and ours != larger and ours < larger and larger > ours
        assert ours <= same and ours >= same and not ours < same and not ours > same
        assert ours & larger == set(same) == larger & ours and ours | larger == set(larger) == larger | ours
        assert ours - larger == set() and larger - ours == ours ^ larger == larger ^ ours and len(larger - ours) == 1
        assert ours != list(same) and not ours == list(same)


def test_values_have_no_algebra(kind):
    left, right = kind.five().values(), dict.fromkeys("AB").values()
    for operation in "lt gt le ge and_ or_ sub xor".split():
        with pytest.raises(TypeError):
            getattr(operator, operation)(left, right)


def test_pop_and_setdefault(kind):
    m = kind.five()
    assert m.pop(kind.key(1)) == "A" and m.pop(kind.key(1), None) is None
    with pytest.raises(KeyError) as error:
        m.pop(kind.key(1))
    assert error.value.args == (kind.key(1),)
    assert m.setdefault(kind.key(2), "no") == "B" and m.setdefault(kind.key(7)) is None and m.setdefault(kind.key(8), 8) == 8
    for call in (m.pop, m.setdefault, m.get, lambda: m.pop(1, 2, 3), lambda: m.get(1, 2, 3), lambda: m.popitem(True)):
        with pytest.raises(TypeError):
            call()


def test_update_of_nothing_and_of_itself(kind):
    m = kind.five()
    m.update()
    m.update({})
    m.update(m)
    m.update(m.items(reverse=True))
    m |= m
    assert m == kind.five() == (m | {}) == ({} | m)
    with pytest.raises(TypeError):
        m.update({}, {})
    with pytest.raises(TypeError):
        m | [(kind.key(1), 2)]


def test_writing_and_removing_while_iterating(kind):
    m = kind.of({number: number for number in range(200)})
    seen = []
    for key in m:
        seen.append(key)
        del m[key]
    assert seen == kind.keys(*range(200)) and not m
    m = kind.of({number: number for number in range(200)})
    for key, value in m.items():
        m[key] = value + 1
    assert list(m.values()) == list(range(1, 201))


def test_an_iterator_knows_no_length(kind):
    """What others put and remove meanwhile is not known before."""
    iterator = iter(kind.five())
    assert iter(iterator) is iterator and operator.length_hint(iterator, -1) == -1
    assert list(iterator) == kind.keys(1, 2, 3, 4, 5) and next(iterator, "none") == "none"
    assert list(iter(kind.of({}))) == list(reversed(kind.of({}))) == []


@pytest.mark.parametrize("method", ["__lt__", "__eq__"])
def test_keys_that_raise_leave_no_trace(method):
    """In the middle of any operation, from any comparison."""

    @functools.total_ordering
    class Fragile:
        armed = False

        def __init__(self, number: int) -> None:
            self.number = number

        def __eq__(self, other: object) -> bool:
            if Fragile.armed and method == "__eq__":
                raise ZeroDivisionError
            return isinstance(other, Fragile) and self.number == other.number

        def __lt__(self, other: Fragile) -> bool:
            if Fragile.armed and method == "__lt__":
                raise ZeroDivisionError
            return self.number < other.number

        __hash__ = None  # type: ignore[assignment]

    keys = [Fragile(number) for number in range(50)]
    m = SkipListMap((key, key.number) for key in keys)
    again = Fragile(25)
    calls = [
        m.__getitem__, m.get, m.__contains__, m.pop, m.__delitem__, m.setdefault, lambda key: m.__setitem__(key, None),
        lambda key: m.put_if_absent(key, None), lambda key: m.replace(key, None), lambda key: m.compute(key, str),
        lambda key: m.remove_if(key, 25), lambda key: m.replace_if(key, 25, None), m.floor_key, m.ceiling_item,
    ]  # fmt: skip
    Fragile.armed = True
    for call in calls:
        with pytest.raises(ZeroDivisionError):
            call(again)
    Fragile.armed = False
    assert list(m.values()) == list(range(50)) and m[again] == 25
