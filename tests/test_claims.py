"""Claims through the command line: every verdict from made-up results, what plans can tell, what suites get wrong."""

import json
import math
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner

from harness import store
from harness.cli import main
from harness.report import ledger
from harness.results import Results
from harness.testing import Bench

METRICS = {
    "distance": {"better": "lower", "unit": "m", "role": "quality", "summary": "", "worst": None},
    "seconds_per_step": {"better": "lower", "unit": "s", "role": "cost", "summary": "", "worst": None},
    "peak_memory": {"better": "lower", "unit": "MiB", "role": "cost", "summary": "", "worst": None},
}
NOISE = [0.00, 0.01, -0.01, 0.02, -0.02]  # of five seeds
REFERENCE = [1.00, 1.01, 1.02, 0.99, 0.98]
ANCHORS = {"chance": 2.0, "reference": 0.0}
SUITE = """\
title: Made up
seeds: [0, 1, 2, 3, 4]
tasks:
  - task: guess
    grid: {count: [3, 6, 12, 24]}
    metrics: [distance, seconds_per_step, peak_memory]
    anchors: {chance: 2, reference: 0, source: nobody}
methods:
  - method: shift
    grid: {offset: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}
claims:
"""
# The methods, by their offset: what each does on the first task, against REFERENCE, which is offset 0. None: failed.
GAINS = {
    1: [0.5 + e for e in NOISE],
    2: [0.1 + e for e in NOISE],
    3: [0.01 + e for e in NOISE],
    4: [2 * e for e in NOISE],
    5: [e - 0.5 for e in NOISE],
    6: [0.2 + 20 * e for e in NOISE],
    7: [None, None, None, None, 0.5],
    8: [0.5, 0.5, 0.5, 0.5, None],
    9: [None] * 5,
}
BEATS = "beats: {a: 'offset=%s', b: 'offset=0', by: 0.5, tasks: ['count=3']%s}"
CLAIMS = {
    "by-the-claimed": (BEATS % (1, ""), "REPRODUCED"),
    "by-less": (BEATS % (2, ""), "REPRODUCED-SMALLER"),
    "by-nothing-that-matters": (BEATS % (3, ", margin: 0.1"), "EQUIVALENT"),
    "by-nothing": (BEATS % (4, ""), "REFUTED"),
    "the-other-way": (BEATS % (5, ""), "REVERSED"),
    "who-knows": (BEATS % (6, ""), "INCONCLUSIVE"),
    "fails-more": (BEATS % (7, ""), "INVALID"),
    "fails-once": (BEATS % (8, ""), "INVALID"),
    "fails-on-every-split": (
        "beats: {a: 'offset=9', b: 'offset=0', by: 1, tasks: 'count=24', split: far}", "INVALID"),
    "never-run": (BEATS % (12, ""), "INCONCLUSIVE"),
    "weak-rival": (BEATS % (1, ", published: 0.5"), "INVALID"),
    "over-tasks": ("beats: {a: 'offset=1', b: 'offset=0', by: 0.25, tasks: ['count=3|6']}", "REPRODUCED"),
    "as-good": ("not-worse: {a: 'offset=3', b: 'offset=0', margin: 0.1, tasks: 'count=3'}", "REPRODUCED"),
    "not-as-good": ("not-worse: {a: 'offset=5', b: 'offset=0', margin: 0.1, tasks: 'count=3'}", "REFUTED"),
    "thrice-as-fast": (
        "cheaper: {a: 'offset=1', b: 'offset=0', factor: 3, metric: seconds_per_step, tasks: 'count=3|6'}",
        "REPRODUCED"),
    "ten-times-as-fast": (
        "cheaper: {a: 'offset=1', b: 'offset=0', factor: 10, share: 0.2, metric: seconds_per_step, tasks: 'count=3|6'}",
        "REPRODUCED-SMALLER"),
    "split-not-told": (
        "cheaper: {a: 'offset=1', b: 'offset=0', factor: 3, metric: peak_memory, tasks: 'count=3'}", "INVALID"),
    "split-told": (
        "cheaper: {a: 'offset=1', b: 'offset=0', factor: 3, metric: peak_memory, split: far, tasks: 'count=3'}",
        "REVERSED"),
    "linear": ("grows: {a: 'offset=0', size: count, power: 1.1, metric: seconds_per_step}", "REPRODUCED"),
    "below-linear": ("grows: {a: 'offset=0', size: count, power: 0.9, metric: seconds_per_step}", "REFUTED"),
    "linear-in-steps": (
        "grows: {a: 'offset=0', size: step, power: 1.5, metric: peak_memory, split: sizes, tasks: 'count=3'}",
        "REFUTED"),
    "growth-of-failures": ("grows: {a: 'offset=9', size: count, power: 1, metric: seconds_per_step}", "INVALID"),
    "falls": ("monotone: {a: 'offset=0', parameter: count, way: falling}", "REPRODUCED"),
    "rises": ("monotone: {a: 'offset=0', parameter: count, way: rising}", "REVERSED"),
    "over-methods": (
        "monotone: {a: 'offset=1|2|3', parameter: offset, way: rising, tasks: 'count=3'}", "REPRODUCED"),
}  # fmt: skip


