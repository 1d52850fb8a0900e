"""SMRProfiler and the domains as Python sees them, on real domains that tests/support/smr_driver.c works with."""

from __future__ import annotations

import csv
import ctypes
import math
import os
import threading
import time

import pytest
import smr_tools
from interpreter import output_of
from smr_tools import build_driver, held_section, in_thread
from threads import Threads

from concurrent_collections import SMRProfiler, SMRProfilerReport, _core, config
from concurrent_collections.exporters import SMRCollector, read_json, smr_recommend
from concurrent_collections.profiling import reclamation as smr, reclamation_watch

SCHEMES = ["ibr", "debra", "epoch", "none"]
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    return build_driver(tmp_path_factory.mktemp("driver"))


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert smr.domains() == [] and smr._running == [] and reclamation_watch._switched_on == set()


def only(report_or_list):
    (domain,) = getattr(report_or_list, "domains", report_or_list)
    return domain


# ---- arguments and states -------------------------------------------------------------------------------------------

WRONG = [
    (TypeError, "interval", ["1", True, [1], 1j]),
    (ValueError, "interval", [0, -1, 0.0009, 3601, math.nan, math.inf]),
    (TypeError, "track_delays", [1, None, "yes"]),
    (TypeError, "delay_buckets", ["10", None, 10.0, True]),
    (ValueError, "delay_buckets", [9, 5001, -1]),
]


@pytest.mark.parametrize(
    ("error", "name", "value"), [(error, name, value) for error, name, values in WRONG for value in values]
)
def test_a_wrong_argument_is_named(error, name, value):
    with pytest.raises(error, match=f"^{name} must be "):
        SMRProfiler(**{name: value})


def test_calls_that_do_not_fit_the_state_are_errors():
    profiler = SMRProfiler(interval=None)
    assert repr(profiler) == "<SMRProfiler not started>"
    for method in (profiler.stop, profiler.snapshot, profiler.report, profiler.reset, profiler.to_prometheus):
        with pytest.raises(RuntimeError, match="never started"):
            method()
    profiler.start()
    assert repr(profiler) == "<SMRProfiler running>"
    with pytest.raises(RuntimeError, match="is running"):
        profiler.start()
    profiler.stop()
    assert repr(profiler) == "<SMRProfiler stopped>"
    with pytest.raises(RuntimeError, match="is stopped"):
        profiler.snapshot()
    assert profiler.report() is profiler.report()
    profiler.reset()
    with pytest.raises(RuntimeError, match="never started"):
        profiler.report()


def test_nothing_to_see_is_a_report_of_zeros():
    with SMRProfiler(interval=None) as profiler:
        pass
    report = profiler.report()
    assert (report.retired_nodes, report.pending_bytes, report.domains, report.delay_p50) == (0, 0, [], None)
    assert report.peak_time is None and report.duration_seconds > 0 and report.start_time <= report.end_time


# ---- domains --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_living_domain_is_listed_with_its_figures(driver, scheme):
    with driver.domain("nodes", scheme) as domain:
        assert driver.retire(domain, 10_000, 40) == 0
        if scheme != "none":
            assert driver.drain(domain, 60 * SECOND) == 0
        found = only(smr.domains())
        assert (found.name, found.scheme, found.alive) == ("nodes", scheme, True)
        assert (found.retired_nodes, found.retired_bytes) == (10_000, 400_000)
        kept = 10_000 if scheme == "none" else 0
        assert (found.pending_nodes, found.pending_bytes) == (kept, kept * 40)
        assert found.reclaimed_nodes == 10_000 - kept and found.peak_pending_nodes <= 10_000
        (thread,) = found.threads
        assert (thread.thread_name, thread.native_id) == ("MainThread", threading.get_native_id())
        assert (thread.inside, thread.stalled, thread.retired_nodes, thread.pending_nodes) == (
            False,
            False,
            10_000,
            kept,
        )
    assert smr.domains() == []


