"""The rows that the extension module hands over, as dicts with named fields. Types alone: there is no such module."""

from typing import Literal, TypedDict, type_check_only

@type_check_only
class AllocFigures(TypedDict):
    alloc_count: int
    free_count: int
    alloc_bytes: int
    free_bytes: int
    current_allocated: int
    failed_count: int
    unsized_free_count: int
    alloc_block_bytes: int
    free_block_bytes: int
    current_block_bytes: int
    thread_count: int

@type_check_only
class DomainFigures(TypedDict):
    alloc_bytes: float
    free_bytes: float
    alloc_block_bytes: float
    free_block_bytes: float
    alloc_bytes_variance: float
    free_bytes_variance: float
    alloc_count_variance: float
    free_count_variance: float
    alloc_bins: list[float]
    free_bins: list[float]

@type_check_only
class ThreadFigures(TypedDict):
    id: int
    native_id: int
    name: str
    alive: bool
    alloc_count: float
    free_count: float
    alloc_bytes: float
    free_bytes: float
    sent: float
    received: float

@type_check_only
class FlowFigures(TypedDict):
    alloc_thread: int
    free_thread: int
    count: float
    bytes: float

@type_check_only
class PointFigures(TypedDict):
    seconds: float
    current: float
    peak: float
    alloc_count: float
    free_count: float
    alloc_bytes: float

@type_check_only
class LatencyFigures(TypedDict):
    name: str
    overhead_ns: float
    floor_ns: float
    timed_fraction: float
    alloc_sum_ns: float
    free_sum_ns: float
    alloc_timed: float
    free_timed: float
    alloc_counts: list[float]
    free_counts: list[float]

@type_check_only
class Figures(TypedDict):
    alloc_count: float
    free_count: float
    alloc_bytes: float
    free_bytes: float
    current: float
    peak: float
    peak_seconds: float
    peak_error: float
    cross_thread_frees: float
    samples: float
    untracked_frees: float
    failed: float
    dropped_records: float
    dropped_stacks: float
    seconds: float
    start_wall_ns: int
    end_wall_ns: int
    estimated: bool
    domains: dict[str, DomainFigures]
    threads: list[ThreadFigures]
    flows: list[FlowFigures]
    points: list[PointFigures]
    latency: LatencyFigures

@type_check_only
class BlockFigures(TypedDict):
    address: int
    size: int
    thread: int
    wall_ns: int
    site: int

@type_check_only
class SiteFigures(TypedDict):
    site: int
    held: bool
    count: float
    bytes: float
    stack: tuple[tuple[str, int, str], ...]

@type_check_only
class LiveFigures(TypedDict):
    count: float
    bytes: float
    held_count: float
    held_bytes: float
    blocks: list[BlockFigures]
    sites: list[SiteFigures]

@type_check_only
class OptionLimits(TypedDict):
    name: str
    initial: int
    least: int
    most: int

@type_check_only
class ReclamationFigures(TypedDict):
    name: str
    scheme: Literal["ibr", "debra", "epoch", "none"]
    asymmetric: bool
    retired_nodes: int
    retired_bytes: int
    reclaimed_nodes: int
    reclaimed_bytes: int
    pending_nodes: int
    pending_bytes: int
    peak_pending_nodes: int
    peak_pending_bytes: int
    orphaned_nodes: int
    epoch: int
    oldest_epoch: int
    polls: int
    scans: int
    barriers: int
    neutralizations: int
    signals: int
    fallbacks: int
    threads: int
    stalled_threads: int
    delay_recorded: int
    delay_sum_ns: int

@type_check_only
class ReclamationThread(TypedDict):
    thread_id: int
    native_id: int
    name: str
    inside: bool
    stalled: bool
    deaf: bool
    epoch_lag: int
    retired_nodes: int
    pending_nodes: int
    pending_bytes: int
    neutralized: int

@type_check_only
class CoreFigures(TypedDict):
    current: int
    high_water: int
    count: int
    current_count: int
    highest_count: int
    largest: int
    failed: int

@type_check_only
class BufferFigures(TypedDict):
    capacity: int
    used: int
    peak_used: int
    live_blocks: int
    free_blocks: int
    largest_free: int
    failed: int

@type_check_only
class ProblemFigures(TypedDict):
    kind: str
    address: int
    bytes: int
    blocks: int
    distance: int
    title: str
    text: str

@type_check_only
class ArenaFigures(TypedDict):
    used: int
    reserved: int
    blocks: int

@type_check_only
class HeapFigures(TypedDict):
    reserved: int
    blocks: int
    allocations: int

@type_check_only
class PoolFigures(TypedDict):
    block_size: int
    stride: int
    blocks: int
    live: int
    chunks: int
    reserved: int
