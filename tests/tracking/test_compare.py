"""Two commits compared: what each kind of sample can tell, and what the program says of it."""

import itertools
import json
import math
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import click.testing
import numpy as np
import pytest
from asv.results import Results
from scipy.stats import mannwhitneyu, ttest_1samp, ttest_rel, wilcoxon

from harness.cli import main
from harness.errors import BenchError, ResultsError
from harness.stats.rank_sum import least_values, shifted
from harness.tracking import between, identity
from harness.tracking.changing import paired, unpaired
from harness.tracking.comparing import Common, Finding, Key, Pair, common, compare
from harness.tracking.records import Benchmark, Measured, Record, Series, Tree, read_tree, record_of, write_tree
from harness.tracking.settings import read_settings
from harness.tracking.telling import facts, markdown, notes, verdict
from harness.tracking.timeline import make_timeline

TIME = Benchmark("speed.time_step", "time", "seconds", ("n",), (("10", "20"),))
PEAK = Benchmark("speed.peakmem_step", "peakmemory", "bytes")
ERROR = Benchmark("s.t.accuracy-error", "track", "", ("method",), (("'m'", "'n'"),))
KEY = Key("b", (), "machine", "environment")
A, B = "a" * 40, "b" * 40


def noisy(level, n, spread=0.01, seed=0):
    return tuple(level * np.exp(np.random.default_rng([seed, round(1e6 * level), n]).normal(0, spread, n)))


def record(commit, **cells):
    """Return a record of the benchmarks named; each cell is what it measured, in the order of `Benchmark.cells`."""
    kinds = {"time": TIME, "peak": PEAK, "error": ERROR}
    series = {
        kinds[name].name: Series("1", dict(zip(kinds[name].cells, found, strict=False)))
        for name, found in cells.items()
    }
    return Record(commit, "machine", "environment", 0, series)


def timed(samples):
    return Measured(float(np.median(samples)), samples=tuple(samples))


def seeded(values, seeds=None):
    finite = [math.inf if value is None else value for value in values]
    mean = float(np.mean(finite))
    return Measured(mean if math.isfinite(mean) else None, samples=tuple(values),
                    seeds=tuple(seeds or range(len(values))))  # fmt: skip


def tree(*records):
    return Tree({one.name: one for one in (TIME, PEAK, ERROR)}, {"machine": {}}, records)


def judged(before, after, margin=0.05, **options):
    return compare("A", "B", common(tree(before, after), before.commit, after.commit, **options), margin)


def only(comparison):
    (change,) = comparison.changes
    return change


def in_turns(a, b, kind=TIME, margin=0.05):
    pair = Pair(KEY, kind, Measured(None), Measured(None), (a, b))
    return only(compare("A", "B", Common((pair,)), margin))


def test_rank_sum_is_that_of_scipy_and_its_interval_turns_the_test_around():
    rng = np.random.default_rng(1)
    for n, m in ((5, 5), (3, 8), (20, 12)):
        a, b = rng.normal(size=n), rng.normal(0.8, size=m)
        found = shifted(a, b, 0.3)
        assert found.p_above == pytest.approx(mannwhitneyu(b - 0.3, a, alternative="greater", method="exact").pvalue)
        assert found.p_below == pytest.approx(mannwhitneyu(b - 0.3, a, alternative="less", method="exact").pvalue)
        assert found.shift.mean == np.median(b[:, None] - a[None, :])
        if (low := found.shift.low) is not None:
            assert shifted(a, b, low - 1e-9).p_above <= 0.05 < shifted(a, b, low + 1e-9).p_above


def test_rank_sum_of_many_is_near_the_exact_one():
    a, b = np.random.default_rng(2).normal(size=(2, 101))
    assert shifted(a, b).p_above == pytest.approx(
        mannwhitneyu(b, a, alternative="greater", method="exact").pvalue, 1e-2
    )


def test_few_values_can_never_show_anything():
    """asv asks for p < 0.002, which five against five, 1 / 252, never reach."""
    assert shifted([1.0] * 5, [9.0] * 5).p_above == pytest.approx(1 / 252)
    assert least_values(0.002) == 6
    found = unpaired([1.0, 1.01, 1.02], [9.0, 9.1, 9.2], 0.05, is_ratio=True)
    assert found.p_worse == pytest.approx(1 / 20)
    assert found.loss.low is None


