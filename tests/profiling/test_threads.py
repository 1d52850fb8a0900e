"""Names of threads in reports."""

from __future__ import annotations

import _thread
import contextlib
import threading

import pytest
from interpreter import output_of
from threads import Threads

from concurrent_collections import MemoryProfiler
from concurrent_collections.profiling import threads as _threads


def names_in(report) -> dict[int, str | None]:
    return {stats.native_id: stats.thread_name for stats in report.thread_stats}


def working_thread(runtime, name, *, before=None, after=None):
    """A thread that allocates when `begin` is set and ends when `end` is set."""
    begin, end = threading.Event(), threading.Event()

    def work():
        begin.wait(60)
        runtime.cc_free(runtime.cc_alloc(100), 100)
        end.wait(60)

    return threading.Thread(target=work, name=name), begin, end


def test_threads_from_before_during_and_ended(runtime):
    early, begin, end = working_thread(runtime, "early")
    early.start()
    with MemoryProfiler(domains=("runtime",), track_per_thread=True) as profiler:
        begin.set()
        with Threads({"ended": lambda: runtime.cc_free(runtime.cc_alloc(1), 1)}) as ended:
            pass
        runtime.cc_free(runtime.cc_alloc(1), 1)
        end.set()
        early.join()
        late, begin, end = working_thread(runtime, "late")
        begin.set()
        late.start()
        # join() returns a little before the system's thread has ended.
        expected = {"early": False, "ended": False, "late": True}
        while expected.items() - {stats.thread_name: stats.alive for stats in profiler.snapshot().thread_stats}.items():
            pass
    names = names_in(profiler.report())
    alive = {stats.thread_name: stats.alive for stats in profiler.report().thread_stats}
    end.set()
    late.join()
    assert names[early.native_id] == "early" and names[ended.threads[0].native_id] == "ended"
    assert names[late.native_id] == "late" and names[threading.get_native_id()] == threading.current_thread().name
    assert (alive["early"], alive["ended"], alive["late"]) == (False, False, True)


def test_a_thread_that_is_renamed_has_its_last_name(runtime):
    thread, begin, end = working_thread(runtime, "first name")
    with MemoryProfiler(domains=("runtime",), track_per_thread=True) as profiler:
        thread.start()
        begin.set()
        while not any(stats.native_id == thread.native_id for stats in profiler.snapshot().thread_stats):
            pass
        thread.name = "second name"
    end.set()
    thread.join()
    assert names_in(profiler.report())[thread.native_id] == "second name"


def test_a_thread_that_python_did_not_start_has_a_record(runtime):
    done = threading.Event()
    seen = []

    def work():
        seen.append(threading.get_native_id())
        runtime.cc_free(runtime.cc_alloc(100), 100)
        done.set()

    with MemoryProfiler(domains=("runtime",), track_per_thread=True) as profiler:
        _thread.start_new_thread(work, ())
        assert done.wait(60)
    assert seen[0] in names_in(profiler.report())


@pytest.mark.parametrize(
    "name", ["", "a" * 500, "\u00e9\u4e2d\U0001f40d" * 40, "nul\0inside", "\ud800 alone", "new\nline", "<b>&\"'"]
)
def test_unusual_names(runtime, name):
    with MemoryProfiler(domains=("runtime",), track_per_thread=True) as profiler:
        with Threads({name: lambda: runtime.cc_free(runtime.cc_alloc(77), 77)}) as threads:
            pass
    told = names_in(profiler.report())[threads.threads[0].native_id]
    expected = name or threads.threads[0].name
    clean = expected.replace("\0", "\ufffd").replace("\ud800", "?")
    assert told == clean or (len(clean.encode()) > 63 and clean.startswith(told.rstrip("\ufffd")) and len(told) > 14)


def test_threads_are_left_alone_when_idle():
    original = threading.Thread._set_native_id
    with MemoryProfiler():
        assert threading.Thread._set_native_id is not original
        with MemoryProfiler():
            pass
        assert threading.Thread._set_native_id is not original
    assert threading.Thread._set_native_id is original


def test_somebody_else_may_have_replaced_the_method(monkeypatch):
    original = threading.Thread._set_native_id
    _threads.watch()
    ours = threading.Thread._set_native_id
    monkeypatch.setattr(threading.Thread, "_set_native_id", lambda self: ours(self))
    _threads.unwatch()
    assert threading.Thread._set_native_id is not original, "theirs stays"
    with Threads({"works": lambda: None}):
        pass
    monkeypatch.undo()
    _threads.unwatch()
    assert threading.Thread._set_native_id is original


# ---- what a program makes of its threads -------------------------------------------------------------------------


class ConfusedName(str):
    """A name whose every method raises."""

    def _refuse(self, *_arguments: object) -> None:
        raise RuntimeError("the name was asked")

    __len__ = __iter__ = __getitem__ = __str__ = __repr__ = __hash__ = __eq__ = __bool__ = _refuse
    replace = encode = _refuse


class IntegerName(threading.Thread):
    name = 7


