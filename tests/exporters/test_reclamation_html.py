"""The page of a reclamation report: the build-up and the thread that causes it are seen, and nothing breaks out."""

from __future__ import annotations

import json
import re

import pytest
import sample_smr_reports
from exporter_tools import own_part, shown_text

from concurrent_collections.exporters.figures.plot import Figure
from concurrent_collections.exporters.html import render_html, write_html
from concurrent_collections.exporters.reclamation.figures import VIEWS
from concurrent_collections.exporters.reclamation.page import MAX_DOMAIN_ROWS, MAX_THREAD_ROWS
from concurrent_collections.exporters.theme import COLORS
from concurrent_collections.smr_report import SMRThreadStats, SMRTimelinePoint

REPORTS = ["stalled", "healthy", "empty", "hostile"]


def make(name):
    return getattr(sample_smr_reports, f"{name}_report")()


@pytest.fixture(scope="module")
def pages(plotly, tmp_path_factory):
    """The paths of the rendered reports, by name."""
    folder = tmp_path_factory.mktemp("pages")
    for name in REPORTS:
        write_html(make(name), folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in REPORTS}


@pytest.fixture
def shown(pages):
    return lambda name: shown_text(pages[name].read_text(encoding="utf-8"))


def test_summary_tells_the_build_up_and_its_cause(shown):
    text = shown("stalled")
    assert "At most 137 MiB were retired and not yet freed (12 s after the start)" in text
    assert "worker-3 stalled inside a section, 355 epochs behind." in text
    for card in (
        "Pending 137 MiB 2.99 M nodes at the end",
        "Retire to free 89.1 µs median; p99 1.18 ms",
        "Epoch lag 355 worker-3",
        "Stalled threads 1 now; 0 neutralized",
    ):
        assert card in text


def test_threads_and_domains_are_listed_worst_first(shown):
    text = shown("stalled")
    threads = text.partition("Share of what threads hold")[2]
    assert threads.split()[:4] == ["worker-3", "sessions", "stalled", "355"]
    domains = text.partition("Domain Scheme Retired")[2]
    assert domains.index("sessions epoch") < domains.index("routes ibr") < domains.index("import job destroyed ibr")


def test_advice_stands_on_the_page(shown):
    assert "worker-3 stays inside a section of sessions" in shown("stalled")
    assert "Nothing stands out" in shown("healthy")


def test_page_of_nothing_says_so(shown, pages):
    text = shown("empty")
    for line in (
        "Nothing was retired while profiling.",
        "No domain existed",
        "track_delays=True",
        "No timeline",
        "No thread",
    ):
        assert line in text
    assert 'class="plot"' not in pages["empty"].read_text(encoding="utf-8")


@pytest.mark.parametrize("name", REPORTS)
def test_hostile_text_cannot_end_an_element(name, pages):
    page = pages[name].read_text(encoding="utf-8")
    assert page.count("<script") == page.count("</script>") == 3
    assert "\x00" not in page and "\u202e" not in page


def test_render_gives_what_write_writes(pages):
    assert render_html(make("stalled")) == pages["stalled"].read_text(encoding="utf-8")


def test_page_of_a_huge_report_stays_small(plotly):
    report = make("stalled")
    report.timeline = [SMRTimelinePoint(i / 10, i, i, i + 7, i, i, 1.0, 1.0, i % 9, 0) for i in range(100_000)]
    row = report.domains[1].threads[0]
    report.domains[1].threads = [SMRThreadStats(**{**vars(row), "thread_id": i}) for i in range(3000)]
    report.domains += make("healthy").domains * 1000
    report.notes = ["note " * 100] * 10_000
    page = render_html(report)
    assert len(own_part(page)) < 600_000
    threads = 3000 + 4 * 1000
    assert f"{threads - MAX_THREAD_ROWS:,} more threads" in page and f"{1003 - MAX_DOMAIN_ROWS:,} more domains" in page


# The figures ----------------------------------------------------------------------------------------------------------


def figure(view, report):
    result = VIEWS[view][1](report)
    assert isinstance(result, Figure)
    return result


def test_timeline_marks_the_highest_sample():
    report = make("stalled")
    traces = {trace["name"]: trace for trace in figure("pending", report).data}
    assert traces["highest"]["x"] == [report.peak_time] and "137 MiB" in traces["highest"]["text"][0]
    assert traces["epoch lag"]["y"] == [point.epoch_lag for point in report.timeline]
    assert traces["reclaimed"]["y"][-1] == 0 < traces["retired"]["y"][-1]


def test_thinned_timeline_keeps_the_highest_point_and_lag():
    report = make("healthy")
    report.timeline = [
        SMRTimelinePoint(float(i), 1, 1024, 3 * 2**20 if i == 4321 else 1024, i, i, 1.0, 1.0, 77 if i == 6543 else 0, 0)
        for i in range(20_000)
    ]
    traces = {trace["name"]: trace for trace in figure("pending", report).data}
    assert len(traces["pending"]["y"]) <= 1500
    assert traces["highest"]["y"] == [3.0] and max(traces["epoch lag"]["y"]) == 77


def test_delay_shares_add_up_and_percentiles_are_marked():
    report = make("stalled")
    traces = {trace["name"]: trace for trace in figure("delay", report).data}
    assert sum(traces["delay"]["y"]) == pytest.approx(1)
    assert traces["delay percentiles"]["x"][0] == report.delay_p50


@pytest.mark.parametrize("name", ["stalled", "healthy", "hostile"])
@pytest.mark.parametrize("view", VIEWS)
def test_figure_is_valid_for_plotly_and_names_colors_that_exist(view, name, plotly):
    graph_objects = pytest.importorskip("plotly.graph_objects")
    result = figure(view, make(name))
    text = json.dumps([result.data, result.layout])
    assert set(re.findall(r'"@([a-z0-9-]+)"', text)) <= set(COLORS)
    data, layout = json.loads(re.sub(r'"@[a-z0-9-]+"', '"#123456"', text))
    graph_objects.Figure(data=data, layout=layout)
    assert result.description.isprintable()


# In a browser ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["stalled", "hostile"])
def test_every_view_is_drawn_without_error_or_network(name, scheme, visit):
    page = visit(name, scheme)
    drawn = page.evaluate("""() => Object.fromEntries([...document.querySelectorAll('.plot')].map(plot => {
        const box = plot.querySelector('svg.main-svg').getBoundingClientRect();
        return [plot.id, [box.width, box.height]];
    }))""")
    assert set(drawn) == {f"plot-{view}" for view in VIEWS}
    assert all(width > 300 and height > 150 for width, height in drawn.values())
    assert page.evaluate("document.querySelectorAll('#plot-pending .scatterlayer .trace').length") == 5


@pytest.mark.parametrize("name", REPORTS)
def test_page_fits_a_laptop_screen(name, visit):
    page = visit(name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    assert page.evaluate("document.querySelector('.cards').getBoundingClientRect().bottom") < 400
    spilling = page.evaluate(
        """() => [...document.querySelectorAll('.card, .advice li, .panel')]
        .filter(box => box.scrollWidth > box.clientWidth + 1)
        .map(box => box.className + ': ' + box.innerText.slice(0, 60))"""
    )
    assert spilling == []
