"""What documentation and comments name is there: files, links and their headings, modules, C names, benchmarks."""

from __future__ import annotations

import ast
import functools
import importlib
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from tree import ROOT, own_files

PAGES = [path for path in own_files() if path.suffix == ".md"]
FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"(?:-I|\./)?(\.{0,2}[\w-][\w./-]*)")
#: What a run, a build or a reader makes; a game's own header.
ELSEWHERE = {"script.py", "memflag.h", "report.html", "build/", ".venv-test/", "lib/pkgconfig/libcc.pc"}
ENDINGS = (".py", ".c", ".h", ".md", ".txt", ".ipynb", ".sh")
#: Modules that the pages call by their last name.
SHORT_MODULES = ("config", "exporters", "memory", "sqlite")


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def words_of_code(page: Path) -> Iterator[str]:
    """The words of all `code` in the page's prose."""
    for code in CODE.findall(prose(page)):
        yield from (word.strip("(),;:") for word in code.split())


@functools.cache
def known_files() -> set[str]:
    """Each file and folder of the tree by its path, and by each end of it: `alloc/observer.h`."""
    paths = [path.relative_to(ROOT).parts for path in own_files()]
    paths += [path[:length] for path in paths for length in range(1, len(path))]
    return {"/".join(path[start:]) for path in set(paths) for start in range(len(path))}


@functools.cache
def known_words() -> set[str]:
    texts = (
        path.read_text(encoding="utf-8", errors="replace")
        for path in own_files()
        if path.suffix != ".md" and path != Path(__file__)
    )
    return {word for text in texts for word in re.findall(r"\w+", text)}


def unknown_files(page: Path) -> list[str]:
    unknown = []
    for word in words_of_code(page):
        match = FILE.fullmatch(word)
        if match and word not in ELSEWHERE and ("/" in word or word.endswith(ENDINGS)):
            beside = (page.parent / match[1]).exists() and match[1].startswith("..")
            if not beside and match[1].rstrip("/") not in known_files():
                unknown.append(word)
    return unknown


def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", CODE.sub("", prose(page))):
        if not target.startswith(("http://", "https://")):
            name, _, anchor = target.partition("#")
            file = page.parent / name if name else page
            if not file.exists() or (anchor and anchor not in anchors(file)):
                broken.append(target)
    return broken


def unknown_names(page: Path) -> list[str]:
    """C names; one that ends with an underline stands for all that begin so."""
    unknown = []
    for word in words_of_code(page):
        for name in re.findall(r"\b(?:cc_|CC_|Platform_)\w+", word):
            known = name in known_words() or (
                name.endswith("_") and any(other.startswith(name) for other in known_words())
            )
            if not known:
                unknown.append(name)
    return unknown


def resolve(name: str) -> object:
    """The module, or the attribute of one, of this dotted name."""
    parts = name.split(".")
    found: object = importlib.import_module(parts[0])
    for index, part in enumerate(parts[1:], 2):
        if not hasattr(found, part):
            importlib.import_module(".".join(parts[:index]))
        found = getattr(found, part)
    return found


def unknown_modules(page: Path) -> list[str]:
    short = "|".join(SHORT_MODULES)
    names = []
    for code in CODE.findall(prose(page)):
        if not code.endswith(ENDINGS):
            names += re.findall(r"(?<![\"\w/.])concurrent_collections(?:\.\w+)+", code)
            names += [f"concurrent_collections.{name}" for name in re.findall(rf"^(?:{short})(?:\.\w+)+", code)]
    unknown = []
    for name in names:
        try:
            resolve(name)
        except (ImportError, AttributeError):
            unknown.append(name)
    return unknown


def unknown_benchmarks(page: Path) -> list[str]:
    names = re.findall(r"python -m benchmarks\s+(\w+)", page.read_text(encoding="utf-8"))
    return [name for name in names if not (ROOT / "benchmarks" / f"{name}.py").exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
@pytest.mark.parametrize("unknown", [unknown_files, broken_links, unknown_names, unknown_modules, unknown_benchmarks])
def test_what_a_page_names_is_there(page, unknown):
    assert unknown(page) == []


def test_what_is_not_there_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading\n[a](#a-heading) [b](#other) [c](gone.md)\n`tests/test_gone.py` `csrc/base` `cc_gone(x)` "
        "`cc_alloc()`"
        "`concurrent_collections.gone` `config.gone` `config.options()`\n`python -m benchmarks gone` `python -m "
        "benchmarks smr`\n"
    )
    assert unknown_files(page) == ["tests/test_gone.py"]
    assert broken_links(page) == ["#other", "gone.md"]
    assert unknown_names(page) == ["cc_gone"]
    assert unknown_modules(page) == ["concurrent_collections.gone", "concurrent_collections.config.gone"]
    assert unknown_benchmarks(page) == ["gone"]


# ---- comments ------------------------------------------------------------------------------------------------------

PATH = re.compile(r"(?<![\w/.-])(?:benchmarks|csrc|docs|examples|licenses|notebooks|tests)/[\w./-]*\w(?![\w*…{])")


def comments_of(path: Path) -> Iterator[str]:
    """The comments of C; the comments and docstrings of Python; all of other files."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".c", ".h", ".cpp"):
        yield from re.findall(r"/\*.*?\*/|//[^\n]*", text, re.DOTALL)
    elif path.suffix == ".py":
        yield from (
            token.string
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.COMMENT
        )
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield ast.get_docstring(node) or ""
    else:
        yield text


def test_files_that_comments_name_are_there():
    stale = []
    for path in own_files():
        if path.suffix in (".c", ".h", ".cpp", ".py", ".pyi") or path.name in ("test", ".clang-format", "MANIFEST.in"):
            for comment in comments_of(path):
                stale += [
                    f"{path.relative_to(ROOT)}: {name}"
                    for name in PATH.findall(comment)
                    if name.rstrip("/") not in known_files() and not (ROOT / name).exists()
                ]
    assert stale == []
