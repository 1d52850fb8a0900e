"""Keys of all kinds: fast ones against sorted() and SortedDict, and hostile ones."""

from __future__ import annotations

import enum
import math
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from concurrent_collections import SkipListMap, SkipListSet

sortedcontainers = pytest.importorskip("sortedcontainers")


# ---- against sorted() -----------------------------------------------------------------------------------------------

integers = st.one_of(
    st.integers(), st.integers(-5, 5), st.integers(2**53 - 3, 2**53 + 3), st.integers(-(2**53) - 3, -(2**53) + 3)
)
floats = st.floats(allow_nan=False)
edges = st.sampled_from(
    [0.0, -0.0, math.inf, -math.inf, 2.0**53, 2**53 + 1, 10**400, -(10**400), 2**63, 2**64, True, False, 5e-324]
)
numbers = st.one_of(integers, floats, edges)
letters = st.sampled_from(["", "\0", "a", "b", "é", "ß", "\u0800", "\ud800", "\uffff", "\U00010000", "\U0010ffff"])
texts = st.one_of(st.text(), st.lists(letters, max_size=9).map("".join))
strings_of_bytes = st.one_of(st.binary(), st.lists(st.sampled_from([b"\0", b"a", b"\xff"]), max_size=9).map(b"".join))
pieces = st.sampled_from(
    [
        "",
        "key_",
        "key",
        "ke",
        "z",
        "0",
        "00",
        "7",
        "1234567890123",
        "12345678901234",
        "T",
        "\xfe",
        "\xff",
        "-",
        ".",
        "/",
        ":",
        ",",
        "é",
        "\u0800",
        "\0",
    ]
)
stemmed = st.lists(pieces, max_size=4).map("".join)
tuples = st.tuples(st.integers(0, 3), st.integers(0, 3))
mixed = st.one_of(numbers, st.integers(-5, 5).map(Fraction), st.integers(-5, 5).map(Decimal))
kinds = pytest.mark.parametrize(
    "keys", [integers, floats, numbers, texts, stemmed, strings_of_bytes, tuples, mixed],
    ids=["int", "float", "number", "str", "stemmed", "bytes", "tuple", "mixed"],
)  # fmt: skip


@kinds
def test_order_is_sorteds(keys):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(keys, max_size=80))
    def check(given_keys):
        if keys is stemmed:
            given_keys.insert(0, "key_1")  # the stem is the first one's
        m = SkipListMap((key, i) for i, key in enumerate(given_keys))
        expected = {key: i for i, key in enumerate(given_keys)}
        assert list(m) == sorted(expected)
        assert list(map(type, m)) == list(map(type, sorted(expected)))
        assert list(m.values()) == [expected[key] for key in sorted(expected)]
        assert list(reversed(m)) == sorted(expected, reverse=True)
        for key in given_keys:
            assert m[key] == expected[key] and key in m

    check()


OPERATIONS = [
    "set",
    "del",
    "pop",
    "setdefault",
    "popitem",
    "first",
    "floor",
    "lower",
    "ceiling",
    "higher",
    "irange",
    "get",
]


@kinds
def test_operations_are_sorteddicts(keys):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data):
        ours, theirs = SkipListMap(), sortedcontainers.SortedDict()
        pool = data.draw(st.lists(keys, min_size=1, max_size=12))
        if keys is stemmed:
            ours["key_1"] = theirs["key_1"] = None
        for number, name in enumerate(data.draw(st.lists(st.sampled_from(OPERATIONS), max_size=60))):
            key, other = data.draw(st.sampled_from(pool)), data.draw(st.sampled_from(pool))
            if name == "set":
                ours[key] = theirs[key] = number
            elif name == "del" and key in theirs:
                del ours[key], theirs[key]
            elif name == "pop":
                assert ours.pop(key, None) == theirs.pop(key, None)
            elif name == "setdefault":
                assert ours.setdefault(key, number) == theirs.setdefault(key, number)
            elif name == "popitem" and theirs:
                assert ours.popitem(last=bool(number % 2)) == theirs.popitem(-1 if number % 2 else 0)
            elif name == "first":
                assert ours.first_item(None) == (theirs.peekitem(0) if theirs else None)
                assert ours.last_item(None) == (theirs.peekitem(-1) if theirs else None)
            elif name == "floor":
                assert ours.floor_key(key) == next(theirs.irange(None, key, reverse=True), None)
            elif name == "lower":
                assert ours.lower_key(key) == next(theirs.irange(None, key, (True, False), reverse=True), None)
            elif name == "ceiling":
                assert ours.ceiling_key(key) == next(theirs.irange(key), None)
            elif name == "higher":
                assert ours.higher_key(key) == next(theirs.irange(key, None, (False, True)), None)
            elif name == "irange":
                inclusive, reverse = data.draw(st.tuples(st.booleans(), st.booleans())), data.draw(st.booleans())
                low, high = sorted([key, other])
                expected = list(theirs.irange(low, high, inclusive, reverse))
                assert list(ours.keys(low, high, inclusive=inclusive, reverse=reverse)) == (
                    expected if low != high or all(inclusive) else []
                )
            else:
                assert ours.get(key, "none") == theirs.get(key, "none") and (key in ours) == (key in theirs)
            assert len(ours) == len(theirs)
        assert ours.snapshot() == list(theirs.items())

    check()


