"""Fixtures that the tests of the pages share; each of those modules has a fixture ``pages``: paths of pages by name."""

from __future__ import annotations

import pytest
from exporter_tools import missing, tool


@pytest.fixture(scope="module")
def plotly():
    try:
        import plotly
    except ModuleNotFoundError:
        missing("plotly")
    return plotly


@pytest.fixture(scope="module")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("playwright")
    chromium = tool("chromium", "chromium-browser", "google-chrome", package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, pages):
    """A function that opens a report offline; what the page said, asked for and popped up is checked at the end."""
    events: list[str] = []
    contexts = []

    def open_page(name, scheme="light"):
        context = browser.new_context(viewport={"width": 1366, "height": 768}, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
        address = pages[name].as_uri()
        page.on("console", lambda message: events.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: events.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (events.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: events.append(f"request: {request.url}") if request.url != address else None)
        page.goto(address)
        page.wait_for_selector("html[data-ready=true]", state="attached")
        page.events = events
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [
        event for event in events if not event.startswith("request: data:") and not event.startswith("request: blob:")
    ] == []
