"""The command line runs a program as Python would: what the program sees, and how it ends.

What the profiled program shows of itself (output, traceback, exit status) is compared with a run without the profiler.
"""

from __future__ import annotations

import os
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
from cli_tools import WORLD, assert_as_without_profiler, outcome, profile, report, run, write


@pytest.fixture(autouse=True)
def in_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("PYTHONSAFEPATH", "PYTHONUNBUFFERED"):
        monkeypatch.delenv(variable, raising=False)


# ---- the program's world --------------------------------------------------------------------------------------------


def test_script_sees_what_python_shows_it():
    write("folder/neighbour.py", "print('imported')")
    write("folder/script.py", WORLD + "    import neighbour\n")
    assert_as_without_profiler("folder/script.py", "--html", "x", "-m", "--", "-q", "a b")


def test_symbolic_link_searches_the_directory_of_its_target():
    write("folder/neighbour.py", "print('imported')")
    os.symlink(write("folder/script.py", "import neighbour, sys; print(sys.argv, __file__)"), "link.py")
    assert_as_without_profiler("link.py")


@pytest.mark.parametrize("module", ["package.module", "package"])
def test_module_sees_what_python_shows_it(module):
    write("package/__init__.py", "print('package', __name__)")
    write("package/__main__.py", WORLD)
    write("package/module.py", WORLD + "    from . import sibling\n")
    write("package/sibling.py", "print('sibling', __name__)")
    assert_as_without_profiler("-m", module, "--json", "mine", "-x")


def test_module_may_be_joined_to_its_option():
    write("module.py", "import sys; print(sys.argv[1:])")
    assert_as_without_profiler("-mmodule", "one", "--force")


def test_directory_and_zip_file_run_as_their_main():
    write("folder/__main__.py", WORLD)
    with zipfile.ZipFile("program.zip", "w") as archive:
        archive.writestr("__main__.py", textwrap.dedent(WORLD))
    assert_as_without_profiler("folder", "argument")
    assert_as_without_profiler("program.zip", "argument")


def test_safe_path_is_passed_on():
    write("script.py", "import sys; print(sys.path)")
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    assert_as_without_profiler("script.py", env=environment)
    write("folder/__main__.py", "import sys; print(sys.path)")
    assert_as_without_profiler("folder", env=environment)


@pytest.mark.parametrize(
    "name", ["-script.py", "a b'\"$(x).py", "<b>&.py", "{0}.py", "ünï.py", "100%s.py", "new\nline.py"]
)
def test_hostile_script_names(name):
    write(name, "import sys; print(sys.argv); raise ValueError(__file__)")
    plain = run(sys.executable, "--" if name.startswith("-") else "-B", name)
    profiled = profile("-q", "-f", "--html", "report.html", "--json", "report.json", "--prometheus", "p", "--", name)
    if not name.startswith("-"):
        assert outcome(profiled) == outcome(plain)
    assert profiled.returncode == 1
    assert "ValueError" in profiled.stderr
    assert report()["environment"]["command_line"] == [name]
    assert "<b>&.py" not in Path("report.html").read_text()


def test_source_may_declare_an_encoding_and_end_without_a_line_break():
    Path("script.py").write_bytes(b"# -*- coding: latin-1 -*-\nprint(ascii('\xe9'))")
    assert_as_without_profiler("script.py")


def test_classes_of_main_can_be_pickled_and_sent_to_processes():
    write(
        "script.py",
        """
        import multiprocessing, pickle
        from dataclasses import dataclass

        @dataclass
        class Point:
            x: int

        def double(point):
            return Point(2 * point.x)

        if __name__ == "__main__":
            assert pickle.loads(pickle.dumps(Point(1))) == Point(1)
            for method in ("fork", "spawn"):
                with multiprocessing.get_context(method).Pool(2) as pool:
                    print(pool.map(double, [Point(1), Point(2)]))
        """,
    )
    assert_as_without_profiler("script.py")


def test_program_may_have_modules_named_like_those_that_a_report_needs():
    for name in ("csv", "json", "plotly", "secrets", "prometheus_client", "report", "html", "statistics"):
        write(f"folder/{name}.py", "mine = True")
    write(
        "folder/script.py",
        "import csv, json, plotly, secrets, html\nassert csv.mine and json.mine and plotly.mine and secrets.mine",
    )
    result = profile(
        "-q", "--html", "report.html", "--csv", "c", "--prometheus", "p", "--json", "j", "folder/script.py"
    )
    assert outcome(result) == (0, "", "")
    assert {path.name for path in Path().iterdir()} >= {"report.html", "c", "p", "j"}


