"""examples/csv_totals.c: compiled as a user would compile it, both ways give what Python's csv module gives."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from interpreter import PACKAGE

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "csv_totals.c"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    if not shutil.which("cc") or not shutil.which("pkg-config"):
        pytest.skip("needs a C compiler and pkg-config")
    target = tmp_path_factory.mktemp("example") / "csv_totals"
    environment = {**os.environ, "PKG_CONFIG_PATH": str(PACKAGE / "lib" / "pkgconfig")}
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libcc"], check=True, env=environment, capture_output=True, text=True
    ).stdout
    subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", SOURCE, *shlex.split(flags), "-o", target], check=True)
    return target


def test_both_ways_are_right(program, tmp_path):
    file = tmp_path / "sales.csv"
    subprocess.run([program, "make", file, "100000"], check=True)
    totals, rows, longest = defaultdict(float), 0, 0
    with file.open(newline="") as stream:
        for product, _city, amount, price, comment in csv.reader(stream):
            totals[product] += int(amount) * float(price)
            rows += 1
            longest = max(longest, len(comment))
    figures = {}
    for way in ("plain", "regions"):
        done = subprocess.run([program, way, file], check=True, capture_output=True, text=True)
        first, *lines = done.stdout.splitlines()
        assert first == f"{rows} rows, longest comment {longest}"
        found = dict(line.split() for line in lines)
        assert found.keys() == totals.keys()
        assert all(float(found[product]) == pytest.approx(total, abs=0.011) for product, total in totals.items())
        figures[way] = json.loads(done.stderr)
    assert 0 < figures["regions"]["anonymous"] < figures["plain"]["anonymous"]


def test_clear_errors(program, tmp_path):
    done = subprocess.run([program, "regions", tmp_path / "missing"], capture_output=True, text=True)
    assert done.returncode == 1 and "missing: no such file" in done.stderr
    assert subprocess.run([program], capture_output=True).returncode == 2
