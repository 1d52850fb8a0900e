"""The short form of tests/long/fuzz/run.py."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "fuzz" / "run.py"


def test_fuzz_for_a_while(tmp_path):
    if "t" in getattr(sys, "abiflags", ""):
        pytest.skip("it has nothing to do with the interpreter: it runs on the stock one")
    if not shutil.which("clang"):
        if os.environ.get("CC_TEST_REQUIRE_TOOLS") == "1":
            pytest.fail("clang is missing")
        pytest.skip("needs clang")
    result = subprocess.run(
        [sys.executable, SCRIPT, "--operations", "50000", "--directory", tmp_path], capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.rstrip().endswith("no difference from the model")
