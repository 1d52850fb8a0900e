"""What a reclamation report says in one sentence, and the rules that tell what its reader could do."""

from __future__ import annotations

from collections.abc import Sequence

from ...profiling.reclamation_report import SMRDomainStats, SMRProfilerReport, SMRThreadStats
from .._format import (
    display,
    finite,
    format_bytes,
    format_count,
    format_ns,
    format_percent,
    format_rate,
    format_seconds,
)
from ..findings import Level, Recommendation, Rule, Verdict, plural

__all__ = ["BUILD_UP", "RULES", "verdict"]

MIB = 1024**2
BUILD_UP = MIB
"""Fewer pending bytes than this are no finding: some nodes are always on their way."""


def verdict(report: SMRProfilerReport) -> Verdict:
    """One sentence: the highest that was pending, what is pending now, and which thread holds it back."""
    if not report.retired_nodes and not report.pending_nodes:
        return Verdict("good", "Nothing was retired while profiling.")
    level: Level = "good"
    sentence = f"At most {format_bytes(report.peak_pending_bytes)} were retired and not yet freed"
    if finite(report.peak_time) is not None:
        sentence += f" ({format_seconds(report.peak_time)} after the start)"
    sentence += f"; at the end {format_bytes(report.pending_bytes)}"
    if stalled := _stalled(report):
        level = "serious" if report.pending_bytes >= BUILD_UP else "warning"
        domain, thread = stalled[0]
        more = f" and {plural(len(stalled) - 1, 'other thread')}" if len(stalled) > 1 else ""
        sentence += f"; {_name(thread)}{more} stalled inside a section, {plural(thread.epoch_lag, 'epoch')} behind"
    elif _grows(report):
        level = "serious"
        sentence += f", and growing by {format_bytes(_growth(report))}/s"
    return Verdict(level, sentence + ".")


def _name(thread: SMRThreadStats) -> str:
    return display(thread.thread_name, 40) if thread.thread_name else f"thread {thread.thread_id}"


def _stalled(report: SMRProfilerReport) -> list[tuple[SMRDomainStats, SMRThreadStats]]:
    found = [(domain, thread) for domain in report.domains for thread in domain.threads if thread.stalled]
    return sorted(found, key=lambda pair: -pair[1].epoch_lag)


