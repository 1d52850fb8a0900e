"""Exact profiles against the arithmetic of the workload itself."""

from __future__ import annotations

import queue
import sys
import threading
from collections import Counter

import pytest
from interpreter import FREE_THREADED_BUILD
from threads import Threads

from concurrent_collections import MemoryProfiler, config

THREADS = 8
BLOCKS = 1500


def sizes_of(thread: int) -> list[int]:
    """Sizes from 1 byte to 64 KiB, the same in each run."""
    state, sizes = thread + 1, []
    for _ in range(BLOCKS):
        state = (state * 1103515245 + 12345) % 2**31
        sizes.append(1 + (state >> 8) % (1 << 1 + (state >> 4) % 16))
    return sizes


def receiver_of(thread: int, index: int) -> int:
    """A third of the blocks stays with its thread, the others go to the next two."""
    return (thread + index % 3) % THREADS


def exchange_blocks(runtime) -> None:
    """THREADS threads allocate BLOCKS blocks each and free what receiver_of() gives them, at the same time."""
    inboxes = [queue.SimpleQueue() for _ in range(THREADS)]

    def work(thread: int) -> None:
        ends = 0

        def take(block) -> None:
            nonlocal ends
            if block is None:
                ends += 1
            else:
                runtime.cc_free(*block)

        for index, size in enumerate(sizes_of(thread)):
            pointer = runtime.cc_alloc(size)
            assert pointer
            inboxes[receiver_of(thread, index)].put((pointer, size))
            if index % 2 and not inboxes[thread].empty():
                take(inboxes[thread].get())
        for inbox in inboxes:
            inbox.put(None)
        while ends < THREADS:
            take(inboxes[thread].get())

    with Threads({f"worker-{thread}": lambda thread=thread: work(thread) for thread in range(THREADS)}):
        pass


TOTAL_BYTES = sum(sum(sizes_of(thread)) for thread in range(THREADS))
CROSSED = sum(receiver_of(thread, index) != thread for thread in range(THREADS) for index in range(BLOCKS))


def test_threads_that_free_each_others_blocks_are_counted_exactly(runtime):
    with MemoryProfiler(domains=("runtime",), track_per_thread=True, detect_leaks=True) as profiler:
        exchange_blocks(runtime)
    report = profiler.report()
    count = THREADS * BLOCKS
    assert (report.alloc_count, report.free_count) == (count, count)
    assert (report.alloc_bytes, report.free_bytes) == (TOTAL_BYTES, TOTAL_BYTES)
    assert report.current_allocated == 0
    assert report.cross_thread_free_count == CROSSED
    assert report.cross_thread_free_pct == pytest.approx(100 * CROSSED / count)
    assert (report.leaked_bytes, report.leaked_count, report.leaked_allocations) == (0, 0, [])
    assert (report.interpreter_held_count, report.interpreter_held_bytes) == (0, 0)
    assert (report.untracked_free_count, report.failed_alloc_count, report.dropped_records) == (0, 0, 0)
    assert report.size_histogram.total_count == count and report.size_histogram.total_bytes == TOTAL_BYTES
    assert 0 < report.peak_allocated <= TOTAL_BYTES
    assert {report.accuracy[name] for name in ("alloc_count", "free_bytes", "cross_thread_free_count")} == {"exact"}


def test_each_thread_and_each_flow_is_exact(runtime):
    with MemoryProfiler(domains=("runtime",), track_per_thread=True) as profiler:
        exchange_blocks(runtime)
    report = profiler.report()
    flows = Counter()
    for thread in range(THREADS):
        for index, size in enumerate(sizes_of(thread)):
            flows[thread, receiver_of(thread, index), "count"] += 1
            flows[thread, receiver_of(thread, index), "bytes"] += size
    workers = {stats.thread_name: stats for stats in report.thread_stats if stats.alloc_count}
    assert workers.keys() == {f"worker-{thread}" for thread in range(THREADS)}
    for thread in range(THREADS):
        stats = workers[f"worker-{thread}"]
        assert stats.alloc_count == BLOCKS and stats.alloc_bytes == sum(sizes_of(thread))
        assert stats.free_count == sum(flows[other, thread, "count"] for other in range(THREADS))
        assert stats.free_bytes == sum(flows[other, thread, "bytes"] for other in range(THREADS))
        assert stats.cross_thread_frees_sent == BLOCKS - flows[thread, thread, "count"]
        assert stats.cross_thread_frees_received == stats.free_count - flows[thread, thread, "count"]
    expected = {
        (f"worker-{a}", f"worker-{b}", flows[a, b, "count"], flows[a, b, "bytes"])
        for a, b, unit in flows
        if a != b and unit == "count"
    }
    reported = [(f.alloc_thread_name, f.free_thread_name, f.count, f.bytes) for f in report.cross_thread_flows]
    assert len(reported) == len(expected) and set(reported) == expected


