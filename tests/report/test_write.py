"""`bench report` as a user starts it."""

import json
import re

import pandas as pd
import pytest

from harness import catalog
from harness.errors import ResultsError
from harness.plotting import Plot
from harness.report.write import write_report
from harness.spec import Section

SUITE = """\
title: Guessing
seeds: [0, 1]
tasks: [guess]
methods:
  - method: shift
    grid: {offset: [0.5, -1.0]}
published:
  - {method: "method=shift,offset=0.5", task: guess, metric: distance, value: 0.4, source: "Someone 2020, table 1"}
"""
CLAIMS = """\
tasks: [t0, t1]
methods: [m0, m1]
claims:
  - {id: c1, source: A paper, statement: It is better., check: {beats: {a: m0, b: m1, by: 0.05, tasks: [t0]}}}
"""


def test_report_in_all_formats_and_published_numbers_of_today(toy):
    toy.write("s.yaml", SUITE.partition("published")[0])
    assert toy("run", "s.yaml").returncode == 0
    report = toy.folder / "results" / "s" / "_report"
    assert sorted(path.name for path in report.iterdir()) == ["leaderboard.csv", "leaderboard.json", "report.md"]
    toy.write("s.yaml", SUITE)  # nothing of it is to be run again
    (toy.folder / "here" / "plots").mkdir(parents=True)
    toy.write("here/report.md", "![Curves](plots/of-an-earlier-report.png)")
    toy.write("here/plots/of-an-earlier-report.png", "")
    toy.write("here/plots/the-users-own.png", "")
    done = toy("report", "s.yaml", "--out", "here")
    assert done.returncode == 0, done.stderr
    written = sorted(path.name for path in (toy.folder / "here").iterdir())
    assert written == ["index.html", "leaderboard.csv", "leaderboard.json", "leaderboard.tex", "plots", "report.md",
                       "report.tex"]  # fmt: skip
    plots = {path.name for path in (toy.folder / "here" / "plots").iterdir()}
    assert {"scores.csv", "scores.png", "scores.svg", "scores.pdf", "the-users-own.png"} <= plots
    assert "of-an-earlier-report.png" not in plots
    markdown = (toy.folder / "here" / "report.md").read_text()
    assert "| shift offset=0.5 | 3.5 ± 0 | 2 | 0.4 \\[1\\] |" in markdown
    assert "\\[1\\] Published: Someone 2020, table 1." in markdown
    assert "![Scores on each task](plots/scores.png)" in markdown
    records = json.loads((toy.folder / "here" / "leaderboard.json").read_text())["leaderboard"]
    assert [record["published"] for record in records] == [None, 0.4]
    assert "[1] Published: Someone 2020, table 1." in (toy.folder / "here" / "index.html").read_text()
    only = toy("report", "s", "--format", "csv", "--out", "csv")
    assert only.returncode == 0, only.stderr
    assert sorted(path.name for path in (toy.folder / "csv").iterdir()) == ["leaderboard.csv", "leaderboard.json"]
    wrong = toy("report", "s", "--format", "pdf")
    assert wrong.returncode == 2
    assert "'pdf' is not one of" in wrong.stderr


@pytest.mark.slow
def test_run_leaves_no_part_of_the_report_behind(toy):
    """What an earlier `bench report` wrote beside the Markdown is written anew."""
    toy.write("s.yaml", SUITE.replace("[0, 1]", "[0]"))
    assert toy("run", "s.yaml").returncode == 0
    assert toy("report", "s.yaml", "--format", "html").returncode == 0
    report = toy.folder / "results" / "s" / "_report"
    before = (report / "plots" / "scores.csv").read_text()
    toy.write("s.yaml", SUITE)
    assert toy("run", "s.yaml").returncode == 0
    assert "4 done" in (report / "index.html").read_text()
    assert len((report / "plots" / "scores.csv").read_text()) > len(before)
    assert (report / "plots" / "scores.png").exists()  # of report.md
    assert not (report / "report.tex").exists()


