"""The profiler among what else happens in a process: other tools, forks, exits, subinterpreters."""

from __future__ import annotations

import importlib.util
import itertools
import sys

import pytest
from interpreter import FREE_THREADED_BUILD, output_of

ALLOCATORS = """
import ctypes

class Allocator(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("context", "malloc", "calloc", "realloc", "free")]

def allocators():
    tables = []
    for domain in range(3):
        table = Allocator()
        ctypes.pythonapi.PyMem_GetAllocator(domain, ctypes.byref(table))
        tables.append(tuple(getattr(table, name) for name, _ in Allocator._fields_))
    return tables
"""


# ---- hooks ----------------------------------------------------------------------------------------------------------


def test_hooks_are_there_only_while_profiling():
    assert (
        output_of(
            ALLOCATORS
            + """
before = allocators()
from concurrent_collections import MemoryProfiler
assert allocators() == before, "importing installs nothing"
one, two = MemoryProfiler(), MemoryProfiler(domains=("raw", "runtime"))
two.start()
inside = allocators()
assert inside[0] != before[0] and inside[1:] == before[1:], "only the domains that are asked for"
one.start()
assert all(a != b for a, b in zip(allocators(), before))
two.stop()
assert all(a != b for a, b in zip(allocators(), before)), "one is still running"
one.stop()
assert allocators() == before
with MemoryProfiler(domains=("runtime",)):
    assert allocators() == before
for _ in range(100):
    with MemoryProfiler():
        pass
assert allocators() == before
print("done")
"""
        )
        == "done\n"
    )


def test_after_a_failed_start_hooks_are_gone():
    assert (
        output_of(
            ALLOCATORS
            + """
import concurrent_collections.profiling.profiler as module
before = allocators()
def fail(**arguments):
    raise MemoryError
original, module._core.Profile = module._core.Profile, fail
profiler = module.MemoryProfiler()
try:
    profiler.start()
except MemoryError:
    pass
assert allocators() == before and repr(profiler) == "<MemoryProfiler not started>"
module._core.Profile = original
with profiler:
    kept = bytes(1000)
assert profiler.report().alloc_count > 0
print("done")
"""
        )
        == "done\n"
    )


# Every order of starting and stopping tracemalloc and a profiler, and of two rounds of either.
ORDERS = sorted(
    {
        order
        for order in itertools.permutations(["trace", "untrace", "start", "stop"])
        if order.index("trace") < order.index("untrace") and order.index("start") < order.index("stop")
    }
    | {
        tuple("trace start untrace trace stop untrace".split()),
        tuple("trace start untrace trace untrace stop".split()),
        tuple("start trace stop start untrace stop".split()),
        tuple("start trace stop untrace start stop".split()),
        tuple("trace start stop start untrace stop".split()),
        tuple("start trace untrace trace stop start untrace stop".split()),
        tuple("trace start untrace stop trace start stop untrace".split()),
    }
)

CONFLICTS = """
import sys, tracemalloc
from concurrent_collections import MemoryProfiler

profiler = None
stack, saved, lost = [], [], False  # who wraps the allocator, outermost last; what tracemalloc will put back
for event in sys.argv[1:]:
    if event == "trace":
        tracemalloc.start(3)
        saved, stack = stack, [*stack, "tracemalloc"]
    elif event == "untrace":
        tracemalloc.stop()
        stack = saved
        lost = lost or (profiler is not None and "ours" not in stack)
    elif event == "start":
        lost = False
        stack = stack if "ours" in stack else [*stack, "ours"]
        profiler = MemoryProfiler(detect_leaks=True)
        profiler.start()
    else:
        kept = bytes(600_000)
        traced = tracemalloc.is_tracing() and tracemalloc.get_traced_memory()[0]
        profiler.stop()
        report = profiler.report()
        conflicts = [note for note in report.notes if note.startswith("conflict")]
        print(event, "lost" if lost else "kept", len(conflicts))
        assert traced is False or traced >= 600_000, "tracemalloc goes on"
        found = any(leak.size == sys.getsizeof(kept) for leak in report.leaked_allocations)
        assert found == (not lost), "what could be seen was seen"
        assert report.accuracy["alloc_count"] == ("estimate" if lost else "exact")
        profiler = None
        stack = stack[:-1] if stack[-1:] == ["ours"] else stack
for _ in range(2):  # whatever happened: the next one works
    with MemoryProfiler(detect_leaks=True) as profiler:
        kept = bytes(700_000)
    assert any(leak.size == sys.getsizeof(kept) for leak in profiler.report().leaked_allocations)
    assert profiler.report().notes == []
    tracemalloc.start()
    with MemoryProfiler(detect_leaks=True) as profiler:
        kept = bytes(800_000)
    tracemalloc.stop()
    assert any(leak.size == sys.getsizeof(kept) for leak in profiler.report().leaked_allocations)
"""


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_tracemalloc_in_every_order(order):
    lines = output_of(CONFLICTS, *order).splitlines()
    assert len(lines) == order.count("stop")
    states = {tuple(line.split()[1:]) for line in lines}
    assert states <= {("lost", "1"), ("kept", "0")}, "a note names the conflict exactly when hooks were lost"
    assert (("lost", "1") in states) == (order in LOSING)


