"""Leaderboards as text: numbers, costs, and names that try to break Markdown, the terminal or CSV."""

import io
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from harness.report import tables
from harness.results import Leaderboard, Standing
from harness.stats import Interval

HOSTILE = [
    "a|b",
    "a\\|b",
    "<b>bold</b>",
    "<script>alert(1)</script>",
    "<!-- gone -->",
    "&lt;b&gt; &amp;",
    "&#124;",
    "*a* _b_ __c__ **d**",
    "~~gone~~",
    "`code` ``more``",
    "[text](http://example.org)",
    "![image](x.png)",
    "[x]: http://example.org",
    "# heading #",
    "line\nbreak\r\n\nagain",
    "tab\tand  spaces",
    "a\u2028b",
    "\\",
    "ends in \\",
    "[bold red]rich[/bold red]",
    "a=1 b=[1, 2] c={'x': None}",
]


def standing(method="m", mean=0.5, half_width=0.1, n=3, *, like_best=False, failures=0, **costs):
    return Standing(method, Interval.around(mean, half_width, n), like_best, failures, costs)


def board(*standings, task="t", split="test", better="higher", place="", unscored=(), baselines=()):
    return Leaderboard(
        task=task,
        split=split,
        metric="accuracy",
        better=better,
        hardware="h",
        device="cpu",
        place=place,
        standings=standings,
        unscored=dict(unscored),
        baselines=dict(baselines),
    )


