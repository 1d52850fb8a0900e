"""The short searches of the models in spin/: what must hold holds, and each planted error is found."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tools import tool

COMMAND = Path(__file__).resolve().parent / "spin" / "verify.py"

_specification = importlib.util.spec_from_file_location("spin_verify", COMMAND)
models = importlib.util.module_from_spec(_specification)
sys.modules["spin_verify"] = models  # dataclasses look their module up
_specification.loader.exec_module(models)


@pytest.fixture(autouse=True)
def spin():
    if "t" in getattr(sys, "abiflags", ""):
        pytest.skip("the models have nothing to do with the interpreter: they run on the stock one")
    tool("spin")


@pytest.mark.parametrize("run", models.SHORT, ids=str)
def test_model(run):
    assert models.verify(run) == ("violated" if run.planted else "holds")


def test_each_planted_error_is_run():
    """A BUG_ that no run plants would show nothing."""
    names = {name for path in COMMAND.parent.glob("*.pml") for name in re.findall(r"BUG_[A-Z_]+", path.read_text())}
    planted = {word for run in models.SHORT for word in run.definitions.split() if word.startswith("BUG_")}
    assert names == planted


def test_command():
    result = subprocess.run([sys.executable, COMMAND, "ibr", "NO_UPPER"], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0 and result.stdout.startswith("violated ibr-BUG_NO_UPPER"), (
        result.stdout + result.stderr
    )


def test_an_unfinished_search_is_no_proof(monkeypatch):
    """Were the depth too small or the memory too little, the model would look right for want of looking."""
    real = subprocess.run

    def shallow(command, **options):
        return real([*command, "-m20"] if command[0] == "./pan" else command, **options)

    monkeypatch.setattr(models.subprocess, "run", shallow)
    with pytest.raises(RuntimeError, match="no exhaustive search"):
        models.verify(models.SHORT[0])