def test_the_histogram_is_exact(runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        exchange_blocks(runtime)
    buckets = profiler.report().size_histogram.buckets
    sizes = Counter(size for thread in range(THREADS) for size in sizes_of(thread))
    end = 0
    for name, count in buckets.items():
        low, _, high = name.partition("-")
        low, high = int(low), int(high or low)
        assert end < low <= high, "ascending ranges that do not overlap"
        assert count == sum(number for size, number in sizes.items() if low <= size <= high), name
        end = high
    assert sum(buckets.values()) == THREADS * BLOCKS


def test_figures_are_never_negative_while_threads_run(runtime):
    profiler = MemoryProfiler(domains=("runtime",), track_per_thread=True)
    done = threading.Event()
    seen = []

    def watch() -> None:
        last = 0
        while not done.is_set() or not seen:
            report = profiler.snapshot()
            seen.append(report)
            assert report.alloc_count >= report.free_count >= 0
            assert report.alloc_bytes >= report.free_bytes >= 0
            assert report.current_allocated == report.alloc_bytes - report.free_bytes
            assert report.alloc_count >= last, "a counter never falls"
            assert all(domain.current_allocated >= 0 for domain in report.domains.values())
            stats = config.alloc_stats()
            assert stats.current_allocated >= 0 and stats.current_block_bytes >= 0
            assert stats.alloc_count >= stats.free_count
            last = report.alloc_count

    config.enable_alloc_statistics = True
    config.reset_alloc_stats()
    try:
        with profiler, Threads({"watcher": watch}):
            try:
                for _ in range(2):
                    exchange_blocks(runtime)
            finally:
                done.set()
    finally:
        config.enable_alloc_statistics = False
    assert seen
    report = profiler.report()
    assert (report.alloc_count, report.free_bytes) == (2 * THREADS * BLOCKS, 2 * TOTAL_BYTES)


def test_config_counts_the_same(runtime):
    config.enable_alloc_statistics = True
    config.reset_alloc_stats()
    try:
        exchange_blocks(runtime)
        stats = config.alloc_stats()
    finally:
        config.enable_alloc_statistics = False
    count = THREADS * BLOCKS
    assert (stats.alloc_count, stats.free_count) == (count, count)
    assert (stats.alloc_bytes, stats.free_bytes, stats.current_allocated) == (TOTAL_BYTES, TOTAL_BYTES, 0)
    assert stats.alloc_block_bytes == stats.free_block_bytes >= TOTAL_BYTES
    assert (stats.current_block_bytes, stats.failed_count, stats.unsized_free_count) == (0, 0, 0)


def test_every_function_of_the_runtime_counts_what_was_asked_for(runtime):
    with MemoryProfiler(domains=("runtime",), detect_leaks=True) as profiler:
        first = runtime.cc_alloc(100)
        zeroed = runtime.cc_calloc(10, 30)
        aligned = runtime.cc_alloc_aligned(700, 256)
        node = runtime.cc_alloc_node(24)
        grown = runtime.cc_realloc(first, 100, 5000)
        middle = profiler.snapshot()
        runtime.cc_free(zeroed, 300)
        runtime.cc_free(aligned, 700)
        runtime.cc_free_unsized(node)
    report = profiler.report()
    assert (middle.alloc_count, middle.free_count) == (5, 1)
    assert (middle.alloc_bytes, middle.free_bytes) == (100 + 300 + 700 + 24 + 5000, 100)
    assert (report.alloc_count, report.free_count, report.current_allocated) == (5, 4, 5000)
    assert report.leaked_bytes + report.interpreter_held_bytes == 5000
    runtime.cc_free(grown, 5000)


def test_requests_that_cannot_be_served_count_as_failures(runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        for _ in range(3):
            assert not runtime.cc_alloc(2**62)
        kept = runtime.cc_alloc(100)
        assert not runtime.cc_realloc(kept, 100, 2**62)
        runtime.cc_free(kept, 100)
    report = profiler.report()
    assert (report.alloc_count, report.alloc_bytes, report.free_bytes) == (1, 100, 100)
    assert report.failed_alloc_count == 4


def bin_count(report, size: int, domain: str = "object") -> int:
    for name, count in report.size_histograms[domain].buckets.items():
        low, _, high = name.partition("-")
        if int(low) <= size <= int(high or low):
            return count
    return 0


def test_python_objects_handed_across_threads_return_to_the_start():
    size = 150_000
    header = sys.getsizeof(b"")
    boxes = [queue.SimpleQueue() for _ in range(THREADS)]
    rounds = 40

    def work(thread: int) -> None:
        for _ in range(rounds):
            boxes[(thread + 1) % THREADS].put(bytes(size))
            boxes[thread].get()

    def run() -> None:
        with Threads({f"hand-{thread}": lambda thread=thread: work(thread) for thread in range(THREADS)}):
            pass

    run()
    with MemoryProfiler(track_per_thread=True) as profiler:
        before = profiler.snapshot()
        run()
        after = profiler.snapshot()
    assert bin_count(after, size + header) - bin_count(before, size + header) == THREADS * rounds
    assert after.alloc_bytes - before.alloc_bytes >= THREADS * rounds * size
    assert abs(after.current_allocated - before.current_allocated) < size, "every large block is gone"
    if FREE_THREADED_BUILD:
        return  # there the thread that made an object may be the one that frees it, whoever dropped it
    by_thread = Counter()
    for flow in after.cross_thread_flows:
        if (flow.alloc_thread_name or "").startswith("hand-") and (flow.free_thread_name or "").startswith("hand-"):
            by_thread[flow.alloc_thread_name, flow.free_thread_name] += flow.bytes
    for thread in range(THREADS):
        taken = by_thread[f"hand-{thread}", f"hand-{(thread + 1) % THREADS}"]
        assert rounds * (size + header) <= taken < (rounds + 1) * (size + header)


def test_the_peak_is_exact_within_its_stated_error(runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        for _ in range(3):
            blocks = [runtime.cc_alloc(100_000) for _ in range(50)]
            for block in blocks:
                runtime.cc_free(block, 100_000)
        runtime.cc_free(runtime.cc_alloc(10), 10)
    report = profiler.report()
    assert 5_000_000 - report.peak_error_bytes <= report.peak_allocated <= 5_000_000 + report.peak_error_bytes
    assert report.peak_error_bytes < 5_000_000
    assert report.accuracy["peak_allocated"] == ("exact" if report.peak_error_bytes == 0 else "estimate")
    assert 0 <= report.peak_time <= report.duration_seconds


def test_a_block_from_before_the_start_is_an_untracked_free(runtime):
    old = runtime.cc_alloc(1234)
    with MemoryProfiler(domains=("runtime",)) as profiler:
        runtime.cc_free(old, 1234)
    report = profiler.report()
    assert (report.alloc_count, report.free_count, report.current_allocated) == (0, 0, 0)
    assert report.untracked_free_count == 1


def test_a_block_of_an_earlier_profile_is_an_untracked_free(runtime):
    with MemoryProfiler(domains=("runtime",)):
        old = runtime.cc_alloc(1234)
    with MemoryProfiler(domains=("runtime",)) as profiler:
        runtime.cc_free(old, 1234)
    report = profiler.report()
    assert (report.free_count, report.free_bytes, report.untracked_free_count) == (0, 0, 1)


def test_a_block_freed_while_idle_is_not_alive_in_the_next_profile(runtime):
    with MemoryProfiler(domains=("runtime",)):
        old = runtime.cc_alloc(777)
    runtime.cc_free(old, 777)
    with MemoryProfiler(domains=("runtime",), detect_leaks=True) as profiler:
        pass
    assert profiler.report().leaked_count == 0
    assert profiler.report().interpreter_held_count == 0


def test_domains_chooses_what_is_seen(runtime):
    with MemoryProfiler(domains=("runtime",)) as only_runtime, MemoryProfiler(domains=("object",)) as only_object:
        runtime.cc_free(runtime.cc_alloc(50_000), 50_000)
        keep = bytes(300_000)
    assert list(only_runtime.report().domains) == ["runtime"]
    assert only_runtime.report().alloc_bytes == 50_000
    assert list(only_object.report().domains) == ["object"]
    assert bin_count(only_object.report(), sys.getsizeof(keep)) == 1


def test_the_sums_are_those_of_the_domains(runtime):
    with MemoryProfiler() as profiler:
        runtime.cc_free(runtime.cc_alloc(50_000), 50_000)
        keep = [str(number) for number in range(1000)]
    report = profiler.report()
    assert list(report.domains) == ["runtime", "raw", "mem", "object", "sqlite"]
    for name in ("alloc_count", "free_count", "alloc_bytes", "free_bytes"):
        assert getattr(report, name) == sum(getattr(domain, name) for domain in report.domains.values()), name
    assert report.current_allocated == report.alloc_bytes - report.free_bytes
    assert report.size_histogram.total_count == report.alloc_count
    assert report.alloc_count >= len(keep)


def test_zero_work_is_reported_as_nothing(runtime):
    with MemoryProfiler(domains=("runtime",), detect_leaks=True, track_per_thread=True) as profiler:
        pass
    report = profiler.report()
    assert (report.alloc_count, report.alloc_bytes, report.free_count, report.peak_allocated) == (0, 0, 0, 0)
    assert report.size_histogram.buckets == {} and report.cross_thread_free_pct == 0.0
    assert report.alloc_latency_p50 is None and report.accuracy["alloc_latency_p50"] == "unknown"
