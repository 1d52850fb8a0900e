"""What type checkers must understand: checked by test_typing.py with mypy and pyright."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, MutableSet
from typing import assert_type

from concurrent_collections import SkipListMap, SkipListSet, TreeMap


class Scores(SkipListMap[str, float]):
    def best(self) -> tuple[str, float]:
        return max(self.items(), key=lambda item: item[1])


ages: SkipListMap[str, int] = SkipListMap({"Ann": 27}, Zoe=31)
assert_type(ages["Ann"], int)
assert_type(ages.get("Ann"), "int | None")
assert_type(ages.get("Ann", "none"), "int | str")
assert_type(ages.pop("Max", None), "int | None")
assert_type(ages.popitem(last=False), "tuple[str, int]")
assert_type(ages.setdefault("Max", 19), int)
assert_type(ages.floor_key("N"), "str | None")
assert_type(ages.floor_item("N"), "tuple[str, int] | None")
assert_type(ages.first_key(), str)
assert_type(ages.first_item(0), "tuple[str, int] | int")
assert_type(ages.compute("Max", lambda age: (age or 0) + 1), int)
assert_type(ages.compute("Max", lambda age: age + 1, 0), int)
assert_type(ages.put_if_absent("Eve", 1), bool)
assert_type(ages.snapshot(), "list[tuple[str, int]]")
assert_type(ages.copy(), "SkipListMap[str, int]")
assert_type(ages | {"Bob": 5}, "SkipListMap[str, int]")
assert_type(iter(ages), Iterator[str])
assert_type(reversed(ages), Iterator[str])
assert_type([key for key in ages.keys("A", "N", inclusive=(True, True), reverse=True)], "list[str]")
assert_type([value for value in ages.values()], "list[int]")
assert_type([key for key, _ in ages.items()], "list[str]")

scores = Scores(key=str.lower)
scores["Ann"] = 1.5
assert_type(scores.best(), "tuple[str, float]")
assert_type(scores.copy(), Scores)

tree: MutableMapping[int, str] = TreeMap([(1, "a")])
view: Mapping[int, str] = tree
pairs: TreeMap[int, str] = TreeMap([(1, "a")], cmp=lambda a, b: b - a)

names: MutableSet[str] = SkipListSet(["a"])
letters = SkipListSet("abc")
assert_type(letters, "SkipListSet[str]")
assert_type(letters.floor("b"), "str | None")
assert_type(letters.pop(), str)
assert_type(list(letters.range("a", "c")), "list[str]")
assert_type(letters & {"a"}, "SkipListSet[str]")
assert_type(letters.union(["z"]), "SkipListSet[str]")
