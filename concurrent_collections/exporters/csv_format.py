"""CSV: one tidy table, one number a row.

Columns: ``section, item, label, metric, value, unit, accuracy``. ``value`` is always a number or empty, so that a
data frame reads the column as numbers; text stands in ``label``. ``item`` tells the rows of one section apart (a
thread's id, a size range, a point's index), ``metric`` is the field's name in the report. For instance in pandas::

    table = pandas.read_csv(path)
    threads = table[table.section == "thread"].pivot(index=["item", "label"], columns="metric", values="value")

==================  ==================  ===================  =============================================
section             item                label                metrics
==================  ==================  ===================  =============================================
``summary``                                                  every number of the report itself
``fragmentation``                       the figure's source  fields of FragmentationMetrics
``size``            range, ``9-16``                          ``alloc_count``
``size_domain``     range               domain               ``alloc_count``
``domain``          domain                                   fields of DomainStats
``thread``          thread id           name                 fields of ThreadMemoryStats
``cross_thread``    ids, ``2>4``        names                ``count``, ``bytes``
``timeline``        index                                    fields of TimelinePoint
``latency``                             the clock            samples, sums, error, floor
``latency_alloc``   ``lower-upper`` ns                       ``lower_ns``, ``upper_ns``, ``count``
``latency_free``    ``lower-upper`` ns                       ``lower_ns``, ``upper_ns``, ``count``
``site``            index               stack                ``count``, ``bytes``, ``held_by_interpreter``
``leak``            address             stack                ``size``, ``timestamp``, ``thread_id``
``sampling``                            the mode             ``rate``, ``interval``, ``samples``
``standard_error``  field                                    ``standard_error``
``note``            index               the note
``environment``     key                 the value
==================  ==================  ===================  =============================================

An SMRProfilerReport has other sections beside ``summary``, ``timeline``, ``note`` and ``environment``:

==================  ==================  ===================  =============================================
``domain``          domain id           name and scheme      fields of SMRDomainStats
``thread``          ids, ``1:4``        name                 fields of SMRThreadStats, by domain and thread
``delay``           domain id or empty                       samples, sum, error; all domains where empty
``delay_bucket``    ``lower-upper`` ns                       ``lower_ns``, ``upper_ns``, ``count``
==================  ==================  ===================  =============================================

A stack stands innermost frame first, joined by `` < ``. A text cell that a spreadsheet would take for a formula gets
a leading apostrophe.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ..profiling.report import MemoryProfilerReport
from ..profiling.reclamation_report import SMRProfilerReport
from ._files import StrPath, write_text
from ._format import display, finite

__all__ = ["COLUMNS", "write_csv"]

COLUMNS = ("section", "item", "label", "metric", "value", "unit", "accuracy")

# What Excel, LibreOffice and Google Sheets take for the beginning of a formula, full-width forms included.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001

_UNITS = {
    "alloc_rate": "allocations/s",
    "free_rate": "frees/s",
    "bytes_rate": "bytes/s",
    "alloc_rate_average": "allocations/s",
    "cross_thread_free_pct": "percent",
    "current_allocated": "bytes",
    "peak_allocated": "bytes",
    "largest_free_block": "bytes",
    "size": "bytes",
    "interval": "bytes",
    "duration_seconds": "seconds",
    "peak_time": "seconds",
    "time": "seconds",
    "timestamp": "unix seconds",
    "start_time": "unix seconds",
    "end_time": "unix seconds",
    "internal_fragmentation": "ratio",
    "external_fragmentation": "ratio",
    "utilization": "ratio",
    "timed_fraction": "ratio",
    "relative_error": "ratio",
    "rate": "ratio",
    "held_by_interpreter": "0 or 1",
    "alive": "0 or 1",
    "cross_thread_frees_sent": "blocks",
    "cross_thread_frees_received": "blocks",
    "leaks_omitted": "blocks",
    "dropped_records": "events",
    "dropped_stacks": "stacks",
    "alloc_samples": "samples",
    "free_samples": "samples",
    "samples": "samples",
    "retired_nodes": "nodes",
    "reclaimed_nodes": "nodes",
    "pending_nodes": "nodes",
    "peak_pending_nodes": "nodes",
    "orphaned_nodes": "nodes",
    "signals": "signals",
    "deaf": "0 or 1",
    "asymmetric": "0 or 1",
    "retire_rate": "nodes/s",
    "reclaim_rate": "nodes/s",
    "polls": "polls",
    "scans": "scans",
    "barriers": "barriers",
    "neutralizations": "neutralizations",
    "fallbacks": "fallbacks",
    "epoch": "epochs",
    "epoch_lag": "epochs",
    "stalled_threads": "threads",
    "stalled": "0 or 1",
    "inside": "0 or 1",
}

Row = tuple[str, str, str, str, "str | int | float", str, str]


def write_csv(report: MemoryProfilerReport | SMRProfilerReport, path: StrPath) -> None:
    """Write the report to ``path`` as one tidy table (UTF-8, lines end with ``\\n``), as a whole or not at all.

    Raises OSError.
    """
    write_text(path, _lines(report))


def _lines(report: MemoryProfilerReport | SMRProfilerReport) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    rows = _smr_rows(report) if isinstance(report, SMRProfilerReport) else _memory_rows(report)
    for section, item, label, metric, value, unit, accuracy in rows:
        writer.writerow((section, _cell(item), _cell(label), metric, value, unit, accuracy))
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(text: str) -> str:
    shown = display(text)
    return f"'{shown}" if text.lstrip(" ").startswith(_FORMULA) else shown


def _unit(metric: str) -> str:
    if metric in _UNITS:
        return _UNITS[metric]
    if metric.endswith("_bytes") or metric == "bytes":
        return "bytes"
    if "latency" in metric or metric.startswith("delay_") or metric.endswith("_ns"):
        return "ns"
    if metric.endswith("count"):
        return (
            "frees"
            if "free_count" in metric and "block" not in metric
            else "allocations"
            if "alloc" in metric
            else "blocks"
        )
    return ""


def _number(value: Any) -> str | int | float | None:
    """A cell for a number; None for what is no number at all. Unknown and non-finite values give an empty cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        number = finite(value)
        return "" if number is None else number
    if isinstance(value, datetime):
        return value.timestamp()
    return None


