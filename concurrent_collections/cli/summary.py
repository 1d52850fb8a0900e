"""What the command line says on stderr of a report: a few lines for a person."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..exporters._format import (
    display,
    format_bytes,
    format_count,
    format_ns,
    format_percent,
    format_rate,
    format_seconds,
)
from ..exporters.findings import verdict
from ..exporters.memory.rules import NEGLIGIBLE_LEAK
from ..exporters.memory.sites import Frame, blame, leak_lines, parse_frame
from ..profiling.report import MemoryProfilerReport

__all__ = ["drop_own_frames", "summary"]

SITES = 5
_RUNNER = "<frozen runpy>"


def drop_own_frames(report: MemoryProfilerReport) -> None:
    """Take out of the report's stacks the frames by which Python runs a module: they lie below all of the program's."""
    for stack in (*(site.stack_trace for site in report.live_sites), *_stacks_of_leaks(report)):
        while stack and parse_frame(stack[-1]).file == _RUNNER:
            del stack[-1]


def _stacks_of_leaks(report: MemoryProfilerReport) -> Iterable[list[str]]:
    return (record.stack_trace for record in report.leaked_allocations or () if record.stack_trace)


def summary(report: MemoryProfilerReport, written: list[str]) -> str:
    """The verdict, then a line for each kind of figure."""
    lines = [verdict(report).sentence]
    lines.append(
        f"  allocations   {format_count(report.alloc_count)} of {format_bytes(report.alloc_bytes)} in "
        f"{format_seconds(report.duration_seconds)}, {format_rate(report.alloc_rate)}; "
        f"{format_count(report.free_count)} were freed"
    )
    if report.leaked_bytes is None:
        lines.append(f"  at the end    {format_bytes(report.current_allocated)} still allocated")
    else:
        lines.append(
            f"  at the end    {format_bytes(report.leaked_bytes)} leaked, and "
            f"{format_bytes(report.interpreter_held_bytes)} held by the interpreter"
        )
    lines.append(
        f"  latency       allocation p50 {format_ns(report.alloc_latency_p50)}, "
        f"p99 {format_ns(report.alloc_latency_p99)}; free p50 {format_ns(report.free_latency_p50)}, "
        f"p99 {format_ns(report.free_latency_p99)}"
    )
    if report.cross_thread_free_pct is not None:
        lines.append(f"  cross-thread  {format_percent(report.cross_thread_free_pct / 100)} of the frees")
    if report.leaked_bytes is not None and report.leaked_bytes >= NEGLIGIBLE_LEAK:
        lines += _sites(report)
    lines += [f"  note          {display(note)}" for note in report.notes]
    lines += [f"  report        {display(_short(path))}" for path in written]
    return "\n".join(lines)


def _sites(report: MemoryProfilerReport) -> list[str]:
    """The lines to look at, with all that leaked below them; a line allocates by many stacks."""
    ranked = leak_lines(report)
    lines = [
        f"  leak          {format_bytes(line.bytes)} in {format_count(line.count)} blocks at "
        f"{_place(blame(line.stack_trace))}"
        for line in ranked[:SITES]
    ]
    if rest := ranked[SITES:]:
        size = sum(line.bytes for line in rest)
        lines.append(f"                {format_bytes(size)} at {format_count(len(rest))} other places")
    return lines


def _place(frame: Frame) -> str:
    if not frame.file:
        return display(frame.function)
    return f"{display(_short(frame.file))}:{frame.line} in {display(frame.function)}"


def _short(path: str) -> str:
    """From the current directory, where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):
        return path
    return relative if len(relative) < len(path) and not path.startswith("<") else path