def suite_of(claims):
    lines = [f"  - id: {name}\n    source: Nobody 2026\n    statement: It is so.\n    check: {{{check}}}\n"
             for name, check in claims.items()]  # fmt: skip
    return SUITE + "".join(lines)


def write(name, text):
    Path(name).write_text(text, encoding="utf-8")


def value(metric, number, split="test", step=1):
    return {"split": split, "step": step, "metric": metric, "value": number, "unit": ""}


def measured(offset, count, seed):
    """Return the values of a run, or None where it fails: costs grow like count, and four times slower at offset 0."""
    gains = GAINS.get(offset, [0.0] * 5)
    if offset and gains[seed] is None:
        return None
    distance = REFERENCE[seed] - (gains[seed] if offset else 0.0) - 0.01 * (count - 3)
    slow = 4.0 if offset == 0 else 1.0
    found = [value("distance", distance), value("seconds_per_step", slow * count * (1 + NOISE[seed] / 10), "train")]
    found += [value("peak_memory", 10 / slow, split) for split in ("near", "far")]
    return found + [value("peak_memory", 1e-3 * size**2, "sizes", size) for size in (10, 20, 40)]


def write_results(folder, text, anchors=True):
    """Store a run of each offset up to 9 with each seed, on as many tasks as its claims speak of."""
    tasks = {count: json.dumps({"count": count, "target": 0.0}) for count in (3, 6, 12, 24)}
    header = {
        "suite": "s", "title": "", "suite_text": text, "metrics": METRICS, "hardware": {}, "environment": {},
        "primary": {f"guess {params}": "distance" for params in tasks.values()},
        "anchors": {f"guess {params}": ANCHORS for params in tasks.values()} if anchors else {},
    }  # fmt: skip
    rows = [
        row
        for offset in range(10)
        for count, params in list(tasks.items())[: {0: 4, 1: 2, 9: 4}.get(offset, 1)]
        for seed in range(5)
        for row in store.as_rows(attempt(offset, count, seed, params))
    ]
    folder.mkdir(parents=True, exist_ok=True)
    store.write_file(folder / "one.parquet", pa.Table.from_pylist(rows, store.SCHEMA), {"one": header})


def attempt(offset, count, seed, params):
    """Return what a session stores of a run."""
    values = measured(offset, count, seed)
    common = {
        "suite": "s", "run": f"{offset}-{count}-{seed}", "family": "toy", "method": "shift",
        "method_params": json.dumps({"offset": float(offset)}), "method_version": "1", "task": "guess",
        "task_params": params, "task_version": "1", "seed": seed, "reason": "", "attempt": 1,
        "status": "failed" if values is None else "done", "seconds": 2.0, "device": "cpu",
        "started_at": "2026-01-02T03:04:05.000006+00:00", "hardware": "h", "environment": "e",
        "source": "c", "task_source": "t", "libraries": "{}", "data": "", "host": "here", "session": "one",
        "schema_version": 1,
    }  # fmt: skip
    return {"common": common, "values": values}


