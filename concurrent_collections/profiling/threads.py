"""Names of threads for the recorder, which meets threads below Python and cannot ask.

``threading`` tells a thread's system id to the thread itself when it begins (``Thread._set_native_id``); while profiles
run, that call also tells libcc the name. Threads that were there before are asked by :func:`known_names`.

A thread is the system's: where several ``Thread`` objects share one (gevent's greenlets do), the first one's name is
the thread's.

Nothing of the program's runs here, whatever it made of its threads: ``Thread`` objects are not asked, their attributes
are looked up where ``threading`` keeps them, and what is of another type than ``threading`` gives it is left out.
"""

from __future__ import annotations

import threading
from typing import Any

from .. import _core

_original: Any = None
# threading's own, which the program may have put another in place of; the namespace by its, since a subclass may have a
# __dict__ of its own.
_Thread: Any = next(kind for kind in type(threading.main_thread()).__mro__ if "__dict__" in kind.__dict__)
_get_namespace: Any = _Thread.__dict__["__dict__"].__get__
_LONGEST = 64  # characters of a name that are looked at; libcc keeps 63 bytes


def _attribute(thread: Any, name: str) -> Any:
    """What ``threading`` keeps in a thread under this name; None for anything else."""
    try:
        return dict.get(_get_namespace(thread), name)
    except Exception:
        return None  # no Thread, or keys that compare by code of the program's


def _own_name(thread: Any) -> str:
    """The name that ``threading`` keeps of a thread; "" when there is none."""
    name = _attribute(thread, "_name")
    if not issubclass(type(name), str):
        return ""
    text: str = str.__getitem__(name, slice(_LONGEST))  # an exact str, also of a subclass
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _threads() -> list[Any]:
    """The running threads, the oldest first. No lock is taken: the program may hold threading's."""
    return list(getattr(threading, "_active", {}).values())


def known_names() -> dict[int, str]:
    """System id -> name of the threads that ``threading`` knows now."""
    names: dict[int, str] = {}
    for thread in _threads():
        native_id, name = _attribute(thread, "_native_id"), _own_name(thread)
        if type(native_id) is int and 0 < native_id < 1 << 64 and name:
            names.setdefault(native_id, name)
    return names


def tell_names() -> None:
    """Tell libcc the names of all threads that it has met."""
    for native_id, name in known_names().items():
        _core.name_thread(native_id, name)


def watch() -> None:
    """Have new threads tell their names, until :func:`unwatch`. Call it under the profilers' lock."""
    global _original
    original = getattr(_Thread, "_set_native_id", None)
    if _original is not None or original is None:
        return

    def set_native_id(self: threading.Thread) -> None:
        original(self)
        _core.name_new_thread(_own_name(self))

    hidden = _core.hidden_method(set_native_id)
    _Thread._set_native_id = hidden
    _original = (original, hidden)


def unwatch() -> None:
    """Undo :func:`watch`, unless somebody else has replaced the method since."""
    global _original
    if _original is not None and _Thread.__dict__.get("_set_native_id") is _original[1]:
        _Thread._set_native_id = _original[0]
        _original = None
