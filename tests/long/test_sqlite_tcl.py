"""SQLite's own malloc tests, the short form: some of its files on two backends. tests/long/sqlite/run_tcl.py runs all of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@pytest.mark.skipif("t" in getattr(sys, "abiflags", ""), reason="no Python runs in it: the stock interpreter is enough")
def test_short_form():
    if not shutil.which("tclsh"):
        if os.environ.get("CC_TEST_REQUIRE_TOOLS") == "1":
            pytest.fail("tclsh is missing")
        pytest.skip("needs tclsh (Debian: tcl-dev)")
    done = subprocess.run(
        [sys.executable, HERE / "sqlite" / "run_tcl.py", "--backends", "mimalloc,buddy", "--tests", "malloc5,malloc6,malloc8,mallocC,mem5"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "mimalloc: passed" in done.stdout and "buddy: passed" in done.stdout
