"""What programs do to their process and to the interpreter: it goes as under plain Python, and the report is there."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli_tools import PROFILE, TIMEOUT, assert_as_without_profiler, outcome, profile, report, run, write


@pytest.fixture(autouse=True)
def in_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("PYTHONSAFEPATH", "PYTHONUNBUFFERED"):
        monkeypatch.delenv(variable, raising=False)


def notes() -> str:
    return "\n".join(report()["notes"])


# ---- what is run ----------------------------------------------------------------------------------------------------

PRINTS = "import sys; print(sys.argv, sys.path[0], __name__, sorted(globals())); raise ValueError('x')\n"


def test_command_runs_as_with_python():
    assert_as_without_profiler("-c", PRINTS, "--json", "-c")
    assert_as_without_profiler("-cimport sys; print(sys.argv)", "a")
    assert_as_without_profiler("-c", "-print")


@pytest.mark.parametrize("source", [PRINTS, "def wrong(:\n", "print(input())\nhello\n", "import sys; sys.exit(3)"])
def test_stdin_runs_as_with_python(source):
    plain = run(sys.executable, "-", "a", "-q", input=source)
    profiled = profile("-q", "--json", "report.json", "-", "a", "-q", input=source)
    assert outcome(profiled) == outcome(plain)
    assert report()["alloc_count"] > 0


def test_compiled_script_runs_as_with_python():
    write("script.py", "import sys; print(sys.argv, __file__, type(__loader__).__name__); raise ValueError('x')")
    run(sys.executable, "-c", "import py_compile; py_compile.compile('script.py', 'script.pyc')")
    assert_as_without_profiler("script.pyc", "a")
    Path("script.pyc").write_bytes(b"no magic number")
    assert_as_without_profiler("script.pyc")


BROKEN = [b'print("\xff")\n', b"# coding: nonsense\n", b"x = 1\0\n", b"if 1:\n\tx\n        y\n", b"'"]


@pytest.mark.parametrize("source", BROKEN)
def test_broken_source_is_told_as_by_python(source):
    Path("script.py").write_bytes(source)
    assert assert_as_without_profiler("script.py").returncode == 1


def test_the_way_to_start_the_program_anew_is_python_s():
    """What reloaders use: werkzeug takes sys.orig_argv. The report that is already there is no reason to fail."""
    write(
        "script.py",
        """
        import os, subprocess, sys
        print(sys.orig_argv)
        if len(sys.argv) == 2:
            again = [sys.executable, *sys.orig_argv[1:], "again"]
            print(subprocess.run(again, capture_output=True, text=True))
        """,
    )
    assert_as_without_profiler("script.py", "first")
    assert "1 child process was not profiled: python" in notes()


# ---- the stack ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", [["script.py"], ["-m", "script"], ["-c", "import script"]], ids="fmc")
def test_no_frame_of_ours_is_below_the_program(program):
    write(
        "script.py",
        """
        import inspect, sys, traceback, warnings
        print(len(inspect.stack()))
        warnings.warn("top", stacklevel=2)
        traceback.print_stack()

        def depth(number=1):
            try:
                return depth(number + 1)
            except RecursionError:
                return number

        print(depth())
        for limit in range(1, 20):
            try:
                sys.setrecursionlimit(limit)
            except RecursionError as error:
                print(limit, error)
        """,
    )
    assert_as_without_profiler(*program)


def test_recursion_limit_of_the_program_is_not_the_report_s():
    write("script.py", "import sys; sys.setrecursionlimit(30)")
    outputs = ["--json", "report.json", "--html", "report.html", "--csv", "c", "--prometheus", "p"]
    assert outcome(profile("-q", *outputs, "script.py")) == (0, "", "")
    assert all(Path(name).stat().st_size for name in ("report.json", "report.html", "c", "p"))


def test_deleted_excepthook():
    write("script.py", "import sys\ndel sys.excepthook\n1/0\n")
    assert_as_without_profiler("script.py")


def test_deleted_directory():
    write("script.py", "print('ran')")
    Path("gone").mkdir()
    here, words = os.getcwd(), ["-q", "--json", f"{os.getcwd()}/report.json"]
    command = 'cd gone && rmdir ../gone && exec "$@"'
    result = run("sh", "-c", command, "sh", *PROFILE, *words, f"{here}/script.py")
    assert outcome(result) == (0, "ran\n", "")
    assert report()["alloc_count"] > 0
    Path("gone").mkdir()
    result = run("sh", "-c", command, "sh", *PROFILE, "-q", "--json", "report.json", f"{here}/script.py")
    assert result.returncode == 2 and "can't write 'report.json': No such file or directory" in result.stderr


@pytest.mark.parametrize(
    "change",
    [
        "import sys; sys.modules['os'] = sys.modules['json'] = None",
        "import sys; sys.modules.clear()",
        "import builtins; del builtins.open, builtins.print, builtins.__import__",
        "import os, time, io; os.open = os.replace = os.fspath = time.time = io.open = None",
        "import sys; sys.path = None",
        "import sys; sys.meta_path.clear(); sys.path_hooks.clear()",
        "import os; os.chdir('/'); os.environ.clear()",
    ],
)
def test_report_needs_nothing_that_a_program_may_take_away(change):
    write("script.py", change)
    outputs = ["--json", "report.json", "--html", "report.html", "--csv", "c", "--prometheus", "p"]
    assert outcome(profile("-q", *outputs, "script.py")) == outcome(run(sys.executable, "script.py"))
    assert all(Path(name).stat().st_size for name in ("report.json", "report.html", "c", "p"))


# ---- SIGTERM --------------------------------------------------------------------------------------------------------


def killed(source: str, *options: str) -> tuple[int, str, str]:
    """What becomes of a program that says when it is ready and then gets SIGTERM."""
    write("script.py", source)
    process = subprocess.Popen(
        [*PROFILE, "-q", "--json", "report.json", *options, "script.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout.readline() == "ready\n"
            process.terminate()
            stdout, stderr = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
    return process.returncode, stdout, stderr


def test_daemon_that_closes_all_descriptors():
    source = """
        import os, time
        os.closerange(3, 256)
        files = [os.open(f"d{i}", os.O_RDWR | os.O_CREAT) for i in range(4)]
        print(files, os.listdir("/proc/self/fd") == [*map(str, range(8))])
        if os.fork() == 0: os._exit(0)
        os.wait()
        for file in files: os.fstat(file)
        print("ready", flush=True)
        time.sleep(1000)
    """
    write("script.py", source.replace("time.sleep(1000)", ""))
    assert_as_without_profiler("script.py")
    Path("report.json").unlink()
    assert killed(source.replace("print(files", "(files"))[0] == -signal.SIGTERM
    assert [Path(f"d{i}").stat().st_size for i in range(4)] == [0] * 4
    assert report()["alloc_count"] > 0


def test_program_has_no_descriptor_of_ours():
    write("script.py", "import os; print(sorted(os.listdir('/proc/self/fd')))")
    assert_as_without_profiler("script.py")


@pytest.mark.parametrize(
    "restore",
    [
        "signal.signal(signal.SIGTERM, signal.signal(signal.SIGTERM, print))",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_DFL)",
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)",
        "signal.siginterrupt(signal.SIGTERM, True)",
        "import faulthandler; faulthandler.register(15, chain=True); faulthandler.unregister(15)",
        "import _signal; _signal.signal(15, print); _signal.signal(15, 0)",
    ],
)
def test_handler_that_was_set_and_put_back(restore):
    source = f"import signal, time\n{restore}\nprint('ready', flush=True)\ntime.sleep(1000)\n"
    assert killed(source) == (-signal.SIGTERM, "", "")
    assert report()["alloc_count"] > 0


def test_handler_that_raises_the_signal_again():
    """As uvicorn does when it has shut down."""
    source = """
        import os, signal, time
        def handle(number, frame):
            os.write(1, b"handled\\n")
            signal.signal(number, before)
            signal.raise_signal(number)
        before = signal.signal(signal.SIGTERM, handle)
        print("ready", flush=True)
        time.sleep(1000)
    """
    assert killed(source) == (-signal.SIGTERM, "handled\n", "")
    assert report()["alloc_count"] > 0


def test_functions_that_are_watched_look_untouched():
    write(
        "script.py",
        """
        import inspect, os, pickle, posix, signal, _posixsubprocess, _signal
        for module in (os, posix, signal, _signal, _posixsubprocess):
            for name in ("_exit", "execv", "execve", "signal", "fork_exec", "posix_spawn", "system"):
                if (function := getattr(module, name, None)) is not None:
                    print(name, function.__module__, function.__name__, callable(function), repr(function))
                    print(function.__doc__)
        print(inspect.signature(os._exit), inspect.signature(_signal.signal), os._exit is posix._exit)
        print(pickle.loads(pickle.dumps(os._exit)) is os._exit, os.system.__self__)
        for function in (os._exit, os.execv, os.system, os.posix_spawn, _signal.signal, _posixsubprocess.fork_exec):
            print(inspect.isbuiltin(function), type(function), function.__text_signature__)
        try:
            signal.signal(999, print)
        finally:
            os.execv("/nowhere", ["x"])
        """,
    )
    assert_as_without_profiler("script.py")


# ---- other programs -------------------------------------------------------------------------------------------------

EXECUTES = {
    "execv": "os.execv('/bin/echo', ['echo', 'text'])",
    "execvp": "os.execvp('echo', ['echo', 'text'])",
    "execve": "os.execve('/bin/echo', ['echo', 'text'], {})",
    "execlp": "os.execlp('echo', 'echo', 'text')",
    "descriptor": "os.execve(os.open('/bin/echo', os.O_RDONLY), ['echo', 'text'], {})",
    "in a thread": "import threading; threading.Thread(target=os.execv, args=('/bin/echo', ['echo', 'text'])).start()",
}


@pytest.mark.parametrize("source", EXECUTES.values(), ids=EXECUTES)
def test_exec_writes_the_report(source):
    write("script.py", f"import os\n{source}")
    result = profile("-q", "--leaks", "--json", "report.json", "script.py")
    assert outcome(result) == (0, "text\n", "")
    assert "the program was replaced by" in notes()


def test_exec_that_fails_ends_nothing():
    write(
        "script.py",
        """
        import os
        open("no-program", "w").write("nonsense")
        os.chmod("no-program", 0o755)
        for path in ("nowhere", "no-program", "."):
            try:
                os.execv(path, ["x"])
            except OSError as error:
                print(error)
        kept = [bytes(1_000_000)]
        """,
    )
    assert_as_without_profiler("script.py")
    assert report()["alloc_bytes"] > 1_000_000 and "replaced" not in notes()
    assert [path.name for path in Path().glob("report*")] == ["report.json"]


def test_children_that_are_not_profiled_are_named():
    write(
        "script.py",
        """
        import multiprocessing, os, subprocess, sys

        if __name__ == "__main__":
            for _ in range(2):
                subprocess.run([sys.executable, "-c", "pass"], check=True)
            subprocess.run(["true"], close_fds=False, check=True)
            os.system("true && true")
            os.waitpid(os.posix_spawn("/bin/true", ["spawned"], {}), 0)
            if (pid := os.fork()) == 0:
                os._exit(0)
            os.waitpid(pid, 0)
            process = multiprocessing.get_context("spawn").Process(target=int)
            process.start()
            process.join()
        """,
    )
    assert outcome(profile("-q", "--json", "report.json", "script.py")) == (0, "", "")
    found = notes()
    assert found.startswith("7 child processes were not profiled: ")
    kinds = ("python -c pass (2)", "true", "true && true", "spawned", "a fork of the program", "multiprocessing.spawn")
    for text in kinds:
        assert text in found
    assert "uname" not in found and "resource_tracker" not in found


@pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")
@pytest.mark.parametrize("work", ["fork", "subprocess", "thread"])
def test_gevent_has_patched_all(work):
    works = {
        "fork": "if os.fork() == 0: os._exit(0)",
        "subprocess": "import subprocess; subprocess.run(['true'])",
        "thread": "import threading; t = threading.Thread(target=print, args=('in',)); t.start(); t.join()",
    }
    write("script.py", f"import gevent.monkey; gevent.monkey.patch_all()\nimport os\n{works[work]}\nprint('end')\n")
    assert_as_without_profiler("script.py")


REPLACES = """
    import os, time, threading, _thread, signal
    def wrong(*arguments, **keywords):
        raise SystemError("what was replaced is used")
    fork, wait, leave = os.fork, os.waitpid, os._exit
    time.sleep = time.time = threading.Event = threading.enumerate = _thread.start_new_thread = wrong
    os.read = os.write = os.open = os.close = os.kill = os.pipe = os.path.exists = signal.getsignal = wrong
    pid = fork()
    if pid == 0: leave(0)
    wait(pid, 0)
    print("end")
"""


def test_nothing_is_used_that_a_program_has_replaced():
    write("script.py", REPLACES)
    assert outcome(run(sys.executable, "script.py")) == (0, "end\n", "")
    result = profile("-q", "--json", "report-{pid}.json", "script.py")
    assert outcome(result) == (0, "end\n", "")
    assert len(list(Path().glob("report-*.json"))) == 2


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python warns of forks with threads since 3.12")
def test_fork_prints_no_warning():
    write("script.py", "import os\nfor _ in range(3):\n    if os.fork() == 0: os._exit(0)\n    os.wait()\n")
    for options in ([], ["-W", "error"]):
        words = [sys.executable, *options, *PROFILE[1:], "-q", "--json", "report.json", "-f", "script.py"]
        assert outcome(run(*words)) == (0, "", "")


@pytest.mark.parametrize("megabytes", [200, 400])
def test_little_memory_for_data(megabytes):
    write("script.py", "print('ran')")
    for command in ([sys.executable, "script.py"], [*PROFILE, "-q", "script.py"]):
        assert outcome(run("sh", "-c", f'ulimit -d {megabytes << 10}; exec "$@"', "sh", *command)) == (0, "ran\n", "")