LOSING = [
    ("trace", "start", "untrace", "stop"),
    ("trace", "start", "untrace", "trace", "stop", "untrace"),
    ("trace", "start", "untrace", "trace", "untrace", "stop"),
    ("trace", "start", "stop", "start", "untrace", "stop"),
    ("trace", "start", "untrace", "stop", "trace", "start", "stop", "untrace"),
]


def test_lost_hooks_are_noted_though_another_profiler_puts_them_back():
    assert (
        output_of(
            """
        import tracemalloc
        from concurrent_collections import MemoryProfiler
        tracemalloc.start()
        first = MemoryProfiler()
        first.start()
        tracemalloc.stop()
        with MemoryProfiler() as second:
            pass
        running = first.snapshot()
        first.stop()
        for report in (running, first.report()):
            assert len(report.notes) == 1 and report.notes[0].startswith("conflict: "), report.notes
            assert "raw, mem, object" in report.notes[0]
        assert second.report().notes == []
        print("done")
        """
        )
        == "done\n"
    )


@pytest.mark.skipif(FREE_THREADED_BUILD, reason="free-threaded CPython has one allocator")
@pytest.mark.parametrize("allocator", ["debug", "malloc", "malloc_debug", "pymalloc_debug", "pymalloc"])
def test_other_allocators_of_python(allocator):
    assert (
        output_of(
            """
        import sys, threading
        from concurrent_collections import MemoryProfiler
        for options in ({"detect_leaks": True, "capture_stacks": True}, {"sample_rate": 0.5},
        {"sample_interval": 1000}):
            with MemoryProfiler(**options) as profiler:
                kept = [bytes(size) for size in range(0, 3000, 7)]
                text = bytearray()
                for _ in range(100):
                    text.extend(b"x" * 99)
                thread = threading.Thread(target=lambda: [str(n) for n in range(1000)])
                thread.start()
                thread.join()
        with MemoryProfiler(detect_leaks=True) as profiler:
            kept = bytes(54321)
        assert profiler.report().leaked_allocations[0].size == sys.getsizeof(kept)
        print("done")
        """,
            environment={"PYTHONMALLOC": allocator},
        )
        == "done\n"
    )


@pytest.mark.parametrize("options", [["-X", "faulthandler"], ["-X", "dev"], ["-X", "tracemalloc=5"], ["-O"]])
def test_other_modes_of_python(options):
    assert (
        output_of(
            """
        import sys
        from concurrent_collections import MemoryProfiler
        with MemoryProfiler(detect_leaks=True, capture_stacks=True) as profiler:
            kept = bytes(54321)
        assert profiler.report().leaked_allocations[0].size == sys.getsizeof(kept)
        print("done")
        """,
            options=options,
        )
        == "done\n"
    )


# ---- the end of the process -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", ["", "detect_leaks=True, capture_stacks=True", "sample_rate=0.1", "sample_interval=64"]
)
@pytest.mark.parametrize("ending", ["pass", "sys.exit(0)", "gc.freeze()", "os._exit(0)", "del profiler"])
def test_an_interpreter_may_end_while_profiling(options, ending):
    output_of(
        f"""
        import gc, json, os, sys, threading
        from concurrent_collections import MemoryProfiler
        profiler = MemoryProfiler({options})
        profiler.start()
        kept = [object(), {{"a": [1, 2, 3]}}, bytes(100_000)]
        cycle = []
        cycle.append(cycle)
        {ending}
        """
    )


