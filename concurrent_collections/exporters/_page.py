"""What the HTML pages share: the document around the sections, and the parts that sections are made of.

One file holds all that a page needs and works without a network; the figures are drawn by plotly.js, which is in it
once. Text of the profiled program goes through :func:`text`, which escapes it. A content security policy names the
hashes of the page's own scripts: nothing else runs and nothing is fetched, even if an escape were missing.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any

from ._format import display
from ._require import require
from .figures.plot import Figure
from .findings import Recommendation, Verdict
from .theme import css_variables

__all__ = [
    "Page",
    "about_section",
    "card",
    "document",
    "figure_section",
    "more",
    "program",
    "recommendation_section",
    "script_json",
    "summary_section",
    "text",
]

MAX_ENVIRONMENT = 60
MAX_NOTES = 50
MAX_TEXT = 300


def text(value: object, limit: int | None = MAX_TEXT) -> str:
    """Text of the profiled program as HTML: one line, shortened, escaped for elements and attributes."""
    return html.escape(display(value, limit))


# The document ---------------------------------------------------------------------------------------------------------


@dataclass
class Page:
    """What a page of one kind of report is made of.

    ``title`` heads it, ``environment`` and ``start`` are the report's. ``facts`` stand in the bar at the top, ``links``
    are titles by the id of a section. ``figures`` have a section each (:func:`figure_section`); ``sections`` are HTML.
    """

    title: str
    environment: Mapping[str, Any]
    start: datetime
    facts: list[str]
    links: dict[str, str]
    figures: Mapping[str, Figure | str]
    sections: list[str]


def document(page: Page) -> Iterator[str]:
    """The page in pieces. Raises ModuleNotFoundError without plotly."""
    plotly = _plotly_js()
    script = _static("report.js")
    drawn = {
        name: {"data": figure.data, "layout": figure.layout, "height": figure.height}
        for name, figure in page.figures.items()
        if isinstance(figure, Figure)
    }
    policy = (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
        f"script-src {_hash(plotly)} {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    yield '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield (
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer"'
        ' content="no-referrer">'
    )
    yield f"<title>{text(f'{page.title} – {display(program(page.environment), 80)}', 100)}</title>"
    yield '<link rel="icon" href="data:,">'
    yield f"<style>{css_variables()}{_static('report.css')}</style></head>\n<body>\n"
    yield _header(page)
    yield (
        '<main>\n<noscript><p class="note">The figures need JavaScript; the sentence, the numbers and the tables do'
        " not.</p></noscript>\n"
    )
    yield from page.sections
    yield "</main>\n"
    yield f'<script type="application/json" id="figures">{script_json(drawn)}</script>\n'
    yield f"<script>{plotly}</script>\n<script>{script}</script>\n</body></html>\n"


def _plotly_js() -> str:
    """plotly.js as it ships in the wheel. ``import plotly`` would load numpy and pandas where they are installed;
    this does not."""
    require("plotly")
    try:
        source = pkgutil.get_data("plotly", "package_data/plotly.min.js")
    except OSError:
        source = None
    if source is None:
        raise ModuleNotFoundError(
            "the HTML report needs plotly.min.js, which the plotly that is installed lacks: "
            "pip install --force-reinstall plotly",
            name="plotly",
        )
    # The same text, wherever it would end the element or change how the parser reads it.
    return source.decode("utf-8").replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _static(name: str) -> str:
    return resources.files(__package__).joinpath("static", name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def script_json(value: Any) -> str:
    """JSON that cannot end a script element, whatever its strings hold."""
    dumped = json.dumps(_finite_tree(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return dumped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _finite_tree(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite_tree(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite_tree(item) for item in value]
    return value


# Parts ----------------------------------------------------------------------------------------------------------------


def program(environment: Mapping[str, Any]) -> str:
    """What was profiled, as far as the report's environment tells."""
    for key in ("command_line", "command", "argv", "program"):
        value = environment.get(key)
        if value:
            return _plain(value)
    return "this process"


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _header(page: Page) -> str:
    """The bar at the top: what the page is, of which program, since when."""
    started = page.start if page.start.tzinfo is not None else page.start.astimezone()
    told = " · ".join(text(fact) for fact in (started.strftime("%Y-%m-%d %H:%M:%S %Z"), *page.facts))
    navigation = "".join(f'<a href="#{anchor}">{name}</a>' for anchor, name in page.links.items())
    of = program(page.environment)
    return (
        f'<header><div><div class="title"><h1>{page.title}</h1><code class="program"'
        f' title="{text(of)}">{text(of, 90)}</code></div><span'
        f' class="facts">{told}</span></div><nav>{navigation}<button type="button" id="theme" title="Switch between'
        ' light and dark">Dark</button></nav></header>\n'
    )


