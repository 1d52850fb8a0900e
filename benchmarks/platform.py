"""What Platform_Alloc and Platform_Free cost beside cc_alloc and cc_free, and a private heap beside glibc's malloc and
Wine's heap.

Compiles benchmarks/c/platform.c and benchmarks/c/platform_heap.c against libcc built from the tree, and the second also
for Windows with mingw-w64, which Wine runs where both are there. See the programs for workloads and peers; ratios are
taken within a round, Wine's rounds come after the others.
"""

from __future__ import annotations

import argparse
import collections
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from ._programs import BUILD, HERE, build_module, run
from ._report import machine, print_table, result_file, round_ratios, write_json

MINGW = "x86_64-w64-mingw32-gcc"
PAIRS = [
    ("platform", "cc"),
    ("platform_unsized", "cc"),
    ("platform_temp", "cc"),
    ("platform_function", "cc_function"),
    ("platform_clear", "cc_calloc"),
    ("platform", "glibc"),
]
TARGETS = [("platform", "cc", 1.15), ("platform_function", "cc_function", 1.15)]


def compile_native(name: str) -> Path:
    build = build_module()
    library = build.build_libcc(BUILD)
    program = BUILD / name
    build.run(
        [
            *build.compiler(), "-std=gnu11", "-O2", "-falign-loops=32", "-pthread", *build.WARNINGS,
            f"-I{build.INCLUDE}",
            HERE / "c" / f"{name}.c", library, f"-Wl,-rpath,{library.parent}", "-o", program,
        ]
    )  # fmt: skip
    return program


def measure_wine(rounds: int, blocks: int) -> list[dict]:
    """Empty where Wine or the compiler for it is missing."""
    if not shutil.which("wine") or not shutil.which(MINGW):
        print("without Wine and mingw-w64: its heap is left out", file=sys.stderr)
        return []
    program = BUILD / "platform_heap.exe"
    build_module().run([MINGW, "-O2", HERE / "c" / "platform_heap.c", "-o", program])
    quiet = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml=", "WINEPREFIX": str(BUILD / "wine")}
    try:
        return run("wine", program, rounds, blocks, **quiet)
    finally:
        subprocess.run(["wine", "wineboot", "-k"], env={**os.environ, **quiet}, capture_output=True)


def by_case(results: list[dict]) -> dict[str, dict[str, list[float]]]:
    cases = collections.defaultdict(lambda: collections.defaultdict(list))
    for result in results:
        size = f" {result['size']}" if "size" in result else ""
        cases[result["workload"] + size][result["peer"]].append(result["nanoseconds"])
    return cases


def print_speed(results: list[dict]) -> dict[str, dict[str, float]]:
    """Prints all figures and returns the ratios of PAIRS."""
    cases = by_case(results)
    names = list(next(iter(cases.values())))
    rows = [[case, *(f"{statistics.median(peers[name]):.2f}" for name in names)] for case, peers in cases.items()]
    print_table(
        "ns of processor time for one allocation and its free, median of the rounds", ["workload", *names], rows
    )
    ratios = round_ratios(cases, PAIRS)
    rows = [[case, *(f"{found[case]:.2f}" for found in ratios.values())] for case in cases]
    print_table("time relative to the peer, median of the rounds' ratios", ["workload", *ratios], rows)
    print()
    for one, other, most in TARGETS:
        for shape in ("pair", "batch"):
            found = [ratio for case, ratio in ratios[f"{one} / {other}"].items() if case.startswith(shape)]
            spread = f"{statistics.median(found):.2f} ({min(found):.2f}..{max(found):.2f})"
            print(f"{one} against {other}, {shape}: {spread}, promised at most {most} in the middle of the sizes")
    return ratios


def print_heaps(results: list[dict]) -> None:
    cases = by_case(results)
    names = [name for name in ("libcc", "glibc", "wine") if any(name in peers for peers in cases.values())]
    # The first round is the one in which all get their memory from the system.
    rows = [[case, *(f"{statistics.median(peers[name][1:]):.2f}" for name in names)] for case, peers in cases.items()]
    print_table("private heaps: ns for a block, median of the rounds but the first", ["workload", *names], rows)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks platform", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="few and short rounds, without Wine: shows that it runs, no more"
    )
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--pairs", type=int, default=200_000, help="allocations in a round")
    parser.add_argument("--blocks", type=int, default=1_000_000, help="blocks in a heap")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    rounds, pairs, blocks = (2, 4000, 5000) if options.quick else (options.rounds, options.pairs, options.blocks)
    results = run(compile_native("platform"), rounds, pairs)
    heap_rounds = max(2, rounds // 4)
    heaps = run(compile_native("platform_heap"), heap_rounds, blocks)
    if not options.quick:
        heaps += measure_wine(heap_rounds, blocks)
    ratios = print_speed(results)
    print_heaps(heaps)
    write_json(
        options.json or result_file("platform", quick=options.quick),
        {"machine": machine(), "quick": options.quick, "ratios": ratios, "results": results, "heaps": heaps},
    )
    return 0
