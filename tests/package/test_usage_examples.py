"""The examples that users meet first run as they are printed."""

from __future__ import annotations

import sys

from interpreter import run_python

PROFILING = """
from concurrent_collections import MemoryProfiler, SkipListMap

# Basic profiling
with MemoryProfiler() as prof:
    m = SkipListMap()
    for i in range(100000):
        m[f"key_{i}"] = f"value_{i}"

report = prof.report()
print(f"Peak memory: {report.peak_allocated / 1024**2:.1f} MB")
print(f"Alloc latency P99: {report.alloc_latency_p99:.0f} ns")
print(f"Cross-thread frees: {report.cross_thread_free_pct:.1f}%")

# Size distribution analysis
print("\\nHot allocation sizes:")
for size_range, count in report.size_histogram.hot_sizes(5):
    print(f"  {size_range}: {count:,} allocations")

# Leak detection
with MemoryProfiler(detect_leaks=True, capture_stacks=True) as prof:
    # ... workload that might leak ...
    pass

report = prof.report()
if report.leaked_bytes > 0:
    print(f"LEAK: {report.leaked_bytes} bytes in {len(report.leaked_allocations)} allocations")
    for leak in report.leaked_allocations[:5]:
        print(f"  {leak.size} bytes at {leak.timestamp}")
        if leak.stack_trace:
            for frame in leak.stack_trace[:3]:
                print(f"    {frame}")

# Per-thread analysis (free-threaded Python)
with MemoryProfiler(track_per_thread=True) as prof:
    # ... multi-threaded workload ...
    pass

report = prof.report()
for ts in report.thread_stats:
    print(f"Thread {ts.thread_id}: {ts.alloc_count} allocs, "
          f"{ts.cross_thread_frees_sent} cross-thread frees sent")

# Export to HTML dashboard
prof.to_html("memory_report.html")
"""

STATISTICS = """
from concurrent_collections import config

# Enable allocation statistics
config.enable_alloc_statistics = True

# Get allocation snapshot
stats = config.alloc_stats()
print(f"Allocated: {stats.alloc_count} blocks, {stats.alloc_bytes} bytes")
print(f"Freed: {stats.free_count} blocks, {stats.free_bytes} bytes")
print(f"Current: {stats.current_allocated} bytes")

# Reset statistics
config.reset_alloc_stats()
"""


def test_profiling_a_map(tmp_path):
    program = PROFILING.replace("# ... workload that might leak ...\n    pass", "leaky = [bytes(1000)]")
    program = program.replace(
        "# ... multi-threaded workload ...\n    pass",
        "for thread in [threading.Thread(target=bytes, args=(100,)) for _ in range(2)]:\n        thread.start(), "
        "thread.join()",
    )
    assert "leaky" in program and "Thread(" in program
    result = run_python(f"import os, threading; os.chdir({str(tmp_path)!r})\n" + program)
    assert result.returncode == 0, result.stderr
    peak = float(result.stdout.split("Peak memory: ")[1].split()[0])
    assert 10 < peak < 60, "keys, values and the map's nodes"
    assert f"  {sys.getsizeof(bytes(1000))} bytes at " in result.stdout and "    <string>:" in result.stdout
    assert result.stdout.count("Thread ") >= 3 and "Hot allocation sizes:\n  " in result.stdout
    assert (tmp_path / "memory_report.html").stat().st_size > 10_000


def test_allocation_statistics():
    result = run_python(STATISTICS)
    assert result.returncode == 0 and "Allocated: " in result.stdout, result.stderr


def test_a_maps_nodes_are_counted_and_given_back():
    result = run_python(
        """
        from concurrent_collections import SkipListMap, config
        config.enable_alloc_statistics = True
        m = SkipListMap((i, i) for i in range(100_000))
        used = config.alloc_stats().current_block_bytes
        assert 0.9 * m.memory_usage() < used < 1.5 * m.memory_usage() + 100_000, (used, m.memory_usage())
        m.clear()
        m.drain()
        left = config.alloc_stats().current_block_bytes
        assert left < used / 5, (used, left)
        """
    )
    assert result.returncode == 0, result.stderr