def _fields(
    value: Any,
    section: str,
    item: str,
    label: str,
    *,
    skip: tuple[str, ...] = (),
    accuracy: dict[str, Any] | None = None,
) -> Iterator[Row]:
    """One row for each field of the data class that holds a number or None."""
    for field in dataclasses.fields(value):
        number = _number(getattr(value, field.name))
        if number is not None and field.name not in skip:
            yield section, item, label, field.name, number, _unit(field.name), str((accuracy or {}).get(field.name, ""))


def _stack(frames: list[str] | None) -> str:
    return " < ".join(frames or ())


def _memory_rows(report: MemoryProfilerReport) -> Iterator[Row]:
    objects = ("size_histogram", "leaked_allocations", "latency")  # perhaps None, and then no number either
    yield from _fields(report, "summary", "", "", skip=objects, accuracy=report.accuracy)
    sources = report.fragmentation.sources
    for _, _, _, metric, value, unit, _ in _fields(report.fragmentation, "fragmentation", "", ""):
        yield (
            "fragmentation",
            "",
            sources.get(metric, ""),
            metric,
            value,
            unit,
            report.accuracy.get("fragmentation", ""),
        )
    yield from _size_rows(report)
    for name, domain in report.domains.items():
        yield from _fields(
            domain, "domain", name, "", accuracy=dict.fromkeys(vars(domain), report.accuracy.get("domains", ""))
        )
    for thread in report.thread_stats:
        yield from _fields(
            thread, "thread", str(thread.thread_id), thread.thread_name or "", skip=("thread_id", "thread_name")
        )
    for flow in report.cross_thread_flows:
        item = f"{flow.alloc_thread_id}>{flow.free_thread_id}"
        label = f"{flow.alloc_thread_name or flow.alloc_thread_id} > {flow.free_thread_name or flow.free_thread_id}"
        yield "cross_thread", item, label, "count", flow.count, "blocks", ""
        yield "cross_thread", item, label, "bytes", flow.bytes, "bytes", ""
    for index, point in enumerate(report.timeline):
        yield from _fields(point, "timeline", str(index), "")
    yield from _latency_rows(report)
    for index, site in enumerate(report.live_sites):
        yield from _fields(site, "site", str(index), _stack(site.stack_trace), skip=("stack_trace",))
    for record in report.leaked_allocations or ():
        yield from _fields(record, "leak", hex(record.ptr), _stack(record.stack_trace), skip=("ptr", "stack_trace"))
    yield from _fields(report.sampling, "sampling", "", report.sampling.mode, skip=("mode",))
    for name, error in report.sampling.standard_error.items():
        number = _number(error)
        yield "standard_error", name, "", "standard_error", "" if number is None else number, _unit(name), ""
    yield from _about_rows(report)