def test_paired_is_students_test_against_the_margin():
    a, b = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.2, 2.1, 3.4, 4.3])
    found = paired(a, b, 0.05, is_ratio=False)
    against = ttest_rel(b - 0.05 * a.mean(), a, alternative="greater")
    assert found.p_worse == pytest.approx(against.pvalue)
    assert found.p_not_worse == pytest.approx(1 - against.pvalue)
    logs = paired(a, b, 0.05, is_ratio=True)
    assert logs.p_worse == pytest.approx(ttest_rel(np.log(b) - np.log(1.05), np.log(a), alternative="greater").pvalue)
    assert logs.loss.mean == pytest.approx(np.exp(np.mean(np.log(b / a))) - 1)


def test_the_interval_of_pairs_is_above_the_margin_where_the_test_says_worse():
    rng = np.random.default_rng(3)
    for _ in range(50):
        a = rng.lognormal(size=6)
        b = a * rng.lognormal(0.06, 0.03, 6)
        found = paired(a, b, 0.05, is_ratio=True)
        assert (found.loss.low > 0.05) == (found.p_worse < 0.05)
        assert (found.loss.high < 0.05) == (found.p_not_worse < 0.05)
        assert (found.loss.high < 1 / 1.05 - 1) == (found.p_better < 0.05)


def test_pairs_with_failures_are_tested_by_their_order():
    a, b = [1.0] * 8, [1.3, 1.2, 1.4, 1.25, 1.35, 1.45, 1.15, math.inf]
    found = paired(a, b, 0.0, is_ratio=False)
    finite = [*b[:-1], 99.0]
    assert found.p_worse == pytest.approx(wilcoxon(np.array(finite) - a, alternative="greater", method="exact").pvalue)
    assert math.isnan(found.loss.mean)


@pytest.mark.parametrize(
    ("factor", "finding", "code"),
    [(2.0, Finding.WORSE, 1), (1.0, Finding.NOT_WORSE, 0), (0.5, Finding.BETTER, 0), (1.05, Finding.UNCLEAR, 2)],
)
@pytest.mark.parametrize("how", ["turns", "stored"])
def test_findings_and_exit_codes(factor, finding, code, how):
    a, b = noisy(1.0, 12), noisy(factor, 12, seed=1)
    if how == "turns":
        assert in_turns(a, b).finding is finding
    else:
        found = judged(record(A, time=[timed(a)]), record(B, time=[timed(b)]))
        assert (only(found).finding, found.exit_code) == (finding, code)


def test_what_cannot_be_told_says_how_many_samples_would():
    """With as many as said, it is told with a chance of 80 %."""
    change = in_turns(noisy(1.0, 4, 0.1), noisy(1.12, 4, 0.1, seed=4))
    assert change.finding is Finding.UNCLEAR
    assert change.needed > 4
    found = judged(record(A, time=[timed((1.0, 1.01, 1.02))]), record(B, time=[timed((2.0, 2.01, 2.02))]))
    assert only(found).needed == 4  # twice as slow, and still three against three reach 5 % at best
    advice = "about 4 samples on each side are needed"
    assert verdict(found) == f"cannot tell whether anything is worse (1 cannot be told): {advice}"
    gone = replace(only(found), how="no value", tested=None, needed=None)
    assert verdict(replace(found, changes=(*found.changes, gone))) == (
        f"cannot tell whether anything is worse (2 cannot be told): {advice}, but for 1 that more samples would not "
        "tell; the table says why"
    )


def test_needed_samples_hold_what_they_promise():
    differences = 0.08 + 0.06 * np.array([-1.5, -0.5, 0.0, 0.5, 1.5])
    found = paired(np.ones(5), 1 + differences, 0.05, is_ratio=False)
    n = found.needed(0.05)
    assert n > 20
    draws = np.random.default_rng(5).normal(0.08, differences.std(ddof=1), (4000, n))
    assert (ttest_1samp(draws, 0.05, axis=1, alternative="greater").pvalue < 0.05).mean() == pytest.approx(
        0.8, abs=0.03
    )


