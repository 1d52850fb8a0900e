"""What a profile of safe memory reclamation says: the data classes that SMRProfiler fills and the exporters read.

Nothing here measures. A node is *retired* when it has been unlinked, *reclaimed* when it is freed, and *pending* in
between. Bytes are those that the caller gave at the retirement, without header and rounding. Counts and bytes are plain
ints; times are seconds unless a name ends in ``_ns`` or says delay (nanoseconds). A value that no source can tell is
``None``, never 0. While other threads work, a count is exact to within the nodes that each has gathered since its last
batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from .exports import Exports

__all__ = ["DelayDistribution", "SMRDomainStats", "SMRProfilerReport", "SMRThreadStats", "SMRTimelinePoint", "Scheme"]

Scheme = Literal["ibr", "debra", "epoch", "none"]


@dataclass
class SMRThreadStats:
    """A thread that uses a domain, as it was at the end.

    ``thread_id`` is the registry's id, ``native_id`` the system's.
    """

    thread_id: int
    thread_name: str | None
    native_id: int
    inside: bool
    """Inside a section."""
    epoch_lag: int
    """Epochs since its section began; 0 outside."""
    stalled: bool
    """Inside a section whose lag has reached the domain's stall threshold."""
    deaf: bool
    """It did not answer the last signal that was to neutralize it (debra)."""
    retired_nodes: int
    """Since the thread began to use the domain."""
    pending_nodes: int
    pending_bytes: int
    """What this thread will free, inherited nodes included; which thread holds them back shows in ``epoch_lag``."""
    neutralizations: int
    """Times that its search was interrupted (debra)."""


@dataclass
class DelayDistribution:
    """Time from retire to free of the nodes that were timed, one in 16.

    The buckets are log-spaced, of equal ratio, from 1 ns to 100 s. ``buckets`` holds the non-empty ones as
    ``(lower_ns, upper_ns, count)``, ascending. ``relative_error`` is the half width of a bucket (0.013 = 1.3 %),
    ``step_ns`` the clock's step: shorter delays count as that.
    """

    buckets: list[tuple[float, float, int]]
    samples: int
    sum_ns: float
    relative_error: float
    step_ns: float


@dataclass
class SMRDomainStats:
    """One domain: its counters since the profile began (or the domain was made), and its state at the end.

    Of a domain that was destroyed meanwhile it is what the last sample saw, with what was pending freed.
    """

    domain_id: int
    name: str
    scheme: Scheme
    asymmetric: bool
    """Readers need no fence: the reclaiming thread issues a process-wide barrier."""
    alive: bool
    """False: it was destroyed while profiling."""
    retired_nodes: int
    retired_bytes: int
    reclaimed_nodes: int
    reclaimed_bytes: int
    pending_nodes: int
    pending_bytes: int
    peak_pending_nodes: int
    peak_pending_bytes: int
    orphaned_nodes: int
    """Of the pending: left by threads that ended, and not taken over yet."""
    epoch: int
    epoch_lag: int
    """Epochs since the oldest section began; 0 when there is none."""
    polls: int
    scans: int
    """Looks at all threads' reservations."""
    barriers: int
    neutralizations: int
    """Searches that were interrupted (debra)."""
    signals: int
    fallbacks: int
    """Signals that were not answered or could not be sent: the domain waited instead."""
    stalled_threads: int
    threads: list[SMRThreadStats] = field(default_factory=list)
    delay: DelayDistribution | None = None
    """None: not tracked."""


@dataclass
class SMRTimelinePoint:
    """All domains together, ``time`` seconds after the start; rates are per second since the point before."""

    time: float
    pending_nodes: int
    pending_bytes: int
    peak_pending_bytes: int
    """Highest that a sample saw since the point before."""
    retired_nodes: int
    reclaimed_nodes: int
    retire_rate: float
    reclaim_rate: float
    epoch_lag: int
    """Largest of the domains'."""
    stalled_threads: int


@dataclass
class SMRProfilerReport(Exports):
    """Everything that one profile of reclamation saw; counters are sums over all domains."""

    kind: ClassVar = "reclamation"

    retired_nodes: int
    retired_bytes: int
    reclaimed_nodes: int
    reclaimed_bytes: int
    pending_nodes: int
    pending_bytes: int
    peak_pending_nodes: int
    peak_pending_bytes: int
    """Highest that a sample saw, or a domain at the end of a batch."""
    orphaned_nodes: int

    # Per second, over the whole duration
    retire_rate: float
    reclaim_rate: float

    # Time from retire to free in nanoseconds; None: not tracked, or nothing was reclaimed
    delay_p50: float | None
    delay_p95: float | None
    delay_p99: float | None
    delay_p999: float | None

    epoch_lag: int
    """Largest of the domains' at the end."""
    stalled_threads: int
    """Threads that were stalled at the end, added up over the domains."""
    neutralizations: int
    signals: int
    fallbacks: int
    polls: int
    scans: int
    barriers: int

    # Timing
    duration_seconds: float
    start_time: datetime
    end_time: datetime

    # Details
    domains: list[SMRDomainStats] = field(default_factory=list)
    timeline: list[SMRTimelinePoint] = field(default_factory=list)
    delay: DelayDistribution | None = None
    """Of all domains; None: not tracked."""
    peak_time: float | None = None
    """Seconds after the start at which the sample with the most pending bytes was taken."""
    notes: list[str] = field(default_factory=list)
    """Warnings for the reader."""
    environment: dict[str, Any] = field(default_factory=dict)
    """Python version, build, platform, process id and command line of what was profiled."""
