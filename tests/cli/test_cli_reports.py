"""The command line's own side: files, options, what it finds and says, and `config` with the C programs built by it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from cli_tools import CONFIG, PROFILE, WORLD, outcome, profile, report, run, write

from concurrent_collections.exporters import read_json


@pytest.fixture(autouse=True)
def in_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("PYTHONSAFEPATH", "PYTHONUNBUFFERED"):
        monkeypatch.delenv(variable, raising=False)


# ---- files ----------------------------------------------------------------------------------------------------------


def refused(*words: str) -> str:
    """The error in one line, before the program could begin."""
    write("never.py", "open('began', 'w')")
    result = profile(*words, "never.py")
    assert (result.returncode, result.stdout) == (2, "")
    assert not Path("began").exists()
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()[-1]


def test_several_reports_at_once():
    write("script.py", "x = [str(i) for i in range(10000)]")
    result = profile("--html", "h", "--json", "j", "--csv", "c", "--prometheus", "p", "script.py")
    assert result.returncode == 0
    assert "<html" in Path("h").read_text()
    assert report("j")["alloc_count"] >= 10000
    assert "alloc_count" in Path("c").read_text()
    assert "cc_memory_alloc_total" in Path("p").read_text()


@pytest.mark.parametrize("option", ["--html", "--json", "--csv", "--prometheus"])
def test_existing_file_is_refused_without_force(option):
    Path("report").write_text("precious")
    assert refused(option, "report").endswith("can't write 'report': the file exists; --force overwrites it")
    assert Path("report").read_text() == "precious"
    write("script.py", "")
    assert profile("--force", option, "report", "script.py").returncode == 0
    assert Path("report").read_text() != "precious"


def test_file_that_appears_meanwhile_is_not_overwritten():
    write("script.py", "open('report.json', 'w').write('mine')")
    result = profile("--json", "report.json", "script.py")
    assert result.returncode == 0
    assert Path("report.json").read_text() == "mine"
    (other,) = Path().glob("report-*.json")
    assert report(other)["alloc_count"] > 0
    assert other.name in result.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere/report", "No such file or directory"),
        ("/proc/report", "No such file or directory"),
        ("plain/report", "Not a directory"),
        ("folder", "is a directory"),
        ("x" * 300, "File name too long"),
        ("", "is a directory"),
    ],
)
def test_unwritable_file_is_refused(name, message):
    Path("plain").touch()
    Path("folder").mkdir()
    error = refused("--json", name)
    assert "error: can't write" in error
    assert error.endswith(message)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_directory_is_refused():
    Path("folder").mkdir(mode=0o555)
    assert refused("--json", "folder/report").endswith("Permission denied")


def test_one_file_for_two_reports_is_refused():
    assert refused("--json", "x", "--csv", "./x").endswith("--json and --csv name the same file './x'")


def test_attempts_leave_nothing_behind():
    refused("--json", "x", "--csv", "nowhere/x")
    assert sorted(path.name for path in Path().iterdir()) == ["never.py"]


def test_report_may_go_to_a_device():
    write("script.py", "print('out')")
    result = profile("-q", "--json", "/dev/stderr", "script.py")
    assert (result.returncode, result.stdout) == (0, "out\n")
    assert json.loads(result.stderr)["alloc_count"] > 0


def test_report_that_cannot_be_written_at_the_end_leaves_the_others():
    write("script.py", "import os; os.rmdir('folder'); raise SystemExit(3)")
    Path("folder").mkdir()
    result = profile("-q", "--csv", "folder/x", "--json", "report.json", "script.py")
    assert result.returncode == 3
    assert result.stderr.endswith("folder/x: No such file or directory\n")
    assert report()["alloc_count"] > 0


# ---- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sample-rate", "0"], "--sample-rate must be greater than 0"),
        (["--sample-rate", "2"], "--sample-rate must be"),
        (["--sample-rate", "nan"], "--sample-rate must be"),
        (["--sample-rate", "much"], "--sample-rate: invalid float value: 'much'"),
        (["--sample-interval", "0"], "--sample-interval must be"),
        (["--stacks=0"], "--stacks must be"),
        (["--stacks=x"], "--stacks: invalid int value: 'x'"),
        (["--domains", "raw,heap"], "--domains must be one or more of runtime, raw, mem, object"),
        (["--domains", ""], "--domains must be one or more of"),
        (["--latency-buckets", "1"], "--latency-buckets must be"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--jso", "x"], "unrecognized arguments: --jso"),
    ],
)
def test_wrong_options_are_refused(words, message):
    assert message in refused(*words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["profile"], "what is to be profiled?"),
        (["profile", "--leaks"], "what is to be profiled?"),
        (["profile", "-m"], "argument -m: expected one argument"),
        (["profile", "--json"], "argument --json: expected one argument"),
        (["profile", "nowhere.py"], "can't open file 'nowhere.py': No such file or directory"),
        (["profile", "32", "script.py"], "can't open file '32'"),
        ([], "the following arguments are required: command"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["config", "--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_wrong_commands_are_refused(words, message):
    result = run(sys.executable, "-m", "concurrent_collections", *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr.splitlines()[-1]


def test_help_tells_every_option():
    result = profile("--help")
    assert result.returncode == 0
    for word in (
        "--html",
        "--json",
        "--csv",
        "--prometheus",
        "--leaks",
        "--stacks",
        "--sample-rate",
        "--force",
        "{pid}",
    ):
        assert word in result.stdout
    assert "%" not in result.stdout.replace("%(", "")


def test_options_reach_the_profiler():
    write(
        "script.py",
        "import threading\nx = []\n"
        "t = threading.Thread(target=lambda: x.extend(map(str, range(10**5))), name='T')\nt.start(); t.join()",
    )
    json_file = ["-f", "-q", "--json", "report.json"]
    profile(*json_file, "--sample-rate", "0.1", "--no-per-thread", "--domains", "object,mem", "script.py")
    found = report()
    assert found["sampling"]["mode"] == "rate"
    assert found["sampling"]["rate"] == 0.1
    assert found["thread_stats"] == []
    assert set(found["domains"]) == {"mem", "object"}
    assert found["leaked_bytes"] is None
    profile(*json_file, "--sample-interval", "4096", "--latency-buckets", "50", "script.py")
    found = report()
    assert (found["sampling"]["mode"], found["sampling"]["interval"]) == ("bytes", 4096)
    assert "T" in [thread["thread_name"] for thread in found["thread_stats"]]
    profile(*json_file, "--leaks", "--stacks=2", "script.py")
    depths = [len(block.stack_trace) for block in read_json("report.json").leaked_allocations]
    assert max(depths) == 2


# ---- what is found --------------------------------------------------------------------------------------------------

LEAKY = """
    kept = []

    def leak():
        kept.append(bytearray(1_000_000))  # line 5

    def churn():
        return [str(number) for number in range(20_000)]

    for _ in range(4):
        leak()
        churn()