class RaisingName(threading.Thread):
    @property
    def name(self):
        raise RuntimeError("the name was asked")


class HiddenNamespace(threading.Thread):
    @property
    def __dict__(self):
        raise RuntimeError("the namespace was asked")

    def __repr__(self):
        raise RuntimeError("the thread was asked")


class RaisingAccess(threading.Thread):
    asked = False

    def __getattribute__(self, name):
        if type(self).asked:
            raise RuntimeError("the thread was asked")
        return super().__getattribute__(name)


class FalseNative(threading.Thread):
    native_id = "none"


@pytest.mark.parametrize("kind", [IntegerName, RaisingName, HiddenNamespace, RaisingAccess, FalseNative])
def test_a_thread_of_a_class_of_the_programs(runtime, kind):
    """Its methods are not called: the name is the one that threading keeps."""
    ran = []

    def work():
        runtime.cc_free(runtime.cc_alloc(100), 100)
        ran.append(threading.get_native_id())

    end = threading.Event()
    early = kind(target=end.wait)
    early.start()
    with MemoryProfiler(domains=("runtime",), track_per_thread=True) as profiler:
        thread = kind(target=work)
        kept_name = vars(threading.Thread)["__dict__"].__get__(thread)["_name"]
        thread.start()
        thread.join()
        RaisingAccess.asked = True
        profiler.snapshot()
        RaisingAccess.asked = False
    end.set()
    early.join()
    assert names_in(profiler.report())[ran[0]] == kept_name


@pytest.mark.parametrize(
    "name",
    [7, None, b"bytes", ConfusedName("confused"), "x" * 10_000_000, object()],
    ids=lambda name: type(name).__name__,
)
def test_a_name_that_was_put_under_threadings_hand(runtime, name):
    thread, begin, end = working_thread(runtime, "told at its start")
    with MemoryProfiler(domains=("runtime",), track_per_thread=True) as profiler:
        thread.start()
        begin.set()
        while not any(stats.native_id == thread.native_id for stats in profiler.snapshot().thread_stats):
            pass
        thread._name = name
    end.set()
    thread.join()
    expected = {str: "x" * 63, ConfusedName: "confused"}.get(type(name), "told at its start")
    assert names_in(profiler.report())[thread.native_id] == expected


@pytest.mark.parametrize("native_id", [-1, 0, 1 << 64, 3.5, True, "1", None])
def test_an_id_that_is_none(monkeypatch, native_id):
    monkeypatch.setitem(vars(threading.current_thread()), "_native_id", native_id)
    with MemoryProfiler(domains=("runtime",)):
        pass
    assert threading.current_thread().name not in _threads.known_names().values()


def test_what_is_no_thread_among_threadings_threads(monkeypatch):
    class Hollow(threading.Thread):
        def __init__(self):
            pass

    for number, stranger in enumerate([object(), None, Hollow(), 5, threading.Thread]):
        monkeypatch.setitem(threading._active, -number - 1, stranger)
    with MemoryProfiler(domains=("runtime",)):
        assert threading.get_native_id() in _threads.known_names()


def test_threading_changed_by_the_program():
    assert (
        output_of(
            """
        import threading
        from concurrent_collections import MemoryProfiler

        def refuse(*arguments, **keywords):
            raise RuntimeError("threading was asked")

        with threading._active_limbo_lock, MemoryProfiler():
            pass
        work = threading.Thread(target=print, args=("ran",))
        threading.enumerate = threading.Thread = refuse
        with MemoryProfiler() as profiler:
            work.start()
            work.join()
        del threading._active, threading.enumerate
        with MemoryProfiler():
            print("done", flush=True)
        import os
        os._exit(0)  # threading itself could not end any more
        """
        )
        == "ran\ndone\n"
    )


# ---- many Thread objects, one thread -----------------------------------------------------------------------------


def test_threads_within_a_thread_leave_its_name_alone(runtime):
    """As gevent's greenlets: they begin in a thread that has a name, and know that thread's id as theirs."""
    own = threading.current_thread()
    with MemoryProfiler(domains=("runtime",), track_per_thread=True) as profiler:
        runtime.cc_free(runtime.cc_alloc(100), 100)
        with contextlib.ExitStack() as undo:
            for number in range(3):
                greenlet = threading.Thread(name=f"greenlet {number}")
                greenlet._set_native_id()
                threading._active[-number - 1] = greenlet
                undo.callback(threading._active.pop, -number - 1)
            assert names_in(profiler.snapshot())[own.native_id] == own.name
    assert names_in(profiler.report())[own.native_id] == own.name


def test_gevent():
    pytest.importorskip("gevent")
    assert (
        output_of(
            """
        from gevent import monkey
        monkey.patch_all()
        import threading
        from concurrent_collections import MemoryProfiler
        with MemoryProfiler(track_per_thread=True) as profiler:
            for number in range(5):
                thread = threading.Thread(target=bytes, args=(10_000,), name=f"greenlet {number}")
                thread.start()
                thread.join()
        print([stats.thread_name for stats in profiler.report().thread_stats])
        """
        )
        == "['MainThread']\n"
    )
