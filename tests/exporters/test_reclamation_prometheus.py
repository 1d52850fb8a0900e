"""Metrics of reclamation: the texts pass the tools that read them, and the live collector serves a profiler."""

from __future__ import annotations

import subprocess

import pytest
import sample_smr_reports
from exporter_tools import missing, tool

from concurrent_collections.exporters.prometheus import MAX_LABELS, SMRCollector, prometheus_text
from concurrent_collections.exporters.reclamation.metrics import DELAY_BOUNDS_NS

try:
    from prometheus_client import CollectorRegistry
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
    from prometheus_client.parser import text_string_to_metric_families as parse_classic
except ModuleNotFoundError:
    CollectorRegistry = None  # type: ignore[assignment,misc]

REPORTS = ["stalled", "healthy", "empty", "hostile"]


@pytest.fixture(autouse=True)
def client():
    if CollectorRegistry is None:
        missing("prometheus_client")


def make(name):
    return getattr(sample_smr_reports, f"{name}_report")()


def samples(text, parse=None):
    """Every sample of a text as ``{(name, labels): value}``."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in (parse or parse_openmetrics)(text)
        for sample in family.samples
    }


class Profiler:
    """Stands in for the profiler: each snapshot is the next of ``results``, and the last one for ever."""

    def __init__(self, *results):
        self.results = list(results)

    def snapshot(self):
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, Exception):
            raise result
        return result


@pytest.mark.parametrize("domain_labels", [False, True])
@pytest.mark.parametrize("name", REPORTS)
def test_promtool_has_nothing_to_say_about_the_classic_text(name, domain_labels):
    promtool = tool("promtool", package="prometheus")
    text = prometheus_text(make(name), domain_labels=domain_labels)
    done = subprocess.run([promtool, "check", "metrics"], input=text.encode("utf-8"), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("domain_labels", [False, True])
@pytest.mark.parametrize("name", REPORTS)
def test_openmetrics_text_parses_and_has_the_samples_of_the_classic_one(name, domain_labels):
    openmetrics = prometheus_text(make(name), openmetrics=True, domain_labels=domain_labels)
    assert openmetrics.endswith("# EOF\n")
    assert samples(openmetrics) == samples(prometheus_text(make(name), domain_labels=domain_labels), parse_classic)


def test_values_are_those_of_the_report():
    report = make("stalled")
    found = samples(prometheus_text(report, openmetrics=True))
    for name, value in {
        "retired_nodes_total": report.retired_nodes,
        "reclaimed_bytes_total": report.reclaimed_bytes,
        "pending_nodes": report.pending_nodes,
        "pending_bytes": report.pending_bytes,
        "peak_pending_bytes": report.peak_pending_bytes,
        "epoch_lag": 355,
        "stalled_threads": 1,
        "polls_total": report.polls,
        "scans_total": report.scans,
        "barriers_total": report.barriers,
        "domains": 2,
        "threads": 8,
    }.items():
        assert found[f"cc_smr_{name}", ()] == value, name
    assert all(name.startswith("cc_smr_") for name, _ in found)


def test_delay_is_a_histogram_in_seconds():
    report = make("stalled")
    found = samples(prometheus_text(report, openmetrics=True))
    buckets = {dict(labels)["le"]: value for (name, labels), value in found.items() if name.endswith("_bucket")}
    assert len(buckets) == len(DELAY_BOUNDS_NS) + 1
    values = list(buckets.values())
    assert values == sorted(values) and values[-1] == report.delay.samples
    assert found["cc_smr_reclaim_delay_seconds_sum", ()] == pytest.approx(report.delay.sum_ns / 1e9)
    below = sum(count for _, upper, count in report.delay.buckets if upper <= 1e5)
    assert below <= buckets["0.0001"] <= below + max(count for _, _, count in report.delay.buckets)


def test_what_was_not_tracked_is_absent():
    assert "cc_smr_reclaim_delay_seconds" not in prometheus_text(make("empty"))


def test_domains_have_labels_only_on_request_and_of_a_bounded_number():
    report = make("stalled")
    assert "domain=" not in prometheus_text(report)
    found = samples(prometheus_text(report, openmetrics=True, domain_labels=True))
    assert found["cc_smr_domain_pending_bytes", (("domain", "sessions"),)] == report.domains[1].pending_bytes
    one = report.domains[1]
    report.domains = [type(one)(**{**vars(one), "name": f"map-{i}", "retired_nodes": 1000 - i}) for i in range(100)]
    found = samples(prometheus_text(report, openmetrics=True, domain_labels=True))
    pending = {labels: value for (name, labels), value in found.items() if name == "cc_smr_domain_pending_bytes"}
    assert len(pending) == MAX_LABELS + 1 and sum(pending.values()) == 100 * one.pending_bytes
    assert (("domain", "map-0"),) in pending and (("domain", "(other domains)"),) in pending


def test_collector_and_text_have_the_same_samples():
    registry = CollectorRegistry(auto_describe=True)
    registry.register(SMRCollector(Profiler(make("stalled")), domain_labels=True))
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in registry.collect()
        for sample in family.samples
    }
    expected = samples(prometheus_text(make("stalled"), openmetrics=True, domain_labels=True))
    assert found == expected | {("cc_smr_profiler_up", ()): 1}


def test_collector_describes_every_family_that_it_gives():
    collector = SMRCollector(Profiler(make("stalled")), domain_labels=True)
    described = {family.name: family.type for family in collector.describe()}
    assert {family.name: family.type for family in collector.collect()} == described


def test_profiler_that_is_not_running_leaves_the_other_metrics_alone():
    collector = SMRCollector(Profiler(RuntimeError("not started"), make("empty")))
    (family,) = collector.collect()
    assert (family.name, family.samples[0].value) == ("cc_smr_profiler_up", 0)
    assert next(iter(collector.collect())).samples[0].value == 1


def test_domain_that_has_a_label_keeps_it():
    first, second = make("stalled"), make("stalled")
    one = first.domains[1]
    copies = [type(one)(**{**vars(one), "name": f"early-{i}", "retired_nodes": 10}) for i in range(MAX_LABELS)]
    first.domains = copies
    second.domains = [*copies, type(one)(**{**vars(one), "name": "late", "retired_nodes": 10**9})]
    collector = SMRCollector(Profiler(first, second), domain_labels=True)

    def labels():
        return {
            s.labels["domain"]
            for f in collector.collect()
            for s in f.samples
            if f.name == "cc_smr_domain_pending_nodes"
        }

    assert labels() | {"(other domains)"} == labels()