def test_daemon_threads_at_the_end():
    output_of(
        """
        import threading, time
        from concurrent_collections import MemoryProfiler
        profiler = MemoryProfiler(detect_leaks=True, capture_stacks=True, track_per_thread=True)
        profiler.start()
        begun = threading.Barrier(5)
        def work():
            begun.wait()
            while True:
                {str(n): [n] for n in range(100)}
                time.sleep(0.0001)
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        begun.wait()
        profiler.snapshot()
        """
    )


def test_a_report_made_at_exit():
    assert (
        output_of(
            """
        import atexit
        from concurrent_collections import MemoryProfiler
        profiler = MemoryProfiler(detect_leaks=True)
        @atexit.register
        def report():
            profiler.stop()
            print(profiler.report().alloc_count > 0)
        profiler.start()
        kept = [str(n) for n in range(100)]
        """
        )
        == "True\n"
    )


# ---- fork -----------------------------------------------------------------------------------------------------------


def test_a_forked_child_reports_for_itself():
    assert (
        output_of(
            """
        import os, sys, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        from concurrent_collections import MemoryProfiler
        profiler = MemoryProfiler(detect_leaks=True, capture_stacks=True, track_per_thread=True)
        profiler.start()
        done = threading.Event()
        thread = threading.Thread(target=lambda: [str(n) for n in range(1000)] and done.wait(), name="parent-only")
        thread.start()
        before = bytes(111_000)
        for round in range(3):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    mine = bytes(222_000)
                    running = profiler.snapshot()
                    profiler.stop()
                    sizes = {leak.size for leak in profiler.report().leaked_allocations}
                    assert {sys.getsizeof(before), sys.getsizeof(mine)} <= sizes
                    assert profiler.report().environment["pid"] == os.getpid()
                    with MemoryProfiler(detect_leaks=True) as another:
                        worker = threading.Thread(target=lambda: [str(n) for n in range(1000)])
                        worker.start()
                        worker.join()
                    assert another.report().alloc_count > 1000
                    status = 0
                finally:
                    os._exit(status)
            assert os.waitpid(child, 0)[1] == 0
        done.set()
        thread.join()
        profiler.stop()
        sizes = {leak.size for leak in profiler.report().leaked_allocations}
        assert sys.getsizeof(before) in sizes and sys.getsizeof(bytes(222_000)) not in sizes
        print("done")
        """
        )
        == "done\n"
    )


def test_forks_in_a_storm_of_allocations():
    assert (
        output_of(
            """
        import os, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from concurrent_collections import MemoryProfiler
        profiler = MemoryProfiler(track_per_thread=True)
        profiler.start()
        done = threading.Event()
        def work():
            while not done.is_set():
                [bytes(n) for n in range(0, 2000, 13)]
        threads = [threading.Thread(target=work) for _ in range(3)]
        [thread.start() for thread in threads]
        for _ in range(3):
            child = os.fork()
            if child == 0:
                try:
                    report = profiler.snapshot()
                    assert report.alloc_count >= report.free_count
                    os._exit(0)
                finally:
                    os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
        done.set()
        [thread.join() for thread in threads]
        profiler.stop()
        print(profiler.report().current_allocated >= 0)
        """
        )
        == "True\n"
    )


# ---- subinterpreters ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("isolated", [False, True])
def test_a_subinterpreter_cannot_import_it(isolated):
    module = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"no {module}")
    assert (
        output_of(
            """
        import sys
        import {module} as interpreters
        import concurrent_collections
        arguments = {arguments}
        other = interpreters.create(*arguments)
        text = (
            "try:\\n    import concurrent_collections\\nexcept ImportError as error:\\n"
            "    assert 'subinterpreter' in str(error), error\\nelse:\\n    raise AssertionError('it was imported')"
        )
        error = interpreters.run_string(other, text)
        assert error is None, error
        interpreters.destroy(other)
        with concurrent_collections.MemoryProfiler(detect_leaks=True) as profiler:
            kept = bytes(54321)
        print(profiler.report().leaked_allocations[0].size == sys.getsizeof(kept))
        """.format(
                module=module,
                arguments=(("isolated",) if isolated else ("legacy",)) if sys.version_info >= (3, 13) else (),
            )
        )
        == "True\n"
    )
