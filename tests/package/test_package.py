"""The package as it is built and installed: what lies in it, what importing it does, how its build behaves."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from interpreter import FREE_THREADED_BUILD, PACKAGE, output_of, run_python

import concurrent_collections

ROOT = Path(__file__).resolve().parents[2]
INPUTS = [
    "concurrent_collections",
    "csrc",
    "licenses",
    "setup.py",
    "pyproject.toml",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "concurrent-collections"


def have_build_requirements() -> bool:
    return (
        output_of(
            "import importlib.util, pathlib, sys; print(importlib.util.find_spec('setuptools') is not None and "
            "any((pathlib.Path(p) / 'cmeel.prefix').exists() for p in sys.path if p))"
        )
        == "True\n"
    )


def run(*command: object, cwd: Path | None = None, **environment: str) -> str:
    result = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout + result.stderr


def copy_of_the_tree(directory: Path) -> Path:
    for name in INPUTS:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.so.*")
            )
        else:
            directory.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, directory / name)
    for output in ("include", "lib"):  # of an editable install that lies in the tree
        shutil.rmtree(directory / "concurrent_collections" / output, ignore_errors=True)
    return directory


@pytest.fixture(scope="session")
def pip() -> list[str]:
    if not have_build_requirements():
        with tempfile.TemporaryDirectory() as place:
            got = subprocess.run(
                [sys.executable, "-m", "pip", "download", "-q", "-d", place, "cmeel-mimalloc>=3.4,<3.5"],
                capture_output=True, check=False, timeout=120,
            )  # fmt: skip
        if got.returncode != 0:
            pytest.skip("no build requirements here, and none to be had")
        return [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    return [sys.executable, "-m", "pip", "--disable-pip-version-check"]


@pytest.fixture(scope="session")
def isolation() -> list[str]:
    return ["--no-build-isolation"] if have_build_requirements() else []


@pytest.fixture(scope="session")
def built(pip, isolation, tmp_path_factory) -> tuple[Path, Path, str]:
    """(sdist, wheel made of the sdist, log of the build)"""
    place = tmp_path_factory.mktemp("build")
    tree = copy_of_the_tree(place / "tree")
    backend = "import sys, setuptools.build_meta as b; print(b.build_sdist(sys.argv[1]))"
    if not isolation:
        pytest.skip("setuptools is not installed beside the tests")
    run(sys.executable, "-c", backend, place, cwd=tree)
    (sdist,) = place.glob("*.tar.gz")
    log = run(*pip, "wheel", "-v", "--no-deps", *isolation, "-w", place, sdist, CFLAGS="-Wall -Wextra -Wundef")
    (wheel,) = place.glob("*.whl")
    return sdist, wheel, log


@pytest.mark.slow
def test_the_build_has_no_warnings(built):
    log = built[2]
    assert re.search(r"-Wall -Wextra -Wundef", log), "the flags were heeded"
    assert re.findall(r"^.*:\d+:\d+: warning: .*$", log, re.MULTILINE) == []


@pytest.mark.slow
def test_the_wheel_holds_what_it_should(built):
    names = zipfile.ZipFile(built[1]).namelist()
    for wanted in (
        "concurrent_collections/py.typed", "concurrent_collections/include/cc/alloc.h",
        "concurrent_collections/include/cc/base.h", "concurrent_collections/include/cc/profile.h",
        "concurrent_collections/include/cc/smr.h", "concurrent_collections/include/cc/platform.h",
        "concurrent_collections/include/compat/memory_wrapper.h",
        "concurrent_collections/lib/libcc.so.1", "concurrent_collections/lib/pkgconfig/libcc.pc",
    ):  # fmt: skip
        assert wanted in names, wanted
    assert any(re.fullmatch(r"concurrent_collections/_core\..*\.so", name) for name in names)
    static = {path.name for path in (ROOT / "concurrent_collections/exporters/static").iterdir()}
    assert static and static <= {name.rpartition("/")[2] for name in names}
    for module in (ROOT / "concurrent_collections").rglob("*.py"):
        assert str(module.relative_to(ROOT)) in names
    top = {name.partition("/")[0] for name in names}
    ours = {"concurrent_collections", "concurrent_collections_children.pth"}
    assert {name for name in top if not name.endswith(".dist-info")} == ours, "no tests, no csrc"
    assert not [name for name in names if name.endswith((".c", ".o", ".a", ".pyc")) or "test" in name.lower()]
    assert any(name.endswith("LICENSE") for name in names) and any(
        name.endswith("licenses/mimalloc.txt") for name in names
    )


@pytest.mark.slow
def test_the_sdist_holds_the_sources(built):
    names = {name.partition("/")[2] for name in tarfile.open(built[0]).getnames()}
    assert {"setup.py", "pyproject.toml", "csrc/build.py", "csrc/include/cc/alloc.h", "LICENSE", "README.md"} <= names
    for source in (ROOT / "csrc").rglob("*.[ch]"):
        assert str(source.relative_to(ROOT)) in names


CHECK = """
import sys
sys.path.insert(0, sys.argv[1])
import concurrent_collections as c
assert c.__file__.startswith(sys.argv[1]), c.__file__
with c.MemoryProfiler(detect_leaks=True) as profiler:
    kept = bytes(54321)
