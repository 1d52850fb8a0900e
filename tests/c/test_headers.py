"""The public headers: each compiles alone, all compile together, in every language and with both compilers; each
name is one header's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

INCLUDE = Path(__file__).resolve().parents[2] / "csrc" / "include"
HEADERS = sorted(str(path.relative_to(INCLUDE)) for path in INCLUDE.rglob("*.h"))
# Two headers ask for their place: Westwood's Alloc and Free take that of memory_wrapper.h's, and the macros of
# debug_malloc.h change what stands behind them.
HEADERS.sort(key=lambda name: (name != "compat/westwood.h", name == "cc/debug_malloc.h"))

COMPILERS = {"c": ["gcc", "clang"], "cpp": ["g++", "clang++"]}
STANDARDS = {"c": ["c11", "c17", "gnu11"], "cpp": ["c++11", "c++14", "c++17", "c++20"]}
# A compiler that stands for ccache would repeat what it told of another source.
ENVIRONMENT = {**os.environ, "CCACHE_DISABLE": "1"}
WARNINGS = ["-Wall", "-Wextra", "-Wundef", "-Wshadow", "-Werror", "-pedantic"]


def compile_all(compiler: str, standard: str, sources: list[Path], *options: str) -> subprocess.CompletedProcess[str]:
    if not shutil.which(compiler):
        pytest.skip(f"needs {compiler}")
    command = [compiler, f"-std={standard}", "-fsyntax-only", f"-I{INCLUDE}", *options, *sources]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)


def includes(names: list[str]) -> str:
    return "".join(f'#include "{name}"\n' for name in names)


@pytest.mark.parametrize(
    "language, compiler", [(language, name) for language in COMPILERS for name in COMPILERS[language]]
)
def test_each_header_compiles_alone(language, compiler, tmp_path):
    sources = []
    for number, name in enumerate(HEADERS):
        sources.append(tmp_path / f"{number}.{language}")
        sources[-1].write_text(includes([name, name]) + "int main(void) { return 0; }\n")
    result = compile_all(compiler, STANDARDS[language][0], sources, *WARNINGS)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("options", [[], ["-DCC_ALLOC_NO_INLINE"]], ids=["inline", "no-inline"])
@pytest.mark.parametrize(
    "language, compiler, standard",
    [
        (language, name, standard)
        for language in COMPILERS
        for name in COMPILERS[language]
        for standard in STANDARDS[language]
    ],
)
def test_all_headers_compile_together(language, compiler, standard, options, tmp_path):
    source = tmp_path / f"all.{language}"
    source.write_text(includes(HEADERS) + "int main(void) { return 0; }\n")
    result = compile_all(compiler, standard, [source], *WARNINGS, *options)
    assert result.returncode == 0, result.stdout


# ---- each name is one header's ---------------------------------------------------------------------------------------


def declared(source: Path, include: Path) -> Iterator[tuple[str, str]]:
    """The name and the file of all that is declared at the top level, enumerators too. clang tells a place's file only
    where it is another one than that of the place before.
    """
    command = ["clang", "-std=c11", "-fsyntax-only", "-Xclang", "-ast-dump=json", f"-I{include}", source]
    tree = json.loads(subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT).stdout)
    file = ""

    def look(node: object) -> None:
        nonlocal file
        if isinstance(node, list):
            for entry in node:
                look(entry)
        elif isinstance(node, dict):
            file = node.get("file", file)
            for key, value in node.items():
                if key not in ("includedFrom", "inner"):
                    look(value)

    def visit(node: dict, depth: int) -> Iterator[tuple[str, str]]:
        nonlocal file
        look(node.get("loc"))
        where = file
        look({key: value for key, value in node.items() if key not in ("loc", "inner")})
        if "name" in node and not node.get("isImplicit") and (depth == 1 or node["kind"] == "EnumConstantDecl"):
            tag = f"{node['tagUsed']} " if "tagUsed" in node else "enum " if node["kind"] == "EnumDecl" else ""
            yield tag + node["name"], where
        for inner in node.get("inner", []):
            yield from visit(inner, depth + 1)

    yield from visit(tree, 0)


def defined_twice(include: Path, names: list[str], source: Path) -> list[str]:
    """What more than one header declares, as "name: headers"."""
    source.write_text(includes(names))
    homes = defaultdict(set)
    for name, file in declared(source, include):
        if Path(file).is_relative_to(include):
            homes[name].add(str(Path(file).relative_to(include)))
    for name in names:
        for macro in re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", (include / name).read_text(), re.MULTILINE):
            homes[f"#define {macro}"].add(name)
    assert homes
    return sorted(f"{name}: {' '.join(sorted(files))}" for name, files in homes.items() if len(files) > 1)


@pytest.mark.skipif(not shutil.which("clang"), reason="needs clang")
def test_no_two_headers_define_one_name(tmp_path):
    assert defined_twice(INCLUDE, HEADERS, tmp_path / "all.c") == []


@pytest.mark.skipif(not shutil.which("clang"), reason="needs clang")
@pytest.mark.parametrize(
    "text, complaint",
    [
        ("typedef struct tree map_t;", "map_t: one.h other.h"),
        ("struct tree;", "struct tree: one.h other.h"),
        ("int find(int key);", "find: one.h other.h"),
        ("enum other { THIRD };\n#define DONE 1\n", "#define DONE: one.h other.h"),
        ("extern int count;", "count: one.h other.h"),
    ],
)
def test_a_name_of_two_headers_is_found(text, complaint, tmp_path):
    (tmp_path / "one.h").write_text(
        "#include <stdio.h>\ntypedef struct tree map_t;\nint find(int key);\nextern int count;\nenum kind { FIRST };\n"
        "#define DONE 1\n"
    )
    (tmp_path / "other.h").write_text("#include <stdlib.h>\n" + text + "\n")
    assert complaint in defined_twice(tmp_path, ["one.h", "other.h"], tmp_path / "all.c")
    (tmp_path / "other.h").write_text("#include <stdlib.h>\nenum more { THIRD };\n")
    assert defined_twice(tmp_path, ["one.h", "other.h"], tmp_path / "all.c") == []


# ---- a mapped file is no map -----------------------------------------------------------------------------------------

USES = {
    "map": "cc_map_t *map = 0; return cc_map_get(map, &key, &value);",
    "map with cleanup": "CC_CLEANUP(cc_map_cleanup) cc_map_t *map = 0; return map != 0;",
    "file": "cc_file_t *file = 0; cc_file_close(file); return 0;",
    "file with cleanup": "CC_CLEANUP(cc_file_cleanup) cc_file_t *file = 0; return file != 0;",
}
MISUSES = {
    "get": "cc_file_t *file = 0; return cc_map_get(file, &key, &value);",
    "destroy": "cc_file_t *file = 0; cc_map_destroy(file); return 0;",
    "map's cleanup": "CC_CLEANUP(cc_map_cleanup) cc_file_t *file = 0; return file != 0;",
    "close": "cc_map_t *map = 0; cc_file_close(map); return 0;",
    "file's cleanup": "CC_CLEANUP(cc_file_cleanup) cc_map_t *map = 0; return map != 0;",
    "assignment": "cc_file_t *file = cc_map_create(0, 0, 0); return file != 0;",
}


@pytest.mark.parametrize("use", [*USES, *MISUSES])
@pytest.mark.parametrize(
    "language, compiler", [(language, name) for language in COMPILERS for name in COMPILERS[language]]
)
def test_a_mapped_file_is_not_taken_for_a_map(language, compiler, use, tmp_path):
    """What a compiler must refuse: C's are asked for it by -pedantic-errors, where some only warn by themselves."""
    source = tmp_path / f"use.{language}"
    body = f"cc_map_key_t key = cc_map_integer(1); void *value = &key; (void)value; {(USES | MISUSES)[use]}"
    source.write_text(f'#include "cc/collections.h"\n#include "cc/regions.h"\nint main(void) {{ {body} }}\n')
    result = compile_all(compiler, STANDARDS[language][0], [source], "-pedantic-errors")
    assert (result.returncode == 0) == (use in USES), result.stdout
