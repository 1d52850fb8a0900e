"""The CSV table of a memory report."""

from __future__ import annotations

from collections.abc import Iterator

from ...profiling.report import MemoryProfilerReport
from .._rows import Row, about_rows, bucket_rows, fields, number, unit

__all__ = ["MAX_SITES", "rows"]

MAX_SITES = 5000
"""The table has as many sites, the largest, and one row with the sums of the others."""


def rows(report: MemoryProfilerReport) -> Iterator[Row]:
    """All rows, in the order of the sections."""
    objects = ("size_histogram", "leaked_allocations", "latency")  # perhaps None, and then no number either
    yield from fields(report, "summary", "", "", skip=objects, accuracy=report.accuracy)
    yield from _fragmentation_rows(report)
    yield from _size_rows(report)
    for name, domain in report.domains.items():
        accuracy = dict.fromkeys(vars(domain), report.accuracy.get("domains", ""))
        yield from fields(domain, "domain", name, "", accuracy=accuracy)
    for thread in report.thread_stats:
        item, label = str(thread.thread_id), thread.thread_name or ""
        yield from fields(thread, "thread", item, label, skip=("thread_id", "thread_name"))
    for flow in report.cross_thread_flows:
        item = f"{flow.alloc_thread_id}>{flow.free_thread_id}"
        label = f"{flow.alloc_thread_name or flow.alloc_thread_id} > {flow.free_thread_name or flow.free_thread_id}"
        yield "cross_thread", item, label, "count", flow.count, "blocks", ""
        yield "cross_thread", item, label, "bytes", flow.bytes, "bytes", ""
    for index, point in enumerate(report.timeline):
        yield from fields(point, "timeline", str(index), "")
    if report.latency is not None:
        yield from fields(report.latency, "latency", "", report.latency.clock, skip=("alloc", "free", "clock"))
        yield from bucket_rows("latency_alloc", report.latency.alloc)
        yield from bucket_rows("latency_free", report.latency.free)
    yield from _site_rows(report)
    for record in report.leaked_allocations or ():
        yield from fields(record, "leak", hex(record.ptr), _stack(record.stack_trace), skip=("ptr", "stack_trace"))
    yield from fields(report.sampling, "sampling", "", report.sampling.mode, skip=("mode",))
    for name, error in report.sampling.standard_error.items():
        cell = number(error)
        yield "standard_error", name, "", "standard_error", "" if cell is None else cell, unit(name), ""
    yield from about_rows(report.notes, report.environment)


def _fragmentation_rows(report: MemoryProfilerReport) -> Iterator[Row]:
    sources, accuracy = report.fragmentation.sources, report.accuracy.get("fragmentation", "")
    for section, item, _, metric, value, unit_name, _ in fields(report.fragmentation, "fragmentation", "", ""):
        yield section, item, sources.get(metric, ""), metric, value, unit_name, accuracy


def _size_rows(report: MemoryProfilerReport) -> Iterator[Row]:
    if report.size_histogram is None:
        return
    accuracy = report.accuracy.get("size_histogram", "")
    for size_range, count in report.size_histogram.buckets.items():
        yield "size", size_range, "", "alloc_count", count, "allocations", accuracy
    accuracy = report.accuracy.get("size_histograms", "")
    for domain, histogram in report.size_histograms.items():
        for size_range, count in histogram.buckets.items():
            yield "size_domain", size_range, domain, "alloc_count", count, "allocations", accuracy


def _site_rows(report: MemoryProfilerReport) -> Iterator[Row]:
    for index, site in enumerate(report.live_sites[:MAX_SITES]):
        yield from fields(site, "site", str(index), _stack(site.stack_trace), skip=("stack_trace",))
    if rest := report.live_sites[MAX_SITES:]:
        label = f"{len(rest)} smaller sites"
        yield "site", "rest", label, "count", sum(site.count for site in rest), "blocks", ""
        yield "site", "rest", label, "bytes", sum(site.bytes for site in rest), "bytes", ""


def _stack(frames: list[str] | None) -> str:
    return " < ".join(frames or ())
