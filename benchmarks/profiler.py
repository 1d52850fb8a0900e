"""Overhead of the profiler beside tracemalloc and memray, in one run.

A round starts a process for each mode, all on one processor, and runs each workload in one after the other: what a process's
layout happens to be, and how fast the machine happens to be, differs from round to round. It gives each mode's ratio to "off"
(of processor times, the fastest of five); the table shows the medians of the ratios over the rounds. With pyperformance installed four of its benchmarks run, too; memray stands in the table where it is
installed. ``idle``: after a profile was taken. ``512 KiB``: sampled by bytes. ``exact``: sizes, threads, cross-thread frees.
``leaks+stacks``: exact, with leaks and 32 frames.
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
MODES = ["off", "idle", "rate 0.01", "512 KiB", "exact", "exact+latency", "leaks+stacks", "tracemalloc", "memray"]


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


def measure(
    python: str, modes: list[str], rounds: int, commands: dict[str, dict[str, object]]
) -> dict[str, dict[str, object]]:
    """For each command its ratios to "off" by mode, and the median of its seconds."""
    seconds: dict[str, dict[str, list[float]]] = {name: {mode: [] for mode in modes} for name in commands}
    for _ in range(rounds):
        workers = [Worker(python, mode) for mode in modes]
        failed = [worker for worker in workers if not worker.ready]
        if failed:
            raise SystemExit(f"{python}: {failed[0].mode} did not start: {failed[0].process.stderr.read()}")
        for name, command in commands.items():
            for worker in workers:
                seconds[name][worker.mode].append(worker.run(**command))
        for worker in workers:
            worker.close()
    found = {}
    for name, by_mode in seconds.items():
        ratios = {mode: [value / off for value, off in zip(by_mode[mode], by_mode["off"])] for mode in modes}
        found[name] = {
            "seconds_off": statistics.median(by_mode["off"]),
            "ratio": {mode: statistics.median(values) for mode, values in ratios.items()},
            "spread": {mode: [min(values), max(values)] for mode, values in ratios.items()},
        }
    return found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks profiler", description=__doc__)
    parser.add_argument("--python", action="append", help="interpreter to measure, with the package installed")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--quick", action="store_true", help="one round, no live-block series")
    parser.add_argument("--live", type=int, default=10_000_000, help="most live blocks of the live-block series; 0: no series")
    parser.add_argument("--json", type=Path, default=report.RESULTS / "profiler.json")
    options = parser.parse_args(arguments)
    rounds = 1 if options.quick else options.rounds
    results: dict[str, object] = {"machine": report.machine()}
    for python in options.python or [sys.executable]:
        version = subprocess.run(
            [python, "-c", "import sys; print(sys.version.split()[0] + sys.abiflags)"], capture_output=True, text=True
        ).stdout.strip()
        modes = [mode for mode in MODES if mode != "memray" or has(python, "memray")]
        others = OTHERS if has(python, "pyperformance") else []
        table = measure(python, modes, rounds, {n: {"work": n, "repeat": REPEATS} for n in HEAVY + others})
        rows = []
        for name, found in table.items():
            rows.append([name, f"{found['seconds_off'] * 1e3:.1f}", *(f"{found['ratio'][m]:.2f}" for m in modes[1:])])
        for label, names in (("median, heavy", HEAVY), ("median, others", others)):
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
                command = {"work": "churn", "live": count}
                found = measure(python, chosen, 3 if count <= 1_000_000 else 1, {"churn": command})["churn"]
                series[count] = found
                rows.append([f"{count:,}", *(f"{found['ratio'][mode]:.2f}" for mode in chosen[1:])])
            report.print_table(
                f"Python {version}: 200,000 replacements among live blocks", ["live blocks", *chosen[1:]], rows
            )
            results[version + " live blocks"] = series
    report.write_json(options.json, results)
    return 0
