"""Grouping, ranking and comparing, on tables made by hand."""

import itertools
import json

import pandas as pd
import pytest

from harness.report import overall, sections, tables
from harness.results import Results
from harness.schema import SCHEMA
from harness.stats.across import Scope

METRICS = {
    "accuracy": {"better": "higher", "unit": "", "role": "quality", "summary": "", "worst": 0.0},
    "mse": {"better": "lower", "unit": "", "role": "quality", "summary": ""},
    "seconds_per_step": {"better": "lower", "unit": "s", "role": "cost", "summary": ""},
    "chance": {"better": "higher", "unit": "", "role": "baseline", "summary": ""},
}
MACHINE = {"cpu": "A CPU", "cores": 2, "memory_gib": 4, "gpus": []}
minutes = itertools.count()


def run(method="m", values=None, *, seed=0, task="t", params=None, task_params=None, status="done", **columns):
    """Return the rows of one run, later than those of earlier calls; `values` maps metrics, or (split, metric)."""
    hardware, device, source = (columns.get(key, key) for key in ("hardware", "device", "source"))
    cell = [method, params, task, task_params, seed, hardware, device, source]
    common = {
        "suite": "s", "run": json.dumps(cell), "family": "f", "method": method,
        "method_params": json.dumps(params or {}, sort_keys=True), "method_version": "1", "task": task,
        "task_params": json.dumps(task_params or {}, sort_keys=True), "task_version": "1", "seed": seed,
        "status": status, "reason": "", "attempt": 1, "seconds": 1.0, "device": "device", "hardware": "hardware",
        "started_at": pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(minutes=next(minutes)), "environment": "e",
        "source": "source", "task_source": "task",
        "libraries": "{}", "data": "d:1", "host": "here", "session": "s1", "schema_version": 1,
        "variant": json.dumps(params or {}, sort_keys=True), "recipe": "{}", "origin": "default", "trials": 0,
        "trial": 0,
    } | columns  # fmt: skip
    ends = [(key if isinstance(key, tuple) else ("test", key), value) for key, value in (values or {}).items()]
    rows = [{"split": split, "step": 9, "metric": m, "value": value, "unit": ""} for (split, m), value in ends]
    return [common | row for row in rows or [dict.fromkeys(("split", "step", "metric", "value", "unit"))]]


def results(*runs, primary="accuracy", field=()):
    rows = [row for one in runs for row in one]
    tasks = {f"{row['task']} {row['task_params']}" for row in rows}
    header = {
        "suite": "s", "suite_text": "tasks: [t]\n", "metrics": METRICS, "hardware": {"hardware": MACHINE},
        "environment": {"e": {"python": "3"}}, "primary": dict.fromkeys(tasks, primary), "field": list(field),
    }  # fmt: skip
    table = pd.DataFrame(rows, columns=SCHEMA.names)
    return Results(table, [header])


def seeds(method, values, metric="accuracy", **columns):
    return [row for seed, value in enumerate(values) for row in run(method, {metric: value}, seed=seed, **columns)]


def board(found):
    (only,) = found.leaderboards()
    return only


def order(found):
    return [standing.method for standing in board(found).standings]


def scores(found):
    return {standing.method: standing.score.mean for standing in board(found).standings}


@pytest.mark.parametrize(("metric", "first"), [("accuracy", ["b", "c", "a"]), ("mse", ["a", "c", "b"])])
def test_best_first_by_the_direction_of_the_metric(metric, first):
    found = results(*(run(m, {metric: value}) for m, value in (("a", 0.1), ("b", 0.9), ("c", 0.5))), primary=metric)
    assert order(found) == first
    assert board(found).better == METRICS[metric]["better"]
    assert board(found).like_best[0] == first[0]


def test_score_is_the_mean_over_seeds_with_its_interval():
    score = board(results(seeds("m", [0.5, 0.6, 0.7]))).standings[0].score
    assert score.mean == pytest.approx(0.6)
    assert score.half_width == pytest.approx(4.30265 * 0.1 / 3**0.5, rel=1e-5)
    assert score.n == 3


