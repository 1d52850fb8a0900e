"""The sentence and the advice on reclamation: each rule fires on its case, and none on a healthy one."""

from __future__ import annotations

import pytest
import sample_smr_reports

from concurrent_collections.exporters import recommend, verdict
from concurrent_collections.exporters.reclamation.rules import RULES
from concurrent_collections.smr_report import SMRTimelinePoint

MIB = 1024**2


def rules(report):
    return [item.rule for item in recommend(report)]


def points(pending, rate=1000.0):
    return [
        SMRTimelinePoint(i / 10, size // 48, size, size, i * 100, i * 50, rate, rate / 2, 0, 0)
        for i, size in enumerate(pending)
    ]


@pytest.fixture
def healthy():
    return sample_smr_reports.healthy_report()


def test_healthy_report_has_no_advice(healthy):
    assert rules(healthy) == [] and verdict(healthy).level == "good"


def test_empty_report_has_no_advice():
    report = sample_smr_reports.empty_report()
    assert rules(report) == []
    assert verdict(report).sentence == "Nothing was retired while profiling."


@pytest.mark.parametrize(
    ("scheme", "deaf", "advice"),
    [
        ("epoch", False, "set config.smr to 'ibr' or 'debra'"),
        ("ibr", False, "only nodes that were alive when it entered"),
        ("debra", False, "only while it searches"),
        ("debra", True, "does not answer the signal"),
    ],
)
def test_stalled_thread_is_named_with_what_helps_under_the_scheme(scheme, deaf, advice):
    report = sample_smr_reports.stalled_report()
    domain = report.domains[1]
    domain.scheme = scheme
    next(thread for thread in domain.threads if thread.stalled).deaf = deaf
    (item,) = recommend(report)
    assert (item.rule, item.severity) == ("stall", "serious")
    assert item.title == "worker-3 stays inside a section of sessions" and advice in item.advice
    assert dict(item.evidence)["epoch lag"] == "355"
    assert verdict(report).level == "serious"


def test_stalled_thread_that_holds_back_little_is_a_warning():
    report = sample_smr_reports.stalled_report()
    report.pending_bytes = 1000
    assert recommend(report)[0].severity == verdict(report).level == "warning"


def test_growth_without_a_stalled_thread_is_a_build_up(healthy):
    healthy.timeline = points([i * MIB for i in range(40)])
    healthy.pending_bytes, healthy.duration_seconds = 39 * MIB, 4.0
    assert rules(healthy) == ["build_up"]
    assert verdict(healthy).sentence.endswith("and growing by 10 MiB/s.")
    healthy.timeline = points([20 * MIB + i % 3 * MIB for i in range(40)])
    healthy.pending_bytes = 20 * MIB
    assert rules(healthy) == [], "level is no build-up"


def test_scheme_that_frees_nothing_is_told(healthy):
    healthy.domains[0].scheme = "none"
    assert rules(healthy) == ["leaking_scheme"]


def test_nodes_that_nobody_polls_for_are_idle(healthy):
    healthy.timeline = points([9 * MIB] * 20, rate=0.0)
    healthy.pending_bytes = 9 * MIB
    assert rules(healthy) == ["idle"]


def test_signals_without_an_answer_are_told(healthy):
    healthy.fallbacks = 3
    assert rules(healthy) == ["fallbacks"]


def test_many_interrupted_searches_are_told(healthy):
    healthy.neutralizations = 5000
    assert rules(healthy) == ["restarts"]


def test_late_frees_are_told(healthy):
    healthy.delay_p99 = 3e9
    assert rules(healthy) == ["slow"]


def test_every_rule_is_tested_and_names_its_figures():
    assert {rule.__name__ for rule in RULES} == {
        "stall", "build_up", "leaking_scheme", "idle", "fallbacks", "restarts", "slow",
    }  # fmt: skip
    for item in recommend(sample_smr_reports.hostile_report()):
        assert item.evidence and item.title.isprintable() and item.advice.isprintable()
