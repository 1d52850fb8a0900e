"""Ranges of maps held to what the JSR-166 TCK asserts of sub maps of a ConcurrentSkipListMap, in words of our own.

TCK method, with what it asserts here         test
--------------------------------------------  -----------------------------------------
SubMapContents, SubMapContents2,
HeadMapContents, TailMapContents, and of
ConcurrentSkipListSubMapTest what reads, in
both directions                               test_ranges_hold_what_lies_within
RecursiveSubMaps                              test_ranges_of_ranges_at_random
KeySet, Values, EntrySet, ToString of sub
maps                                          test_a_range_is_a_set_or_a_collection_of_its_own

Without a counterpart: what puts or removes through a sub map, its neighbours and its ends, sub maps of sub maps. Ranges
are for reading; their bounds are given to the map's `keys`, `values` and `items`.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from map_kinds import KINDS, Kind


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def within(number: int, low: int | None, high: int | None, inclusive: tuple[bool, bool]) -> bool:
    above = low is None or number > low or (inclusive[0] and number == low)
    return above and (high is None or number < high or (inclusive[1] and number == high))


def check_range(
    kind: Kind, m: Any, model: dict[int, Any], low: int | None, high: int | None, inclusive: tuple[bool, bool]
) -> None:
    """The three views of a range, in both directions, have what the model has there, and know it when asked."""
    bounds = [None if number is None else kind.key(number) for number in (low, high)]
    numbers = sorted(number for number in model if within(number, low, high, inclusive))
    for reverse in (False, True):
        keys, values, items = (
            view(*bounds, inclusive=inclusive, reverse=reverse) for view in (m.keys, m.values, m.items)
        )
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
    """A part of a part …, changed within, with bounds that belong to it or not; what lies outside stays as it is."""
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
    assert all(repr(key) in repr(two_to_four) for key in kind.keys(2, 3, 4)) and repr(kind.key(5)) not in repr(
        two_to_four
    )
    assert not m.keys(kind.key(4), kind.key(2)) and not m.values(kind.key(6)) and not m.items(None, kind.key(1))
