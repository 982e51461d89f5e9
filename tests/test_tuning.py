"""Suites that tune: the same trials for all, failures counted, winners by validation data alone, budgets apart."""

import json
import math
import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.results import Results
from harness.stats.tuning import expected_best
from harness.testing import Bench, install_plugin

DIALS = (Path(__file__).parent / "toy" / "bench_dials.py").read_text()

SUITE = """\
seeds: [0, 1]
pack: 40
tasks: [aim]
methods:
  - dial
  - broken
  - wild
  - hopeless
  - fixed
  - method: dial
    preset: paper
tune: {trials: 4}
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dials")
    install_plugin(folder, "bench-dials", "bench_dials", DIALS)
    return folder


@pytest.fixture
def dials(tmp_path, plugin) -> Bench:
    return Bench(tmp_path, [plugin])


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, plugin):
    """A suite that tunes and has been run: the program in its folder, what it said, and the results."""
    bench = Bench(tmp_path_factory.mktemp("tuned"), [plugin])
    bench.write("s.yaml", SUITE)
    done = bench("run", "s.yaml")
    return bench, done, Results.load(bench.folder / "results" / "s")


@pytest.fixture(scope="module")
def table(tuned) -> pd.DataFrame:
    """All stored rows, with the values that were tuned as columns."""
    rows = tuned[2].history
    turn = [json.loads(text).get("turn") for text in rows["method_params"]]
    return rows.assign(turn=turn, lr=[json.loads(text).get("lr") for text in rows["recipe"]])


def winner_of(folder: Path, method: str) -> tuple[float, float]:
    """Return what the runs on the suite's seeds were run with."""
    rows = Results.load(folder / "results" / "s").history
    rows = rows[(rows["trials"] > 0) & (rows["method"] == method)]
    ((params, recipe),) = set(zip(rows["method_params"], rows["recipe"], strict=True))
    return json.loads(params)["turn"], json.loads(recipe)["lr"]


def test_trials_are_the_same_for_every_method_with_the_same_space(table):
    points = [
        dict(zip(of["trial"], zip(of["turn"], of["lr"], strict=True), strict=True))
        for _, of in table[(table["trial"] > 0) & table["method"].isin(["dial", "wild"])].groupby("method")
    ]
    assert points[0] == points[1]
    assert sorted(points[0]) == [1, 2, 3, 4]
    assert len(set(points[0].values())) == 4
    assert all(0 <= turn < 2 and 0.01 <= lr < 1 for turn, lr in points[0].values())


def test_trials_and_winners_have_seeds_of_their_own(table):
    assert set(table[table["trial"] > 0]["seed"]) == {1_000_000}
    assert set(table[table["trials"] > 0]["seed"]) == {0, 1}
    assert not ((table["trial"] > 0) & (table["trials"] > 0)).any()


def test_winner_is_the_best_on_validation_data_and_not_on_test_data(table):
    trials = table[(table["trial"] > 0) & (table["method"] == "dial")]
    by = {split: trials[trials["split"] == split].groupby("trial")["value"].min() for split in ("val", "test")}
    chosen = table[(table["trials"] > 0) & (table["method"] == "dial")]["turn"].unique()
    assert list(chosen) == list(trials[trials["trial"] == by["val"].idxmin()]["turn"].unique())
    assert by["val"].idxmin() != by["test"].idxmin()


def test_a_value_that_decides_is_passed_to_the_task(table):
    """The toy's task adds a thousandth of its learning rate to what the method gives."""
    final = table[(table["trials"] > 0) & (table["method"] == "dial") & (table["split"] == "test")].iloc[0]
    assert final["value"] == pytest.approx(10 - abs(final["turn"] + final["lr"] / 1000 - 1))
    assert json.loads(final["task_params"])["lr"] == 0.1  # the task as it was posed


def test_failures_count_among_the_trials(tuned):
    searches = {search.method: search for search in tuned[2].searches}
    assert {name: (len(s.trials), s.failures) for name, s in searches.items()} == {
        "dial hyper-parameters=tuned": (4, 0), "broken": (4, 2), "wild": (4, 2), "hopeless": (4, 4),
    }  # fmt: skip
    assert all(trial.values["turn"] < 1 for trial in searches["broken"].trials if trial.score is not None)
    assert searches["hopeless"].winner == 0
    assert "none of its 4 trials has a value of 'miss' on validation data" in tuned[1].stdout


def test_both_numbers_and_the_curve_of_a_search(tuned, table):
    (search,) = [search for search in tuned[2].searches if search.method.startswith("dial")]
    scores = [abs(trial.values["turn"] + trial.values["lr"] / 1000 - 1) for trial in search.trials]
    assert [trial.score for trial in search.trials] == pytest.approx(scores)
    assert search.selected == pytest.approx(min(scores))
    assert (search.fresh.mean, search.fresh.n) == (pytest.approx(min(scores)), 2)
    assert search.curve == pytest.approx(list(expected_best(scores, "lower")))
    assert search.curve[0] == pytest.approx(sum(scores) / 4)
    (broken,) = [search for search in tuned[2].searches if search.method == "broken"]
    assert broken.curve[:2] == [math.inf, math.inf]  # both of two trials may have failed
    assert broken.curve[3] == broken.selected
    assert "chosen by miss on validation data: trial 4 with" in tuned[1].stdout


