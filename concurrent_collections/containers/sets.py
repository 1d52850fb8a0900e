"""An ordered set for many threads: `SkipListSet`.

>>> from concurrent_collections import SkipListSet
>>> names = SkipListSet(["Zoe", "Ann", "Max"])
>>> list(names)
['Ann', 'Max', 'Zoe']
>>> names.ceiling("B")
'Max'
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableSet, Set as AbstractSet
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, TypeVar

from .. import _core
from .ordered import bounds, empty_copy, make, order_of, order_text, recipe, state_of

if TYPE_CHECKING:
    from typing import Self  # 3.11

T = TypeVar("T")

__all__ = ["SkipListSet"]


def _restore(elements: Iterable[Any], *arguments: Any) -> Any:
    """An instance without its __init__: what a pickle begins with."""
    self = make(*arguments)
    self.update(elements)
    return self


class SkipListSet(_core.OrderedSet[T], MutableSet[T]):
    """An ordered set for many threads: set's interface and more, with the elements in order.

    SkipListSet(iterable, *, cmp=None, key=None). Elements are ordered as the keys of a SkipListMap. Operations on one
    element are atomic; iterators, and all that reads or changes many elements, are weakly consistent. Whatever a set is
    compared or combined with, its own order tells which elements are the same (of two SkipListSets, that of the left
    one).
    """

    __slots__ = ()

    def __init__(
        self,
        elements: Iterable[T] = (),
        /,
        *,
        cmp: Callable[[T, T], int] | None = None,
        key: Callable[[T], Any] | None = None,
    ) -> None:
        self._set_order(cmp, key)
        self.update(elements)

    # ---- ranges and copies ----

    def range(
        self,
        start: T | None = None,
        stop: T | None = None,
        *,
        inclusive: tuple[bool, bool] = (True, False),
        reverse: bool = False,
    ) -> Iterator[T]:
        """An iterator of the elements from `start` to `stop` (None: no bound), in order.

        `inclusive` tells for each of the two bounds whether it belongs to the range.
        """
        low, high = bounds(inclusive)
        return self._iterate("keys", start, stop, low=low, high=high, reverse=bool(reverse))

    def snapshot(self) -> list[T]:
        """All elements in order, in a list of the caller's own. Weakly consistent, as an iterator that ran at once."""
        return list(self)

    def copy(self) -> Self:
        """A set of the same type, order and attributes with the same elements; __init__ is not called.

        Weakly consistent.
        """
        return self._like(self)

    def _like(self, elements: Iterable[Any]) -> Self:
        result: Self = empty_copy(self)
        result.update(elements)
        return result

    def _ordered(self, elements: Iterable[Any]) -> SkipListSet[Any]:
        """The elements as a set of this one's order: itself, if it is one already."""
        if isinstance(elements, SkipListSet) and order_of(self) == order_of(elements):
            return elements
        return SkipListSet(elements, cmp=self._cmp, key=self._key)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (list(self), *recipe(self)), state_of(self)

    # ---- set algebra: the operators want sets, the methods take any iterables ----

    def update(self, *others: Iterable[T]) -> None:
        """Adds all elements of the others."""
        for other in others:
            for element in other:
                self.add(element)

    def union(self, *others: Iterable[T]) -> Self:
        """A new set of the elements of this one and all others."""
        result = self.copy()
        result.update(*others)
        return result

    def intersection(self, *others: Iterable[Any]) -> Self:
        """A new set of the elements that are in all others, too."""
        asked = [self._ordered(other) for other in others]
        return self._like(element for element in self if all(element in other for other in asked))

    def difference(self, *others: Iterable[Any]) -> Self:
        """A new set of the elements that are in none of the others."""
        asked = [self._ordered(other) for other in others]
        return self._like(element for element in self if not any(element in other for other in asked))

    def symmetric_difference(self, other: Iterable[T]) -> Self:
        """A new set of the elements that are in just one of the two."""
        right = self._ordered(other)
        result = self.difference(right)
        result.update(element for element in right if element not in self)
        return result

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """Removes what is not in all others; each element atomically."""
        asked = [self._ordered(other) for other in others]
        for element in self:
            if not all(element in other for other in asked):
                self.discard(element)

    def difference_update(self, *others: Iterable[Any]) -> None:
        """Removes all elements of the others; each atomically."""
        for other in others:
            for element in list(other) if other is self else other:
                self.discard(element)

    def symmetric_difference_update(self, other: Iterable[T]) -> None:
        """Removes what is in both, adds what is in the other alone; each element atomically."""
        for element in self._ordered(self.copy() if other is self else other):
            if not self.discard_if_present(element):
                self.add(element)

    def issubset(self, other: Iterable[Any]) -> bool:
        """Whether all elements are in the other."""
        asked = self._ordered(other)
        return all(element in asked for element in self)

    def issuperset(self, other: Iterable[Any]) -> bool:
        """Whether all elements of the other are in this one."""
        return all(element in self for element in other)

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """Whether no element of the other is in this one."""
        return not any(element in self for element in other)

    def __le__(self, other: AbstractSet[Any]) -> bool:
        """As `issubset`."""
        return self.issubset(other) if isinstance(other, AbstractSet) else NotImplemented

    def __ge__(self, other: AbstractSet[Any]) -> bool:
        """As `issuperset`."""
        return self.issuperset(other) if isinstance(other, AbstractSet) else NotImplemented

    def __lt__(self, other: AbstractSet[Any]) -> bool:
        """Whether this is a subset, and not a superset, of the other."""
        return self.issubset(other) and not self.issuperset(other) if isinstance(other, AbstractSet) else NotImplemented

    def __gt__(self, other: AbstractSet[Any]) -> bool:
        """Whether this is a superset, and not a subset, of the other."""
        return self.issuperset(other) and not self.issubset(other) if isinstance(other, AbstractSet) else NotImplemented

    def __or__(self, other: AbstractSet[Any]) -> Self:
        return self.union(other) if isinstance(other, AbstractSet) else NotImplemented

    def __and__(self, other: AbstractSet[Any]) -> Self:
        return self.intersection(other) if isinstance(other, AbstractSet) else NotImplemented

    def __sub__(self, other: AbstractSet[Any]) -> Self:
        return self.difference(other) if isinstance(other, AbstractSet) else NotImplemented

    def __xor__(self, other: AbstractSet[Any]) -> Self:
        return self.symmetric_difference(other) if isinstance(other, AbstractSet) else NotImplemented

    def __rsub__(self, other: AbstractSet[Any]) -> Self:
        return self._like(other).difference(self) if isinstance(other, AbstractSet) else NotImplemented

    __ror__ = __or__
    __rand__ = __and__
    __rxor__ = __xor__

    def __ior__(self, other: AbstractSet[Any]) -> Self:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        self.update(other)
        return self

    def __iand__(self, other: AbstractSet[Any]) -> Self:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        self.intersection_update(other)
        return self

    def __isub__(self, other: AbstractSet[Any]) -> Self:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        self.difference_update(other)
        return self

    def __ixor__(self, other: AbstractSet[Any]) -> Self:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        self.symmetric_difference_update(other)
        return self

    def __eq__(self, other: object) -> bool:
        """Whether the other is a set of the same elements, by the order of both if it has one. Weakly consistent."""
        if isinstance(other, SkipListSet) and order_of(self) == order_of(other):
            return self.snapshot() == other.snapshot()
        if not isinstance(other, AbstractSet):
            return NotImplemented
        elements = self.snapshot()
        try:
            return len(elements) == len(other) and all(one in other for one in elements) and self.issuperset(other)
        except (TypeError, ValueError):  # in the other's order, or for want of a hash, an element has no place
            return False

    __hash__ = None  # type: ignore[assignment]

    @recursive_repr("...")
    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.snapshot()!r}{order_text(self)})"
