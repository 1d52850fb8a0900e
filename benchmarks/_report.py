"""What all benchmarks print and keep: tables, JSON files, and what machine they ran on."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


def machine() -> dict[str, Any]:
    """Processor, cores and system, as far as they can be told."""
    model = platform.processor()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return {"processor": model, "cores": os.cpu_count(), "system": platform.platform()}


def print_table(title: str, header: list[str], rows: list[list[str]]) -> None:
    """A Markdown table: the first column left, the others right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        return (
            "| "
            + " | ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths)))
            + " |"
        )

    print(f"\n{title}\n")
    print(line(header))
    print("|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|")
    for row in rows:
        print(line(row), flush=True)


def round_ratios(
    groups: Mapping[str, Mapping[str, list[float]]], pairs: Iterable[tuple[str, str]]
) -> dict[str, dict[str, float]]:
    """For each pair of peers, by group, the median over the rounds of their quotients. groups: by name, each peer's
    figures, one for each round. Where a peer of the pair is missing there is no ratio; a pair without any is left
    out.
    """
    ratios = {
        f"{one} / {other}": {
            group: statistics.median(a / b for a, b in zip(peers[one], peers[other]))
            for group, peers in groups.items()
            if one in peers and other in peers
        }
        for one, other in pairs
    }
    return {pair: found for pair, found in ratios.items() if found}


def result_file(name: str, *, quick: bool) -> Path:
    """Where a benchmark's results go by default. Those of a quick run, which say nothing, stay out of what git
    tracks.
    """
    return (RESULTS.parents[1] / "build" / "benchmarks" if quick else RESULTS) / f"{name}.json"


def medians(value: Any) -> Any:
    """The same results with a median in place of samples, of four digits.

    Samples are a list of three floats or more, or records that differ in floats and in their round only. Of records
    that have a median already, least and most are left out.
    """
    match value:
        case float():
            return float(f"{value:.4g}")
        case dict():
            return {
                key: medians(item) for key, item in value.items() if not ("median" in value and key in ("min", "max"))
            }
        case list() if len(value) > 2 and all(isinstance(item, float) for item in value):
            return medians(statistics.median(value))
        case list() if value and all(isinstance(item, dict) for item in value):
            return _median_records([medians(item) for item in value])
        case list() | tuple():
            return [medians(item) for item in value]
    return value


def _median_records(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One record for all that differ in floats and in their round only."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        fixed = {key: item for key, item in record.items() if key != "round" and not isinstance(item, float)}
        groups.setdefault(json.dumps([fixed, sorted(record)], sort_keys=True), []).append(record)
    return [
        {
            key: medians(statistics.median(record[key] for record in group)) if isinstance(item, float) else item
            for key, item in group[0].items()
            if key != "round"
        }
        for group in groups.values()
    ]


def _as_text(value: Any, indent: str = "") -> str:
    """JSON with a record a line."""
    inside = indent + " "
    match value:
        case dict() if value and any(isinstance(item, (dict, list)) for item in value.values()):
            rows = [f"{json.dumps(key)}: {_as_text(item, inside)}" for key, item in sorted(value.items())]
            return "{\n" + ",\n".join(inside + row for row in rows) + f"\n{indent}}}"
        case list() if value and isinstance(value[0], dict):
            return "[\n" + ",\n".join(inside + json.dumps(item, sort_keys=True) for item in value) + f"\n{indent}]"
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def write_json(path: Path, results: dict[str, Any]) -> None:
    """Keeps the medians, and what they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_as_text(medians(results)) + "\n")
    print(f"\nwritten: {path}")