def test_splits_are_never_pooled():
    near, far = results(
        *(run(seed=seed, values={("test-far", "accuracy"): 0.2, ("test", "accuracy"): 0.8}) for seed in (0, 1))
    ).leaderboards()
    assert [(b.split, b.standings[0].score.mean, b.standings[0].score.n) for b in (near, far)] == [
        ("test", 0.8, 2),
        ("test-far", 0.2, 2),
    ]


def test_validation_and_training_values_do_not_rank():
    found = results(run(values={("val", "accuracy"): 0.99, ("train", "accuracy"): 1.0, ("test", "accuracy"): 0.5}))
    assert scores(found) == {"m": 0.5}


def test_one_seed_prints_no_interval():
    found = results(run(values={"accuracy": 0.5}))
    assert tables.lines(board(found))[0][2:4] == ["0.5 ± –", "1"]


def test_last_attempt_counts():
    failed = run(status="failed", reason="no luck")
    again = run(values={"accuracy": 0.5}, attempt=2, session="s2")
    found = results(again, failed)  # whatever the order of the rows
    assert scores(found) == {"m": 0.5}
    assert found.counts() == {"done": 1}
    assert board(found).standings[0].failures == 0
    assert len(found.history) == 2


def test_last_attempt_counts_where_it_is_the_failed_one():
    found = results(run(values={"accuracy": 0.5}), run(status="failed", reason="no luck", attempt=2))
    assert board(found).standings == ()
    assert board(found).unscored == {"m": "failed: no luck"}


def test_attempt_that_two_sessions_made_at_once_counts_once():
    found = results(run(values={"accuracy": 0.5}, session="s2"), run(values={"accuracy": 0.7}, session="s1"))
    assert scores(found) == {"m": 0.5}
    assert len(found.rows) == 1


def test_rows_of_older_source_are_not_mixed_with_newer():
    found = results(
        seeds("m", [0.1, 0.1, 0.1], source="old"),
        seeds("m", [0.9, 0.9], source="new"),
        seeds("other", [0.5, 0.5, 0.5], source="old"),
    )
    assert scores(found) == {"m": 0.9, "other": 0.5}
    assert board(found).standings[0].score.n == 2
    assert set(found.history["source"]) == {"old", "new"}


def test_rows_of_older_libraries_are_not_mixed_with_newer():
    found = results(
        seeds("m", [0.1, 0.1], libraries='{"torch": "2"}', run="old"),
        seeds("m", [0.9], libraries='{"torch": "3"}', run="new"),
    )
    assert scores(found) == {"m": 0.9}


def test_methods_that_ran_with_older_code_of_the_task_wait_for_the_newer():
    found = results(
        seeds("m", [0.1, 0.1], source="m old", task_source="old"),
        seeds("other", [0.5, 0.5], source="other old", task_source="old"),
        seeds("m", [0.9], source="m new", task_source="new"),
    )
    assert scores(found) == {"m": 0.9}


def test_newer_source_that_only_failed_replaces_the_older():
    found = results(run(values={"accuracy": 0.5}, source="old"), run(status="failed", reason="bug", source="new"))
    assert board(found).unscored == {"m": "failed: bug"}


def test_seed_that_ran_under_two_ids_counts_once_in_scores_and_costs():
    """The number of cores of a run, or the choice of metrics, makes another id but no other cell."""
    values = {"accuracy": 0.1, "seconds_per_step": 1.0}
    newer = {"accuracy": 0.9, "seconds_per_step": 3.0}
    (standing,) = board(results(run(values=values, run="one"), run(values=newer, run="two"))).standings
    assert (standing.score.mean, standing.score.n) == (0.9, 1)
    assert standing.costs == {"seconds_per_step": 3.0}