def test_unequal_budgets_are_not_ranked_together(tuned):
    boards = {board.budget: {s.method: s.origin for s in board.standings} for board in tuned[2].leaderboards()}
    assert boards == {
        "not tuned": {"dial hyper-parameters=paper": "paper: Nobody 2026, Table 1", "fixed": "default"},
        "tuned with 4 trials each": dict.fromkeys(
            ["dial hyper-parameters=tuned", "broken", "wild"], "tuned with 4 trials"
        ),
    }
    csv = pd.read_csv(tuned[0].folder / "results/s/_report/leaderboard.csv")
    assert set(zip(csv["method"], csv["trials"], strict=True)) == {
        ("dial hyper-parameters=paper", 0), ("fixed", 0), ("dial hyper-parameters=tuned", 4), ("broken", 4),
        ("wild", 4), ("hopeless", 4),
    }  # fmt: skip
    assert not (tuned[2].runs["trial"] > 0).any()
    assert tuned[1].stdout.index("aim (not tuned)") < tuned[1].stdout.index("aim (tuned with 4 trials each)")


def test_what_is_done_is_not_done_again_but_for_trials_that_raised(tuned):
    bench = tuned[0]
    plan = bench("run", "s.yaml", "--explain").stdout
    assert "28 runs, 6 to run, " in plan  # 2 of broken, 4 of hopeless; a trial that diverged is done
    assert plan.count("up to date: such are its hyper-parameters: diverged: miss on val is nan") == 2
    some = bench("run", "s.yaml", "--dry-run", "--select", "method=dial,seed=1").stdout
    assert [line.split("  ")[-1] for line in some.splitlines()[:-1]] == [
        "dial turn=1.414 lr=0.08673, trial 1 on aim, seed 1000000",
        "dial turn=0.4144 lr=0.4026, trial 2 on aim, seed 1000000",
        "dial turn=1.914 lr=0.01868, trial 3 on aim, seed 1000000",
        "dial turn=0.9144 lr=0.05199, trial 4 on aim, seed 1000000",
        "dial turn=0.9144 lr=0.05199, best of 4 trials on aim, seed 1",
        "dial preset=paper on aim, seed 1",
    ]


def test_report_of_a_suite_has_its_trials(tuned):
    said = tuned[0]("report", "s.yaml", "--format", "md", "--out", "again").stdout
    assert "aim (tuned with 4 trials each)" in said
    assert "broken: 4 trials, 2 failed; chosen by miss on validation data: trial 2 with" in said
    curves = pd.read_csv(tuned[0].folder / "again" / "plots" / "tuning.csv")
    searches = {search.method: search for search in tuned[2].searches}
    assert {m: list(c["mean"]) for m, c in curves.groupby("method")} == {
        method: pytest.approx(search.curve) for method, search in searches.items()
    }
    assert (tuned[0].folder / "again" / "plots" / "tuning.png").exists()


def test_plan_counts_the_runs_of_winners_that_nobody_knows_yet(tuned, dials):
    assert tuned[0]("plan", "s.yaml").stdout.startswith("28 runs, 6 to run: about ")
    dials.write("s.yaml", SUITE)
    assert dials("plan", "s.yaml").stdout.startswith("28 runs, 28 to run; how long is unknown")
    assert dials("run", "s.yaml", "--select", "trial=1").returncode == 1
    assert dials("plan", "s.yaml").stdout.startswith("28 runs, 26 to run: about ")


@pytest.mark.slow
def test_killed_in_the_middle_of_the_trials_it_ends_with_the_same_winner(dials, tuned):
    text = """\
seeds: [0, 1]
tasks: [{task: aim, params: {seconds: 0.15}}]
methods: [dial]
tune: {trials: 4}
"""
    dials.write("s.yaml", text)
    session, journals = dials.start("run", "s.yaml", "-j", "1"), dials.folder / "results/s/_journal"
    while sum(path.read_bytes().count(b"\n") for path in journals.glob("*.journal")) < 3:  # the header, two trials
        assert session.poll() is None
        time.sleep(0.02)
    os.kill(session.pid, signal.SIGKILL)
    session.communicate()
    assert dials("run", "s.yaml").returncode == 0
    assert winner_of(dials.folder, "dial") == winner_of(tuned[0].folder, "dial")
    stored = Results.load(dials.folder / "results" / "s").all_runs
    assert (len(stored), set(stored["attempt"]), set(stored["status"])) == (6, {1}, {"done"})

    dials.write("s.yaml", text.replace("trials: 4", "trials: 6"))
    done = dials("run", "s.yaml")
    assert "[5/6] done dial" in done.stdout  # two trials more; those of the smaller budget are the first of these
    boards = Results.load(dials.folder / "results" / "s").leaderboards()
    assert [board.budget for board in boards] == ["tuned with 4 trials each", "tuned with 6 trials each"]
    assert [len(search.trials) for board in boards for search in board.searches.values()] == [4, 6]