# ---- kinds ----------------------------------------------------------------------------------------------------------


def test_numbers_that_a_double_cannot_tell_apart():
    limits = [2**53, 2**63, 2**64, 2**1023, 10**400]
    numbers = [sign * (limit + step) for sign in (1, -1) for limit in limits for step in range(-3, 4)] + [
        math.inf,
        -math.inf,
    ]
    m = SkipListMap()
    for count, number in enumerate(numbers):
        assert number not in m and len(m) == count
        m[number] = number
    assert list(m) == sorted(numbers) and all(m[number] == number for number in numbers)
    for limit in (2.0**53, 2.0**63, 2.0**64):
        assert (
            type(m[limit]) is int
            and m[limit] == limit
            and m.floor_key(limit) == limit
            and m.lower_key(limit) == int(limit) - 1
        )
    m = SkipListMap({limit: limit for limit in limits})
    assert all(limit + 1 not in m and m.higher_key(limit - 1) == m.floor_key(limit + 1) == limit for limit in limits)


def test_zeros_are_one_key():
    for one in (0, 0.0, -0.0, False):
        for other in (0, 0.0, -0.0, False):
            m = SkipListMap({one: 1, -1: 0, 1: 0})
            assert m[other] == 1 and m.lower_key(other) == -1 and m.higher_key(other) == 1


def test_nan_is_refused():
    m = SkipListMap({1.0: 1})
    for use in (
        m.__getitem__,
        m.get,
        m.pop,
        m.floor_key,
        m.__contains__,
        lambda key: m.__setitem__(key, 1),
        lambda key: iter(m.keys(key)),
    ):
        with pytest.raises(ValueError, match="nan cannot be a key"):
            use(math.nan)
    assert m.snapshot() == [(1.0, 1)]


class NeverEqual:
    def __eq__(self, other):
        return False

    def __lt__(self, other):
        return False


class LessThanItself(int):
    __lt__ = int.__le__


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (Decimal("nan"), ValueError), (Decimal("sNaN"), InvalidOperation), (NeverEqual(), ValueError),
        (LessThanItself(1), ValueError), ((Decimal("nan"), 1), ValueError), (((math.nan,),), ValueError),
        (None, TypeError),
        (object(), TypeError), (1j, TypeError),
    ],
    ids=["nan", "signalling nan", "never equal", "less than itself", "tuple", "nested", "None", "object", "complex"],
)  # fmt: skip
@pytest.mark.parametrize("made", [SkipListMap, lambda: SkipListMap(key=lambda key: key)], ids=["natural", "key"])
def test_a_first_key_without_an_order_is_refused(made, key, error):
    """Nothing else is there to be compared with; once inside, it would keep all other keys out."""
    m = made()
    stores = [m.__setitem__, m.setdefault, m.put_if_absent, lambda key, value: m.update([(key, value)])]
    for store in stores:
        with pytest.raises(error):
            store(key, 1)
    with pytest.raises(error):
        SkipListSet([key])
    assert len(m) == 0
    m[Decimal(1)] = 1
    del m[Decimal(1)]
    with pytest.raises(error):
        m[key] = 1
    m[1] = "one"
    assert m.snapshot() == [(1, "one")]


def test_a_first_key_may_hold_what_has_no_order():
    """Only what every comparison looks at counts."""
    m = SkipListMap({(1, None): "a"})
    m[2, math.nan] = "b"
    assert list(m.values()) == ["a", "b"]


def test_cmp_is_not_asked_about_a_first_key():
    asked = []
    m = SkipListMap({None: 1}, cmp=lambda a, b: asked.append((a, b)) or 0)
    assert (asked, list(m)) == ([], [None])


def test_subclasses_that_compare_like_their_base():
    class Number(enum.IntEnum):
        ONE = 1
        TWO = 2

    class Name(str):
        pass

    m = SkipListMap({0: "zero", Number.TWO: "two", 3: "three"})
    assert m[2] == "two" and m[Number.TWO] == "two" and list(m) == [0, 2, 3] and m.get(Number.ONE) is None
    m = SkipListMap({Name("b"): 1, "a": 2})
    assert m["b"] == 1 and m[Name("a")] == 2


