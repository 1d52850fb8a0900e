"""The paths that users import and that pickles name: each gives the objects of the room that they live in now."""

from __future__ import annotations

import importlib
import pickle

import pytest
from sample_reports import full_report

import concurrent_collections
from concurrent_collections import SkipListMap, SkipListSet

PUBLIC_PATHS = {
    "alloc_stats": "memory.statistics",
    "maps": "containers.maps",
    "profiler": "profiling.profiler",
    "queue": "containers.queues",
    "report": "profiling.report",
    "sets": "containers.sets",
    "smr": "profiling.reclamation",
    "smr_report": "profiling.reclamation_report",
    "sqlite": "memory.sqlite",
}


def module(path: str):
    return importlib.import_module(f"concurrent_collections.{path}")


@pytest.mark.parametrize(("path", "home"), PUBLIC_PATHS.items())
def test_path_gives_the_objects_of_its_room(path, home):
    public, real = module(path), module(home)
    assert public.__all__ == real.__all__
    assert [name for name in real.__all__ if getattr(public, name) is not getattr(real, name)] == []


def test_package_exports_what_it_names():
    for name in concurrent_collections.__all__:
        assert getattr(concurrent_collections, name) is not None
    assert concurrent_collections.memory.Arena is module("memory.regions").Arena
    assert concurrent_collections.memory.allocators is module("memory.pluggable").allocators


def as_the_old_paths_pickled(data: object, **moved: str) -> bytes:
    """A pickle as it was made when the classes lay at their public paths; protocol 0 names them in plain text."""
    text = pickle.dumps(data, protocol=0)
    for path, home in {**PUBLIC_PATHS, **moved}.items():
        text = text.replace(f"cconcurrent_collections.{home}\n".encode(), f"cconcurrent_collections.{path}\n".encode())
    assert b".profiling." not in text and b".containers." not in text
    return text


def test_pickled_reports_of_the_old_paths_load():
    report = full_report()
    assert pickle.loads(as_the_old_paths_pickled(report)) == report


def test_pickled_containers_of_the_old_paths_load():
    for container in (SkipListMap({"a": 1, "b": 2}), SkipListSet([3, 1])):
        loaded = pickle.loads(as_the_old_paths_pickled(container, _ordered="containers.ordered"))
        assert type(loaded) is type(container) and loaded == container