"""


@pytest.mark.parametrize("program", [["script.py"], ["-m", "script"]], ids=["script", "module"])
def test_leak_is_found_at_its_line_and_stacks_end_at_the_program(program):
    write("script.py", LEAKY)
    result = profile("--leaks", "--stacks", "--json", "report.json", *program)
    leaks = [block for block in read_json("report.json").leaked_allocations if block.size >= 1_000_000]
    assert len(leaks) == 4
    path = os.path.realpath("script.py")
    assert all(block.stack_trace == [f"{path}:5 in leak", f"{path}:11 in <module>"] for block in leaks)
    assert "leak          3.8" in result.stderr
    assert "script.py:5 in leak" in result.stderr


def test_summary_on_stderr():
    write("script.py", LEAKY + "    print('out')\n")
    result = profile("--html", "report.html", "script.py")
    assert (result.returncode, result.stdout) == (0, "out\n")
    lines = result.stderr.splitlines()
    assert lines[0].startswith("concurrent_collections: Peak ")
    starts = [line.split()[0] for line in lines[1:]]
    assert starts == ["allocations", "at", "latency", "cross-thread", "report"]
    assert lines[-1].endswith("report.html")


def test_summary_comes_after_the_output():
    write("script.py", "print('out')")
    result = subprocess.run(
        [*PROFILE, "script.py"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    )
    assert result.stdout.startswith("out\nconcurrent_collections: ")


@pytest.mark.parametrize("close", ["sys.stderr.close()", "sys.stderr = None", "os.close(2)", "del sys.stderr"])
def test_program_may_close_stderr(close):
    write("script.py", f"import os, sys\n{close}\nsys.exit(3)")
    assert profile("--json", "report.json", "script.py").returncode == 3
    assert report()["alloc_count"] > 0


# ---- the other commands ---------------------------------------------------------------------------------------------


def test_console_script_does_the_same():
    command = Path(sys.executable).with_name("concurrent-collections")
    write("folder/script.py", WORLD)
    write("module.py", WORLD)
    for program in (["folder/script.py", "x"], ["-m", "module", "x"]):
        plain = run(sys.executable, *program)
        assert outcome(run(str(command), "profile", "-q", *program)) == outcome(plain)
    assert run(str(command), "config", "--cflags").stdout == run(*CONFIG, "--cflags").stdout
    assert run(str(command), "profile", "--stacks=x").stderr.startswith("usage: concurrent-collections profile")


def test_version():
    import concurrent_collections

    assert run(*CONFIG, "--version").stdout == f"{concurrent_collections.__version__}\n"
    assert (
        run(sys.executable, "-m", "concurrent_collections", "--version").stdout
        == f"{concurrent_collections.__version__}\n"
    )


def test_config_lists_the_options_and_their_values():
    result = run(*CONFIG, env={**os.environ, "CONCURRENT_COLLECTIONS_ENABLE_ALLOC_STATISTICS": "1"})
    assert result.returncode == 0
    assert "enable_alloc_statistics = True" in result.stdout
    assert "allocator = 'mimalloc'" in result.stdout


def test_config_directories():
    include = run(*CONFIG, "--include-dir").stdout.rstrip("\n")
    library = run(*CONFIG, "--lib-dir").stdout.rstrip("\n")
    assert (Path(include) / "cc" / "alloc.h").is_file()
    assert list(Path(library).glob("libcc.so.*"))


DEMO = """
    #include <cc/alloc.h>
    #include <stdio.h>

    int main(void) {
        cc_alloc_stats_enable(true);
        void *node = cc_alloc_node(24);
        printf("%llu bytes\\n", (unsigned long long)cc_alloc_stats_snapshot().current_allocated);
        cc_free(node, 24);
        return 0;
    }