def test_pairing_by_seed_tells_what_unpaired_seeds_do_not():
    values = [0.1, 0.5, 0.3, 0.9]
    worse = [value + 0.06 + 0.001 * i for i, value in enumerate(values)]
    assert only(judged(record(A, error=[seeded(values)]), record(B, error=[seeded(worse)]))).finding is Finding.WORSE
    shuffled = seeded(worse, seeds=[4, 5, 6, 7])
    change = only(judged(record(A, error=[seeded(values)]), record(B, error=[shuffled])))
    assert (change.finding, change.how) == (Finding.UNCLEAR, "paired by seed: nothing in common")


def test_equal_metrics_of_equal_seeds_are_not_worse():
    """The same code gives the same metrics to the bit, and one seed is enough to see that."""
    for values in ([0.25], [0.0], [0.1, 0.2, 0.3]):
        found = judged(record(A, error=[seeded(values)]), record(B, error=[seeded(values)]))
        assert (only(found).finding, found.exit_code) == (Finding.NOT_WORSE, 0)


def test_an_error_that_was_none_may_not_rise():
    found = judged(record(A, error=[seeded([0.0] * 3)]), record(B, error=[seeded([0.01, 0.012, 0.011])]))
    assert only(found).finding is Finding.WORSE
    assert "What was 0 has no percentages: there any rise counts, and the change is absolute." in notes(found)


@pytest.mark.parametrize(
    ("before", "after", "finding"),
    [(0, 4, Finding.WORSE), (4, 0, Finding.BETTER), (4, 4, Finding.NOT_WORSE)],
)
def test_failures_count(before, after, finding):
    sides = [seeded([None] * failed + [0.1] * (4 - failed)) for failed in (before, after)]
    assert only(judged(record(A, error=[sides[0]]), record(B, error=[sides[1]]))).finding is finding


def test_failures_of_few_runs_tell_nothing_and_say_how_many_would():
    change = in_turns([1.0] * 3, [math.inf] * 3)
    assert (change.finding, change.how, change.needed) == (Finding.UNCLEAR, "measured in turns; 0 and 3 failed", 6)
    assert in_turns([1.0] * 2, [1.0, math.inf]).finding is Finding.UNCLEAR


def test_failures_of_many_benchmarks_are_corrected_for():
    """Four failures of four runs are 3 % by chance, by Fisher's test: among ten benchmarks they are no news."""

    def pairs(others):
        sides = [([1.0] * 4, [math.inf] * 4)] + [([1.0] * 4, [1.0, 1.1, 0.9, 1.0])] * others
        return [Pair(replace(KEY, benchmark=str(i)), ERROR, Measured(None), Measured(None), one)
                for i, one in enumerate(sides)]  # fmt: skip

    for others, finding in ((0, Finding.WORSE), (9, Finding.UNCLEAR)):
        found = compare("A", "B", Common(tuple(pairs(others))), 0.5)
        assert next(one for one in found.changes if one.key.benchmark == "0").finding is finding


def test_what_fails_more_often_is_not_called_no_worse():
    a = [1.0] * 20
    change = in_turns(a, [math.inf] * 6 + [0.5] * 14, ERROR)
    assert change.finding is Finding.WORSE
    pairs = [Pair(replace(KEY, benchmark=str(i)), ERROR, Measured(None), Measured(None),
                  (a, [math.inf] * 6 + [0.5] * 14)) for i in range(20)]  # fmt: skip
    assert {one.finding for one in compare("A", "B", Common(tuple(pairs)), 0.05).changes} == {Finding.UNCLEAR}


def test_a_value_that_is_gone_is_not_called_good():
    """asv stores the same for a failure and for what was not asked for; measuring tells."""
    found = judged(record(A, peak=[Measured(1e6)]), record(B, peak=[Measured(None)]))
    assert (only(found).finding, found.exit_code) == (Finding.UNCLEAR, 2)
    assert verdict(found).endswith("(1 cannot be told): the table says why")
    assert in_turns([1.0] * 5, [math.inf] * 5).finding is Finding.WORSE
    assert in_turns([math.inf] * 5, [math.inf] * 5).finding is Finding.NOT_WORSE


