"""The HTML report: one file that holds all it needs and works without a network.

The page is read from top to bottom: a sentence, six figures, what to do about it, then the views. What is text and
tables is plain HTML, made here; the figures are drawn by plotly.js, which is in the file once. Everything from the
profiled program is escaped, and a content security policy names the hashes of the page's own scripts: nothing else
runs and nothing is fetched, even if an escape were missing.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import resources
from typing import Any

from ..report import AllocationSite, MemoryProfilerReport
from ._files import StrPath, write_text
from ._format import display, finite, format_bytes, format_count, format_ns, format_percent, format_rate, format_seconds
from .figures import VIEWS, Figure, latency_caption
from .recommendations import NEGLIGIBLE_LEAK, Recommendation, recommend, verdict
from .sites import blame, leak_lines, parse_frame, short_location
from .theme import css_variables

__all__ = ["MAX_LEAK_ROWS", "render_html", "write_html"]

MAX_LEAK_ROWS = 20
MAX_STACK_FRAMES = 40
MAX_NOTES = 50
MAX_TEXT = 300


def write_html(report: MemoryProfilerReport, path: StrPath) -> None:
    """Write the page to ``path`` as a whole or not at all. Raises OSError, or ModuleNotFoundError without plotly."""
    write_text(path, _page(report))


def render_html(report: MemoryProfilerReport) -> str:
    """The page as text. Raises ModuleNotFoundError without plotly."""
    return "".join(_page(report))


# The page -------------------------------------------------------------------------------------------------------------


def _page(report: MemoryProfilerReport) -> Iterator[str]:
    plotly = _plotly_js()
    script = _static("report.js")
    figures: dict[str, Any] = {}
    sections: dict[str, str] = {}
    for name, (title, view) in VIEWS.items():
        figure = view(report)
        if isinstance(figure, Figure):
            figures[name] = {"data": figure.data, "layout": figure.layout, "height": figure.height}
        sections[name] = _figure_section(name, title, figure, _captions(name, report))
    policy = (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
        f"script-src {_hash(plotly)} {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    yield '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">'
    yield f"<title>Memory report – {_text(_program(report), 80)}</title>"
    yield '<link rel="icon" href="data:,">'
    yield f"<style>{css_variables()}{_static('report.css')}</style></head>\n<body>\n"
    yield _header(report)
    yield '<main>\n<noscript><p class="note">The figures need JavaScript; the sentence, the numbers and the tables do not.</p></noscript>\n'
    yield _summary(report)
    yield sections["timeline"]
    yield _recommendation_section(recommend(report))
    yield sections["flame"]
    yield _leak_section(report)
    yield f'<div class="pair wide-left">{sections["latency"]}{sections["fragmentation"]}</div>\n'
    yield f'<div class="pair">{sections["sizes"]}{_domain_section(report)}</div>\n'
    yield f'<div class="pair">{sections["threads"]}{sections["flow"]}</div>\n'
    yield _about_section(report)
    yield "</main>\n"
    yield f'<script type="application/json" id="figures">{_script_json(figures)}</script>\n'
    yield f"<script>{plotly}</script>\n<script>{script}</script>\n</body></html>\n"


def _plotly_js() -> str:
    """plotly.js as it ships in the wheel. ``import plotly`` would load numpy and pandas where they are installed;
    this does not."""
    try:
        source = pkgutil.get_data("plotly", "package_data/plotly.min.js")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("the HTML report needs plotly: pip install plotly", name="plotly") from error
    assert source is not None
    # The same text, wherever it would end the element or change how the parser reads it.
    return source.decode("utf-8").replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _static(name: str) -> str:
    return resources.files(__package__).joinpath("static", name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _script_json(value: Any) -> str:
    """JSON that cannot end a script element, whatever its strings hold."""
    text = json.dumps(_finite_tree(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _finite_tree(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite_tree(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite_tree(item) for item in value]
    return value


def _text(value: object, limit: int | None = MAX_TEXT) -> str:
    """Text of the profiled program as HTML: one line, shortened, escaped for elements and attributes."""
    return html.escape(display(value, limit))


# Parts ----------------------------------------------------------------------------------------------------------------


def _program(report: MemoryProfilerReport) -> str:
    for key in ("command_line", "command", "argv", "program"):
        value = report.environment.get(key)
        if value:
            return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return "this process"


def _header(report: MemoryProfilerReport) -> str:
    started = report.start_time if report.start_time.tzinfo is not None else report.start_time.astimezone()
    mode = {"exact": "every allocation counted", "rate": "sampled by count", "bytes": "sampled by bytes"}[
        report.sampling.mode
    ]
    facts = [started.strftime("%Y-%m-%d %H:%M:%S %Z"), f"{format_seconds(report.duration_seconds)} profiled", mode]
    links = [
        ("timeline", "Timeline"),
        ("recommendations", "Advice"),
        ("flame", "Flame graph"),
        ("leaks", "Leaks"),
        ("latency", "Latency"),
    ]
    links += [("sizes", "Sizes"), ("threads", "Threads"), ("flow", "Flow"), ("about", "About")]
    navigation = "".join(f'<a href="#{anchor}">{title}</a>' for anchor, title in links)
    return (
        f'<header><div><div class="title"><h1>Memory report</h1><code class="program" title="{_text(_program(report))}">{_text(_program(report), 90)}</code></div>'
        f'<span class="facts">{" · ".join(_text(fact) for fact in facts)}</span></div>'
        f'<nav>{navigation}<button type="button" id="theme" title="Switch between light and dark">Dark</button></nav></header>\n'
    )


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


def _card(title: str, value: str, detail: str, mark: str = "", level: str = "") -> str:
    number, _, unit = value.rpartition(" ")
    shown = f"{_text(number)}<small> {_text(unit)}</small>" if number and not unit[:1].isdigit() else _text(value)
    return f'<div class="card {level}"><h2>{_text(title)}{mark}</h2><p class="value">{shown}</p><p class="detail">{_text(detail)}</p></div>'


def _summary(report: MemoryProfilerReport) -> str:
    summary = verdict(report)
    at = (
        f"{format_seconds(report.peak_time)} after the start"
        if finite(report.peak_time) is not None
        else "highest of the whole run"
    )
    cards = [_card("Peak", format_bytes(report.peak_allocated), at, _mark(report, "peak_allocated"))]
    if report.leaked_bytes is not None:
        level = summary.level if report.leaked_bytes >= NEGLIGIBLE_LEAK else "good"
        blocks = (
            f"{format_count(report.leaked_count)} blocks never freed"
            if report.leaked_count is not None
            else "never freed"
        )
        cards.append(_card("Leaked", format_bytes(report.leaked_bytes), blocks, _mark(report, "leaked_bytes"), level))
    else:
        cards.append(
            _card(
                "Still allocated",
                format_bytes(report.current_allocated),
                "at the end; leaks not looked for",
                _mark(report, "current_allocated"),
            )
        )
    rate = format_rate(report.alloc_rate)
    if finite(report.bytes_rate) is not None:
        rate += f", {format_bytes(report.bytes_rate)}/s"
    cards.append(_card("Allocations", format_count(report.alloc_count), rate, _mark(report, "alloc_count")))
    if report.alloc_latency_p50 is None:
        cards.append(_card("Alloc latency", "–", "track_latency=True tells it"))
    else:
        tail = f"median; p99 {format_ns(report.alloc_latency_p99)}"
        cards.append(
            _card(
                "Alloc latency",
                format_ns(report.alloc_latency_p50),
                tail,
                _mark(report, "alloc_latency_p50", "alloc_latency_p99"),
            )
        )
    percentage = finite(report.cross_thread_free_pct)
    if percentage is None or report.cross_thread_free_count is None:
        cards.append(_card("Cross-thread", "–", "track_cross_thread=True tells them"))
    else:
        count = f"{format_count(report.cross_thread_free_count)} of {format_count(report.free_count)} frees"
        cards.append(
            _card(
                "Cross-thread",
                format_percent(percentage / 100),
                count,
                _mark(report, "cross_thread_free_count", "cross_thread_free_pct"),
            )
        )
    cards.append(_fragmentation_card(report))
    return (
        f'<section id="summary"><p class="verdict {summary.level}">{_text(summary.sentence, 600)}</p>'
        f'<div class="cards">{"".join(cards)}</div></section>\n'
    )


def _fragmentation_card(report: MemoryProfilerReport) -> str:
    internal, external = (
        finite(report.fragmentation.internal_fragmentation),
        finite(report.fragmentation.external_fragmentation),
    )
    mark = _mark(report, "fragmentation")
    if internal is None and external is None:
        return _card("Fragmentation", "–", "no heap could be read", mark)
    if internal is None:
        return _card("Fragmentation", format_percent(external), "free memory between blocks", mark)
    detail = "padding inside blocks" + (f"; {format_percent(external)} between" if external is not None else "")
    return _card("Fragmentation", format_percent(internal), detail, mark)


def _figure_section(name: str, title: str, figure: Figure | str, captions: Iterable[str] = ()) -> str:
    if isinstance(figure, str):
        return f'<section id="{name}" class="panel"><h2>{_text(title)}</h2><p class="empty">{_text(figure)}</p></section>\n'
    caption = "".join(f'<p class="caption">{caption}</p>' for caption in captions)
    return (
        f'<section id="{name}" class="panel"><h2>{_text(title)}</h2>'
        f'<div class="plot" id="plot-{name}" role="img" aria-label="{_text(figure.description, 400)}" style="height:{figure.height}px"></div>{caption}</section>\n'
    )


def _captions(name: str, report: MemoryProfilerReport) -> list[str]:
    """Lines of HTML beneath a figure."""
    if name == "timeline" and report.peak_error_bytes:
        return [
            f"The peak is exact to within {_text(format_bytes(report.peak_error_bytes))}: each thread adds up a little before it is counted in."
        ]
    if name == "latency" and report.latency is not None:
        return [_percentile_table(report), _text(latency_caption(report.latency))]
    if name == "flame":
        held = report.interpreter_held_bytes
        grey = f" ({_text(format_bytes(held))})" if held is not None else ""
        return [
            f"Width is bytes still allocated; callers above, callees below; click to zoom. Colours tell files apart; grey is what the interpreter holds for itself{grey}."
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
            f'<td class="number">{_text(format_ns(getattr(report, f"{name}_latency_{key}")))}</td>' for _, key in keys
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
        f'<tr><th scope="row" title="{_text(metrics.sources.get(key, ""))}">{name}</th><td class="number">{_text(value)}</td></tr>'
        for name, value, key in rows
    )
    sources = "; ".join(f"{name.replace('_', ' ')}: {source}" for name, source in metrics.sources.items())
    told = f"<details><summary>Where these come from</summary>{_text(sources, 1200)}</details>" if sources else ""
    return f'<table class="compact"><tbody>{body}</tbody></table>{told}'


def _recommendation_section(recommendations: Sequence[Recommendation]) -> str:
    if not recommendations:
        body = '<p class="empty">Nothing stands out: no rule found anything to improve.</p>'
    else:
        body = '<ol class="advice">' + "".join(_recommendation(item) for item in recommendations) + "</ol>"
    return f'<section id="recommendations" class="panel"><h2>Recommendations</h2>{body}</section>\n'


def _recommendation(item: Recommendation) -> str:
    evidence = "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in item.evidence)
    return f'<li class="{item.severity}"><span class="badge">{item.severity}</span><h3>{_text(item.title)}</h3><p>{_text(item.advice, 500)}</p><dl>{evidence}</dl></li>'


def _leak_section(report: MemoryProfilerReport) -> str:
    if report.leaked_bytes is None:
        body = '<p class="empty">Leaks were not looked for. Enable with detect_leaks=True, and capture_stacks=True for the lines.</p>'
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
                '<table class="leaks"><thead><tr><th>Allocated at</th><th>Function</th><th class="number">Bytes</th><th class="number">Blocks</th>'
                f'<th class="number">Mean</th><th class="share">Share of leaked bytes</th></tr></thead><tbody>{rows}</tbody></table>'
            )
            if len(sites) > MAX_LEAK_ROWS:
                rest = sites[MAX_LEAK_ROWS:]
                body += f'<p class="caption">{len(rest):,} smaller sites with {_text(format_bytes(sum(site.bytes for site in rest)))} are not listed.</p>'
        lines = []
        if report.leaks_omitted:
            lines.append(
                f"The list of single blocks leaves out {format_count(report.leaks_omitted)}; the bytes count all of them."
            )
        if report.interpreter_held_bytes:
            blocks = (
                f" in {format_count(report.interpreter_held_count)} blocks"
                if report.interpreter_held_count is not None
                else ""
            )
            lines.append(
                f"Not counted as leaked: {format_bytes(report.interpreter_held_bytes)}{blocks} that the interpreter holds for itself (caches, free lists, imported code)."
            )
        body += "".join(f'<p class="caption">{_text(line)}</p>' for line in lines)
    return f'<section id="leaks" class="panel"><h2>Leak sites{_mark(report, "leaked_bytes")}</h2>{body}</section>\n'


def _leak_row(site: AllocationSite, total: int, *, opened: bool) -> str:
    frame = blame(site.stack_trace)
    location = _text(short_location(frame), 70)
    if len(site.stack_trace) > 1:
        stack = "".join(f"<li>{_text(line, 200)}</li>" for line in site.stack_trace[:MAX_STACK_FRAMES])
        more = len(site.stack_trace) - MAX_STACK_FRAMES
        stack += f"<li>… {more} more frames</li>" if more > 0 else ""
        location = f"<details{' open' if opened else ''}><summary>{location}</summary><ol>{stack}</ol></details>"
    function = _text(frame.function, 60) if parse_frame(site.stack_trace[0] if site.stack_trace else "").file else ""
    share = site.bytes / total
    return (
        f'<tr><td class="code">{location}</td><td class="code">{function}</td><td class="number">{_text(format_bytes(site.bytes))}</td>'
        f'<td class="number">{_text(format_count(site.count))}</td><td class="number">{_text(format_bytes(site.bytes / max(site.count, 1)))}</td>'
        f'<td class="share"><span class="bar"><i style="width:{min(share, 1) * 100:.1f}%"></i></span>{_text(format_percent(share))}</td></tr>'
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
                f'<td class="number">{_text(form(getattr(domain, field)))}</td>' for _, field, form in columns
            )
            rows += (
                f'<tr><th scope="row" title="{_text(_DOMAIN_MEANING.get(name, ""))}">{_text(name, 24)}</th>{cells}</tr>'
            )
        body = f"<table><thead><tr><th>Domain</th>{head}</tr></thead><tbody>{rows}</tbody></table>"
        body += "<p class=\"caption\">raw, mem and object are Python's allocator domains; runtime is this library's own; sqlite is SQLite on it. Live blocks include padding.</p>"
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
        f'<tr><th scope="row">{name}</th><td class="number">{_text(value)}</td><td>{_mark(report, field)}</td></tr>'
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


def _about_section(report: MemoryProfilerReport) -> str:
    notes = [_text(note, 500) for note in report.notes[:MAX_NOTES]]
    if len(report.notes) > MAX_NOTES:
        notes.append(f"… {len(report.notes) - MAX_NOTES} more")
    noted = (
        "<ul>" + "".join(f"<li>{note}</li>" for note in notes) + "</ul>"
        if notes
        else '<p class="empty">No warnings.</p>'
    )
    rows = "".join(
        f'<tr><th scope="row">{_text(str(key).replace("_", " "), 40)}</th><td class="code">{_text(_plain(value))}</td></tr>'
        for key, value in list(report.environment.items())[:60]
    )
    sampling = report.sampling
    if sampling.mode != "exact":
        errors = "".join(
            f'<tr><th scope="row">± {_text(name.replace("_", " "), 40)}</th><td>{_text(_error(report, name, error))}</td></tr>'
            for name, error in list(sampling.standard_error.items())[:40]
        )
        chosen = (
            f"each with probability {sampling.rate:g}"
            if sampling.mode == "rate"
            else f"one every {format_bytes(sampling.interval)} on average"
        )
        rows += f'<tr><th scope="row">sampled</th><td>{_text(chosen)}; {_text(format_count(sampling.samples))} samples</td></tr>{errors}'
    return (
        f'<section id="about" class="panel"><div class="pair"><div><h2>Notes and warnings</h2>{noted}</div>'
        f'<div><h2>Environment</h2><table class="environment"><tbody>{rows}</tbody></table></div></div></section>\n'
    )


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _error(report: MemoryProfilerReport, name: str, error: float) -> str:
    value = getattr(report, name, None)
    shown = format_bytes(error) if "bytes" in name or "allocated" in name else format_count(error)
    return f"{shown} ({format_percent(error / value)})" if isinstance(value, (int, float)) and value > 0 else shown
