"""What one allocation and its free cost: cc_alloc with statistics off and on, cc_alloc_node, and their peers in the
same run.

Compiles benchmarks/c/alloc.c against libcc built from the tree, and runs it: see there for the peers. All figures are
nanoseconds of processor time for an allocation and its free; the peers take turns round by round, and a ratio is one of
medians.
"""

from __future__ import annotations

import argparse
import collections
import statistics
from pathlib import Path

from . import _report
from ._programs import BUILD, HERE, build_module, run

# What is promised, as (workload, peer, other, most, unit): a ratio of medians, or a difference in ns.
TARGETS = [
    ("cc_alloc + cc_free, statistics off, against mi_malloc + mi_free", "cc_off", "mi", 1.05, "x"),
    ("statistics on, more than off", "cc_on", "cc_off", 1.0, "ns"),
    ("cc_alloc_node(24) + cc_free against mi_malloc(64) + mi_free", "node24", "mi", 1.10, "x"),
]


def compile_program() -> tuple[Path, Path]:
    """The program, and the shared libmimalloc that it is to load."""
    build = build_module()
    library = build.build_libcc(BUILD)
    include, archive = build.mimalloc_flags(BUILD / "mimalloc")
    shared = sorted((build.wheel_prefix() / "lib").glob("libmimalloc.so.*"))[0]
    program = BUILD / "alloc"
    build.run(
        [
            *build.compiler(), "-std=gnu11", "-O2", "-falign-loops=32", "-pthread", *build.WARNINGS,
            f"-I{build.INCLUDE}",
            *include, HERE / "c" / "alloc.c", library, f"-Wl,-rpath,{library.parent}", *archive, "-ldl", "-o", program,
        ]
    )  # fmt: skip
    return program, shared


def measure(rounds: int, pairs: int) -> list[dict]:
    """One dictionary for each workload, size, number of threads and peer."""
    program, shared = compile_program()
    results = []
    for result in run(program, shared, rounds, pairs):
        samples = result.pop("nanoseconds")
        results.append(
            result
            | {"median": statistics.median(samples), "min": min(samples), "max": max(samples), "rounds": len(samples)}
        )
    return results


def judge(results: list[dict]) -> list[dict]:
    """Each target over the one-thread workloads: the typical case, and the best and worst of them.

    A node is compared within its own rounds, the others within theirs.
    """
    cases = collections.defaultdict(dict)
    for result in results:
        if result["threads"] == 1:
            cases[result["set"], result["workload"], result["size"]][result["peer"]] = result["median"]
    judged = []
    for text, peer, other, most, unit in TARGETS:
        found = {
            f"{workload} {size}": medians[peer] / medians[other] if unit == "x" else medians[peer] - medians[other]
            for (_, workload, size), medians in cases.items()
            if peer in medians and other in medians
        }
        judged.append(
            {"target": text, "at_most": most, "unit": unit, "median": statistics.median(found.values()), "cases": found}
        )
    return judged


def print_table(results: list[dict], judged: list[dict]) -> None:
    print(
        "ns of processor time for one allocation and its free: median (min..max) of the rounds, and times mi's median"
    )
    print("pair: freed at once; batch: 128 allocated, then freed; ring: freed by another thread, both threads' time\n")
    groups = collections.defaultdict(list)
    for result in results:
        groups[result["set"], result["workload"], result["size"], result["threads"]].append(result)
    for (_, workload, size, threads), group in groups.items():
        mi = next(result["median"] for result in group if result["peer"] == "mi")
        print(f"{workload}, {size} bytes, {threads} thread{'s' * (threads > 1)}")
        for result in group:
            spread = f"({result['min']:.2f}..{result['max']:.2f})"
            print(f"    {result['peer']:<10} {result['median']:8.2f} {spread:>20} {result['median'] / mi:7.2f}x")
    print()
    for target in judged:
        low, high = min(target["cases"].values()), max(target["cases"].values())
        print(
            f"{target['target']}: {target['median']:.2f} {target['unit']} ({low:.2f}..{high:.2f}), "
            f"promised at most {target['at_most']:.2f} {target['unit']}"
        )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks alloc", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few and short rounds: shows that it runs, no more")
    parser.add_argument("--rounds", type=int, default=61)
    parser.add_argument("--pairs", type=int, default=200_000, help="allocations in a round")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    results = measure(3, 5000) if options.quick else measure(options.rounds, options.pairs)
    judged = judge(results)
    print_table(results, judged)
    document = {
        "benchmark": "alloc",
        "unit": "ns",
        "quick": options.quick,
        "machine": _report.machine(),
        "targets": judged,
        "results": results,
    }
    _report.write_json(options.json or _report.result_file("alloc", quick=options.quick), document)
    return 0
