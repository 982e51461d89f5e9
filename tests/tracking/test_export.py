"""Stored results as a history of asv's: its points, its directions, its intervals, and asv's own word on it."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from harness import store
from harness.results import Results
from harness.stats import t_interval
from harness.testing import Bench
from harness.tracking.exporting import export
from harness.tracking.records import read_tree
from harness.tracking.timeline import make_timeline

HARDWARE = {"cpu": "A CPU", "cores": 2, "memory_gib": 4, "gpus": [], "machine": "x86_64", "system": "Linux"}
METRICS = {
    "accuracy": {"better": "higher", "unit": "", "role": "quality", "summary": "", "worst": 0.0},
    "mse": {"better": "lower", "unit": "", "role": "quality", "summary": "", "worst": None},
    "score": {"better": "higher", "unit": "dB", "role": "quality", "summary": "", "worst": None},
    "seconds": {"better": "lower", "unit": "s", "role": "cost", "summary": "", "worst": None},
    "size": {"better": "lower", "unit": "", "role": "cost", "summary": "", "worst": None},
}
BEGAN = datetime(2026, 1, 1, 9, tzinfo=UTC)


@pytest.fixture
def stored(bench: Bench):
    """Return a function that stores a session of runs, a day after the last one's, and the folder it goes to."""
    folder, days = bench.folder / "results" / "s", iter(range(1000))

    def store_session(*runs, environment=None, primary="accuracy"):
        header = {
            "suite": "s", "suite_text": "", "metrics": METRICS, "hardware": {"h": HARDWARE},
            "environment": {"e" + json.dumps(environment): environment or {}}, "primary": {"t {}": primary},
        }  # fmt: skip
        when = BEGAN + timedelta(days=next(days))
        session = store.open_session(folder, header)
        for run in runs:
            common, values = run
            started = {"started_at": when.isoformat(), "environment": "e" + json.dumps(environment)}
            session.append({**common, **started}, values)
        session.close()

    return store_session


def run(seed, values, state="1", method="m", status="done", version="1.0", device="cpu"):
    """Return a run whose values are on test data; those of costs are of training."""
    common = {
        "suite": "s", "run": f"{method}{seed}{state}{device}", "family": "f", "method": method, "method_params": "{}",
        "method_version": version, "task": "t", "task_params": "{}", "task_version": "1", "seed": seed,
        "status": status, "reason": "", "attempt": 1, "seconds": 1.0, "device": device, "hardware": "h",
        "source": state, "task_source": "t", "libraries": "{}", "data": "", "host": "here",
        "variant": "{}", "recipe": "{}", "origin": "default", "trials": 0, "trial": 0,
    }  # fmt: skip
    split = {"seconds": "train", "size": "train"}
    return common, [
        {"split": split.get(name, "test"), "step": 1, "metric": name, "value": value, "unit": ""}
        for name, value in values.items()
    ]


def seeds(metric, values, **columns):
    return [run(seed, {metric: value}, **columns) for seed, value in enumerate(values)]


def exported(bench, by="date"):
    """Export what is stored; return asv's tree and what is said of it."""
    results = {"s": Results.load(bench.folder / "results" / "s")}
    said = export(results, by, bench.folder / "out", bench.folder, "a project")
    return read_tree(bench.folder / "out" / "results"), said