HEAD = "tasks: [aim]\nmethods:\n"
BAD = {
    "no trials": (HEAD + "  - dial\ntune: {select: miss}\n", "s.yaml:4: 'tune' needs 'trials'"),
    "unknown key": (HEAD + "  - dial\ntune: {trails: 4}\n", "s.yaml:4: unknown key 'trails'; did you mean 'trials'?"),
    "count": (HEAD + "  - dial\ntune:\n  trials: 0\n", "s.yaml:5: 'trials' has to be a whole number from 1"),
    "metric": (
        HEAD + "  - dial\ntune:\n  trials: 2\n  select: mis\n",
        "s.yaml:6: task 'aim' has no metric 'mis'; did you mean 'miss'?",
    ),
    "seed of the suite": (
        HEAD + "  - dial\nseeds: [3]\ntune:\n  trials: 2\n  seeds: [3]\n",
        "s.yaml:7: the seed 3 is for trials; the suite's own have to be fresh ones",
    ),
    "nothing to tune": (HEAD + "  - fixed\ntune: {trials: 4}\n", "s.yaml:4: no method of the suite declares a space"),
    "unknown preset": (
        HEAD + "  - method: dial\n    preset: papre\n",
        "s.yaml:4: method 'dial' has no preset 'papre'; did you mean 'paper'?",
    ),
    "preset for another task": (
        HEAD + "  - method: dial\n    preset:\n      aim-agian: paper\n",
        "s.yaml:5: the suite has no task 'aim-agian'",
    ),
    "preset that the task does not leave": (
        "tasks: [aim-again]\nmethods:\n  - method: dial\n    preset: paper\n",
        "s.yaml:3: its preset does not fit: task 'aim-again' leaves its methods no parameter 'lr'; it leaves them none",
    ),
    "presets": (HEAD + "  - method: dial\n    preset: [paper]\n", "s.yaml:4: 'preset' has to be a name, or a mapping"),
    "recipe": (
        HEAD + "  - method: dial\n    recipe: {seconds: 1}\n",
        "s.yaml:4: task 'aim' leaves its methods no parameter 'seconds'",
    ),
    "recipe of a wrong type": (
        HEAD + "  - method: dial\n    recipe:\n      lr: fast\n",
        "s.yaml:5: parameter 'lr' of task 'aim' has to be float, not the text 'fast'",
    ),
    "origin of a preset": (
        HEAD + "  - method: dial\n    preset: paper\n    origin: ours\n",
        "s.yaml:5: a preset says itself where it comes from; leave 'origin' out",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_suite(tmp_path, plugin, monkeypatch, name):
    """Without a process for each, which would take longer than all else here."""
    monkeypatch.syspath_prepend(plugin)
    monkeypatch.chdir(tmp_path)
    text, message = BAD[name]
    Path("s.yaml").write_text(text)
    done = CliRunner().invoke(main, ["run", "s.yaml", "--dry-run"])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"bench: {message}")


def test_show_tells_presets_and_space(dials):
    shown = dials("show", "dial").stdout
    assert "    paper: Nobody 2026, Table 1: turn=0.5; recipe: lr=0.2\n" in shown
    assert (
        "    turn: Uniform(low=0, high=2)\n    recipe lr: LogUniform(low=0.01, high=1)\n    source: nobody\n" in shown
    )


def test_origins_without_tuning(dials):
    text = """\
tasks: [aim, aim-again]
methods:
  - fixed
  - {method: dial, preset: {aim: paper}}
  - {method: dial, preset: authors, params: {scale: 2.0}}
  - {method: broken, params: {turn: 0.5}}
  - {method: wild, params: {turn: 0.5}, origin: a search of ours}
"""
    dials.write("s.yaml", text)
    facts = json.loads(dials("show", "s.yaml", "--json").stdout)[1:]
    found = {(one["method"], one["task"], one["skip"] or one["origin"]) for one in facts}
    assert found == {
        *(("fixed", task, "default") for task in ("aim", "aim-again")),
        ("dial", "aim", "paper: Nobody 2026, Table 1"),
        ("dial", "aim-again", "default"),
        *(("dial", task, "authors: their dial.yaml; changed: scale") for task in ("aim", "aim-again")),
        *(("broken", task, "suite") for task in ("aim", "aim-again")),
        *(("wild", task, "a search of ours") for task in ("aim", "aim-again")),
    }