def test_a_domain_without_a_name_has_one(driver):
    with driver.domain(""):
        found = only(smr.domains())
        assert found.name == f"domain {found.domain_id}"


def test_the_default_scheme_is_what_config_says(driver):
    try:
        for scheme in SCHEMES:
            config.smr = scheme
            with driver.domain():
                assert only(smr.domains()).scheme == scheme
    finally:
        config.smr = "ibr"


def test_options_apply_to_later_domains(driver):
    try:
        config.smr_plain_fence = 1
        with driver.domain():
            assert only(smr.domains()).asymmetric is False
    finally:
        config.smr_plain_fence = 0


# ---- the profiler ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["ibr", "debra", "epoch"])
def test_a_profile_counts_from_its_start(driver, scheme):
    with driver.domain("a", scheme) as domain:
        driver.retire(domain, 5000, 100)
        driver.drain(domain, 60 * SECOND)
        with SMRProfiler(interval=None) as profiler:
            in_thread(lambda: driver.retire(domain, 20_000, 24))
            driver.retire(domain, 1, 24)
            assert driver.drain(domain, 60 * SECOND) == 0
        report = profiler.report()
        assert (report.retired_nodes, report.retired_bytes) == (20_001, 20_001 * 24)
        assert (report.reclaimed_nodes, report.reclaimed_bytes, report.pending_nodes) == (20_001, 20_001 * 24, 0)
        assert only(report).retired_nodes == 20_001 and report.scans > 0
        assert 0 < report.peak_pending_nodes <= 20_001
        assert report.delay.samples <= 20_001 and report.delay_p50 <= report.delay_p99 <= report.delay_p999


def test_a_build_up_behind_a_stalled_thread_is_seen(driver, tmp_path):
    """Plain epochs, a thread that sleeps inside a section, and another that goes on retiring."""
    with driver.domain("sessions", "epoch") as domain, SMRProfiler(interval=0.01) as profiler:
        with held_section(driver, domain):
            in_thread(lambda: driver.retire(domain, 200_000, 48), "busy")
            seen = profiler.snapshot()
            profiler.to_html(tmp_path / "report.html")
        driver.drain(domain, 60 * SECOND)
        after = profiler.snapshot()
    assert seen.pending_nodes >= 190_000 and seen.pending_bytes == seen.pending_nodes * 48
    assert seen.epoch_lag >= 200_000 // config.smr_epoch_frequency - 1 and seen.stalled_threads == 1
    stalled = [thread.thread_name for thread in only(seen).threads if thread.stalled]
    assert stalled == ["sleeper"]
    (advice,) = [item for item in smr_recommend(seen) if item.rule == "stall"]
    assert advice.title == "sleeper stays inside a section of sessions"
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "sleeper stalled inside a section" in page
    assert after.pending_nodes == 0 and after.peak_pending_bytes >= seen.pending_bytes
    assert max(point.pending_nodes for point in after.timeline) >= seen.pending_nodes
    assert after.reclaimed_nodes == after.retired_nodes == 200_000


def test_ibr_stays_bounded_behind_a_stalled_thread(driver):
    with driver.domain("sessions", "ibr") as domain, SMRProfiler(interval=None) as profiler:
        with held_section(driver, domain):
            in_thread(lambda: driver.retire(domain, 200_000, 48), "busy")
            seen = profiler.snapshot()
    assert seen.stalled_threads == 1 and seen.epoch_lag > 8
    assert (
        seen.pending_nodes <= config.smr_epoch_frequency + 2 * config.smr_batch_nodes and seen.retired_nodes == 200_000
    )


