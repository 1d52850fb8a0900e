"""From the recorder's raw figures to a report: what is computed, clamped, named and marked."""

from __future__ import annotations

from dataclasses import fields

import pytest

from concurrent_collections import MemoryProfilerReport, _core
from concurrent_collections.profiling import assembly as _assembly

BINS = len(_core.BIN_LIMITS)
OPTIONS = _assembly.Options(
    track_sizes=True, track_latency=True, track_per_thread=True, track_cross_thread=True, detect_leaks=True,
    capture_stacks=True, sample_rate=1.0, sample_interval=None, latency_buckets=110, domains=("runtime", "object"),
    stack_depth=8, leak_limit=10,
)  # fmt: skip


DOMAIN_SUMS = [
    "alloc_bytes", "free_bytes", "alloc_block_bytes", "free_block_bytes", "alloc_bytes_variance", "free_bytes_variance",
    "alloc_count_variance", "free_count_variance",
]  # fmt: skip


def point(seconds, current=0.0, peak=0.0, alloc_count=0.0, free_count=0.0, alloc_bytes=0.0):
    return {
        "seconds": seconds, "current": current, "peak": peak, "alloc_count": alloc_count, "free_count": free_count,
        "alloc_bytes": alloc_bytes,
    }  # fmt: skip


def raw_figures(**others):
    """What _core.Profile.read gives for 10 allocations of 100 bytes in the object domain, 4 of them freed."""
    bins, freed, nothing = [0.0] * BINS, [0.0] * BINS, [0.0] * BINS
    bins[13], freed[13] = 10.0, 4.0  # 97 to 104 bytes
    latency = [0.0] * 110
    latency[2] = 90.0  # 1.58 to 1.99 ns
    latency[20], latency[30] = 9.0, 1.0  # about 100 ns and 1 us
    return {
        "alloc_count": 10.0, "free_count": 4.0, "alloc_bytes": 1000.0, "free_bytes": 400.0, "current": 600.0,
        "peak": 800.0, "peak_seconds": 0.5, "peak_error": 0.0, "cross_thread_frees": 1.0, "samples": 0.0,
        "untracked_frees": 2.0, "failed": 0.0, "dropped_records": 0.0, "dropped_stacks": 0.0, "seconds": 2.0,
        "start_wall_ns": 1000 * 10**9, "end_wall_ns": 1002 * 10**9, "estimated": False,
        "domains": {
            **{name: dict.fromkeys(DOMAIN_SUMS, 0.0) | {"alloc_bins": nothing,
            "free_bins": nothing} for name in _core.DOMAINS},
            "object": {
                "alloc_bytes": 1000.0, "free_bytes": 400.0, "alloc_block_bytes": 1120.0, "free_block_bytes": 448.0,
                "alloc_bytes_variance": 25.0, "free_bytes_variance": 9.0, "alloc_count_variance": 4.0,
                "free_count_variance": 1.0,
                "alloc_bins": bins, "free_bins": freed,
            },
        },
        "threads": [
            {"id": 7, "native_id": 70, "name": "seven", "alive": True, "alloc_count": 10.0, "free_count": 3.0,
             "alloc_bytes": 1000.0, "free_bytes": 300.0, "sent": 1.0, "received": 0.0},
            {"id": 8, "native_id": 80, "name": "", "alive": False, "alloc_count": 0.0, "free_count": 1.0,
             "alloc_bytes": 0.0, "free_bytes": 100.0, "sent": 0.0, "received": 1.0},
        ],
        "flows": [{"alloc_thread": 7, "free_thread": 8, "count": 1.0, "bytes": 100.0}],
        "points": [point(0.0), point(1.0, 500.0, 500.0, 5.0, 0.0, 500.0), point(2.0, 600.0, 800.0, 10.0, 4.0, 1000.0)],
        "latency": {
            "alloc_counts": latency, "free_counts": latency, "alloc_timed": 100.0, "free_timed": 100.0,
            "alloc_sum_ns": 2000.0,
            "free_sum_ns": 2000.0, "name": "test clock", "overhead_ns": 5.0, "floor_ns": 20.0,
            "timed_fraction": 0.015625,
        },
        **others,
    }  # fmt: skip


def assemble(options=OPTIONS, live=None, notes=(), **others) -> MemoryProfilerReport:
    return _assembly.assemble(options, raw_figures(**others), live, {80: "eight"}, list(notes), False)


def test_figures_are_passed_on():
    report = assemble()
    assert (report.alloc_count, report.free_count, report.alloc_bytes, report.free_bytes) == (10, 4, 1000, 400)
    assert (report.current_allocated, report.peak_allocated, report.untracked_free_count) == (600, 800, 2)
    assert (report.alloc_rate, report.free_rate, report.bytes_rate) == (5.0, 2.0, 500.0)
    assert (report.cross_thread_free_count, report.cross_thread_free_pct) == (1, 25.0)
    assert list(report.domains) == ["runtime", "object"]
    assert report.domains["object"].current_block_bytes == 672
    assert report.size_histogram.buckets == {"97-104": 10}
    assert report.fragmentation.internal_fragmentation == pytest.approx(1 - 600 / 672)


