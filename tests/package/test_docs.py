"""The programs that docs/ prints do what the text says."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_stack_of_smr_md(tmp_path):
    text = (DOCS / "smr.md").read_text()
    (program,) = re.findall(r"^```c\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "stack.c").write_text(program)
    flags = subprocess.run(
        [sys.executable, "-P", "-m", "concurrent_collections", "config", "--cflags", "--libs"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    subprocess.run(
        ["cc", "-Wall", "-Wextra", "-Werror", "stack.c", "-o", "stack", "-pthread", *shlex.split(flags)], check=True, cwd=tmp_path
    )
    result = subprocess.run([tmp_path / "stack"], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"It prints {result.stdout.strip()}." in text
