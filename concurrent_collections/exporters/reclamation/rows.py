"""The CSV table of a reclamation report."""

from __future__ import annotations

from collections.abc import Iterator

from ...profiling.reclamation_report import SMRProfilerReport
from .._rows import Row, about_rows, bucket_rows, fields

__all__ = ["rows"]


def rows(report: SMRProfilerReport) -> Iterator[Row]:
    yield from fields(report, "summary", "", "", skip=("delay",))
    for domain in report.domains:
        number = str(domain.domain_id)
        label = f"{domain.name} ({domain.scheme})"
        yield from fields(domain, "domain", number, label, skip=("domain_id", "delay"))
        for thread in domain.threads:
            item = f"{number}:{thread.thread_id}"
            yield from fields(thread, "thread", item, thread.thread_name or "", skip=("thread_id", "thread_name"))
        if domain.delay is not None:
            yield from fields(domain.delay, "delay", number, label)
    for index, point in enumerate(report.timeline):
        yield from fields(point, "timeline", str(index), "")
    if report.delay is not None:
        yield from fields(report.delay, "delay", "", "")
        yield from bucket_rows("delay_bucket", report.delay.buckets)
    yield from about_rows(report.notes, report.environment)
