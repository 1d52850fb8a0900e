"""Reports to render: a realistic one, an empty one, and one whose every text is hostile. All are the same at each
call."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta, timezone

from concurrent_collections.report import (
    AllocationRecord,
    AllocationSite,
    CrossThreadFlow,
    DomainStats,
    FragmentationMetrics,
    LatencyDistribution,
    MemoryProfilerReport,
    SamplingInfo,
    SizeHistogram,
    ThreadMemoryStats,
    TimelinePoint,
)

MIB = 1024**2
START = datetime(2026, 11, 21, 9, 30, 12, 345678, tzinfo=timezone(timedelta(hours=1)))

HOSTILE_NAMES = [
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    'quote " and back\\slash and {brace} and =1+1',
    "line\nfeed\ttab\rreturn\x00nul\x1b[31m",
    '=HYPERLINK("http://example.invalid","click")',
    "@alloc",
    "lone \udc80 surrogate and \u202e reversed",
    "<b>bold</b> &amp; <i>i</i>",
    "'; document.title='owned'; //",
    "%{customdata} $\\alpha$ <b>bold</b> <a href=\"javascript:document.title='owned'\">a</a>",
    "--><!-- " + "x" * 5000,
]


def _latency(seed: int, median: float, samples: int) -> list[tuple[float, float, int]]:
    """Buckets of equal ratio (90 a decade) around ``median`` ns, with a long tail."""
    generator = random.Random(seed)
    counts: dict[int, int] = {}
    for _ in range(samples // 50):
        value = generator.lognormvariate(math.log(median), 0.35)
        chance = generator.random()
        if chance < 0.06:
            value *= generator.lognormvariate(math.log(6), 0.5)
        if chance < 0.004:
            value *= generator.lognormvariate(math.log(40), 0.8)
        index = math.floor(math.log10(max(value, 1.0)) * 90)
        counts[index] = counts.get(index, 0) + 50
    return [(10 ** (index / 90), 10 ** ((index + 1) / 90), counts[index]) for index in sorted(counts)]


def _percentile(buckets: list[tuple[float, float, int]], share: float) -> float:
    wanted = share * sum(count for _, _, count in buckets)
    for lower, upper, count in buckets:
        wanted -= count
        if wanted <= 0:
            return math.sqrt(lower * upper)
    return buckets[-1][1]


NAMES = ["MainThread", "reader-0", "reader-1", "parser-0", "parser-1", "parser-2", "aggregator", "reporter"]
WEIGHTS = [3, 20, 19, 34, 33, 35, 12, 1]
ALLOCS, FREES, ALLOC_BYTES = 1_523_456, 1_518_201, 98_765_432
DURATION, PEAK_TIME, PEAK = 12.4, 7.83, int(84.2 * MIB)


def _threads() -> list[ThreadMemoryStats]:
    threads = []
    for index, (name, weight) in enumerate(zip(NAMES, WEIGHTS, strict=True), 1):
        allocs = ALLOCS * weight // sum(WEIGHTS)
        sent = allocs // 3 if "reader" in name or "parser" in name else allocs // 60
        received = 230_000 if name == "aggregator" else 84_000 if "parser" in name else 900
        threads.append(
            ThreadMemoryStats(
                index,
                name,
                allocs,
                allocs - sent + received,
                allocs * 71,
                (allocs - sent + received) * 70,
                sent,
                received,
                4000 + index,
                name != "reader-1",
            )
        )
    return threads


def _flows() -> list[CrossThreadFlow]:
    return [
        CrossThreadFlow(a, NAMES[a - 1], b, NAMES[b - 1], count, count * size)
        for a, b, count, size in [
            (2, 4, 41_200, 120),
            (2, 5, 39_800, 120),
            (2, 6, 40_900, 121),
            (3, 4, 38_100, 119),
            (3, 5, 39_900, 120),
            (3, 6, 38_700, 120),
            (4, 7, 77_400, 64),
            (5, 7, 76_200, 64),
            (6, 7, 76_900, 65),
            (7, 8, 1_830, 512),
            (1, 8, 240, 96),
            (7, 1, 210, 2048),
        ]
    ]


def _sizes() -> dict[str, int]:
    sizes = {
        "1-8": 21_000,
        "9-16": 52_000,
        "17-24": 88_000,
        "25-32": 241_000,
        "33-48": 318_000,
        "49-64": 402_000,
        "65-96": 164_000,
        "97-128": 121_000,
        "129-256": 71_000,
        "257-512": 31_000,
        "513-1024": 9_700,
        "1025-2048": 2_600,
        "2049-4096": 840,
        "4097-8192": 210,
        "8193-16384": 80,
        "16385-32768": 22,
        "32769-65536": 4,
    }
    sizes["33-48"] += ALLOCS - sum(sizes.values())
    return sizes


def _sizes_by_domain(generator: random.Random, sizes: dict[str, int]) -> dict[str, SizeHistogram]:
    by_domain: dict[str, SizeHistogram] = {}
    remaining = dict(sizes)
    for domain, share in (("runtime", 0.09), ("raw", 0.02), ("mem", 0.17)):
        part = {
            key: (
                int(count * share * generator.uniform(0.4, 1.6))
                if not (domain == "runtime" and key in ("1-8", "9-16"))
                else 0
            )
            for key, count in sizes.items()
        }
        by_domain[domain] = SizeHistogram(part, sum(part.values()), sum(part.values()) * 64)
        remaining = {key: remaining[key] - part[key] for key in remaining}
    by_domain["object"] = SizeHistogram(remaining, sum(remaining.values()), sum(remaining.values()) * 64)
    return by_domain


def _timeline(generator: random.Random) -> list[TimelinePoint]:
    alloc_count, free_count = ALLOCS, FREES
    duration, peak_time, peak = DURATION, PEAK_TIME, PEAK
    timeline = []
    average = 0.0
    for index in range(1, 249):
        moment = index * duration / 248
        base = 18 * (1 - math.exp(-moment / 1.2)) + 9 * math.sin(moment * 2.1) ** 2 + moment * 0.14
        base += 62 * math.exp(-(((moment - peak_time) / 0.42) ** 2))
        current = int(max(0.4, base + generator.uniform(-0.8, 0.8)) * MIB)
        if moment > 12.0:
            current = int(current * max(0.06, (duration - moment) / 0.4))
        current = min(current, peak - 4096)
        rate = (
            123_000
            * (0.55 + 0.5 * math.sin(moment * 2.1) ** 2 + 0.6 * math.exp(-(((moment - peak_time) / 0.5) ** 2)))
            * generator.uniform(0.8, 1.2)
        )
        average = rate if index == 1 else average + 0.15 * (rate - average)
        highest = (
            peak
            if abs(moment - peak_time) <= duration / 496
            else min(peak - 4096, current + int(generator.uniform(0, 1.2) * MIB))
        )
        timeline.append(
            TimelinePoint(
                moment,
                current,
                max(highest, current),
                int(alloc_count * moment / duration),
                int(free_count * moment / duration),
                int(ALLOC_BYTES * moment / duration),
                rate,
                average,
            )
        )
    return timeline


MAIN = ["/srv/app/analytics/example.py:214 in main", "/srv/app/analytics/example.py:221 in <module>"]


def _leaking_sites() -> list[AllocationSite]:
    thread_entry = [
        "/usr/lib/python3.13/threading.py:995 in run",
        "/usr/lib/python3.13/threading.py:1044 in _bootstrap_inner",
        "/usr/lib/python3.13/threading.py:1015 in _bootstrap",
    ]
    worker = "/srv/app/analytics/pipeline.py:58 in work"
    return [
        AllocationSite(
            [
                "/srv/app/analytics/example.py:93 in remember",
                "/srv/app/analytics/example.py:120 in parse_line",
                worker,
                *thread_entry,
            ],
            4096,
            1_048_576,
            False,
        ),
        AllocationSite(
            [
                "/usr/lib/python3.13/json/decoder.py:361 in raw_decode",
                "/usr/lib/python3.13/json/decoder.py:345 in decode",
                "/usr/lib/python3.13/json/__init__.py:352 in loads",
                "/srv/app/analytics/example.py:131 in parse_payload",
                "/srv/app/analytics/example.py:120 in parse_line",
                worker,
                *thread_entry,
            ],
            812,
            118_784,
            False,
        ),
        AllocationSite(
            [
                "/srv/app/analytics/store.py:44 in intern_host",
                "/srv/app/analytics/example.py:128 in parse_line",
                worker,
                *thread_entry,
            ],
            310,
            42_160,
            False,
        ),
        AllocationSite(
            ["/srv/app/analytics/report.py:77 in render_row", "/srv/app/analytics/report.py:31 in render", *MAIN],
            96,
            30_720,
            False,
        ),
        AllocationSite(
            ["/srv/app/analytics/store.py:19 in __init__", "/srv/app/analytics/example.py:198 in main", MAIN[1]],
            12,
            18_288,
            False,
        ),
    ]


def _held_sites() -> list[AllocationSite]:
    return [
        AllocationSite([], 214, 96_256, True),
        AllocationSite(
            [
                "<frozen importlib._bootstrap>:1360 in _find_and_load",
                "<frozen importlib._bootstrap>:1331 in _find_and_load_unlocked",
                *MAIN,
            ],
            402,
            140_288,
            True,
        ),
    ]


def _records(leaked: list[AllocationSite]) -> list[AllocationRecord]:
    return [
        AllocationRecord(
            0x7F3A_0000_0000 + 64 * index + 65536 * place,
            site.bytes // site.count,
            START.timestamp() + 0.01 * index,
            4 + index % 3,
            list(site.stack_trace),
        )
        for place, site in enumerate(leaked)
        for index in range(min(site.count, 40))
    ]


def _latency_distribution() -> LatencyDistribution:
    alloc_ns, free_ns = _latency(1, 41, 190_432), _latency(2, 29, 189_775)
    return LatencyDistribution(
        alloc_ns,
        free_ns,
        sum(c for _, _, c in alloc_ns),
        sum(c for _, _, c in free_ns),
        sum(math.sqrt(a * b) * c for a, b, c in alloc_ns),
        sum(math.sqrt(a * b) * c for a, b, c in free_ns),
        0.125,
        0.0129,
        12.0,
        9.4,
        "rdtscp, calibrated",
    )


def _domains(by_domain: dict[str, SizeHistogram], live_bytes: int) -> dict[str, DomainStats]:
    domains = {}
    for name, histogram in by_domain.items():
        frees = int(histogram.total_count * FREES / ALLOCS)
        live = int(live_bytes * histogram.total_count / ALLOCS)
        domains[name] = DomainStats(
            histogram.total_count, frees, histogram.total_bytes, histogram.total_bytes - live, live, int(live * 1.13)
        )
    return domains


def _accuracy() -> dict[str, str]:
    exact = dict.fromkeys(
        (
            "alloc_count",
            "free_count",
            "alloc_bytes",
            "free_bytes",
            "current_allocated",
            "peak_allocated",
            "cross_thread_free_count",
            "cross_thread_free_pct",
            "leaked_bytes",
            "size_histogram",
            "domains",
            "untracked_free_count",
            "failed_alloc_count",
            "dropped_records",
        ),
        "exact",
    )
    estimated = dict.fromkeys(("alloc_latency_p50", "alloc_latency_p99", "fragmentation", "resident_bytes"), "estimate")
    return {**exact, **estimated}


def _percentiles(latency: LatencyDistribution) -> dict[str, float]:
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}
    return {
        f"{name}_latency_{key}": _percentile(buckets, share)
        for name, buckets in (("alloc", latency.alloc), ("free", latency.free))
        for key, share in shares.items()
    }


def _fragmentation() -> FragmentationMetrics:
    return FragmentationMetrics(
        0.118,
        0.246,
        2_621_440,
        1873,
        0.754,
        112 * MIB,
        {
            "internal_fragmentation": "size classes of mimalloc and pymalloc",
            "external_fragmentation": "committed bytes of mimalloc's heaps",
            "largest_free_block": "pymalloc's arenas",
        },
    )


ENVIRONMENT = {
    "python": "3.13.5 free-threading",
    "platform": "Linux-6.1-x86_64",
    "pid": 4242,
    "command_line": ["example.py", "--records", "200000", "--threads", "8"],
    "cpu_count": 8,
    "gil_enabled": False,
}


def full_report() -> MemoryProfilerReport:
    """A small log analytics service with eight threads that hand records to each other, and a cache that never
    forgets."""
    generator = random.Random(20261121)
    sizes = _sizes()
    by_domain = _sizes_by_domain(generator, sizes)
    timeline = _timeline(generator)
    leaked, held = _leaking_sites(), _held_sites()
    sites, flows, latency = leaked + held, _flows(), _latency_distribution()
    leaked_count, records = sum(site.count for site in leaked), _records(leaked)
    live_bytes, cross = sum(site.bytes for site in sites), sum(flow.count for flow in flows)
    return MemoryProfilerReport(
        alloc_count=ALLOCS,
        free_count=FREES,
        alloc_bytes=ALLOC_BYTES,
        free_bytes=ALLOC_BYTES - live_bytes,
        current_allocated=live_bytes,
        peak_allocated=PEAK,
        alloc_rate=ALLOCS / DURATION,
        free_rate=FREES / DURATION,
        bytes_rate=ALLOC_BYTES / DURATION,
        **_percentiles(latency),
        cross_thread_free_count=cross,
        cross_thread_free_pct=100 * cross / FREES,
        size_histogram=SizeHistogram(sizes, ALLOCS, ALLOC_BYTES),
        thread_stats=_threads(),
        fragmentation=_fragmentation(),
        leaked_allocations=records,
        leaked_bytes=sum(site.bytes for site in leaked),
        duration_seconds=DURATION,
        start_time=START,
        end_time=START + timedelta(seconds=DURATION),
        domains=_domains(by_domain, live_bytes),
        size_histograms=by_domain,
        timeline=timeline,
        latency=latency,
        cross_thread_flows=flows,
        live_sites=sites,
        leaked_count=leaked_count,
        leaks_omitted=leaked_count - len(records),
        interpreter_held_count=sum(site.count for site in held),
        interpreter_held_bytes=sum(site.bytes for site in held),
        peak_time=PEAK_TIME,
        peak_error_bytes=8 * 16384,
        untracked_free_count=1207,
        resident_bytes=131 * MIB,
        peak_resident_bytes=188 * MIB,
        sampling=SamplingInfo("exact", 1.0, None, ALLOCS),
        accuracy=_accuracy(),
        notes=["tracemalloc was started while profiling; blocks that it allocated itself are counted."],
        environment=dict(ENVIRONMENT),
    )


def empty_report() -> MemoryProfilerReport:
    """Nothing tracked, nothing allocated: every optional field None or empty."""
    return MemoryProfilerReport(
        *(0,) * 6,
        *(0.0,) * 3,
        *(None,) * 8,
        None,
        None,
        size_histogram=None,
        thread_stats=[],
        fragmentation=FragmentationMetrics(None, None, None, None, None),
        leaked_allocations=None,
        leaked_bytes=None,
        duration_seconds=0.0,
        start_time=START,
        end_time=START,
    )


def sampled_report() -> MemoryProfilerReport:
    """Sampled by count, with standard errors, and with records that were lost."""
    report = full_report()
    report.sampling = SamplingInfo(
        "rate", 0.01, None, 15_234, {"alloc_count": 12_340.0, "peak_allocated": 2.1e6, "current_allocated": 98_000.0}
    )
    report.accuracy = dict.fromkeys(report.accuracy, "estimate")
    report.dropped_records, report.dropped_stacks = 1200, 7
    return report


def hostile_report() -> MemoryProfilerReport:
    """The realistic report with a hostile text in every place that takes one, and numbers that are not finite."""
    report = full_report()
    names = HOSTILE_NAMES
    for index, thread in enumerate(report.thread_stats):
        thread.thread_name = names[index % len(names)]
    for index, flow in enumerate(report.cross_thread_flows):
        flow.alloc_thread_name, flow.free_thread_name = names[index % len(names)], names[(index + 1) % len(names)]
    frames = [f"{name}:7 in {name}" for name in names]
    for index, site in enumerate(report.live_sites):
        if site.stack_trace:
            site.stack_trace = frames[index % len(frames) :] + frames
    for record in report.leaked_allocations or ():
        record.stack_trace = list(frames)
    report.size_histograms = {
        name: histogram for name, histogram in zip(names, report.size_histograms.values(), strict=False)
    }
    report.domains = {name: domain for name, domain in zip(names, report.domains.values(), strict=False)}
    report.fragmentation.sources = {name: name for name in names}
    report.notes = list(names)
    report.environment = {name: name for name in names} | {
        "command_line": list(names),
        "nested": {"a": [float("nan"), object]},
    }
    assert report.latency is not None
    report.latency.clock = names[0]
    report.alloc_rate, report.bytes_rate = math.nan, math.inf
    report.timeline[3].alloc_rate = math.nan
    report.timeline[4].alloc_rate_average = -math.inf
    return report