"""
SHARED = """
    #include <cc/alloc.h>
    void *take(size_t size) { return cc_alloc(size); }
    void give(void *block, size_t size) { cc_free(block, size); }
    unsigned long long count(void) { return cc_alloc_stats_snapshot().alloc_count; }
"""


def compile_c(*words: str) -> None:
    flags = run(*CONFIG, "--cflags", "--libs")
    assert (flags.returncode, flags.stderr) == (0, "")
    result = run("cc", "-Wall", "-Wextra", "-Werror", *words, *shlex.split(flags.stdout))
    assert outcome(result) == (0, "", "")


def test_c_program_is_built_with_the_flags():
    compile_c(write("demo.c", DEMO), "-o", "demo")
    assert outcome(run("./demo")) == (0, "24 bytes\n", "")


def test_c_library_shares_one_instance_with_the_extension():
    compile_c(write("shared.c", SHARED), "-shared", "-fPIC", "-o", "libshared.so")
    write(
        "script.py",
        """
        import ctypes, os
        from concurrent_collections import config

        shared = ctypes.CDLL(os.path.abspath("libshared.so"))
        shared.take.restype = ctypes.c_void_p
        shared.take.argtypes = [ctypes.c_size_t]
        shared.give.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        shared.count.restype = ctypes.c_ulonglong
        config.enable_alloc_statistics = True
        block = shared.take(1000)
        assert config.alloc_stats().current_allocated == 1000
        assert config.alloc_stats().alloc_count == shared.count() == 1
        shared.give(block, 1000)
        assert config.alloc_stats().current_allocated == 0
        leaked = shared.take(5000)
        with open("/proc/self/maps") as maps:
            assert len({line.split()[-1] for line in maps if "libcc.so" in line}) == 1
        """,
    )
    assert outcome(run(sys.executable, "script.py")) == (0, "", "")
    assert outcome(profile("-q", "--leaks", "--json", "report.json", "script.py")) == (0, "", "")
    assert report()["domains"]["runtime"]["current_allocated"] == 5000
