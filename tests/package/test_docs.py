"""Every block of code in README and docs/ runs as it is printed, and what the pages name is there.

Python's blocks of a page run in order in one interpreter. A block of C is a program: it is compiled and linked as
README says, and what it prints stands on its page. A block of shell commands runs where the programs lie that the page
has printed before. What cannot run is marked `no-run` behind the block's language; NOT_RUN has the reasons.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import doc_blocks
import pytest
from doc_blocks import Block, blocks_of
from interpreter import PACKAGE, output_of
from tools import missing, on_stock_python_only, tool
from tree import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: What no compiler or interpreter reads: pictures, synopses, other programs' formats.
NO_CODE = {"", "text"}
CODE = {"python": ".py", "c": ".c", "c++": ".cpp", "sh": ".sh"}

#: Why a block that is marked `no-run` is not run: page and first command.
NOT_RUN = {
    ("README.md", "./test"): "it would run this test",
    ("methods.md", "python tests/long/fuzz/run.py"): "it takes an hour; tests/long/test_fuzz.py runs a short form",
    ("sqlite.md", "tests/long/sqlite/run_tcl.py"): "it takes minutes; tests/long/test_sqlite_tcl.py runs a short form",
}

#: Headers of other libraries: the name that pkg-config knows, and Debian's package.
LIBRARIES = {
    "lua.h": ("lua5.4", "liblua5.4-dev"),
    "expat.h": ("expat", "libexpat1-dev"),
    "cjson/cJSON.h": ("libcjson", "libcjson-dev"),
    "zlib.h": ("zlib", "zlib1g-dev"),
    "libxml/parser.h": ("libxml-2.0", "libxml2-dev"),
    "openssl/crypto.h": ("libcrypto", "libssl-dev"),
    "sqlite3.h": ("sqlite3", "libsqlite3-dev"),
}


def all_blocks(*languages: str) -> list[Block]:
    return [block for page in PAGES for block in blocks_of(page) if block.language in languages]


def name_of(block: Block) -> str:
    return f"{block.page.name}:{block.line}"


def running(*languages: str):
    return pytest.mark.parametrize("block", [block for block in all_blocks(*languages) if block.runs], ids=name_of)


# ---- the collector -------------------------------------------------------------------------------------------------


def test_each_language_is_known_and_each_exception_has_a_reason():
    blocks = [block for page in PAGES for block in blocks_of(page)]
    assert {block.language for block in blocks} <= CODE.keys() | NO_CODE
    assert {(block.page.name, block.first_command) for block in blocks if not block.runs} == NOT_RUN.keys()
    for _page, command in NOT_RUN:
        assert any((ROOT / word).is_file() for word in command.split()), f"{command} is not there"
    assert sum(block.language in CODE for block in blocks) >= 20, "the collector finds fewer blocks than there are"


def test_the_runner_checks_values(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nx = 1  # a remark\nx + 1  # 2: two\n```\n- item\n\n  ```python\n  if x:\n    x + 2  # 4\n  ```\n"
    )
    assert [block.line for block in blocks_of(page)] == [2, 8]
    with pytest.raises(AssertionError, match="the value is 3, not 4") as raised:
        doc_blocks.run_python_blocks(page)
    assert 9 in [entry.lineno + 1 for entry in raised.traceback if str(entry.path).endswith("page.md")]


# ---- Python --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", sorted({block.page for block in all_blocks("python")}), ids=lambda page: page.name)
def test_python(page, tmp_path):
    shutil.copy(ROOT / "README.md", tmp_path)
    if "sqlite.use" in page.read_text():
        sqlite_is_reachable()
    result = subprocess.run(
        [sys.executable, "-W", "error", doc_blocks.__file__, page],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stderr


def sqlite_is_reachable() -> None:
    """Skips where Python's _sqlite3 hides the SQLite that it is linked with."""
    problem = output_of(
        """
        from concurrent_collections import sqlite
        try:
            sqlite.use("system")
        except RuntimeError as error:
            print(error)
        """
    )
    if problem:
        pytest.skip(problem)


# ---- C -------------------------------------------------------------------------------------------------------------


