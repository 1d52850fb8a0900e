"""Fuzzes the allocators that work inside a buffer: libFuzzer with the address and undefined-behaviour sanitizers.

    python tests/long/fuzz/run.py [--operations N] [--seed N]

compiles tests/long/fuzz/methods.c with clang and runs it until N operations (a million by default) have been compared
with the model. What it found before is kept in build/fuzz/corpus and is tried first; a failing input is kept in
build/fuzz.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FLAGS = ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]


def compile_target(directory: Path) -> Path:
    """libFuzzer's own build of the layer: everything in one command, so that all of it is instrumented."""
    specification = importlib.util.spec_from_file_location("cc_build", ROOT / "csrc" / "build.py")
    build = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(build)
    directory.mkdir(parents=True, exist_ok=True)
    sources = [path for layer in ("base", "alloc", "methods") for path in sorted((build.CSRC / layer).glob("*.c"))]
    target = directory / "methods"
    build.run(
        [
            "clang", "-std=gnu11", "-pthread", *build.WARNINGS, *FLAGS, "-DCC_BACKEND_LIBC=1", f"-I{build.INCLUDE}",
            f"-I{build.CSRC}", Path(__file__).parent / "methods.c", *sources, "-lm", "-ldl", "-o", target,
        ]
    )  # fmt: skip
    return target


def fuzz(target: Path, directory: Path, operations: int, seed: int) -> int:
    """Runs until so many operations are done; returns how many that were."""
    corpus = directory / "corpus"
    corpus.mkdir(exist_ok=True)
    done, runs = 0, max(200, operations // 100)
    while done < operations:
        result = subprocess.run(
            [
                target, corpus, f"-seed={seed}", f"-runs={runs}", "-max_len=600", "-len_control=0",
                "-print_final_stats=0",
                f"-artifact_prefix={directory}/",
            ],
            stderr=subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip
        counted = re.search(r"^operations: (\d+)$", result.stderr, re.MULTILINE)
        if result.returncode != 0 or not counted:
            sys.exit(result.stderr[-6000:])
        done += int(counted[1])
        seed += 1
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, default=ROOT / "build" / "fuzz")
    options = parser.parse_args()
    if not shutil.which("clang"):
        sys.exit("needs clang with its runtime libraries (Debian: clang libclang-rt-dev)")
    target = compile_target(options.directory)
    done = fuzz(target, options.directory, options.operations, options.seed)
    print(f"{done:,} operations, no difference from the model")


if __name__ == "__main__":
    main()
