"""SQLite's own malloc tests, the short form: some of its files on two backends. tests/long/sqlite/run_tcl.py runs
all of them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools import on_stock_python_only, tool

HERE = Path(__file__).resolve().parent


@on_stock_python_only
def test_short_form():
    tool("tclsh", package="tcl-dev")
    done = subprocess.run(
        [sys.executable, HERE / "sqlite" / "run_tcl.py", "--backends", "mimalloc,buddy", "--tests",
        "malloc5,malloc6,malloc8,mallocC,mem5"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "mimalloc: passed" in done.stdout and "buddy: passed" in done.stdout