@pytest.fixture(scope="module")
def told(tmp_path_factory, toy_folder):
    """The command line with a suite of claims and results for each of them."""
    bench = Bench(tmp_path_factory.mktemp("claims"), [toy_folder])
    text = suite_of({name: check for name, (check, _) in CLAIMS.items()})
    bench.write("s.yaml", text)
    write_results(bench.folder / "results" / "s", text)
    return bench


@pytest.fixture(scope="module")
def judged(told, toy_folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(toy_folder))
        arguments = ["claims", str(told.folder / "s.yaml"), "--results", str(told.folder / "results"), "--json"]
        found = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert found.exit_code == 0, found.stderr
    return {one["claim"]: one for one in json.loads(found.stdout)}


@pytest.fixture
def program(toy_folder, tmp_path, monkeypatch):
    """Return a function that calls the program in this process, with the toy plugin, and returns what it says."""
    monkeypatch.syspath_prepend(str(toy_folder))
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        return CliRunner().invoke(main, list(arguments), catch_exceptions=False)

    return call


@pytest.mark.parametrize("name", CLAIMS)
def test_verdict(judged, name):
    assert judged[name]["verdict"] == CLAIMS[name][1], judged[name]["reason"]


def test_every_verdict_is_among_them(judged):
    assert {one["verdict"] for one in judged.values()} == {
        "REPRODUCED", "REPRODUCED-SMALLER", "EQUIVALENT", "REFUTED", "REVERSED", "INCONCLUSIVE", "INVALID",
    }  # fmt: skip


def test_effects_are_what_the_results_were_made_with(judged):
    effects = {name: one["effect"] and one["effect"]["mean"] for name, one in judged.items()}
    assert effects["by-the-claimed"] == pytest.approx(0.5)
    assert effects["over-tasks"] == pytest.approx(0.25)  # half a metre, of the two from chance to the reference
    assert effects["thrice-as-fast"] == pytest.approx(4)
    assert effects["split-told"] == pytest.approx(0.25)
    assert effects["linear"] == pytest.approx(1)
    assert effects["linear-in-steps"] == pytest.approx(2)
    assert (effects["falls"], effects["rises"]) == (1, -1)
    assert effects["fails-more"] is None


def test_reasons_say_what_is_wrong(judged):
    assert "failure rates differ: 4 of 5 runs against 0 of 5" in judged["fails-more"]["reason"]
    assert "counts as infinite" in judged["fails-once"]["reason"]
    assert "the reference is not met" in judged["weak-rival"]["reason"]
    assert "measures on far, near, sizes; give one of them as 'split'" in judged["split-not-told"]["reason"]
    assert "'offset=12' matches no method here" in judged["never-run"]["reason"]
    assert judged["never-run"]["n"] == 0


def test_inconclusive_says_how_many_seeds_it_needs(judged):
    assert judged["who-knows"]["seeds_needed"] > 5
    assert judged["by-the-claimed"]["seeds_needed"] is None


def test_ledger_for_people(told):
    found = told("claims", "s.yaml")
    assert found.returncode == 0, found.stderr
    lines = {line.split()[0]: line for line in found.stdout.splitlines() if line.strip()}
    assert "REPRODUCED-SMALLER" in found.stdout
    assert "It is so. (Nobody 2026)" in lines["by-less:"]
    assert "0.5 [0.48" in found.stdout
    assert "gain in distance" in found.stdout


def test_folder_alone_tells_its_claims(told, judged):
    results = Results.load(told.folder / "results" / "s")
    found = {one.claim.id: one for one in results.ledger()}
    assert {name: one.verdict.finding.value for name, one in found.items()} == {
        name: one["verdict"] for name, one in judged.items()
    }
    assert [ledger.ledger_line(one)[0] for one in found.values()] == list(CLAIMS)