def test_what_an_export_does_not_hold_is_no_failure(tmp_path):
    """A method that was not run again at a commit has no point there."""
    both, one = [seeded([0.1, 0.2]), seeded([0.3, 0.4])], [seeded([0.1, 0.2])]
    write_tree(tmp_path, tree(record(A, error=both), record(B, error=one)))
    found = compare("", "", common(read_tree(tmp_path), A, B), 0.05)
    assert found.exit_code == 0
    assert found.left_out == ("s.t.accuracy-error('n') is not measured at the second commit",)


def test_one_value_on_each_side_tells_nothing():
    found = judged(record(A, peak=[Measured(1e6)]), record(B, peak=[Measured(2e6)]))
    assert (only(found).finding, only(found).needed) == (Finding.UNCLEAR, 5)


def test_many_benchmarks_are_corrected_for():
    """One in twenty looks worse by chance: together, they are not."""
    rng = np.random.default_rng(6)
    levels = rng.normal(0.05, 0.02, (2000, 6))  # just at the margin
    alone = np.array([paired(np.ones(6), 1 + row, 0.05, is_ratio=False).p_worse < 0.05 for row in levels])
    assert alone.mean() == pytest.approx(0.05, abs=0.015)

    def family(rows):
        pairs = [Pair(Key(str(i), (), "m", "e"), ERROR, Measured(None), Measured(None), ([1.0] * 6, list(1 + row)))
                 for i, row in enumerate(rows)]  # fmt: skip
        return compare("A", "B", Common(tuple(pairs)), 0.05)

    alarms = np.mean([family(levels[i : i + 20]).exit_code == 1 for i in range(0, 2000, 20)])
    assert alarms <= 0.12  # 64 % without


def test_what_is_not_in_common_is_named_and_does_not_count():
    before = record(A, time=[timed(noisy(1.0, 9)), timed(noisy(2.0, 9))], peak=[Measured(1e6)])
    after = record(B, time=[timed(noisy(1.0, 9, seed=2))])
    found = judged(before, after)
    assert found.exit_code == 0
    assert "speed.peakmem_step is measured at the first commit only" in found.left_out
    assert "speed.time_step(20) is measured at the first commit only" in found.left_out
    assert "Not compared: speed.peakmem_step" in notes(found)[-1]


def test_another_version_of_a_benchmark_is_another_benchmark():
    before, after = (record(commit, time=[timed(noisy(1.0, 9)), timed(noisy(1.0, 9))]) for commit in (A, B))
    changed = {TIME.name: Series("2", after.series[TIME.name].cells)}
    with pytest.raises(Exception, match=r"nothing in common: speed.time_step\(10\) measures something else by now"):
        judged(before, Record(B, "machine", "environment", 0, changed))


def test_skipped_cells_are_left_out():
    sides = [record(c, time=[timed(noisy(1.0, 9)), Measured(math.nan)]) for c in (A, B)]
    assert judged(*sides).left_out == ("speed.time_step(20) is not measured at the first commit",)


def test_markdown_has_what_is_worse_first_and_folds_the_rest():
    before = record(A, time=[timed(noisy(0.01, 9)), timed(noisy(0.02, 9))])
    after = record(B, time=[timed(noisy(0.02, 9)), timed(noisy(0.02, 9))])
    text = markdown(judged(before, after))
    loud, folded = text.split("<details>")
    assert text.startswith("<!-- bench asv compare -->\n\n### A → B: something is worse (1 worse, 1 not worse)")
    assert "| worse | speed.time\\_step(10) | 10" in loud
    assert "speed.time\\_step(20)" in folded
    assert "Stored samples are of different times" in folded


