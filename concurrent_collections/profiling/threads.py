"""Names of threads for the recorder, which meets threads below Python and cannot ask.

``threading`` tells a thread's system id to the thread itself when it begins (``Thread._set_native_id``); while profiles
run, that call also tells libcc the name. Threads that were there before are asked by :func:`known_names`.
"""

from __future__ import annotations

import threading
from typing import Any

from .. import _core

_original: Any = None


def known_names() -> dict[int, str]:
    """System id -> name of the threads that ``threading`` knows now."""
    threads = threading._active.copy().values()  # type: ignore[attr-defined]  # no lock: gevent's could wait for ever
    return {thread.native_id: thread.name for thread in threads if thread.native_id is not None}


def _encodable(name: str) -> str:
    return name.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def tell_names() -> None:
    """Tell libcc the names of all threads that it has met."""
    for native_id, name in known_names().items():
        _core.name_thread(native_id, _encodable(name))


def watch() -> None:
    """Have new threads tell their names, until :func:`unwatch`. Call it under the profilers' lock."""
    global _original
    original = getattr(threading.Thread, "_set_native_id", None)
    if _original is not None or original is None:
        return

    def set_native_id(self: threading.Thread) -> None:
        original(self)
        paused = _core.pause_thread()
        try:
            if self.native_id is not None:
                _core.name_thread(self.native_id, _encodable(self.name))
        finally:
            _core.resume_thread(paused)

    set_native_id.__wrapped__ = original  # type: ignore[attr-defined]
    threading.Thread._set_native_id = set_native_id  # type: ignore[attr-defined]
    _original = (original, set_native_id)


def unwatch() -> None:
    """Undo :func:`watch`, unless somebody else has replaced the method since."""
    global _original
    if _original is not None and threading.Thread.__dict__.get("_set_native_id") is _original[1]:
        threading.Thread._set_native_id = _original[0]  # type: ignore[attr-defined]
        _original = None