print(profiler.report().leaked_allocations[0].size == sys.getsizeof(kept))
"""


@pytest.mark.slow
def test_the_wheel_of_the_sdist_installs_and_works(built, pip, tmp_path):
    run(*pip, "install", "-q", "--no-deps", "--target", tmp_path / "site", built[1])
    assert output_of(CHECK, tmp_path / "site") == "True\n"
    shutil.move(tmp_path / "site", tmp_path / "moved")
    assert output_of(CHECK, tmp_path / "moved") == "True\n", "it is relocatable"


@pytest.mark.slow
def test_a_deleted_module_is_not_built_again(pip, isolation, tmp_path):
    """As in a clone that was built before: build/ holds the package of that time."""
    if not isolation:
        pytest.skip("setuptools is not installed beside the tests")
    tree = copy_of_the_tree(tmp_path / "tree")
    build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", tmp_path / "out"]
    (tree / "concurrent_collections" / "deleted.py").touch()
    run(*build, cwd=tree)
    assert (tmp_path / "out/concurrent_collections/deleted.py").exists()
    (tree / "concurrent_collections" / "deleted.py").unlink()
    run(*build, cwd=tree)
    assert (tmp_path / "out/concurrent_collections/config.py").exists()
    assert not (tmp_path / "out/concurrent_collections/deleted.py").exists()


def test_a_missing_mimalloc_is_said_in_words(tmp_path):
    """Not by a traceback: neither pkg-config nor the .pc file may be taken for granted."""
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "csrc")!r})
from pathlib import Path
import build
try:
    build.build_libcc(Path({str(tmp_path / "out")!r}))
except build.BuildError as error:
    print(error)
"""
    (tmp_path / "bin").mkdir()
    for path, expected in [
        (tmp_path / "bin", "needs pkg-config, which is not installed"),
        (os.environ["PATH"], "pkg-config finds no mimalloc" if shutil.which("pkg-config") else "needs pkg-config"),
    ]:
        environment = {
            "CC_MIMALLOC": "system",
            "PATH": str(path),
            "PKG_CONFIG_LIBDIR": str(tmp_path),
            "PKG_CONFIG_PATH": "",
        }
        assert expected in run(sys.executable, "-c", code, **environment)


