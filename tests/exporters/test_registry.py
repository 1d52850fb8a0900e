"""One registry of formats: what is entered there has its module, its methods, its option and its documentation."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sample_reports
import sample_smr_reports

from concurrent_collections import MemoryProfiler, SMRProfiler, exporters
from concurrent_collections.exporters.kinds import kind_of
from concurrent_collections.profiling.exports import EXPORTERS, Exports
from concurrent_collections.report import MemoryProfilerReport
from concurrent_collections.smr_report import SMRProfilerReport

ROOT = Path(__file__).resolve().parents[2]
REPORTS = {
    MemoryProfilerReport: sample_reports.full_report,
    SMRProfilerReport: sample_smr_reports.stalled_report,
}


def test_registry_has_these_formats():
    assert {"html", "json", "csv", "prometheus"} <= EXPORTERS.keys()


@pytest.mark.parametrize("name", EXPORTERS)
def test_format_has_its_module_and_its_methods(name):
    exporter = EXPORTERS[name]
    module = importlib.import_module(f"concurrent_collections.exporters.{name}")
    assert "chunks" in module.__all__
    for owner in (MemoryProfiler, SMRProfiler, MemoryProfilerReport, SMRProfilerReport):
        method = getattr(owner, f"to_{name}")
        assert method is getattr(Exports, f"to_{name}"), "there is one method for all"
        assert inspect.getdoc(method)
    assert exporter.name == name and exporter.help


def test_every_method_is_in_the_registry_and_every_format_is_a_method():
    assert [name for name in vars(Exports) if name.startswith("to_")] == [f"to_{name}" for name in EXPORTERS]


@pytest.mark.parametrize("name", EXPORTERS)
def test_format_is_documented(name):
    assert f"``{name}``" in exporters.__doc__
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"to_{name}" in readme


def test_command_line_has_an_option_for_each_format():
    command = [sys.executable, "-P", "-m", "concurrent_collections", "profile", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    options = re.findall(r"--([a-z-]+) FILE +(\S.*)", text)
    assert dict(options) == {name: exporter.help for name, exporter in EXPORTERS.items()}


@pytest.mark.parametrize("report_class", REPORTS, ids=lambda report_class: report_class.__name__)
@pytest.mark.parametrize("name", EXPORTERS)
def test_profiler_report_and_registry_write_the_same(name, report_class, tmp_path, monkeypatch):
    report = REPORTS[report_class]()
    profiler = (MemoryProfiler if report_class is MemoryProfilerReport else SMRProfiler)()
    monkeypatch.setattr(profiler, "report", lambda: report)
    EXPORTERS[name].write(report, tmp_path / "registry")
    expected = (tmp_path / "registry").read_bytes()
    for number, source in enumerate((profiler, report)):
        path = tmp_path / str(number)
        method = getattr(source, f"to_{name}")
        if "path" in inspect.signature(method).parameters:
            assert method(path) is None
            assert path.read_bytes() == expected
        else:
            assert method().encode() == expected  # Prometheus gives its text


def test_a_format_may_be_bytes(tmp_path, monkeypatch):
    module = type(sys)("concurrent_collections.exporters.toy")
    module.chunks = lambda report: [b"\x00\xff", "text"]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    type(EXPORTERS["json"])("toy", "a toy").write(object(), tmp_path / "toy")
    assert (tmp_path / "toy").read_bytes() == b"\x00\xfftext"


def test_kind_names_its_report_class():
    for report_class, make in REPORTS.items():
        assert kind_of(make()) is kind_of(report_class)
        assert kind_of(report_class).report is report_class


@pytest.mark.parametrize("report", [None, {}, object()])
def test_what_is_no_report_is_named(report, tmp_path):
    message = f"expected a report, not {type(report).__name__}"
    for write in (exporters.write_json, exporters.write_csv, exporters.write_html):
        with pytest.raises(TypeError, match=message):
            write(report, tmp_path / "report")
    with pytest.raises(TypeError, match=message):
        exporters.prometheus_text(report)


# Former names ---------------------------------------------------------------------------------------------------------

FORMER = {
    "concurrent_collections.exporters": "smr_prometheus_text smr_recommend smr_verdict",
    "concurrent_collections.exporters.csv_format": "COLUMNS write_csv",
    "concurrent_collections.exporters.figures": "SMR_VIEWS VIEWS Figure latency_caption",
    "concurrent_collections.exporters.html": "MAX_LEAK_ROWS render_html write_html",
    "concurrent_collections.exporters.json_format": (
        "SCHEMA SCHEMA_VERSION SMR_SCHEMA read_json report_from_dict report_to_dict write_json"
    ),
    "concurrent_collections.exporters.prometheus": (
        "LATENCY_BOUNDS_NS MAX_THREAD_LABELS MemoryProfilerCollector SnapshotSource prometheus_text"
    ),
    "concurrent_collections.exporters.recommendations": (
        "NEGLIGIBLE_LEAK RULES Recommendation Verdict plural recommend verdict"
    ),
    "concurrent_collections.exporters.sites": "NO_FRAME Frame blame leak_lines leak_sites parse_frame short_location",
    "concurrent_collections.exporters.smr_html": "MAX_DOMAIN_ROWS MAX_THREAD_ROWS smr_page",
    "concurrent_collections.exporters.smr_prometheus": (
        "DELAY_BOUNDS_NS MAX_DOMAIN_LABELS SMRCollector smr_prometheus_text"
    ),
    "concurrent_collections.exporters.smr_recommendations": "SMR_RULES smr_recommend smr_verdict",
    "concurrent_collections.exporters.theme": "COLORS SERIES css_variables",
}


@pytest.mark.parametrize("module", FORMER)
def test_former_paths_and_names_still_work(module):
    loaded = importlib.import_module(module)
    for name in FORMER[module].split():
        assert getattr(loaded, name) is not None


def test_former_functions_of_reclamation_take_its_reports():
    report = sample_smr_reports.stalled_report()
    assert exporters.smr_verdict(report).level == "serious"
    assert exporters.smr_recommend(report)[0].rule == "stall"
    text = exporters.smr_prometheus_text(report, domain_labels=True)
    assert 'cc_smr_domain_pending_nodes{domain="sessions"}' in text


# What is not installed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("package", "call"),
    [
        ("plotly", lambda report: exporters.render_html(report)),
        ("prometheus_client", lambda report: exporters.prometheus_text(report)),
        ("prometheus_client", lambda report: exporters.MemoryProfilerCollector(None).describe()),
        ("prometheus_client", lambda report: list(exporters.MemoryProfilerCollector(None).collect())),
    ],
)
@pytest.mark.parametrize("gone", ["absent", "empty folder"])
def test_what_is_missing_is_named_with_what_installs_it(package, call, gone, monkeypatch, tmp_path):
    for name in list(sys.modules):
        if name.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    if gone == "absent":
        monkeypatch.setitem(sys.modules, package, None)
    else:  # left by an uninstallation: Python takes it for a namespace package
        (tmp_path / package).mkdir()
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(ModuleNotFoundError, match=f"needs {package}: pip install {package}") as caught:
        call(sample_reports.full_report())
    assert caught.value.name == package


def test_plotly_without_its_script_is_named(monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "plotly", raising=False)
    (tmp_path / "plotly").mkdir()
    (tmp_path / "plotly/__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="lacks: pip install --force-reinstall plotly"):
        exporters.render_html(sample_reports.full_report())
