"""The rules that keep the project's layers apart, each as a function that lists the violations in a tree.

The first part checks the tree that this file lies in and the installed library; the second shows that each rule can
fail, on small trees made for it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A layer and all that it may include. base is for everybody; nothing is above python.
MAY_INCLUDE = {
    "base": set(),
    "alloc": {"base"},
    "methods": {"base", "alloc"},
    "regions": {"base", "alloc", "methods"},
    "platform": {"base", "alloc"},
    "smr": {"base", "alloc"},
    "collections": {"base", "alloc", "smr"},
    "profile": {"base", "alloc"},
    "python": {"base", "alloc", "methods", "regions", "platform", "smr", "collections", "profile"},
}
# A layer and its public headers, which lie in csrc/include: cc/<name>.h, and for a folder all that is in it.
PUBLIC_HEADERS = {
    "base": {"base"},
    "alloc": {"alloc"},
    "methods": {"methods", "debug_malloc"},
    "regions": {"regions", "arena", "buffer", "file", "heap", "pool", "sized", "slice"},
    "platform": {"platform", "compat/"},
    "smr": {"smr"},
    "collections": {"collections", "event", "map", "queue", "stack"},
    "profile": {"profile"},
}

# The files of a room, each above those before it.
ROOM_ORDER = {
    "profile": """shadow counts session estimate peaks shard sites totals flows rows baseline timeline recorder source tap
    source_* sources latency profile_internal snapshot live profile"""
}

# Headers of ISO C. Every other system header belongs to the one layer that wraps what it declares; base wraps the
# operating system, so signal.h and threads.h are not in this list.
ISO_C = {
    f"{name}.h"
    for name in """assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp stdalign stdarg
    stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath time uchar wchar wctype""".split()
}
WRAPPED_BY = [
    (re.compile(r"mimalloc(-.*)?\.h"), "alloc"),
    (re.compile(r"malloc\.h|malloc/malloc\.h"), "alloc"),
    (re.compile(r"(.*/)?(Python|frameobject|pythread|structmember)\.h|(.*/)?(internal|cpython)/.*|pycore_.*"), "python"),
    (re.compile(r".*"), "base"),
]

PRIVATE_CPYTHON = re.compile(r"\bPy_BUILD_CORE|\bpycore_\w+|\b_Py[A-Z_]\w*")
MOST_LINES = 800
CODE = {".c", ".h", ".py", ".js", ".css", ".html"}
TEXT = CODE | {".md", ".toml", ".cfg", ".ini", ".in", ".txt", ".ipynb", ".json", ".yml", ".yaml", ".sh", ".supp", ""}
SKIPPED_DIRECTORIES = re.compile(r"\.git|\.venv.*|\.pytest_cache|\.hypothesis|__pycache__|build|dist|.*\.egg-info|node_modules")
# Paths and documents that exist only where the project happens to be developed. The literals are in two parts so that
# this file does not contain what it looks for.
FOREIGN = re.compile(
    r"(?<![\w.~-])/(?:" "work|root|opt" r")/[\w.]"
    r"|\.\./" r"shared\b|(?<!/)\b" r"shared/(?:tools|seeds|hooks|[A-Z])"
    r"|\b(?:DESIGN|STYLE|USERS)" r"\.md\b|\bseeds?" r"(?:/| )00\d"
)


# ---- the rules ------------------------------------------------------------------------------------------------------


def files(root: Path, suffixes: set[str]) -> Iterator[Path]:
    for directory, names, entries in os.walk(root):
        names[:] = [name for name in names if not SKIPPED_DIRECTORIES.fullmatch(name)]
        for entry in sorted(entries):
            path = Path(directory, entry)
            if path.suffix in suffixes and path.is_file():
                yield path


def c_files(root: Path) -> list[Path]:
    return list(files(root / "csrc", {".c", ".h"}))


def code_of(path: Path) -> str:
    """The text with comments blanked (line numbers kept) and strings left, as include lines need them."""
    return re.sub(
        r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"',
        lambda match: match[0] if match[0][0] == '"' else re.sub(r"[^\n]", " ", match[0]),
        path.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )


def includes(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(code_of(path).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if match:
            yield number, match[1]


def layer_of(root: Path, path: Path) -> str | None:
    parts = path.relative_to(root / "csrc").parts
    if parts[0] != "include":
        return parts[0] if len(parts) > 1 and parts[0] in MAY_INCLUDE else None
    if len(parts) != 3:
        return None
    name = path.stem if parts[1] == "cc" else f"{parts[1]}/"
    return next((layer for layer, names in PUBLIC_HEADERS.items() if name in names), None)


def resolve(root: Path, path: Path, name: str) -> Path | None:
    """The file of the tree that an include line means, None for a system header."""
    for directory in (path.parent, root / "csrc" / "include", root / "csrc"):
        target = (directory / name).resolve()
        if target.is_file():
            return target
    return None


def places(root: Path) -> Iterator[str]:
    """Every C file lies in a layer's folder, every public header is in PUBLIC_HEADERS."""
    for path in c_files(root):
        if layer_of(root, path) is None:
            yield f"{path.relative_to(root)}: belongs to no layer"


