"""Files are written as a whole or not at all, and text for people is harmless."""

from __future__ import annotations

import math
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sample_reports
import sample_smr_reports

from concurrent_collections import exporters
from concurrent_collections.exporters._files import write_file
from concurrent_collections.exporters._format import (
    display,
    format_bytes,
    format_count,
    format_ns,
    format_percent,
    format_seconds,
)

WRITERS = [exporters.write_json, exporters.write_csv, exporters.write_html]


def broken():
    yield "half of "
    raise RuntimeError("the report could not be rendered")


def test_error_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "report"
    path.write_text("old")
    with pytest.raises(RuntimeError):
        write_file(path, broken())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report"]


def test_error_leaves_no_file_where_none_was(tmp_path):
    with pytest.raises(RuntimeError):
        write_file(tmp_path / "report", broken())
    assert os.listdir(tmp_path) == []


def test_existing_file_is_replaced_and_keeps_its_mode(tmp_path):
    path = tmp_path / "report"
    path.write_text("old and much longer")
    path.chmod(0o640)
    write_file(path, ["new"])
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_new_file_has_the_mode_that_open_gives(tmp_path):
    (tmp_path / "plain").write_text("")
    write_file(tmp_path / "ours", [""])
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_symbolic_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_file(link, ["new"])
    assert link.is_symlink() and target.read_text() == "new"


def test_device_is_written_and_not_replaced():
    write_file(os.devnull, ["text"])
    assert not stat.S_ISREG(os.stat(os.devnull).st_mode)


def test_pipe_is_written_directly(tmp_path):
    reader, writer = os.pipe()
    try:
        write_file(f"/dev/fd/{writer}", ["through the pipe"])
        assert os.read(reader, 100) == b"through the pipe"
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("write", WRITERS)
def test_unwritable_path_is_the_plain_error_with_its_name(write, tmp_path):
    path = tmp_path / "none" / "report"
    with pytest.raises(FileNotFoundError) as caught:
        write(sample_reports.full_report(), path)
    assert caught.value.filename == str(path)
    with pytest.raises(IsADirectoryError):
        write(sample_reports.full_report(), tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("write", WRITERS)
def test_full_disk_is_the_plain_error(write):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    with pytest.raises(OSError, match="No space left"):
        write(sample_reports.full_report(), "/dev/full")


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("name", ["full", "empty", "hostile", "sampled"])
def test_every_writer_takes_every_report(write, name, tmp_path):
    path = tmp_path / "report"
    write(getattr(sample_reports, f"{name}_report")(), path)
    assert path.stat().st_size > 500
    assert os.listdir(tmp_path) == ["report"]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("name", ["stalled", "healthy", "empty", "hostile"])
def test_every_writer_takes_every_reclamation_report(write, name, tmp_path):
    path = tmp_path / "report"
    write(getattr(sample_smr_reports, f"{name}_report")(), path)
    assert path.stat().st_size > 500
    assert os.listdir(tmp_path) == ["report"]


def test_importing_every_exporter_imports_nothing_third_party():
    folder = Path(exporters.__file__).parent
    modules = [".".join(path.relative_to(folder).with_suffix("").parts) for path in folder.rglob("*.py")]
    modules = [name.removesuffix(".__init__") for name in modules if name != "__init__"]
    assert {"csv", "html", "json", "prometheus", "memory.page", "reclamation"} <= set(modules)
    imports = "; ".join(f"import concurrent_collections.exporters.{name}" for name in modules)
    code = (
        f"{imports}; import sys; print(*[name for name in ('plotly', 'prometheus_client', 'numpy') if name in"
        " sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_package_offers_its_names_and_no_other():
    for name in exporters.__all__:
        assert getattr(exporters, name).__name__ == name.removeprefix("smr_")
    assert set(exporters.__all__) <= set(dir(exporters))
    with pytest.raises(AttributeError, match="no attribute 'write_pdf'"):
        exporters.write_pdf  # noqa: B018


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Ž", "plain Ž"),
        ("a\nb\r\t\x00\x1b", "a\\nb\\r\\t\\x00\\x1b"),
        ("\udc80\u202e\u2028", "\\udc80\\u202e\\u2028"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_display_makes_one_harmless_line(text, shown):
    assert display(text) == shown


def test_display_shortens_in_the_middle():
    assert display("abcdefghij", 10) == "abcdefghij"
    assert display("abcdefghijk", 10) == "abcde…hijk"
    assert len(display("x" * 9999, 28)) == 28


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1048575, "1 MiB"),
        (88_289_280, "84.2 MiB"),
        (-2048, "-2 KiB"),
        (None, "–"),
        (math.nan, "–"),
        (2**70, "1024 EiB"),
    ],
)
def test_format_bytes(value, text):
    assert format_bytes(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (9999, "9,999"), (10_000, "10 k"), (1_523_456, "1.52 M"), (999_950, "1 M"), (3.74, "3.74"), (None, "–")],
)
def test_format_count(value, text):
    assert format_count(value) == text


def test_format_times_and_percentages():
    assert [format_ns(value) for value in (0.5, 41.4, 999.6, 33_700, 5e9)] == [
        "0.5 ns",
        "41.4 ns",
        "1 µs",
        "33.7 µs",
        "5 s",
    ]
    assert [format_seconds(value) for value in (0, 0.35, 12.4, 245, 7800)] == [
        "0 s",
        "350 ms",
        "12.4 s",
        "4 min 05 s",
        "2 h 10 min",
    ]
    assert [format_percent(value) for value in (0, 0.0001, 0.031, 0.5, 1, None)] == [
        "0 %",
        "< 0.1 %",
        "3.1 %",
        "50 %",
        "100 %",
        "–",
    ]
