"""What safe memory reclamation costs and leaves unfreed: cc/smr.h beside Concurrency Kit and liburcu, in one process.

Compiles benchmarks/c/smr.c against libcc built from the tree, and runs it: see there for the peers and workloads.
Debian's libck-dev and liburcu-dev bring the peers; one that is not installed is left out. Times are nanoseconds of the
whole process's processor time for one operation, helper threads included; the peers take turns round by round, and a
ratio is one of medians. The JSON file has the elapsed times, too. benchmarks/c/smr_stall.c then prints how pending
bytes grow while one thread sleeps inside a section, and fails if a bound of cc/smr.h does not hold.
"""

from __future__ import annotations

import argparse
import collections
import os
import statistics
import subprocess
import sys
from pathlib import Path

from . import _report
from ._programs import BUILD, HERE, build_module, run

# What is promised, as (workload, peer, at most ns, or at most the median of another peer on as many threads).
TARGETS = [
    ("section", "ibr", 1.5),
    ("section", "ibr_call", 3.5),
    ("section", "debra", 15.0),
    ("update", "ibr", "ck_hp"),
    ("update", "debra", "ck_hp"),
]
TITLES = {
    "section": "Read section: enter and exit (ck_hp: one hazard pointer set and cleared), ns",
    "read": "Read section with one protected load, ns",
    "update": "Allocate, publish, retire and free a node, ns per node",
}
PEER_LIBRARIES = {"ck": "ck_epoch.h", "urcu-memb": "urcu/urcu-memb.h", "urcu-qsbr": "urcu/urcu-qsbr.h"}


def compile_program(name: str, *, peers: bool = False) -> Path:
    build = build_module()
    library = build.build_libcc(BUILD)
    program = BUILD / name
    command = [
        *build.compiler(),
        "-std=gnu11",
        "-O2",
        "-falign-loops=32",
        "-pthread",
        *build.WARNINGS,
        f"-I{build.INCLUDE}",
    ]
    link = []
    for peer, header in PEER_LIBRARIES.items() if peers else ():
        test = subprocess.run(
            [*command, "-E", "-xc", "-"], input=f"#include <{header}>\n", capture_output=True, text=True
        )
        if test.returncode == 0:
            link.append(f"-l{peer}")
    if "-lurcu-memb" in link:
        link.append("-lurcu-common")
    build.run([*command, HERE / "c" / f"{name}.c", library, f"-Wl,-rpath,{library.parent}", *link, "-o", program])
    return program


def summarize(result: dict) -> dict:
    """A line of the program with its samples replaced by their median, least and most."""
    for clock in ("processor", "elapsed"):
        if clock in result:
            samples = result[clock]
            result[clock] = {"median": statistics.median(samples), "min": min(samples), "max": max(samples)}
    return result


def judge(medians: dict) -> list[dict]:
    judged = []
    for workload, peer, most in TARGETS:
        for threads in (1, 2, 4):
            limit = medians.get((workload, most, threads)) if isinstance(most, str) else most
            actual = medians[workload, peer, threads]
            if limit is not None:
                judged.append(
                    {"workload": workload, "peer": peer, "threads": threads, "ns": actual, "at_most": limit,
                     "of": most if isinstance(most, str) else None, "kept": actual <= limit}
                )  # fmt: skip
    return judged


def print_times(results: list[dict]) -> None:
    for workload, title in TITLES.items():
        table = collections.defaultdict(dict)
        for result in results:
            if result["workload"] == workload:
                table[result["peer"]][result["threads"]] = result["processor"]
        threads = sorted({count for row in table.values() for count in row})
        rows = [
            [peer, *(f"{row[n]['median']:.2f} ({row[n]['min']:.2f}..{row[n]['max']:.2f})" for n in threads)]
            for peer, row in table.items()
        ]
        _report.print_table(title, ["peer", *(f"{n} thread{'s' * (n > 1)}" for n in threads)], rows)


def print_pending(results: list[dict]) -> None:
    table = collections.defaultdict(dict)
    for result in results:
        if result["workload"] == "pending":
            table[result["peer"]][result["stalled"], result["threads"]] = result
    columns = sorted({key for row in table.values() for key in row})
    for stalled in (False, True):
        keys = [key for key in columns if key[0] == stalled]
        milliseconds = next(row[keys[0]]["milliseconds"] for row in table.values())
        title = f"Most bytes retired and not freed within {milliseconds} ms (million nodes retired meanwhile), "
        title += "one reader asleep inside its section; stopped at 1 GiB" if stalled else "no reader"
        rows = [
            [peer, *(f"{row[key]['peak_bytes']:,} ({row[key]['retired'] / 1e6:.1f})" for key in keys)]
            for peer, row in table.items()
        ]
        _report.print_table(title, ["peer", *(f"{n} thread{'s' * (n > 1)}" for _, n in keys)], rows)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks smr", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few and short rounds: shows that it runs, no more")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument(
        "--updates", type=int, default=200_000, help="of a thread in a round; sections are four times as many"
    )
    parser.add_argument("--stall", type=int, default=2000, metavar="MS", help="how long the reader sleeps")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.updates, options.stall = 3, 5000, 20

    program, stall = compile_program("smr", peers=True), compile_program("smr_stall")
    results = [
        summarize(line) for line in run(program, os.cpu_count() or 1, options.rounds, options.updates, options.stall)
    ]
    medians = {(r["workload"], r["peer"], r["threads"]): r["processor"]["median"] for r in results if "processor" in r}
    targets = judge(medians)
    print_times(results)
    print_pending(results)
    print(flush=True)
    curve = subprocess.run([stall, "200000" if options.quick else "10000000"], stdout=subprocess.PIPE, text=True)
    print(curve.stdout)
    for target in targets:
        limit = f"{target['at_most']:.2f} ns" + (f" ({target['of']})" if target["of"] else "")
        print(
            f"{'kept' if target['kept'] else 'MISSED'}: {target['workload']}, {target['peer']}, threads "
            f"{target['threads']}: "
            f"{target['ns']:.2f} ns, at most {limit}"
        )
    for name in sorted({"ck_epoch", "call_rcu"} - {result["peer"] for result in results}):
        print(f"not installed, left out: {name}'s library", file=sys.stderr)
    _report.write_json(
        options.json or _report.result_file("smr", quick=options.quick),
        {"benchmark": "smr", "quick": options.quick, "machine": _report.machine(), "targets": targets,
        "results": results,
         "curve": curve.stdout.splitlines()},
    )  # fmt: skip
    return curve.returncode
