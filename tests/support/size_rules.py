"""The rules on size: of files, functions and lines of code. Each is a function that lists the violations in a tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tree import own_files

CODE = {".c", ".h", ".cpp", ".py", ".pyi", ".js", ".css"}
FILE_LINES = 500  # with this many a file is split
FUNCTION_LINES = 60
LINE_LETTERS = 120


def code_files(root: Path, *suffixes: str) -> Iterator[tuple[str, list[str]]]:
    """Names and lines of the tree's own files with one of the suffixes."""
    for path in own_files(root):
        if path.suffix in suffixes:
            yield str(path.relative_to(root)), path.read_text(encoding="utf-8").splitlines()


def files(root: Path) -> Iterator[str]:
    for name, lines in code_files(root, *CODE):
        if len(lines) >= FILE_LINES:
            yield f"{name}: {len(lines)} lines"


def lines(root: Path) -> Iterator[str]:
    for name, text in code_files(root, *CODE):
        for number, line in enumerate(text, 1):
            if len(line) > LINE_LETTERS:
                yield f"{name}:{number}: {len(line)} letters"


def python_functions(root: Path) -> Iterator[str]:
    for name, text in code_files(root, ".py"):
        for node in ast.walk(ast.parse("\n".join(text))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    yield f"{name}:{node.lineno}: {node.name} has {length} lines"


def c_functions(root: Path) -> Iterator[str]:
    """A function begins in the first column with its type and ends with a brace in the first column."""
    for name, text in code_files(root, ".c", ".h", ".cpp"):
        first = None
        for number, line in enumerate(text, 1):
            if re.match(r"[A-Za-z_]", line):
                first = number
            elif first and re.match(r"}", line):
                length = number - first + 1
                head = " ".join(text[first - 1 : number]).partition("{")[0]
                if "(" in head and "=" not in head and length > FUNCTION_LINES:
                    yield f"{name}:{first}: {head.partition('(')[0].split()[-1].lstrip('*')} has {length} lines"
                first = None


RULES = [files, lines, python_functions, c_functions]