def layering(root: Path) -> Iterator[str]:
    """Includes point down only, and <layer>_internal.h stays in its folder."""
    for path in c_files(root):
        layer = layer_of(root, path)
        if layer is None:
            continue
        for number, name in includes(path):
            target = resolve(root, path, name)
            if target is None or not target.is_relative_to(root.resolve() / "csrc"):
                continue
            where = f"{path.relative_to(root)}:{number}"
            other = layer_of(root.resolve(), target)
            if other != layer and other not in MAY_INCLUDE[layer]:
                yield f"{where}: {layer} includes {name} of {other}"
            elif other != layer and target.name == f"{other}_internal.h":
                yield f"{where}: {name} is shared inside {other} only"


def order_in_rooms(root: Path) -> Iterator[str]:
    """In a room with an order, a file includes only headers of files that stand before it."""
    for layer, text in ROOM_ORDER.items():
        order = text.split()
        for path in sorted((root / "csrc" / layer).glob("*.[ch]")):
            where, stem = path.relative_to(root), re.sub("^source_.*", "source_*", path.stem)
            if stem not in order:
                yield f"{where}: has no place in the order of {layer}"
                continue
            for number, name in includes(path):
                above = order[order.index(stem) + 1 :]
                if re.sub("^source_.*", "source_*", name.removesuffix(".h")) in above:
                    yield f"{where}:{number}: {name} comes after {path.stem} in the order of {layer}"


def system_headers(root: Path) -> Iterator[str]:
    """What is not ISO C is included by the one layer that wraps it, never by a public header."""
    for path in c_files(root):
        public = (root / "csrc" / "include") in path.parents
        for number, name in includes(path):
            if name in ISO_C or resolve(root, path, name) is not None:
                continue
            where = f"{path.relative_to(root)}:{number}"
            owner = next(layer for pattern, layer in WRAPPED_BY if pattern.fullmatch(name))
            if public:
                yield f"{where}: a public header includes {name}"
            elif layer_of(root, path) != owner:
                yield f"{where}: {name} belongs in csrc/{owner}/"


def private_cpython(root: Path) -> Iterator[str]:
    """CPython's private API is used in one .c file of csrc/python at most."""
    users = {}
    for path in c_files(root):
        match = PRIVATE_CPYTHON.search(code_of(path))
        if match:
            users[path] = match[0]
    if len(users) == 1:
        path = next(iter(users))
        if path.suffix == ".c" and layer_of(root, path) == "python":
            return
    for path, name in users.items():
        yield f"{path.relative_to(root)}: private CPython API ({name}), which one .c file of csrc/python is for"


def sizes(root: Path) -> Iterator[str]:
    """A file that reaches 800 lines is split."""
    for path in files(root, CODE):
        count = len(path.read_bytes().splitlines())
        if count >= MOST_LINES:
            yield f"{path.relative_to(root)}: {count} lines"


def foreign_names(root: Path) -> Iterator[str]:
    """The tree stands alone: it names no path or document outside it."""
    for path in files(root, TEXT):
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            match = FOREIGN.search(line)
            if match:
                yield f"{path.relative_to(root)}:{number}: {match[0]}"


def foreign_exports(library: Path, allowed: str) -> Iterator[str]:
    """Names that a shared library defines for others and that do not match."""
    listing = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        name = line.split()[-1].split("@")[0]
        if not re.fullmatch(allowed, name):
            yield f"{library.name} exports {name}"


RULES = [places, layering, order_in_rooms, system_headers, private_cpython, sizes, foreign_names]
LIBCC_EXPORTS = r"(?:cc_(?!_)|Platform_)\w+"


# ---- this tree ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_tree(rule):
    assert list(rule(ROOT)) == []


def test_tree_is_seen():
    """The rules above look at files that exist."""
    assert {layer_of(ROOT, path) for path in c_files(ROOT)} >= {"base", "alloc", "profile", "python"}
    seen = set(files(ROOT, TEXT))
    assert {ROOT / "test", ROOT / "README.md", ROOT / ".ci" / "run", Path(__file__).resolve()} <= seen


@pytest.fixture(scope="module")
def package() -> Path:
    import concurrent_collections

    return Path(concurrent_collections.__file__).parent