def test_subclasses_with_an_order_of_their_own():
    class Down(int):
        def __lt__(self, other):
            return int(self) > int(other)

        __eq__ = int.__eq__
        __hash__ = int.__hash__

    class Caseless(str):
        def __lt__(self, other):
            return self.lower() < other.lower()

        def __eq__(self, other):
            return self.lower() == other.lower()

        __hash__ = None

    assert list(SkipListMap.fromkeys(map(Down, range(100)))) == list(range(99, -1, -1))
    m = SkipListMap([(Caseless("b"), 1), (Caseless("A"), 2)])
    m[Caseless("B")] = 3
    assert [str(key) for key in m] == ["A", "b"] and m[Caseless("a")] == 2


def test_kinds_that_do_not_compare():
    m = SkipListMap({1: "a", 2: "b"})
    for use in (m.__getitem__, m.get, m.__contains__, m.pop, lambda key: m.__setitem__(key, 1), m.floor_key):
        for key in ("x", b"x", None, object(), 1j):
            with pytest.raises(TypeError, match="not supported between"):
                use(key)
    assert m.snapshot() == [(1, "a"), (2, "b")]
    assert m[Fraction(2)] == "b" and m.floor_key(Fraction(3, 2)) == 1 and m[2.0] == "b"
    empty = SkipListMap()
    assert "x" not in empty and 1 not in empty


def test_stems():
    """Strings that a map expects to be alike, and are not."""
    for first in ("key_00000001", "7", "2026-11-21", "key_1x", "é1", "x" * 30 + "1", "x" * 31 + "1", "", "key_"):
        names = [
            first,
            "key_2",
            "key_10",
            "key",
            "key_",
            "ke",
            "l",
            "",
            "key_é",
            "ké",
            "key_123456789012345",
            "key_1234567890123456",
        ]
        names += [
            "key_1T5",
            "key_1T50",
            "key_1T",
            "key_1\xfe",
            "key_1\xff",
            "key_1\u0100",
            "key_1\0",
            "key_1234567890123",
            "key_123456789012T",
        ]
        names += [
            "key_1:",
            "key_1,",
            "key_12345678901234",
            "2026-11-03",
            "2026-11-211",
            "x" * 30 + "2",
            "x" * 30,
            "x" * 29 + "y1",
        ]
        m = SkipListMap((name, name) for name in names)
        assert list(m) == sorted(set(names))
        assert all(m[name] == name for name in names) and all(
            name + "0" not in m or name + "0" in names for name in names
        )


def test_a_foreign_key_after_many_fast_ones():
    m = SkipListMap({i: i for i in range(1000)})
    m[Fraction(1001, 2)] = "half"
    assert len(m) == 1001 and m[500] == 500 and m[Fraction(1001, 2)] == "half" and m[999.0] == 999
    assert list(m.keys(500, 502)) == [500, Fraction(1001, 2), 501]
    del m[Fraction(1001, 2)]
    assert list(m) == list(range(1000))
    m.clear()
    m["now"] = "text"
    assert m.snapshot() == [("now", "text")]


def test_cmp():
    def downwards(a, b):
        return (a < b) - (a > b)

    m = SkipListMap({i: i for i in range(100)}, cmp=downwards)
    assert list(m) == list(range(99, -1, -1)) and m[5] == 5 and m.floor_key(4.5) == 5 and m.first_key() == 99
    m = SkipListMap(cmp=lambda a, b: 10**30 * ((a > b) - (a < b)))
    m.update({2: 2, 1: 1})
    assert list(m) == [1, 2]
    m = SkipListMap({None: 1}, cmp=lambda a, b: (a is not None) - (b is not None))
    assert m[None] == 1
    for bad in (None, 1.5, "x"):
        m = SkipListMap({1: 1}, cmp=lambda a, b, bad=bad: bad)
        with pytest.raises(TypeError, match="cmp must return an int"):
            m[2] = 2


def test_key():
    m = SkipListMap({"b": 1, "A": 2, "a": 3}, key=str.lower)
    assert m.snapshot() == [("A", 3), ("b", 1)] and m["B"] == 1
    assert m.first_item() == ("A", 3) and m.popitem() == ("b", 1) and m.pop("a") == 3 and not m
    m = SkipListMap({i: i for i in range(100)}, key=lambda i: -i)
    assert (
        list(m.keys(50, 47)) == [50, 49, 48]
        and m.higher_key(50) == 49
        and 48 in m.keys(50, 47)
        and 51 not in m.keys(50)
    )
    assert list(m.items())[0] == (99, 99) and list(m.values(reverse=True))[0] == 0
    m = SkipListMap({c: c for c in "zebra"}, key=lambda c: (c not in "ae", c))
    assert "".join(m) == "aebrz"
    with pytest.raises(ZeroDivisionError):
        SkipListMap({1: 1}, key=lambda i: i / 0)
    with pytest.raises(ValueError, match="nan"):
        SkipListMap({1: 1}, key=lambda i: math.nan)
