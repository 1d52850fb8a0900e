"""Kinds of maps for tests that hold all of them to the same: how keys are compared, and how they lie in a map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