def test_neutralized_threads_are_seen(driver):
    """DEBRA+: a thread that searches for ever is interrupted, and what another retires is freed."""
    stop = ctypes.c_int(0)
    with driver.domain("index", "debra") as domain, SMRProfiler(interval=None) as profiler:
        searching = threading.Thread(target=driver.search, args=(domain, ctypes.byref(stop)), name="searcher")
        searching.start()
        try:
            deadline = time.monotonic() + 60
            while not (profiler.snapshot().neutralizations or time.monotonic() > deadline):
                driver.retire(domain, 50_000, 48)
            seen = profiler.snapshot()
        finally:
            stop.value = 1
            searching.join()
    assert seen.neutralizations >= 1 and seen.signals >= 1
    rows = {thread.thread_name: thread.neutralizations for thread in only(seen).threads}
    assert rows["searcher"] == seen.neutralizations and rows["MainThread"] == 0


def test_delays_are_at_least_as_long_as_the_section_that_held_the_nodes(driver):
    with driver.domain("a", "epoch") as domain, SMRProfiler(interval=None) as profiler:
        with held_section(driver, domain):
            driver.retire(domain, 20_000, 48)
            time.sleep(0.05)
        driver.drain(domain, 60 * SECOND)
    report = profiler.report()
    assert 0 < report.delay.samples <= 20_000
    assert report.delay_p50 >= 49e6 and report.delay_p999 < 60e9
    assert report.delay.sum_ns >= 49e6 * report.delay.samples * 0.9
    assert sum(count for _, _, count in report.delay.buckets) == report.delay.samples
    assert only(report).delay == report.delay


def recorded():
    return [_core.smr_stats(number)["delay_recorded"] for number in _core.smr_domains()]


def test_delays_are_recorded_while_a_profile_wants_them_and_not_longer(driver):
    with driver.domain(), driver.domain():
        assert recorded() == [0, 0]
        with SMRProfiler(interval=None, track_delays=False) as plain:
            assert recorded() == [0, 0]
            with SMRProfiler(interval=None):
                with SMRProfiler(interval=None):
                    assert recorded() == [1, 1]
                assert recorded() == [1, 1]
            assert recorded() == [0, 0]
        assert plain.report().delay is None and plain.report().delay_p50 is None


def test_delays_that_somebody_else_records_go_on(driver):
    with driver.domain():
        (number,) = _core.smr_domains()
        assert _core.record_smr_delays(number, True)
        with SMRProfiler(interval=None):
            pass
        assert recorded() == [1]
        _core.record_smr_delays(number, False)


def test_a_domain_made_and_destroyed_meanwhile_is_kept_in_the_sums(driver):
    with SMRProfiler(interval=None) as profiler:
        for size in (10, 20):
            with driver.domain("short", "epoch") as domain:
                driver.retire(domain, 1000, size)
                profiler.snapshot()
        with driver.domain("living") as domain:
            driver.retire(domain, 7, 8)
            report = profiler.snapshot()
    rows = {domain.name: domain for domain in report.domains}
    assert rows["short"].alive is False and rows["living"].alive is True
    assert (rows["short"].retired_nodes, rows["short"].retired_bytes) == (2000, 30_000), "those of one name are one"
    assert (rows["short"].reclaimed_nodes, rows["short"].pending_nodes) == (2000, 0), "destroying frees"
    assert report.retired_nodes == 2007


def test_destroyed_domains_have_a_bounded_number_of_rows(driver):
    with SMRProfiler(interval=None) as profiler:
        for index in range(reclamation_watch.MAX_DESTROYED + 20):
            with driver.domain(f"number {index}") as domain:
                driver.retire(domain, 3, 8)
                profiler.snapshot()
        report = profiler.snapshot()
    assert len(report.domains) == reclamation_watch.MAX_DESTROYED + 1
    assert report.domains[-1].name == "(other destroyed domains)" and report.domains[-1].retired_nodes == 60
    assert report.retired_nodes == 3 * (reclamation_watch.MAX_DESTROYED + 20)


