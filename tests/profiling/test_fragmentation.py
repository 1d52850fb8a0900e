"""Fragmentation: CPython's own account of its heap, read right, and what is said where there is none."""

from __future__ import annotations

import sys

import pytest
from interpreter import FREE_THREADED_BUILD, output_of

from concurrent_collections import MemoryProfiler, _core, config
from concurrent_collections.profiling import fragmentation as _fragmentation

TEXT = """\
Small block threshold = 512, in 32 size classes.

class   size   num pools   blocks in use  avail blocks
-----   ----   ---------   -------------  ------------
    0     16           1              92           929
    1     32           3            1343           187
   31    512           2              59             0

# arenas allocated total           =                    5
2 arenas * 1048576 bytes/arena     =            2,097,152

# bytes in allocated blocks        =            3,950,176
{pools}
# bytes lost to pool headers       =               12,672
Total                              =            5,242,880
"""


def test_the_text_is_read_right():
    heap = _fragmentation._python_heap(TEXT.format(pools="51 unused pools * 16384 bytes      =              835,584"))
    assert heap == {
        "committed": 2_097_152,
        "used": 92 * 16 + 1343 * 32 + 59 * 512,
        "free": 929 * 16 + 187 * 32 + 51 * 16384,
        "free_count": 929 + 187 + 51,
        "largest": 16384,
    }


def test_without_unused_pools_the_largest_free_block_is_of_a_class():
    heap = _fragmentation._python_heap(TEXT.format(pools="0 unused pools * 16384 bytes       =                    0"))
    assert heap["largest"] == 32 and heap["free_count"] == 929 + 187


@pytest.mark.parametrize("text", ["", "Small block threshold = 16384, in 73 size classes.\n    Bytes Reserved: 0\n"])
def test_a_text_that_tells_nothing(text):
    assert _fragmentation._python_heap(text) is None


@pytest.mark.skipif(FREE_THREADED_BUILD, reason="a free-threaded interpreter tells nothing of its heaps")
def test_the_running_interpreters_text_is_understood():
    def heap():
        return _fragmentation._python_heap(_core.object_heap_text())

    before = heap()
    keep = [b"%d" % n * 60 for n in range(10_000)]  # of several size classes up to 512 bytes
    used = sum(-(-sys.getsizeof(block) // 16) * 16 for block in keep if sys.getsizeof(block) <= 512)
    after = heap()
    assert after["used"] - before["used"] >= used > 1_000_000
    for state in (before, after):
        assert 0.9 < (state["used"] + state["free"]) / state["committed"] <= 1
        assert 16 <= state["largest"] and state["free_count"] > 0


def a_report(**options):
    with MemoryProfiler(**options) as profiler:
        keep = [str(n) * 3 for n in range(20_000)]
        running = profiler.snapshot()
    assert keep
    return running, profiler.report()


@pytest.mark.skipif(FREE_THREADED_BUILD, reason="a free-threaded interpreter tells nothing of its heaps")
def test_figures_of_a_stock_interpreter():
    for report in a_report():
        figures = report.fragmentation
        assert 0 < figures.internal_fragmentation < 0.5
        assert 0 <= figures.external_fragmentation < 1 and 0 < figures.utilization <= 1
        assert figures.largest_free_block > 0 and figures.free_block_count > 0
        assert figures.committed_bytes > report.current_allocated / 2
        assert "_debugmallocstats" in figures.sources["free_blocks"]
        assert report.accuracy["fragmentation"] == "estimate"


@pytest.mark.skipif(FREE_THREADED_BUILD, reason="a free-threaded interpreter tells nothing of its heaps")
def test_the_hooks_are_still_there_after_the_look():
    with MemoryProfiler(detect_leaks=True) as profiler:
        profiler.snapshot()
        keep = bytes(54321)
    assert profiler.report().leaked_allocations[0].size == sys.getsizeof(keep) and profiler.report().notes == []


@pytest.mark.skipif(not FREE_THREADED_BUILD, reason="for a free-threaded interpreter")
def test_a_free_threaded_interpreter_says_that_it_is_unknown():
    for report in a_report():
        figures = report.fragmentation
        assert figures.external_fragmentation is None and figures.largest_free_block is None
        assert figures.committed_bytes is None and figures.free_block_count is None
        assert figures.sources["external_fragmentation"].startswith("unknown: a free-threaded interpreter")
        assert 0 <= figures.internal_fragmentation < 0.5


@pytest.mark.skipif(FREE_THREADED_BUILD, reason="free-threaded CPython has one allocator")
def test_without_pythons_own_allocator_it_is_unknown():
    assert (
        output_of(
            """
        from concurrent_collections import MemoryProfiler
        with MemoryProfiler() as profiler:
            keep = [str(n) for n in range(1000)]
        figures = profiler.report().fragmentation
        print(figures.external_fragmentation, figures.sources["external_fragmentation"])
        """,
            environment={"PYTHONMALLOC": "malloc"},
        )
        == "None unknown: no heap that can be read is profiled\n"
    )


def test_the_runtimes_heap_counts_when_its_statistics_are_complete(runtime):
    config.enable_alloc_statistics = True
    try:
        with MemoryProfiler(domains=("runtime",)) as profiler:
            blocks = [runtime.cc_alloc(100) for _ in range(5000)]
        for block in blocks:
            runtime.cc_free(block, 100)
    finally:
        config.enable_alloc_statistics = False
        config.reset_alloc_stats()
    figures = profiler.report().fragmentation
    assert figures.sources["runtime"].startswith("estimate: mimalloc's committed bytes")
    assert figures.committed_bytes > 0 and 0 <= figures.external_fragmentation <= 1
    assert figures.internal_fragmentation == pytest.approx(1 - 100 / 112, abs=0.01)


def test_nothing_alive_has_no_internal_fragmentation(runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        pass
    assert profiler.report().fragmentation.internal_fragmentation is None
