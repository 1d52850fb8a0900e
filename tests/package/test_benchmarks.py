"""The short form of each benchmark: that it runs and prints its table. Speed is not judged here."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tools import on_stock_python_only
from tree import ROOT

pytestmark = pytest.mark.slow


def run(tmp_path, name, *arguments):
    result = tmp_path / "result.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, "--quick", "--json", str(result), *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads(result.read_text())


def test_profiler(tmp_path):
    output, results = run(tmp_path, "profiler", "--python", sys.executable)
    assert "leaks+stacks" in output
    (table,) = [value for key, value in results.items() if key != "machine"]
    assert table["tuples"]["ratio"]["off"] == 1.0


@on_stock_python_only
def test_alloc(tmp_path):
    output, results = run(tmp_path, "alloc")
    assert "cc_alloc" in output and results


@on_stock_python_only
def test_smr(tmp_path):
    output, results = run(tmp_path, "smr")
    assert "Read section" in output
    found = {(r["workload"], r["peer"], r["threads"]) for r in results["results"]}
    for peer in ("ibr", "debra", "epoch"):
        assert {(workload, peer, 4) for workload in ("section", "read", "update", "pending")} <= found


@on_stock_python_only
def test_methods(tmp_path):
    output, results = run(tmp_path, "methods")
    assert "buddy" in output and results["ratios"]


def test_sqlite(tmp_path):
    if "t" in getattr(sys, "abiflags", "") or not (Path.home() / ".cache/concurrent-collections/sqlite").exists():
        pytest.skip("it gets SQLite's source and compiles it: where that is there already, on the stock interpreter")
    output, results = run(tmp_path, "sqlite")
    assert "buddy" in output and "mem5" in output
    assert {peer["peer"] for peer in results["results"]["mem5, 2 threads, statistics off"]} >= {
        "mem1",
        "mem5",
        "mimalloc",
    }


@on_stock_python_only
def test_collections(tmp_path):
    peers = [argument for name in ("cc_", "std::map", "Vyukov") for argument in ("--only", name)]
    output, results = run(tmp_path, "collections", *peers, "--python", sys.executable)
    assert {row["map"] for row in results["maps"]} == {"cc_map", "Natarajan-Mittal tree, cc_smr", "std::map + mutex"}
    assert {row["queue"] for row in results["queues"]} >= {"cc_queue", "Vyukov ring"}
    assert {aim["holds"] for aim in results["aims"]} <= {True, False} and results["aims"]
    (rows,) = results["python"].values()
    assert {row["key"][0] for row in rows} >= {"SkipListMap", "LockFreeQueue", "dict + Lock", "queue.Queue"}


@on_stock_python_only
def test_regions(tmp_path):
    headers = ["/usr/include/apr-1.0/apr_pools.h", "/usr/include/talloc.h", "/usr/include/boost/pool/pool.hpp"]
    if not all(Path(header).exists() for header in headers) and os.environ.get("CC_TEST_REQUIRE_TOOLS") != "1":
        pytest.skip("needs the Debian packages libapr1-dev, libtalloc-dev and libboost-dev")
    output, results = run(tmp_path, "regions")
    assert "cc_arena" in output and "boost lockfree" in output
    assert results["ratios"]["apr_pool / cc_arena"]["tree"] > 0
    assert {result["example"] for result in results["example"]} == {"plain", "regions"}


def test_unknown_name():
    done = subprocess.run([sys.executable, "-m", "benchmarks", "nothing"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0 and all(name in done.stderr for name in ("alloc", "profiler", "smr"))


@on_stock_python_only
def test_platform(tmp_path):
    output, results = run(tmp_path, "platform")
    assert "private heaps" in output and "platform / cc" in results["ratios"]
    assert {heap["peer"] for heap in results["heaps"]} == {"libcc", "glibc"}


def test_results_keep_medians():
    specification = importlib.util.spec_from_file_location("benchmarks_report", ROOT / "benchmarks" / "_report.py")
    report = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(report)
    rounds = [{"peer": "a", "threads": 2, "round": number, "ns": 1.0 + number} for number in range(3)]
    samples = {"peer": "b", "seconds": [3.0, 1.0, 2.00001], "spread": [1.0, 3.0]}
    kept = report.medians({"rounds": rounds, "samples": [samples], "known": {"median": 5.0, "min": 1.0, "max": 9.0}})
    assert kept == {
        "rounds": [{"peer": "a", "threads": 2, "ns": 2.0}],
        "samples": [{"peer": "b", "seconds": 2.0, "spread": [1.0, 3.0]}],
        "known": {"median": 5.0},
    }
    assert report.medians(kept) == kept
    assert json.loads(report._as_text(kept)) == kept


def test_quick_results_are_not_those_that_git_tracks():
    tracked = (ROOT / "benchmarks" / "results").glob("*.json")
    for path in tracked:
        assert json.loads(path.read_text()).get("quick", False) is False
    listed = subprocess.run(
        ["git", "check-ignore", "build/benchmarks/alloc.json"], cwd=ROOT, capture_output=True, text=True
    )
    assert listed.returncode in (0, 128), "128: no clone"
