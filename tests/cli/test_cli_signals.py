"""The command line when signals come and when the program forks."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from cli_tools import PROFILE, TIMEOUT, assert_as_without_profiler, outcome, profile, report, write


@pytest.fixture(autouse=True)
def in_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("PYTHONSAFEPATH", "PYTHONUNBUFFERED"):
        monkeypatch.delenv(variable, raising=False)


# ---- signals --------------------------------------------------------------------------------------------------------

BLOCKED = {
    "sleep": "time.sleep(1000)",
    "lock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "join": "t = threading.Thread(target=time.sleep, args=(1000,)); t.start(); t.join()",
    "exiting": "threading.Thread(target=time.sleep, args=(1000,)).start()",
    "queue": "import queue; queue.SimpleQueue().get()",
    "python": "while True: pass",
    "allocating": "while True: [object() for _ in range(100)]",
    "read": "os.read(os.pipe()[0], 1)",
    "C": "import ctypes; m = ctypes.create_string_buffer(64); libc = ctypes.CDLL(None)\n"
    "libc.pthread_mutex_lock(m); libc.pthread_mutex_lock(m)",
    "cleanup": "try:\n    time.sleep(1000)\nfinally:\n    print('not reached')",
}


started: list[subprocess.Popen] = []


@pytest.fixture(autouse=True)
def leave_none_behind():
    yield
    for process in started:
        with process:  # closes its pipes
            process.kill()
    started.clear()


def start(source: str, *options: str) -> subprocess.Popen:
    """Begin to profile a program; returns when it says that it is ready."""
    write("script.py", f"import os, signal, sys, threading, time\nprint('ready', flush=True)\n{source}\n")
    process = subprocess.Popen(
        [*PROFILE, *options, "--json", "report.json", "script.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    started.append(process)
    assert process.stdout.readline() == "ready\n"
    return process


def wait_until_idle(process: subprocess.Popen) -> None:
    """Until its main thread sleeps: any Python may see a signal late that comes just before a lock is waited for."""
    stat = Path(f"/proc/{process.pid}/task/{process.pid}/stat")
    quiet = 0
    while quiet < 5:
        quiet = quiet + 1 if stat.read_text().rpartition(")")[2].split()[0] == "S" else 0
        time.sleep(0.02)


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=TIMEOUT)
    return process.returncode, stdout, stderr


@pytest.mark.parametrize("source", BLOCKED.values(), ids=BLOCKED)
def test_sigterm_writes_the_report_and_kills(source):
    process = start(source, "--quiet", "--leaks")
    process.terminate()
    assert finish(process) == (-signal.SIGTERM, "", "")
    assert report()["alloc_count"] > 0


def test_sigterm_may_come_at_any_moment_of_a_thread_s_life():
    for _ in range(10):
        process = start("while True: threading.Thread(target=int).start()", "--quiet", "--force")
        process.terminate()
        assert finish(process) == (-signal.SIGTERM, "", "")


def test_sigterm_handler_of_the_program_is_its_own():
    process = start(
        """
def handle(*_):
    print('mine', old)
    sys.exit(3)
old = signal.signal(signal.SIGTERM, handle)
if (pid := os.fork()) == 0:
    os._exit(0)
os.waitpid(pid, 0)
print('set', flush=True)
while True:
    time.sleep(1000)
""",
        "--quiet",
    )
    assert process.stdout.readline() == "set\n"
    process.terminate()
    assert finish(process) == (3, "mine 0\n", "")
    assert report()["alloc_count"] > 0


def test_ignored_sigterm_stays_ignored():
    write("script.py", "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nprint('alive', signal.getsignal(15))")
    result = profile(
        "-q", "--json", "report.json", "script.py", preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN)
    )
    assert outcome(result) == (0, "alive 1\n", "")


def test_sigterm_looks_untouched_to_the_program():
    write(
        "script.py",
        """
        import os, signal, subprocess, sys, threading, warnings
        warnings.simplefilter("error")
        print(signal.getsignal(signal.SIGTERM), signal.set_wakeup_fd(-1), threading.active_count())
        for _ in range(3):
            if (pid := os.fork()) == 0:
                os._exit(0)
            print(os.waitpid(pid, 0)[1])
        source = "import time; print(1, flush=True); time.sleep(1000)"
        child = subprocess.Popen([sys.executable, "-c", source], stdout=-1)
        child.stdout.readline()
        child.terminate()
        print(child.wait())
        child.stdout.close()
        """,
    )
    assert_as_without_profiler("script.py")


def test_sigterm_after_a_fork_reaches_only_its_process():
    process = start(
        """
