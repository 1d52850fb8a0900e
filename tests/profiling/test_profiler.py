"""MemoryProfiler's arguments, states and exports."""

from __future__ import annotations

import csv
import gc
import json
import math
import os
import sys
import threading
from dataclasses import fields
from datetime import datetime, timezone
from pathlib import Path

import pytest
from profiler_tools import Threads, output_of
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from concurrent_collections import MemoryProfiler, MemoryProfilerReport, SizeHistogram

FLAGS = ["track_sizes", "track_latency", "track_per_thread", "track_cross_thread", "detect_leaks", "capture_stacks"]

# ---- arguments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", [1, 0, None, "yes", [], 1.0])
def test_a_flag_must_be_a_bool(name, value):
    with pytest.raises(TypeError, match=f"^{name} must be True or False, not "):
        MemoryProfiler(**{name: value})


WRONG_TYPES = {
    "sample_rate": ["1", None, True, [1], 1j],
    "latency_buckets": ["10", None, 10.0, True],
    "sample_interval": ["512", 512.0, False],
    "stack_depth": ["8", None, 8.0, True],
    "leak_limit": ["8", None, 8.5, True],
    "domains": [None, 3, "object", "raw"],
}
WRONG_VALUES = {
    "sample_rate": [0, -0.5, 1.0001, 2, math.nan, math.inf, -math.inf],
    "latency_buckets": [0, 9, 5001, -1, 10**30],
    "sample_interval": [0, -1, (1 << 40) + 1, 10**30],
    "stack_depth": [0, -1, 129, 10**30],
    "leak_limit": [-1, 10_000_001, 10**30],
    "domains": [(), ["heap"], ["object", "heap"], [1], {"": 1}],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG_TYPES for value in WRONG_TYPES[name]])
def test_a_wrong_type_is_a_type_error_that_names_the_argument(name, value):
    with pytest.raises(TypeError, match=f"^{name} must be "):
        MemoryProfiler(**{name: value})


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG_VALUES for value in WRONG_VALUES[name]])
def test_a_wrong_value_is_a_value_error_that_names_the_argument(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be "):
        MemoryProfiler(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sample_rate", 1), ("sample_rate", 1e-9), ("latency_buckets", 10), ("latency_buckets", 5000),
        ("sample_interval", 1), ("sample_interval", 1 << 40), ("stack_depth", 1), ("stack_depth", 128),
        ("leak_limit", 0), ("leak_limit", 10_000_000), ("domains", {"raw"}), ("domains", iter(["mem", "mem"])),
        ("domains", ["runtime", "raw", "mem", "object", "sqlite"]),
    ],
)  # fmt: skip
def test_the_limits_themselves_are_accepted(name, value):
    with MemoryProfiler(**{name: value}, **({"detect_leaks": True} if name in ("stack_depth", "leak_limit") else {})) as p:
        keep = [str(n) for n in range(100)]
    assert len(keep) == 100 and p.report().duration_seconds > 0


def test_arguments_are_keywords_and_known():
    with pytest.raises(TypeError):
        MemoryProfiler(True)
    with pytest.raises(TypeError, match="track_everything"):
        MemoryProfiler(track_everything=True)


def test_domains_that_cannot_be_hashed_are_an_error_that_names_them():
    with pytest.raises((TypeError, ValueError), match="^domains must be "):
        MemoryProfiler(domains=[["raw"]])


# ---- states ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["report", "reset", "stop", "snapshot"])
def test_before_the_start(method):
    with pytest.raises(RuntimeError, match=rf"{method}\(\) was called on a MemoryProfiler that was never started"):
        getattr(MemoryProfiler(), method)()


@pytest.mark.parametrize("export", ["to_json", "to_csv", "to_html"])
def test_exports_before_the_start_write_nothing(export, tmp_path):
    path = tmp_path / "file"
    with pytest.raises(RuntimeError, match="never started"):
        getattr(MemoryProfiler(), export)(path)
    with pytest.raises(RuntimeError, match="never started"):
        MemoryProfiler().to_prometheus()
    assert not path.exists()


def test_starting_twice_is_an_error_and_it_goes_on(runtime):
    profiler = MemoryProfiler(domains=("runtime",))
    profiler.start()
    runtime.cc_free(runtime.cc_alloc(10), 10)
    with pytest.raises(RuntimeError, match=r"start\(\) was called on a MemoryProfiler that is running"):
        profiler.start()
    runtime.cc_free(runtime.cc_alloc(10), 10)
    profiler.stop()
    assert profiler.report().alloc_count == 2


