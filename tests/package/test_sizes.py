"""Files, functions and lines stay short enough to be read, and each rule can fail."""

from __future__ import annotations

import pytest
from size_rules import RULES, c_functions, files, lines, python_functions
from tree import ROOT


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_tree(rule):
    assert list(rule(ROOT)) == []


LONG_C = "static int *long_one(int a,\n                     int b) {\n" + "    a++;\n" * 58 + "}\n"
LONG_PYTHON = "class A:\n    def long_one(self):\n" + "        pass\n" * 60


@pytest.mark.parametrize(
    "rule, name, text, complaint",
    [
        (files, "a/x.c", "\n" * 500, "a/x.c: 500 lines"),
        (files, "x.py", "\n" * 900, "x.py: 900 lines"),
        (lines, "x.py", "\n" + "#" * 121, "x.py:2: 121 letters"),
        (python_functions, "x.py", LONG_PYTHON, "x.py:2: long_one has 61 lines"),
        (c_functions, "x.c", LONG_C, "x.c:1: long_one has 61 lines"),
    ],
)
def test_rule_fails(rule, name, text, complaint, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert list(rule(tmp_path)) == [complaint]


GOOD = {
    "a.c": "#define X \\\n    1\n\nint numbers[] = {\n"
    + "    1,\n" * 100
    + "};\n"
    + LONG_C.replace("    a++;\n", "", 1),
    "a.py": "x = [\n" + "    1,\n" * 100 + "]\n\n\n" + LONG_PYTHON.replace("        pass\n", "", 1),
    "b.py": "x = 1\n" * 499 + "#" * 0,
    "README.md": "x" * 1000 + "\n" * 1000,
    "build/lib/old.c": "x\n" * 2000,
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_passes_a_good_tree(rule, tmp_path):
    for name, text in GOOD.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert list(rule(tmp_path)) == []
