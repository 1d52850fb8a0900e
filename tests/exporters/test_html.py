"""The page: one offline file that shows every view in both themes, and that nothing in a report can break out of."""

from __future__ import annotations

import json
import re

import pytest
import sample_reports
from exporter_tools import own_part, shown_text

from concurrent_collections.exporters._page import script_json
from concurrent_collections.exporters.figures.plot import Figure
from concurrent_collections.exporters.html import MAX_LEAK_ROWS, render_html, write_html
from concurrent_collections.exporters.memory.figures import VIEWS
from concurrent_collections.report import (
    AllocationSite,
    CrossThreadFlow,
    SizeHistogram,
    ThreadMemoryStats,
    TimelinePoint,
)

pytestmark = pytest.mark.slow

REPORTS = ["full", "empty", "sampled", "hostile"]


def make(name):
    return getattr(sample_reports, f"{name}_report")()


@pytest.fixture(scope="module")
def pages(plotly, tmp_path_factory):
    """The paths of the rendered reports, by name."""
    folder = tmp_path_factory.mktemp("pages")
    for name in REPORTS:
        write_html(make(name), folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in REPORTS}


# The file -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
def test_page_holds_plotly_once_and_refers_to_nothing_outside(name, pages):
    page = pages[name].read_text(encoding="utf-8")
    assert page.count("* plotly.js v") == 1
    own = own_part(page)
    assert len(page.encode()) - len(own.encode()) > 1_000_000 and len(own.encode()) < 300_000
    assert (
        re.findall(r"<(?:script|img|iframe|link|object|embed)[^>]*(?:src|href)\s*=\s*['\"]?(?!data:,)[^'\"> ]+", own)
        == []
    )
    assert "@import" not in own and "url(" not in own


@pytest.mark.parametrize("name", REPORTS)
def test_hostile_text_cannot_end_an_element(name, pages):
    page = pages[name].read_text(encoding="utf-8")
    assert page.count("<script") == page.count("</script>") == 3
    assert page.isascii() is False and "\x00" not in page and "\u202e" not in page


def test_json_in_a_script_element_cannot_end_it():
    text = script_json({"a": "</script><!-- &amp; \udc80", "b": [float("nan"), float("inf"), 0.5]})
    assert not set("<>&") & set(text) and text.isascii()
    assert json.loads(text) == {"a": "</script><!-- &amp; \udc80", "b": [None, None, 0.5]}


def test_summary_answers_in_words_and_figures(pages):
    text = shown_text(pages["full"].read_text(encoding="utf-8"))
    assert "Peak 84.2 MiB after 7.83 s; 1.2 MiB leaked in 5,326 blocks, 83 % of it at example.py:93." in text
    for card in (
        "Peak exact 84.2 MiB",
        "Leaked exact 1.2 MiB",
        "Allocations exact 1.52 M",
        "Alloc latency estimate 41.4 ns median; p99 673 ns",
        "Cross-thread exact 31 %",
        "Fragmentation estimate 12 %",
    ):
        assert card in text


def test_leak_table_names_line_function_and_stack(pages):
    text = shown_text(pages["full"].read_text(encoding="utf-8"))
    assert "example.py:93 /srv/app/analytics/example.py:93 in remember" in text
    assert "example.py:131" in text and "parse_payload" in text, "the caller's line, not the json module's"
    assert "Not counted as leaked: 231 KiB in 616 blocks that the interpreter holds for itself" in text


def test_domains_notes_and_environment_are_shown(pages):
    text = shown_text(pages["full"].read_text(encoding="utf-8"))
    assert "object 1.13 M" in text and "runtime 113 k" in text
    assert "tracemalloc was started while profiling" in text
    assert "3.13.5 free-threading" in text and "gil enabled False" in text


def test_view_without_data_says_which_option_enables_it(pages):
    text = shown_text(pages["empty"].read_text(encoding="utf-8"))
    for option in (
        "track_sizes=True",
        "track_latency=True",
        "track_per_thread=True",
        "track_cross_thread=True",
        "capture_stacks=True",
        "detect_leaks=True",
    ):
        assert option in text
    assert 'class="plot"' not in pages["empty"].read_text(encoding="utf-8")


