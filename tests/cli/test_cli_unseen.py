"""The program sees nothing of the profiler, and takes nothing away that a report needs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cli_tools import PROFILE, assert_as_without_profiler, outcome, profile, report, run, write


@pytest.fixture(autouse=True)
def in_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("PYTHONSAFEPATH", "PYTHONUNBUFFERED"):
        monkeypatch.delenv(variable, raising=False)


# ---- calls ----------------------------------------------------------------------------------------------------------

TRACES = """
    import os, signal, subprocess, sys, sysconfig

    stderr, places = sys.stderr, tuple({sysconfig.get_path("stdlib"), os.path.dirname(__file__)})

    def trace(frame, event, argument):
        name = frame.f_code.co_filename
        if not name.startswith((*places, "<")):
            stderr.write(f"{event} {name} {frame.f_code.co_name}\\n")
        return trace

    sys.settrace(trace)
    sys.setprofile(trace)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.system("true")
    subprocess.run(["true"])
    if os.fork() == 0:
        os._exit(0)
    os.wait()
"""


def test_trace_functions_of_the_program_see_nothing_of_ours():
    write("script.py", TRACES)
    assert_as_without_profiler("script.py")


def test_cprofile_counts_what_it_always_counts():
    write(
        "script.py",
        """
        import cProfile, os, re, signal
        profile = cProfile.Profile()
        profile.enable()
        os.system("true")
        if os.fork() == 0:
            os._exit(0)
        os.wait()
        profile.disable()
        print(sorted((str(entry.code), entry.callcount) for entry in profile.getstats()))
        """,
    )
    assert_as_without_profiler("script.py")


# ---- the end --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["atexit._clear()", "atexit._run_exitfuncs()"])
def test_functions_of_the_end_that_were_dropped_or_have_run(change):
    write("script.py", f"import atexit\natexit.register(print, 'end')\n{change}\nkept = bytes(3_000_000)\n")
    assert_as_without_profiler("script.py")
    assert report()["alloc_bytes"] > 3_000_000


def test_stdout_of_the_program_is_flushed_as_often_as_ever():
    write(
        "script.py",
        """
        import sys

        class Stream:
            def write(self, text):
                return len(text)

            def flush(self):
                sys.stderr.write("flush\\n")
                raise KeyboardInterrupt

        sys.stdout = Stream()
        """,
    )
    assert_as_without_profiler("script.py")


def test_main_dies_when_it_always_dies():
    write(
        "script.py",
        """
        class Dies:
            def __del__(self):
                print(self.name)

        kept, alone = Dies(), Dies()
        kept.name, alone.name, kept.itself = "in a cycle", "alone", kept
        """,
    )
    assert_as_without_profiler("script.py")


def test_a_pipe_s_directory_is_python_s():
    write("script.py", "import sys; print(sys.path[0], __file__)")
    plain, profiled = (
        run("sh", "-c", 'cat script.py | "$@" /dev/stdin', "sh", *words)
        for words in ([sys.executable], [*PROFILE, "-q"])
    )
    assert outcome(profiled) == outcome(plain)


EXPORTS = ["--json", "report.json", "--csv", "c", "--prometheus", "p", "--html", "report.html"]


def test_program_may_use_up_its_descriptors():
    write(
        "script.py",
        """
        import os, resource
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (20, hard))
        try:
            while True:
                os.open("/dev/null", os.O_RDONLY)
        except OSError as error:
            print(error, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        """,
    )
    assert outcome(profile("-q", *EXPORTS, "script.py")) == outcome(run(sys.executable, "script.py"))
    assert all(Path(name).stat().st_size for name in EXPORTS[1::2])


def test_program_may_limit_its_files():
    write(
        "script.py",
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        """,
    )
    assert_as_without_profiler("script.py")


def test_modules_of_a_report_are_loaded_before_the_program_and_are_not_the_program_s():
    """A program may lose the right to read them, or change its root directory."""
    write(
        "script.py",
        """
        import sys
        print("csv" in sys.modules, "email" in sys.modules)
        from importlib import machinery
        machinery.SourceFileLoader.get_code = machinery.ExtensionFileLoader.create_module = None
        """,
    )
    assert outcome(profile("-q", *EXPORTS[:6], "script.py")) == outcome(run(sys.executable, "script.py"))
    assert all(Path(name).stat().st_size for name in EXPORTS[1:6:2])
