"""The HTML page of a memory report: a sentence, six figures, the views, and what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ...profiling.report import AllocationSite, MemoryProfilerReport
from .._format import finite, format_bytes, format_count, format_ns, format_percent, format_rate, format_seconds
from .._page import Page, about_section, card, figure_section, recommendation_section, summary_section, text
from ..findings import Verdict, recommend
from .figures import VIEWS, latency_caption
from .rules import NEGLIGIBLE_LEAK, verdict
from .sites import blame, leak_lines, parse_frame, short_location

__all__ = ["MAX_LEAK_ROWS", "page"]

MAX_LEAK_ROWS = 20
MAX_STACK_FRAMES = 40

_LINKS = {
    "timeline": "Timeline",
    "recommendations": "Advice",
    "flame": "Flame graph",
    "leaks": "Leaks",
    "latency": "Latency",
    "sizes": "Sizes",
    "threads": "Threads",
    "flow": "Flow",
    "about": "About",
}
_MODES = {"exact": "every allocation counted", "rate": "sampled by count", "bytes": "sampled by bytes"}


def page(report: MemoryProfilerReport) -> Page:
    """The page of ``report``."""
    figures = {name: view(report) for name, (_, view) in VIEWS.items()}
    sections = {
        name: figure_section(name, title, figures[name], _captions(name, report)) for name, (title, _) in VIEWS.items()
    }
    # The sentence, the rules and the table tell of lines: 100,000 call stacks are brought to their lines only once.
    by_line = dataclasses.replace(report, live_sites=leak_lines(report))
    body = [
        _summary(by_line),
        sections["timeline"],
        recommendation_section(recommend(by_line)),
        sections["flame"],
        _leak_section(by_line),
        f'<div class="pair wide-left">{sections["latency"]}{sections["fragmentation"]}</div>\n',
        f'<div class="pair">{sections["sizes"]}{_domain_section(report)}</div>\n',
        f'<div class="pair">{sections["threads"]}{sections["flow"]}</div>\n',
        about_section(report.notes, report.environment, _sampling_rows(report)),
    ]
    facts = [f"{format_seconds(report.duration_seconds)} profiled", _MODES[report.sampling.mode]]
    return Page("Memory report", report.environment, report.start_time, facts, _LINKS, figures, body)


# The summary ----------------------------------------------------------------------------------------------------------


def _mark(report: MemoryProfilerReport, *fields: str) -> str:
    """``exact`` or ``estimate``, where the report says so; the weakest of several fields."""
    known = {str(report.accuracy[name]) for name in fields if name in report.accuracy}
    for accuracy, meaning in (
        ("unknown", "no source can tell this"),
        ("estimate", "an estimate: sampled, or from size classes or statistics that lag"),
        ("exact", "every event was counted"),
    ):
        if accuracy in known:
            return f'<span class="mark {accuracy}" title="{meaning}">{accuracy}</span>'
    return ""


def _summary(report: MemoryProfilerReport) -> str:
    summary = verdict(report)
    cards = [
        _peak_card(report),
        _leak_card(report, summary),
        _allocation_card(report),
        _latency_card(report),
        _cross_thread_card(report),
        _fragmentation_card(report),
    ]
    return summary_section(summary, cards)


def _peak_card(report: MemoryProfilerReport) -> str:
    known = finite(report.peak_time) is not None
    at = f"{format_seconds(report.peak_time)} after the start" if known else "highest of the whole run"
    return card("Peak", format_bytes(report.peak_allocated), at, _mark(report, "peak_allocated"))


def _leak_card(report: MemoryProfilerReport, summary: Verdict) -> str:
    if report.leaked_bytes is None:
        value, mark = format_bytes(report.current_allocated), _mark(report, "current_allocated")
        return card("Still allocated", value, "at the end; leaks not looked for", mark)
    level = summary.level if report.leaked_bytes >= NEGLIGIBLE_LEAK else "good"
    count = report.leaked_count
    blocks = f"{format_count(count)} blocks never freed" if count is not None else "never freed"
    return card("Leaked", format_bytes(report.leaked_bytes), blocks, _mark(report, "leaked_bytes"), level)


def _allocation_card(report: MemoryProfilerReport) -> str:
    rate = format_rate(report.alloc_rate)
    if finite(report.bytes_rate) is not None:
        rate += f", {format_bytes(report.bytes_rate)}/s"
    return card("Allocations", format_count(report.alloc_count), rate, _mark(report, "alloc_count"))


def _latency_card(report: MemoryProfilerReport) -> str:
    if report.alloc_latency_p50 is None:
        return card("Alloc latency", "–", "track_latency=True tells it")
    tail = f"median; p99 {format_ns(report.alloc_latency_p99)}"
    mark = _mark(report, "alloc_latency_p50", "alloc_latency_p99")
    return card("Alloc latency", format_ns(report.alloc_latency_p50), tail, mark)


def _cross_thread_card(report: MemoryProfilerReport) -> str:
    percentage = finite(report.cross_thread_free_pct)
    if percentage is None or report.cross_thread_free_count is None:
        return card("Cross-thread", "–", "track_cross_thread=True tells them")
    count = f"{format_count(report.cross_thread_free_count)} of {format_count(report.free_count)} frees"
    mark = _mark(report, "cross_thread_free_count", "cross_thread_free_pct")
    return card("Cross-thread", format_percent(percentage / 100), count, mark)


def _fragmentation_card(report: MemoryProfilerReport) -> str:
    internal, external = (
        finite(report.fragmentation.internal_fragmentation),
        finite(report.fragmentation.external_fragmentation),
    )
    mark = _mark(report, "fragmentation")
    if internal is None and external is None:
        return card("Fragmentation", "–", "no heap could be read", mark)
    if internal is None:
        return card("Fragmentation", format_percent(external), "free memory between blocks", mark)
    detail = "padding inside blocks" + (f"; {format_percent(external)} between" if external is not None else "")
    return card("Fragmentation", format_percent(internal), detail, mark)


def _captions(name: str, report: MemoryProfilerReport) -> list[str]:
    """Lines of HTML beneath a figure."""
    if name == "timeline" and report.peak_error_bytes:
        return [
            f"The peak is exact to within {text(format_bytes(report.peak_error_bytes))}: each thread adds up a little"
            " before it is counted in."
        ]
    if name == "latency" and report.latency is not None:
        return [_percentile_table(report), text(latency_caption(report.latency))]
    if name == "flame":
        held = report.interpreter_held_bytes
        grey = f" ({text(format_bytes(held))})" if held is not None else ""
        return [
            "Width is bytes still allocated; callers above, callees below; click to zoom. Colours tell files apart;"
            f" grey is what the interpreter holds for itself{grey}."
        ]
    if name == "fragmentation":
        return [_fragmentation_table(report)]
    return []


def _percentile_table(report: MemoryProfilerReport) -> str:
    keys = (("p50", "p50"), ("p95", "p95"), ("p99", "p99"), ("p99.9", "p999"))
    head = "".join(f'<th class="number">{title}</th>' for title, _ in keys)
    rows = ""
    for name in ("alloc", "free"):
        cells = "".join(
            f'<td class="number">{text(format_ns(getattr(report, f"{name}_latency_{key}")))}</td>' for _, key in keys
        )
        rows += f'<tr><th scope="row"><i class="swatch {name}"></i>{name}</th>{cells}</tr>'
    return f'<table class="compact"><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _fragmentation_table(report: MemoryProfilerReport) -> str:
    metrics = report.fragmentation
    rows: list[tuple[str, str, str]] = [
        ("utilization", format_percent(metrics.utilization), "utilization"),
        ("committed", format_bytes(metrics.committed_bytes), "committed_bytes"),
        ("largest free block", format_bytes(metrics.largest_free_block), "largest_free_block"),
        ("free blocks", format_count(metrics.free_block_count), "free_block_count"),
        ("resident now", format_bytes(report.resident_bytes), ""),
        ("resident, highest", format_bytes(report.peak_resident_bytes), ""),
    ]
    body = "".join(
        f'<tr><th scope="row" title="{text(metrics.sources.get(key, ""))}">{name}</th><td'
        f' class="number">{text(value)}</td></tr>'
        for name, value, key in rows
    )
    sources = "; ".join(f"{name.replace('_', ' ')}: {source}" for name, source in metrics.sources.items())
    told = f"<details><summary>Where these come from</summary>{text(sources, 1200)}</details>" if sources else ""
    return f'<table class="compact"><tbody>{body}</tbody></table>{told}'


def _leak_section(report: MemoryProfilerReport) -> str:
    if report.leaked_bytes is None:
        body = (
            '<p class="empty">Leaks were not looked for. Enable with detect_leaks=True, and capture_stacks=True for the'
            " lines.</p>"
        )
    else:
        sites = leak_lines(report)
        if not sites:
            body = '<p class="empty">No leaked blocks.</p>'
        else:
            total = max(report.leaked_bytes, sum(site.bytes for site in sites), 1)
            rows = "".join(
                _leak_row(site, total, opened=index == 0) for index, site in enumerate(sites[:MAX_LEAK_ROWS])
            )
            body = (
                '<table class="leaks"><thead><tr><th>Allocated at</th><th>Function</th><th'
                ' class="number">Bytes</th><th class="number">Blocks</th><th class="number">Mean</th><th'
                f' class="share">Share of leaked bytes</th></tr></thead><tbody>{rows}</tbody></table>'
            )
            if len(sites) > MAX_LEAK_ROWS:
                rest = sites[MAX_LEAK_ROWS:]
                body += (
                    f'<p class="caption">{len(rest):,} smaller sites with'
                    f" {text(format_bytes(sum(site.bytes for site in rest)))} are not listed.</p>"
                )
        lines = []
        if report.leaks_omitted:
            lines.append(
                f"The list of single blocks leaves out {format_count(report.leaks_omitted)}; the bytes count all of"
                " them."
            )
        if report.interpreter_held_bytes:
            blocks = (
                f" in {format_count(report.interpreter_held_count)} blocks"
                if report.interpreter_held_count is not None
                else ""
            )
            lines.append(
                f"Not counted as leaked: {format_bytes(report.interpreter_held_bytes)}{blocks} that the interpreter"
                " holds for itself (caches, free lists, imported code)."
            )
        body += "".join(f'<p class="caption">{text(line)}</p>' for line in lines)
    return f'<section id="leaks" class="panel"><h2>Leak sites{_mark(report, "leaked_bytes")}</h2>{body}</section>\n'


def _leak_row(site: AllocationSite, total: int, *, opened: bool) -> str:
    frame = blame(site.stack_trace)
    location = text(short_location(frame), 70)
    if len(site.stack_trace) > 1:
        stack = "".join(f"<li>{text(line, 200)}</li>" for line in site.stack_trace[:MAX_STACK_FRAMES])
        more = len(site.stack_trace) - MAX_STACK_FRAMES
        stack += f"<li>… {more} more frames</li>" if more > 0 else ""
        location = f"<details{' open' if opened else ''}><summary>{location}</summary><ol>{stack}</ol></details>"
    function = text(frame.function, 60) if parse_frame(site.stack_trace[0] if site.stack_trace else "").file else ""
    share = site.bytes / total
    return (
        f'<tr><td class="code">{location}</td><td class="code">{function}</td><td'
        f' class="number">{text(format_bytes(site.bytes))}</td><td'
        f' class="number">{text(format_count(site.count))}</td><td'
        f' class="number">{text(format_bytes(site.bytes / max(site.count, 1)))}</td><td class="share"><span'
        f' class="bar"><i style="width:{min(share, 1) * 100:.1f}%"></i></span>{text(format_percent(share))}</td></tr>'
    )


def _domain_section(report: MemoryProfilerReport) -> str:
    if not report.domains:
        body = '<p class="empty">The allocator domains were not told apart.</p>'
    else:
        columns: list[tuple[str, str, Callable[[float | None], str]]] = [
            ("Allocations", "alloc_count", format_count),
            ("Frees", "free_count", format_count),
            ("Allocated", "alloc_bytes", format_bytes),
            ("Live", "current_allocated", format_bytes),
            ("Live blocks", "current_block_bytes", format_bytes),
        ]
        head = "".join(f'<th class="number">{title}</th>' for title, _, _ in columns)
        rows = ""
        for name, domain in report.domains.items():
            cells = "".join(
                f'<td class="number">{text(form(getattr(domain, field)))}</td>' for _, field, form in columns
            )
            rows += (
                f'<tr><th scope="row" title="{text(_DOMAIN_MEANING.get(name, ""))}">{text(name, 24)}</th>{cells}</tr>'
            )
        body = f"<table><thead><tr><th>Domain</th>{head}</tr></thead><tbody>{rows}</tbody></table>"
        body += (
            "<p class=\"caption\">raw, mem and object are Python's allocator domains; runtime is this library's own;"
            " sqlite is SQLite on it. Live blocks include padding.</p>"
        )
    totals = [
        ("Allocations", format_count(report.alloc_count), "alloc_count"),
        ("Frees", format_count(report.free_count), "free_count"),
        ("Bytes allocated", format_bytes(report.alloc_bytes), "alloc_bytes"),
        ("Bytes freed", format_bytes(report.free_bytes), "free_bytes"),
        ("Still allocated", format_bytes(report.current_allocated), "current_allocated"),
        ("Frees of older blocks", format_count(report.untracked_free_count), "untracked_free_count"),
        ("Failed allocations", format_count(report.failed_alloc_count), "failed_alloc_count"),
        ("Lost events", format_count(report.dropped_records), "dropped_records"),
    ]
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td class="number">{text(value)}</td><td>{_mark(report, field)}</td></tr>'
        for name, value, field in totals
    )
    body += f'<h3>Totals</h3><table class="compact"><tbody>{rows}</tbody></table>'
    return f'<section id="domains" class="panel"><h2>Allocator domains{_mark(report, "domains")}</h2>{body}</section>\n'


_DOMAIN_MEANING = {
    "runtime": "what the containers and the C library of this package allocate",
    "raw": "PyMem_RawMalloc: memory that needs no thread state",
    "mem": "PyMem_Malloc: buffers such as a list's items",
    "object": "PyObject_Malloc: Python objects",
    "sqlite": "what SQLite takes from this library's allocators",
}


def _sampling_rows(report: MemoryProfilerReport) -> str:
    """Rows for the environment's table: how the allocations were chosen, and the standard errors."""
    sampling = report.sampling
    if sampling.mode == "exact":
        return ""
    errors = "".join(
        '<tr><th scope="row">±'
        f" {text(name.replace('_', ' '), 40)}</th><td>{text(_error(report, name, error))}</td></tr>"
        for name, error in sampling.standard_error.items()
    )
    chosen = (
        f"each with probability {sampling.rate:g}"
        if sampling.mode == "rate"
        else f"one every {format_bytes(sampling.interval)} on average"
    )
    return (
        f'<tr><th scope="row">sampled</th><td>{text(chosen)}; {text(format_count(sampling.samples))}'
        f" samples</td></tr>{errors}"
    )


def _error(report: MemoryProfilerReport, name: str, error: float) -> str:
    value = getattr(report, name, None)
    shown = format_bytes(error) if "bytes" in name or "allocated" in name else format_count(error)
    return f"{shown} ({format_percent(error / value)})" if isinstance(value, (int, float)) and value > 0 else shown
