"""Ordered maps for many threads: `SkipListMap` and `TreeMap`.

>>> from concurrent_collections import SkipListMap
>>> ages = SkipListMap({"Zoe": 31, "Ann": 27, "Max": 19})
>>> list(ages)
['Ann', 'Max', 'Zoe']
>>> ages.floor_item("Nora")
('Max', 19)
>>> list(ages.keys("B", "Z"))
['Max']
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    ItemsView as _ItemsView,
    Iterable,
    Iterator,
    KeysView as _KeysView,
    Mapping,
    MutableMapping,
    ValuesView as _ValuesView,
)
from reprlib import recursive_repr
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from .. import _core
from .ordered import bounds, empty_copy, make, order_of, order_text, recipe, state_of

if TYPE_CHECKING:
    from typing import Self  # 3.11

K = TypeVar("K")
V = TypeVar("V")

__all__ = ["SkipListMap", "TreeMap"]


class _Range:
    """What the three views share: a map, the bounds, and the direction, as arguments of the map's iterators."""

    __slots__ = ()
    _mapping: Any
    _range: tuple[Any, Any, tuple[bool, bool], bool]
    _kind: str

    def __init__(self, mapping: Any, start: Any, stop: Any, inclusive: tuple[bool, bool], reverse: bool) -> None:
        self._mapping = mapping
        self._range = (start, stop, bounds(inclusive), bool(reverse))  # type: ignore[misc]  # a slot of the views

    @property
    def mapping(self) -> MappingProxyType[Any, Any]:
        """The map, to be read only."""
        return MappingProxyType(self._mapping)

    def _iterate(self, backwards: bool) -> Iterator[Any]:
        start, stop, (low, high), reverse = self._range
        iterator: Iterator[Any] = self._mapping._iterate(
            self._kind, start, stop, low=low, high=high, reverse=reverse != backwards
        )
        return iterator

    def __len__(self) -> int:
        start, stop, _, _ = self._range
        return len(self._mapping) if start is stop is None else sum(1 for _ in self._iterate(False))

    def _covers(self, key: Any) -> bool:
        start, stop, (low, high), _ = self._range
        compare = self._mapping._compare
        return (start is None or compare(start, key) < low) and (stop is None or compare(key, stop) < high)

    @recursive_repr("...")
    def __repr__(self) -> str:
        return f"{type(self._mapping).__name__}.{self._kind}({list(self._iterate(False))!r})"


class KeysView(_Range, _KeysView[K]):
    """The keys of a map within bounds, in order: live, and a set."""

    __slots__ = ("_range",)
    _kind = "keys"

    def __iter__(self) -> Iterator[K]:
        return self._iterate(False)

    def __reversed__(self) -> Iterator[K]:
        return self._iterate(True)

    def __contains__(self, key: object) -> bool:
        return key in self._mapping and self._covers(key)


class ItemsView(_Range, _ItemsView[K, V]):
    """The (key, value) pairs of a map within bounds, in the order of keys: live, and a set."""

    __slots__ = ("_range",)
    _kind = "items"

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self._iterate(False)

    def __reversed__(self) -> Iterator[tuple[K, V]]:
        return self._iterate(True)

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, tuple) or len(item) != 2:
            return False
        key, value = item
        try:
            found = self._mapping[key]
        except KeyError:
            return False
        return (found is value or found == value) and self._covers(key)


class ValuesView(_Range, _ValuesView[V]):
    """The values of a map whose keys are within bounds, in the order of keys: live."""

    __slots__ = ("_range",)
    _kind = "values"

    def __iter__(self) -> Iterator[V]:
        return self._iterate(False)

    def __reversed__(self) -> Iterator[V]:
        return self._iterate(True)

    def __contains__(self, value: object) -> bool:
        return any(found is value or found == value for found in self)


def _pair(number: int, element: Any) -> tuple[Any, ...]:
    """The element of what `update` was given, as a pair."""
    error: type[Exception] = ValueError
    try:
        iterator = iter(element)
    except TypeError:
        error = TypeError
    else:
        pair = tuple(iterator)
        if len(pair) == 2:
            return pair
    raise error(f"element {number} of what update() was given must be a (key, value) pair, not {element!r}")