def test_an_editable_install_works(pip, isolation, tmp_path):
    if not isolation:
        pytest.skip("setuptools is not installed beside the tests")
    tree = copy_of_the_tree(tmp_path / "tree")
    run(sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    site = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True,
                          text=True, check=True).stdout.strip()  # fmt: skip
    run(*pip, "install", "-q", "--no-deps", *isolation, "--target", site, "-e", tree)
    code = (
        "import concurrent_collections as c\n"
        "with c.MemoryProfiler() as p: keep = bytes(10)\n"
        "print(c.__file__, p.report().alloc_count > 0)"
    )
    (link,) = [path for path in Path(site).iterdir() if "editable" in path.name and path.suffix == ".pth"] or [None]
    assert link is not None
    assert run(python, "-c", code, cwd=tmp_path).split() == [str(tree / "concurrent_collections/__init__.py"), "True"]


# ---- importing ------------------------------------------------------------------------------------------------------


def test_importing_loads_nothing_of_others():
    loaded = json.loads(
        output_of(
            "import sys; before = set(sys.modules); import concurrent_collections, json; "
            "print(json.dumps([[name, getattr(sys.modules[name], '__file__', None)] for name in set(sys.modules) - "
            "before]))"
        )
    )
    foreign = [
        name
        for name, file in loaded
        if file and "site-packages" in file and not name.startswith("concurrent_collections")
    ]
    assert foreign == []
    assert "concurrent_collections.exporters" not in dict(loaded), "exporters are loaded when they are used"


def test_importing_complains_of_nothing_and_leaves_the_gil_off():
    text = output_of(
        "import sys; import concurrent_collections, concurrent_collections._core; "
        "print(getattr(sys, '_is_gil_enabled', lambda: True)())",
        options=["-W", "error"],
    )
    assert text == f"{not FREE_THREADED_BUILD}\n"


def test_the_package_is_typed_and_versions_agree():
    assert (PACKAGE / "py.typed").exists()
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE).group(1)
    assert concurrent_collections.__version__ == version
    assert set(concurrent_collections.__all__) <= set(dir(concurrent_collections))


# ---- libcc ----------------------------------------------------------------------------------------------------------

needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

PROGRAM = """
#include <stdio.h>
#include <cc/alloc.h>
#include <cc/profile.h>
int main(void) {
    void *block = cc_alloc(100);
    printf("%s %d\\n", cc_version(), block != NULL && cc_abi_version() == CC_ABI_VERSION);
    cc_free(block, 100);
    return 0;
}
"""


@needs_compiler
@pytest.mark.skipif(shutil.which("pkg-config") is None, reason="pkg-config is not installed")
def test_the_pkg_config_file_serves_from_wherever_it_lies(tmp_path):
    shutil.copytree(PACKAGE / "lib", tmp_path / "moved here" / "lib")
    shutil.copytree(PACKAGE / "include", tmp_path / "moved here" / "include")
    (tmp_path / "moved").symlink_to(tmp_path / "moved here")
    (tmp_path / "program.c").write_text(PROGRAM)
    flags = run("pkg-config", "--cflags", "--libs", "libcc",
                PKG_CONFIG_PATH=str(tmp_path / "moved" / "lib" / "pkgconfig")).split()  # fmt: skip
    assert all(str(PACKAGE) not in flag for flag in flags) and any(str(tmp_path) in flag for flag in flags)
    run("gcc", "-Wall", "-Werror", tmp_path / "program.c", *flags, "-o", tmp_path / "program")
    assert run(tmp_path / "program") == f"{concurrent_collections.__version__} 1\n"


