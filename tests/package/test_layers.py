"""The C layers: this tree and the installed library keep to the rules, and each rule can fail, on small trees made
for it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from interpreter import PACKAGE
from layer_rules import (
    LIBCC_EXPORTS,
    RULES,
    c_files,
    foreign_exports,
    layer_of,
    layering,
    order_in_rooms,
    places,
    private_cpython,
    system_headers,
)
from tree import ROOT, own_files

# ---- this tree ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_tree(rule):
    assert list(rule(ROOT)) == []


def test_tree_is_seen():
    """The rules above look at files that exist."""
    assert {layer_of(ROOT, path) for path in c_files(ROOT)} >= {"base", "alloc", "profile", "python"}
    assert {ROOT / "test", ROOT / "README.md", ROOT / ".ci" / "run", Path(__file__).resolve()} <= set(own_files())


def test_what_is_tested_is_the_installation():
    """./test must never test the sources that lie in the tree; a package tests/ would put the tree on sys.path."""
    assert not list((ROOT / "tests").rglob("__init__.py"))
    assert str(ROOT) not in sys.path
    if Path(sys.prefix).is_relative_to(ROOT / ".venv-test"):
        assert PACKAGE.is_relative_to(sys.prefix)


def test_libcc_exports_only_own_names():
    libraries = sorted((PACKAGE / "lib").glob("libcc.so*"))
    assert libraries, f"no libcc in {PACKAGE}/lib"
    assert list(foreign_exports(libraries[-1], LIBCC_EXPORTS)) == []


def test_extension_exports_only_its_init():
    extensions = sorted(PACKAGE.glob("_core*.so"))
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
    "build/lib/old.c": "#include <unistd.h>\n",
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
        (layering, "csrc/alloc/x.c", "\n#include <cc/smr.h>\n", "csrc/alloc/x.c:2: alloc includes cc/smr.h of smr"),
        (layering, "csrc/smr/x.c", '#include "cc/methods.h"\n', "csrc/smr/x.c:1: smr includes cc/methods.h of methods"),
        (
            layering,
            "csrc/methods/x.c",
            '#include "cc/regions.h"\n',
            "csrc/methods/x.c:1: methods includes cc/regions.h of regions",
        ),
        (
            layering,
            "csrc/alloc/x.c",
            '#include "cc/debug_malloc.h"\n',
            "csrc/alloc/x.c:1: alloc includes cc/debug_malloc.h of methods",
        ),
        (
            layering,
            "csrc/platform/x.c",
            '#include "cc/arena.h"\n',
            "csrc/platform/x.c:1: platform includes cc/arena.h of regions",
        ),
        (
            layering,
            "csrc/profile/tap.c",
            '#include "cc/smr.h"\n',
            "csrc/profile/tap.c:1: profile includes cc/smr.h of smr",
        ),
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
        (
            system_headers,
            "csrc/profile/tap.c",
            "#include <Python.h>\n",
            "csrc/profile/tap.c:1: Python.h belongs in csrc/python/",
        ),
        (
            system_headers,
            "csrc/python/x.c",
            "#include <mimalloc.h>\n",
            "csrc/python/x.c:1: mimalloc.h belongs in csrc/alloc/",
        ),
        (
            system_headers,
            "csrc/base/x.c",
            "#include <mimalloc-stats.h>\n",
            "csrc/base/x.c:1: mimalloc-stats.h belongs in csrc/alloc/",
        ),
        (system_headers, "csrc/alloc/x.c", "#include <unistd.h>\n", "csrc/alloc/x.c:1: unistd.h belongs in csrc/base/"),
        (
            system_headers,
            "csrc/smr/x.c",
            "  # include <sys/mman.h>\n",
            "csrc/smr/x.c:1: sys/mman.h belongs in csrc/base/",
        ),
        (system_headers, "csrc/smr/x.c", '#include "signal.h"\n', "csrc/smr/x.c:1: signal.h belongs in csrc/base/"),
        (
            system_headers,
            "csrc/python/x.c",
            "#include <pthread.h>\n",
            "csrc/python/x.c:1: pthread.h belongs in csrc/base/",
        ),
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
    ],
)
def test_rule_fails(rule, name, text, complaint, tmp_path):
    violations = list(rule(make_tree(tmp_path, GOOD_TREE | {name: text})))
    assert complaint in violations
    assert all(name in violation or rule is private_cpython for violation in violations)


def test_private_cpython_is_not_for_headers(tmp_path):
    contents = {
        "csrc/python/frames.h": "_PyInterpreterFrame *frame;\n",
        "csrc/python/module.c": '#include "frames.h"\n',
    }
    (violation,) = private_cpython(make_tree(tmp_path, contents))
    assert violation.startswith("csrc/python/frames.h: private CPython API")


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
@pytest.mark.parametrize(
    "name, passes",
    [
        ("cc_alloc", True),
        ("Platform_Alloc", True),
        ("VirtualAlloc", False),
        ("mi_malloc", False),
        ("malloc", False),
        ("cc__os_map", False),
    ],
)
def test_export_rule(name, passes, tmp_path):
    source = make_tree(tmp_path, {"x.c": f"void *{name}(unsigned long n) {{ return (void *)n; }}\n"}) / "x.c"
    subprocess.run(["cc", "-w", "-shared", "-fPIC", "-nostdlib", source, "-o", tmp_path / "libx.so"], check=True)
    expected = [] if passes else [f"libx.so exports {name}"]
    assert list(foreign_exports(tmp_path / "libx.so", LIBCC_EXPORTS)) == expected
