"""The set held to what the JSR-166 TCK asserts of ConcurrentSkipListSet and its sub sets, in words of our own.

TCK method, with what it asserts here         test
--------------------------------------------  -----------------------------------------
ConcurrentSkipListSetTest
    Constructor1, Constructor6                test_a_set_has_what_it_was_made_of
    Constructor3, 4, 5, AddNull, AddAll1,
    AddAll2, AddAll3                          test_what_cannot_be_put_in
    Constructor7                              test_the_order_given_is_used
    Empty, Size                               test_size_counts_what_comes_and_goes
    Add, AddDup                               test_an_element_is_added_once
    AddNonComparable                          test_elements_without_an_order
    AddAll5, AddAll_idempotent                test_update_adds_all_once
    PollFirst, PollLast                       test_pop_from_both_ends
    RemoveElement                             test_removal_tells_what_was_there
    Contains                                  test_contains_what_was_added_and_not_removed
    Clear                                     test_clear
    ContainsAll                               test_subsets_and_supersets
    RetainAll, RemoveAll                      test_what_is_kept_and_what_is_removed
    Lower, Higher, Floor, Ceiling             test_neighbours
    ToArray, ToArray2, Iterator,
    EmptyIterator                             test_iteration_is_in_order
    ToString                                  test_the_text_has_all_elements
    Clone, Serialization                      test_copies_are_equal_and_on_their_own
    SubSetContents, SubSetContents2,
    HeadSetContents, TailSetContents          test_ranges_hold_what_lies_within
    RecursiveSubSets                          test_ranges_of_ranges_at_random
ConcurrentSkipListSubSetTest
    all above for a sub set, and …Descending… test_ranges_hold_what_lies_within, test_ranges_of_ranges_at_random

Without a counterpart: what reports whether a whole collection changed a set (`update` and the others return None);
IteratorRemove and all that changes a set through a sub set (`range` gives an iterator), so AddAll, RetainAll,
RemoveAll, Poll, the neighbours and Serialization of sub sets; null, which is an element that cannot be compared.

Beside it, from CPython's tests of sets and sortedcontainers' of SortedSet, what other tests of ours did not ask yet:
test_algebra_of_many_operands, test_algebra_takes_any_iterable_and_reads_it_once, test_updates_of_a_set_with_itself,
test_what_is_no_set_is_refused_or_unequal, test_an_operand_that_raises_changes_nothing, test_a_set_of_sets.
"""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from concurrent_collections import SkipListSet

SIZE = 32


def three_way(a: Any, b: Any) -> int:
    return (a > b) - (a < b)


def backwards(a: Any, b: Any) -> int:
    return (a < b) - (a > b)


@dataclass(frozen=True)
class Kind:
    """One kind of set: its order, and its elements by number, in that order."""

    element: Callable[[int], Any]
    order: tuple[tuple[str, Any], ...] = ()

    def of(self, numbers: Iterable[int] = ()) -> SkipListSet[Any]:
        return SkipListSet(map(self.element, numbers), **dict(self.order))

    def elements(self, *numbers: int) -> list[Any]:
        return [self.element(number) for number in numbers]


