"""The benchmarks' programs in C: where they are, how they are compiled (csrc/build.py), and running one."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = ROOT / "build" / "benchmarks"


def build_module() -> Any:
    """csrc/build.py."""
    specification = importlib.util.spec_from_file_location("cc_build", ROOT / "csrc" / "build.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def run(*command: object, **variables: str) -> list[dict[str, Any]]:
    """The lines of JSON that a program prints. What the environment says to mimalloc and the linker stays out,
    `variables` go in.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MIMALLOC_", "LD_PRELOAD"))
    }
    output = subprocess.run(
        [str(part) for part in command], check=True, env=environment | variables, stdout=subprocess.PIPE, text=True
    ).stdout
    return [json.loads(line) for line in output.splitlines()]
