"""Names of threads in reports."""

from __future__ import annotations

import _thread
import threading

import pytest
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