@pytest.mark.parametrize("where", ["hardware", "device"])
def test_hardware_is_never_pooled(where):
    found = results(
        *(
            run(values={"accuracy": value, "seconds_per_step": value}, **{where: name})
            for name, value in (("one", 0.2), ("other", 0.8))
        )
    )
    boards = found.leaderboards()
    assert [(getattr(b, where), b.standings[0].score.mean, b.standings[0].score.n) for b in boards] == [
        ("one", 0.2, 1),
        ("other", 0.8, 1),
    ]
    assert [b.standings[0].costs for b in boards] == [{"seconds_per_step": 0.2}, {"seconds_per_step": 0.8}]
    assert len({tables.title(b) for b in boards}) == 2


def test_tasks_with_different_parameters_are_never_pooled():
    found = results(*(run(values={"accuracy": value}, task_params={"lag": value}) for value in (1.0, 2.0)))
    means = {b.task: b.standings[0].score.mean for b in found.leaderboards()}
    assert means == {"t lag=1.0": 1.0, "t lag=2.0": 2.0}


def test_costs_are_means_over_the_runs_that_succeeded():
    found = results(
        run(values={"accuracy": 0.5, ("train", "seconds_per_step"): 1.0}, seed=0),
        run(values={"accuracy": 0.5, ("train", "seconds_per_step"): 2.0}, seed=1),
        run(values={("train", "seconds_per_step"): 99.0}, seed=2, status="failed"),
    )
    assert board(found).standings[0].costs == {"seconds_per_step": 1.5}


def timed(method, seconds, **columns):
    return run(method, {"accuracy": 0.5, ("train", "seconds_per_step"): seconds}, **columns)


def test_cost_ratios_refer_to_the_fastest_of_the_field():
    rows = [timed("slow", 6.0), timed("fast", 1.0), timed("a", 2.0), timed("b", 3.0)]
    ratios = lambda found: {s.method: s.cost_ratio for s in board(found).standings}  # noqa: E731
    assert ratios(results(*rows)) == {"slow": 6, "fast": 1, "a": 2, "b": 3}
    assert ratios(results(*rows, field=["a", "b"])) == {"slow": 3, "fast": 0.5, "a": 1, "b": 1.5}
    found = results(*rows, run("untimed", {"accuracy": 0.5}), field=["a", "b"])
    assert ratios(found)["untimed"] is None
    assert tables.header(board(found))[4:] == ["ms/step", "time ×"]
    shown = {line[1].removesuffix(" *"): line[-1] for line in tables.lines(board(found))}
    assert shown == {"slow": "3", "fast": "0.5", "a": "1", "b": "1.5", "untimed": "–"}


def test_no_cost_ratio_where_the_score_is_one_or_where_nothing_takes_time():
    task = {"reference": {"method": "b", "params": {}}}
    assert {s.cost_ratio for s in board(results(timed("a", 2.0, task_params=task))).standings} == {None}
    found = results(timed("free", 0.0), timed("a", 2.0))
    assert {s.cost_ratio for s in board(found).standings} == {None}
    assert "time ×" not in tables.header(board(found))


def test_methods_like_the_best():
    found = results(
        seeds("best", [0.90, 0.91, 0.92, 0.93]),
        seeds("near", [0.91, 0.90, 0.93, 0.91]),
        seeds("far", [0.10, 0.12, 0.11, 0.13]),
    )
    assert board(found).like_best == ["best", "near"]


def test_pairing_by_seed_tells_what_means_alone_do_not():
    """Seeds differ a lot and the methods, on each seed, by nearly the same."""
    found = results(seeds("a", [0.1, 0.5, 0.9]), seeds("b", [0.0500, 0.4501, 0.8499]))
    assert board(found).like_best == ["a"]


def test_method_without_a_seed_in_common_cannot_be_told_from_the_best():
    found = results(run("a", {"accuracy": 0.9}, seed=0), run("b", {"accuracy": 0.1}, seed=1))
    assert board(found).like_best == ["a", "b"]


