"""What an allocation costs in arenas, heaps and pools, against mimalloc, obstacks, APR's pools, talloc and boost's
pools.

Compiles benchmarks/c/regions.c and regions_pool.cpp against libcc built from the tree and runs them: see there for
workloads. Peers whose Debian packages (libapr1-dev, libtalloc-dev, libboost-dev) are missing stop it. Peers take turns
round by round; ratios are taken within a round. Then the example that parses a large CSV file, plainly and with
regions.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import shlex
import statistics
import subprocess
import tempfile
from pathlib import Path

from ._programs import BUILD, HERE, ROOT, build_module, run
from ._report import machine, print_table, result_file, round_ratios, write_json

RATIOS = [
    ("apr_pool", "cc_arena"),
    ("obstack", "cc_arena"),
    ("talloc", "cc_arena"),
    ("mi_malloc", "cc_arena"),
    ("apr_pool", "cc_heap"),
]
POOL_RATIOS = [
    ("boost lockfree", "cc_pool"), ("boost lockfree fixed", "cc_pool"), ("boost lockfree fixed", "cc_pool fixed"),
    ("boost pool + mutex", "cc_pool"), ("mi_malloc", "cc_pool"), ("boost pool", "cc_pool, one owner"),
]  # fmt: skip


def compiled(build, library: Path, source: Path, packages: list[str]) -> Path:
    flags = (
        subprocess.run(
            ["pkg-config", "--cflags", "--libs", *packages], check=True, capture_output=True, text=True
        ).stdout.split()
        if packages
        else []
    )
    cpp = source.suffix == ".cpp"
    compiler = shlex.split(os.environ.get("CXX", "c++")) if cpp else build.compiler()
    program = BUILD / source.stem
    build.run(
        [
            *compiler, "-std=gnu++17" if cpp else "-std=gnu11", "-O2", "-w", "-pthread", f"-I{build.INCLUDE}", source,
            library,
            f"-Wl,-rpath,{library.parent}", *flags, "-ldl", "-o", program,
        ]
    )  # fmt: skip
    return program


def measure(rounds: int, count: int, nodes: int) -> list[dict]:
    build = build_module()
    library = build.build_libcc(BUILD)
    shared = sorted((build.wheel_prefix() / "lib").glob("libmimalloc.so.*"))[0]
    stacks = compiled(build, library, HERE / "c" / "regions.c", ["apr-1", "talloc"])
    pools = compiled(build, library, HERE / "c" / "regions_pool.cpp", [])
    return run(stacks, shared, rounds, count, nodes) + run(pools, shared, rounds, count)


def print_speed(results: list[dict]) -> dict[str, dict[str, float]]:
    """Prints all figures and returns the ratios: median over the rounds, for each workload."""
    found = {}
    for pool, pairs in [(False, RATIOS), (True, POOL_RATIOS)]:
        groups: dict[str, dict[str, list[float]]] = collections.defaultdict(lambda: collections.defaultdict(list))
        for result in results:
            if (result["workload"] == "pool") == pool:
                name = (
                    f"{result['threads']} threads" if pool else f"{result['workload']} {result['size'] or ''}".strip()
                )
                groups[name][result["peer"]].append(result["nanoseconds"])
        names = list(next(iter(groups.values())))
        rows = [
            [group, *(f"{statistics.median(peers[name]):.2f}" if name in peers else "" for name in names)]
            for group, peers in groups.items()
        ]
        title = (
            "ns for a block from the pool and back" if pool else "ns for an allocation with its share of the discarding"
        )
        print_table(f"{title}, median of the rounds", ["", *names], rows)
        ratios = round_ratios(groups, pairs)
        print_table(
            "the peer's time relative to ours, median of the rounds' ratios",
            ["", *groups],
            [
                [pair, *(f"{values[group]:.2f}" if group in values else "" for group in groups)]
                for pair, values in ratios.items()
            ],
        )
        found |= ratios
    return found


def measure_example(rounds: int, lines: int) -> list[dict]:
    """Seconds and peak resident MiB of examples/csv_totals.c, plainly and with regions, in turns."""
    build = build_module()
    program = compiled(build, build.build_libcc(BUILD), ROOT / "examples" / "csv_totals.c", [])
    results = []
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "sales.csv")
        subprocess.run([program, "make", file, str(lines)], check=True)
        for number in range(rounds + 1):  # the first one brings the file into memory
            answers = set()
            for way in ("plain", "regions"):
                done = subprocess.run([program, way, file], check=True, capture_output=True, text=True)
                answers.add(done.stdout)
                figures = json.loads(done.stderr.splitlines()[-1])
                if number:
                    results.append(
                        {"example": way, "round": number, "lines": lines, "bytes": file.stat().st_size, **figures}
                    )
            if len(answers) != 1:
                raise RuntimeError("the two ways gave different results")
    return results


def print_example(results: list[dict]) -> None:
    rows = []
    for way in ("plain", "regions"):
        mine = [result for result in results if result["example"] == way]
        rows.append(
            [
                way,
                f"{statistics.median(r['seconds'] for r in mine):.3f}",
                *(f"{statistics.median(r[key] for r in mine) / 2**20:.1f}" for key in ("anonymous", "peak")),
            ]
        )
    size = results[0]["bytes"] / 2**20
    print_table(
        f"A CSV file of {results[0]['lines']:,} lines ({size:.0f} MiB)",
        ["way", "seconds", "own MiB", "peak MiB with the file's pages"],
        rows,
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks regions", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few and short rounds: shows that it runs, no more")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--count", type=int, default=1_000_000, help="allocations in a round")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if options.quick:
        results, example = measure(2, 20_000, 10_000), measure_example(1, 5_000)
    else:
        results, example = measure(options.rounds, options.count, 1_000_000), measure_example(options.rounds, 2_000_000)
    ratios = print_speed(results)
    print_example(example)
    write_json(
        options.json or result_file("regions", quick=options.quick),
        {"machine": machine(), "quick": options.quick, "ratios": ratios, "results": results, "example": example},
    )
    return 0
