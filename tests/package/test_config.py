"""config: options as attributes, environment variables, and statistics."""

from __future__ import annotations

import time

import pytest
from interpreter import output_of, run_python
from threads import Threads

from concurrent_collections import _core, config


@pytest.fixture(autouse=True)
def defaults():
    yield
    config.enable_alloc_statistics = False
    config.allocator = "mimalloc"
    config.reset_alloc_stats()


def test_defaults():
    assert output_of(
        "from concurrent_collections import config as c; print(c.enable_alloc_statistics, c.allocator)"
    ) == ("False mimalloc\n")


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
        with pytest.raises(
            AttributeError, match="no option 'enable_stats'; options are enable_alloc_statistics, allocator"
        ):
            act()


SMR_OPTIONS = {limits["name"]: limits for limits in _core.smr_options()}


def test_every_option_of_a_domain_is_an_option_here():
    assert {f"smr_{name}" for name in SMR_OPTIONS} == {name for name in config.options() if name.startswith("smr_")}
    assert {"retire_threshold", "reclaim_per_poll", "initial_threads", "stall_threshold", "batch_bytes"} <= set(
        SMR_OPTIONS
    )
    assert (config.smr, config.smr_retire_threshold, config.smr_reclaim_per_poll, config.smr_initial_threads) == (
        "ibr", 64, 32, 256,
    )  # fmt: skip


@pytest.mark.parametrize("name", SMR_OPTIONS)
def test_an_option_of_a_domain_takes_its_range_and_nothing_else(name):
    default, least, most = (SMR_OPTIONS[name][what] for what in ("initial", "least", "most"))
    option = f"smr_{name}"
    try:
        for value in (least, most, default):
            setattr(config, option, value)
            assert getattr(config, option) == value
        for value in (least - 1, most + 1, -1, 2**64, 2**70, str(default), float(default), True, None):
            with pytest.raises(ValueError, match=f"config.{option} must be an int, {least} to {most}, not "):
                setattr(config, option, value)
        assert getattr(config, option) == default
    finally:
        setattr(config, option, default)


@pytest.mark.parametrize("value", ["IBR", "debra+", "", None, 1, True, ["ibr"]])
def test_a_wrong_scheme_lists_the_valid_ones(value):
    with pytest.raises(ValueError, match="config.smr must be 'ibr', 'debra', 'epoch' or 'none', not "):
        config.smr = value


def test_options_are_set_by_one_thread_at_a_time(monkeypatch):
    """Setting one reads and writes all options of a domain: two at once would lose one."""
    inside, seen = [], []

    def slow_set(value):
        seen.append(len(inside))
        inside.append(value)
        time.sleep(0.002)
        inside.pop()

    names = ["smr_batch_nodes", "smr_retire_threshold", "smr"]
    for name in names:
        monkeypatch.setattr(config._OPTIONS[name], "set", slow_set)
    values = {"smr": "debra"}
    with Threads(
        {name: lambda name=name: [setattr(config, name, values.get(name, 5)) for _ in range(5)] for name in names}
    ):
        pass
    assert seen == [0] * 15


def test_the_environment_sets_scheme_and_thresholds():
    code = "from concurrent_collections import config as c; print(c.smr, c.smr_batch_bytes, c.smr_retire_threshold)"
    environment = {"CONCURRENT_COLLECTIONS_SMR": " Debra ", "CONCURRENT_COLLECTIONS_SMR_BATCH_BYTES": "65536"}
    assert output_of(code, environment=environment) == "debra 65536 64\n"


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
        ("SMR", "hazard", "must be 'ibr', 'debra', 'epoch' or 'none', not 'hazard'"),
        ("SMR_RETIRE_THRESHOLD", "many", "must be an int, 1 to 1048576, not 'many'"),
        ("SMR_RETIRE_THRESHOLD", "0", "must be an int, 1 to 1048576, not '0'"),
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