def test_sections_of_plugins_stand_in_markdown_and_page(made, tmp_path):
    loaded = catalog.load_catalog()
    sections = {**loaded.sections, "Mine": Section("Mine", "tests_mine:good"), "Bad": Section("Bad", "tests_mine:bad")}
    mine = type("module", (), {"good": lambda results: "## Mine\n\n- *one* <b>\n", "bad": lambda results: 1 / 0})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "tests_mine", mine)
        found = catalog.Catalog(loaded.manager, loaded.plugins, sections=sections)
        write_report(made(1, 2, 2), found, tmp_path, ["md", "html"], plots=False)
    html = (tmp_path / "index.html").read_text()
    assert re.search(r"<h2>Mine</h2>\s*<ul>\s*<li><em>one</em> &lt;b&gt;</li>", html)
    assert "This section failed: ZeroDivisionError: division by zero" in html
    markdown = (tmp_path / "report.md").read_text()
    assert markdown.startswith("# A suite\n")
    assert "## Mine\n\n- *one* <b>" in markdown
    assert "This section failed: ZeroDivisionError: division by zero" in markdown


def bars(table):
    from harness.plotting import facets

    figure, (axes,), _ = facets(1, height=1)
    axes.bar(table["x"], table["y"])
    return figure


def test_sections_bring_plots(made, tmp_path):
    loaded = catalog.load_catalog()
    plots = {
        "good": lambda results: [
            Plot("mine", "Mine <b>", "What it shows", pd.DataFrame({"x": [1, 2], "y": [3, 4]}), bars),
            Plot("lacking", "Lacking", "Nothing", pd.DataFrame(), None, "no run has it"),
        ],
        "bad": lambda results: [Plot("bad", "Bad", "", pd.DataFrame(), lambda table: 1 / 0)],
        "text": lambda results: "## Words\n",
        "none": lambda results: "",
    }
    sections = {
        "Mine": Section("Mine", "tests_plots:text", "tests_plots:good"),
        "Bad": Section("Bad", "tests_plots:text", "tests_plots:bad"),
        "None": Section("None", "tests_plots:none", "tests_plots:bad"),
    }
    found = catalog.Catalog(loaded.manager, loaded.plugins, sections=loaded.sections | sections)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "tests_plots", type("module", (), plots))
        paths = write_report(made(1, 2, 2), found, tmp_path, ["md", "html", "latex"])
        write_report(made(1, 2, 2), found, tmp_path / "bare", ["md"], plots=False)
    assert {"mine.png", "mine.svg", "mine.pdf", "mine.csv"} <= {path.name for path in paths}
    markdown, html = (tmp_path / "report.md").read_text(), (tmp_path / "index.html").read_text()
    assert r"![Mine &lt;b\>](plots/mine.png)" in markdown
    assert markdown.index("## Words") < markdown.index("plots/mine.png")
    assert "Not drawn: no run has it." in markdown
    assert "This section failed: ZeroDivisionError" in markdown
    assert re.search(r'<h3>Mine &lt;b&gt;</h3>\s*<svg role="img"', html)
    assert "plots/mine.pdf" in (tmp_path / "report.tex").read_text()
    assert "plots/mine" not in (tmp_path / "bare" / "report.md").read_text()
    assert "## Words" in (tmp_path / "bare" / "report.md").read_text()


def test_over_all_tasks_and_claims_are_in_the_report(made, tmp_path):
    found = made(2, 3, 3, suite_text=CLAIMS)
    judged = found.ledger()
    write_report(found, catalog.load_catalog(), tmp_path, ["md", "html", "latex"], plots=False)
    finding = str(judged[0].verdict.finding)
    for name in ("report.md", "index.html", "report.tex"):
        text = (tmp_path / name).read_text()
        assert finding in text, name
        assert "All tasks (f)" in text.replace("\\(", "(").replace("\\)", ")"), name


def test_folder_that_cannot_be_written_is_one_line(made, tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(ResultsError, match="choose another folder with --out"):
        write_report(made(1, 1, 1), catalog.load_catalog(), tmp_path / "x", ["csv"])