def test_profiles_may_overlap_and_be_reset(driver):
    with driver.domain("a", "none") as domain, SMRProfiler(interval=None) as outer:
        driver.retire(domain, 100, 8)
        with SMRProfiler(interval=None) as inner:
            driver.retire(domain, 50, 8)
        assert (inner.report().retired_nodes, inner.report().pending_nodes) == (50, 150)
        assert inner.report().peak_pending_nodes == 150
        assert outer.snapshot().retired_nodes == 150
        outer.reset()
        driver.retire(domain, 5, 8)
        assert outer.snapshot().retired_nodes == 5


def test_the_timeline_has_a_fixed_number_of_points_and_loses_nothing(driver):
    with driver.domain("a", "none") as domain:
        watch = reclamation_watch.Watch(0)
        for step in range(5000):
            if step % 10 == 0:
                driver.retire(domain, 1, 8)
            watch.sample()
        report = watch.report([])
    points = report.timeline
    assert reclamation_watch.MAX_POINTS // 2 <= len(points) <= reclamation_watch.MAX_POINTS
    times = [point.time for point in points]
    assert times == sorted(times) and points[0].retired_nodes == 0
    assert points[-1].retired_nodes == points[-1].pending_nodes == report.retired_nodes == 500
    assert points[-1].peak_pending_bytes == report.peak_pending_bytes == 4000
    rates = sum(point.retire_rate * (point.time - before) for before, point in zip(times, points[1:]))
    assert rates == pytest.approx(500)
    later = sum(point.retired_nodes > 250 for point in points) / len(points)
    assert 0.3 < later < 0.7, "each point stands for as many samples"


def test_a_short_build_up_stays_in_the_timeline(driver):
    with driver.domain("a", "epoch") as domain:
        watch = reclamation_watch.Watch(0)
        for step in range(3000):
            if step == 100:
                driver.retire(domain, 1000, 8)
            if step == 101:
                driver.drain(domain, 60 * SECOND)
            watch.sample()
        report = watch.report([])
    points = report.timeline
    assert max(point.peak_pending_bytes for point in points) == report.peak_pending_bytes == 8000
    assert sum(point.pending_bytes for point in points) == 0, "it was over when the next point was taken"
    assert 0 < report.peak_time < points[-1].time / 2


def test_a_peak_before_the_profile_is_not_its_peak(driver):
    with driver.domain("a", "epoch") as domain:
        with held_section(driver, domain):
            driver.retire(domain, 50_000, 8)
        driver.drain(domain, 60 * SECOND)
        with SMRProfiler(interval=None) as profiler:
            driver.retire(domain, 100, 8)
            driver.drain(domain, 60 * SECOND)
    assert profiler.report().peak_pending_nodes <= 100
    assert only(profiler.report()).peak_pending_bytes <= 800


def test_delays_before_the_profile_are_not_its_delays(driver):
    with driver.domain("a", "ibr") as domain, SMRProfiler(interval=None) as outer:
        driver.retire(domain, 50_000, 8)
        driver.drain(domain, 60 * SECOND)
        with SMRProfiler(interval=None) as inner:
            driver.retire(domain, 1000, 8)
            driver.drain(domain, 60 * SECOND)
    assert 0 < inner.report().delay.samples <= 1000 < outer.report().delay.samples
    assert 0 < inner.report().delay.sum_ns < outer.report().delay.sum_ns


def test_samples_are_taken_while_running_and_not_after(driver):
    with driver.domain():
        profiler = SMRProfiler(interval=0.001)
        profiler.start()
        deadline = time.monotonic() + 60
        while len(profiler.snapshot().timeline) < 50 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "SMRProfiler" in {thread.name for thread in threading.enumerate()}
        profiler.stop()
        assert "SMRProfiler" not in {thread.name for thread in threading.enumerate()}
        assert len(profiler.report().timeline) >= 50


