"""Overhead of the profiler beside tracemalloc and memray, in one run.

A round starts a process for each mode, all on one processor, and runs each workload in one after the other: what a
process's layout happens to be, and how fast the machine happens to be, differs from round to round. It gives each
mode's ratio to "off" (of processor times, the fastest of five); the table shows the medians of the ratios over the
rounds. With pyperformance installed four of its benchmarks run, too; memray stands in the table where it is installed.
``idle``: after a profile was taken. ``hooks``: sampled so rarely that nothing is: the two calls alone. ``512 KiB``:
sampled by bytes. ``exact``: sizes, threads, cross-thread frees. ``leaks+stacks``: exact, with leaks and 32 frames.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from . import _report as report

WORKER = Path(__file__).with_name("_profiler_worker.py")
HEAVY = ["tuples", "json_round_trip", "string_dict", "objects", "log_lines"]
OTHERS = ["richards", "nbody", "fannkuch", "deltablue"]
MODES = [
    "off",
    "idle",
    "hooks",
    "rate 0.01",
    "512 KiB",
    "exact",
    "exact+latency",
    "leaks+stacks",
    "tracemalloc",
    "memray",
]


REPEATS = 5  # of a workload in each round, of which the fastest counts


class Worker:
    """A process that runs workloads in one mode."""

    def __init__(self, python: str, mode: str) -> None:
        self.mode = mode
        self.process = subprocess.Popen(
            [python, "-P", str(WORKER), mode],
            env=os.environ | {"PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline().strip() == "ready"

    def run(self, **command: object) -> float:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def has(python: str, module: str) -> bool:
    return subprocess.run([python, "-P", "-c", f"import {module}"], capture_output=True).returncode == 0


def started(python: str, mode: str) -> Worker:
    worker = Worker(python, mode)
    if not worker.ready:
        raise SystemExit(f"{python}: {mode} did not start: {worker.process.stderr.read()}")
    return worker


def ratios(seconds: dict[str, list[float]]) -> dict[str, object]:
    """Of seconds by mode, one for each round: the median of the ratios to "off" in a round, and their range."""
    by_mode = {mode: [value / off for value, off in zip(values, seconds["off"])] for mode, values in seconds.items()}
    return {
        "seconds_off": statistics.median(seconds["off"]),
        "ratio": {mode: statistics.median(values) for mode, values in by_mode.items()},
        "spread": {mode: [min(values), max(values)] for mode, values in by_mode.items()},
    }


def measure(python: str, modes: list[str], rounds: int, repeat: int, names: list[str]) -> dict[str, dict[str, object]]:
    """The ratios of each workload."""
    seconds: dict[str, dict[str, list[float]]] = {name: {mode: [] for mode in modes} for name in names}
    for _ in range(rounds):
        workers = [started(python, mode) for mode in modes]
        for name in names:
            for worker in workers:
                seconds[name][worker.mode].append(worker.run(work=name, repeat=repeat))
        for worker in workers:
            worker.close()
    return {name: ratios(found) for name, found in seconds.items()}


def measure_live(python: str, modes: list[str], rounds: int, count: int) -> dict[str, object]:
    """The ratios among so many live blocks; no two processes have them at once."""
    seconds: dict[str, list[float]] = {mode: [] for mode in modes}
    for _ in range(rounds):
        for mode in modes:
            worker = started(python, mode)
            seconds[mode].append(worker.run(work="churn", live=count, repeat=REPEATS))
            worker.close()
    return ratios(seconds)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks profiler", description=__doc__)
    parser.add_argument("--python", action="append", help="interpreter to measure, with the package installed")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument(
        "--quick", action="store_true", help="two workloads, once, no live-block series: shows that it runs, no more"
    )
    parser.add_argument(
        "--live", type=int, default=10_000_000, help="most live blocks of the live-block series; 0: no series"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    rounds = 1 if options.quick else options.rounds
    results: dict[str, object] = {"machine": report.machine()}
    for python in options.python or [sys.executable]:
        version = subprocess.run(
            [python, "-c", "import sys; print(sys.version.split()[0] + sys.abiflags)"], capture_output=True, text=True
        ).stdout.strip()
        modes = [mode for mode in MODES if mode != "memray" or has(python, "memray")]
        heavy = HEAVY[:2] if options.quick else HEAVY
        others = OTHERS if has(python, "pyperformance") and not options.quick else []
        table = measure(python, modes, rounds, 1 if options.quick else REPEATS, heavy + others)
        rows = []
        for name, found in table.items():
            rows.append([name, f"{found['seconds_off'] * 1e3:.1f}", *(f"{found['ratio'][m]:.2f}" for m in modes[1:])])
        for label, names in (("median, heavy", heavy), ("median, others", others)):
            if not names:
                continue
            medians = [statistics.median(table[name]["ratio"][mode] for name in names) for mode in modes[1:]]
            rows.append([label, "", *(f"{value:.2f}" for value in medians)])
        report.print_table(f"Python {version}: time relative to off", ["workload", "off, ms", *modes[1:]], rows)
        results[version] = table
        if not options.quick and options.live > 0:
            chosen = ["off", "rate 0.01", "exact", "leaks+stacks"]
            series, rows = {}, []
            for count in [n for n in (10**4, 10**5, 10**6, 10**7) if n < options.live] + [options.live]:
                series[count] = found = measure_live(python, chosen, min(rounds, 5 if count <= 1_000_000 else 1), count)
                rows.append([f"{count:,}", *(f"{found['ratio'][mode]:.2f}" for mode in chosen[1:])])
            report.print_table(
                f"Python {version}: 200,000 replacements among live blocks", ["live blocks", *chosen[1:]], rows
            )
            results[version + " live blocks"] = series
    report.write_json(options.json or report.result_file("profiler", quick=options.quick), results)
    return 0
