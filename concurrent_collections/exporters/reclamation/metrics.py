"""Prometheus' families of a reclamation report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ...profiling.reclamation_report import SMRProfilerReport
from .._metrics import ByLabel, Family, Histogram, Metrics, Number, Times, fold, largest

__all__ = ["DELAY_BOUNDS_NS", "METRICS"]

DELAY_BOUNDS_NS: tuple[int, ...] = tuple(digit * 10**power for power in range(2, 11) for digit in (1, 2, 5)) + (10**11,)
"""Upper bounds of the histograms: 100, 200, 500 ns, 1 µs … 50 s and 100 s; ``+Inf`` follows."""

OTHER_DOMAINS = "(other domains)"

Values = Callable[[SMRProfilerReport, Sequence[str] | None], Iterable[tuple[str, float]] | None]


def _by_domain(field: str) -> Values:
    """A field of SMRDomainStats by domain name, of those that get a label."""

    def values(report: SMRProfilerReport, names: Sequence[str] | None) -> Iterable[tuple[str, float]] | None:
        if names is None:
            return None
        return [(fold(domain.name, names, OTHER_DOMAINS), getattr(domain, field)) for domain in report.domains]

    return values


def _delays(report: SMRProfilerReport) -> Times | None:
    delay = report.delay
    return None if delay is None else (delay.buckets, delay.samples, delay.sum_ns)


def _living_domains(report: SMRProfilerReport) -> int:
    return sum(domain.alive for domain in report.domains)


def _living_threads(report: SMRProfilerReport) -> int:
    return len({thread.thread_id for domain in report.domains if domain.alive for thread in domain.threads})


def _largest(report: SMRProfilerReport) -> list[str]:
    return largest((domain.name, domain.retired_nodes) for domain in report.domains)


_FAMILIES: tuple[Family[SMRProfilerReport], ...] = (
    Number("counter", "cc_smr_retired_nodes", "retired_nodes", "Nodes retired since the profile began."),
    Number("counter", "cc_smr_retired_bytes", "retired_bytes", "Bytes of the nodes retired since the profile began."),
    Number(
        "counter",
        "cc_smr_reclaimed_nodes",
        "reclaimed_nodes",
        "Nodes freed after their retirement, since the profile began.",
    ),
    Number("counter", "cc_smr_reclaimed_bytes", "reclaimed_bytes", "Bytes of the nodes freed since the profile began."),
    Number("gauge", "cc_smr_pending_nodes", "pending_nodes", "Nodes retired and not freed yet."),
    Number("gauge", "cc_smr_pending_bytes", "pending_bytes", "Bytes of the nodes retired and not freed yet."),
    Number(
        "gauge",
        "cc_smr_peak_pending_nodes",
        "peak_pending_nodes",
        "Highest value of cc_smr_pending_nodes that was seen.",
    ),
    Number(
        "gauge",
        "cc_smr_peak_pending_bytes",
        "peak_pending_bytes",
        "Highest value of cc_smr_pending_bytes that was seen.",
    ),
    Number(
        "gauge",
        "cc_smr_orphaned_nodes",
        "orphaned_nodes",
        "Of the pending nodes, those that threads which ended have left.",
    ),
    Number("gauge", "cc_smr_epoch_lag", "epoch_lag", "Epochs by which the slowest thread inside a section lags."),
    Number(
        "gauge",
        "cc_smr_stalled_threads",
        "stalled_threads",
        "Threads in a section for longer than the stall threshold.",
    ),
    Number(
        "counter",
        "cc_smr_neutralizations",
        "neutralizations",
        "Searches that were interrupted so that reclaiming could go on.",
    ),
    Number("counter", "cc_smr_signals", "signals", "Signals sent to threads that lagged."),
    Number("counter", "cc_smr_fallbacks", "fallbacks", "Signals without an answer: the thread was waited for."),
    Number("counter", "cc_smr_polls", "polls", "Polls since the profile began."),
    Number("counter", "cc_smr_scans", "scans", "Scans of the threads' reservations since the profile began."),
    Number("counter", "cc_smr_barriers", "barriers", "Process-wide memory barriers since the profile began."),
    Number("gauge", "cc_smr_domains", _living_domains, "Domains that exist."),
    Number("gauge", "cc_smr_threads", _living_threads, "Threads that some domain knows."),
    Histogram(
        "cc_smr_reclaim_delay_seconds",
        _delays,
        1e9,
        DELAY_BOUNDS_NS,
        "Time from the retirement of a node to its free, in seconds, of one node in 16.",
    ),
    ByLabel(
        "counter",
        "cc_smr_domain_retired_nodes",
        "domain",
        _by_domain("retired_nodes"),
        "Nodes retired, by name of the domain.",
    ),
    ByLabel(
        "counter",
        "cc_smr_domain_reclaimed_nodes",
        "domain",
        _by_domain("reclaimed_nodes"),
        "Nodes freed, by name of the domain.",
    ),
    ByLabel(
        "gauge",
        "cc_smr_domain_pending_nodes",
        "domain",
        _by_domain("pending_nodes"),
        "Nodes retired and not freed yet, by name of the domain.",
    ),
    ByLabel(
        "gauge",
        "cc_smr_domain_pending_bytes",
        "domain",
        _by_domain("pending_bytes"),
        "Bytes of the nodes not freed yet, by name of the domain.",
    ),
    Number(
        "gauge",
        "cc_smr_profile_start_time_seconds",
        lambda report: report.start_time.timestamp(),
        "When the profile began, in seconds since 1970.",
    ),
    Number("gauge", "cc_smr_profile_duration_seconds", "duration_seconds", "How long the profile has covered so far."),
)

METRICS: Metrics[SMRProfilerReport] = Metrics(
    Number("gauge", "cc_smr_profiler_up", float, "Whether the SMR profiler could be read (1) or is not running (0)."),
    "domain",
    _largest,
    _FAMILIES,
)
