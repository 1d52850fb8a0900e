"""Rules: each fires on the report that it is for, stays quiet on another, and names its figures."""

from __future__ import annotations

import pytest
import sample_reports

from concurrent_collections.exporters import Verdict, recommend, verdict
from concurrent_collections.exporters.memory.rules import RULES
from concurrent_collections.exporters.memory.sites import blame, leak_sites, parse_frame
from concurrent_collections.report import AllocationRecord, SamplingInfo, SizeHistogram

MIB = 1024**2


def found(report):
    return {item.rule: item for item in recommend(report)}


def quiet():
    """A report in which no rule finds anything."""
    report = sample_reports.full_report()
    report.leaked_bytes, report.leaked_count, report.leaked_allocations = 0, 0, []
    report.live_sites = [site for site in report.live_sites if site.held_by_interpreter]
    report.timeline = []
    report.cross_thread_free_pct = 3.0
    return report


def test_nothing_stands_out_in_a_quiet_report():
    assert recommend(quiet()) == []


def test_empty_report_gives_no_recommendation_and_a_sentence():
    assert recommend(sample_reports.empty_report()) == []
    assert verdict(sample_reports.empty_report()).sentence == "Nothing was allocated while profiling."


def loses_records(report):
    report.dropped_records = 50_000


def fails_allocations(report):
    report.failed_alloc_count = 3


def spikes(report):
    report.timeline = sample_reports.full_report().timeline


def frees_across_threads(report):
    report.cross_thread_free_pct = 45.0


def has_a_latency_tail(report):
    report.alloc_latency_p50, report.alloc_latency_p99 = 40.0, 9000.0


def pads_blocks(report):
    report.fragmentation.internal_fragmentation = 0.4


def leaves_holes(report):
    report.fragmentation.external_fragmentation = 0.7


def asks_for_tiny_blocks(report):
    report.size_histogram = SizeHistogram({"9-16": 90_000, "17-24": 10_000}, 100_000, 1_600_000)


def churns(report):
    report.alloc_bytes = 200 * report.peak_allocated


def leaves_memory_unlooked_for(report):
    report.leaked_bytes, report.current_allocated = None, 20 * MIB


def samples(report):
    report.sampling = SamplingInfo("bytes", 0.0, 524288, 4000, {"alloc_bytes": 1e6})


@pytest.mark.parametrize(
    ("change", "rule", "figure"),
    [
        (loses_records, "dropped", "50 k"),
        (fails_allocations, "failed_allocations", "3"),
        (spikes, "spike", "84.2 MiB"),
        (frees_across_threads, "cross_thread", "45 %"),
        (has_a_latency_tail, "latency_tail", "9 µs"),
        (pads_blocks, "internal_fragmentation", "40 %"),
        (leaves_holes, "external_fragmentation", "112 MiB"),
        (asks_for_tiny_blocks, "tiny_sizes", "90 k"),
        (churns, "churn", "84.2 MiB"),
        (leaves_memory_unlooked_for, "remainder", "20 MiB"),
        (samples, "estimate", "512 KiB"),
    ],
)
def test_rule_fires_alone_with_its_figure(change, rule, figure):
    report = quiet()
    change(report)
    hits = found(report)
    assert list(hits) == [rule]
    assert figure in [value for _, value in hits[rule].evidence]
    assert hits[rule].title and hits[rule].advice


def test_every_rule_has_a_test():
    parameters = next(mark for mark in test_rule_fires_alone_with_its_figure.pytestmark if mark.name == "parametrize")
    tested = {rule for _, rule, _ in parameters.args[1]} | {"leak"}
    assert tested == {rule.__name__ for rule in RULES}


def test_leak_names_the_line_and_its_share():
    report = sample_reports.full_report()
    item = found(report)["leak"]
    assert item.title == "example.py:93 holds 83 % of what was never freed"
    assert item.severity == "serious"
    assert ("largest site", "example.py:93, 1 MiB in 4,096 blocks") in item.evidence


def test_leak_without_stacks_says_how_to_get_them():
    report = quiet()
    report.leaked_bytes, report.leaked_count = MIB, 2
    report.leaked_allocations = [
        AllocationRecord(64, MIB // 2, 0.0, 1, None),
        AllocationRecord(128, MIB // 2, 0.0, 1, None),
    ]
    item = found(report)["leak"]
    assert "capture_stacks=True" in item.advice
    assert verdict(report).sentence == "Peak 84.2 MiB after 7.83 s; 1 MiB leaked in 2 blocks."


def test_leak_below_four_kib_is_no_finding():
    report = quiet()
    report.leaked_bytes = 4095
    assert "leak" not in found(report)
    assert verdict(report).level == "good"
    report.leaked_bytes = 4096
    assert "leak" in found(report)
    assert verdict(report).level == "warning"


def test_serious_comes_first():
    report = sample_reports.sampled_report()
    severities = [item.severity for item in recommend(report)]
    assert severities == sorted(severities, key=["serious", "warning", "info"].index)
    assert len(set(severities)) == 3


def test_verdict_is_one_sentence_with_peak_leak_and_line():
    assert verdict(sample_reports.full_report()) == Verdict(
        "serious", "Peak 84.2 MiB after 7.83 s; 1.2 MiB leaked in 5,326 blocks, 83 % of it at example.py:93."
    )


def test_verdict_says_that_figures_are_estimates_and_that_events_were_lost():
    sentence = verdict(sample_reports.sampled_report()).sentence
    assert "figures are estimates from 15.2 k samples" in sentence
    assert "1,200 events could not be recorded" in sentence


def test_hostile_names_stay_on_one_line():
    report = sample_reports.hostile_report()
    texts = [verdict(report).sentence]
    for item in recommend(report):
        texts += [item.title, item.advice, *(value for pair in item.evidence for value in pair)]
    assert all(text.isprintable() and len(text) < 600 for text in texts)


def test_blame_prefers_the_readers_own_code():
    stack = [
        "/usr/lib/python3.13/json/decoder.py:361 in raw_decode",
        "/x/site-packages/lib/a.py:3 in load",
        "/home/me/app.py:7 in read",
        "/home/me/main.py:1 in <module>",
    ]
    assert blame(stack).file == "/home/me/app.py"
    assert blame(stack[:1]).function == "raw_decode"
    assert blame([]).function == "<no Python frame>"
    assert blame(["<native>"]).function == "<native>"


def test_parse_frame_takes_the_last_line_number():
    frame = parse_frame("C:\\dir:5 in x\\file.py:12 in Class.method")
    assert (frame.file, frame.line, frame.function) == ("C:\\dir:5 in x\\file.py", 12, "Class.method")
    assert frame.base_name == "file.py"
    assert parse_frame("a\nb:3 in c\nd").function == "c\nd"
    frame = parse_frame("/x/a.py:3 in <method 'f' in g>")
    assert (frame.file, frame.line, frame.function) == ("/x/a.py", 3, "<method 'f' in g>")
    assert parse_frame("a in b").function == "a in b" and parse_frame("a: in b").function == "a: in b"


def test_leak_sites_come_from_the_records_where_no_site_is_given():
    report = sample_reports.full_report()
    complete = leak_sites(report)
    report.live_sites = []
    grouped = leak_sites(report)
    assert [site.stack_trace for site in grouped] == [
        site.stack_trace
        for site in sorted(complete, key=lambda site: -min(site.count, 40) * (site.bytes // site.count))
    ]
    report.leaked_bytes = None
    assert leak_sites(report) == []
