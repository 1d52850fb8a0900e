"""The profiler where there is no memory."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
from interpreter import FREE_THREADED_BUILD, output_of, run_python

# ---- want of memory -------------------------------------------------------------------------------------------------

needs_testcapi = pytest.mark.skipif(
    importlib.util.find_spec("_testcapi") is None, reason="this interpreter has no _testcapi to fail allocations"
)

NO_MEMORY = """
import sys, _testcapi
from concurrent_collections import MemoryProfiler

def sweep(prepare, act, first=0, steps=400):
    '''Calls act(prepare()) with the n-th allocation and all after it failing, for each n, until it succeeds.'''
    for n in range(first, first + steps):
        argument = prepare()
        failed = False
        _testcapi.set_nomemory(n, 0)
        try:
            act(argument)
        except MemoryError:
            failed = True
        finally:
            _testcapi.remove_mem_hooks()
        yield n, argument, failed
        if not failed:
            return
    raise AssertionError("it never succeeded")
"""


@needs_testcapi
def test_the_program_runs_out_of_memory_while_profiled():
    """The profiled program gets its MemoryError, and the counters stay right."""
    assert (
        output_of(
            NO_MEMORY
            + """
def work(_):
    a = [bytes(1000), [1], {"k": bytes(2000)}]
    b = bytearray(a[0])
    b.extend(a[2]["k"])
    return str(len(b)) * 3

failures = 0
for options in ({}, {"detect_leaks": True, "capture_stacks": True}, {"sample_rate": 0.5}):
    def prepare():
        profiler = MemoryProfiler(**options)
        profiler.start()
        return profiler
    for n, profiler, failed in sweep(prepare, work):
        profiler.stop()
        report = profiler.report()
        failures += failed
        assert report.notes == [], report.notes
        assert report.current_allocated == report.alloc_bytes - report.free_bytes >= 0
        assert not options.get("detect_leaks") or report.leaked_bytes < 4096, (n, report.leaked_bytes)
with MemoryProfiler(detect_leaks=True) as profiler:
    kept = bytes(54321)
assert profiler.report().leaked_allocations[0].size == sys.getsizeof(kept)
print(failures > 10)
"""
        )
        == "True\n"
    )


@needs_testcapi
@pytest.mark.skipif(FREE_THREADED_BUILD, reason="there CPython itself dies of a list that finds no memory (PyList_New)")
def test_the_bindings_run_out_of_memory():
    """At each allocation of each function of the extension module: MemoryError, and the next call does it."""
    assert (
        output_of(
            NO_MEMORY
            + """
from concurrent_collections import _core
outer = MemoryProfiler(detect_leaks=True, capture_stacks=True)
outer.start()
kept = [bytes(54321), *map(str, range(50))]
failures = {}

def attempt(act, n):  # small, so that CPython needs no memory to get to the handler
    _testcapi.set_nomemory(n, 0)
    try:
        act()
    except MemoryError:
        _testcapi.remove_mem_hooks()
        return False
    _testcapi.remove_mem_hooks()
    return True

def check(name, act):
    for n in sorted({*range(40), *(int(1.3**k) for k in range(14, 40))}):
        if attempt(act, n):
            break
        failures[name] = failures.get(name, 0) + 1
    else:
        raise AssertionError(name)

inner = _core.Profile(15, 1.0, 0, True, True, 8)
check("read", lambda: inner.read(1000))
check("live", lambda: inner.live(100))
check("reset", inner.reset)
check("Profile", lambda: _core.Profile(15, 1.0, 0, True, True, 8).close())
check("object_heap_text", _core.object_heap_text)
check("alloc_stats", _core.alloc_stats)
check("heap_bytes", _core.heap_bytes)
check("mem_status", lambda: _core.mem_status(False))
check("smr_options", _core.smr_options)
check("check_hooks", lambda: _core.check_hooks(14))
inner.stop()
inner.close()
outer.stop()
report = outer.report()
assert report.leaked_allocations[0].size == sys.getsizeof(kept[0])
assert report.current_allocated == report.alloc_bytes - report.free_bytes >= 0 and report.notes == []
print({"Profile", "alloc_stats", "live", "read", "smr_options"} <= failures.keys())
"""
        )
        == "True\n"
    )


@pytest.mark.parametrize("function", ["read", "live", "stop", "close", "reset"])
def test_a_failing_step_leaves_the_profiler_usable(function):
    """stop(), snapshot() and reset() whose step fails may be called again."""
    assert (
        output_of(
            """
        import sys
        import concurrent_collections.profiling.profiler as module
        MemoryProfiler, Profile = module.MemoryProfiler, module._core.Profile
        function, fail = sys.argv[1], []

        class Failing:
            def __init__(self, **arguments):
                self.profile = Profile(**arguments)
            def __getattr__(self, name):
                if name == function and fail:
                    fail.pop()
                    raise MemoryError
                return getattr(self.profile, name)

        module._core.Profile = Failing
        method = {"reset": "reset", "read": "snapshot", "live": "snapshot"}.get(function, "stop")
        for method in {method, "stop"} if function != "reset" else {"reset"}:
            profiler = MemoryProfiler(detect_leaks=True)
            profiler.start()
            kept = bytes(54321)
            fail.append(True)
            try:
                getattr(profiler, method)()
            except MemoryError:
                pass
            else:
                raise AssertionError("it did not fail")
            assert fail == []
            if method == "reset":
                kept = bytes(54322)
            if repr(profiler) == "<MemoryProfiler running>":
                profiler.stop()
            assert profiler.report().leaked_allocations[0].size == sys.getsizeof(kept)
        assert module._running == []
        print("done")
        """,
            function,
        )
        == "done\n"
    )


def test_a_limit_of_data_that_python_can_live_with_is_enough():
    """What is only reserved for the recorder is no data: neither an import nor a profile uses the limit up."""
    program = """
from concurrent_collections import MemoryProfiler
with MemoryProfiler(detect_leaks=True) as profiler:
    kept = [bytes(1000) for _ in range(100)]
report = profiler.report()
print(report.dropped_records, report.leaked_bytes > 100_000)
"""
    # From the start: what an interpreter without a GIL has reserved by then would count against a later limit.
    limited = ["sh", "-c", 'ulimit -d 81920 && exec "$@"', "sh", sys.executable, "-P", "-c", program]
    result = subprocess.run(limited, capture_output=True, text=True, check=True).stdout
    assert result == "0 True\n"


def test_a_failing_allocator_of_the_system_gives_a_clear_error():
    """With an address space that is too small for the live table, start() says so and the program goes on."""
    result = run_python(
        """
        import resource, sys
        from concurrent_collections import MemoryProfiler
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (8 << 20), resource.RLIM_INFINITY))
        profiler = MemoryProfiler(detect_leaks=True, capture_stacks=True)
        outcomes = set()
        for _ in range(5):
            try:
                profiler.start()
            except MemoryError:
                outcomes.add("MemoryError")
                assert repr(profiler) == "<MemoryProfiler not started>"
            else:
                kept = [bytes(1000) for _ in range(100)]
                profiler.stop()
                outcomes.add("dropped" if profiler.report().dropped_records else "whole")
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        with profiler:
            kept = bytes(54321)
        assert profiler.report().leaked_allocations[0].size == sys.getsizeof(kept)
        print(sorted(outcomes))
        """
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    assert result.stdout.strip() in ("['MemoryError']", "['dropped']", "['whole']")
