"""The short forms of tests/long/soak.py and tests/long/soak_collections.py."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("program", ["soak.py", "soak_collections.py"])
def test_soak_for_a_few_seconds(program):
    result = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).with_name(program)), "--seconds", "5", "--seed", "7"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.rstrip().endswith("good")