def test_estimates_say_so(pages):
    text = shown_text(pages["sampled"].read_text(encoding="utf-8"))
    assert "figures are estimates from 15.2 k samples" in text
    assert "each with probability 0.01; 15.2 k samples" in text and "± alloc count 12.3 k (0.8 %)" in text
    assert " exact " not in text.replace("The peak is exact to within", "")


def test_render_gives_what_write_writes(pages):
    assert render_html(make("full")) == pages["full"].read_text(encoding="utf-8")


def test_page_of_a_huge_report_stays_small(plotly):
    report = make("full")
    report.timeline = [TimelinePoint(i / 10, i, i + 7, i, i, i, 1.0, 1.0) for i in range(100_000)]
    report.thread_stats = [ThreadMemoryStats(i, f"thread-{i}", i, i, i, i, 0, 0) for i in range(3000)]
    report.cross_thread_flows = [
        CrossThreadFlow(i, None, j, None, i + j + 1, 1) for i in range(100) for j in range(100)
    ]
    report.live_sites = [
        AllocationSite([f"/app/{i % 50}.py:{i + depth} in f{depth}" for depth in range(64)], 1, 10_000 - i, False)
        for i in range(5000)
    ]
    report.notes = ["note " * 100] * 10_000
    assert len(own_part(render_html(report))) < 1_500_000
    text = shown_text(render_html(report))
    assert f"{5000 - MAX_LEAK_ROWS:,} smaller sites" in text
    assert re.search(r"\d,\d{3} smaller frames are not drawn; their bytes are in their callers", text)


# The figures ----------------------------------------------------------------------------------------------------------


def figure(view, report):
    result = VIEWS[view][1](report)
    assert isinstance(result, Figure)
    return result


@pytest.mark.parametrize("name", ["full", "sampled", "hostile"])
@pytest.mark.parametrize("view", VIEWS)
def test_figure_is_valid_for_plotly(view, name, plotly):
    graph_objects = pytest.importorskip("plotly.graph_objects")

    def in_place(value, color=False):
        if isinstance(value, str):
            return "#123456" if color and value.startswith("@") else value
        if isinstance(value, list):
            return [in_place(item, color) for item in value]
        if isinstance(value, dict):
            return {key: in_place(item, color or "color" in key) for key, item in value.items()}
        return value

    result = figure(view, make(name))
    graph_objects.Figure(data=in_place(result.data), layout=in_place(result.layout))
    assert result.description.isprintable()


def test_colors_of_the_figures_exist():
    from concurrent_collections.exporters.theme import COLORS

    for view in VIEWS:
        named = set(
            re.findall(
                r'"@([a-z0-9-]+)"', json.dumps([figure(view, make("full")).data, figure(view, make("full")).layout])
            )
        )
        assert named <= set(COLORS), view


def test_timeline_marks_the_peak_of_the_report():
    report = make("full")
    traces = {trace["name"]: trace for trace in figure("timeline", report).data}
    assert traces["peak"]["x"] == [report.peak_time]
    assert traces["peak"]["y"][0] == pytest.approx(84.2, abs=0.05)
    assert "84.2 MiB" in traces["peak"]["text"][0]
    assert traces["moving average"]["y"] == [point.alloc_rate_average for point in report.timeline]


def test_thinned_timeline_keeps_the_highest_point():
    report = make("full")
    report.timeline = [
        TimelinePoint(float(i), 1000, 5_000_000 if i == 4321 else 1000, i, i, i, 1.0, 1.0) for i in range(20_000)
    ]
    highest = figure("timeline", report).data[0]
    assert len(highest["y"]) <= 1500
    assert max(highest["y"]) == pytest.approx(5_000_000 / 1024**2)