def test_names_of_threads_come_from_either_side():
    report = assemble()
    assert [stats.thread_name for stats in report.thread_stats] == ["seven", "eight"]
    (flow,) = report.cross_thread_flows
    assert (flow.alloc_thread_name, flow.free_thread_name, flow.count, flow.bytes) == ("seven", "eight", 1, 100)


def test_percentiles_are_clamped_to_what_the_clock_can_see():
    report = assemble()
    assert report.alloc_latency_p50 == 20.0, "the median's bucket lies below the floor"
    assert report.alloc_latency_p95 == pytest.approx(10 ** (11 * 20.5 / 110))
    assert report.free_latency_p999 == pytest.approx(10 ** (11 * 30.5 / 110))
    assert report.latency.alloc[0][1] < 20, "the distribution stays as it was measured"


def test_without_timed_operations_percentiles_are_unknown():
    zeros = [0.0] * 110
    latency = raw_figures()["latency"] | {
        "alloc_counts": zeros,
        "free_counts": zeros,
        "alloc_timed": 0.0,
        "free_timed": 0.0,
    }
    report = assemble(latency=latency)
    assert report.alloc_latency_p50 is None and report.accuracy["alloc_latency_p50"] == "unknown"


def test_rates_of_the_timeline():
    first, second = assemble().timeline
    assert (first.time, first.alloc_rate, first.alloc_rate_average) == (1.0, 5.0, 5.0)
    assert (second.alloc_rate, second.alloc_rate_average, second.peak_allocated) == (5.0, 5.0, 800)
    points = [point(1.0), point(2.0, alloc_count=10.0)]
    assert assemble(points=points).timeline[1].alloc_rate_average == pytest.approx(10 * (1 - 2.718281828**-1))


ESTIMATES = {
    "fragmentation", "latency", "timeline", "peak_time", "resident_bytes", "peak_resident_bytes",
    *(f"{kind}_latency_{name}" for kind in ("alloc", "free") for name in ("p50", "p95", "p99", "p999")),
}  # fmt: skip
FACTS = {
    "duration_seconds", "start_time", "end_time", "sampling", "accuracy", "notes", "environment", "dropped_records",
    "dropped_stacks", "peak_error_bytes",
}  # fmt: skip
BY_STACK = {
    "leaked_allocations", "leaked_bytes", "leaked_count", "leaks_omitted", "interpreter_held_count",
    "interpreter_held_bytes", "live_sites",
}  # fmt: skip
LIVE = {
    "blocks": [{"address": 4096, "size": 100, "thread": 7, "wall_ns": 0, "site": 1}],
    "sites": [
        {"site": 1, "stack": (("f.py", 3, "g"), ("__init__", 0, "__init__"), ("m.py", 0, "h")), "held": False,
        "count": 6.0,
         "bytes": 600.0},
    ],
    "count": 6.0, "bytes": 600.0, "held_count": 2.0, "held_bytes": 50.0,
}  # fmt: skip


def marked(report, accuracy):
    return {name for name, mark in report.accuracy.items() if mark == accuracy}


def test_marks_of_an_exact_profile():
    report = assemble(live=LIVE)
    assert report.accuracy.keys() == {field.name for field in fields(report)}
    assert marked(report, "estimate") == ESTIMATES and marked(report, "unknown") == set()


def test_marks_of_a_sampled_profile():
    report = assemble(live=LIVE, estimated=True)
    assert marked(report, "exact") == FACTS
    assert marked(report, "unknown") == {"untracked_free_count"}
    assert report.sampling.standard_error == {
        "alloc_bytes": 5.0, "free_bytes": 3.0, "alloc_count": 2.0, "free_count": 1.0, "current_allocated": 4.0,
    }  # fmt: skip


@pytest.mark.parametrize("others", [{"notes": ["conflict: x"]}, {"dropped_records": 3.0}])
def test_marks_when_allocations_were_not_seen(others):
    report = assemble(live=LIVE, **others)
    assert marked(report, "exact") == FACTS and len(report.notes) >= 1


def test_marks_when_stacks_were_dropped():
    report = assemble(live=LIVE, dropped_stacks=3.0)
    assert marked(report, "estimate") == ESTIMATES | BY_STACK
    assert any("3 call stacks could not be kept" in note for note in report.notes)


def test_marks_when_the_peak_has_an_error():
    assert marked(assemble(live=LIVE, peak_error=64.0), "estimate") == ESTIMATES | {"peak_allocated"}


def test_live_blocks():
    report = assemble(live=LIVE)
    (leak,) = report.leaked_allocations
    assert (leak.ptr, leak.size, leak.thread_id, leak.timestamp) == (4096, 100, 7, None)
    assert leak.stack_trace == ["f.py:3 in g", "m.py in h"], "CPython's own frame around __init__ is left out"
    assert (report.leaked_count, report.leaked_bytes, report.leaks_omitted) == (6, 600, 5)
    assert (report.interpreter_held_count, report.interpreter_held_bytes) == (2, 50)
    assert any("5 more are in the sums only" in note for note in report.notes)


def test_a_profile_of_no_time_has_no_rates():
    report = assemble(seconds=0.0)
    assert (report.alloc_rate, report.free_rate, report.bytes_rate) == (0.0, 0.0, 0.0)
