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
    HeadMapContents, TailMapContents,
    RecursiveSubMaps                          test_tck_ranges.py
ConcurrentSkipListSubMapTest
    all above for a sub map, and …Descending… test_tck_ranges.py
MapTest
    ImplSanity                                test_one_pair
    Bug8210280                                test_an_update_keeps_what_it_does_not_name
    Clone                                     test_copies_are_equal_and_on_their_own
    ConcurrentAccess                          test_compute_and_replace_if_lose_no_step

Without a counterpart: HashCode (a map has no hash); nulls as values (None is a value); setValue and Bug8186171 (pairs
are tuples); remove() of iterators.

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

import pytest
from map_kinds import KINDS, Kind, three_way
from threads import Threads

from concurrent_collections import SkipListMap


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
    given = [
        m.lower_item(three),
        m.floor_item(three),
        m.ceiling_item(three),
        m.higher_item(three),
        m.first_item(),
        m.last_item(),
    ]
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
        m.lower_key, m.floor_key, m.ceiling_key, m.higher_key,
        m.lower_item, m.floor_item, m.ceiling_item, m.higher_item,
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(TypeError):
            call(None)
    assert m == kind.five()


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

    with Threads(
        {"a": lambda: computes(0), "b": lambda: computes(1), "c": lambda: replaces(2), "d": lambda: replaces(3)}
    ):
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
    assert (
        m.setdefault(kind.key(2), "no") == "B"
        and m.setdefault(kind.key(7)) is None
        and m.setdefault(kind.key(8), 8) == 8
    )
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