def test_each_device_is_judged_by_itself(tmp_path):
    write_results(tmp_path, suite_of({"c": BEATS % (1, "")}))
    stored = store.read(tmp_path)
    rows = stored.rows.to_pandas()
    other = rows.assign(hardware="other", run=rows["run"] + "o", value=1.0)
    found = {one.place: one.verdict.finding.value for one in Results(pd.concat([rows, other]), stored.headers).ledger()}
    assert found == {"cpu of h": "REPRODUCED", "cpu of other": "REFUTED"}


def test_methods_of_unequal_budgets_are_not_compared(tmp_path):
    write_results(tmp_path, suite_of({"c": BEATS % (1, ""), "alike": BEATS % (2, "")}))
    stored = store.read(tmp_path)
    rows = stored.rows.to_pandas()
    rows.loc[rows["method_params"] == json.dumps({"offset": 1.0}), "trials"] = 8
    found = {one.claim.id: one.verdict for one in Results(rows, stored.headers).ledger()}
    assert (found["c"].finding.value, found["c"].reason) == ("INVALID", "unequal tuning budgets: 0 and 8 trials")
    assert found["alike"].finding.value == "REPRODUCED-SMALLER"


def test_suite_without_claims(program, began):
    write("s.yaml", SUITE.removesuffix("claims:\n"))
    began(Path("results/s"), "a", primary={"t {}": "distance"}, metrics=METRICS)
    found = program("claims", "s.yaml")
    assert (found.exit_code, found.stdout) == (0, "no claims; a suite makes them under 'claims'\n")


def test_results_that_the_suite_means_no_more_do_not_count(program):
    """Stored by older code, which lacked a parameter, they count; with another value of one that both have, not."""
    text = suite_of({"c": BEATS % (1, "")}).replace("task: guess", "task: guess\n    params: {target: 0}")
    write("s.yaml", text)
    write_results(Path("results/s"), text)
    assert json.loads(program("claims", "s.yaml", "--json").stdout)[0]["verdict"] == "REPRODUCED"
    write("s.yaml", text.replace("target: 0", "target: 1"))
    assert json.loads(program("claims", "s.yaml", "--json").stdout)[0]["reason"] == "nothing is stored"
    stored = store.read(Path("results/s"))
    rows = stored.rows.to_pandas()
    rows["task_params"] = [json.dumps({"count": json.loads(text)["count"]}) for text in rows["task_params"]]
    older = [{**header, "primary": {params: "distance" for params in "guess " + rows["task_params"].unique()}}
             for header in stored.headers]  # fmt: skip
    write("s.yaml", text)
    store.write_file(Path("results/s/one.parquet"), pa.Table.from_pandas(rows, store.SCHEMA), {"s": older[0]})
    assert json.loads(program("claims", "s.yaml", "--json").stdout)[0]["verdict"] == "REPRODUCED"


def test_plan_says_what_can_be_told_and_what_it_costs(program, told):
    found = program("plan", str(told.folder / "s.yaml"), "--power", "--results", str(told.folder / "results"))
    assert found.exit_code == 0, found.stderr
    lines = {line.split()[0]: line.split() for line in found.stdout.splitlines() if line.strip()}
    _, claimed, detectable, n, chance, *_ = lines["by-the-claimed"]
    spread = math.sqrt(sum(e * e for e in NOISE) / 4)
    assert (claimed, n, chance) == ("0.5", "5", "100")
    assert 1.2 * spread < float(detectable) < 1.6 * spread  # 1.36 standard deviations for five seeds, one-sided
    assert "of 5 stored seeds" in " ".join(lines["by-the-claimed"])
    assert lines["who-knows"][4] != "100"
    assert "260 runs, 260 to run: about 8 min 40 s one at a time" in found.stdout  # 2 s each


def test_plan_of_what_has_never_run(program):
    write("s.yaml", suite_of({"c": BEATS % (1, ""), "g": CLAIMS["linear"][0]}))
    found = program("plan", "s.yaml", "--power", "--spread", "0.5")
    assert found.exit_code == 0, found.stderr
    assert "0.5 as stated" in found.stdout
    assert "how long is unknown" in found.stdout