def test_many_comparisons_are_corrected_for():
    """p = 0.035 alone is below 5 %; the smallest of four such ones is not."""
    best, rival = [0.50, 0.50, 0.50], [0.49, 0.48, 0.485]
    alone = board(results(seeds("best", best), seeds("r", rival)))
    assert alone.like_best == ["best"]
    several = board(results(seeds("best", best), *(seeds(f"r{i}", rival) for i in range(4))))
    assert len(several.like_best) == 5


SAME = [0.50, 0.60, 0.55]
WORSE = [0.100, 0.201, 0.150]


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ({"a": SAME}, []),
        ({"a": [0.5], "b": [0.1]}, ["One seed", "more than chance"]),
        ({"a": SAME, "b": [0.1]}, ["One seed", "more than chance"]),
        (
            {"a": SAME, "b": WORSE},
            ["The best can be told from all others", "over 3 seeds", "Holm, 5 %", "fewer than 5 seeds"],
        ),
        ({"a": SAME, "b": [0.51, 0.59, 0.54]}, ["Little is separated", "none of the others can be told from the best"]),
        (
            {"a": SAME, "b": [0.51, 0.59, 0.54], "c": WORSE},
            ["Little is separated", "only 1 of the 2 others can be told from the best"],
        ),
        (
            {"a": SAME, "b": [0.51, 0.59, 0.54], "c": WORSE, "d": [0.000, 0.101, 0.050]},
            ["* cannot be told from the best"],
        ),
    ],
)
def test_verdict(methods, words):
    verdict = board(results(*(seeds(name, values) for name, values in methods.items()))).verdict
    assert all(word in verdict for word in words)
    assert bool(verdict) == bool(words)


def test_baselines_are_means_over_seeds_and_rank_nowhere():
    found = results(
        *(
            run(method, {"accuracy": 0.5, "chance": value}, seed=seed)
            for method in ("a", "b")
            for seed, value in enumerate([0.1, 0.2, 0.3])
        )
    )
    assert order(found) == ["a", "b"]
    (baseline,) = board(found).baselines.items()
    assert baseline[0] == "chance"
    assert (baseline[1].mean, baseline[1].n) == (pytest.approx(0.2), 3)


def test_baseline_belongs_to_its_split():
    values = {
        ("test", "accuracy"): 0.9, ("test", "chance"): 0.1,
        ("test-far", "accuracy"): 0.8, ("test-far", "chance"): 0.5,
    }  # fmt: skip
    near, far = results(run(values=values)).leaderboards()
    assert near.baselines["chance"].mean == 0.1
    assert far.baselines["chance"].mean == 0.5


def test_failures_count_as_the_worst_value_and_beside_the_score():
    found = results(
        run("a", {"accuracy": 0.5}, seed=0),
        run("a", seed=1, status="failed", reason="no luck"),
        run("a", seed=2, status="diverged", reason="nan"),
        run("b", {"accuracy": 0.4}, seed=0),
    )
    best, other = board(found).standings
    assert (best.method, best.failures, best.score.n) == ("b", 0, 1)
    assert (other.method, other.failures, other.score.n) == ("a", 2, 3)
    assert other.score.mean == pytest.approx(0.5 / 3)
    assert other.values == {0: 0.5, 1: 0.0, 2: 0.0}
    assert found.counts() == {"done": 2, "failed": 1, "diverged": 1}


def test_failure_counts_as_infinite_where_the_metric_has_no_worst_value():
    found = results(
        *(run("a", {"mse": 0.1}, seed=seed) for seed in (0, 1)),
        run("a", seed=2, status="killed"),
        seeds("b", [0.3, 0.4, 0.3], "mse"),
        primary="mse",
    )
    first, last = tables.lines(board(found))
    assert (first[1], last[1]) == ("b *", "a *")  # one failure of three may be chance
    assert last[2] == "failed 1 of 3"


