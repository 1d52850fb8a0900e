"""Rows of the CSV table: one for each number of a data class, and what all reports have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ._format import finite

__all__ = ["Row", "about_rows", "bucket_rows", "fields", "number", "unit"]

Row = tuple[str, str, str, str, "str | int | float", str, str]
"""Section, item, label, metric, value, unit, accuracy."""

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


def unit(metric: str) -> str:
    """The unit of a field, by its name."""
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


def number(value: Any) -> str | int | float | None:
    """A cell for a number; None for what is no number at all. Unknown and non-finite values give an empty cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        known = finite(value)
        return "" if known is None else known
    if isinstance(value, datetime):
        return value.timestamp()
    return None


def fields(
    value: Any,
    section: str,
    item: str,
    label: str,
    *,
    skip: tuple[str, ...] = (),
    accuracy: Mapping[str, str] | None = None,
) -> Iterator[Row]:
    """One row for each field of the data class that holds a number or None."""
    for field in dataclasses.fields(value):
        cell = number(getattr(value, field.name))
        if cell is not None and field.name not in skip:
            yield section, item, label, field.name, cell, unit(field.name), (accuracy or {}).get(field.name, "")


def bucket_rows(section: str, buckets: list[tuple[float, float, int]]) -> Iterator[Row]:
    """Three rows for each bucket of a distribution of times."""
    for lower, upper, count in buckets:
        item = f"{lower:g}-{upper:g}"
        yield section, item, "", "lower_ns", lower, "ns", ""
        yield section, item, "", "upper_ns", upper, "ns", ""
        yield section, item, "", "count", count, "samples", ""


def about_rows(notes: list[str], environment: dict[str, Any]) -> Iterator[Row]:
    """Notes, and what was profiled."""
    for index, note in enumerate(notes):
        yield "note", str(index), note, "note", "", "", ""
    for key, text in environment.items():
        yield "environment", str(key), str(text), "environment", "", "", ""