pid = os.fork()
if pid == 0:
    time.sleep(1000)
os.kill(pid, signal.SIGTERM)
print(os.waitpid(pid, 0)[1], flush=True)
time.sleep(1000)
""",
        "--quiet",
    )
    assert process.stdout.readline() == "15\n"
    process.terminate()
    assert finish(process) == (-signal.SIGTERM, "", "")
    assert report()["environment"]["pid"] == process.pid


@pytest.mark.parametrize("block", ["sleep", "lock", "python"])
def test_ctrl_c_interrupts_as_ever(block):
    process = start(BLOCKED[block], "--quiet")
    if block != "python":
        wait_until_idle(process)
    process.send_signal(signal.SIGINT)
    status, stdout, stderr = finish(process)
    assert (status, stdout) == (-signal.SIGINT, "")
    assert stderr.startswith("Traceback") and stderr.endswith("KeyboardInterrupt\n")
    assert "concurrent_collections" not in stderr
    assert report()["alloc_count"] > 0


def test_ctrl_c_may_be_caught():
    process = start(
        "try:\n    print('in', flush=True)\n    time.sleep(1000)\nexcept KeyboardInterrupt:\n    sys.exit(4)", "--quiet"
    )
    assert process.stdout.readline() == "in\n"
    process.send_signal(signal.SIGINT)
    assert finish(process) == (4, "", "")


# ---- children -------------------------------------------------------------------------------------------------------

FORKS = {
    "fork": "pid = os.fork()\nif pid == 0:\n    work()\n    os._exit(0)\nos.waitpid(pid, 0)",
    "fork and fall through": "pid = os.fork()\nif pid == 0:\n    work()\n    sys.exit(0)\nos.waitpid(pid, 0)",
    "fork from a thread": "def fork():\n    if (pid := os.fork()) == 0:\n        work()\n        os._exit(0)\n"
    "    os.waitpid(pid, 0)\nt = threading.Thread(target=fork)\nt.start()\nt.join()",
    "multiprocessing": "import multiprocessing\np = multiprocessing.get_context('fork').Process(target=work)\n"
    "p.start()\np.join()\nassert p.exitcode == 0",
    "terminated": "import multiprocessing\nready = multiprocessing.get_context('fork').Event()\n"
    "def wait():\n    work()\n    ready.set()\n    time.sleep(1000)\n"
    "p = multiprocessing.get_context('fork').Process(target=wait)\np.start()\nready.wait()\np.terminate()\np.join()\n"
    "assert p.exitcode == -15, p.exitcode",
}
WORK = """
import os, signal, sys, threading, time, warnings
warnings.simplefilter('ignore')  # newer Pythons warn of a fork in a process with threads
before = [bytearray(3 << 20)]
kept = []
def work():
    kept.extend(bytearray(100_000) for _ in range(10))
"""


@pytest.mark.parametrize("source", FORKS.values(), ids=FORKS)
def test_forked_child_writes_its_own_report_from_the_fork_on(source):
    write("script.py", WORK + source)
    result = profile("-q", "--leaks", "--json", "report-{pid}.json", "--csv", "parent.csv", "script.py")
    assert outcome(result) == (0, "", "")
    reports = {(found := report(path))["environment"]["pid"]: found for path in Path().glob("report-*.json")}
    assert all(Path(f"report-{pid}.json").exists() for pid in reports)
    parent, child = sorted(reports.values(), key=lambda found: found["start_time"])
    # By the sizes of its own: a child of multiprocessing opens its stdin, whose buffer has 128 KiB since 3.14.
    own = [
        [block["size"] for block in found["leaked_allocations"] if block["size"] in (100_001, (3 << 20) + 1)]
        for found in (parent, child)
    ]
    assert own == [[(3 << 20) + 1], [100_001] * 10]
    assert Path("parent.csv").stat().st_size > 0


@pytest.mark.parametrize("source", FORKS.values(), ids=FORKS)
def test_without_pid_only_the_parent_writes(source):
    write("script.py", WORK + source)
    result = profile("--json", "report.json", "script.py")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.count("Peak ") == 1
    assert report()["peak_allocated"] > 3 << 20
    assert [path.name for path in Path().glob("report*")] == ["report.json"]
