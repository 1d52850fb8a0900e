"""MemoryProfiler's arguments and states, and several at once."""

from __future__ import annotations

import gc
import math
import threading

import pytest
from threads import Threads

from concurrent_collections import MemoryProfiler, MemoryProfilerReport

FLAGS = ["track_sizes", "track_latency", "track_per_thread", "track_cross_thread", "detect_leaks", "capture_stacks"]


# ---- arguments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", [1, 0, None, "yes", [], 1.0])
def test_a_flag_must_be_a_bool(name, value):
    with pytest.raises(TypeError, match=f"^{name} must be True or False, not "):
        MemoryProfiler(**{name: value})


WRONG_TYPES = {
    "sample_rate": ["1", None, True, [1], 1j],
    "latency_buckets": ["10", None, 10.0, True],
    "sample_interval": ["512", 512.0, False],
    "stack_depth": ["8", None, 8.0, True],
    "leak_limit": ["8", None, 8.5, True],
    "domains": [None, 3, "object", "raw"],
}
WRONG_VALUES = {
    "sample_rate": [0, -0.5, 1.0001, 2, math.nan, math.inf, -math.inf],
    "latency_buckets": [0, 9, 5001, -1, 10**30],
    "sample_interval": [0, -1, (1 << 40) + 1, 10**30],
    "stack_depth": [0, -1, 129, 10**30],
    "leak_limit": [-1, 10_000_001, 10**30],
    "domains": [(), ["heap"], ["object", "heap"], [1], {"": 1}],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG_TYPES for value in WRONG_TYPES[name]])
def test_a_wrong_type_is_a_type_error_that_names_the_argument(name, value):
    with pytest.raises(TypeError, match=f"^{name} must be "):
        MemoryProfiler(**{name: value})


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG_VALUES for value in WRONG_VALUES[name]])
def test_a_wrong_value_is_a_value_error_that_names_the_argument(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be "):
        MemoryProfiler(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sample_rate", 1), ("sample_rate", 1e-9), ("latency_buckets", 10), ("latency_buckets", 5000),
        ("sample_interval", 1), ("sample_interval", 1 << 40), ("stack_depth", 1), ("stack_depth", 128),
        ("leak_limit", 0), ("leak_limit", 10_000_000), ("domains", {"raw"}), ("domains", iter(["mem", "mem"])),
        ("domains", ["runtime", "raw", "mem", "object", "sqlite"]),
    ],
)  # fmt: skip
def test_the_limits_themselves_are_accepted(name, value):
    with MemoryProfiler(
        **{name: value}, **({"detect_leaks": True} if name in ("stack_depth", "leak_limit") else {})
    ) as p:
        keep = [str(n) for n in range(100)]
    assert len(keep) == 100 and p.report().duration_seconds > 0


def test_arguments_are_keywords_and_known():
    with pytest.raises(TypeError):
        MemoryProfiler(True)
    with pytest.raises(TypeError, match="track_everything"):
        MemoryProfiler(track_everything=True)


def test_domains_that_cannot_be_hashed_are_an_error_that_names_them():
    with pytest.raises((TypeError, ValueError), match="^domains must be "):
        MemoryProfiler(domains=[["raw"]])


# ---- states ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["report", "reset", "stop", "snapshot"])
def test_before_the_start(method):
    with pytest.raises(RuntimeError, match=rf"{method}\(\) was called on a MemoryProfiler that was never started"):
        getattr(MemoryProfiler(), method)()


@pytest.mark.parametrize("export", ["to_json", "to_csv", "to_html"])
def test_exports_before_the_start_write_nothing(export, tmp_path):
    path = tmp_path / "file"
    with pytest.raises(RuntimeError, match="never started"):
        getattr(MemoryProfiler(), export)(path)
    with pytest.raises(RuntimeError, match="never started"):
        MemoryProfiler().to_prometheus()
    assert not path.exists()