def _about_rows(report: MemoryProfilerReport | SMRProfilerReport) -> Iterator[Row]:
    for index, note in enumerate(report.notes):
        yield "note", str(index), note, "note", "", "", ""
    for key, text in report.environment.items():
        yield "environment", str(key), str(text), "environment", "", "", ""


def _size_rows(report: MemoryProfilerReport) -> Iterator[Row]:
    if report.size_histogram is None:
        return
    for size_range, count in report.size_histogram.buckets.items():
        yield "size", size_range, "", "alloc_count", count, "allocations", report.accuracy.get("size_histogram", "")
    for domain, histogram in report.size_histograms.items():
        for size_range, count in histogram.buckets.items():
            yield (
                "size_domain",
                size_range,
                domain,
                "alloc_count",
                count,
                "allocations",
                report.accuracy.get("size_histograms", ""),
            )


def _latency_rows(report: MemoryProfilerReport) -> Iterator[Row]:
    if report.latency is None:
        return
    yield from _fields(report.latency, "latency", "", report.latency.clock, skip=("alloc", "free", "clock"))
    yield from _bucket_rows("latency_alloc", report.latency.alloc)
    yield from _bucket_rows("latency_free", report.latency.free)


def _bucket_rows(section: str, buckets: list[tuple[float, float, int]]) -> Iterator[Row]:
    for lower, upper, count in buckets:
        item = f"{lower:g}-{upper:g}"
        yield section, item, "", "lower_ns", lower, "ns", ""
        yield section, item, "", "upper_ns", upper, "ns", ""
        yield section, item, "", "count", count, "samples", ""


def _smr_rows(report: SMRProfilerReport) -> Iterator[Row]:
    yield from _fields(report, "summary", "", "", skip=("delay",))
    for domain in report.domains:
        number = str(domain.domain_id)
        label = f"{domain.name} ({domain.scheme})"
        yield from _fields(domain, "domain", number, label, skip=("domain_id", "delay"))
        for thread in domain.threads:
            item = f"{number}:{thread.thread_id}"
            yield from _fields(thread, "thread", item, thread.thread_name or "", skip=("thread_id", "thread_name"))
        if domain.delay is not None:
            yield from _fields(domain.delay, "delay", number, label)
    for index, point in enumerate(report.timeline):
        yield from _fields(point, "timeline", str(index), "")
    if report.delay is not None:
        yield from _fields(report.delay, "delay", "", "")
        yield from _bucket_rows("delay_bucket", report.delay.buckets)
    yield from _about_rows(report)