def git(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def history(tree, name, cell=("'m'",)):
    """Return what a cell measured, by the order of dates."""
    records = sorted(tree.records, key=lambda record: record.date)
    return [one.series[name].cells[cell] for one in records if name in one.series]


def test_an_accuracy_goes_along_as_an_error_with_its_interval_and_its_seeds(bench, stored):
    stored(*seeds("accuracy", [0.9, 0.8, 0.85]))
    tree, _ = exported(bench)
    (found,) = history(tree, "s.t.accuracy-error")
    expected = t_interval([0.1, 0.2, 0.15], 0.99)
    assert (found.value, found.low, found.high) == pytest.approx((expected.mean, expected.low, expected.high))
    assert found.seeds == (0, 1, 2)
    assert found.samples == pytest.approx((0.1, 0.2, 0.15))


def test_what_falls_when_it_worsens_is_negated_and_what_rises_is_not(bench, stored):
    stored(run(0, {"score": 30.0, "mse": 0.5, "seconds": 2.0}), primary="score")
    tree, _ = exported(bench)
    assert {name: history(tree, name)[0].value for name in tree.benchmarks} == {
        "s.t.negative-score": -30.0, "s.t.mse": 0.5, "s.t.train.seconds": 2.0,
    }  # fmt: skip
    assert {name: one.unit for name, one in tree.benchmarks.items()} == {
        "s.t.negative-score": "dB", "s.t.mse": "", "s.t.train.seconds": "seconds",
    }  # fmt: skip
    settings = json.loads((bench.folder / "out" / "asv.conf.json").read_text())
    assert len(settings["regressions_thresholds"]) == 2  # of quality every step counts, of costs those above 5 %


def test_one_seed_has_no_interval(bench, stored):
    stored(run(0, {"mse": 0.5}), primary="mse")
    (found,) = history(exported(bench)[0], "s.t.mse")
    assert (found.value, found.low, found.high) == (0.5, None, None)


def test_a_failed_run_counts_as_the_worst_value_or_fails_the_point(bench, stored):
    stored(run(0, {"accuracy": 0.9}), run(1, {}, status="failed"))
    (found,) = history(exported(bench)[0], "s.t.accuracy-error")
    assert found.value == pytest.approx(0.55)
    stored(run(0, {"mse": 0.9}, method="n"), run(1, {}, status="failed", method="n"), primary="mse")
    (found,) = history(exported(bench)[0], "s.t.mse", ("'n'",))
    assert (found.value, found.samples) == (None, (0.9, None))


def test_seeds_that_ran_later_belong_to_the_state_they_are_of(bench, stored):
    stored(*seeds("accuracy", [0.9, 0.8]))
    stored(run(2, {"accuracy": 0.7}), *seeds("accuracy", [0.6], state="2"))
    first, second = history(exported(bench)[0], "s.t.accuracy-error")
    assert first.samples == pytest.approx((0.1, 0.2, 0.3))
    assert second.samples == pytest.approx((0.4,))


def test_versions_are_points_in_their_order_and_not_in_that_of_measuring(bench, stored):
    for version, value in (("1.10", 0.8), ("1.9", 0.9), ("1.10rc1", 0.85)):
        stored(run(0, {"accuracy": value}, version=version, state=version))
    tree, _ = exported(bench, by="version")
    assert [one.value for one in history(tree, "s.t.accuracy-error")] == pytest.approx([0.1, 0.15, 0.2])
    assert git(bench.folder / "out" / "history", "tag", "--sort=creatordate").split() == ["1.9", "1.10rc1", "1.10"]


@pytest.fixture
def commits(bench):
    """A repository in the folder of `bench`, and the hashes of its three commits."""
    git(bench.folder, "init", "-q", "-b", "main")
    found = []
    for i in range(3):
        git(bench.folder, "commit", "-q", "--allow-empty", "-m", f"commit {i}")
        found.append(git(bench.folder, "rev-parse", "HEAD"))
    return found


def test_commits_are_those_that_the_plugins_were_at(bench, stored, commits):
    for i in (0, 2):
        at = {"commit of bench-m": commits[i], "commit of other": "f" * 40}
        stored(run(0, {"accuracy": 0.9 - i / 10}, state=str(i)), environment=at)
    tree, said = exported(bench, by="commit")
    assert {one.commit: one.series["s.t.accuracy-error"].cells["'m'",].value for one in tree.records} == {
        commits[0]: pytest.approx(0.1), commits[2]: pytest.approx(0.3),
    }  # fmt: skip
    assert (str(said), said.left_out) == ("2 points, 1 series", {})


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (lambda hashes: {"python": "3"}, "2 runs tell no commit"),
        (lambda hashes: {"commit of m": f"{hashes[1]}, changed"}, "2 runs were made with changes that were not commit"),
        (lambda hashes: {"commit of m": "f" * 40}, "2 runs were made at commits that are not on the branch"),
        (lambda hashes: {"commit of m": hashes[1], "commit of n": hashes[2]}, "2 runs tell several commits"),
    ],
)
def test_a_run_of_no_commit_is_a_gap_and_no_guess(bench, stored, commits, told, words):
    stored(run(0, {"accuracy": 0.9}), environment={"commit of m": commits[0]})
    stored(*seeds("accuracy", [0.5, 0.5], state="2"), environment=told(commits))
    tree, said = exported(bench, by="commit")
    assert [one.commit for one in tree.records] == [commits[0]]
    assert any(f"{count} runs {reason}".startswith(words) for reason, count in said.left_out.items())


def test_the_same_code_that_ran_at_a_clean_commit_too_stands_there(bench, stored, commits):
    stored(run(0, {"accuracy": 0.9}), environment={"commit of m": f"{commits[0]}, changed"})
    stored(run(1, {"accuracy": 0.8}), environment={"commit of m": commits[1]})
    ((record),) = exported(bench, by="commit")[0].records
    assert record.commit == commits[1]
    assert record.series["s.t.accuracy-error"].cells["'m'",].samples == pytest.approx((0.1, 0.2))


def test_of_two_states_at_one_point_the_newer_counts_and_the_other_is_told(bench, stored, commits):
    for state, value in (("1", 0.9), ("2", 0.8)):
        stored(run(0, {"accuracy": value}, state=state), environment={"commit of m": commits[0]})
    tree, said = exported(bench, by="commit")
    assert [one.value for one in history(tree, "s.t.accuracy-error")] == pytest.approx([0.2])
    assert list(said.left_out.values()) == [1]