def _growth(report: SMRProfilerReport) -> float:
    """Pending bytes per second over the second half of the timeline."""
    points = report.timeline[len(report.timeline) // 2 :]
    if len(points) < 2 or points[-1].time <= points[0].time:
        return 0.0
    return (points[-1].pending_bytes - points[0].pending_bytes) / (points[-1].time - points[0].time)


def _grows(report: SMRProfilerReport) -> bool:
    """Whether what is pending at the end is much, is the most there was, and was still becoming more."""
    return (
        report.pending_bytes >= BUILD_UP
        and report.pending_bytes >= 0.8 * max((point.peak_pending_bytes for point in report.timeline), default=0)
        and _growth(report) * report.duration_seconds >= 0.2 * report.pending_bytes
    )


# Rules ----------------------------------------------------------------------------------------------------------------


def stall(report: SMRProfilerReport) -> Recommendation | None:
    """A thread stays inside a section while others retire."""
    stalled = _stalled(report)
    if not stalled:
        return None
    domain, thread = stalled[0]
    remedy = {
        "epoch": (
            "Under epoch nothing retired since then can be freed: set config.smr to 'ibr' or 'debra', which stay"
            " bounded."
        ),
        "ibr": "Under ibr only nodes that were alive when it entered are held back; the rest goes on being freed.",
        "debra": (
            "It does not answer the signal: it blocks it, or the handler was replaced."
            if thread.deaf
            else "It can be neutralized only while it searches: the rest of the section must be short."
        ),
        "none": "",
    }[domain.scheme]
    advice = (
        f"Look at what {_name(thread)} does between enter and exit: no waiting, no I/O and no callback belongs there."
    )
    return Recommendation(
        "stall",
        "serious" if report.pending_bytes >= BUILD_UP else "warning",
        f"{_name(thread)} stays inside a section of {display(domain.name, 40)}",
        f"{advice} {remedy}".rstrip(),
        [
            ("epoch lag", format_count(thread.epoch_lag)),
            ("stalled threads", format_count(len(stalled))),
            ("pending in the domain", format_bytes(domain.pending_bytes)),
            ("scheme", domain.scheme),
        ],
    )


def build_up(report: SMRProfilerReport) -> Recommendation | None:
    """Nodes are retired faster than they are freed, and nobody is stalled."""
    if not _grows(report) or _stalled(report) or all(domain.scheme == "none" for domain in report.domains):
        return None
    return Recommendation(
        "build_up",
        "serious",
        "Nodes are retired faster than they are freed",
        "Keep sections short, and look for free functions that take long. With plain fences, raise"
        " config.smr_reclaim_per_poll.",
        [
            ("growth", f"{format_bytes(_growth(report))}/s"),
            ("retired", format_rate(report.retire_rate)),
            ("reclaimed", format_rate(report.reclaim_rate)),
            ("pending", format_bytes(report.pending_bytes)),
        ],
    )


def leaking_scheme(report: SMRProfilerReport) -> Recommendation | None:
    """A domain frees nothing by design."""
    domains = [domain for domain in report.domains if domain.scheme == "none" and domain.pending_bytes]
    if not domains:
        return None
    return Recommendation(
        "leaking_scheme",
        "warning",
        f"{plural(len(domains), 'domain')} with scheme none {'frees' if len(domains) == 1 else 'free'} nothing",
        "none is for comparisons: choose ibr or debra with config.smr or CONCURRENT_COLLECTIONS_SMR.",
        [("domains", _names(domains))] + [("pending", format_bytes(sum(domain.pending_bytes for domain in domains)))],
    )


def _names(domains: Sequence[SMRDomainStats]) -> str:
    more = f" and {len(domains) - 5} more" if len(domains) > 5 else ""
    return ", ".join(display(domain.name, 30) for domain in domains[:5]) + more


def idle(report: SMRProfilerReport) -> Recommendation | None:
    """Nodes wait, and nobody retires or polls any more."""
    tail = report.timeline[-3:]
    if (
        len(tail) < 3
        or report.pending_bytes < BUILD_UP
        or any(point.retire_rate or point.reclaim_rate for point in tail)
        or _stalled(report)
        or all(domain.scheme == "none" for domain in report.domains if domain.pending_bytes)
    ):
        return None
    return Recommendation(
        "idle",
        "info",
        f"{format_bytes(report.pending_bytes)} wait for a poll",
        "Nodes are freed by the threads that retire; these have gone quiet. Where work pauses or ends, call"
        " cc_smr_drain or cc_smr_detach in them.",
        [("pending", format_bytes(report.pending_bytes)), ("nodes", format_count(report.pending_nodes))],
    )


def fallbacks(report: SMRProfilerReport) -> Recommendation | None:
    """A thread that was to be neutralized had to be waited for."""
    if not report.fallbacks:
        return None
    return Recommendation(
        "fallbacks",
        "warning",
        f"{plural(report.fallbacks, 'time')} a thread could not be neutralized",
        "A thread blocks the domain's signal, or another handler has replaced it: until that ends, debra waits as epoch"
        " does.",
        [
            ("waited", format_count(report.fallbacks)),
            ("neutralized", format_count(report.neutralizations)),
        ],
    )


def restarts(report: SMRProfilerReport) -> Recommendation | None:
    """Threads are thrown out of their searches often."""
    if report.neutralizations < 100 or report.neutralizations < 10 * report.duration_seconds:
        return None
    return Recommendation(
        "restarts",
        "info",
        f"Searches were started anew {format_count(report.neutralizations)} times",
        "Each time a search was interrupted and began again. If searches are long, raise config.smr_stall_threshold.",
        [
            ("neutralized", format_count(report.neutralizations)),
            ("a second", format_rate(report.neutralizations / max(report.duration_seconds, 1e-9))),
        ],
    )


def slow(report: SMRProfilerReport) -> Recommendation | None:
    """Most nodes are freed at once and some very late."""
    median, late = finite(report.delay_p50), finite(report.delay_p99)
    if median is None or late is None or late < 1e9 or _stalled(report):
        return None
    share = sum(count for lower, _, count in report.delay.buckets if lower >= 1e9) if report.delay else 0
    samples = report.delay.samples if report.delay else 0
    return Recommendation(
        "slow",
        "info",
        f"Some nodes waited {format_ns(late)} and longer for their free",
        "Long sections or rare polls hold them; values that nodes own live as long. Poll more often, or keep sections"
        " short.",
        [
            ("p50", format_ns(median)),
            ("p99", format_ns(late)),
            ("longer than 1 s", format_percent(share / samples if samples else None)),
        ],
    )


RULES: tuple[Rule[SMRProfilerReport], ...] = (stall, build_up, leaking_scheme, fallbacks, idle, restarts, slow)