@pytest.fixture(scope="session")
def foreign_libraries(tmp_path_factory) -> dict[str, Path]:
    """Libraries that call themselves libcc.so.1 and are not ours."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    made = {}
    for name, text in {
        "empty": "int unrelated(void) { return 1; }",
        "other_abi": "int cc_abi_version(void) { return 99; }\n"
        + "".join(f"void {symbol}(void) {{}}\n" for symbol in sorted(needed_symbols() - {"cc_abi_version"})),
    }.items():
        place = tmp_path_factory.mktemp(name)
        (place / "stub.c").write_text(text)
        made[name] = place / "libcc.so.1"
        run("gcc", "-shared", "-fPIC", "-Wl,-soname,libcc.so.1", place / "stub.c", "-o", made[name])
    return made


def needed_symbols() -> set[str]:
    (extension,) = PACKAGE.glob("_core.*.so")
    table = run("nm", "-D", "--undefined-only", extension)
    return set(re.findall(r" U (cc_\w+)", table))


@pytest.mark.parametrize("kind", ["empty", "other_abi"])
@pytest.mark.parametrize("how", ["LD_PRELOAD", "ctypes"])
def test_a_foreign_libcc_is_a_clear_import_error(foreign_libraries, kind, how):
    library = foreign_libraries[kind]
    result = run_python(
        """
        import ctypes, sys
        if sys.argv[1]:
            ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)
        try:
            import concurrent_collections
        except ImportError as error:
            print(error)
        """,
        library if how == "ctypes" else "",
        environment={"LD_PRELOAD": str(library)} if how == "LD_PRELOAD" else {},
    )
    assert result.returncode == 0, result.stderr
    if kind == "empty":
        assert "found a libcc that it was not built with" in result.stdout
    else:
        assert "has ABI 99, this extension was built for ABI 1" in result.stdout


BUILD_WITHOUT_STATISTICS = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import build
print(build.build_libcc(pathlib.Path(sys.argv[2]), flags=["-O0", "-DCC_ALLOC_STATS=0"], libc_backend=True))
"""


@pytest.mark.slow
@needs_compiler
def test_statistics_that_were_left_out_cannot_be_enabled(tmp_path):
    library = output_of(BUILD_WITHOUT_STATISTICS, ROOT / "csrc", tmp_path).strip()
    code = """
        from concurrent_collections import config
        config.enable_alloc_statistics = False
        try:
            config.enable_alloc_statistics = True
        except RuntimeError as error:
            print(error, config.enable_alloc_statistics)
        """
    expected = "enable_alloc_statistics is True, but this libcc was built without statistics (CC_ALLOC_STATS=0): "
    text = output_of(code, environment={"LD_PRELOAD": library})
    assert text == expected + "expected False, or another build False\n"


