"""The HTML page of a reclamation report."""

from __future__ import annotations

from collections.abc import Callable

from ...profiling.reclamation_report import SMRDomainStats, SMRProfilerReport, SMRThreadStats
from .._format import display, format_bytes, format_count, format_ns, format_percent, format_rate, format_seconds
from .._page import Page, about_section, card, figure_section, more, recommendation_section, summary_section, text
from ..findings import recommend
from .figures import VIEWS
from .rules import BUILD_UP, verdict

__all__ = ["MAX_DOMAIN_ROWS", "MAX_THREAD_ROWS", "page"]

MAX_DOMAIN_ROWS = 30
MAX_THREAD_ROWS = 40


def page(report: SMRProfilerReport) -> Page:
    """A sentence, six figures, the build-up over time, what to do, and the details."""
    figures = {name: view(report) for name, (_, view) in VIEWS.items()}
    sections = {
        name: figure_section(name, title, figures[name], _captions(name, report)) for name, (title, _) in VIEWS.items()
    }
    body = [
        _summary(report),
        sections["pending"],
        recommendation_section(recommend(report)),
        _thread_section(report),
        f'<div class="pair">{sections["delay"]}{_work_section(report)}</div>\n',
        _domain_section(report),
        about_section(report.notes, report.environment),
    ]
    links = {
        "pending": "Pending",
        "recommendations": "Advice",
        "threads": "Threads",
        "delay": "Delay",
        "work": "Work",
        "domains": "Domains",
        "about": "About",
    }
    schemes = sorted({domain.scheme for domain in report.domains})
    facts = [
        f"{format_seconds(report.duration_seconds)} profiled",
        f"scheme {', '.join(schemes)}" if schemes else "no domain",
    ]
    return Page("Reclamation report", report.environment, report.start_time, facts, links, figures, body)


def _summary(report: SMRProfilerReport) -> str:
    summary = verdict(report)
    level = summary.level if report.pending_bytes >= BUILD_UP else ""
    lagging = max(
        (thread for domain in report.domains for thread in domain.threads),
        key=lambda thread: thread.epoch_lag,
        default=None,
    )
    slowest = (
        display(_name(lagging), 40) if lagging is not None and lagging.epoch_lag else "no thread inside a section lags"
    )
    delay = "median" if report.delay_p99 is None else f"median; p99 {format_ns(report.delay_p99)}"
    if report.delay is None:
        delay = "track_delays=True tells it"
    elif report.delay_p50 is None:
        delay = "nothing was freed"
    cards = [
        card(
            "Pending",
            format_bytes(report.pending_bytes),
            f"{format_count(report.pending_nodes)} nodes at the end",
            level=level,
        ),
        card(
            "Highest pending",
            format_bytes(report.peak_pending_bytes),
            f"{format_count(report.peak_pending_nodes)} nodes",
        ),
        card(
            "Retired",
            format_count(report.retired_nodes),
            f"{format_rate(report.retire_rate)}, {format_bytes(report.retired_bytes)}",
        ),
        card("Retire to free", format_ns(report.delay_p50), delay),
        card("Epoch lag", format_count(report.epoch_lag), slowest),
        card(
            "Stalled threads",
            format_count(report.stalled_threads),
            f"now; {format_count(report.neutralizations)} neutralized",
            level="good" if not report.stalled_threads else summary.level,
        ),
    ]
    return summary_section(summary, cards)


def _captions(name: str, report: SMRProfilerReport) -> list[str]:
    """Lines of HTML beneath a figure."""
    if name == "pending" and len(report.timeline) > 1:
        return [
            f"{len(report.timeline):,} samples. What lies between two samples is in the summary's highest value and not"
            " in the curve."
        ]
    if name == "delay" and report.delay is not None and report.delay.samples:
        error = f"± {report.delay.relative_error * 100:.2g} % from the buckets"
        mean = format_ns(report.delay.sum_ns / report.delay.samples)
        share = format_percent(min(1.0, report.delay.samples / max(report.reclaimed_nodes, 1)))
        return [text(f"{format_count(report.delay.samples)} frees timed ({share} of all); mean {mean}; {error}.")]
    return []


def _name(thread: SMRThreadStats) -> str:
    return thread.thread_name or f"thread {thread.thread_id}"


def _table(head: list[tuple[str, str]], rows: str) -> str:
    cells = "".join(f'<th class="{kind}">{title}</th>' if kind else f"<th>{title}</th>" for title, kind in head)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>"