def test_comparison_with_the_best_is_invalid_where_failure_rates_differ():
    found = results(seeds("a", [0.5, 0.6, 0.7]), seeds("b", [0.3, 0.3]), run("b", seed=2, status="killed"))
    assert list(board(found).incomparable) == ["b"]
    assert "failure rates differ: 1 of 3 runs against 0 of 3" in tables.notes(board(found))[-1]


def test_values_of_a_run_that_failed_later_do_not_count():
    found = results(run("a", {"accuracy": 0.99}, status="failed", reason="late"), run("b", {"accuracy": 0.1}))
    assert order(found) == ["b"]
    assert board(found).unscored == {"a": "failed: late"}


def test_reasons_of_a_method_without_any_score_are_told_once():
    found = results(
        run("a", seed=0, status="failed", reason="no luck"),
        run("a", seed=1, status="failed", reason="no luck"),
        run("a", seed=2, status="killed", reason="SIGKILL"),
    )
    assert board(found).unscored == {"a": "failed: no luck; killed: SIGKILL"}
    assert board(found).verdict == ""


def test_method_that_succeeded_without_a_value_on_a_split_says_so():
    found = results(
        run("a", {("test", "accuracy"): 0.5, ("test-far", "accuracy"): 0.5}), run("b", {("test", "accuracy"): 0.5})
    )
    _, far = found.leaderboards()
    assert list(far.unscored) == ["b"]
    assert not far.unscored["b"].rstrip().endswith(":")


def labels(*params, **columns):
    found = results(*(run(values={"accuracy": i}, params=p, **columns) for i, p in enumerate(params)))
    return list(found.runs["method_label"])


def test_labels_show_only_the_parameters_that_vary():
    assert labels({"n": 1, "init": "legs"}) == ["m"]
    assert labels({"n": 1, "init": "legs"}, {"n": 2, "init": "legs"}) == ["m n=1", "m n=2"]
    assert labels({"n": 1, "init": "a"}, {"n": 2, "init": "b"}) == ["m init=a n=1", "m init=b n=2"]


def test_labels_of_one_method_do_not_depend_on_another():
    found = results(
        run("a", {"accuracy": 1}, params={"n": 1}),
        run("b", {"accuracy": 1}, params={"n": 2}),
    )
    assert list(found.runs["method_label"]) == ["a", "b"]


@pytest.mark.parametrize(
    "variants",
    [
        ({"n": 1}, {"n": 1, "order": 2}),
        ({"n": 1, "order": 2}, {"n": 1}),
        ({}, {"order": None}),
        ({"n": 1}, {"n": "1"}),
        ({"n": True}, {"n": "True"}),
    ],
    ids=str,
)
def test_variants_are_never_pooled_whatever_their_parameters_are(variants):
    """A method gains parameters as it grows; its older variants keep a line of their own."""
    assert len(set(labels(*variants))) == 2
    found = results(*(run(values={"accuracy": i}, params=p) for i, p in enumerate(variants)))
    assert [s.score.mean for s in board(found).standings] == [1, 0]


ANCHORS = {"chance": 0.0, "reference": 1.0}


def over_tasks(scores, field=(), anchors=ANCHORS, **columns):
    """Return results of methods on tasks t0, t1, …: `scores` has shape (tasks, seeds) for each method."""
    runs = [
        run(method, {"accuracy": value, ("train", "seconds_per_step"): 1 / value}, seed=seed, task=f"t{i}", **columns)
        for method, table in scores.items()
        for i, values in enumerate(table)
        for seed, value in enumerate(values)
        if value is not None
    ]
    found = results(*runs)
    extra = {"anchors": {f"t{i} {{}}": anchors for i in range(9) if anchors}, "field": list(field)}
    return Results(found.history, [{**found._headers[0], **extra}])


TABLE = {
    "good": [[0.9, 0.8, 0.85], [0.7, 0.72, 0.71]],
    "fair": [[0.6, 0.7, 0.65], [0.5, 0.52, 0.51]],
    "poor": [[0.1, 0.2, 0.15], [0.3, 0.32, 0.31]],
}


