"""The short form of tests/soak.py."""

import subprocess
import sys
from pathlib import Path


def test_soak_for_a_few_seconds():
    result = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).with_name("soak.py")), "--seconds", "5", "--seed", "7"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.rstrip().endswith("good")
