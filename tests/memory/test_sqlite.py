"""Python's sqlite3 on libcc's allocators. Each test runs in a process of its own: which allocator SQLite uses is the
process's choice.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from concurrent_collections import memory

BACKENDS = memory.allocators.backends

SCRIPT = """
import hashlib, sqlite3

def work(connection, rows=500):
    connection.execute("create table t(a integer primary key, b text)")
    connection.executemany("insert into t(b) values (?)", [("x" * (i % 300),) for i in range(rows)])
    connection.execute("create index tb on t(b)")
    connection.execute("update t set b = b || a where a % 3 = 0")
    connection.execute("delete from t where a % 7 = 0")
    connection.commit()
    answers = connection.execute("select a, length(b), max(b) over (order by a) from t order by b, a").fetchall()
    answers += connection.execute("select group_concat(b) from t group by a % 11").fetchall()
    return hashlib.sha256(repr(answers).encode()).hexdigest()
"""


def run(code: str, **environment: str) -> str:
    """What the code prints."""
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c",
        SCRIPT.replace("import hashlib, sqlite3", "import hashlib") + textwrap.dedent(code)],
        capture_output=True, text=True, timeout=300, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def answer() -> str:
    return run("import sqlite3; print(work(sqlite3.connect(':memory:')))")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("imported", [False, True], ids=["before import", "after import"])
def test_the_same_answers_and_no_leak(backend, imported, answer):
    output = run(
        f"""
        if {imported}: import sqlite3
        from concurrent_collections import sqlite
        sqlite.use({backend!r})
        import sqlite3
        connection = sqlite3.connect(":memory:")
        print(work(connection))
        status = sqlite.status()
        assert status.backend == {backend!r} and status.memory_used > 20_000 and status.malloc_count > 0, status
        assert status.memory_highwater >= status.memory_used and status.largest_request > 0
        assert (status.buffer is not None) == ({backend!r} in ("static", "buddy"))
        if status.buffer is not None:
            assert status.buffer.live_blocks == status.malloc_count and status.buffer.used >= status.memory_used // 2
        connection.close()
        assert sqlite.status().memory_used == 0 and sqlite.status().malloc_count == 0
        """
    )
    assert output == answer


def test_the_backend_may_change_while_nothing_is_open(answer):
    output = run(
        f"""
        import sqlite3
        from concurrent_collections import sqlite
        for backend in {[*BACKENDS, None, *BACKENDS]!r}:
            sqlite.use(backend)
            assert sqlite.status().backend == backend
            connection = sqlite3.connect(":memory:")
            print(work(connection))
            connection.close()
        """
    )
    assert output == answer * 11


def test_refused_once_sqlite_has_begun():
    output = run(
        """
        import sqlite3
        from concurrent_collections import sqlite
        connection = sqlite3.connect(":memory:")
        before = work(connection)
        try:
            sqlite.use("mimalloc")
        except RuntimeError as error:
            print(error)
        assert connection.execute("select count(*) from t").fetchone() == (429,)
        assert sqlite.status().backend is None
        connection.close()
        sqlite.use("mimalloc")
        """
    )
    assert "must be called before SQLite begins" in output and "1 connections of sqlite3 are open" in output


def test_wrong_arguments():
    from concurrent_collections import sqlite

    with pytest.raises(ValueError, match="^backend must be one of system, mimalloc, .*buddy.*, not 'best'$"):
        sqlite.use("best")
    with pytest.raises(TypeError, match="^backend must be a string"):
        sqlite.use(1)
    with pytest.raises(TypeError, match="^reset must be True or False"):
        sqlite.status(reset=1)


def test_the_library_is_the_one_that_python_uses():
    import sqlite3

    from concurrent_collections import sqlite

    assert sqlite.library() == sqlite3.sqlite_version


def test_a_sqlite_that_cannot_be_reached_is_a_clear_error():
    output = run(
        """
        import math
        from concurrent_collections.memory import sqlite
        sqlite._extension = lambda: None        # as where _sqlite3 is a part of the interpreter
        try:
            sqlite.use("mimalloc")
        except RuntimeError as error:
            print(error)
        """
    )
    assert "linked into it statically" in output and sys.executable in output


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_soft_limit_is_kept_and_a_hard_one_is_a_memory_error(backend, answer):
    output = run(
        f"""
        from concurrent_collections import sqlite
        sqlite.use({backend!r})
        import sqlite3
        connection = sqlite3.connect(":memory:")
        connection.execute("pragma soft_heap_limit = 100000")
        print(work(connection))
        connection.execute(f"pragma hard_heap_limit = {{sqlite.status().memory_used + 100_000}}")
        try:
            connection.execute("select length(group_concat(hex(zeroblob(1000)))) from t, t").fetchall()
            raise SystemExit("there is no hard limit")
        except MemoryError:
            pass
        assert connection.execute("select count(*) from t").fetchone() == (429,)
        connection.close()
        assert sqlite.status().memory_used == 0
        """
    )
    assert output == answer


@pytest.mark.parametrize("backend", ["static", "buddy"])
def test_a_full_buffer_is_a_memory_error(backend):
    run(
        f"""
        from concurrent_collections import sqlite
        sqlite.use({backend!r})
        import sqlite3
        connection = sqlite3.connect(":memory:")
        status = sqlite.status()
        assert status.buffer.capacity <= 1 << 20
        try:
            connection.execute("create table big as with recursive n(i) as (select 1 union all select i + 1 from n "
            "where i < 5000)"
                               "select randomblob(1000) as b from n")
            raise SystemExit("the buffer has no end")
        except MemoryError:
            pass
        assert sqlite.status().buffer.failed > 0
        assert connection.execute("select 6 * 7").fetchone() == (42,)
        connection.close()
        assert sqlite.status().buffer.live_blocks == 0 and sqlite.status().buffer.free_blocks >= 1
        """,
        CC_SQLITE_BUFFER_BYTES=str(1 << 20),
    )


@pytest.mark.parametrize("value", ["-1", "lots", "0", "99"])
def test_a_wrong_buffer_size_is_an_error_and_sqlite_goes_on(value, answer):
    output = run(
        """
        from concurrent_collections import sqlite
        try:
            sqlite.use("buddy")
            raise SystemExit("accepted")
        except (RuntimeError, MemoryError) as error:
            assert "CC_SQLITE_BUFFER_BYTES" in str(error), error
        import sqlite3
        print(work(sqlite3.connect(":memory:")))
        """,
        CC_SQLITE_BUFFER_BYTES=value,
    )
    assert output == answer


@pytest.mark.parametrize("backend", BACKENDS)
def test_threads(backend, answer):
    output = run(
        f"""
        import threading
        from concurrent_collections import sqlite
        sqlite.use({backend!r})
        import sqlite3
        answers = []
        def one():
            for _ in range(3):
                connection = sqlite3.connect(":memory:")
                answers.append(work(connection))
                connection.close()
        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert len(answers) == 12
        print(*set(answers))
        assert sqlite.status().memory_used == 0
        """
    )
    assert output == answer


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_profiler_shows_sqlite_as_its_own_domain(backend):
    run(
        f"""
        from concurrent_collections import MemoryProfiler, sqlite
        sqlite.use({backend!r})
        import sqlite3
        with MemoryProfiler() as profiler:
            connection = sqlite3.connect(":memory:")
            work(connection)
            inside = profiler.snapshot().domains["sqlite"]
            status = sqlite.status()
            connection.close()
        after = profiler.report().domains["sqlite"]
        assert inside.alloc_count - inside.free_count == status.malloc_count, (inside, status)
        assert 0 < inside.current_allocated <= status.memory_used <= inside.current_block_bytes * 1.5, (inside, status)
        assert after.alloc_count == after.free_count > 200 and after.current_allocated == 0, after
        with MemoryProfiler(domains=("runtime", "object")) as profiler:
            sqlite3.connect(":memory:").close()
        assert "sqlite" not in profiler.report().domains
        """
    )


def test_sqlite_on_its_own_allocator_is_not_seen():
    run(
        """
        import sqlite3
        from concurrent_collections import MemoryProfiler
        with MemoryProfiler(domains=("sqlite",)) as profiler:
            work(sqlite3.connect(":memory:"))
        assert profiler.report().alloc_count == 0
        """
    )


def test_leaks_of_sqlite_are_found():
    run(
        """
        from concurrent_collections import MemoryProfiler, sqlite
        sqlite.use("buddy")
        import sqlite3
        with MemoryProfiler(domains=("sqlite",), detect_leaks=True, capture_stacks=True) as profiler:
            connection = sqlite3.connect(":memory:")
            work(connection)
        report = profiler.report()
        used = sqlite.status()
        assert len(report.leaked_allocations) == used.malloc_count and 0 < report.leaked_bytes <= used.memory_used
        connection.close()
        """
    )


def test_a_free_threaded_interpreter_keeps_its_gil_disabled():
    if not hasattr(sys, "_is_gil_enabled") or sys._is_gil_enabled():
        pytest.skip("this interpreter has a GIL")
    assert (
        run("from concurrent_collections import sqlite, memory; import sys; print(sys._is_gil_enabled())") == "False\n"
    )