KINDS = {
    "int": Kind(int),
    "float": Kind(lambda number: number / 4),
    "str": Kind(lambda number: f"{5000 + number}"),
    "bytes": Kind(lambda number: b"element %d" % (5000 + number)),
    "tuple": Kind(lambda number: (number, "x")),
    "cmp": Kind(int, (("cmp", three_way),)),
    "backwards": Kind(lambda number: -number, (("cmp", backwards),)),
    "key": Kind(lambda number: str(number), (("key", int),)),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


# ---- what is put in -------------------------------------------------------------------------------------------------


def test_a_set_has_what_it_was_made_of(kind):
    assert len(kind.of()) == 0 and not kind.of()
    s = kind.of(reversed(range(SIZE)))
    assert len(s) == SIZE and [s.pop(last=False) for _ in range(SIZE)] == kind.elements(*range(SIZE))


def test_what_cannot_be_put_in(kind):
    """Elements that come before it are in; the set can be used as before."""
    for make in (lambda: SkipListSet(None), lambda: kind.of().update(None), lambda: kind.of([1]).add(None)):
        with pytest.raises(TypeError):
            make()
    with pytest.raises(TypeError):
        SkipListSet([kind.element(1), None], **dict(kind.order))
    s = kind.of()
    with pytest.raises(TypeError):
        s.update([*kind.elements(2, 1), None, *kind.elements(0)])
    assert list(s) == kind.elements(1, 2)
    for call in (s.add, s.add_if_absent, s.remove, s.discard, s.discard_if_present, s.__contains__, s.lower, s.higher):
        with pytest.raises(TypeError):
            call(None)
    assert list(s) == kind.elements(1, 2)


def test_the_order_given_is_used():
    s = SkipListSet(cmp=backwards)
    s.update(range(SIZE))
    assert s._cmp is backwards and [s.pop(last=False) for _ in range(SIZE)] == list(reversed(range(SIZE)))
    by_length = SkipListSet(["ccc", "a", "bb", "zz"], key=len)
    assert by_length._key is len and list(by_length) == ["a", "bb", "ccc"]


def test_size_counts_what_comes_and_goes(kind):
    s = kind.of(range(SIZE))
    for gone in range(SIZE):
        assert len(s) == SIZE - gone and s
        s.pop(last=False)
    assert not s
    for there in range(SIZE):
        assert len(s) == there
        s.add(kind.element(there))


def test_an_element_is_added_once(kind):
    s, first = kind.of(), kind.element(300)
    assert s.add_if_absent(first) is True and s.add_if_absent(kind.element(301)) is True
    assert s.add_if_absent(kind.element(300)) is False and s.add(kind.element(300)) is None
    assert len(s) == 2 and s.first() is first


def test_elements_without_an_order():
    s = SkipListSet()
    with pytest.raises(TypeError):
        s.update([object(), object()])
    assert not s and len(s) == 0  # an element that cannot be compared with itself is no first one, either
    s.add(1)
    with pytest.raises(TypeError):
        s.add("a")
    assert list(s) == [1]


def test_update_adds_all_once(kind):
    s = kind.of()
    s.update()
    s.update([])
    s.update(kind.elements(*reversed(range(SIZE))))
    assert list(s) == kind.elements(*range(SIZE))
    other = kind.of()
    other.update(s)
    other.update(s)
    assert s == other and other == s
    s.update(kind.elements(2, 40), iter(kind.elements(41, 40)), kind.of([50]))
    assert list(s) == kind.elements(*range(SIZE), 40, 41, 50)


# ---- what is taken out ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [False, True])
def test_pop_from_both_ends(kind, last):
    s = kind.of(range(SIZE))
    expected = kind.elements(*range(SIZE))
    assert [s.pop(last=last) for _ in range(SIZE)] == (expected[::-1] if last else expected)
    with pytest.raises(KeyError):
        s.pop(last=last)
    s.add(kind.element(1))
    assert s.pop(last=last) == kind.element(1)


def test_removal_tells_what_was_there(kind):
    s = kind.of(range(SIZE))
    for number in range(1, SIZE, 2):
        assert kind.element(number) in s
        assert s.discard_if_present(kind.element(number)) is True
        assert kind.element(number) not in s and kind.element(number - 1) in s
    for number in range(0, SIZE, 2):
        assert s.remove(kind.element(number)) is None
        with pytest.raises(KeyError):
            s.remove(kind.element(number))
        assert s.discard_if_present(kind.element(number + 1)) is False and s.discard(kind.element(number + 1)) is None
        assert kind.element(number) not in s and kind.element(number + 1) not in s
    assert not s


def test_contains_what_was_added_and_not_removed(kind):
    s = kind.of(range(SIZE))
    for number in range(SIZE):
        assert kind.element(number) in s
        s.pop(last=False)
        assert kind.element(number) not in s


def test_clear(kind):
    s = kind.of(range(SIZE))
    for _ in range(2):
        s.clear()
        assert not s and len(s) == 0 and list(s) == []
        s.add(kind.element(1))
        assert s and list(s) == kind.elements(1)


def test_subsets_and_supersets(kind):
    whole, part = kind.of(range(SIZE)), kind.of()
    for number in range(SIZE):
        assert part <= whole and part < whole and whole > part and whole.issuperset(part) and part.issubset(whole)
        assert not whole <= part and not part.issuperset(whole) and not whole.issubset(part)
        part.add(kind.element(number))
    assert part >= whole and not part > whole and part == whole


def test_what_is_kept_and_what_is_removed(kind):
    kept, other = kind.of(range(SIZE)), kind.of(range(SIZE))
    for gone in range(SIZE):
        kept &= other
        assert kept == other and len(kept) == SIZE - gone
        other.pop(last=False)
    for many in range(1, SIZE):
        s, removed = kind.of(range(SIZE)), kind.of(range(many))
        s.difference_update(removed)
        assert len(s) == SIZE - many and s.isdisjoint(removed) and not any(element in s for element in removed)


# ---- order ----------------------------------------------------------------------------------------------------------


def test_neighbours(kind):
    s, missing = kind.of([1, 2, 3, 4, 5]), 0
    answers = {
        "lower": {3: 2, 6: 5, 1: missing, 0: missing},
        "floor": {3: 3, 6: 5, 1: 1, 0: missing},
        "ceiling": {3: 3, 0: 1, 5: 5, 6: missing},
        "higher": {3: 4, 0: 1, 5: missing, 6: missing},
    }
    for name, expected in answers.items():
        for asked, found in expected.items():
            assert getattr(s, name)(kind.element(asked)) == (kind.element(found) if found else None)
            assert found or getattr(s, name)(kind.element(asked), "none") == "none"
    assert s.first() == kind.element(1) and s.last() == kind.element(5)


def test_iteration_is_in_order(kind):
    s, expected = kind.of(reversed(range(SIZE))), kind.elements(*range(SIZE))
    assert list(s) == s.snapshot() == expected and list(reversed(s)) == expected[::-1]
    assert all(element in s for element in s)
    assert all(one is other for one, other in zip(s, s.snapshot()))
    for empty in (iter(kind.of()), reversed(kind.of()), kind.of().range(), kind.of().range(reverse=True)):
        assert next(empty, "none") == next(empty, "none") == "none"


def test_the_text_has_all_elements(kind):
    text = repr(kind.of(range(SIZE)))
    assert all(repr(element) in text for element in kind.elements(*range(SIZE)))


def test_copies_are_equal_and_on_their_own(kind):
    s = kind.of(range(SIZE))
    pickled = [pickle.loads(pickle.dumps(s, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for other in (s.copy(), copy.copy(s), copy.deepcopy(s), *pickled):
        assert other is not s and len(other) == SIZE and other == s and s == other
        left = s.copy()
        while left:
            assert other and left.pop() == other.pop()
        assert not other and len(s) == SIZE


# ---- ranges ---------------------------------------------------------------------------------------------------------


def within(number: int, low: int | None, high: int | None, inclusive: tuple[bool, bool]) -> bool:
    above = low is None or number > low or (inclusive[0] and number == low)
    return above and (high is None or number < high or (inclusive[1] and number == high))


def check_range(
    kind: Kind, s: Any, model: set[int], low: int | None, high: int | None, inclusive: tuple[bool, bool]
) -> None:
    bounds = [None if number is None else kind.element(number) for number in (low, high)]
    expected = kind.elements(*(number for number in sorted(model) if within(number, low, high, inclusive)))
    assert list(s.range(*bounds, inclusive=inclusive)) == expected
    assert list(s.range(*bounds, inclusive=inclusive, reverse=True)) == expected[::-1]


@pytest.mark.parametrize("inclusive", [(True, False), (True, True), (False, False), (False, True)], ids=str)
def test_ranges_hold_what_lies_within(kind, inclusive):
    """The end of a range is looked for as it comes: what was put in before it is there."""
    s, model = kind.of([1, 2, 3, 4, 5]), {1, 2, 3, 4, 5}
    for change in (None, 2, 3):
        s.discard(kind.element(change) if change else kind.element(9))
        model.discard(change)
        for low, high in [(2, 4), (2, 3), (None, 4), (2, None), (3, 3), (4, 2), (0, 9), (6, 9), (None, None)]:
            check_range(kind, s, model, low, high, inclusive)
    for element in s.range(None, kind.element(4)):
        s.remove(element)
    assert list(s) == kind.elements(4, 5) and s.first() == kind.element(4)


def test_ranges_of_ranges_at_random(kind):
    chance = random.Random(166)
    model = set(chance.sample(range(100), 66))
    s = kind.of(model)

    def divide(low: int, high: int) -> None:
        outside = [*s.range(None, kind.element(low)), *s.range(kind.element(high))]
        for number in chance.sample(range(low, high), (high - low) // 2):
            if chance.random() < 0.5:
                assert s.discard_if_present(kind.element(number)) == (number in model)
                model.discard(number)
            else:
                assert s.add_if_absent(kind.element(number)) == (number not in model)
                model.add(number)
        for bounds in [(low, high), (chance.randrange(low, high), None), (None, chance.randrange(low, high))]:
            check_range(kind, s, model, *bounds, (chance.random() < 0.5, chance.random() < 0.5))
        for number in range(low - 1, high + 1):
            below, above = (
                max((n for n in model if n < number), default=None),
                min((n for n in model if n > number), default=None),
            )
            assert s.lower(kind.element(number)) == (None if below is None else kind.element(below))
            assert s.higher(kind.element(number)) == (None if above is None else kind.element(above))
        assert outside == [*s.range(None, kind.element(low)), *s.range(kind.element(high))]
        if high - low > 12:
            middle = (low + high) // 2
            divide(low, middle)
            divide(middle, high)
            divide(*sorted(chance.sample(range(low, high + 1), 2)))

    divide(0, 100)


# ---- what set's and SortedSet's tests ask beside --------------------------------------------------------------------


def test_algebra_of_many_operands(kind):
    s, e = kind.of(range(20)), kind.elements
    assert s.union(e(30), e(31), kind.of([5])) == kind.of([*range(20), 30, 31]) and s.union() == s
    assert (
        s.intersection(e(1, 2, 3), e(2, 3, 40)) == kind.of([2, 3])
        and s.intersection() == s
        and s.intersection() is not s
    )
    assert s.difference(e(*range(10)), e(*range(5, 15))) == kind.of(range(15, 20)) and s.difference() == s
    s.difference_update(e(0, 1), e(1, 2))
    s.intersection_update(e(*range(15)), e(*range(2, 40)))
    assert list(s) == e(*range(3, 15))


def test_algebra_takes_any_iterable_and_reads_it_once(kind):
    s = kind.of([1, 2, 3])
    for name, expected in [
        ("union", [1, 2, 3, 4]), ("intersection", [2, 3]), ("difference", [1]), ("symmetric_difference", [1, 4]),
    ]:  # fmt: skip
        numbers = [3, 2, 2, 4]
        for operand in (
            kind.elements(*numbers),
            tuple(kind.elements(*numbers)),
            iter(kind.elements(*numbers)),
            kind.of(numbers),
        ):
            assert getattr(s, name)(operand) == kind.of(expected)
            changed, update = s.copy(), "update" if name == "union" else f"{name}_update"
            assert getattr(changed, update)(iter(kind.elements(*numbers))) is None and changed == kind.of(expected)
    assert s.isdisjoint(iter(kind.elements(4, 5))) and not s.isdisjoint(iter(kind.elements(5, 3)))
    assert s.issubset(iter(kind.elements(3, 2, 1, 0))) and s.issuperset(iter(kind.elements(3, 3)))


def test_updates_of_a_set_with_itself(kind):
    for change, left in [("|=", 3), ("&=", 3), ("-=", 0), ("^=", 0)]:
        s = same = kind.of([1, 2, 3])
        scope = {"s": s}
        exec(f"s {change} s", scope)
        assert scope["s"] is same and len(s) == left
    s = kind.of([1, 2, 3])
    assert s | s == s & s == s and not s - s and not s ^ s and s <= s >= s and not s < s and not s > s


def test_what_is_no_set_is_refused_or_unequal(kind):
    s = kind.of([1, 2, 3])
    for other in (list(s), tuple(s), dict.fromkeys(s), None, 5, "ab"):
        assert s != other and not s == other and (s == frozenset(s)) and (frozenset(s) == s)
        for operation in (
            "__or__",
            "__and__",
            "__sub__",
            "__xor__",
            "__le__",
            "__lt__",
            "__ge__",
            "__gt__",
            "__ior__",
            "__isub__",
        ):
            assert getattr(s, operation)(other) is NotImplemented
    with pytest.raises(TypeError, match="unhashable"):
        hash(s)
    assert list(s) == kind.elements(1, 2, 3)


def test_an_operand_that_raises_changes_nothing(kind):
    def elements(number: int) -> Iterable[Any]:
        yield kind.element(number)
        raise ZeroDivisionError

    s = kind.of([1, 2, 3])
    for name in ("union", "intersection", "difference", "symmetric_difference", "issubset", "issuperset", "isdisjoint",
                 "intersection_update", "symmetric_difference_update"):  # fmt: skip
        with pytest.raises(ZeroDivisionError):
            getattr(s, name)(elements(3 if name == "issuperset" else 9))
        assert list(s) == kind.elements(1, 2, 3)
    for name, left in [("update", [1, 2, 3, 9]), ("difference_update", [1, 2, 3])]:  # element by element, as they come
        with pytest.raises(ZeroDivisionError):
            getattr(s, name)(elements(9))
        assert list(s) == kind.elements(*left)


def test_a_set_of_sets():
    """Sets are ordered in part only: where neither is less, they cannot be elements together."""
    inner = [SkipListSet(range(size)) for size in (3, 1, 2)]
    s = SkipListSet(inner)
    assert [len(one) for one in s] == [1, 2, 3] and SkipListSet([0, 1]) in s
    with pytest.raises(TypeError):
        s.add(SkipListSet([7]))
    assert len(s) == 3
