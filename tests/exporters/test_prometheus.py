"""Prometheus: the texts pass the tools that read them, and a real server scrapes the live collector."""

from __future__ import annotations

import json
import math
import re
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import pytest
import sample_reports
from exporter_tools import missing, tool

from concurrent_collections.exporters.memory.metrics import LATENCY_BOUNDS_NS
from concurrent_collections.exporters.prometheus import MAX_LABELS, MemoryProfilerCollector, prometheus_text
from concurrent_collections.report import ThreadMemoryStats

try:
    import prometheus_client
    from prometheus_client import CollectorRegistry
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
    from prometheus_client.parser import text_string_to_metric_families as parse_classic
except ModuleNotFoundError:
    prometheus_client = None  # type: ignore[assignment]

REPORTS = ["full", "empty", "sampled", "hostile"]

SEED_FAMILIES = {
    "cc_memory_alloc_total": "counter",
    "cc_memory_free_total": "counter",
    "cc_memory_alloc_bytes_total": "counter",
    "cc_memory_free_bytes_total": "counter",
    "cc_memory_current_bytes": "gauge",
    "cc_memory_peak_bytes": "gauge",
    "cc_memory_alloc_latency": "histogram",
    "cc_memory_free_latency": "histogram",
    "cc_memory_cross_thread_free_total": "counter",
    "cc_memory_cross_thread_free_ratio": "gauge",
    "cc_memory_fragmentation_internal": "gauge",
    "cc_memory_fragmentation_external": "gauge",
}


@pytest.fixture(autouse=True)
def client():
    if prometheus_client is None:
        missing("prometheus_client")


def make(name):
    return getattr(sample_reports, f"{name}_report")()


def samples(text, parse=None):
    """Every sample of a text as ``{(name, labels): value}``."""
    found = {}
    for family in (parse or parse_openmetrics)(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} twice"
            found[key] = sample.value
    return found


class Profiler:
    """Stands in for the profiler: each snapshot is the next report, and the last one for ever."""

    def __init__(self, *reports):
        self.reports = list(reports)
        self.snapshots = 0

    def snapshot(self):
        self.snapshots += 1
        report = self.reports.pop(0) if len(self.reports) > 1 else self.reports[0]
        if isinstance(report, Exception):
            raise report
        return report


