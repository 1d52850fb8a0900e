"""Sampled profiles: estimates against the exact truth of deterministic workloads."""

from __future__ import annotations

import math

import pytest
from threads import Threads

from concurrent_collections import MemoryProfiler

COUNT = 20_000
SIZES = [16, 100, 700, 5000, 40_000]
TOTAL = sum(SIZES[index % len(SIZES)] for index in range(COUNT))
KEPT = COUNT // 4
KEPT_BYTES = sum(SIZES[index % len(SIZES)] for index in range(0, COUNT, 4))


def allocate(runtime) -> list[tuple[int, int]]:
    """COUNT blocks, of which each fourth is returned alive."""
    kept = []
    for index in range(COUNT):
        size = SIZES[index % len(SIZES)]
        block = runtime.cc_alloc(size)
        if index % 4:
            runtime.cc_free(block, size)
        else:
            kept.append((block, size))
    return kept


def true_errors(options) -> dict[str, float]:
    """The estimates' standard errors from the whole workload, not from what happened to be sampled of it."""
    variances = dict.fromkeys(["alloc_count", "alloc_bytes", "free_count", "free_bytes", "current_allocated"], 0.0)
    for index in range(COUNT):
        size = SIZES[index % len(SIZES)]
        chance = options.get("sample_rate") or -math.expm1(-(size + 1) / options["sample_interval"])
        variance = (1 - chance) / chance
        for name in ("alloc", "free") if index % 4 else ("alloc",):
            variances[f"{name}_count"] += variance
            variances[f"{name}_bytes"] += variance * size * size
        if index % 4 == 0:
            variances["current_allocated"] += variance * size * size
    return {name: math.sqrt(value) for name, value in variances.items()}


MODES = [{"sample_rate": 0.1}, {"sample_rate": 0.5}, {"sample_interval": 20_000}, {"sample_interval": 500_000}]


@pytest.mark.parametrize("options", MODES, ids=str)
def test_estimates_are_within_five_standard_errors(runtime, options):
    with MemoryProfiler(domains=("runtime",), **options) as profiler:
        kept = allocate(runtime)
    report = profiler.report()
    for block in kept:
        runtime.cc_free(*block)
    truth = {
        "alloc_count": COUNT, "alloc_bytes": TOTAL, "free_count": COUNT - KEPT, "free_bytes": TOTAL - KEPT_BYTES,
        "current_allocated": KEPT_BYTES,
    }  # fmt: skip
    errors = report.sampling.standard_error
    assert errors.keys() == truth.keys()
    true_error = true_errors(options)
    for name, value in truth.items():
        assert errors[name] > 0
        assert abs(getattr(report, name) - value) <= 5 * true_error[name], (name, getattr(report, name), value)
        assert report.accuracy[name] == "estimate"
    assert 10 < report.sampling.samples < COUNT * 0.8
    assert report.accuracy["untracked_free_count"] == "unknown"
    assert report.accuracy["failed_alloc_count"] == "estimate"


def test_standard_errors_are_honest(runtime):
    """Over many profiles the mean is right, and the errors scatter as much as they claim."""
    deviations = []
    for _ in range(60):
        with MemoryProfiler(domains=("runtime",), sample_rate=0.05) as profiler:
            for _ in range(1000):
                runtime.cc_free(runtime.cc_alloc(64), 64)
        report = profiler.report()
        deviations.append((report.alloc_count - 1000) / (1000 * 19) ** 0.5)  # of the true standard error
    mean = sum(deviations) / len(deviations)
    spread = (sum(value**2 for value in deviations) / len(deviations)) ** 0.5
    assert abs(mean) < 5 / 60**0.5, "unbiased"
    assert 0.5 < spread < 1.7


def test_the_number_of_samples_follows_the_rate(runtime):
    with MemoryProfiler(domains=("runtime",), sample_rate=0.25) as profiler:
        for _ in range(COUNT):
            runtime.cc_free(runtime.cc_alloc(64), 64)
    expected, deviation = COUNT * 0.25, (COUNT * 0.25 * 0.75) ** 0.5
    assert abs(profiler.report().sampling.samples - expected) < 5 * deviation


def test_an_interval_samples_large_blocks_for_sure(runtime):
    with MemoryProfiler(domains=("runtime",), sample_interval=1000, detect_leaks=True) as profiler:
        blocks = [runtime.cc_alloc(1_000_000) for _ in range(20)]
    report = profiler.report()
    for block in blocks:
        runtime.cc_free(block, 1_000_000)
    assert (report.alloc_count, report.alloc_bytes, report.sampling.samples) == (20, 20_000_000, 20)
    assert report.leaked_bytes + report.interpreter_held_bytes == 20_000_000


def test_sampling_says_how(runtime):
    for options, mode, rate, interval in [
        ({}, "exact", 1.0, None), ({"sample_rate": 0.5}, "rate", 0.5, None),
        ({"sample_interval": 64}, "bytes", 1.0, 64),
    ]:  # fmt: skip
        with MemoryProfiler(domains=("runtime",), **options) as profiler:
            runtime.cc_free(runtime.cc_alloc(10), 10)
        sampling = profiler.report().sampling
        assert (sampling.mode, sampling.rate, sampling.interval) == (mode, rate, interval)
        assert (sampling.standard_error == {}) == (mode == "exact")


def test_sampled_threads_that_free_each_others_blocks(runtime):
    blocks = []

    def produce():
        blocks.extend(runtime.cc_alloc(100) for _ in range(COUNT))

    def consume():
        while blocks:
            runtime.cc_free(blocks.pop(), 100)

    with MemoryProfiler(domains=("runtime",), sample_rate=0.1) as profiler:
        with Threads({"producer": produce}):
            pass
        with Threads({"consumer": consume}):
            pass
    report = profiler.report()
    assert abs(report.cross_thread_free_count - COUNT) < 5 * report.sampling.standard_error["free_count"]
    assert report.current_allocated == 0 and report.free_count == report.alloc_count
    assert {(flow.alloc_thread_name, flow.free_thread_name) for flow in report.cross_thread_flows} == {
        ("producer", "consumer")
    }
