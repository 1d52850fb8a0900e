"""The tree keeps to ruff's rules; Python and C look as ruff and clang-format lay them out. pyproject.toml says by which
of their versions: another one may break lines elsewhere.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import tools
from tree import ROOT, own_files

pytestmark = tools.on_stock_python_only

RUFF = [sys.executable, "-P", "-m", "ruff"]
CLANG_FORMAT = [str(Path(sys.executable).with_name("clang-format")), "--dry-run", "--Werror", "--style=file"]


def run(command: list[str], files: list[Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *map(str, files)], capture_output=True, text=True, cwd=ROOT)


def sources(*suffixes: str) -> list[Path]:
    return [path for path in own_files() if path.suffix in suffixes]


def ruff(*words: str, files: list[Path]) -> subprocess.CompletedProcess[str]:
    tools.module("ruff")
    return run([*RUFF, *words, "--no-cache", "--config", str(ROOT / "pyproject.toml")], files)


def clang_format(files: list[Path]) -> subprocess.CompletedProcess[str]:
    tools.module("clang_format")
    return run(CLANG_FORMAT, files)


def test_ruff_finds_nothing():
    result = ruff("check", "--output-format", "concise", files=sources(".py", ".pyi"))
    assert result.returncode == 0, result.stdout + result.stderr


def test_python_is_laid_out_by_ruff():
    result = ruff("format", "--check", files=sources(".py", ".pyi"))
    assert result.returncode == 0, result.stdout + result.stderr


def test_c_is_laid_out_by_clang_format():
    result = clang_format(sources(".c", ".h", ".cpp"))
    assert result.returncode == 0, result.stderr[-5000:]


def test_the_checks_can_fail(tmp_path):
    python, c = tmp_path / "x.py", tmp_path / "x.c"
    python.write_text("import os\nx = [1,2]\n")
    c.write_text("int  x;\n")
    (tmp_path / ".clang-format").write_text((ROOT / ".clang-format").read_text())
    assert "F401" in ruff("check", files=[python]).stdout
    assert ruff("format", "--check", files=[python]).returncode == 1
    assert clang_format([c]).returncode != 0
