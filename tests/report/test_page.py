"""The page, in headless Chromium: sorting, filtering, drill-down, light and dark, and nothing fetched or obeyed.

Needs Debian's package `chromium`, or any Chromium that $BENCH_CHROMIUM names; without one these tests are skipped.
"""

import json
import os
import re
import shutil
from html.parser import HTMLParser

import pytest

from harness.catalog import load_catalog
from harness.report import page
from harness.report.write import write_report

CHROMIUM = os.environ.get("BENCH_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here; apt-get install chromium")


@pytest.fixture(scope="module")
def file(made, tmp_path_factory):
    """The page of an ordinary report."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "_logs").mkdir()
    found = made(2, 4, 3, failed=((0, 1, 0), (1, 3, 0), (1, 3, 1), (1, 3, 2)), published=True)
    run = found.runs.query("status == 'failed'")["run"].iloc[0]
    (folder / "_logs" / f"{run}-1.log").write_text("about to fail </script><b>\x1b[31mred\n")
    write_report(found, load_catalog(), folder / "_report", ["html"], stored=folder)
    return folder / "_report" / "index.html"


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def opened(browser):
    """Return a function that opens a file; at the end nothing may have been complained of or fetched."""
    heard, asked, contexts = [], [], []

    def open_(path, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: heard.append(message.text))
        tab.on("pageerror", lambda error: heard.append(str(error)))
        tab.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        return tab

    yield open_
    for context in contexts:
        context.close()
    assert heard == []
    assert [url for url in asked if not url.startswith("data:")] == [asked[0]] * len(contexts)


def column(tab, board, number):
    cells = tab.locator(f"#board-{board} + .scroll tbody tr td:nth-child({number})")
    return [cell.strip() for cell in cells.all_inner_texts()]


@needs_browser
def test_sorting(opened, file):
    tab = opened(file)
    header = tab.locator("#board-0 + .scroll thead th")
    by_rank = column(tab, 0, 2)
    header.nth(1).locator("button").click()
    assert column(tab, 0, 2) == sorted(by_rank)
    assert header.nth(1).get_attribute("aria-sort") == "ascending"
    header.nth(1).locator("button").click()
    assert column(tab, 0, 2) == sorted(by_rank, reverse=True)
    header.filter(has_text="parameters").locator("button").click()
    shown = header.all_inner_texts()
    numbers = column(tab, 0, 1 + next(i for i, name in enumerate(shown) if "parameters" in name))
    assert numbers == ["1,000", "2,000", "3,000", "4,000"]  # as numbers: as text 1,000 would not come before 10


@needs_browser
def test_cells_without_a_number_sort_last_both_ways(opened, file):
    tab = opened(file)
    score = tab.locator("#board-1 + .scroll thead th").nth(2).locator("button")
    for _ in range(2):
        score.click()
        assert column(tab, 1, 3)[-1] == "–"  # the method whose runs all failed


@needs_browser
def test_filtering(opened, file):
    tab = opened(file)
    told = tab.locator("#told")
    assert told.inner_text() == "8 rows on 2 tasks"
    tab.fill("#search", "m2")
    assert told.inner_text() == "2 rows on 2 tasks"
    tab.select_option("#task", label="t1")
    assert told.inner_text() == "1 rows on 1 tasks"
    assert not tab.locator("#board-0").is_visible()
    tab.fill("#search", "no such")
    assert told.inner_text() == "0 rows on 0 tasks"
    tab.click("#reset")
    assert told.inner_text() == "8 rows on 2 tasks"
    tab.check("#only-failed")
    assert told.inner_text() == "2 rows on 2 tasks"
    tab.click("#reset")
    tab.check("#only-best")
    assert all("best" in row.get_attribute("class") for row in tab.locator(".board tbody tr:visible").all())


@needs_browser
def test_drill_down_to_runs_rows_logs_and_how_to_run_again(opened, file):
    tab = opened(file)
    tab.locator(".board[data-board='0'] tr[data-method='m1'] button.runs").click()
    dialog = tab.locator("dialog")
    assert dialog.locator("h3").inner_text() == "m1 on t0"
    assert dialog.locator("summary").all_inner_texts()[0].startswith("seed 0 · failed: no luck")
    assert dialog.locator("details").count() == 3
    first, second = dialog.locator("details").nth(0), dialog.locator("details").nth(1)
    first.locator("summary").click()
    run = first.get_attribute("data-run")
    commands = first.locator("pre").first.inner_text().splitlines()
    assert commands[0] == f"bench run s.yaml --select run={run} --results again"
    assert "about to fail </script><b>[31mred" in first.locator("pre").nth(1).inner_text()
    second.locator("summary").click()
    values = second.locator("table").nth(1).locator("tbody tr").all_inner_texts()
    assert len(values) == 6
    assert values[0].split() == ["val", "100", "accuracy", values[0].split()[-1]]
    dialog.locator(".close").click()
    assert not dialog.is_visible()


@needs_browser
@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 23, 28)")])
def test_light_and_dark_wide_and_narrow(opened, file, scheme, paper):
    tab = opened(file, color_scheme=scheme, viewport={"width": 380, "height": 800})
    background = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(background) == paper
    assert tab.evaluate("document.documentElement.scrollWidth") <= 380  # only tables scroll sideways
    tab.click(".theme")
    assert tab.evaluate(background) != paper


@needs_browser
def test_hostile_names_are_shown_and_not_obeyed(opened, hostile, tmp_path):
    write_report(hostile, load_catalog(), tmp_path, ["html"])
    tab = opened(tmp_path / "index.html")
    names = tab.locator(".board").first.locator("tbody tr").evaluate_all("rows => rows.map(r => r.dataset.method)")
    assert set(names) == set(hostile.runs["method_label"])
    assert tab.evaluate("document.scripts.length") == 2
    assert tab.evaluate("document.images.length") == 0
    assert tab.evaluate("[...document.links].every(a => a.protocol === 'file:' || a.protocol === 'http:')")
    for button in tab.locator(".board").first.locator("button.runs").all():
        button.click()
        assert tab.locator("dialog h3").inner_text().endswith("on t0")
        tab.locator("dialog .close").click()


class Tags(HTMLParser):
    """Collect what a page would load."""

    def __init__(self, html):
        super().__init__()
        self.loads, self.tags, self.policy = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        self.loads += [
            value for key, value in attrs if key in ("src", "href", "xlink:href", "srcset", "data", "action")
        ]


def test_page_holds_all_that_it_shows_and_forbids_the_rest(file):
    found = Tags(file.read_text(encoding="utf-8"))
    assert [target for target in found.loads if not target.startswith(("#", "data:"))] == []
    assert found.policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in found.policy
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]{44}'; ", found.policy)
    assert found.tags.count("svg") == 7


def test_data_cannot_end_their_element():
    text = page._json({"a": "</script><!--<script>&\u2028"})
    assert not re.search("[<>&\u2028]", text)
    assert json.loads(text) == {"a": "</script><!--<script>&\u2028"}


def test_markdown_of_sections_cannot_bring_markup():
    shown = str(
        page._section("# A\n\n<b onclick=x>b</b> [l](javascript:alert(1))\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    )
    assert "<table>" in shown
    assert "<b " not in shown
    assert 'href="javascript' not in shown