def test_overview_ranks_by_the_interquartile_mean_of_normalised_scores():
    (found,) = over_tasks(TABLE, anchors={"chance": 0.1, "reference": 0.6}).overviews()
    assert [one.method for one in found.standings] == ["good", "fair", "poor"]
    assert found.tasks == ("t0", "t1")
    good = found.standings[0]
    middle = [0.71, 0.72, 0.8]  # of six values, one and a half at each end do not count
    expected = (0.5 * middle[0] + middle[1] + middle[2] + 0.5 * 0.85) / 3
    assert good.iqm[Scope.NEW_SEEDS].mean == pytest.approx((expected - 0.1) / 0.5)
    assert good.rank[Scope.NEW_TASKS].mean == 1
    assert (good.iqm[Scope.NEW_SEEDS].n, good.iqm[Scope.NEW_TASKS].n) == (3, 2)


def test_failed_run_counts_in_the_overview_and_is_shown():
    table = {**TABLE, "good": [[0.9, 0.8, 0.85], [0.7, 0.72, None]]}
    some = over_tasks(table)
    failed = run("good", seed=2, task="t1", status="killed")
    (found,) = Results(pd.concat([some.history, pd.DataFrame(failed)]), some._headers).overviews()
    good = next(one for one in found.standings if one.method == "good")
    assert good.failures == 1
    assert found.scores[found.methods.index("good")].tolist() == [[0.9, 0.8, 0.85], [0.7, 0.72, 0.0]]


def test_method_that_lacks_a_seed_is_not_ranked_and_takes_none_from_the_others():
    (found,) = over_tasks({**TABLE, "late": [[0.5, 0.5, 0.5], [0.5, None, None]]}).overviews()
    assert found.unranked == {"late": "not run on t1 with seed 1, 2"}
    assert found.seeds == (0, 1, 2)


def test_task_without_anchors_does_not_count_and_says_so():
    (found,) = over_tasks(TABLE, anchors=None).overviews()
    assert found.left_out == {"t0": "it has no anchors", "t1": "it has no anchors"}
    assert found.standings == ()


def test_families_and_devices_have_overviews_of_their_own():
    one = over_tasks(TABLE)
    other = one.history.assign(hardware="other", run=one.history["run"] + "o", value=0.5)
    found = Results(pd.concat([one.history, other]), one._headers).overviews()
    assert [overview.hardware for overview in found] == ["hardware", "other"]
    assert all(overview.place for overview in found)


def test_frozen_field_keeps_ranks_where_they_are_when_a_method_joins():
    def ranks_of(scores, field):
        (found,) = over_tasks(scores, field).overviews()
        return {one.method: one.rank[Scope.NEW_SEEDS] for one in found.standings}, found.is_frozen

    joined = {**TABLE, "new": [[0.99, 0.99, 0.99], [0.98, 0.99, 0.99]]}
    before, is_frozen = ranks_of(TABLE, ["good", "fair"])
    after, _ = ranks_of(joined, ["good", "fair"])
    assert is_frozen
    assert {method: after[method] for method in before} == before
    assert ranks_of(joined, [])[0]["good"].mean == before["good"].mean + 1


def test_like_the_best_over_tasks_counts_comparisons_with_the_best_only():
    """Told from it among three comparisons; among all six pairs it would not be."""
    scores = {"best": [[0.80, 0.80, 0.80]] * 2, "near": [[0.788, 0.785, 0.79]] * 2, "a": [[0.1, 0.2, 0.3]] * 2,
              "b": [[0.2, 0.3, 0.1]] * 2}  # fmt: skip
    (found,) = over_tasks(scores).overviews()
    pair = next(pair for pair in found.pairs if (pair.a, pair.b) == ("best", "near"))
    assert found.pair("best", "near").p < 0.05 / 3 < 0.05 < pair.p
    assert "near" not in overall.like_best(found)