def _thread_section(report: SMRProfilerReport) -> str:
    pairs = [(domain, thread) for domain in report.domains if domain.alive for thread in domain.threads]
    pairs.sort(key=lambda pair: (-pair[1].stalled, -pair[1].epoch_lag, -pair[1].pending_bytes))
    if not pairs:
        body = '<p class="empty">No thread uses a domain now.</p>'
    else:
        total = max(sum(thread.pending_bytes for _, thread in pairs), 1)
        rows = "".join(_thread_row(domain, thread, total) for domain, thread in pairs[:MAX_THREAD_ROWS])
        head = [
            ("Thread", ""),
            ("Domain", ""),
            ("State", ""),
            ("Epoch lag", "number"),
            ("Neutralized", "number"),
            ("Pending nodes", "number"),
            ("Pending", "number"),
            ("Share of what threads hold", "share"),
        ]
        body = _table(head, rows) + more(len(pairs) - MAX_THREAD_ROWS, "threads")
        body += (
            '<p class="caption">Pending is what the thread itself retired; which thread holds it back shows in the'
            " epoch lag.</p>"
        )
    return f'<section id="threads" class="panel"><h2>Threads</h2>{body}</section>\n'


def _thread_row(domain: SMRDomainStats, thread: SMRThreadStats, total: int) -> str:
    share = min(thread.pending_bytes / total, 1.0)
    state = "stalled" if thread.stalled else "in a section" if thread.inside else "outside"
    shown = f'<span class="mark stalled">{state}</span>' if thread.stalled else state
    return (
        f'<tr><th scope="row">{text(_name(thread), 40)}</th><td>{text(domain.name, 40)}</td><td>{shown}</td><td'
        f' class="number">{text(format_count(thread.epoch_lag))}</td><td'
        f' class="number">{text(format_count(thread.neutralizations))}</td><td'
        f' class="number">{text(format_count(thread.pending_nodes))}</td><td'
        f' class="number">{text(format_bytes(thread.pending_bytes))}</td><td class="share"><span class="bar"><i'
        f' style="width:{share * 100:.1f}%"></i></span>{text(format_percent(share))}</td></tr>'
    )


def _work_section(report: SMRProfilerReport) -> str:
    per_scan = report.reclaimed_nodes / report.scans if report.scans else None
    rows = [
        ("Retired", format_count(report.retired_nodes), "nodes that were unlinked and handed over"),
        ("Reclaimed", format_count(report.reclaimed_nodes), "nodes that were freed"),
        ("Polls", format_count(report.polls), "attempts to free some"),
        ("Scans", format_count(report.scans), "looks at all threads' reservations"),
        ("Freed a scan", format_count(None if per_scan is None else round(per_scan)), "nodes, on average"),
        ("Barriers", format_count(report.barriers), "process-wide memory barriers, which sections are spared"),
        ("Signals", format_count(report.signals), "sent to threads that lagged (debra)"),
        ("Neutralizations", format_count(report.neutralizations), "searches that were interrupted"),
        ("Fallbacks", format_count(report.fallbacks), "signals without an answer: the thread was waited for"),
    ]
    body = "".join(
        f'<tr><th scope="row">{name}</th><td class="number">{text(value)}</td><td>{meaning}</td></tr>'
        for name, value, meaning in rows
    )
    return (
        '<section id="work" class="panel"><h2>What reclaiming took</h2><table'
        f' class="compact"><tbody>{body}</tbody></table></section>\n'
    )


def _domain_section(report: SMRProfilerReport) -> str:
    if not report.domains:
        body = '<p class="empty">No domain existed while profiling.</p>'
    else:
        columns: list[tuple[str, str, Callable[[float | None], str]]] = [
            ("Retired", "retired_nodes", format_count),
            ("Reclaimed", "reclaimed_nodes", format_count),
            ("Pending nodes", "pending_nodes", format_count),
            ("Pending", "pending_bytes", format_bytes),
            ("Highest", "peak_pending_bytes", format_bytes),
            ("Epoch", "epoch", format_count),
            ("Lag", "epoch_lag", format_count),
            ("Stalled", "stalled_threads", format_count),
        ]
        ranked = sorted(report.domains, key=lambda domain: (-domain.pending_bytes, -domain.retired_nodes))
        rows = ""
        for domain in ranked[:MAX_DOMAIN_ROWS]:
            cells = "".join(
                f'<td class="number">{text(form(getattr(domain, field)))}</td>' for _, field, form in columns
            )
            gone = "" if domain.alive else ' <span class="mark">destroyed</span>'
            rows += f'<tr><th scope="row">{text(domain.name, 40)}{gone}</th><td>{domain.scheme}</td>{cells}</tr>'
        head = [("Domain", ""), ("Scheme", ""), *((title, "number") for title, _, _ in columns)]
        body = _table(head, rows) + more(len(ranked) - MAX_DOMAIN_ROWS, "domains")
    return f'<section id="domains" class="panel"><h2>Domains</h2>{body}</section>\n'
