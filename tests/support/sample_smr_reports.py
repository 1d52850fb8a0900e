"""Reports of reclamation to render: a build-up behind a stalled thread, a healthy one, an empty one, and one whose
every text is hostile. All are the same at each call."""

from __future__ import annotations

import math
import random
from datetime import timedelta

from sample_reports import HOSTILE_NAMES, MIB, START

from concurrent_collections.smr_report import (
    DelayDistribution,
    SMRDomainStats,
    SMRProfilerReport,
    SMRThreadStats,
    SMRTimelinePoint,
)

NODE = 48


def _delay(seed: int, median: float, samples: int) -> DelayDistribution:
    generator = random.Random(seed)
    counts: dict[int, int] = {}
    for _ in range(samples // 10):
        index = math.floor(math.log10(max(generator.lognormvariate(math.log(median), 1.1), 1024.0)) * 90)
        counts[index] = counts.get(index, 0) + 10
    buckets = [(10 ** (index / 90), 10 ** ((index + 1) / 90), counts[index]) for index in sorted(counts)]
    return DelayDistribution(buckets, samples, median * 1.8 * samples, 0.017, 1024.0)


def _domain(number: int, name: str, scheme: str, retired: int, pending: int, threads, **more) -> SMRDomainStats:
    figures = {
        "domain_id": number, "name": name, "scheme": scheme, "asymmetric": True, "alive": True,
        "retired_nodes": retired,
        "retired_bytes": retired * NODE, "reclaimed_nodes": retired - pending,
        "reclaimed_bytes": (retired - pending) * NODE,
        "pending_nodes": pending, "pending_bytes": pending * NODE, "peak_pending_nodes": pending + 900,
        "peak_pending_bytes": (pending + 900) * NODE, "orphaned_nodes": 0, "epoch": retired // 8192,
        "epoch_lag": max((thread.epoch_lag for thread in threads), default=0), "polls": 1200, "scans": retired // 4096,
        "barriers": retired // 4200, "neutralizations": 0, "signals": 0, "fallbacks": 0,
        "stalled_threads": sum(thread.stalled for thread in threads), "threads": threads,
    }  # fmt: skip
    return SMRDomainStats(**{**figures, **more})


def _report(domains, timeline, delay, seconds, **more) -> SMRProfilerReport:
    sums = (
        "retired_nodes retired_bytes reclaimed_nodes reclaimed_bytes pending_nodes pending_bytes orphaned_nodes polls "
        "scans barriers neutralizations signals fallbacks stalled_threads"
    ).split()
    totals = {name: sum(getattr(domain, name) for domain in domains) for name in sums}
    percentiles: dict[str, float | None] = dict.fromkeys(("delay_p50", "delay_p95", "delay_p99", "delay_p999"))
    if delay is not None and delay.buckets:
        for name, share in (("delay_p50", 0.5), ("delay_p95", 0.95), ("delay_p99", 0.99), ("delay_p999", 0.999)):
            wanted = share * sum(count for _, _, count in delay.buckets)
            for lower, upper, count in delay.buckets:
                wanted -= count
                if wanted <= 0:
                    percentiles[name] = math.sqrt(lower * upper)
                    break
    peak = max(timeline, key=lambda point: point.peak_pending_bytes, default=None)
    return SMRProfilerReport(
        **totals,
        peak_pending_nodes=0 if peak is None else peak.peak_pending_bytes // NODE,
        peak_pending_bytes=0 if peak is None else peak.peak_pending_bytes,
        retire_rate=totals["retired_nodes"] / seconds,
        reclaim_rate=totals["reclaimed_nodes"] / seconds,
        **percentiles,
        epoch_lag=max((domain.epoch_lag for domain in domains), default=0),
        duration_seconds=seconds,
        start_time=START,
        end_time=START + timedelta(seconds=seconds),
        domains=domains,
        timeline=timeline,
        delay=delay,
        peak_time=None if peak is None else peak.time,
        **{
            "environment": {
                "python": "3.13.5",
                "free_threaded": True,
                "platform": "Linux-6.1-x86_64-with-glibc2.36",
                "pid": 4242,
                "command_line": ["service.py", "--workers", "8"],
            },
            **more,
        },
    )  # fmt: skip


def stalled_report() -> SMRProfilerReport:
    """Eight threads, plain epochs: after five seconds one stays inside a section, and nothing is freed any more."""
    generator = random.Random(4)
    timeline = []
    retired = reclaimed = 0
    for step in range(121):
        time = step * 0.1
        rate = 0 if step == 0 else generator.gauss(420_000, 30_000)
        retired += int(rate / 10)
        free_rate = rate if step < 50 else 0.0
        reclaimed = max(0, retired - int(generator.uniform(3000, 9000))) if step < 50 else reclaimed
        pending = retired - reclaimed
        timeline.append(
            SMRTimelinePoint(
                time, pending, pending * NODE, pending * NODE, retired, reclaimed, rate, free_rate,
                generator.randint(0, 3) if step < 50 else (step - 49) * 5, int(step >= 52),
            )
        )  # fmt: skip
    names = ["MainThread", *(f"worker-{index}" for index in range(7))]
    threads = [
        SMRThreadStats(
            index, name, 4000 + index, index in (3, 5), 355 if index == 5 else 1 if index == 3 else 0,
            index == 5, False,
            retired // 8, (retired - reclaimed) // 8, (retired - reclaimed) // 8 * NODE, 0,
        )
        for index, name in enumerate(names, 1)
    ]  # fmt: skip
    delay = _delay(4, 90_000, 184_000)
    pending = retired - reclaimed
    sessions = _domain(1, "sessions", "epoch", retired, pending, threads, delay=delay)
    routes = _domain(2, "routes", "ibr", 40_000, 12, [], alive=True)
    routes.peak_pending_nodes, routes.peak_pending_bytes = 4096, 4096 * NODE
    gone = _domain(7, "import job", "ibr", 900_000, 0, [], alive=False)
    return _report([gone, sessions, routes], timeline, delay, 12.0)


def healthy_report() -> SMRProfilerReport:
    """DEBRA+ at work: some searches are interrupted, and what is pending stays level."""
    timeline = [
        SMRTimelinePoint(
            step / 10, 4000 + step % 7 * 300, (4000 + step % 7 * 300) * NODE, 6000 * NODE, step * 40_000,
            max(0, step * 40_000 - 4000), 400_000.0 if step else 0.0, 400_000.0 if step else 0.0, step % 3, 0,
        )
        for step in range(41)
    ]  # fmt: skip
    threads = [
        SMRThreadStats(index, None, 4000 + index, False, 0, False, False, 400_000, 1000, 1000 * NODE, 3 * index)
        for index in range(1, 5)
    ]
    delay = _delay(5, 40_000, 100_000)
    domain = _domain(1, "index", "debra", 1_600_000, 4000, threads, neutralizations=30, signals=31, delay=delay)
    return _report([domain], timeline, delay, 4.0)


def empty_report() -> SMRProfilerReport:
    """No domain existed, and delays were not tracked."""
    return _report([], [], None, 0.5, environment={})


def hostile_report() -> SMRProfilerReport:
    """Every text is hostile, and numbers are not finite where they may be floats."""
    report = stalled_report()
    report.domains = [
        _domain(index, name, "none", 1000 * MIB, 1000, [
            SMRThreadStats(index, name, index, True, 2**63, True, True, 1, 1000, 1000 * NODE, 0)
        ])
        for index, name in enumerate(HOSTILE_NAMES, 1)
    ]  # fmt: skip
    report.retire_rate, report.reclaim_rate = math.nan, math.inf
    report.notes = list(HOSTILE_NAMES)
    report.environment = {name: name for name in HOSTILE_NAMES} | {"nested": {"a": [math.nan]}}
    return report