def test_devices_have_graphs_of_their_own(bench, stored):
    stored(run(0, {"accuracy": 0.9}), run(0, {"accuracy": 0.8}, device="cuda"))
    tree, _ = exported(bench)
    found = {one.params["device"]: one.series["s.t.accuracy-error"].cells["'m'",].value for one in tree.records}
    assert found == {"cpu": pytest.approx(0.1), "cuda": pytest.approx(0.2)}
    assert {one.machine for one in tree.records} == set(tree.machines)


def test_asv_publishes_an_export_and_alarms_where_accuracy_fell(bench, stored):
    for day in range(8):
        level = 0.9 if day < 5 else 0.8
        noise = [0.001 * ((3 * day + seed) % 5) for seed in range(4)]
        stored(*seeds("accuracy", [level + one for one in noise], state=str(day)),
               *seeds("accuracy", [0.7 + one for one in noise], state=f"n{day}", method="n"))  # fmt: skip
    exported(bench)
    command = [sys.executable, "-m", "asv", "--config", "asv.conf.json", "publish"]
    out = bench.folder / "out"
    done = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = json.loads((out / "html" / "regressions.json").read_text())["regressions"]
    assert found[0] == "s.t.accuracy-error('m')"
    revisions = json.loads((out / "html" / "index.json").read_text())["revision_to_hash"]
    (jump,) = found[-1]
    assert revisions[str(jump[1])] == git(out / "history", "rev-parse", "2026-01-06")


def test_commits_of_an_export_are_compared_by_their_tags(bench, stored):
    for day, fall in enumerate([0.0, 0.0, 0.05]):
        stored(*seeds("accuracy", [value - fall for value in (0.9, 0.8, 0.85, 0.7)], state=str(day)))
    exported(bench)
    alike = bench("asv", "compare", "2026-01-01", "2026-01-02", "--config", "out/asv.conf.json")
    assert (alike.returncode, alike.stderr) == (0, "")
    worse = bench("asv", "compare", "2026-01-02", "2026-01-03", "--config", "out/asv.conf.json", "--format", "json")
    (change,) = json.loads(worse.stdout)["changes"]
    assert (worse.returncode, change["finding"], change["how"], change["n"]) == (1, "worse", "paired by seed", 4)
    assert change["loss"]["mean"] == pytest.approx(0.05 / 0.1875)


def test_costs_are_not_paired_by_seed_for_a_busy_day_is_the_same_for_all_seeds(bench, stored):
    """A count, the same for all seeds, does not depend on the day."""
    for day in range(2):
        stored(*[run(seed, {"seconds": 1 + seed + 0.5 * day, "size": 7.0 + day}, state=str(day)) for seed in range(4)])
    exported(bench)
    done = bench("asv", "compare", "2026-01-01", "2026-01-02", "--config", "out/asv.conf.json", "--format", "json")
    found = {change["benchmark"]: (change["how"], change["finding"]) for change in json.loads(done.stdout)["changes"]}
    assert found == {
        "s.t.train.seconds": ("stored samples", "cannot be told"), "s.t.train.size": ("paired by seed", "worse"),
    }  # fmt: skip


def test_two_folders_of_one_name_are_refused(bench, stored):
    stored(run(0, {"accuracy": 0.9}))
    shutil.copytree(bench.folder / "results" / "s", bench.folder / "other" / "s")
    done = bench("asv", "export", "results/s", "other/s", "--by", "date", "--out", "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("bench: two folders are called 's'")
    assert bench("asv", "export", "s", "results/s", "--by", "date", "--out", "out").returncode == 0


def test_tags_are_made_for_those_who_sign_theirs_too(tmp_path, monkeypatch):
    (tmp_path / ".gitconfig").write_text("[tag]\n    gpgSign = true\n[gpg]\n    program = false\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    hashes = make_timeline(tmp_path / "history", [("v 1", BEGAN)])
    assert git(tmp_path / "history", "rev-parse", "v-1") == hashes["v 1"]


def test_an_earlier_export_is_replaced_and_nothing_else_is(bench, stored):
    stored(run(0, {"accuracy": 0.9}))
    for _ in range(2):
        done = bench("asv", "export", "s", "--by", "date", "--out", "out")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "1 point, 1 series; `bench asv publish --config out/asv.conf.json` shows them\n"
    assert len(read_tree(bench.folder / "out" / "results").records) == 1
    done = bench("asv", "publish", "--config", "out/asv.conf.json")
    assert done.stdout.startswith("1 commits, 1 series, 0 regressions"), done.stderr
    (bench.folder / "mine").mkdir()
    (bench.folder / "mine" / "thesis.txt").write_text("all of it")
    done = bench("asv", "export", "s", "--by", "date", "--out", "mine")
    assert done.returncode == 2
    assert done.stderr == "bench: mine holds something else than an earlier export; choose another with --out\n"
    assert len(list((bench.folder / "mine").iterdir())) == 1


def test_nothing_at_any_point_is_said_in_one_line(bench, stored, commits):
    stored(run(0, {"accuracy": 0.9}))
    done = bench("asv", "export", "s", "--out", "out")
    assert done.returncode == 2
    assert done.stderr == "bench: nothing to export: 1 of the runs tell no commit; --by date takes whatever is stored\n"
