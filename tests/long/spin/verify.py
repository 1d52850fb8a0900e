"""Searches all interleavings of the models of safe memory reclamation (machine.pml, ibr.pml, debra.pml) with spin.

    python tests/long/spin/verify.py            what ./test runs: seconds for each, little memory
    python tests/long/spin/verify.py --long     more threads and nodes as well: half an hour, 8 GB
    python tests/long/spin/verify.py ibr PLAIN  only those whose line contains all these words

A run without a BUG_ must find nothing, and one with a BUG_ must find the property violated.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Run:
    """One exhaustive search: a model and its definitions, separated by blanks."""

    model: str
    definitions: str = ""

    @property
    def planted(self) -> bool:
        return "BUG_" in self.definitions

    def __str__(self) -> str:
        return f"{self.model} {self.definitions}".rstrip().replace(" ", "-")


SHORT = [
    Run("ibr", "ROUNDS=2"),
    Run("ibr", "ROUNDS=2 PLAIN"),
    Run("ibr", "ROUNDS=2 PLAIN_UNLINK"),
    Run("ibr", "BUG_FREE_AT_RETIRE"),
    Run("ibr", "BUG_NO_BARRIER"),
    Run("ibr", "PLAIN BUG_NO_FENCE"),
    Run("ibr", "BUG_NO_UPPER"),
    Run("ibr", "BUG_NO_RELOAD"),
    Run("ibr", "PLAIN_UNLINK BUG_STAMP_AT_RETIRE"),
    Run("ibr", "WRITERS=2 ROUNDS=1 BUG_COVERED_TOO_FAR"),
    Run("debra", "ROUNDS=2"),
    Run("debra", "ROUNDS=2 PLAIN"),
    Run("debra", "ROUNDS=2 BLOCKED"),
    Run("debra", "BUG_FREE_AT_RETIRE"),
    Run("debra", "BUG_NO_BARRIER"),
    Run("debra", "PLAIN BUG_NO_FENCE"),
    Run("debra", "BUG_NO_ANSWER"),
    Run("debra", "BLOCKED BUG_TAKES_SILENCE_FOR_YES"),
    Run("debra", "BUG_GOES_ON"),
    Run("debra", "BUG_ENDS_ANY_SECTION"),
]
LONG = [
    Run("ibr", "ROUNDS=3 ADVANCES=3"),
    Run("ibr", "ROUNDS=3 PLAIN ADVANCES=3"),
    Run("ibr", "ROUNDS=3 PLAIN_UNLINK"),
    Run("ibr", "WRITERS=2 ROUNDS=1 ADVANCES=0"),
    Run("ibr", "READERS=2 ROUNDS=1 ADVANCES=0"),
    Run("debra", "ROUNDS=3"),
    Run("debra", "ROUNDS=3 PLAIN"),
    Run("debra", "ROUNDS=3 BLOCKED"),
]


def verify(run: Run, *, long: bool = False) -> str:
    """Runs it; returns "holds" or "violated", or raises RuntimeError with what spin, the compiler or the search
    said.
    """

    def call(*command: str) -> str:
        result = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: status {result.returncode}\n{result.stdout}")
        return result.stdout

    with tempfile.TemporaryDirectory() as directory:
        call("spin", "-a", *(f"-D{word}" for word in run.definitions.split()), str(HERE / f"{run.model}.pml"))
        # SAFETY: no cycles are looked for. COLLAPSE: states take a third of the memory.
        call("cc", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=16000", "-o", "pan", "pan.c")
        output = call("./pan", "-n", "-m1000000", f"-w{26 if long else 20}")
    if "assertion violated" in output:
        return "violated"
    # -m is the depth of the search: what lies deeper would go unseen, as when memory ends.
    if not re.search(r"errors: 0$", output, re.MULTILINE) or "Search not completed" in output or "too small" in output:
        raise RuntimeError(f"{run}: no exhaustive search\n{output}")
    return "holds"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="the long runs, too")
    parser.add_argument("words", nargs="*", help="only the runs whose line contains all of them")
    options = parser.parse_args(arguments)
    wrong = 0
    for run in [*SHORT, *(LONG if options.long else [])]:
        if not all(word in str(run) for word in options.words):
            continue
        begin = time.monotonic()
        outcome = verify(run, long=run in LONG)
        good = outcome == ("violated" if run.planted else "holds")
        wrong += not good
        print(f"{outcome:<9}{'' if good else 'WRONG '}{run} ({time.monotonic() - begin:.0f} s)", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
