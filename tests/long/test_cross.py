"""The short form of tests/long/cross.py: maps and queues on arm64 and with musl, where the compilers are installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from tools import on_stock_python_only

COMMAND = Path(__file__).resolve().parent / "cross.py"

_specification = importlib.util.spec_from_file_location("cross", COMMAND)
cross = importlib.util.module_from_spec(_specification)
sys.modules["cross"] = cross  # dataclasses look their module up
_specification.loader.exec_module(cross)


@on_stock_python_only
@pytest.mark.parametrize("target", cross.TARGETS)
def test_maps_and_queues(target):
    missing = cross.missing_tools(target)
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    command = [sys.executable, COMMAND, target, "test_map.c", "test_queue.c"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith(f"{target}: 2 passed, 0 failed, 0 left out\n")