def test_sizes_have_a_column_for_each_domain_and_ascending_powers_of_two():
    report = make("full")
    sizes = figure("sizes", report)
    assert sizes.layout["xaxis"]["ticktext"] == ["runtime", "raw", "mem", "object", "all"]
    names = sizes.layout["yaxis"]["ticktext"]
    assert names[:4] == ["1–8", "9–16", "17–32", "33–64"] and names[-1] == "32–64 KiB" and "512 B–1 KiB" in names
    buckets = report.size_histogram.buckets
    heat, counts, sizes_bytes = sizes.data
    assert heat["customdata"][3][-1].startswith(f"{buckets['33-48'] + buckets['49-64']:,} allocations")
    assert sum(counts["x"]) == pytest.approx(1) and sum(sizes_bytes["x"]) == pytest.approx(1)
    assert sizes_bytes["x"][-1] > 100 * counts["x"][-1] > 0, "few large blocks hold more than their number tells"


def test_sizes_leave_no_range_out():
    """The recorder tells hundreds of ranges apart; few blocks of a large one may have most of the bytes."""
    report = make("full")
    ranges = {f"{8 * index + 1}-{8 * index + 8}": 10 for index in range(64)}
    ranges |= {f"{2**power + 1}-{2**power + 2 ** (power - 2)}": 1 for power in range(9, 40)}
    ranges |= {"0": 3}
    total = sum(ranges.values())
    report.size_histogram, report.size_histograms = SizeHistogram(ranges, total, 2**40), {}
    sizes = figure("sizes", report)
    names = sizes.layout["yaxis"]["ticktext"]
    assert names[0] == "0" and names[-1] == "512 GiB–1 TiB" and len(names) == 1 + 38
    assert sum(int(row[-1].split()[0].replace(",", "")) for row in sizes.data[0]["customdata"]) == total
    assert sizes.data[2]["x"][-1] == pytest.approx(0.5, abs=0.01), "most bytes are in one block"


def test_latency_shares_add_up_and_percentiles_are_marked():
    report = make("full")
    traces = {trace["name"]: trace for trace in figure("latency", report).data}
    assert sum(traces["alloc"]["y"]) == pytest.approx(1) and sum(traces["free"]["y"]) == pytest.approx(1)
    assert traces["alloc"]["x"] == sorted(traces["alloc"]["x"])
    assert traces["alloc percentiles"]["x"][0] == report.alloc_latency_p50
    assert traces["alloc percentiles"]["text"][2].startswith("p99 673 ns")


def test_thread_figure_folds_the_smallest_into_one_bar():
    report = make("full")
    names = [f"{first}{second}" for first in "abcd" for second in "abcdefghij"]
    report.thread_stats = [ThreadMemoryStats(i, name, i, 0, i, 0, 0, 0) for i, name in enumerate(names)]
    threads = figure("threads", report)
    assert threads.layout["yaxis"]["ticktext"][-1] == "others ×24"
    assert sum(threads.data[0]["x"]) == sum(range(40))


def test_many_threads_are_shown_by_name():
    report = make("full")
    report.thread_stats = [
        ThreadMemoryStats(i, f"Thread-{i} (serve)" if i % 2 else None, 10, 0, 100, 0, 0, 0) for i in range(400)
    ] + [ThreadMemoryStats(400, "MainThread", 1, 0, 1, 0, 0, 0)]
    threads = figure("threads", report)
    assert threads.layout["yaxis"]["ticktext"] == ["unnamed threads ×200", "Thread-* (serve) ×200", "MainThread"]
    assert threads.data[0]["x"] == [2000, 2000, 1]


def test_many_flows_are_shown_by_name_and_the_rest_is_told():
    report = make("full")
    report.cross_thread_flows = [
        CrossThreadFlow(i, f"reader-{i}", j, f"parser-{j}", 10, 640) for i in range(10) for j in range(10, 20)
    ]
    sankey = figure("flow", report)
    assert sankey.data[0]["node"]["label"] == ["reader-*", "parser-*"] and sankey.data[0]["link"]["value"] == [1000]
    assert sankey.captions == []
    report.cross_thread_flows = [
        CrossThreadFlow(i, chr(65 + i), j, chr(65 + j), 10, 1024) for i in range(10) for j in range(10, 20)
    ]
    sankey = figure("flow", report)
    assert len(sankey.data[0]["link"]["value"]) == 40
    assert sankey.captions == ["60 smaller flows with 600 blocks, 60 KiB, are not drawn."]