class _OrderedMap(_core.OrderedMap[K, V], MutableMapping[K, V]):
    """What SkipListMap and TreeMap share: all but their names."""

    __slots__ = ()

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            other: tuple[()] = (),
            /,
            *,
            cmp: Callable[[K, K], int] | None = None,
            key: Callable[[K], Any] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self,
            other: Mapping[K, V] | Iterable[tuple[K, V]],
            /,
            *,
            cmp: Callable[[K, K], int] | None = None,
            key: Callable[[K], Any] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: _OrderedMap[str, V],
            other: Mapping[str, V] | Iterable[tuple[str, V]] = (),
            /,
            *,
            cmp: Callable[[str, str], int] | None = None,
            key: Callable[[str], Any] | None = None,
            **items: V,
        ) -> None: ...

    def __init__(
        self,
        other: Any = (),
        /,
        *,
        cmp: Callable[[Any, Any], int] | None = None,
        key: Callable[[Any], Any] | None = None,
        **items: Any,
    ) -> None:
        self._set_order(cmp, key)
        self.update(other, **items)

    def update(self, other: Any = (), /, **items: Any) -> None:
        """Stores all pairs of a mapping (what has `keys`) or of an iterable, then the keywords; each atomically."""
        if isinstance(other, (_OrderedMap, dict)):  # theirs may lose keys meanwhile
            pairs: Iterable[Any] = other.items()
        elif hasattr(other, "keys"):
            pairs = ((key, other[key]) for key in other.keys())
        else:
            elements = enumerate(other)
            pairs = (e if type(e) is tuple and len(e) == 2 else _pair(number, e) for number, e in elements)
        for key, value in pairs:
            self[key] = value
        for name, value in items.items():
            self[name] = value  # type: ignore[index]

    # ---- views ----

    def keys(
        self,
        start: K | None = None,
        stop: K | None = None,
        *,
        inclusive: tuple[bool, bool] = (True, False),
        reverse: bool = False,
    ) -> KeysView[K]:
        """The keys from `start` to `stop` (None: no bound), in order. Weakly consistent.

        `inclusive` tells for each of the two bounds whether it belongs to the range.
        """
        return KeysView(self, start, stop, inclusive, reverse)

    def values(
        self,
        start: K | None = None,
        stop: K | None = None,
        *,
        inclusive: tuple[bool, bool] = (True, False),
        reverse: bool = False,
    ) -> ValuesView[V]:
        """The values of the keys from `start` to `stop`, as in `keys`. Weakly consistent."""
        return ValuesView(self, start, stop, inclusive, reverse)

    def items(
        self,
        start: K | None = None,
        stop: K | None = None,
        *,
        inclusive: tuple[bool, bool] = (True, False),
        reverse: bool = False,
    ) -> ItemsView[K, V]:
        """The (key, value) pairs of the keys from `start` to `stop`, as in `keys`. Weakly consistent."""
        return ItemsView(self, start, stop, inclusive, reverse)

    # ---- copies ----

    def snapshot(self) -> list[tuple[K, V]]:
        """All (key, value) pairs in order, in a list of the caller's own.

        Weakly consistent, as an iterator that ran at once.
        """
        return list(self._iterate("items", None, None))

    def copy(self) -> Self:
        """A map of the same type, order and attributes with the same keys and values; __init__ is not called.

        Weakly consistent.
        """
        other: Self = empty_copy(self)
        for key, value in self.snapshot():
            other[key] = value
        return other

    @classmethod
    def fromkeys(cls, keys: Iterable[K], value: Any = None) -> Self:
        """A new map with these keys, all with the same value."""
        result: Any = cls()
        for key in keys:
            result[key] = value
        return cast("Self", result)

    def __reduce__(self) -> tuple[Any, ...]:
        return make, recipe(self), state_of(self), None, iter(self.snapshot())

    # ---- comparison and merging ----

    def __eq__(self, other: object) -> bool:
        """Whether the other is a mapping with equal keys and values, in whatever order. Weakly consistent."""
        if self is other:
            return True
        if isinstance(other, _OrderedMap) and order_of(self) == order_of(other):
            return self.snapshot() == other.snapshot()
        if not isinstance(other, Mapping):
            return NotImplemented
        items = self.snapshot()
        if len(items) != len(other):
            return False
        missing = object()
        for key, value in items:
            try:
                found = other.get(key, missing)
            except (TypeError, ValueError):  # ordered otherwise, and so that this key has no place
                return False
            if found is not value and found != value:
                return False
        try:
            return all(key in self for key in other)
        except (TypeError, ValueError):
            return False

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: Mapping[Any, Any]) -> Self:
        """A copy, updated with the other."""
        if not isinstance(other, Mapping):
            return NotImplemented
        result = self.copy()
        result.update(other)
        return result

    def __ror__(self, other: Mapping[Any, Any]) -> Self:
        """What the other holds, in this one's order, updated with this one."""
        if not isinstance(other, Mapping):
            return NotImplemented
        result: Self = empty_copy(self)
        result.update(other)
        result.update(self)
        return result

    def __ior__(self, other: Any) -> Self:  # type: ignore[misc]  # it takes more than __or__, as dict's does
        """As `update`."""
        self.update(other)
        return self

    @recursive_repr("{...}")
    def __repr__(self) -> str:
        items = ", ".join(f"{key!r}: {value!r}" for key, value in self.snapshot())
        return f"{type(self).__name__}({{{items}}}{order_text(self)})"


class SkipListMap(_OrderedMap[K, V]):
    """An ordered map for many threads: dict's interface and more, with the keys in order.

    SkipListMap(mapping or iterable of pairs, *, cmp=None, key=None, **items). Keys are ordered by `<`, by `cmp(a, b)`
    (negative, 0 or positive), or by `key(k)`; two keys are the same when their order says so. Operations on one key are
    atomic and take no lock that another thread could hold while it runs Python; iterators are weakly consistent.
    """

    __slots__ = ()


class TreeMap(_OrderedMap[K, V]):
    """An ordered map for many threads; today the same structure as `SkipListMap` (see docs/map.md)."""

    __slots__ = ()