@pytest.mark.parametrize("method", ["stop", "snapshot"])
def test_after_the_stop(method, runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        runtime.cc_free(runtime.cc_alloc(10), 10)
    with pytest.raises(RuntimeError, match=rf"{method}\(\) was called on a MemoryProfiler that is stopped"):
        getattr(profiler, method)()
    assert profiler.report().alloc_count == 1, "the report stays"


def test_stopping_inside_with_is_fine(runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        profiler.stop()
        runtime.cc_free(runtime.cc_alloc(10), 10)
    assert profiler.report().alloc_count == 0


def test_start_after_stop_begins_at_zero(runtime):
    profiler = MemoryProfiler(domains=("runtime",))
    for number in range(1, 4):
        with profiler:
            for _ in range(number):
                runtime.cc_free(runtime.cc_alloc(10), 10)
        assert profiler.report().alloc_count == number


def test_report_while_running_is_a_snapshot(runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        for number in range(1, 4):
            runtime.cc_free(runtime.cc_alloc(10), 10)
            report = profiler.report()
            assert report.alloc_count == profiler.snapshot().alloc_count == number
    final = profiler.report()
    assert final is profiler.report(), "made once"
    assert report.duration_seconds < final.duration_seconds


def test_a_snapshot_does_not_change_later(runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        early = profiler.snapshot()
        runtime.cc_free(runtime.cc_alloc(10), 10)
    assert (early.alloc_count, profiler.report().alloc_count) == (0, 1)


def test_reset_while_running_begins_at_zero(runtime):
    with MemoryProfiler(domains=("runtime",), detect_leaks=True) as profiler:
        old = runtime.cc_alloc(1000)
        profiler.reset()
        new = runtime.cc_alloc(10)
        assert profiler.report().alloc_count == 1
        runtime.cc_free(old, 1000)
        runtime.cc_free(new, 10)
    report = profiler.report()
    assert (report.alloc_count, report.free_count, report.current_allocated) == (1, 1, 0)
    assert report.untracked_free_count == 1, "of the block from before the reset"
    assert report.leaked_count == 0


def test_reset_when_stopped_forgets_the_report(runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        runtime.cc_free(runtime.cc_alloc(10), 10)
    profiler.reset()
    for method in ("report", "reset"):
        with pytest.raises(RuntimeError, match="never started"):
            getattr(profiler, method)()
    with profiler:
        pass
    assert profiler.report().alloc_count == 0


def test_an_exception_inside_with_passes_and_stops(runtime):
    profiler = MemoryProfiler(domains=("runtime",))
    with pytest.raises(ZeroDivisionError):
        with profiler:
            runtime.cc_free(runtime.cc_alloc(10), 10)
            1 / 0  # noqa: B018
    assert profiler.report().alloc_count == 1
    with pytest.raises(RuntimeError, match="is stopped"):
        profiler.stop()


def test_repr_tells_the_state():
    profiler = MemoryProfiler()
    assert repr(profiler) == "<MemoryProfiler not started>"
    with profiler:
        assert repr(profiler) == "<MemoryProfiler running>"
    assert repr(profiler) == "<MemoryProfiler stopped>"


# ---- several at once ------------------------------------------------------------------------------------------------


def test_nested_profilers_each_see_their_own_time(runtime):
    def allocate():
        runtime.cc_free(runtime.cc_alloc(10), 10)

    with MemoryProfiler(domains=("runtime",)) as outer:
        allocate()
        with MemoryProfiler(domains=("runtime",)) as inner:
            allocate()
            with MemoryProfiler(domains=("runtime",)) as innermost:
                allocate()
            allocate()
        allocate()
    assert [profiler.report().alloc_count for profiler in (outer, inner, innermost)] == [5, 3, 1]


def test_profilers_that_overlap(runtime):
    first, second = MemoryProfiler(domains=("runtime",)), MemoryProfiler(domains=("runtime",))
    first.start()
    kept = runtime.cc_alloc(100)
    second.start()
    runtime.cc_free(runtime.cc_alloc(10), 10)
    first.stop()
    runtime.cc_free(kept, 100)
    runtime.cc_free(runtime.cc_alloc(10), 10)
    second.stop()
    one, two = first.report(), second.report()
    assert (one.alloc_count, one.free_count, one.current_allocated) == (2, 1, 100)
    assert (two.alloc_count, two.free_count, two.current_allocated) == (2, 2, 0)
    assert two.untracked_free_count == 1


def test_profilers_of_several_threads_at_once(runtime):
    counts = {}

    def work(number):
        for _ in range(15):
            with MemoryProfiler(domains=("runtime",), track_per_thread=True) as profiler:
                for _ in range(20):
                    runtime.cc_free(runtime.cc_alloc(number * 1000), number * 1000)
            own = [t for t in profiler.report().thread_stats if t.native_id == threading.get_native_id()]
            counts.setdefault(number, set()).add((own[0].alloc_count, own[0].free_bytes))

    with Threads({f"several-{number}": lambda number=number: work(number) for number in range(1, 7)}):
        pass
    assert counts == {number: {(20, 20 * 1000 * number)} for number in range(1, 7)}


def test_an_exact_and_a_sampled_profiler_at_once(runtime):
    with MemoryProfiler(domains=("runtime",), sample_rate=0.5) as sampled:
        with MemoryProfiler(domains=("runtime",)) as exact:
            for _ in range(100):
                runtime.cc_free(runtime.cc_alloc(100), 100)
    assert (exact.report().alloc_count, exact.report().free_bytes) == (100, 10_000)
    assert exact.report().sampling.mode == "exact"
    assert sampled.report().sampling.rate == 0.5


def test_start_and_stop_storm_while_threads_allocate(runtime):
    """Most of all on a free-threaded interpreter: hooks come and go under threads that allocate."""
    done = threading.Event()

    def allocate():
        while not done.is_set():
            keep = [bytes(size) for size in (10, 600, 70_000)]
            mapping = {str(number): [number] for number in range(50)}
            runtime.cc_free(runtime.cc_alloc(100), 100)
            del keep, mapping

    def storm(**options):
        try:
            for _ in range(8):
                profiler = MemoryProfiler(**options)
                profiler.start()
                report = profiler.snapshot()
                assert report.alloc_count >= report.free_count >= 0
                profiler.reset()
                profiler.stop()
                report = profiler.report()
                assert report.current_allocated == max(0, report.alloc_bytes - report.free_bytes)
                assert report.notes == []
        finally:
            done.set()

    jobs = {f"allocate-{number}": allocate for number in range(3)}
    jobs["storm-1"] = lambda: storm(detect_leaks=True, capture_stacks=True)
    jobs["storm-2"] = lambda: storm(sample_rate=0.1)
    jobs["storm-3"] = lambda: storm(track_per_thread=True)
    with Threads(jobs):
        pass


def test_start_in_one_thread_and_stop_in_another(runtime):
    profiler = MemoryProfiler(domains=("runtime",))
    with Threads({"starter": profiler.start}):
        pass
    runtime.cc_free(runtime.cc_alloc(10), 10)
    with Threads({"stopper": profiler.stop}):
        pass
    assert profiler.report().alloc_count == 1


def test_a_profiler_may_be_started_by_a_finalizer():
    class Last:
        def __del__(self):
            with MemoryProfiler() as profiler:
                seen.append(bytes(100))
            seen.append(profiler.report())

    seen = []
    with MemoryProfiler(detect_leaks=True) as outer:
        last = Last()
        last.self = last
        del last
    assert isinstance(seen[1], MemoryProfilerReport) and outer.report().alloc_count > 0
    gc.collect()


# ---- the report -----------------------------------------------------------------------------------------------------


def a_report(**options) -> MemoryProfilerReport:
    with MemoryProfiler(**options) as profiler:
        keep = [str(number) * 3 for number in range(5000)]
        del keep[::2]
    return profiler.report()


def test_every_field_is_marked():
    for options in [{}, {"detect_leaks": True, "capture_stacks": True}, {"sample_rate": 0.5}, {"track_latency": False}]:
        report = a_report(**options)
        assert report.accuracy.keys() == {field.name for field in fields(report)}
        for name, accuracy in report.accuracy.items():
            assert accuracy in ("exact", "estimate", "unknown")
            if getattr(report, name) is None:
                assert accuracy == "unknown", name


def test_what_is_not_tracked_is_unknown_and_not_zero():
    report = a_report(track_sizes=False, track_latency=False, track_cross_thread=False)
    for name in ("size_histogram", "alloc_latency_p50", "free_latency_p999", "latency", "cross_thread_free_count",
                 "cross_thread_free_pct", "leaked_bytes", "leaked_allocations"):  # fmt: skip
        assert getattr(report, name) is None and report.accuracy[name] == "unknown", name
    assert (report.thread_stats, report.cross_thread_flows, report.size_histograms) == ([], [], {})


def test_percentiles_ascend_and_are_not_below_what_the_clock_can_see():
    with MemoryProfiler() as profiler:
        for _ in range(50):
            keep = [bytes(n) for n in range(400)]
    report = profiler.report()
    assert keep and report.latency.floor_ns > 0
    for kind in ("alloc", "free"):
        values = [getattr(report, f"{kind}_latency_{name}") for name in ("p50", "p95", "p99", "p999")]
        assert values == sorted(values) and values[0] >= report.latency.floor_ns
        distribution = getattr(report.latency, kind)
        assert sum(count for _, _, count in distribution) == getattr(report.latency, f"{kind}_samples") > 0
        assert all(low < high for low, high, _ in distribution)
    assert 0 < report.latency.timed_fraction <= 1
    assert report.latency.overhead_ns >= 0 and report.latency.clock


def test_more_latency_buckets_are_finer():
    coarse, fine = a_report(latency_buckets=10).latency, a_report(latency_buckets=1000).latency
    assert fine.relative_error < 0.018 < coarse.relative_error
    for latency, buckets in [(coarse, 10), (fine, 1000)]:
        for low, high, _ in latency.alloc:
            assert high / low == pytest.approx(10 ** (11 / buckets))


def test_times_and_rates():
    before = datetime.now(timezone.utc)
    report = a_report()
    after = datetime.now(timezone.utc)
    slack = 0.02  # seconds, of the kernel's coarse clock
    assert before.timestamp() - slack <= report.start_time.timestamp() <= report.end_time.timestamp() <= after.timestamp() + slack
    assert report.start_time.tzinfo is timezone.utc
    assert report.alloc_rate == pytest.approx(report.alloc_count / report.duration_seconds)
    assert report.free_rate == pytest.approx(report.free_count / report.duration_seconds)
    assert report.bytes_rate == pytest.approx(report.alloc_bytes / report.duration_seconds)
    assert [point.time for point in report.timeline] == sorted({point.time for point in report.timeline})
    assert report.timeline[-1].alloc_count == report.alloc_count
    assert report.environment["pid"] == os.getpid()


def test_hot_sizes():
    histogram = SizeHistogram({"1-8": 5, "9-16": 9, "17-24": 1}, 15, 200)
    assert histogram.hot_sizes(2) == [("9-16", 9), ("1-8", 5)]
    assert len(histogram.hot_sizes()) == 3
    for wrong in (0, -1, 1.5, "2", None, True):
        with pytest.raises(ValueError, match="top_n must be a positive int"):
            histogram.hot_sizes(wrong)


def test_the_usage_of_the_first_specification(tmp_path, monkeypatch, capsys):
    """The lines that introduced the profiler, as they were printed (but for the map that they filled)."""
    monkeypatch.chdir(tmp_path)
    # Basic profiling
    with MemoryProfiler() as prof:
        m = {}
        for i in range(100000):
            m[f"key_{i}"] = f"value_{i}"

    report = prof.report()
    print(f"Peak memory: {report.peak_allocated / 1024**2:.1f} MB")
    print(f"Alloc latency P99: {report.alloc_latency_p99:.0f} ns")
    print(f"Cross-thread frees: {report.cross_thread_free_pct:.1f}%")

    # Size distribution analysis
    print("\nHot allocation sizes:")
    for size_range, count in report.size_histogram.hot_sizes(5):
        print(f"  {size_range}: {count:,} allocations")

    # Leak detection
    with MemoryProfiler(detect_leaks=True, capture_stacks=True) as prof:
        leaky = [bytes(1000)]  # ... workload that might leak ...

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
        with Threads({"one": lambda: bytes(100), "two": lambda: bytes(100)}):
            pass

    report = prof.report()
    for ts in report.thread_stats:
        print(f"Thread {ts.thread_id}: {ts.alloc_count} allocs, "
              f"{ts.cross_thread_frees_sent} cross-thread frees sent")  # fmt: skip

    # Export to HTML dashboard
    prof.to_html("memory_report.html")

    text = capsys.readouterr().out
    megabytes = float(text.split("Peak memory: ")[1].split(" MB")[0])
    assert sum(map(sys.getsizeof, [*m, *m.values(), m])) / 2**20 <= megabytes < 40
    assert f"  {sys.getsizeof(leaky[0])} bytes at " in text and f"{__file__}:" in text
    assert text.count("Thread ") >= 3 and "Hot allocation sizes:\n  " in text
    assert Path("memory_report.html").stat().st_size > 10_000


# ---- exports --------------------------------------------------------------------------------------------------------

HOSTILE = "<script>alert(1)</script>\"'\\\n{}=,#\u202e\U0001f4a9\x07"


@pytest.fixture(scope="module")
def hostile_profiler() -> MemoryProfiler:
    """Threads, files and functions whose names try to break out of every format."""
    kept = []

    def work():
        namespace = {"kept": kept}
        text = "def f():\n    kept.append(bytes(50_000))\nf()"
        exec(compile(text, f"/tmp/{HOSTILE}.py", "exec"), namespace)

    with MemoryProfiler(detect_leaks=True, capture_stacks=True, track_per_thread=True) as profiler:
        with Threads({HOSTILE: work, HOSTILE + "\ud800\0": work}):
            pass
    assert len(kept) == 2
    return profiler


def test_hostile_names_reach_the_report(hostile_profiler):
    report = hostile_profiler.report()
    assert any(HOSTILE[:20] in (stats.thread_name or "") for stats in report.thread_stats)
    assert report.leaked_allocations[0].stack_trace[0] == f"/tmp/{HOSTILE}.py:2 in f"


def test_hostile_names_in_json(hostile_profiler, tmp_path):
    hostile_profiler.to_json(tmp_path / "r.json")
    data = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert f"/tmp/{HOSTILE}.py" in repr_of(data)


def repr_of(data) -> str:
    """All strings of a JSON value."""
    if isinstance(data, dict):
        return "\0".join(map(repr_of, [*data, *data.values()]))
    if isinstance(data, list):
        return "\0".join(map(repr_of, data))
    return str(data)


def test_hostile_names_in_csv(hostile_profiler, tmp_path):
    hostile_profiler.to_csv(tmp_path / "r.csv")
    with open(tmp_path / "r.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert len(rows) > 10 and len({len(row) for row in rows}) == 1, "a table"


def test_hostile_names_in_html(hostile_profiler, tmp_path):
    hostile_profiler.to_html(tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in text and "alert(1)" in text


@pytest.mark.parametrize("openmetrics", [False, True])
def test_hostile_names_in_prometheus(hostile_profiler, openmetrics):
    parse = parse_openmetrics if openmetrics else parse_classic
    families = list(parse(hostile_profiler.to_prometheus(openmetrics=openmetrics)))
    assert any(family.name.startswith("cc_memory_alloc") for family in families)


@pytest.mark.parametrize("export", ["to_json", "to_csv", "to_html"])
def test_a_path_that_cannot_be_written(export, tmp_path):
    with MemoryProfiler() as profiler:
        pass
    (tmp_path / "file").write_text("")
    for path in [tmp_path, tmp_path / "missing" / "r", tmp_path / "file" / "r", str(tmp_path / "missing" / "r")]:
        with pytest.raises(OSError):
            getattr(profiler, export)(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file"], "nothing half-written is left behind"
    for wrong in (None, 3.5, ["x"]):
        with pytest.raises(TypeError):
            getattr(profiler, export)(wrong)


@pytest.mark.parametrize("export", ["to_json", "to_csv", "to_html"])
def test_exports_while_running(export, tmp_path):
    with MemoryProfiler() as profiler:
        getattr(profiler, export)(tmp_path / "running")
        assert (tmp_path / "running").stat().st_size > 0
        assert profiler.to_prometheus()


def test_the_package_docstring_is_true():
    assert output_of(
        "import doctest, concurrent_collections as c; r = doctest.testmod(c); print(r.attempted > 0, r.failed)"
    ) == "True 0\n"
