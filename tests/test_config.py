"""config: options as attributes, environment variables, and statistics."""

from __future__ import annotations

import pytest
from profiler_tools import output_of, run_python

from concurrent_collections import config


@pytest.fixture(autouse=True)
def defaults():
    yield
    config.enable_alloc_statistics = False
    config.allocator = "mimalloc"
    config.reset_alloc_stats()


def test_defaults():
    assert output_of("from concurrent_collections import config as c; print(c.enable_alloc_statistics, c.allocator)") == (
        "False mimalloc\n"
    )


def test_options_are_attributes():
    config.enable_alloc_statistics = True
    assert config.enable_alloc_statistics is True
    config.allocator = "libc"
    assert config.allocator == "libc"


@pytest.mark.parametrize("value", [1, 0, "yes", None, 1.0])
def test_a_wrong_flag_lists_the_valid_values(value):
    with pytest.raises(ValueError, match="config.enable_alloc_statistics must be True or False"):
        config.enable_alloc_statistics = value


@pytest.mark.parametrize("value", ["jemalloc", "", None, 3, "MIMALLOC", ["libc"]])
def test_a_wrong_allocator_lists_the_valid_ones(value):
    with pytest.raises(ValueError, match="config.allocator must be 'mimalloc' or 'libc'"):
        config.allocator = value


def test_a_wrong_name_lists_the_valid_ones():
    for act in (lambda: config.enable_stats, lambda: setattr(config, "enable_stats", True)):
        with pytest.raises(AttributeError, match="no option 'enable_stats'; options are enable_alloc_statistics, allocator"):
            act()


def test_options_are_listed():
    options = config.options()
    assert options["allocator"][0] == "mimalloc" and "default 'mimalloc'" in options["allocator"][1]
    assert {"enable_alloc_statistics", "allocator", "alloc_stats"} <= set(dir(config))


@pytest.mark.parametrize(("text", "value"), [("1", True), ("on", True), ("TRUE", True), ("0", False), ("no", False)])
def test_the_environment_sets_a_flag(text, value):
    code = "from concurrent_collections import config; print(config.enable_alloc_statistics)"
    assert output_of(code, environment={"CONCURRENT_COLLECTIONS_ENABLE_ALLOC_STATISTICS": text}) == f"{value}\n"


def test_the_environment_sets_the_allocator(runtime):
    code = "from concurrent_collections import config; print(config.allocator)"
    assert output_of(code, environment={"CONCURRENT_COLLECTIONS_ALLOCATOR": " LibC "}) == "libc\n"


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("ENABLE_ALLOC_STATISTICS", "maybe", "must be True or False (in the environment 1/0"),
        ("ALLOCATOR", "tcmalloc", "must be 'mimalloc' or 'libc', not 'tcmalloc'"),
        ("ALOCATOR", "libc", "is no option; valid are CONCURRENT_COLLECTIONS_ENABLE_ALLOC_STATISTICS, "),
    ],
)
def test_a_wrong_environment_is_an_error_that_lists_what_is_valid(variable, text, message):
    result = run_python("import concurrent_collections", environment={f"CONCURRENT_COLLECTIONS_{variable}": text})
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"ValueError: environment variable CONCURRENT_COLLECTIONS_{variable} ") and message in last


def test_statistics_count_while_they_are_on(runtime):
    runtime.cc_free(runtime.cc_alloc(10), 10)
    assert config.alloc_stats().alloc_count == 0
    config.enable_alloc_statistics = True
    block = runtime.cc_alloc(100)
    node = runtime.cc_alloc_node(24)
    stats = config.alloc_stats()
    assert (stats.alloc_count, stats.alloc_bytes, stats.current_allocated, stats.free_count) == (2, 124, 124, 0)
    assert stats.current_block_bytes >= 112 + 64 and stats.thread_count >= 1
    runtime.cc_free_unsized(block)
    runtime.cc_free(node, 24)
    stats = config.alloc_stats()
    assert (stats.free_count, stats.unsized_free_count, stats.current_block_bytes) == (2, 1, 0)
    assert not runtime.cc_alloc(0) and not runtime.cc_alloc_aligned(10, 3)
    assert config.alloc_stats().failed_count == 2
    config.reset_alloc_stats()
    stats = config.alloc_stats()
    assert (stats.alloc_count, stats.alloc_bytes, stats.failed_count, stats.free_block_bytes) == (0, 0, 0, 0)


@pytest.mark.parametrize("allocator", ["mimalloc", "libc"])
def test_blocks_remember_their_allocator(runtime, allocator):
    config.enable_alloc_statistics = True
    config.allocator = allocator
    block = runtime.cc_alloc(1000)
    config.allocator = "libc" if allocator == "mimalloc" else "mimalloc"
    runtime.cc_free(block, 1000)
    assert config.alloc_stats().current_block_bytes == 0


def test_statistics_cannot_be_changed():
    with pytest.raises(AttributeError):
        config.alloc_stats().alloc_count = 5
