"""CSV: one tidy table that neither a parser nor a spreadsheet can misread."""

from __future__ import annotations

import csv
import io

import pytest
import sample_reports
import sample_smr_reports

from concurrent_collections.exporters.csv import COLUMNS, write_csv
from concurrent_collections.exporters.memory.rows import MAX_SITES
from concurrent_collections.report import AllocationSite


def table(report, tmp_path):
    path = tmp_path / "report.csv"
    write_csv(report, path)
    text = path.read_bytes().decode("utf-8")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert len(rows) == text.count("\n"), "one line for each row"
    assert tuple(rows[0]) == COLUMNS
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows[1:]]


@pytest.mark.parametrize("name", ["full", "empty", "sampled", "hostile"])
def test_value_is_a_number_or_empty_in_every_row(name, tmp_path):
    for row in table(getattr(sample_reports, f"{name}_report")(), tmp_path):
        if row["value"]:
            float(row["value"])
            assert "inf" not in row["value"] and "nan" not in row["value"]


def test_summary_has_every_number_with_unit_and_accuracy(tmp_path):
    rows = {row["metric"]: row for row in table(sample_reports.full_report(), tmp_path) if row["section"] == "summary"}
    assert rows["alloc_count"] == {
        "section": "summary", "item": "", "label": "", "metric": "alloc_count", "value": "1523456",
        "unit": "allocations", "accuracy": "exact",
    }  # fmt: skip
    assert rows["peak_allocated"]["unit"] == rows["leaked_bytes"]["unit"] == "bytes"
    assert rows["alloc_latency_p50"]["unit"] == "ns" and rows["alloc_latency_p50"]["accuracy"] == "estimate"
    assert rows["cross_thread_free_pct"]["unit"] == "percent"
    assert rows["start_time"]["unit"] == "unix seconds"
    assert rows["free_count"]["unit"] == "frees"
    assert {"size_histogram", "latency", "leaked_allocations", "notes"}.isdisjoint(rows)


def test_unknown_value_is_an_empty_cell_and_not_zero(tmp_path):
    rows = {row["metric"]: row for row in table(sample_reports.empty_report(), tmp_path) if row["section"] == "summary"}
    assert rows["leaked_bytes"]["value"] == "" and rows["alloc_latency_p99"]["value"] == ""
    assert rows["alloc_count"]["value"] == "0"


def test_each_part_of_the_report_has_its_rows(tmp_path):
    report = sample_reports.full_report()
    rows = table(report, tmp_path)

    def items(section):
        return list(dict.fromkeys(row["item"] for row in rows if row["section"] == section))

    assert items("thread") == [str(thread.thread_id) for thread in report.thread_stats]
    assert items("domain") == list(report.domains)
    assert items("size") == list(report.size_histogram.buckets)
    assert {row["label"] for row in rows if row["section"] == "size_domain"} == set(report.size_histograms)
    assert len(items("timeline")) == len(report.timeline)
    assert len(items("latency_alloc")) == len(report.latency.alloc)
    assert items("cross_thread")[0] == "2>4"
    assert len(items("leak")) == len(report.leaked_allocations)
    sites = [row for row in rows if row["section"] == "site" and row["metric"] == "bytes"]
    assert sites[0]["label"].startswith("/srv/app/analytics/example.py:93 in remember < ")
    assert [int(row["value"]) for row in sites] == [site.bytes for site in report.live_sites]
    assert ("environment", "pid", "4242") in {(row["section"], row["item"], row["label"]) for row in rows}
    fragmentation = {row["metric"]: row for row in rows if row["section"] == "fragmentation"}
    assert fragmentation["committed_bytes"]["unit"] == "bytes" and fragmentation["utilization"]["value"] == "0.754"


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1"])
def test_text_that_looks_like_a_formula_is_defused(start, tmp_path):
    report = sample_reports.empty_report()
    report.notes = [start]
    report.environment = {start: "x"}
    rows = table(report, tmp_path)
    assert [row["label"][0] for row in rows if row["section"] == "note"] == ["'"]
    assert [row["item"][0] for row in rows if row["section"] == "environment"] == ["'"]


def test_ordinary_text_stays_as_it_is(tmp_path):
    report = sample_reports.empty_report()
    report.notes = ['a "quoted", note = 1', "Žluťoučký kůň"]
    labels = [row["label"] for row in table(report, tmp_path) if row["section"] == "note"]
    assert labels == report.notes


def test_the_largest_sites_have_rows_and_the_others_one(tmp_path):
    report = sample_reports.full_report()
    report.live_sites = [
        AllocationSite([f"/app/x.py:{index} in f"], 2, 20_000 - index, False) for index in range(MAX_SITES + 7)
    ]
    rows = [row for row in table(report, tmp_path) if row["section"] == "site"]
    assert len({row["item"] for row in rows}) == MAX_SITES + 1
    assert {row["label"] for row in rows if row["item"] == "rest"} == {"7 smaller sites"}
    for metric, field in (("count", "count"), ("bytes", "bytes")):
        written = sum(int(row["value"]) for row in rows if row["metric"] == metric)
        assert written == sum(getattr(site, field) for site in report.live_sites)


def test_hostile_names_stay_in_their_cells(tmp_path):
    rows = table(sample_reports.hostile_report(), tmp_path)
    names = [row["label"] for row in rows if row["section"] == "thread" and row["metric"] == "alloc_count"]
    assert names[3] == "line\\nfeed\\ttab\\rreturn\\x00nul\\x1b[31m"
    assert names[4].startswith("'=HYPERLINK") and names[5] == "'@alloc"


# Reports of reclamation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stalled", "healthy", "empty", "hostile"])
def test_reclamation_value_is_a_number_or_empty_in_every_row(name, tmp_path):
    for row in table(getattr(sample_smr_reports, f"{name}_report")(), tmp_path):
        if row["value"]:
            float(row["value"])
            assert "inf" not in row["value"] and "nan" not in row["value"]


def test_each_part_of_a_reclamation_report_has_its_rows(tmp_path):
    report = sample_smr_reports.stalled_report()
    rows = table(report, tmp_path)

    def of(section, metric):
        return {row["item"]: row for row in rows if (row["section"], row["metric"]) == (section, metric)}

    assert of("summary", "pending_bytes")[""]["value"] == str(report.pending_bytes)
    assert of("summary", "pending_nodes")[""]["unit"] == "nodes" and of("summary", "delay_p99")[""]["unit"] == "ns"
    assert [(item, row["label"]) for item, row in of("domain", "retired_nodes").items()] == [
        ("7", "import job (ibr)"), ("1", "sessions (epoch)"), ("2", "routes (ibr)"),
    ]  # fmt: skip
    stalled = {item: row["label"] for item, row in of("thread", "stalled").items() if row["value"] == "1"}
    assert stalled == {"1:5": "worker-3"}
    assert len(of("timeline", "pending_bytes")) == len(report.timeline)
    assert [int(row["value"]) for row in of("delay_bucket", "count").values()] == [
        c for _, _, c in report.delay.buckets
    ]
    assert of("delay", "samples").keys() == {"1", ""}
    assert all(row["unit"] for row in rows if row["section"] == "summary"), "every number of the summary has a unit"