def test_compare(program, told):
    options = ("--suite", str(told.folder / "s.yaml"), "--results", str(told.folder / "results"))
    found = program("compare", "offset=1", "offset=0", *options, "--margin", "0.4", "--task", "count=3|6")
    assert found.exit_code == 0, found.stderr
    lines = found.stdout.splitlines()
    assert lines[0] == "shift offset=1.0 against shift offset=0.0; gains above 0 are of the first"
    task, _, metric, gain, _, width, n, *_ = lines[2].split()
    assert (task, metric, gain, n) == ("guess", "distance", "0.500", "5")
    assert 0.01 < float(width) < 0.03
    assert "Better on 2 tasks (2 clearly), worse on 0" in found.stdout
    assert "Mean gain, chance 0 and reference 1: 0.25" in found.stdout
    assert "same tasks, new seeds: 1 [1, 1]; new tasks: 1 [1, 1]" in found.stdout


def test_compare_where_failures_differ(program, told):
    found = program("compare", "offset=7", "offset=0", "--suite", str(told.folder / "results" / "s"))
    assert "INVALID: failure rates differ: 4 of 5 runs against 0 of 5" in found.stdout


def refused(program, claims):
    write("s.yaml", claims if claims.startswith("title") else suite_of({"c": claims}))
    found = program("plan", "s.yaml")
    assert found.exit_code == 2
    return found.stderr


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("bets: {}", "s.yaml:15: unknown check 'bets'; did you mean 'beats'?"),
        ("beats: {a: shift}", "s.yaml:15: 'beats' needs 'b'"),
        ("beats: {a: shift, b: shift, by: 1, mragin: 1}", "s.yaml:15: unknown key 'mragin'; did you mean 'margin'?"),
        ("beats: {a: shift, b: shift, by: much}", "'by' has to be a number, not the text 'much'"),
        ("beats: {a: shift, b: shift, by: -1}", "'by' has to be a finite number above 0, not -1"),
        ("beats: {a: shift, b: shift, by: .inf}", "'by' has to be a finite number above 0, not inf"),
        ("beats: {a: 'offset=1', b: 'offset=0', by: 1, margin: 0.9}", "'margin' has to be at most 0.5, the least gain"),
        ("beats: {a: 'offset=1', b: 'offset=0', by: 1, share: 1}", "'share' has to be from 0 to below 1, not 1"),
        ("beats: {a: 'a,b', b: shift, by: 1}", "'a': 'a' is not of the form key=pattern"),
        ("beats: {a: shfit, b: 'offset=0', by: 1}", "claim 'c': 'shfit' matches no method here; did you mean 'shift'?"),
        ("beats: {a: 'ofset=1', b: 'offset=0', by: 1}", "'ofset=1': unknown key 'ofset'; did you mean 'offset'?"),
        ("beats: {a: 'offset=1|2', b: 'offset=0', by: 1}", "'offset=1|2' matches 2 methods: "),
        ("beats: {a: 'offset=1', b: 'offset=0', by: 1, tasks: [gess]}", "'gess' matches no task here; did you mean"),
        ("beats: {a: 'offset=1', b: 'offset=0', by: 1, tasks: 3}", "'tasks' has to be a list of tasks, not the number"),
        ("beats: {a: 'offset=1', b: 'offset=0', by: 1, metric: mse}", "'mse'; known: distance"),
        ("beats: {a: 'offset=1,count=3', b: 'offset=0', by: 1}", "'a' does not meet 'guess"),
        ("beats: {a: 'offset=1', b: 'offset=0', by: 1, metric: peak_memory}", "anchors, which are of 'distance'"),
        ("cheaper: {a: 'offset=1', b: 'offset=0', factor: 1, metric: distance}", "'factor' has to be a finite number"),
        ("cheaper: {a: 'offset=1', b: 'offset=0', factor: 2}", "'cheaper' needs 'metric'"),
        (
            "grows: {a: 'offset=1', size: cuont, power: 1, metric: distance}",
            "'cuont' has to be a parameter with",
        ),
        ("grows: {a: 'offset=1,count=3', size: count, power: 1, metric: distance}", "'count' has 1 values here"),
        (
            "monotone: {a: 'offset=1', parameter: count, way: up}",
            "'way' has to be one of rising, falling, not",
        ),
        (
            "monotone: {a: 'offset=1|2', parameter: offset, way: rising}",
            "'offset' has 2 values here, and a trend",
        ),
        ("monotone: {a: 'offset=1|2', parameter: count, way: rising}", "2 methods meet at count=3: "),
    ],
)
def test_what_is_wrong_with_a_claim_is_said_at_its_line(program, check, message):
    assert message in refused(program, check)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  - {id: a b, source: x, statement: y, check: {}}\n", "s.yaml:12: a claim's id is a name, and 'a b' is none"),
        ("  - {id: a, statement: y, check: {}}\n", "s.yaml:12: a claim needs 'source': text"),
        (
            "  - {id: a, source: x, statement: y}\n",
            "s.yaml:12: a claim needs 'check': one of beats, not-worse",
        ),
        ("  3\n", "s.yaml:11: 'claims' has to be a list, not the number 3"),
    ],
)
def test_what_is_no_claim_is_said_at_its_line(program, text, message):
    assert message in refused(program, SUITE + text)


