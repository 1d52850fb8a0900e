"""What ordered maps and sets share: bounds of a range, and new instances like one that is there."""

from __future__ import annotations

from typing import Any


def bounds(inclusive: Any) -> tuple[bool, bool]:
    """The argument `inclusive` of ranges."""
    if not isinstance(inclusive, tuple) or len(inclusive) != 2:
        raise TypeError(f"inclusive must be a pair of bools, for start and for stop, not {inclusive!r}")
    low, high = inclusive
    return bool(low), bool(high)


def order_of(container: Any) -> tuple[Any, Any]:
    """What two containers must have in common for one's order to be the other's."""
    return container._cmp, container._key


def order_text(container: Any) -> str:
    """The order as arguments of the constructor, as in a repr."""
    functions = zip(("cmp", "key"), order_of(container))
    return "".join(f", {name}={function!r}" for name, function in functions if function is not None)


def make(cls: type[Any], cmp: Any, key: Any, *arguments: Any) -> Any:
    """An empty instance without its __init__: what copies and pickles begin with."""
    self = cls.__new__(cls, *arguments)
    self._set_order(cmp, key)
    return self


def recipe(container: Any) -> tuple[Any, ...]:
    """The arguments of `make` for an instance like this."""
    new_arguments: tuple[Any, ...] = getattr(container, "__getnewargs__", tuple)()
    return type(container), *order_of(container), *new_arguments


def state_of(container: Any) -> Any:
    """The attributes that a subclass has added, as pickle wants them; None: there are none."""
    return container.__getstate__() or None


def empty_copy(container: Any) -> Any:
    """An instance of the same type, order and attributes, with nothing in it."""
    result, state = make(*recipe(container)), state_of(container)
    if state is None:
        return result
    if hasattr(result, "__setstate__"):
        result.__setstate__(state)
        result.clear()  # a state may be what the container holds
        return result
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes:
        result.__dict__.update(attributes)
    for name, value in (slots or {}).items():
        setattr(result, name, value)
    return result
