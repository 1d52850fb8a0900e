"""Prometheus metrics of safe memory reclamation: as text of a report, or as a live collector.

:class:`SMRCollector` serves a running :class:`~concurrent_collections.SMRProfiler` as
:class:`~concurrent_collections.exporters.MemoryProfilerCollector` serves a memory profiler::

    profiler = SMRProfiler(interval=None)
    profiler.start()
    REGISTRY.register(SMRCollector(profiler))

``cc_smr_pending_bytes`` is what to watch: it levels off where reclaiming keeps up and grows where something holds it back;
``cc_smr_epoch_lag`` and ``cc_smr_stalled_threads`` then tell whether a thread does. There is no label for domains unless
``domain_labels=True`` asks for it; it then names at most ``MAX_DOMAIN_LABELS`` of them, and the others together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..profiling.reclamation_report import DelayDistribution, SMRDomainStats, SMRProfilerReport
from . import _metrics
from ._metrics import Collector, Families, SnapshotSource

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["DELAY_BOUNDS_NS", "MAX_DOMAIN_LABELS", "SMRCollector", "smr_prometheus_text"]

DELAY_BOUNDS_NS: tuple[int, ...] = tuple(digit * 10**power for power in range(2, 11) for digit in (1, 2, 5)) + (10**11,)
"""Upper bounds of the histograms: 100, 200, 500 ns, 1 µs … 50 s and 100 s; ``+Inf`` follows."""

MAX_DOMAIN_LABELS = _metrics.MAX_LABELS
OTHER_DOMAINS = "(other domains)"


def smr_prometheus_text(report: SMRProfilerReport, *, openmetrics: bool = False, domain_labels: bool = False) -> str:
    """The report in Prometheus' classic text format, or in OpenMetrics.

    Raises ModuleNotFoundError without ``prometheus_client``.
    """
    return _metrics.render(_families(report, _largest_names(report.domains) if domain_labels else None), openmetrics)


class SMRCollector(Collector[SMRProfilerReport]):
    """A collector for ``prometheus_client`` that takes a snapshot of ``profiler`` at every scrape.

    ``cc_smr_profiler_up`` is 1, or 0 while ``snapshot()`` raises RuntimeError (a profiler that is not running): the
    other metrics of the process are then still served. Any other error is raised, as prometheus_client expects. With
    ``domain_labels``, a domain's name that has been given a label keeps it, so that its series goes on.
    """

    def __init__(self, profiler: SnapshotSource[SMRProfilerReport], *, domain_labels: bool = False) -> None:
        super().__init__(profiler, _FAMILIES, "cc_smr_profiler_up", domain_labels)

    def _collect(self, report: SMRProfilerReport, names: Sequence[str] | None) -> Iterator[Metric]:
        return _families(report, names)

    def _largest(self, report: SMRProfilerReport) -> list[str]:
        return _largest_names(report.domains)


# name (a counter's without _total): type and help, in the order of the text.
_FAMILIES = Families(
    {
        "cc_smr_profiler_up": ("gauge", "Whether the SMR profiler could be read (1) or is not running (0)."),
        "cc_smr_retired_nodes": ("counter", "Nodes retired since the profile began."),
        "cc_smr_retired_bytes": ("counter", "Bytes of the nodes retired since the profile began."),
        "cc_smr_reclaimed_nodes": ("counter", "Nodes freed after their retirement, since the profile began."),
        "cc_smr_reclaimed_bytes": ("counter", "Bytes of the nodes freed since the profile began."),
        "cc_smr_pending_nodes": ("gauge", "Nodes retired and not freed yet."),
        "cc_smr_pending_bytes": ("gauge", "Bytes of the nodes retired and not freed yet."),
        "cc_smr_peak_pending_nodes": ("gauge", "Highest value of cc_smr_pending_nodes that was seen."),
        "cc_smr_peak_pending_bytes": ("gauge", "Highest value of cc_smr_pending_bytes that was seen."),
        "cc_smr_orphaned_nodes": ("gauge", "Of the pending nodes, those that threads which ended have left."),
        "cc_smr_epoch_lag": ("gauge", "Epochs by which the slowest thread inside a section lags."),
        "cc_smr_stalled_threads": ("gauge", "Threads in a section for longer than the stall threshold."),
        "cc_smr_neutralizations": ("counter", "Searches that were interrupted so that reclaiming could go on."),
        "cc_smr_signals": ("counter", "Signals sent to threads that lagged."),
        "cc_smr_fallbacks": ("counter", "Signals without an answer: the thread was waited for."),
        "cc_smr_polls": ("counter", "Polls since the profile began."),
        "cc_smr_scans": ("counter", "Scans of the threads' reservations since the profile began."),
        "cc_smr_barriers": ("counter", "Process-wide memory barriers since the profile began."),
        "cc_smr_domains": ("gauge", "Domains that exist."),
        "cc_smr_threads": ("gauge", "Threads that some domain knows."),
        "cc_smr_reclaim_delay_seconds": ("histogram", "Time from the retirement of a node to its free, in seconds, of one node in 16."),
        "cc_smr_domain_retired_nodes": ("counter", "Nodes retired, by name of the domain."),
        "cc_smr_domain_reclaimed_nodes": ("counter", "Nodes freed, by name of the domain."),
        "cc_smr_domain_pending_nodes": ("gauge", "Nodes retired and not freed yet, by name of the domain."),
        "cc_smr_domain_pending_bytes": ("gauge", "Bytes of the nodes not freed yet, by name of the domain."),
        "cc_smr_profile_start_time_seconds": ("gauge", "When the profile began, in seconds since 1970."),
        "cc_smr_profile_duration_seconds": ("gauge", "How long the profile has covered so far."),
    }
)


def _families(report: SMRProfilerReport, domain_names: Sequence[str] | None) -> Iterator[Metric]:
    """Every family that the report has a value for."""
    number = _FAMILIES.number
    yield from number("cc_smr_retired_nodes", report.retired_nodes)
    yield from number("cc_smr_retired_bytes", report.retired_bytes)
    yield from number("cc_smr_reclaimed_nodes", report.reclaimed_nodes)
    yield from number("cc_smr_reclaimed_bytes", report.reclaimed_bytes)
    yield from number("cc_smr_pending_nodes", report.pending_nodes)
    yield from number("cc_smr_pending_bytes", report.pending_bytes)
    yield from number("cc_smr_peak_pending_nodes", report.peak_pending_nodes)
    yield from number("cc_smr_peak_pending_bytes", report.peak_pending_bytes)
    yield from number("cc_smr_orphaned_nodes", report.orphaned_nodes)
    yield from number("cc_smr_epoch_lag", report.epoch_lag)
    yield from number("cc_smr_stalled_threads", report.stalled_threads)
    yield from number("cc_smr_neutralizations", report.neutralizations)
    yield from number("cc_smr_signals", report.signals)
    yield from number("cc_smr_fallbacks", report.fallbacks)
    yield from number("cc_smr_polls", report.polls)
    yield from number("cc_smr_scans", report.scans)
    yield from number("cc_smr_barriers", report.barriers)
    alive = [domain for domain in report.domains if domain.alive]
    yield from number("cc_smr_domains", len(alive))
    yield from number("cc_smr_threads", len({thread.thread_id for domain in alive for thread in domain.threads}))
    if report.delay is not None:
        yield _histogram(report.delay)
    if domain_names is not None:
        yield from _domain_families(report.domains, domain_names)
    yield from number("cc_smr_profile_start_time_seconds", report.start_time.timestamp())
    yield from number("cc_smr_profile_duration_seconds", report.duration_seconds)


def _histogram(delay: DelayDistribution) -> Metric:
    return _FAMILIES.histogram(
        "cc_smr_reclaim_delay_seconds", DELAY_BOUNDS_NS, 1e9, delay.buckets, delay.samples, delay.sum_ns
    )


def _largest_names(domains: Sequence[SMRDomainStats]) -> list[str]:
    return _metrics.largest((domain.name, domain.retired_nodes) for domain in domains)


def _domain_families(domains: Sequence[SMRDomainStats], names: Sequence[str]) -> Iterator[Metric]:
    labels = [_metrics.fold(domain.name, names, OTHER_DOMAINS) for domain in domains]
    for name, field in (
        ("cc_smr_domain_retired_nodes", "retired_nodes"),
        ("cc_smr_domain_reclaimed_nodes", "reclaimed_nodes"),
        ("cc_smr_domain_pending_nodes", "pending_nodes"),
        ("cc_smr_domain_pending_bytes", "pending_bytes"),
    ):
        values = (getattr(domain, field) for domain in domains)
        yield _FAMILIES.labelled(name, "domain", zip(labels, values, strict=True))
