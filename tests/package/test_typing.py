"""The types that the package declares: samples for mypy and pyright, and the stub against the module."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tools

pytestmark = pytest.mark.slow

TYPING = Path(__file__).with_name("typing")


def wrong_lines(path: Path) -> set[int]:
    return {number for number, line in enumerate(path.read_text().splitlines(), 1) if line.endswith("# wrong")}


@pytest.fixture(scope="module")
def mypy(tmp_path_factory):
    """Runs a module of mypy's in the cache that all calls share."""
    tools.module("mypy")
    cache = tmp_path_factory.mktemp("mypy")

    def run(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "MYPY_CACHE_DIR": str(cache)}
        return subprocess.run(
            [sys.executable, "-P", "-m", module, *map(str, arguments)],
            capture_output=True, text=True, check=False, timeout=300, cwd=cache, env=environment,
        )  # fmt: skip

    return run


def test_mypy_understands_the_samples(mypy):
    result = mypy("mypy", "--strict", TYPING / "maps.py")
    assert result.returncode == 0, result.stdout + result.stderr


def test_mypy_refuses_what_is_wrong(mypy):
    path = TYPING / "maps_wrong.py"
    found = {int(line) for line in re.findall(r"maps_wrong\.py:(\d+): error", mypy("mypy", "--strict", path).stdout)}
    assert found == wrong_lines(path)


def test_the_whole_package_is_typed(mypy):
    result = mypy("mypy", "--strict", "-p", "concurrent_collections")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_stub_is_true_to_the_module(mypy):
    result = mypy("mypy.stubtest", "concurrent_collections._core", "--concise")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def pyright_errors(tmp_path_factory) -> set[tuple[str, int]]:
    """The files and lines where pyright finds errors in the samples (basedpyright is pyright with its node.js, from
    PyPI).
    """
    tools.module("basedpyright")
    folder = tmp_path_factory.mktemp("pyright")
    for path in TYPING.glob("*.py"):
        shutil.copy(path, folder)
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    result = subprocess.run(
        [sys.executable, "-P", "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable, "-p", folder],
        capture_output=True, text=True, check=False, timeout=300, cwd=folder,
    )  # fmt: skip
    output = json.loads(result.stdout)
    assert output["summary"]["filesAnalyzed"] == len(list(TYPING.glob("*.py")))
    found = [one for one in output["generalDiagnostics"] if one["severity"] == "error"]
    return {(Path(one["file"]).name, one["range"]["start"]["line"] + 1) for one in found}


def test_pyright_understands_the_samples(pyright_errors):
    assert {line for file, line in pyright_errors if file == "maps.py"} == set()


def test_pyright_refuses_what_is_wrong(pyright_errors):
    assert {line for file, line in pyright_errors if file == "maps_wrong.py"} == wrong_lines(TYPING / "maps_wrong.py")