def config_flags() -> list[str]:
    command = [sys.executable, "-P", "-m", "concurrent_collections", "config", "--cflags", "--libs"]
    return shlex.split(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def library_flags(text: str) -> list[str]:
    """Of the libraries whose headers the program includes; skips where one is not installed."""
    flags = []
    for header, (name, package) in LIBRARIES.items():
        if f"#include <{header}>" in text:
            result = subprocess.run([tool("pkg-config"), "--cflags", "--libs", name], capture_output=True, text=True)
            if result.returncode != 0:
                missing(f"{name} (Debian package {package})")
            flags += shlex.split(result.stdout)
    return flags


def complaints_of(block: Block) -> str:
    """What the program writes to stderr, as an expression: the text block right behind it, in which the address may
    be any and … stands for any lines. Nothing where there is no such block.
    """
    behind = [other for other in blocks_of(block.page, "text") if 0 < other.line - block.end <= 3]
    text = re.escape(behind[0].text) if behind else ""
    return re.sub(r"0x\w+", r"0x\\w+", text).replace("…", "(?s:.*)")


def file_of(block: Block) -> str:
    """The name that the page's commands or the block's output give the program."""
    page = block.page.read_text()
    named = re.search(r"^cc (\w+\.c) ", page, re.MULTILINE) or re.search(r"\b(parse\.c):\d", page)
    return named[1] if named else "program" + CODE[block.language]


@on_stock_python_only
@running("c", "c++")
def test_c(block, tmp_path):
    file = tmp_path / file_of(block)
    file.write_text(block.text)
    compiler = [tool("cc"), "-std=gnu11"] if block.language == "c" else [tool("c++")]
    flags = ["-Wall", "-Wextra", "-Werror", "-pthread", *library_flags(block.text), *config_flags()]
    subprocess.run([*compiler, file.name, "-o", "program", *flags], check=True, cwd=tmp_path)
    result = subprocess.run([tmp_path / "program"], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(complaints_of(block), result.stderr), result.stderr
    for line in result.stdout.splitlines():
        assert line in block.page.read_text(), f"{name_of(block)} prints {line!r}, which its page does not say"


# ---- shell ---------------------------------------------------------------------------------------------------------


def environment_with_stubs(folder: Path) -> dict[str, str]:
    """Commands find the tree's files, and a virtual environment in which the project is installed already: there,
    `python3 -m venv` and `pip` have nothing to do."""
    for name in ("examples", "csrc", "tests", "docs"):
        (folder / name).symlink_to(ROOT / name)
    scripts = folder / ".venv" / "bin"
    scripts.mkdir(parents=True)
    package = f'exec {shlex.quote(sys.executable)} -P -m concurrent_collections "$@"'
    for name, command in {"python3": ":", "pip": ":", "concurrent-collections": package}.items():
        (scripts / name).write_text(f"#!/bin/sh\n{command}\n")
        (scripts / name).chmod(0o755)
    return os.environ | {"PATH": os.pathsep.join([str(scripts), os.environ["PATH"]])}


def give_programs(block: Block, folder: Path) -> None:
    """Writes each NAME.c that the commands compile: the last program before them, or README's."""
    programs = [other.text for other in blocks_of(block.page, "c") if other.line < block.line] or [
        other.text for other in blocks_of(ROOT / "README.md", "c")
    ][:1]
    for name in re.findall(r"\b(\w+\.c)\b", block.text):
        (folder / name).write_text(programs[-1])


def run_sh(block: Block, folder: Path, environment: dict[str, str]) -> None:
    tool("cc")
    give_programs(block, folder)
    command = ["sh", "-e", "-c", block.text]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr


def slow_where_libcc_is_built(block: Block):
    return pytest.param(block, marks=pytest.mark.slow) if "-fsanitize" in block.text else block


@on_stock_python_only
@pytest.mark.parametrize(
    "block", [slow_where_libcc_is_built(block) for block in all_blocks("sh") if block.runs], ids=name_of
)
def test_sh(block, tmp_path):
    run_sh(block, tmp_path, environment_with_stubs(tmp_path))


@on_stock_python_only
@pytest.mark.parametrize(
    "block", [block for block in all_blocks("sh") if block.runs and " config " in block.text], ids=name_of
)
def test_flags_serve_where_the_path_has_spaces(block, tmp_path):
    folder = tmp_path / "a path with 'quotes' and spaces"
    shutil.copytree(PACKAGE, folder / "site" / PACKAGE.name)
    environment = environment_with_stubs(folder) | {"PYTHONPATH": str(folder / "site")}
    command = folder / ".venv" / "bin" / "concurrent-collections"
    assert b"quotes" in subprocess.check_output([command, "config", "--include-dir"], env=environment)
    run_sh(block, folder, environment)