def test_claim_twice(program):
    claim = suite_of({"c": BEATS % (1, "")}).removeprefix(SUITE)
    assert "s.yaml:16: the claim 'c' stands twice" in refused(program, SUITE + claim + claim)


def test_several_tasks_without_anchors_cannot_be_averaged(program):
    text = suite_of({"c": "beats: {a: 'offset=1', b: 'offset=0', by: 1}"}).replace("    anchors:", "    # anchors:")
    assert "averaged by anchors, which 'guess" in refused(program, text)


@pytest.mark.parametrize(
    ("anchors", "message"),
    [
        ("{chance: 2}", "s.yaml:7: anchors need 'reference'"),
        ("{chance: 2, reference: two}", "s.yaml:7: 'reference' has to be a number, not the text 'two'"),
        ("{chance: 2, reference: 2}", "s.yaml:7: chance and reference are both 2"),
        ("{chance: 0, reference: 2}", "s.yaml:7: by its anchors, the task 'guess' improves from chance 0 to 2"),
    ],
)
def test_anchors_that_mean_nothing(program, anchors, message):
    assert message in refused(
        program, SUITE.replace("{chance: 2, reference: 0, source: nobody}", anchors).removesuffix("claims:\n")
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "shfit", "offset=0"], "'shfit' matches no method; did you mean 'shift'?"),
        (["compare", "shift", "offset=0"], "'shift' matches 10 methods: "),
        (["compare", "offset=1", "offset=0", "--task", "gess"], "'gess' matches no task; did you mean 'guess'?"),
        (["compare", "ofset=1", "offset=0"], "'ofset=1': unknown key 'ofset'; did you mean 'offset'?"),
    ],
)
def test_compare_refuses(program, told, arguments, message):
    found = program(*arguments, "--suite", str(told.folder / "results" / "s"))
    assert (found.exit_code, message in found.stderr) == (2, True), found.stderr


def test_claims_of_which_nothing_is_stored_yet_are_inconclusive(program):
    write("s.yaml", suite_of({"c": BEATS % (1, "")}))
    store.open_session(Path("results/s"), {}).close()
    found = program("claims", "s.yaml", "--json")
    (told,) = json.loads(found.stdout)
    assert (told["verdict"], told["reason"], told["n"]) == ("INCONCLUSIVE", "nothing is stored", 0)


def test_damaged_results_are_named(program):
    write("s.yaml", suite_of({"c": BEATS % (1, "")}))
    write_results(Path("results/s"), "")
    write("results/s/two.parquet", "not one")
    found = program("claims", "s.yaml")
    assert (found.exit_code, "two.parquet: damaged" in found.stderr, "REPRODUCED" in found.stdout) == (0, True, True)


def test_claims_of_what_is_not_stored(program):
    write("s.yaml", suite_of({"c": BEATS % (1, "")}))
    found = program("claims", "s.yaml")
    assert (found.exit_code, "no such results folder" in found.stderr) == (2, True)
