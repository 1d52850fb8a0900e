"""The interpreter that runs the tests: what it is, where the package is installed, and programs that run in one like
it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import concurrent_collections

PACKAGE = Path(concurrent_collections.__file__).parent
FREE_THREADED_BUILD = "t" in sys.abiflags


def run_python(
    code: str, *arguments: object, options: Sequence[str] = (), environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs ``code`` in an interpreter of its own and returns how that ended."""
    return subprocess.run(
        [sys.executable, "-P", *options, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **(environment or {})},
    )


def output_of(code: str, *arguments: object, **others) -> str:
    """What ``code`` prints, after checking that it ended well and complained of nothing."""
    result = run_python(code, *arguments, **others)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return result.stdout