def test_profiling_while_threads_come_and_go(driver):
    def work():
        for _ in range(20):
            in_thread(lambda: driver.retire(domain, 2000, 16), "short-lived")

    def look():
        for _ in range(200):
            report = profiler.snapshot()
            assert report.retired_nodes - report.reclaimed_nodes <= report.pending_nodes + 4 * 4096
            assert all(thread.pending_nodes >= 0 for row in report.domains for thread in row.threads)

    with driver.domain("busy") as domain, SMRProfiler(interval=0.001) as profiler:
        with Threads({"one": work, "two": work, "look": look}):
            pass
        driver.retire(domain, 1, 16)
        driver.drain(domain, 60 * SECOND)
        report = profiler.snapshot()
    assert report.retired_nodes == 2 * 20 * 2000 + 1 and report.pending_nodes == 0


# ---- exports --------------------------------------------------------------------------------------------------------


@pytest.fixture
def profiler(driver):
    with driver.domain("exported", "epoch") as domain, SMRProfiler(interval=0.001) as profiler:
        with held_section(driver, domain):
            driver.retire(domain, 10_000, 48)
            yield profiler


def test_files_hold_the_report(profiler, tmp_path):
    profiler.stop()
    for name in ("json", "csv", "html"):
        getattr(profiler, f"to_{name}")(tmp_path / f"report.{name}")
    report = profiler.report()
    assert read_json(tmp_path / "report.json", SMRProfilerReport) == report
    with open(tmp_path / "report.csv", encoding="utf-8", newline="") as stream:
        rows = [
            row for row in csv.DictReader(stream) if (row["section"], row["metric"]) == ("summary", "pending_nodes")
        ]
    assert [row["value"] for row in rows] == ["10000"] and report.pending_nodes == 10_000
    assert "Reclamation report" in (tmp_path / "report.html").read_text(encoding="utf-8")
    with pytest.raises(OSError, match="report"):
        profiler.to_json(tmp_path / "no such folder" / "report")


def test_metrics_of_a_running_profiler(profiler):
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry(auto_describe=True)
    registry.register(SMRCollector(profiler, domain_labels=True))
    assert registry.get_sample_value("cc_smr_pending_nodes") == 10_000
    assert registry.get_sample_value("cc_smr_domain_pending_bytes", {"domain": "exported"}) == 480_000
    assert registry.get_sample_value("cc_smr_profiler_up") == 1
    assert "cc_smr_retired_nodes_total 10000.0" in profiler.to_prometheus()
    assert profiler.to_prometheus(openmetrics=True).endswith("# EOF\n")
    profiler.stop()
    assert registry.get_sample_value("cc_smr_profiler_up") == 0


# ---- the process ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_reports_on(driver):
    text = output_of(
        """
        import os, signal, sys, threading
        sys.path.insert(0, sys.argv[1])
        from pathlib import Path
        from smr_tools import Driver
        from concurrent_collections import SMRProfiler
        from concurrent_collections.profiling import reclamation as smr
        driver = Driver(Path(sys.argv[2]))
        domain = driver.create(b"forked", b"ibr")
        profiler = SMRProfiler(interval=0.001)
        profiler.start()
        driver.retire(domain, 100, 8)
        read, write = os.pipe()
        import warnings; warnings.simplefilter("ignore")
        held, forked = threading.Event(), threading.Event()
        def hold():
            with smr._lock:
                held.set()
                forked.wait()
        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)
            driver.retire(domain, 10, 8)
            profiler.stop()
            report = profiler.report()
            os.write(write, f"{report.retired_nodes} {len(report.notes)}".encode())
            os._exit(0)
        forked.set()
        os.waitpid(pid, 0)
        profiler.stop()
        print(os.read(read, 100).decode(), profiler.report().retired_nodes, profiler.report().notes)
        """,
        os.path.dirname(smr_tools.__file__), driver.path,
    )  # fmt: skip
    assert text == "110 1 100 []\n"


def test_a_profiler_that_runs_at_exit_is_no_harm(driver):
    code = """
        from concurrent_collections import SMRProfiler
        profiler = SMRProfiler(interval=0.001)
        profiler.start()
    """
    assert output_of(code) == ""