def test_flow_goes_from_allocating_to_freeing_threads():
    report = make("full")
    sankey = figure("flow", report).data[0]
    labels = sankey["node"]["label"]
    pairs = {
        (labels[source], labels[target]): value
        for source, target, value in zip(
            sankey["link"]["source"], sankey["link"]["target"], sankey["link"]["value"], strict=True
        )
    }
    assert pairs == {(flow.alloc_thread_name, flow.free_thread_name): flow.count for flow in report.cross_thread_flows}
    assert not set(sankey["link"]["source"]) & set(sankey["link"]["target"]), "the two sides are apart: no cycle"


def test_flame_graph_adds_up():
    report = make("full")
    icicle = figure("flame", report).data[0]
    total = sum(site.bytes for site in report.live_sites)
    assert icicle["values"][0] == total and icicle["parents"][0] == ""
    children: dict[str, int] = {}
    for parent, value in zip(icicle["parents"], icicle["values"], strict=True):
        children[parent] = children.get(parent, 0) + value
    for identifier, value in zip(icicle["ids"], icicle["values"], strict=True):
        assert children.get(identifier, 0) <= value, "plotly draws nothing where callees exceed their caller"
    assert "remember · example.py:93" in icicle["labels"]


def test_gauge_shows_only_what_is_known():
    report = make("full")
    assert [gauge["value"] for gauge in figure("fragmentation", report).data] == [11.8, 24.6]
    report.fragmentation.external_fragmentation = None
    assert [gauge["title"]["text"] for gauge in figure("fragmentation", report).data] == ["inside blocks"]


# In a browser ---------------------------------------------------------------------------------------------------------


def wait_until(page, expression):
    """Wait, at most a minute, until ``expression`` is true. (playwright's own needs eval, which the page forbids.)"""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never became true: {expression}")