def test_a_tree_is_read_as_it_was_written(tmp_path):
    sides = [
        record(A, time=[timed((1.0, 2.0)), Measured(math.nan)], error=[seeded([0.1, None, 0.2], seeds=[3, 5, 9])]),
        record(B, time=[Measured(None), timed((3.0,))], peak=[Measured(5.0, 4.0, 6.0)]),
    ]
    written = tree(*sides)
    write_tree(tmp_path, written)
    found = read_tree(tmp_path)
    assert found.benchmarks == written.benchmarks
    by_commit = {one.commit: one for one in found.records}
    assert repr(by_commit[B].series) == repr({
        TIME.name: Series("1", {("10",): Measured(None), ("20",): timed((3.0,))}),
        PEAK.name: Series("1", {(): Measured(5.0, 4.0, 6.0)}),
    })  # fmt: skip
    first = by_commit[A].series[TIME.name].cells
    assert first["10",] == timed((1.0, 2.0))
    assert math.isnan(first["20",].value)
    assert by_commit[A].series[ERROR.name].cells["'m'",].seeds == (3, 5, 9)
    assert by_commit[A].series[ERROR.name].cells["'m'",].samples == (0.1, None, 0.2)
    assert len(read_tree(tmp_path, [B]).records) == 1


def test_asv_reads_what_is_written(tmp_path):
    written = record(A, time=[timed(noisy(1.0, 9)), Measured(None)], error=[seeded([0.1, 0.2]), Measured(math.nan)])
    write_tree(tmp_path, tree(written))
    found = Results.load(str(tmp_path / written.path), "machine")
    assert found.get_result_value(TIME.name, [["10", "20"]]) == [written.series[TIME.name].cells["10",].value, None]
    assert found.get_result_samples(ERROR.name, [["'m'", "'n'"]])[0] == [0.1, 0.2]
    assert found.benchmark_version[TIME.name] == "1"


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "damaged"), ('{"version": 1}', 'has to be an object with "version": 2'), ('{"version": 2}', "is no result")],
)
def test_damaged_results_are_named_in_one_line(tmp_path, content, words):
    write_tree(tmp_path, tree(record(A, peak=[Measured(1.0)])))
    path = tmp_path / record(A).path
    path.write_text(content)
    with pytest.raises(Exception, match=words) as caught:
        read_tree(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("column", "cells"), [("samples", [[0.1], None]), ("samples", [["a", "b"], None]), ("stats_ci_99_a", ["a", None])]
)
def test_an_edited_result_file_is_named(tmp_path, column, cells):
    """Fewer samples than seeds, and what is no number."""
    write_tree(tmp_path, tree(record(A, error=[seeded([0.1, 0.2])])))
    path = tmp_path / record(A).path
    plain = json.loads(path.read_text())
    row = dict(itertools.zip_longest(plain["result_columns"], plain["results"][ERROR.name]))
    plain["results"][ERROR.name] = list((row | {column: cells}).values())
    path.write_text(json.dumps(plain))
    with pytest.raises(ResultsError, match="is no result file of asv"):
        read_tree(tmp_path)


@pytest.mark.parametrize("value", ["text", [1.0], math.inf])
def test_what_is_no_number_has_failed(tmp_path, value):
    """asv stores whatever a benchmark returns."""
    write_tree(tmp_path, tree(record(A, peak=[Measured(1.0)])))
    path = tmp_path / record(A).path
    plain = json.loads(path.read_text())
    plain["results"][PEAK.name][0] = [value]
    assert record_of(plain).series[PEAK.name].cells[()].value is None


def test_facts_are_json():
    found = judged(record(A, error=[seeded([0.1, None])]), record(B, error=[seeded([0.1, 0.2])]))
    assert only(found).tested is not None
    assert json.loads(json.dumps(facts(found), allow_nan=False))["exit_code"] == found.exit_code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with asv's settings and three commits, of which two are measured; all are tagged."""
    folder, began = tmp_path_factory.mktemp("compared"), datetime(2026, 1, 1, tzinfo=UTC)
    points = [(name, began + timedelta(days=i)) for i, name in enumerate(("old", "new", "later"))]
    hashes = make_timeline(folder / "history", points)
    sides = [record(hashes["old"], time=[timed(noisy(1.0, 9))]), record(hashes["new"], time=[timed(noisy(2.0, 9))])]
    write_tree(folder / "results", tree(*sides))
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "__init__.py").touch()
    settings = {"version": 1, "project": "p", "repo": "history", "branches": ["main"], "environment_type": "existing",
                "benchmark_dir": "benchmarks", "results_dir": "results"}  # fmt: skip
    (folder / "asv.conf.json").write_text(json.dumps(settings))
    (folder / "none.json").write_text(json.dumps(settings | {"results_dir": "none"}))
    return folder