def test_what_is_tested_is_the_installation(package):
    """./test must never test the sources that lie in the tree; a package tests/ would put the tree on sys.path."""
    assert not list((ROOT / "tests").rglob("__init__.py"))
    assert str(ROOT) not in sys.path
    if Path(sys.prefix).is_relative_to(ROOT / ".venv-test"):
        assert package.is_relative_to(sys.prefix)


def test_libcc_exports_only_own_names(package):
    libraries = sorted((package / "lib").glob("libcc.so*"))
    assert libraries, f"no libcc in {package}/lib"
    assert list(foreign_exports(libraries[-1], LIBCC_EXPORTS)) == []


def test_extension_exports_only_its_init(package):
    extensions = sorted(package.glob("_core*.so"))
    assert len(extensions) == 1
    assert list(foreign_exports(extensions[0], r"PyInit__core")) == []


# ---- the rules can fail ---------------------------------------------------------------------------------------------

GOOD_TREE = {
    "csrc/include/cc/base.h": "#include <stddef.h>\n",
    "csrc/include/cc/alloc.h": '#include "cc/base.h"\n',
    "csrc/include/cc/methods.h": '#include "cc/alloc.h"\n',
    "csrc/include/cc/regions.h": '#include "cc/methods.h"\n',
    "csrc/include/cc/debug_malloc.h": '#include "cc/methods.h"\n',
    "csrc/include/cc/arena.h": '#include "cc/methods.h"\n',
    "csrc/include/cc/smr.h": "#include <cc/base.h>\n",
    "csrc/include/compat/memory_wrapper.h": '#include "cc/alloc.h"\n',
    "csrc/base/os.h": '#include "cc/base.h"\n',
    "csrc/base/os_posix.c": '#include "os.h"\n#include <pthread.h>\n#  include <sys/mman.h>\n',
    "csrc/alloc/alloc_internal.h": '#include "../base/os.h"\n',
    "csrc/alloc/alloc.c": '#include "alloc_internal.h"\n#include <mimalloc.h>\n#include <malloc.h>\n',
    "csrc/smr/smr.c": '#include "cc/smr.h"\n#include "cc/alloc.h"\n/* #include <unistd.h> is base\'s */\n',
    "csrc/python/module.c": '#include <Python.h>\n#include "cc/smr.h"\n#include "cc/methods.h"\n',
    "csrc/python/frames.c": "#define Py_BUILD_CORE 1\n#include <internal/pycore_frame.h>\n_PyInterpreterFrame *f;\n",
    "csrc/build.py": "x = 1\n" * (MOST_LINES - 1),
    "README.md": "Nothing from " + "/usr/share/doc and ~/" + "work/x.\n",
    "build/lib/old.c": "x\n" * 2000,
}