# The texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thread_labels", [False, True])
@pytest.mark.parametrize("name", REPORTS)
def test_promtool_has_nothing_to_say_about_the_classic_text(name, thread_labels):
    promtool = tool("promtool", package="prometheus")
    text = prometheus_text(make(name), thread_labels=thread_labels)
    done = subprocess.run([promtool, "check", "metrics"], input=text.encode("utf-8"), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("thread_labels", [False, True])
@pytest.mark.parametrize("name", REPORTS)
def test_openmetrics_text_parses_and_has_the_samples_of_the_classic_one(name, thread_labels):
    openmetrics = prometheus_text(make(name), openmetrics=True, thread_labels=thread_labels)
    assert openmetrics.endswith("# EOF\n")
    classic = prometheus_text(make(name), thread_labels=thread_labels)
    assert samples(openmetrics) == samples(classic, parse_classic)


def test_families_of_the_design_have_their_names_and_types():
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", prometheus_text(make("full")), re.MULTILINE))
    assert SEED_FAMILIES.items() <= types.items()
    assert types["cc_memory_alloc_duration_seconds"] == types["cc_memory_free_duration_seconds"] == "histogram"
    assert types["cc_memory_leaked_bytes"] == types["cc_memory_resident_bytes"] == types["cc_memory_threads"] == "gauge"
    assert types["cc_memory_dropped_records_total"] == "counter"


def test_every_family_has_help_before_its_type():
    text = prometheus_text(make("full"), thread_labels=True)
    helped = re.findall(r"^# HELP (\S+) \S.*\n# TYPE (\S+) ", text, re.MULTILINE)
    assert [first for first, _ in helped] == [second for _, second in helped]
    assert len(helped) == text.count("# TYPE ")


def test_values_are_those_of_the_report():
    report = make("full")
    found = samples(prometheus_text(report, openmetrics=True))
    assert found["cc_memory_alloc_total", ()] == report.alloc_count
    assert found["cc_memory_free_bytes_total", ()] == report.free_bytes
    assert found["cc_memory_current_bytes", ()] == report.current_allocated
    assert found["cc_memory_peak_bytes", ()] == report.peak_allocated
    assert found["cc_memory_leaked_bytes", ()] == report.leaked_bytes
    assert found["cc_memory_cross_thread_free_ratio", ()] == pytest.approx(report.cross_thread_free_pct / 100)
    assert found["cc_memory_threads", ()] == 7, "one of the eight has ended"
    assert (
        found["cc_memory_domain_current_bytes", (("domain", "object"),)] == report.domains["object"].current_allocated
    )
    assert found["cc_memory_profile_start_time_seconds", ()] == pytest.approx(report.start_time.timestamp())


def test_what_is_not_known_is_absent_and_not_zero():
    names = {name for name, _ in samples(prometheus_text(make("empty"), openmetrics=True))}
    for absent in (
        "leaked_bytes",
        "alloc_latency_count",
        "cross_thread_free_total",
        "fragmentation_internal",
        "threads",
        "resident_bytes",
    ):
        assert f"cc_memory_{absent}" not in names
    assert "cc_memory_alloc_total" in names


def test_sampling_is_told():
    report = make("sampled")
    found = samples(prometheus_text(report, openmetrics=True))
    assert found["cc_memory_sampling_ratio", ()] == 0.01
    assert found["cc_memory_dropped_records_total", ()] == 1200
    report.sampling.mode, report.sampling.interval = "bytes", 524288
    found = samples(prometheus_text(report, openmetrics=True))
    assert ("cc_memory_sampling_ratio", ()) not in found
    assert found["cc_memory_sampling_interval_bytes", ()] == 524288


# Histograms -----------------------------------------------------------------------------------------------------------


def histogram(text, family):
    found = samples(text)
    buckets = {dict(labels)["le"]: value for (name, labels), value in found.items() if name == f"{family}_bucket"}
    return buckets, found[f"{family}_count", ()], found[f"{family}_sum", ()]


@pytest.mark.parametrize("what", ["alloc", "free"])
def test_histograms_are_cumulative_and_end_at_infinity(what):
    report = make("full")
    text = prometheus_text(report, openmetrics=True)
    buckets, count, total = histogram(text, f"cc_memory_{what}_latency")
    assert [float(bound) for bound in buckets] == [*LATENCY_BOUNDS_NS, math.inf]
    values = list(buckets.values())
    assert values == sorted(values) and values[0] < values[-1]
    assert values[-1] == count == getattr(report.latency, f"{what}_samples")
    assert total == pytest.approx(getattr(report.latency, f"{what}_sum_ns"))
    seconds, seconds_count, seconds_total = histogram(text, f"cc_memory_{what}_duration_seconds")
    assert [float(bound) for bound in seconds] == pytest.approx(
        [*(bound / 1e9 for bound in LATENCY_BOUNDS_NS), math.inf]
    )
    assert (list(seconds.values()), seconds_count) == (values, count)
    assert seconds_total == pytest.approx(total / 1e9)


def test_histogram_counts_lie_where_the_distribution_has_them():
    report = make("full")
    buckets, count, _ = histogram(prometheus_text(report, openmetrics=True), "cc_memory_alloc_latency")
    for bound in (50, 100, 1000):
        surely = sum(number for _, upper, number in report.latency.alloc if upper <= bound)
        perhaps = sum(number for lower, _, number in report.latency.alloc if lower <= bound)
        assert surely <= buckets[f"{bound}.0"] <= perhaps
    assert buckets["20.0"] < count / 2 < buckets["50.0"], "the median is 41 ns"


def test_histogram_count_is_never_below_its_buckets():
    report = make("full")
    report.latency.alloc_samples += 5  # above the range of the buckets
    buckets, count, _ = histogram(prometheus_text(report, openmetrics=True), "cc_memory_alloc_latency")
    assert count == buckets["+Inf"] == buckets["1000000000.0" if "1000000000.0" in buckets else "1e+09"] + 5


# Labels ---------------------------------------------------------------------------------------------------------------


def thread(number, name, size=1000):
    return ThreadMemoryStats(number, name, number, number, size, size, 0, 0)


def labels_of(text, name="cc_memory_thread_alloc_bytes_total"):
    return {dict(labels)["thread"]: value for (sample, labels), value in samples(text).items() if sample == name}


def test_threads_have_no_label_by_default():
    for name in REPORTS:
        assert "thread=" not in prometheus_text(make(name))


def test_threads_of_one_name_are_one_series_and_the_number_of_series_is_bounded():
    report = make("full")
    report.thread_stats = [thread(index, f"worker-{index}", 10_000 - index) for index in range(100)]
    report.thread_stats += [thread(200, "pool", 30_000), thread(201, "pool", 30_000), thread(202, None, 20_000)]
    found = labels_of(prometheus_text(report, openmetrics=True, thread_labels=True))
    assert len(found) == MAX_LABELS + 1
    assert found["pool"] == 60_000 and found["(unnamed)"] == 20_000
    assert sum(found.values()) == sum(stats.alloc_bytes for stats in report.thread_stats)
    assert "(other threads)" in found


def test_hostile_names_are_one_printable_bounded_label_each():
    report = make("hostile")
    report.thread_stats = [thread(index, name) for index, name in enumerate(sample_reports.HOSTILE_NAMES)]
    text = prometheus_text(report, openmetrics=True, thread_labels=True)
    text.encode("utf-8")
    found = labels_of(text)
    assert len(found) == len(sample_reports.HOSTILE_NAMES)
    assert all(label.isprintable() and len(label) <= 120 for label in found)
    assert 'quote " and back\\slash and {brace} and =1+1' in found
    assert "line\\nfeed\\ttab\\rreturn\\x00nul\\x1b[31m" in found


def test_names_that_look_alike_are_added_up_and_not_repeated():
    report = make("full")
    report.thread_stats = [thread(1, "a\nb"), thread(2, "a\\nb")]
    assert labels_of(prometheus_text(report, openmetrics=True, thread_labels=True)) == {"a\\nb": 2000}


# The collector --------------------------------------------------------------------------------------------------------


def test_collector_takes_a_snapshot_at_each_scrape_and_none_at_registration():
    later = make("full")
    later.alloc_count += 1
    profiler = Profiler(make("full"), later)
    registry = CollectorRegistry(auto_describe=True)
    registry.register(MemoryProfilerCollector(profiler))
    assert profiler.snapshots == 0
    first = registry.get_sample_value("cc_memory_alloc_total")
    assert registry.get_sample_value("cc_memory_alloc_total") == first + 1
    assert profiler.snapshots == 2
    assert registry.get_sample_value("cc_memory_profiler_up") == 1


def test_collector_and_text_have_the_same_samples():
    registry = CollectorRegistry(auto_describe=False)
    registry.register(MemoryProfilerCollector(Profiler(make("full")), thread_labels=True))
    live = prometheus_client.openmetrics.exposition.generate_latest(registry).decode("utf-8")
    assert samples(live) == samples(prometheus_text(make("full"), openmetrics=True, thread_labels=True)) | {
        ("cc_memory_profiler_up", ()): 1
    }


def test_collector_describes_every_family_that_it_gives():
    collector = MemoryProfilerCollector(Profiler(make("full")), thread_labels=True)
    described = {family.name: family.type for family in collector.describe()}
    given = {family.name: family.type for family in collector.collect()}
    assert given.items() <= described.items()
    assert set(described) - set(given) == {"cc_memory_sampling_interval_bytes"}


def test_second_collector_in_one_registry_is_refused():
    registry = CollectorRegistry(auto_describe=True)
    registry.register(MemoryProfilerCollector(Profiler(make("full"))))
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(MemoryProfilerCollector(Profiler(make("full"))))


def test_profiler_that_was_not_started_leaves_the_other_metrics_alone():
    registry = CollectorRegistry(auto_describe=True)
    other = prometheus_client.Counter("requests", "Requests of the service.", registry=registry)
    other.inc()
    registry.register(MemoryProfilerCollector(Profiler(RuntimeError("not started"))))
    found = samples(prometheus_client.openmetrics.exposition.generate_latest(registry).decode("utf-8"))
    assert found["requests_total", ()] == 1
    assert {name: value for (name, _), value in found.items() if name.startswith("cc_")} == {"cc_memory_profiler_up": 0}


def test_other_errors_of_the_profiler_are_not_hidden():
    collector = MemoryProfilerCollector(Profiler(KeyError("defect")))
    with pytest.raises(KeyError, match="defect"):
        list(collector.collect())


def test_thread_that_has_a_label_keeps_it():
    first, second = make("full"), make("full")
    first.thread_stats = [thread(index, f"early-{index}") for index in range(MAX_LABELS)]
    second.thread_stats = [*first.thread_stats, *(thread(100 + index, f"late-{index}", 9999) for index in range(5))]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(MemoryProfilerCollector(Profiler(first, second), thread_labels=True))
    before, after = (
        labels_of(prometheus_client.openmetrics.exposition.generate_latest(registry).decode("utf-8")) for _ in range(2)
    )
    assert set(after) == {*before, "(other threads)"}
    assert after["(other threads)"] == 5 * 9999


# Over the network -----------------------------------------------------------------------------------------------------


@pytest.fixture
def address():
    """host:port where prometheus_client serves a collector of the realistic report."""
    registry = CollectorRegistry(auto_describe=True)
    registry.register(MemoryProfilerCollector(Profiler(make("full")), thread_labels=True))
    server, thread = prometheus_client.start_http_server(0, addr="127.0.0.1", registry=registry)
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(url, accept="*/*"):
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as response:
        return response.headers["Content-Type"], response.read().decode("utf-8")


def test_content_negotiation_gives_either_rendering(address):
    kind, text = fetch(f"http://{address}/metrics", "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    openmetrics = samples(text)
    kind, text = fetch(f"http://{address}/metrics", "text/plain")
    assert kind.startswith("text/plain")
    assert samples(text, parse_classic) == openmetrics
    assert openmetrics["cc_memory_profiler_up", ()] == 1


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_prometheus_server_scrapes_the_collector(address, tmp_path):
    prometheus = tool("prometheus", package="prometheus")
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs: [{job_name: profiler, static_configs:"
        f" [{{targets: ['{address}']}}]}}]\n"
    )
    port = free_port()
    command = [
        prometheus,
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        open(tmp_path / "log", "w+", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path) as server,
    ):
        try:

            def query(expression):
                _, text = fetch(f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
                answer = json.loads(text)
                assert answer["status"] == "success"
                return {item["metric"].get("thread", ""): float(item["value"][1]) for item in answer["data"]["result"]}

            deadline = time.monotonic() + 120
            while True:
                assert server.poll() is None, (tmp_path / "log").read_text(encoding="utf-8")
                try:
                    if query("cc_memory_alloc_total"):
                        break
                except OSError:  # it does not listen yet
                    pass
                assert time.monotonic() < deadline, (tmp_path / "log").read_text(encoding="utf-8")
                time.sleep(0.2)

            report = make("full")
            assert query("cc_memory_alloc_total") == {"": report.alloc_count}
            assert query("cc_memory_peak_bytes") == {"": report.peak_allocated}
            assert query('up{job="profiler"}') == {"": 1}
            assert query("cc_memory_thread_alloc_bytes_total")["parser-2"] == report.thread_stats[5].alloc_bytes
            median = query("histogram_quantile(0.5, cc_memory_alloc_latency_bucket)")[""]
            assert 20 < median < 50 and report.alloc_latency_p50 == pytest.approx(41, rel=0.1)
            assert query("histogram_quantile(0.5, cc_memory_alloc_duration_seconds_bucket)")[""] == pytest.approx(
                median / 1e9
            )
        finally:
            server.terminate()
            server.wait(timeout=60)