def program(folder, *arguments, config="asv.conf.json"):
    return click.testing.CliRunner().invoke(main, ["asv", "compare", *arguments, "--config", str(folder / config)])


def test_the_program_prints_a_table_and_a_verdict(folder):
    done = program(folder, "old", "new")
    assert done.exit_code == 1
    assert " ".join(done.stdout.split()).count("worse speed.time_step(10)") == 1
    assert "something is worse (1 worse)" in done.stdout
    assert program(folder, "new", "old").exit_code == 0
    assert program(folder, "old", "new", "--margin", "150").exit_code == 0
    assert program(folder, "old", "new", "--margin", "100").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("old", "newer"), "has no commit 'newer'"),
        (("old..new", "later"), "'old..new' is a range of commits; name one"),
        (("old", "old"), "'old' and 'old' are the same commit"),
        (("old", "later"), "nothing is measured at "),
        (("old", "new", "--bench", "("), "'(' is no regular expression"),
        (("old", "new", "--bench", "memory"), "have nothing in common: no benchmark matches"),
        (("old", "new", "--machine", "other"), " on other"),
        (("old", "new", "--measure", "3"), "it has no pyproject.toml, so there is nothing to install"),
    ],
)
def test_bad_input_is_one_line_and_no_table(folder, arguments, words):
    done = program(folder, *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("bench: ")


@pytest.mark.parametrize(
    ("config", "words"), [("none.json", "holds no results of asv"), ("other.json", "other.json: no such file")]
)
def test_missing_settings_and_results_are_named(folder, config, words):
    done = program(folder, "old", "new", config=config)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr


@pytest.fixture
def stand_in(folder, monkeypatch):
    """Stand in for measuring in turns: of all that is not settled, one benchmark is measured, and the same."""
    asked = []

    def in_turns(settings, pair, patterns, turns, settled, **said):
        asked.append(settled)
        key = Key(PEAK.name, (), identity.machine()["machine"], identity.environment_name())
        measured = Pair(key, PEAK, Measured(None), Measured(None), ([1.0] * turns, [1.0] * turns))
        return Common((measured,), ("b is measured at the first commit only",))

    monkeypatch.setattr(between, "in_turns", in_turns)
    return asked


def between_(folder, **options):
    quiet = {"tell": lambda line: None, "warn": lambda line: None}
    return between.between(read_settings(folder / "asv.conf.json"), "old", "new", 0.05, turns=4, **options, **quiet)


def test_stored_values_of_other_machines_do_not_join_those_measured_here(folder, stand_in):
    """There, everything is twice as slow at the newer commit."""
    found = between_(folder)
    assert [change.key.benchmark for change in found.changes] == [PEAK.name]
    assert stand_in == [set()]
    with pytest.raises(BenchError, match=r"--measure measures on this machine, .* and not on machine"):
        between_(folder, machine="machine")


def test_stored_values_of_here_stay_and_so_do_reasons(folder, stand_in, monkeypatch):
    monkeypatch.setattr(identity, "machine", lambda: {"machine": "machine"})
    monkeypatch.setattr(identity, "environment_name", lambda: "environment")
    found = between_(folder)
    assert {change.key.benchmark for change in found.changes} == {PEAK.name, TIME.name}
    assert found.exit_code == 1
    assert found.left_out[0] == "b is measured at the first commit only"
    assert any(line.startswith("speed.time_step(20)") for line in found.left_out[1:]), found.left_out


def test_damage_is_named_where_turns_are_asked_for_too(folder, stand_in):
    path = next((folder / "results" / "machine").glob("*-environment.json"))
    whole = path.read_text()
    try:
        path.write_text("{")
        with pytest.raises(ResultsError, match="damaged"):
            between_(folder)
    finally:
        path.write_text(whole)


def test_comparing_ends_what_it_has_started_however_it_is_ended(folder, stand_in):
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        assert program(folder, "old", "new", "--measure", "4").exit_code == 0
        assert {signal.getsignal(number) for number in before} == {signal.default_int_handler}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
