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
        return "| " + " | ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths))) + " |"

    print(f"\n{title}\n")
    print(line(header))
    print("|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|")
    for row in rows:
        print(line(row), flush=True)


def round_ratios(
    groups: Mapping[str, Mapping[str, list[float]]], pairs: Iterable[tuple[str, str]]
) -> dict[str, dict[str, float]]:
    """For each pair of peers, by group, the median over the rounds of their quotients. groups: by name, each peer's figures, one
    for each round. Where a peer of the pair is missing there is no ratio; a pair without any is left out."""
    ratios = {
        f"{one} / {other}": {
            group: statistics.median(a / b for a, b in zip(peers[one], peers[other]))
            for group, peers in groups.items()
            if one in peers and other in peers
        }
        for one, other in pairs
    }
    return {pair: found for pair, found in ratios.items() if found}


def write_json(path: Path, results: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    print(f"\nwritten: {path}")