def test_starting_twice_is_an_error_and_it_goes_on(runtime):
    profiler = MemoryProfiler(domains=("runtime",))
    profiler.start()
    runtime.cc_free(runtime.cc_alloc(10), 10)
    with pytest.raises(RuntimeError, match=r"start\(\) was called on a MemoryProfiler that is running"):
        profiler.start()
    runtime.cc_free(runtime.cc_alloc(10), 10)
    profiler.stop()
    assert profiler.report().alloc_count == 2


@pytest.mark.parametrize("method", ["stop", "snapshot"])
def test_after_the_stop(method, runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        runtime.cc_free(runtime.cc_alloc(10), 10)
    with pytest.raises(RuntimeError, match=rf"{method}\(\) was called on a MemoryProfiler that is stopped"):
        getattr(profiler, method)()
    assert profiler.report().alloc_count == 1, "the report stays"


def test_stopping_inside_with_is_fine(runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        profiler.stop()
        runtime.cc_free(runtime.cc_alloc(10), 10)
    assert profiler.report().alloc_count == 0


def test_start_after_stop_begins_at_zero(runtime):
    profiler = MemoryProfiler(domains=("runtime",))
    for number in range(1, 4):
        with profiler:
            for _ in range(number):
                runtime.cc_free(runtime.cc_alloc(10), 10)
        assert profiler.report().alloc_count == number


def test_report_while_running_is_a_snapshot(runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        for number in range(1, 4):
            runtime.cc_free(runtime.cc_alloc(10), 10)
            report = profiler.report()
            assert report.alloc_count == profiler.snapshot().alloc_count == number
    final = profiler.report()
    assert final is profiler.report(), "made once"
    assert report.duration_seconds < final.duration_seconds


def test_a_snapshot_does_not_change_later(runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        early = profiler.snapshot()
        runtime.cc_free(runtime.cc_alloc(10), 10)
    assert (early.alloc_count, profiler.report().alloc_count) == (0, 1)


def test_reset_while_running_begins_at_zero(runtime):
    with MemoryProfiler(domains=("runtime",), detect_leaks=True) as profiler:
        old = runtime.cc_alloc(1000)
        profiler.reset()
        new = runtime.cc_alloc(10)
        assert profiler.report().alloc_count == 1
        runtime.cc_free(old, 1000)
        runtime.cc_free(new, 10)
    report = profiler.report()
    assert (report.alloc_count, report.free_count, report.current_allocated) == (1, 1, 0)
    assert report.untracked_free_count == 1, "of the block from before the reset"
    assert report.leaked_count == 0


def test_reset_when_stopped_forgets_the_report(runtime):
    with MemoryProfiler(domains=("runtime",)) as profiler:
        runtime.cc_free(runtime.cc_alloc(10), 10)
    profiler.reset()
    for method in ("report", "reset"):
        with pytest.raises(RuntimeError, match="never started"):
            getattr(profiler, method)()
    with profiler:
        pass
    assert profiler.report().alloc_count == 0


def test_an_exception_inside_with_passes_and_stops(runtime):
    profiler = MemoryProfiler(domains=("runtime",))
    with pytest.raises(ZeroDivisionError):
        with profiler:
            runtime.cc_free(runtime.cc_alloc(10), 10)
            1 / 0  # noqa: B018
    assert profiler.report().alloc_count == 1
    with pytest.raises(RuntimeError, match="is stopped"):
        profiler.stop()


def test_repr_tells_the_state():
    profiler = MemoryProfiler()
    assert repr(profiler) == "<MemoryProfiler not started>"
    with profiler:
        assert repr(profiler) == "<MemoryProfiler running>"
    assert repr(profiler) == "<MemoryProfiler stopped>"


# ---- several at once ------------------------------------------------------------------------------------------------


def test_nested_profilers_each_see_their_own_time(runtime):
    def allocate():
        runtime.cc_free(runtime.cc_alloc(10), 10)

    with MemoryProfiler(domains=("runtime",)) as outer:
        allocate()
        with MemoryProfiler(domains=("runtime",)) as inner:
            allocate()
            with MemoryProfiler(domains=("runtime",)) as innermost:
                allocate()
            allocate()
        allocate()
    assert [profiler.report().alloc_count for profiler in (outer, inner, innermost)] == [5, 3, 1]


def test_profilers_that_overlap(runtime):
    first, second = MemoryProfiler(domains=("runtime",)), MemoryProfiler(domains=("runtime",))
    first.start()
    kept = runtime.cc_alloc(100)
    second.start()
    runtime.cc_free(runtime.cc_alloc(10), 10)
    first.stop()
    runtime.cc_free(kept, 100)
    runtime.cc_free(runtime.cc_alloc(10), 10)
    second.stop()
    one, two = first.report(), second.report()
    assert (one.alloc_count, one.free_count, one.current_allocated) == (2, 1, 100)
    assert (two.alloc_count, two.free_count, two.current_allocated) == (2, 2, 0)
    assert two.untracked_free_count == 1


def test_profilers_of_several_threads_at_once(runtime):
    counts = {}

    def work(number):
        for _ in range(15):
            with MemoryProfiler(domains=("runtime",), track_per_thread=True) as profiler:
                for _ in range(20):
                    runtime.cc_free(runtime.cc_alloc(number * 1000), number * 1000)
            own = [t for t in profiler.report().thread_stats if t.native_id == threading.get_native_id()]
            counts.setdefault(number, set()).add((own[0].alloc_count, own[0].free_bytes))

    with Threads({f"several-{number}": lambda number=number: work(number) for number in range(1, 7)}):
        pass
    assert counts == {number: {(20, 20 * 1000 * number)} for number in range(1, 7)}


def test_an_exact_and_a_sampled_profiler_at_once(runtime):
    with MemoryProfiler(domains=("runtime",), sample_rate=0.5) as sampled:
        with MemoryProfiler(domains=("runtime",)) as exact:
            for _ in range(100):
                runtime.cc_free(runtime.cc_alloc(100), 100)
    assert (exact.report().alloc_count, exact.report().free_bytes) == (100, 10_000)
    assert exact.report().sampling.mode == "exact"
    assert sampled.report().sampling.rate == 0.5


def test_start_and_stop_storm_while_threads_allocate(runtime):
    """Most of all on a free-threaded interpreter: hooks come and go under threads that allocate."""
    done = threading.Event()

    def allocate():
        while not done.is_set():
            keep = [bytes(size) for size in (10, 600, 70_000)]
            mapping = {str(number): [number] for number in range(50)}
            runtime.cc_free(runtime.cc_alloc(100), 100)
            del keep, mapping

    def storm(**options):
        try:
            for _ in range(8):
                profiler = MemoryProfiler(**options)
                profiler.start()
                report = profiler.snapshot()
                assert report.alloc_count >= report.free_count >= 0
                profiler.reset()
                profiler.stop()
                report = profiler.report()
                assert report.current_allocated == max(0, report.alloc_bytes - report.free_bytes)
                assert report.notes == []
        finally:
            done.set()

    jobs = {f"allocate-{number}": allocate for number in range(3)}
    jobs["storm-1"] = lambda: storm(detect_leaks=True, capture_stacks=True)
    jobs["storm-2"] = lambda: storm(sample_rate=0.1)
    jobs["storm-3"] = lambda: storm(track_per_thread=True)
    with Threads(jobs):
        pass


def test_start_in_one_thread_and_stop_in_another(runtime):
    profiler = MemoryProfiler(domains=("runtime",))
    with Threads({"starter": profiler.start}):
        pass
    runtime.cc_free(runtime.cc_alloc(10), 10)
    with Threads({"stopper": profiler.stop}):
        pass
    assert profiler.report().alloc_count == 1


def test_a_profiler_may_be_started_by_a_finalizer():
    class Last:
        def __del__(self):
            with MemoryProfiler() as profiler:
                seen.append(bytes(100))
            seen.append(profiler.report())

    seen = []
    with MemoryProfiler(detect_leaks=True) as outer:
        last = Last()
        last.self = last
        del last
    assert isinstance(seen[1], MemoryProfilerReport) and outer.report().alloc_count > 0
    gc.collect()