def test_program_may_change_directory_and_search_path():
    write("script.py", "import os, sys; os.mkdir('other'); os.chdir('other'); sys.path[:] = []")
    assert outcome(profile("-q", "--json", "report.json", "--html", "report.html", "script.py")) == (0, "", "")
    assert Path("report.json").exists()
    assert Path("report.html").exists()


# ---- its end --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        "pass",
        "sys.exit()",
        "sys.exit(0)",
        "sys.exit(7)",
        "sys.exit(-1)",
        "sys.exit('text')",
        "sys.exit(('a', 'tuple'))",
        "raise SystemExit(None)",
        "raise SystemExit(3) from KeyError('cause')",
        "sys.stdout.write('unfinished line'); os._exit(5)",
        "os.kill(os.getpid(), signal.SIGKILL) if False else os._exit(0)",
    ],
)
def test_exit_status_and_output(end):
    write("script.py", f"import os, signal, sys\nprint('out', flush=True)\nprint('err', file=sys.stderr)\n{end}\n")
    assert_as_without_profiler("script.py")


RAISES = """
    def inner(depth):
        if depth:
            inner(depth - 1)
        try:
            {}["missing"]
        except KeyError as error:
            raise ValueError("wrong") from error

    inner(3)
"""


@pytest.mark.parametrize(
    "source",
    [
        RAISES,
        "def wrong(:\n",
        "import sys\ndef f(): f()\nsys.setrecursionlimit(100)\nf()\n",
        "raise ExceptionGroup('group', [ValueError(1), TypeError(2)])",
        "class Odd(BaseException): pass\nraise Odd",
        "raise KeyboardInterrupt",
        "import sys\nsys.excepthook = lambda *what: print('my hook', what)\n1/0",
        "import sys\nsys.excepthook = lambda *what: sys.exit(9)\n1/0",
        "import atexit, sys\natexit.register(lambda: print(sys.last_value))\n1/0",
        "import nowhere_to_be_found",
    ],
    ids=[
        "chained",
        "syntax",
        "recursion",
        "group",
        "base",
        "interrupt",
        "hook",
        "exiting hook",
        "last value",
        "import",
    ],
)
@pytest.mark.parametrize("program", [["script.py"], ["-m", "script"]], ids=["script", "module"])
def test_uncaught_exception_is_printed_without_our_frames(source, program):
    write("script.py", source)
    assert assert_as_without_profiler(*program).returncode != 0


def test_missing_module_ends_as_with_python():
    result = profile("-q", "-m", "no.such.module")
    plain = run(sys.executable, "-m", "no.such.module")
    assert outcome(result) == outcome(plain)


def test_threads_and_exit_functions_come_before_the_report_and_globals_after():
    write(
        "script.py",
        """
        import atexit, os, threading, time

        class Last:
            def __del__(self, access=os.access):
                print("deleted", access("report.json", 0))

        def late():
            threading.main_thread().join()
            kept.append(bytearray(1 << 20))
            print("thread", os.path.exists("report.json"))

        kept = [bytearray(1 << 20)]
        last = Last()
        atexit.register(lambda: (kept.append(bytearray(1 << 20)), print("atexit", os.path.exists("report.json"))))
        threading.Thread(target=late).start()
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        """,
    )
    result = profile("-q", "--leaks", "--json", "report.json", "script.py")
    assert outcome(result) == (0, "thread False\natexit False\ndeleted True\n", "")
    assert sum(block["size"] >= 1 << 20 for block in report()["leaked_allocations"]) == 3


def test_what_an_exception_holds_is_no_leak():
    write("script.py", "def f():\n    data = bytearray(1 << 20)\n    1 / 0\nf()")
    assert profile("-q", "--leaks", "--json", "report.json", "script.py").returncode == 1
    assert all(block["size"] < 1 << 20 for block in report()["leaked_allocations"])


def test_os_exit_wants_an_int_as_ever():
    write("script.py", "import os\ntry:\n    os._exit('x')\nexcept TypeError:\n    print('refused')")
    result = profile("-q", "--json", "report.json", "script.py")
    assert outcome(result) == (0, "refused\n", "")