def make_tree(root: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_passes_a_good_tree(rule, tmp_path):
    assert list(rule(make_tree(tmp_path, GOOD_TREE))) == []


@pytest.mark.parametrize(
    "rule, name, text, complaint",
    [
        (places, "csrc/loose.c", "", "csrc/loose.c: belongs to no layer"),
        (places, "csrc/extras/x.c", "", "csrc/extras/x.c: belongs to no layer"),
        (places, "csrc/include/cc/detail.h", "", "csrc/include/cc/detail.h: belongs to no layer"),
        (places, "csrc/include/alloc.h", "", "csrc/include/alloc.h: belongs to no layer"),
        (layering, "csrc/base/x.c", '#include "cc/alloc.h"\n', "csrc/base/x.c:1: base includes cc/alloc.h of alloc"),
        (layering, "csrc/alloc/x.c", '\n#include <cc/smr.h>\n', "csrc/alloc/x.c:2: alloc includes cc/smr.h of smr"),
        (layering, "csrc/smr/x.c", '#include "cc/methods.h"\n', "csrc/smr/x.c:1: smr includes cc/methods.h of methods"),
        (layering, "csrc/methods/x.c", '#include "cc/regions.h"\n', "csrc/methods/x.c:1: methods includes cc/regions.h of regions"),
        (layering, "csrc/alloc/x.c", '#include "cc/debug_malloc.h"\n', "csrc/alloc/x.c:1: alloc includes cc/debug_malloc.h of methods"),
        (layering, "csrc/platform/x.c", '#include "cc/arena.h"\n', "csrc/platform/x.c:1: platform includes cc/arena.h of regions"),
        (layering, "csrc/profile/tap.c", '#include "cc/smr.h"\n', "csrc/profile/tap.c:1: profile includes cc/smr.h of smr"),
        (order_in_rooms, "csrc/profile/x.c", "", "csrc/profile/x.c: has no place in the order of profile"),
        (
            order_in_rooms,
            "csrc/profile/rows.c",
            '#include "totals.h"\n#include "baseline.h"\n',
            "csrc/profile/rows.c:2: baseline.h comes after rows in the order of profile",
        ),
        (
            order_in_rooms,
            "csrc/profile/tap.c",
            '#include "source.h"\n#include "source_python.h"\n',
            "csrc/profile/tap.c:2: source_python.h comes after tap in the order of profile",
        ),
        (
            layering,
            "csrc/include/cc/base.h",
            '#include "cc/alloc.h"\n',
            "csrc/include/cc/base.h:1: base includes cc/alloc.h of alloc",
        ),
        (
            layering,
            "csrc/smr/x.c",
            '#include "../alloc/alloc_internal.h"\n',
            "csrc/smr/x.c:1: ../alloc/alloc_internal.h is shared inside alloc only",
        ),
        (
            layering,
            "csrc/smr/x.c",
            '#include "alloc/alloc_internal.h"\n',
            "csrc/smr/x.c:1: alloc/alloc_internal.h is shared inside alloc only",
        ),
        (system_headers, "csrc/profile/tap.c", "#include <Python.h>\n", "csrc/profile/tap.c:1: Python.h belongs in csrc/python/"),
        (
            system_headers,
            "csrc/python/x.c",
            "#include <mimalloc.h>\n",
            "csrc/python/x.c:1: mimalloc.h belongs in csrc/alloc/",
        ),
        (system_headers, "csrc/base/x.c", "#include <mimalloc-stats.h>\n", "csrc/base/x.c:1: mimalloc-stats.h belongs in csrc/alloc/"),
        (system_headers, "csrc/alloc/x.c", "#include <unistd.h>\n", "csrc/alloc/x.c:1: unistd.h belongs in csrc/base/"),
        (system_headers, "csrc/smr/x.c", "  # include <sys/mman.h>\n", "csrc/smr/x.c:1: sys/mman.h belongs in csrc/base/"),
        (system_headers, "csrc/smr/x.c", '#include "signal.h"\n', "csrc/smr/x.c:1: signal.h belongs in csrc/base/"),
        (system_headers, "csrc/python/x.c", "#include <pthread.h>\n", "csrc/python/x.c:1: pthread.h belongs in csrc/base/"),
        (
            system_headers,
            "csrc/include/cc/base.h",
            "#include <pthread.h>\n",
            "csrc/include/cc/base.h:1: a public header includes pthread.h",
        ),
        (
            private_cpython,
            "csrc/python/x.c",
            "#define Py_BUILD_CORE\n",
            "csrc/python/x.c: private CPython API (Py_BUILD_CORE), which one .c file of csrc/python is for",
        ),
        (
            private_cpython,
            "csrc/python/x.c",
            "x = _PyThreadState_GET();\n",
            "csrc/python/x.c: private CPython API (_PyThreadState_GET), which one .c file of csrc/python is for",
        ),
        (sizes, "csrc/base/x.c", "\n" * MOST_LINES, "csrc/base/x.c: 800 lines"),
        (sizes, "concurrent_collections/x.py", "\n" * 900, "concurrent_collections/x.py: 900 lines"),
        (foreign_names, "docs/x.md", "\nsee /" + "work/x\n", "docs/x.md:2: /" + "work/x"),
        (foreign_names, "test", "cat ../" + "shared/x", "test:1: ../" + "shared"),
        (foreign_names, "a.c", "as STYLE" + ".md asks", "a.c:1: STYLE" + ".md"),
        (foreign_names, "a.py", "# seed" + " 004", "a.py:1: seed" + " 004"),
    ],
)
def test_rule_fails(rule, name, text, complaint, tmp_path):
    violations = list(rule(make_tree(tmp_path, GOOD_TREE | {name: text})))
    assert complaint in violations
    assert all(name in violation or rule is private_cpython for violation in violations)


def test_private_cpython_is_not_for_headers(tmp_path):
    contents = {"csrc/python/frames.h": "_PyInterpreterFrame *frame;\n", "csrc/python/module.c": '#include "frames.h"\n'}
    (violation,) = private_cpython(make_tree(tmp_path, contents))
    assert violation.startswith("csrc/python/frames.h: private CPython API")


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
@pytest.mark.parametrize("name, passes", [("cc_alloc", True), ("Platform_Alloc", True), ("VirtualAlloc", False), ("mi_malloc", False), ("malloc", False), ("cc__os_map", False)])
def test_export_rule(name, passes, tmp_path):
    source = make_tree(tmp_path, {"x.c": f"void *{name}(unsigned long n) {{ return (void *)n; }}\n"}) / "x.c"
    subprocess.run(["cc", "-w", "-shared", "-fPIC", "-nostdlib", source, "-o", tmp_path / "libx.so"], check=True)
    expected = [] if passes else [f"libx.so exports {name}"]
    assert list(foreign_exports(tmp_path / "libx.so", LIBCC_EXPORTS)) == expected