def test_the_source_tree_is_not_mistaken_for_the_package(tmp_path):
    """As when Python is started in a clone of the repository."""
    shutil.copytree(
        ROOT / "concurrent_collections",
        tmp_path / "concurrent_collections",
        ignore=shutil.ignore_patterns("*.so*", "lib"),
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    result = subprocess.run(
        [sys.executable, "-c", "import concurrent_collections"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert (
        last.startswith("ImportError: concurrent_collections was imported from its source tree (")
        and "from another directory" in last
    )


def test_the_library_exports_only_its_own_names():
    (library,) = (PACKAGE / "lib").glob("libcc.so.*")
    if shutil.which("nm") is None:
        pytest.skip("nm is not installed")
    names = set(re.findall(r" [A-Z] (\w+)", run("nm", "-D", "--defined-only", library)))
    assert names and all(re.match(r"cc_(?!_)|Platform_", name) for name in names), names


def test_python_and_ctypes_share_one_libcc(runtime):
    (library,) = (PACKAGE / "lib").glob("libcc.so.*")
    maps = Path("/proc/self/maps").read_text() if Path("/proc/self/maps").exists() else ""
    assert len({line.split()[-1] for line in maps.splitlines() if "libcc.so" in line}) <= 1
    assert ctypes.CDLL(str(library))._handle == runtime.library._handle


@pytest.mark.slow
@needs_compiler
@pytest.mark.skipif(shutil.which("pkg-config") is None, reason="pkg-config is not installed")
def test_a_build_with_the_systems_mimalloc(tmp_path, isolation):
    """CC_MIMALLOC=system asks pkg-config; here its answer is PyPI's shared library."""
    if not isolation:
        pytest.skip("cmeel-mimalloc is not installed beside the tests")
    sys.path.insert(0, str(ROOT / "csrc"))
    try:
        import build as csrc_build
    finally:
        sys.path.remove(str(ROOT / "csrc"))
    prefix = csrc_build.wheel_prefix()
    (tmp_path / "mimalloc.pc").write_text(
        f"Name: mimalloc\nDescription: test\nVersion: 3.4\nCflags: -I{sorted(prefix.glob('include/mimalloc-*'))[-1]}\n"
        f"Libs: -L{prefix / 'lib'} -lmimalloc -Wl,-rpath,{prefix / 'lib'}\n"
    )
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "csrc")!r})
from pathlib import Path
import build
print(build.build_libcc(Path({str(tmp_path / "out")!r})))
"""
    path = run(sys.executable, "-c", code, CC_MIMALLOC="system", PKG_CONFIG_PATH=str(tmp_path)).splitlines()[-1]
    assert "libmimalloc.so" in run("readelf", "-d", path)
    library = ctypes.CDLL(path)
    library.cc_alloc.restype = ctypes.c_void_p
    assert library.cc_alloc(ctypes.c_size_t(100))


# ---- CPython 3.14 ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def headers_of_314() -> Path:
    """The directory that holds python3.14/ with its headers, from Debian's package; kept in the cache."""
    place = CACHE / "python3.14-headers"
    if not (place / "usr/include/python3.14/Python.h").exists():
        if not all(shutil.which(tool) for tool in ("apt-get", "dpkg-deb", "gcc")):
            pytest.skip("no apt to get CPython 3.14's headers with")
        keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
        if not keyring.exists():
            pytest.skip("no Debian archive is known on this system")
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as work_name:
            work = Path(work_name)
            (work / "lists/partial").mkdir(parents=True)
            (work / "no-parts").mkdir()
            targets = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True,
                                     text=True, check=False).stdout.split()  # fmt: skip
            uri = next(
                (line for line in targets if line.rstrip("/").endswith("/debian")), "http://deb.debian.org/debian"
            )
            (work / "sources.list").write_text(
                "".join(f"deb [signed-by={keyring}] {uri} {suite} main\n" for suite in ("sid", "forky"))
            )
            apt = ["apt-get", "-q", "-o", f"Dir::Etc::SourceList={work / 'sources.list'}", "-o",
                   f"Dir::Etc::SourceParts={work / 'no-parts'}", "-o", f"Dir::State::Lists={work / 'lists'}", "-o",
                   "APT::Sandbox::User=root", "-o", "Acquire::Check-Valid-Until=false"]  # fmt: skip
            subprocess.run([*apt, "update"], cwd=work, capture_output=True, check=False, timeout=300)
            subprocess.run(
                [*apt, "download", "libpython3.14-dev"], cwd=work, capture_output=True, check=False, timeout=300
            )
            packages = list(work.glob("libpython3.14-dev_*.deb"))
            if not packages:
                pytest.skip("the archive does not deliver libpython3.14-dev")
            run("dpkg-deb", "-x", packages[0], work / "unpacked")
            (work / "unpacked").rename(place)
    return place / "usr/include"


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("flags", [[], ["-DPy_GIL_DISABLED=1"]], ids=["stock", "free-threaded"])
def test_the_extension_compiles_with_the_headers_of_314(headers_of_314, flags):
    for source in sorted((ROOT / "csrc/python").glob("*.c")):
        run(
            "gcc", "-std=gnu11", "-fsyntax-only", "-Wall", "-Wextra", "-Wundef", "-Werror", *flags,
            f"-I{headers_of_314 / 'python3.14'}", f"-I{headers_of_314}", f"-I{ROOT / 'csrc/include'}",
            f"-I{ROOT / 'csrc'}", source,
        )  # fmt: skip
