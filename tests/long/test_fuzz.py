"""The short form of tests/long/fuzz/run.py."""

import subprocess
import sys
from pathlib import Path

from tools import on_stock_python_only, tool

SCRIPT = Path(__file__).parent / "fuzz" / "run.py"


@on_stock_python_only
def test_fuzz_for_a_while(tmp_path):
    tool("clang")
    result = subprocess.run(
        [sys.executable, SCRIPT, "--operations", "50000", "--directory", tmp_path],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.rstrip().endswith("no difference from the model")
