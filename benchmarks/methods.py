"""What one allocation and its free cost through each backend of cc/methods.h, against glibc, mimalloc and SQLite's own.

Compiles benchmarks/c/methods.c against libcc built from the tree, and SQLite's mem3 and memsys5 from its source
(tests/tools/sqlite-source; without it they are left out), and runs it: see there for workloads and peers. Figures are
nanoseconds of processor time for an allocation and its free; peers take turns round by round, ratios are taken within a
round. Then how the buffers look after long use, and the worst case of `buddy` beside its bound.
"""

from __future__ import annotations

import argparse
import collections
import statistics
import subprocess
import sys
from pathlib import Path

from ._programs import BUILD, HERE, ROOT, build_module, run
from ._report import machine, print_table, result_file, round_ratios, write_json

PAIRS = [
    ("buddy", "memsys5"),
    ("static", "mem3"),
    ("system", "glibc"),
    ("mimalloc", "mi"),
    ("core_plain", "mi"),
    ("core", "mi"),
]


def sqlite_libraries(build) -> list[Path]:
    """SQLite with memsys5 and with mem3 (one excludes the other); empty where its source cannot be had."""
    done = subprocess.run([ROOT / "tests" / "tools" / "sqlite-source"], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print("without SQLite's source: its allocators are left out", file=sys.stderr)
        return []
    source = Path(done.stdout.strip()) / "build" / "sqlite3.c"
    libraries = []
    for number in (5, 3):
        library = BUILD / f"libsqlite3_mem{number}.so"
        if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
            build.run(
                [
                    *build.compiler(), "-O2", "-w", "-shared", "-fPIC", "-pthread", f"-DSQLITE_ENABLE_MEMSYS{number}",
                    source,
                    "-lm", "-ldl", "-o", library,
                ]
            )  # fmt: skip
        libraries.append(library)
    return libraries


def measure(rounds: int, count: int, with_sqlite: bool) -> list[dict]:
    build = build_module()
    library = build.build_libcc(BUILD)
    program = BUILD / "methods"
    build.run(
        [
            *build.compiler(), "-std=gnu11", "-O2", "-pthread", *build.WARNINGS, f"-I{build.INCLUDE}",
            HERE / "c" / "methods.c",
            library, f"-Wl,-rpath,{library.parent}", "-ldl", "-o", program,
        ]
    )  # fmt: skip
    shared = sorted((build.wheel_prefix() / "lib").glob("libmimalloc.so.*"))[0]
    peers = sqlite_libraries(build) if with_sqlite else []
    return run(program, shared, rounds, count, *peers)


def print_speed(results: list[dict]) -> dict[str, dict[str, float]]:
    """Prints all figures and returns the ratios of PAIRS: median over the rounds, for each workload."""
    groups = collections.defaultdict(dict)
    for result in results:
        if "peer" in result:
            size = f" {result['size']}" if result["size"] else ""
            threads = f", {result['threads']} threads" if result["threads"] > 1 else ""
            groups[f"{result['workload']}{size}{threads}"][result["peer"]] = result["nanoseconds"]
    names = list(next(iter(groups.values())))
    rows = [
        [workload, *(f"{statistics.median(peers[name]):.1f}" for name in names)] for workload, peers in groups.items()
    ]
    print_table(
        "ns of processor time for one allocation and its free, median of the rounds", ["workload", *names], rows
    )
    ratios = round_ratios(groups, PAIRS)
    rows = [[pair, *(f"{ratio:.2f}" for ratio in found.values())] for pair, found in ratios.items()]
    print_table("time relative to the peer, median of the rounds' ratios", ["pair", *groups], rows)
    return ratios


def print_memory(results: list[dict]) -> None:
    rows = [
        [
            result["fragmentation"], f"{result['asked']:,}", f"{result['used'] / result['asked']:.3f}",
            f"{result['span'] / result['asked']:.3f}", f"{result['free_blocks']:,}",
        ]
        for result in results
        if "fragmentation" in result
    ]  # fmt: skip
    print_table(
        "65,536 blocks that come and go: bytes taken, and the span that they lie in, relative to the bytes asked for",
        ["backend", "asked", "taken", "span", "free pieces"],
        rows,
    )
    rows = [
        [
            f"{r['largest']:,}",
            f"{r['worst_case']:,}",
            f"{r['filled'] / r['worst_case']:.2f}",
            f"{r['buffer'] / r['worst_case']:.2f}",
        ]
        for r in results
        if "worst_case" in r
    ]
    print_table(
        "buddy at its worst: the span that the worst program fills, and the buffer that is enough, relative to the "
        "live bytes",
        ["largest block", "live bytes", "filled", "cc_mem_buddy_bytes"],
        rows,
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks methods", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="few and short rounds, without SQLite: shows that it runs, no more"
    )
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--count", type=int, default=200_000, help="allocations in a round")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if options.quick:
        results = measure(2, 8000, with_sqlite=False)
    else:
        results = measure(options.rounds, options.count, with_sqlite=True)
    ratios = print_speed(results)
    print_memory(results)
    write_json(
        options.json or result_file("methods", quick=options.quick),
        {"machine": machine(), "quick": options.quick, "ratios": ratios, "results": results},
    )
    return 0
