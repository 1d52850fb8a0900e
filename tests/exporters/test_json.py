"""JSON: nothing is lost on the way out and back, and the file is what its documentation says."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import datetime, timezone
from pathlib import Path

import pytest
import sample_reports
import sample_smr_reports

from concurrent_collections import report as report_module, smr_report as smr_report_module
from concurrent_collections.exporters.json import read_json, report_from_dict, report_to_dict, write_json
from concurrent_collections.report import MemoryProfilerReport
from concurrent_collections.smr_report import SMRProfilerReport

SCHEMA_PAGE = Path(__file__).resolve().parents[2] / "docs" / "report-schema.md"


@pytest.mark.parametrize(
    "make", [sample_reports.full_report, sample_reports.empty_report, sample_reports.sampled_report]
)
def test_round_trip_gives_an_equal_report(make, tmp_path):
    path = tmp_path / "report.json"
    write_json(make(), path)
    assert read_json(path) == make()


def test_document_names_its_schema_and_version_first():
    document = report_to_dict(sample_reports.full_report())
    assert list(document)[:2] == ["schema", "schema_version"]
    assert (document["schema"], document["schema_version"]) == ("concurrent_collections.memory_report", 2)
    document = report_to_dict(sample_smr_reports.stalled_report())
    assert list(document)[:2] == ["schema", "schema_version"]
    assert (document["schema"], document["schema_version"]) == ("concurrent_collections.smr_report", 1)


def test_file_is_strict_json_whatever_the_report_holds(tmp_path):
    path = tmp_path / "report.json"
    write_json(sample_reports.hostile_report(), path)
    text = path.read_bytes().decode("utf-8")  # strict: no lone surrogate

    def refuse(name):
        raise AssertionError(f"{name} in the file")

    document = json.loads(text, parse_constant=refuse)
    assert document["alloc_rate"] is None and document["bytes_rate"] is None
    assert "\\udc80" in document["notes"][6]
    assert document["environment"]["nested"]["a"][0] is None
    back = read_json(path)
    assert math.isnan(back.alloc_rate), "a number that was not finite reads as NaN"
    assert [thread.thread_name for thread in back.thread_stats[:6]] == sample_reports.HOSTILE_NAMES[:6]


def test_dates_have_a_time_zone_and_the_file_reads_line_by_line(tmp_path):
    path = tmp_path / "report.json"
    write_json(sample_reports.full_report(), path)
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["start_time"] == "2026-11-21T09:30:12.345678+01:00"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert sum('"thread_name"' in line for line in lines) == len(document["thread_stats"])


def test_naive_datetime_is_taken_as_local_time():
    report = sample_reports.empty_report()
    report.start_time = datetime(2026, 1, 2, 3, 4, 5)
    written = datetime.fromisoformat(report_to_dict(report)["start_time"])
    assert written.tzinfo is not None
    assert written.astimezone(timezone.utc) == report.start_time.astimezone(timezone.utc)


@pytest.mark.parametrize("version", [0, 3, "1", None, True])
def test_unknown_version_is_refused(version):
    document = report_to_dict(sample_reports.empty_report()) | {"schema_version": version}
    with pytest.raises(ValueError, match="schema_version .* is unknown; this release reads versions 1 and 2"):
        report_from_dict(document)


@pytest.mark.parametrize("document", [[], {}, "x", {"schema": "other", "schema_version": 1}])
def test_other_documents_are_refused(document):
    with pytest.raises(ValueError, match="not a memory report"):
        report_from_dict(document)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alloc_count": "7"}, "alloc_count: expected an integer, found '7'"),
        ({"alloc_count": True}, "alloc_count: expected an integer, found True"),
        ({"alloc_rate": "fast"}, "alloc_rate: expected a number"),
        ({"thread_stats": {}}, "thread_stats: expected an array"),
        ({"thread_stats": [{"thread_id": 1}]}, r"thread_stats\[0\].thread_name: missing"),
        ({"domains": []}, "domains: expected an object"),
        ({"fragmentation": 3}, "fragmentation: expected an object"),
        ({"start_time": "yesterday"}, "start_time: expected an ISO 8601 date and time"),
        ({"start_time": "2026-01-02T03:04:05"}, "start_time: expected a date and time with a time zone"),
        ({"accuracy": {"alloc_count": "sure"}}, "accuracy.alloc_count: expected 'exact' or 'estimate' or 'unknown'"),
        ({"notes": [7]}, r"notes\[0\]: expected a string"),
    ],
)
def test_wrong_field_is_named(change, message):
    document = report_to_dict(sample_reports.empty_report()) | change
    with pytest.raises(ValueError, match=f"^{message}"):
        report_from_dict(document)


def test_wrong_pair_in_a_latency_bucket_is_named():
    document = report_to_dict(sample_reports.full_report())
    document["latency"]["alloc"][2] = [1, 2]
    with pytest.raises(ValueError, match=r"^latency.alloc\[2\]: expected an array of 3"):
        report_from_dict(document)


def test_missing_field_is_an_error_only_without_a_default():
    document = report_to_dict(sample_reports.full_report())
    del document["timeline"]
    assert report_from_dict(document).timeline == []
    del document["free_count"]
    with pytest.raises(ValueError, match="^free_count: missing"):
        report_from_dict(document)


def as_version_1(report):
    """The document that version 1 had: objects with their call stacks in them in place of tables."""
    document = report_to_dict(report)
    del document["frames"], document["stacks"]
    plain = dataclasses.asdict(report)
    document |= {name: plain[name] for name in ("live_sites", "leaked_allocations")}
    return document | {"schema_version": 1}


@pytest.mark.parametrize(
    "make", [sample_reports.full_report, sample_reports.empty_report, sample_reports.sampled_report]
)
def test_version_1_is_still_read(make):
    assert report_from_dict(as_version_1(make())) == make()


def test_stacks_stand_once_in_a_tree():
    document = report_to_dict(sample_reports.full_report())
    frames, back, frame = document["frames"], document["stacks"]["back"], document["stacks"]["frame"]
    assert len(set(frames)) == len(frames) and frames[0] == ""
    assert len(back) == len(frame) and (back[0], frame[0]) == (0, 0)
    pairs = [(index - step, number) for index, (step, number) in enumerate(zip(back, frame, strict=True))][1:]
    assert len(set(pairs)) == len(pairs), "no stack twice"
    columns = document["live_sites"]["columns"]
    site = dict(zip(columns, document["live_sites"]["rows"][1], strict=True))
    index, stack = site["stack_trace"], []
    while index:
        stack.append(frames[frame[index]])
        index -= back[index]
    assert stack == sample_reports.full_report().live_sites[1].stack_trace
    assert len(frames) < 25 and len(back) < 30, "187 blocks and sites share them"


def test_a_site_without_frames_and_a_block_without_a_stack_differ(tmp_path):
    report = sample_reports.full_report()
    report.leaked_allocations[0].stack_trace, report.leaked_allocations[1].stack_trace = None, []
    write_json(report, tmp_path / "report.json")
    assert [record.stack_trace for record in read_json(tmp_path / "report.json").leaked_allocations[:2]] == [None, []]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": ["", 7]}, r"frames\[1\]: expected a string"),
        ({"stacks": []}, "stacks: expected an object"),
        ({"stacks": {"back": [0]}}, 'stacks: expected arrays "back" and "frame" of one length'),
        ({"stacks": {"back": [0, 0], "frame": [0, 0]}}, r"stacks.back\[1\]: expected 1 to 1, found 0"),
        ({"stacks": {"back": [0, 2], "frame": [0, 0]}}, r"stacks.back\[1\]: expected 1 to 1, found 2"),
        ({"stacks": {"back": [0, 1], "frame": [0, 99]}}, r"stacks.frame\[1\]: expected an index of frames, below \d+"),
        ({"live_sites": []}, 'live_sites: expected an object with "columns" and "rows"'),
        ({"live_sites": {"columns": ["a"], "rows": [7]}}, r"live_sites.rows\[0\]: expected an array"),
        ({"live_sites": {"columns": ["a"], "rows": [[]]}}, r"live_sites.rows\[0\]: expected an array of 1"),
        (
            {"live_sites": {"columns": ["stack_trace"], "rows": [[-1]]}},
            r"live_sites\[0\].stack_trace: expected an index of stacks, below \d+, found -1",
        ),
    ],
)
def test_wrong_table_is_named(change, message):
    document = report_to_dict(sample_reports.full_report()) | change
    with pytest.raises(ValueError, match=f"^{message}"):
        report_from_dict(document)


def test_field_of_a_newer_release_is_ignored():
    document = report_to_dict(sample_reports.full_report()) | {"field_of_tomorrow": 1}
    assert report_from_dict(document) == sample_reports.full_report()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"schema": NaN}'])
def test_file_that_is_no_json_is_a_value_error_with_its_path(content, tmp_path):
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="broken.json: not a JSON file"):
        read_json(path)


def test_missing_file_is_the_plain_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json")


@pytest.mark.parametrize("name", ["stalled", "healthy", "empty"])
def test_reclamation_round_trip_gives_an_equal_report(name, tmp_path):
    make = getattr(sample_smr_reports, f"{name}_report")
    path = tmp_path / "report.json"
    write_json(make(), path)
    assert read_json(path, SMRProfilerReport) == make()


def test_a_report_of_one_kind_is_not_read_as_the_other():
    memory, smr = report_to_dict(sample_reports.empty_report()), report_to_dict(sample_smr_reports.empty_report())
    with pytest.raises(ValueError, match='not an SMR report: "schema" must be "concurrent_collections.smr_report"'):
        report_from_dict(memory, SMRProfilerReport)
    with pytest.raises(ValueError, match="not a memory report"):
        report_from_dict(smr, MemoryProfilerReport)


def test_documented_way_to_read_a_stack():
    section = SCHEMA_PAGE.read_text(encoding="utf-8").partition("## Call stacks\n")[2].partition("\n## ")[0]
    names: dict = {}
    exec(section.partition("```python\n")[2].partition("```")[0], names)
    report = sample_reports.full_report()
    table = (document := report_to_dict(report))["live_sites"]
    sites = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert [list(names["stack"](document, site["stack_trace"])) for site in sites] == [
        site.stack_trace for site in report.live_sites
    ]
    assert all(f"| `{key}` |" in section for key in ("frames", "stacks"))


def test_documentation_names_every_field():
    page = SCHEMA_PAGE.read_text(encoding="utf-8")
    kinds = [getattr(module, name) for module in (report_module, smr_report_module) for name in module.__all__]
    for kind in filter(dataclasses.is_dataclass, kinds):
        section = page.partition(f"## {kind.__name__}\n")[2].partition("\n## ")[0]
        assert section, f"no section {kind.__name__}"
        for field in dataclasses.fields(kind):
            assert f"| `{field.name}` |" in section, f"{kind.__name__}.{field.name} is not documented"