def test_pairs_over_tasks():
    (found,) = over_tasks(TABLE).overviews()
    pair = found.pairs[0]
    assert (pair.a, pair.b, pair.tally.wins, pair.invalid) == ("good", "fair", 2, "")
    assert pair.gain.mean == pytest.approx(0.2)
    assert pair.improvement == 1
    assert {scope: one.mean for scope, one in found.improvement("good", "fair").items()} == dict.fromkeys(Scope, 1)
    assert pair.p >= found.pair("good", "fair").p  # Holm


def test_profiles_of_scores_and_of_costs():
    some = over_tasks({"good": [[0.8, 0.8], [0.4, 0.4]], "fair": [[0.4, 0.4], [0.4, 0.4]]}, ["fair"])
    (found,) = some.overviews()
    shares = found.profile([0.3, 0.5, 0.9])
    assert [one.mean for one in shares["good"]] == [1, 0.5, 0]
    cost = some.cost_profile(found, "seconds_per_step", [0.5, 1, 2])
    assert [one.mean for one in cost.shares["good"]] == [0.5, 1, 1]  # half the time of the field on the first task
    assert [one.mean for one in cost.shares["fair"]] == [0, 1, 1]
    assert cost.areas == {"good": 1, "fair": 1}
    assert (cost.field, cost.is_frozen) == (("fair",), True)


def test_critical_difference_diagram_needs_six_tasks():
    assert over_tasks(TABLE).overviews()[0].diagram is None
    many = {method: [[value + i / 100, value] for i in range(7)] for method, value in (("a", 0.9), ("b", 0.5))}
    diagram = over_tasks(many).overviews()[0].diagram
    assert list(diagram.places) == ["a", "b"]
    assert diagram.cliques == ()


def test_comparison_of_two_methods():
    (found,) = over_tasks(TABLE).compare("good", "fair", margin=0.5)
    assert [match.task for match in found.matches] == ["t0", "t1"]
    first = found.matches[0]
    assert (first.n, first.result.gain.mean) == (3, pytest.approx(0.2))
    assert first.adjusted >= first.result.p
    assert first.equivalent < 0.05  # within half of the way from chance to the reference
    assert (found.tally.wins, found.tally.losses) == (2, 0)
    assert found.overall.gain.mean == pytest.approx(0.2)


def test_only_looks_at_some_runs():
    found = results(run("a", {"accuracy": 1}, run="1"), run("b", {"accuracy": 2}, run="2"))
    chosen = found.only(["1", "nothing"])
    assert order(chosen) == ["a"]
    assert chosen.suite_text == found.suite_text


def test_results_of_nothing():
    found = results()
    assert found.leaderboards() == []
    assert found.counts() == {}
    assert sections.failures(found) == ""
    assert isinstance(sections.leaderboards(found) + sections.provenance(found), str)


def test_newest_header_wins():
    old = {"metrics": METRICS, "primary": {"t {}": "mse"}, "suite_text": "old"}
    new = {"metrics": METRICS, "primary": {"t {}": "accuracy"}, "suite_text": "new"}
    rows = run(values={"accuracy": 0.5, "mse": 0.1})
    found = Results(pd.DataFrame(rows), [old, new])
    assert board(found).metric == "accuracy"
    assert found.suite_text == "new"


def test_section_of_failures_lists_every_run_that_did_not_succeed():
    found = results(
        run("a|b", seed=3, status="failed", reason="<b>no</b>\nluck"),
        run("c", {"accuracy": 1}),
        run("d", status="skipped"),
    )
    text = sections.failures(found)
    assert "a\\|b | t | 3 | failed | &lt;b\\>no&lt;/b\\> luck |" in text
    assert "| d | t | 0 | skipped |" in text
    assert "| c |" not in text


def test_section_of_provenance():
    text = sections.provenance(results(run(values={"accuracy": 1}), run("b", seed=1, data="d:1 e:2")))
    assert "A CPU, 2 cores, 4 GiB" in text
    assert "- d:1\n- e:2" in text
    assert "    tasks: \\[t\\]" not in text
    assert "\n\n    tasks: [t]" in text
