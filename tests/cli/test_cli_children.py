"""`profile --children`: the interpreters that a program starts are profiled, too, and never behave otherwise for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_tools import TIMEOUT, outcome, profile, run, write

CHILDREN = ("-q", "--children", "--json", "report-{pid}.json")


@pytest.fixture(autouse=True)
def in_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("PYTHONSAFEPATH", "PYTHONUNBUFFERED"):
        monkeypatch.delenv(variable, raising=False)


def family(*program: str) -> list[dict]:
    """Runs it with and without the profiler: same status and output. The reports, the program's own first."""
    plain, profiled = run(sys.executable, *program), profile(*CHILDREN, *program)
    assert outcome(profiled) == outcome(plain)
    return sorted(reports(), key=lambda report: report["start_time"])


def reports() -> list[dict]:
    return [json.loads(path.read_text()) for path in Path().glob("report-*.json")]


@pytest.mark.parametrize(
    "words",
    [
        ["-c", "x = [str(i) for i in range(50000)]; print(len(x))"],
        ["-m", "child", "argument"],
        ["child.py", "argument"],
        ["-I", "child.py"],
    ],
)
def test_subprocess_of_python(words):
    write(
        "child.py",
        """
        import sys, os
        x = [str(i) for i in range(50000)]
        print(len(x), sys.argv, sys.orig_argv[1:], sys.path[0], sorted(os.environ), __name__)
        sys.exit(7)
        """,
    )
    write(
        "script.py",
        f"""
        import subprocess, sys
        result = subprocess.run([sys.executable, *{words!r}], capture_output=True, text=True)
        print(result.returncode, result.stdout, result.stderr)
        """,
    )
    own, child = family("script.py")
    assert own["alloc_count"] < 50000 < child["alloc_count"]
    assert own["notes"] == []


def test_other_environment_and_directory():
    write(
        "script.py",
        """
        import os, subprocess, sys
        command = [sys.executable, "-c", "import os; print(dict(os.environ)); x = [str(i) for i in range(50000)]"]
        own = {"A": "B", "PATH": os.environ["PATH"]}
        print(subprocess.run(command, env=own, cwd="/", capture_output=True, text=True))
    """,
    )
    assert [report["alloc_count"] > 50000 for report in family("script.py")] == [False, True]


def test_grandchildren():
    write(
        "script.py",
        """
        import subprocess, sys
        if len(sys.argv) < 4:
            subprocess.run([sys.executable, *sys.argv, "more"], check=True)
    """,
    )
    assert len(family("script.py")) == 4


POOL = """
    import multiprocessing

    def work(n):
        return len([str(i) for i in range(n)])

    if __name__ == "__main__":
        context = multiprocessing.get_context({method!r})
        pool = context.Pool(2)
        print(pool.map(work, [50000] * 8, chunksize=1))
        pool.close()
        pool.join()
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_pool(method):
    write("script.py", POOL.format(method=method))
    own, *others = family("script.py")
    assert own["alloc_count"] < 100_000
    assert sum(report["alloc_count"] > 50000 for report in others) in (1, 2)
    assert sum(report["alloc_count"] for report in others) > 8 * 50000
    assert "not profiled" not in " ".join(own["notes"])


def test_terminated_child_has_a_report_and_a_killed_one_none():
    write(
        "script.py",
        """
        import signal, subprocess, sys
        for name in ("SIGTERM", "SIGKILL"):
            child = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1)
            child.stdout.readline()
            child.send_signal(getattr(signal, name))
            print(name, child.wait())
    """,
    )
    assert len(family("script.py")) == 2


def test_what_is_no_python_of_ours_is_named():
    write(
        "script.py",
        """
        import subprocess, sys
        subprocess.run(["true"], check=True)
        subprocess.run([sys.executable, "-S", "-c", "pass"], check=True)
        subprocess.run([sys.executable, "-c", "0"], check=True)
    """,
    )
    own, _ = family("script.py")
    name = Path(sys.executable).name
    assert own["notes"] == [f"2 child processes were not profiled: true, {name} -S -c pass"]


def test_child_has_modules_of_its_own():
    """It is started when the profiler's modules are loaded, which have names that a program may use, too."""
    Path("sub").mkdir()
    for place in (".", "sub"):
        write(f"{place}/secrets.py", f"MINE = {place!r}")
        write(f"{place}/child.py", "import secrets; print(secrets.MINE)")
    write(
        "script.py",
        """
        import multiprocessing, subprocess, sys
        import secrets
        def show():
            import secrets
            print(secrets.MINE, flush=True)
        if __name__ == "__main__":
            subprocess.run([sys.executable, "sub/child.py"], check=True)
            subprocess.run([sys.executable, "-m", "child"], check=True)
            process = multiprocessing.get_context("spawn").Process(target=show)
            process.start()
            process.join()
    """,
    )
    # python -m would find the program's modules first
    command = Path(sys.executable).with_name("concurrent-collections")
    plain, profiled = run(sys.executable, "script.py"), run(str(command), "profile", *CHILDREN, "script.py")
    assert outcome(profiled) == outcome(plain)
    assert len(reports()) == 4


@pytest.mark.parametrize("text", ["nonsense", '{"version": "0"}', "{}", "[]"])
def test_offer_of_another_kind_is_ignored(text):
    environment = {**os.environ, "_CONCURRENT_COLLECTIONS_CHILDREN": text}
    result = subprocess.run(
        [sys.executable, "-c", "print(1)"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert outcome(result) == (0, "1\n", "")


def test_children_need_a_place_for_their_reports():
    write("script.py", "")
    result = profile("--children", "--json", "report.json", "script.py")
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].endswith("a file name needs a {pid}")


def test_nothing_is_left_behind(monkeypatch):
    Path("temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(Path("temporary").resolve()))
    write("script.py", "import subprocess, sys; subprocess.run([sys.executable, '-c', '0'], check=True)")
    assert profile(*CHILDREN, "script.py").returncode == 0
    assert list(Path("temporary").iterdir()) == []