def card(title: str, value: str, detail: str, mark: str = "", level: str = "") -> str:
    """One figure of the summary; ``mark`` is HTML that stands beside the title."""
    number, _, unit = value.rpartition(" ")
    shown = f"{text(number)}<small> {text(unit)}</small>" if number and not unit[:1].isdigit() else text(value)
    return (
        f'<div class="card {level}"><h2>{text(title)}{mark}</h2><p class="value">{shown}</p><p'
        f' class="detail">{text(detail)}</p></div>'
    )


def summary_section(verdict: Verdict, cards: Sequence[str]) -> str:
    """The sentence and the figures beneath it."""
    return (
        f'<section id="summary"><p class="verdict {verdict.level}">{text(verdict.sentence, 600)}</p>'
        f'<div class="cards">{"".join(cards)}</div></section>\n'
    )


def more(count: int, what: str) -> str:
    """The line beneath a table that says how much it leaves out; nothing where that is nothing."""
    return f'<p class="caption">{count:,} more {what} are not listed.</p>' if count > 0 else ""


def figure_section(name: str, title: str, figure: Figure | str, captions: Iterable[str] = ()) -> str:
    """A figure with lines of HTML and its own captions beneath it, or the text that stands in its place."""
    if isinstance(figure, str):
        return (
            f'<section id="{name}" class="panel"><h2>{text(title)}</h2><p class="empty">{text(figure)}</p></section>\n'
        )
    caption = "".join(f'<p class="caption">{caption}</p>' for caption in (*captions, *map(text, figure.captions)))
    return (
        f'<section id="{name}" class="panel"><h2>{text(title)}</h2><div class="plot" id="plot-{name}" role="img"'
        f' aria-label="{text(figure.description, 400)}" style="height:{figure.height}px"></div>{caption}</section>\n'
    )


def recommendation_section(recommendations: Sequence[Recommendation]) -> str:
    """What the rules found, or that they found nothing."""
    if not recommendations:
        body = '<p class="empty">Nothing stands out: no rule found anything to improve.</p>'
    else:
        body = '<ol class="advice">' + "".join(_recommendation(item) for item in recommendations) + "</ol>"
    return f'<section id="recommendations" class="panel"><h2>Recommendations</h2>{body}</section>\n'


def _recommendation(item: Recommendation) -> str:
    evidence = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in item.evidence)
    return (
        f'<li class="{item.severity}"><span'
        f' class="badge">{item.severity}</span><h3>{text(item.title)}</h3><p>{text(item.advice, 500)}</p>'
        f"<dl>{evidence}</dl></li>"
    )


def about_section(notes: Sequence[str], environment: Mapping[str, Any], more_rows: str = "") -> str:
    """Notes and environment, each up to a limit; ``more_rows`` is HTML for the environment's table."""
    lines = [text(note, 500) for note in notes[:MAX_NOTES]]
    if len(notes) > MAX_NOTES:
        lines.append(f"… {len(notes) - MAX_NOTES} more")
    noted = (
        "<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>"
        if lines
        else '<p class="empty">No warnings.</p>'
    )
    rows = "".join(
        f'<tr><th scope="row">{text(str(key).replace("_", " "), 40)}</th><td'
        f' class="code">{text(_plain(value))}</td></tr>'
        for key, value in list(environment.items())[:MAX_ENVIRONMENT]
    )
    if len(environment) > MAX_ENVIRONMENT:
        rows += f'<tr><th scope="row">…</th><td>{len(environment) - MAX_ENVIRONMENT} more</td></tr>'
    return (
        '<section id="about" class="panel"><div class="pair"><div><h2>Notes and'
        f" warnings</h2>{noted}</div><div><h2>Environment</h2><table"
        f' class="environment"><tbody>{rows}{more_rows}</tbody></table></div></div></section>\n'
    )
