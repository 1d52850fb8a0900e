"""For tests of the command line: runs programs with and without the profiler, and compares how they end."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

PROFILE = [sys.executable, "-m", "concurrent_collections", "profile"]
CONFIG = [sys.executable, "-m", "concurrent_collections", "config"]
TIMEOUT = 120
WORLD = """
    import sys, json, __main__
    print(json.dumps([sys.argv, sys.path, __file__, __name__, __package__, repr(__spec__), type(__loader__).__name__]))
    print(sorted(globals()), vars(__main__) is globals())
"""


def write(name: str, source: str) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    return name


def run(*words: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT, check=False, **options)


def profile(*words: str, **options) -> subprocess.CompletedProcess:
    return run(*PROFILE, *words, **options)


def report(name: str | Path = "report.json") -> dict:
    return json.loads(Path(name).read_text())


def outcome(result: subprocess.CompletedProcess) -> tuple[int, str, str]:
    return result.returncode, without_addresses(result.stdout), without_addresses(result.stderr)


def without_addresses(text: str) -> str:
    text = re.sub(r"\b0x[0-9a-f]+", "0x", text)
    return re.sub(r"line repeated \d+ more times", "line repeated", text)  # a few frames are ours


def assert_as_without_profiler(*program: str, **options) -> subprocess.CompletedProcess:
    """Run it with and without the profiler: same status, output and error output; and the report is there."""
    plain = run(sys.executable, *program, **options)
    profiled = profile("--quiet", "--force", "--json", "report.json", *program, **options)
    assert outcome(profiled) == outcome(plain)
    assert report()["alloc_count"] > 0
    return profiled
