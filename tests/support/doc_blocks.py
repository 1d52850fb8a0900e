"""The fenced blocks of a Markdown page, and a program that runs a page's Python blocks as a reader would: in order, in
one namespace.

    python doc_blocks.py PAGE

A comment behind an expression is the expression's value (unless that is None), to which ": and a remark" may be added.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"(?P<indent> *)```(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: ```language no-run. ``line`` is that of its first line of text."""

    page: Path
    line: int
    language: str
    runs: bool
    text: str

    @property
    def end(self) -> int:
        """The line of the closing fence."""
        return self.line + self.text.count("\n")

    @property
    def first_command(self) -> str:
        return self.text.partition("\n")[0].partition(" #")[0].strip()


def blocks_of(page: Path, language: str | None = None) -> list[Block]:
    """The page's blocks in their order, all or those of one language."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        name, *options = match["info"].split() or [""]
        if not set(options) <= {"no-run"}:
            raise ValueError(
                f"{page}: a block's info string may have 'no-run' behind the language, not {match['info']!r}"
            )
        line = text.count("\n", 0, match.start("text")) + 1
        body = "".join(row.removeprefix(match["indent"]) for row in match["text"].splitlines(keepends=True))
        found.append(Block(page, line, name, not options, body))
    return [block for block in found if language in (None, block.language)]


class _Checks(ast.NodeTransformer):
    """Makes each expression with a comment behind it a call of ``_check_value``."""

    def __init__(self, block: Block) -> None:
        self.lines = block.text.splitlines()

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        behind = self.lines[(node.end_lineno or 1) - 1].encode()[node.end_col_offset :].decode().strip()
        if behind.startswith("#"):
            function = ast.Name("_check_value", ast.Load())
            node.value = ast.Call(function, [node.value, ast.Constant(behind.removeprefix("#").strip())], [])
        return node


def _check_value(value: object, comment: str) -> None:
    expected = comment if comment == repr(value) else comment.partition(": ")[0]
    assert value is None or repr(value) == expected, f"the value is {value!r}, not {expected}"


def run_python_blocks(page: Path) -> None:
    scope: dict[str, object] = {"__name__": "__main__", "_check_value": _check_value}
    for block in blocks_of(page, "python"):
        if block.runs:
            tree = ast.fix_missing_locations(_Checks(block).visit(ast.parse(block.text)))
            ast.increment_lineno(tree, block.line - 1)
            exec(compile(tree, str(page), "exec"), scope)


if __name__ == "__main__":
    run_python_blocks(Path(sys.argv[1]))
