"""`bench asv publish`: what the page holds, and the page in headless Chromium with nothing fetched."""

import json
import math
import os
import re
import shutil

import pytest

from harness.errors import ResultsError
from harness.testing import Bench
from harness.tracking import history, tree

from .conftest import SETTINGS, Repository

CHROMIUM = os.environ.get("BENCH_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here; apt-get install chromium")

COMMITS, STEP, LACKING = 12, 7, 4
HOSTILE = "</script><script>alert(1)</script> & <img src=x onerror=alert(1)>"
BENCHMARK = {"code": "", "type": "time", "unit": "seconds", "version": "1", "number": 0, "warmup_time": 0}


def store(repository, commit, values, machine="m1", **params):
    """Add values of one benchmark, by method, to the results tree of a repository."""
    results = repository.folder / ".asv" / "results"
    where = {"machine": machine, "python": "3.11", **params}
    columns = ["result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b"]
    numbers = list(values.values())
    known = [0.98 * value if isinstance(value, float) else None for value in numbers]
    row = [numbers, [[repr(name) for name in values]], "1", None, None, known, known]
    content = {
        "version": 2, "commit_hash": commit, "env_name": "e", "date": 1000 * repository.minutes, "params": where,
        "python": "3.11", "requirements": {}, "env_vars": {}, "result_columns": columns, "results": {"work.time": row},
    }  # fmt: skip
    tree.write_json(results / machine / f"{commit[:8]}-e.json", content)
    tree.write_json(results / machine / "machine.json", {"version": 1, "machine": machine})
    listed = {"name": "work.time", "param_names": ["method"], "params": [["'steady'", "'slower'", "'late'"]]}
    tree.write_json(results / "benchmarks.json", {"version": 2, "work.time": BENCHMARK | listed})


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A history in which one method becomes twice as slow, and another one comes later; what the program said of it."""
    made = Repository(tmp_path_factory.mktemp("published") / "repository")
    made.write("asv.conf.json", SETTINGS)
    made.write("benchmarks/__init__.py", "")
    hashes = []
    for number in range(COMMITS):
        hashes.append(made.commit(HOSTILE if number == STEP else f"commit {number}"))
        noise = 1 + 0.002 * (number % 3)
        values = {"'steady'": 0.01, "'slower'": 0.02 if number >= STEP else 0.01, "'late'": 0.5}
        values = {name[1:-1]: value * noise for name, value in values.items()}
        if number < LACKING:
            del values["late"]
        if number == 2:
            values["steady"] = None  # failed
        store(made, hashes[-1], values)
    store(made, "0" * 40, {"steady": 5.0})  # of a commit that the repository does not have
    done = made.bench()("asv", "publish")
    assert done.returncode == 0, done.stderr
    return made, hashes, done


@pytest.fixture(scope="module")
def shown(published):
    """The data in the page."""
    text = (published[0].folder / ".asv" / "html" / "index.html").read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def series(shown, method):
    return next(one for one in shown["series"] if one["params"] == [repr(method)])


def test_values_stand_at_their_commits_and_gaps_stay(published, shown):
    assert [commit["hash"] for commit in shown["commits"]] == published[1]
    steady, late = series(shown, "steady"), series(shown, "late")
    assert [point[0] for point in steady["points"]] == [number for number in range(COMMITS) if number != 2]
    assert [point[0] for point in late["points"]] == list(range(LACKING, COMMITS))
    assert steady["points"][0][1:] == [0.01, 0.0098, 0.0098]
    assert shown["strangers"] == ["0" * 40]


def test_a_regression_stands_at_its_commit_and_nowhere_else(published, shown):
    found = series(shown, "slower")["regressions"]
    assert [(step["before"], step["after"]) for step in found] == [(None, STEP)]
    assert found[0]["to"] / found[0]["from"] == pytest.approx(2, rel=0.01)
    assert series(shown, "steady")["regressions"] == series(shown, "late")["regressions"] == []
    assert "12 commits, 3 series, 1 regressions found by asv" in published[2].stdout


def test_nothing_measured(repository):
    repository.write("asv.conf.json", SETTINGS)
    repository.write("benchmarks/__init__.py", "")
    done = repository.bench()("asv", "publish")
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
    assert "has no measurements; `bench asv run` makes some" in done.stderr


def test_damaged_and_foreign_results(repository):
    repository.write("asv.conf.json", SETTINGS)
    repository.write("benchmarks/__init__.py", "")
    repository.commit("one")
    store(repository, "0" * 40, {"steady": 5.0})
    bench: Bench = repository.bench()
    done = bench("asv", "publish")
    assert done.returncode == 2
    assert "has none of the 1 commits that are measured" in done.stderr
    (repository.folder / ".asv" / "results" / "m1" / "00000000-e.json").write_text("{")
    done = bench("asv", "publish")
    assert done.returncode == 2
    assert "00000000-e.json: damaged" in done.stderr


def test_a_file_of_another_shape_is_named_and_what_is_infinite_is_left_out(repository):
    repository.write("asv.conf.json", SETTINGS)
    repository.write("benchmarks/__init__.py", "")
    results, commit = repository.folder / ".asv" / "results", repository.commit("one")
    store(repository, commit, {"steady": 5.0, "slower": math.inf, "late": "text"})
    (one,) = history.read(results, repository.folder).series
    assert (one.params, one.points) == (("'steady'",), [(0, 5.0, 4.9, 4.9)])
    (results / "m1" / f"{commit[:8]}-e.json").write_text('{"version": 2, "results": []}')
    with pytest.raises(ResultsError, match=f"{commit[:8]}-e.json is no result file of asv"):
        history.read(results, repository.folder)


@needs_browser
def test_the_page_needs_no_network(published):
    from playwright.sync_api import sync_playwright

    heard, asked = [], []
    path = published[0].folder / ".asv" / "html" / "index.html"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = browser.new_context(offline=True).new_page()
        tab.on("console", lambda message: heard.append(message.text))
        tab.on("pageerror", lambda error: heard.append(str(error)))
        tab.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        alarms = tab.locator("#regressions tbody tr")
        assert alarms.count() == 1
        assert "work.time('slower')" in alarms.inner_text()
        assert HOSTILE in alarms.inner_text()  # shown, not obeyed
        assert tab.locator("#told").inner_text() == "3 series"
        tab.fill("#search", "late")
        assert tab.locator("#told").inner_text() == "1 series"
        tab.locator("#series tbody button").click()
        assert tab.locator("dialog").is_visible()
        assert tab.locator("#graph circle").count() == COMMITS - LACKING
        assert tab.locator("#values tbody tr").count() == COMMITS
        assert tab.locator("#values td", has_text="not measured").count() == LACKING
        tab.check("#log")
        assert tab.locator("#graph polyline").count() == 1
        tab.click("dialog .close")
        tab.fill("#search", "")
        tab.select_option("#sort", "value")
        assert "late" in tab.locator("#series tbody tr").first.inner_text()
        tab.click("#theme")
        browser.close()
    assert heard == []
    assert asked == [path.as_uri()]