class Text(HTMLParser):
    """Collect the text and the tags of an HTML page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


def rendered(text):
    return Text(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


@pytest.mark.parametrize(
    ("mean", "half_width", "text"),
    [
        (0.87654, None, "0.8765 ± –"),
        (0.87654, 0.0123, "0.877 ± 0.012"),
        (0.87654, 0.5, "0.88 ± 0.50"),
        (12.3456, 1.234, "12.3 ± 1.2"),
        (-3.14159, 0.0271, "-3.142 ± 0.027"),
        (1.0, 0.0996, "1.00 ± 0.10"),
        (100.0, 9.96, "100 ± 10"),
        (123456.0, 56.7, "123456 ± 57"),
        (0.5, 0.0, "0.5 ± 0"),
        (0.0, 0.0, "0 ± 0"),
        (0.0, None, "0 ± –"),
        (1e-12, None, "1e-12 ± –"),
    ],
)
def test_number(mean, half_width, text):
    assert tables.number(Interval.around(mean, half_width, 1 if half_width is None else 3)) == text


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((0.5, 0.4123, 0.7111), "0.50 [0.41, 0.71]"),
        ((0.9876, 0.98, 0.991), "0.9876 [0.9800, 0.9910]"),
        ((1e12, 0.9e12, 1.3e12), "1e+12 [9e+11, 1.3e+12]"),
        ((0.5, 0.4, 0.6), "0.50 ± 0.10"),
    ],
)
def test_number_of_an_uneven_interval_shows_its_ends(ends, text):
    assert tables.number(Interval(*ends, 3)) == text


@pytest.mark.parametrize(
    ("mean", "half_width"),
    [(1e-30, 1e-31), (1e30, 1e29), (1.5, 1e-17), (1e-9, 3e-12), (1e300, 1e299), (0.0, 1e-40), (2e200, float("inf"))],
)
def test_number_of_any_size_fits_its_column(mean, half_width):
    text = tables.number(Interval.around(mean, half_width, 3))
    assert len(text) <= 32
    shown_mean, _, shown_width = text.partition(" ± ")
    assert float(shown_mean) == pytest.approx(mean, rel=0.1, abs=half_width)
    assert float(shown_width) == pytest.approx(half_width, rel=0.06, abs=1e-16 * abs(mean))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("parameters", 42.0, "42"),
        ("parameters", 1234567.0, "1,234,567"),
        ("parameters", 0.0, "0"),
        ("seconds_per_step", 0.0123456, "12.3"),
        ("seconds_per_step", 0.00001234, "0.0123"),
        ("seconds_per_step", 1.23456, "1,235"),
        ("peak_memory", 3.14159, "3.14"),
        ("peak_memory", 0.0, "0"),
        ("peak_memory", 1234.5, "1,234"),
        ("peak_memory", None, "–"),
    ],
)
def test_cost(name, value, text):
    assert tables.cost(name, value) == text


def test_lines_of_a_leaderboard():
    found = board(
        standing("a", 0.9, 0.01, like_best=True, parameters=1000.0, seconds_per_step=0.002),
        standing("b", 0.8, None, n=1, failures=2, parameters=10.0),
        unscored={"c": "failed: no luck"},
    )
    assert tables.header(found) == ["", "method", "accuracy ↑", "n", "parameters", "ms/step", "failed"]
    assert tables.lines(found) == [
        ["1", "a", "0.900 ± 0.010", "3", "1,000", "2", "0"],
        ["2", "b", "0.8 ± –", "1", "10", "–", "2"],
        ["–", "c", "–", "–", "–", "–", "failed: no luck"],
    ]


def test_columns_that_hold_nothing_are_left_out():
    assert tables.header(board(standing(), better="lower")) == ["", "method", "accuracy ↓", "n"]
    assert tables.header(board()) == ["", "method", "accuracy ↑", "n"]


def test_star_only_where_several_are_like_the_best():
    alone = board(standing("a", like_best=True), standing("b"))
    several = board(standing("a", like_best=True), standing("b", like_best=True), standing("c"))
    assert [line[1] for line in tables.lines(alone)] == ["a", "b"]
    assert [line[1] for line in tables.lines(several)] == ["a *", "b *", "c"]


def test_title_names_a_split_that_is_not_plain_test_and_the_place_where_there_are_several():
    assert tables.title(board(task="t lag=3")) == "t lag=3"
    assert tables.title(board(split="test-far")) == "t (test-far)"
    assert tables.title(board(split="test-far", place="cuda of h")) == "t (test-far, cuda of h)"


def test_notes_are_the_verdict_and_the_baselines():
    found = board(
        standing("a", like_best=True),
        standing("b"),
        baselines={"chance": Interval.around(0.1, None, 1), "persistence": Interval.around(0.25, 0.05, 3)},
    )
    verdict, chance, persistence = tables.notes(found)
    assert verdict == found.verdict != ""
    assert chance.startswith("Baseline chance: 0.1; ")  # the same for every seed, or of one
    assert persistence.startswith("Baseline persistence: 0.250 ± 0.050; ")
    assert tables.notes(board(standing())) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_is_shown_as_it_is(text):
    page = rendered("before " + tables.escape(text) + " after\n")
    assert page.text.strip() == " ".join(f"before {text} after".split())
    assert page.tags == {"p"}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_leave_a_markdown_table_whole(text):
    found = board(standing(text, like_best=True), standing("b"), task=text, unscored={"c" + text: text})
    page = rendered(tables.markdown(found))
    assert page.tags == {"h2", "table", "thead", "tbody", "tr", "th", "td", "p", "strong"}
    assert page.text.count(" ".join(text.split())) >= 4
    rows = [line for line in tables.markdown(found).splitlines() if line.startswith("| ")]
    assert len(rows) == 5  # head, alignment, three methods


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_printed_as_they_are(text):
    console = Console(file=io.StringIO(), width=200, color_system=None)
    tables.print_leaderboard(console, board(standing(text), task="task " + text))
    printed = " ".join(console.file.getvalue().split())
    assert printed.count(" ".join(text.split())) == 2


def test_control_characters_do_not_reach_the_terminal():
    console = Console(file=io.StringIO(), width=200, color_system=None)
    found = board(standing("a\x1b[2Jb"), unscored={"c": "failed: \x1b]0;title\x07"}, task="\x1bc")
    tables.print_leaderboard(console, replace(found, metric="m\x9b2J\x1b[2J"))
    assert all(line.isprintable() for line in console.file.getvalue().splitlines())
