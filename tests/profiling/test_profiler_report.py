"""What MemoryProfiler's report says, and its exports."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import fields
from datetime import datetime, timezone

import pytest
from interpreter import output_of
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_classic
from threads import Threads

from concurrent_collections import MemoryProfiler, MemoryProfilerReport, SizeHistogram

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
    assert (
        before.timestamp() - slack
        <= report.start_time.timestamp()
        <= report.end_time.timestamp()
        <= after.timestamp() + slack
    )
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
    assert (
        output_of(
            "import doctest, concurrent_collections as c; r = doctest.testmod(c); print(r.attempted > 0, r.failed)"
        )
        == "True 0\n"
    )
