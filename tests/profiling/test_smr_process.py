"""SMRProfiler's exports, and what becomes of it in forks and at the process's end."""

from __future__ import annotations

import csv
import os
import threading
from contextlib import contextmanager

import pytest
import smr_tools
from interpreter import output_of
from smr_tools import build_driver
from threads import Threads

from concurrent_collections import SMRProfiler, SMRProfilerReport
from concurrent_collections.exporters import SMRCollector, read_json
from concurrent_collections.profiling import reclamation as smr
from concurrent_collections.profiling import reclamation_watch


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    return build_driver(tmp_path_factory.mktemp("driver"))


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert smr.domains() == [] and smr._running == [] and reclamation_watch._switched_on == set()


@contextmanager
def held_section(driver, domain, name="sleeper"):
    """Another thread stays inside a section for the block."""
    entered, leave = threading.Event(), threading.Event()

    def stay():
        driver.enter(domain)
        entered.set()
        leave.wait(60)
        driver.exit(domain)

    with Threads({name: stay}):
        try:
            assert entered.wait(60)
            yield
        finally:
            leave.set()


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
        from concurrent_collections import SMRProfiler, smr
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
                forked.wait(0.3)  # at most: the fork itself may wait for a sample, which waits for this lock
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