VISIBLE = """() => Object.fromEntries([...document.querySelectorAll('.plot')].map(plot => {
    const svg = plot.querySelector('svg.main-svg'); const box = svg && svg.getBoundingClientRect();
    return [plot.id, box ? [Math.round(box.width), Math.round(box.height)] : null];
}))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["full", "sampled", "hostile"])
def test_every_view_is_drawn_without_error_or_network(name, scheme, visit):
    page = visit(name, scheme)
    drawn = page.evaluate(VISIBLE)
    assert set(drawn) == {f"plot-{view}" for view in VIEWS}
    for view, size in drawn.items():
        assert size is not None and size[0] > 300 and size[1] > 150, view
    marks = page.evaluate("""() => ({
        timeline: document.querySelectorAll('#plot-timeline .scatterlayer .trace').length,
        sizes: document.querySelectorAll('#plot-sizes .heatmaplayer image, #plot-sizes .hm image').length,
        latency: document.querySelectorAll('#plot-latency .scatterlayer .trace').length,
        threads: document.querySelectorAll('#plot-threads .barlayer .point').length,
        flow: document.querySelectorAll('#plot-flow .sankey-link').length,
        fragmentation: document.querySelectorAll('#plot-fragmentation .indicatorlayer .trace').length,
        flame: document.querySelectorAll('#plot-flame .iciclelayer .slice').length,
    })""")
    assert marks["timeline"] == 5 and marks["latency"] == 4 and marks["threads"] == 32 and marks["flow"] == 12
    assert marks["sizes"] >= 1 and marks["fragmentation"] == 2 and marks["flame"] > 10


@pytest.mark.parametrize("name", REPORTS)
def test_page_fits_a_laptop_screen(name, visit):
    page = visit(name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    assert page.evaluate("document.querySelector('.cards').getBoundingClientRect().bottom") < 400, (
        "the summary is above the fold"
    )
    spilling = page.evaluate(
        """() => [...document.querySelectorAll('.card, .advice li, .panel')]
        .filter(box => box.scrollWidth > box.clientWidth + 1)
        .map(box => box.className + ': ' + box.innerText.slice(0, 60))"""
    )
    assert spilling == []


def colors(page):
    return page.evaluate("""() => ({
        page: getComputedStyle(document.body).backgroundColor,
        text: getComputedStyle(document.body).color,
        plot: getComputedStyle(document.querySelector('#plot-threads .ytick text')).fill,
        bar: getComputedStyle(document.querySelector('#plot-threads .barlayer .point path')).fill,
        button: document.getElementById('theme').textContent,
    })""")


def test_theme_follows_the_system_and_the_button(visit):
    light, dark = colors(visit("full", "light")), colors(visit("full", "dark"))
    assert light["page"] == "rgb(244, 244, 241)" and dark["page"] == "rgb(13, 13, 13)"
    assert all(light[key] != dark[key] for key in light)

    page = visit("full", "light")
    page.click("#theme")
    assert colors(page) == dark
    page.click("#theme")
    assert colors(page) == light
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert colors(page) == light, "the reader's choice stands"


def test_theme_changes_with_the_system_while_the_page_is_open(visit):
    page = visit("full", "light")
    before = colors(page)
    page.emulate_media(color_scheme="dark")
    wait_until(page, "document.getElementById('theme').textContent === 'Light'")
    assert all(colors(page)[key] != before[key] for key in before)


def test_hostile_names_run_nothing_and_are_shown_as_text(visit):
    page = visit("hostile")
    page.hover("#plot-threads .barlayer .point path >> nth=0", force=True)
    page.hover("#plot-flow .sankey-link >> nth=0", force=True)
    page.hover("#plot-flame .slice >> nth=3", force=True)
    assert "Memory report" in page.title() and page.title() != "owned"
    assert (
        page.evaluate(
            "document.querySelectorAll('img:not(.plot img), iframe, [onerror], a[href^=\"javascript\"]').length"
        )
        == 0
    )
    assert (
        page.evaluate(
            "[...document.querySelectorAll('svg a')].filter(a => a.textContent.includes('owned') || a.href).length"
        )
        == 0
    )
    assert "<img src=x onerror=" in page.inner_text("#about")
    ticks = page.evaluate("[...document.querySelectorAll('#plot-threads .ytick text')].map(text => text.textContent)")
    assert any(tick.startswith("<img src=x") for tick in ticks), ticks
    assert "<b>bold</b> &amp; <i>i</i>" in ticks, "markup that plotly knows is text as well"
    assert "@alloc" in ticks, "a name is never taken for a colour"


def test_policy_stops_a_script_that_is_not_the_pages_own(visit):
    page = visit("full")
    page.evaluate("""() => {
        const script = document.createElement('script'); script.textContent = "document.title = 'owned'";
        document.body.append(script);
        const image = new Image(); image.src = 'http://127.0.0.1:9/x.png'; document.body.append(image);
    }""")
    page.wait_for_timeout(200)
    assert page.title() != "owned"
    assert sum("Content Security Policy" in event for event in page.events) == 2
    page.events.clear()


def test_flame_graph_zooms_at_a_click(visit):
    page = visit("full")
    page.hover("#plot-flame .slice >> nth=4", force=True)
    before = page.evaluate("document.querySelectorAll('#plot-flame .pathbar').length")
    page.click("#plot-flame .slice >> nth=4", force=True)
    wait_until(page, f"document.querySelectorAll('#plot-flame .pathbar').length > {before}")


def test_empty_report_is_a_page_without_figures(visit):
    page = visit("empty")
    assert page.evaluate(VISIBLE) == {}
    assert "Nothing was allocated while profiling." in page.inner_text(".verdict")


def test_text_of_the_page_has_contrast_in_both_themes():
    """WCAG's 4.5 for text, on every pair of text and surface that the page uses."""
    from concurrent_collections.exporters.theme import COLORS

    def luminance(color):
        channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    pairs = [
        (text, surface)
        for text in ("text", "muted", "good", "warning", "serious", "peak")
        for surface in ("surface", "page")
    ]
    pairs += [("text", name) for name in COLORS if name.startswith(("flame", "heat"))]
    for text, surface in pairs:
        for theme in (0, 1):
            one, two = sorted((luminance(COLORS[text][theme]), luminance(COLORS[surface][theme])))
            assert (two + 0.05) / (one + 0.05) >= 4.5, (text, surface, ("light", "dark")[theme])
