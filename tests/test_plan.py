"""Suites expanded into runs: parameters checked and converted, ids that follow every deciding fact, selection."""

import dataclasses
import json

import pluggy
import pytest

from harness import source
from harness.catalog import Catalog, Plugin
from harness.errors import BenchError, SuiteError
from harness.plan import plan, select
from harness.spec import Dataset, Family, Method, Metric, Task
from harness.suite import read_suite

FAMILY = Family("kind", "(*, x, **params)", given=frozenset({"x"}), traits={"exact": "", "fast": ""})
CODE = """
from dataclasses import dataclass
from typing import Literal

def plain(*, x, n: int = 3): return x
def twin(*, x, n: int = 3): return -x
def needs(*, x, n: int): return x
def typed(*, x, f: float = 0, i: int = 1, b: bool = False, s: str = "a", pair: tuple[float, float] = (0.9, 0.999),
          sizes: list[int] = [], mode: Literal["fast", "slow"] = "fast", maybe: float | None = None, free=None,
          table: dict[str, float] = {}): return x

@dataclass(frozen=True)
class Problem:
    length: int = 8
    lr: float = 1e-3

@dataclass(frozen=True)
class Twin:
    length: int = 8
    lr: float = 1e-3

def score(prediction): return 0.0
def other_score(prediction): return 1.0
def numbers(*, count: int = 3): return {}
def other_numbers(*, count: int = 3): return {}
"""


@pytest.fixture
def code(tmp_path, monkeypatch):
    """Return a function that (re)writes the module which all targets lie in."""

    def forget():
        for name in ("_find", "_tree", "_code_digest", "_closure", "_imports", "_version"):
            getattr(source, name).cache_clear()

    def write(text):
        (tmp_path / "planpkg.py").write_text(text)
        forget()

    monkeypatch.syspath_prepend(tmp_path)
    write(CODE)
    yield write
    forget()


def catalog(**changes):
    """Return a catalog of one method of each target, one task, two metrics; `changes` replaces whole kinds."""
    methods = [Method(name, FAMILY, f"planpkg:{name}", "") for name in ("plain", "needs", "typed")]
    kinds = {
        "methods": {method.name: method for method in methods},
        "tasks": {"problem": Task("problem", FAMILY, "planpkg:Problem", metrics=("score",), datasets=("numbers",))},
        "metrics": {name: Metric(name, "planpkg:score", better="lower") for name in ("score", "extra")},
        "datasets": {"numbers": Dataset("numbers", "planpkg:numbers")},
    } | changes
    plugin = Plugin("p", "bench-p", "1.0", "planpkg")
    owners = {(kind, name): plugin for kind, items in kinds.items() for name in items}
    return Catalog(pluggy.PluginManager("bench"), (plugin,), **kinds, owners=owners)


@pytest.fixture
def expand(tmp_path, code):
    def of(text, *, device="cpu", hardware="h", **changes):
        path = tmp_path / "s.yaml"
        path.write_text(text)
        suite = read_suite(path)
        suite = dataclasses.replace(suite, hardware=dataclasses.replace(suite.hardware, device=device, gpus=0))
        return plan(suite, catalog(**changes), hardware=hardware)

    return of


@pytest.fixture
def bound(expand):
    """Return the parameter `name` of the method `typed` as a run gets it, when a suite gives `value`."""

    def of(name, value):
        (run,) = expand(f"tasks: [problem]\nmethods:\n  - method: typed\n    params: {{{name}: {value}}}\n")
        return run.method_params[name]

    return of


BOTH = "tasks: [problem]\nmethods: [plain]\n"


def test_seeds_are_outermost(expand):
    runs = expand("seeds: [1, 0]\ntasks: [problem]\nmethods: [plain, {method: needs, grid: {n: [1, 2]}}]\n")
    assert [(run.seed, run.method, run.method_params["n"]) for run in runs] == [
        (seed, *cell) for seed in (1, 0) for cell in (("plain", 3), ("needs", 1), ("needs", 2))
    ]


def test_label_shows_what_the_suite_gives(expand):
    text = "tasks: [{task: problem, params: {length: 4}}]\nmethods: [{method: plain, grid: {n: [5]}}]\n"
    (run,) = expand(text)
    assert run.label == "plain n=5 on problem length=4, seed 0"


def test_run_holds_the_whole_set_of_parameters(expand):
    (run,) = expand("tasks: [{task: problem, params: {lr: 1}}]\nmethods: [plain]\n")
    assert run.method_params == {"n": 3}
    assert run.task_params == {"length": 8, "lr": 1.0}
    assert run.datasets == {"numbers": "planpkg:numbers"}
    assert run.metrics == {"score": "planpkg:score"}


def test_grids_multiply(expand):
    grid = "{i: [1, 2], s: [a, b, c]}"
    runs = expand(f"tasks: [problem]\nmethods: [{{method: typed, grid: {grid}, params: {{b: true}}}}]\n")
    assert len({(run.method_params["i"], run.method_params["s"]) for run in runs}) == 6
    assert all(run.method_params["b"] is True for run in runs)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("f", "1", 1.0),
        ("f", "1e-3", 0.001),
        ("i", "-4", -4),
        ("b", "true", True),
        ("s", "on", "on"),
        ("s", "'1'", "1"),
        ("pair", "[0, 1]", [0.0, 1.0]),
        ("sizes", "[]", []),
        ("sizes", "[3, 4]", [3, 4]),
        ("mode", "slow", "slow"),
        ("maybe", "null", None),
        ("maybe", "2", 2.0),
        ("free", "[1, {a: b}]", [1, {"a": "b"}]),
        ("table", "{a: 1}", {"a": 1.0}),
    ],
)
def test_value_is_converted_by_annotation(bound, name, value, expected):
    found = bound(name, value)
    assert repr(found) == repr(expected)  # the types count too


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("i", "true", "has to be int, not the truth value true"),
        ("i", "1.0", "has to be int, not the number 1.0"),
        ("i", "'1'", "has to be int, not the text '1'"),
        ("f", "false", "has to be float, not the truth value false"),
        ("f", "far", "has to be float, not the text 'far'"),
        ("f", "null", "has to be float, not nothing"),
        ("f", ".inf", "has to be float, not the number inf"),
        ("f", ".nan", "has to be float, not the number nan"),
        ("maybe", ".inf", "has to be float | None, not the number inf"),
        ("free", ".inf", "has to be Any, not the number inf"),
        ("b", "1", "has to be bool, not the number 1"),
        ("s", "1", "has to be str, not the number 1"),
        ("pair", "[1]", "has to be tuple[float, float], not a list"),
        ("pair", "[1, .inf]", "has to be tuple[float, float], not a list"),
        ("table", "{a: .nan}", "has to be dict[str, float], not a mapping"),
        ("free", "[[.inf]]", "has to be Any, not a list"),
        ("sizes", "3", "has to be list[int], not the number 3"),
        ("mode", "slwo", "has to be Literal['fast', 'slow'], not the text 'slwo'; did you mean 'slow'?"),
        ("mode", "[fast]", "has to be Literal['fast', 'slow'], not a list"),
    ],
)
def test_value_of_a_wrong_type(bound, tmp_path, name, value, message):
    with pytest.raises(SuiteError) as caught:
        bound(name, value)
    assert str(caught.value).startswith(f"{tmp_path}/s.yaml:4: parameter '{name}' of method 'typed' {message}")


@pytest.mark.parametrize("annotation", ["tuple[int, ...] | list[int]", "Literal[1.5, 2]", "'int'", "list[Tensor]"])
def test_annotation_that_names_more_than_can_be_checked(expand, code, annotation):
    code(CODE + f"\ndef odd(*, x, a: {annotation} = None): return x\n")
    methods = {"odd": Method("odd", FAMILY, "planpkg:odd", "")}
    value = "1.5" if "1.5" in annotation else "1" if annotation == "'int'" else "[1]"
    (run,) = expand(f"tasks: [problem]\nmethods: [{{method: odd, params: {{a: {value}}}}}]\n", methods=methods)
    assert json.dumps(run.method_params["a"]) == value


def test_parameter_that_is_needed(expand):
    with pytest.raises(SuiteError, match=r"s.yaml:2: method 'needs' needs the parameter 'n'"):
        expand("tasks: [problem]\nmethods: [needs]\n")


def test_what_the_task_gives_is_no_parameter(expand):
    with pytest.raises(SuiteError, match=r"s.yaml:2: method 'plain' has no parameter 'x'"):
        expand("tasks: [problem]\nmethods: [{method: plain, params: {x: 1}}]\n")


def test_parameter_of_what_has_none(expand, code):
    code(CODE + "\ndef bare(*, x): return x\n")
    with pytest.raises(SuiteError, match=r"method 'bare' has no parameter 'n'; it has none"):
        expand(
            "tasks: [problem]\nmethods: [{method: bare, params: {n: 1}}]\n",
            methods={"bare": Method("bare", FAMILY, "planpkg:bare", "")},
        )


def test_metrics_of_the_suite_replace_those_of_the_task(expand):
    (run,) = expand("tasks: [{task: problem, metrics: [extra, score]}]\nmethods: [plain]\n")
    assert list(run.metrics) == ["extra", "score"]


def test_same_cell_twice(expand):
    with pytest.raises(SuiteError, match=r"the run 'plain n=3 on problem, seed 0' stands twice"):
        expand("tasks: [problem]\nmethods: [plain, {method: plain, params: {n: 3}}]\n")


def test_missing_trait_is_the_reason_of_a_skip(expand):
    task = Task("problem", FAMILY, "planpkg:Problem", metrics=("score",), requires=frozenset({"fast", "exact"}))
    (run,) = expand(BOTH, tasks={"problem": task})
    assert run.skip == "the task needs exact, fast, which the method does not claim"


def only_id(expand, text=BOTH, **changes):
    (run,) = expand(text, **changes)
    return run.id


def test_ids_are_stable_and_distinct(expand):
    text = "seeds: [0, 1, 2]\ntasks: [problem]\nmethods: [plain, {method: needs, grid: {n: [1, 2]}}]\n"
    first = [run.id for run in expand(text)]
    assert first == [run.id for run in expand(text)]
    assert len(set(first)) == 9


def test_what_decides_nothing_leaves_the_id(expand):
    first = only_id(expand)
    assert first == only_id(expand, "title: Mine\nseeds: [0]\nhardware: {device: auto}\n" + BOTH)
    assert first == only_id(expand, "tasks: [{task: problem, params: {length: 8}}]\nmethods: [plain]\n")


def test_giving_a_default_leaves_the_id(expand):
    """`f: float = 0` is the same run whether the suite says `f: 0`, `f: 0.0` or nothing."""
    text = "tasks: [problem]\nmethods: [{method: typed, params: {%s}}]\n"
    assert len({only_id(expand, text % params) for params in ("", "f: 0", "f: 0.0", "pair: [0.9, 0.999]")}) == 1


CHANGES = {
    "seed": ("seeds: [1]\n" + BOTH, {}),
    "cpus": ("hardware: {cpus: 2}\n" + BOTH, {}),
    "device": (BOTH, {"device": "cuda"}),
    "hardware": (BOTH, {"hardware": "another"}),
    "method's parameter": ("tasks: [problem]\nmethods: [{method: plain, params: {n: 4}}]\n", {}),
    "task's parameter": ("tasks: [{task: problem, params: {lr: 1.0}}]\nmethods: [plain]\n", {}),
    "metrics": ("tasks: [{task: problem, metrics: [extra]}]\nmethods: [plain]\n", {}),
    "metric's target": (BOTH, {"metrics": {"score": Metric("score", "planpkg:other_score", better="lower")}}),
    "dataset's target": (BOTH, {"datasets": {"numbers": Dataset("numbers", "planpkg:other_numbers")}}),
    "method's target": (BOTH, {"methods": {"plain": Method("plain", FAMILY, "planpkg:twin", "")}}),
    "task's target": (
        BOTH,
        {"tasks": {"problem": Task("problem", FAMILY, "planpkg:Twin", metrics=("score",), datasets=("numbers",))}},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_id_changes_with(expand, name):
    text, changes = CHANGES[name]
    assert only_id(expand) != only_id(expand, text, **changes)


def test_id_changes_with_the_code(expand, code):
    first = only_id(expand)
    code(CODE.replace("return -x", "return -2 * x"))
    assert only_id(expand) != first


def test_code_that_counts_is_that_of_method_task_metrics_data_and_scoring(expand):
    (run,) = expand(BOTH)
    posed = ["harness.scoring:score", "planpkg:Problem", "planpkg:score", "planpkg:numbers"]
    assert run.task_source == source.digest(*posed) != source.digest(*posed[1:])
    assert run.source == source.digest("planpkg:plain", *posed)
    assert source._closure("harness.scoring") == {"harness.scoring", "harness.data"}


def test_pairing_that_is_no_longer_skipped_is_another_run(expand):
    """A stored skip counts as done: under its old id, a method that comes to claim the trait would never run."""
    task = Task("problem", FAMILY, "planpkg:Problem", metrics=("score",), requires=frozenset({"exact"}))
    claiming = Method("plain", FAMILY, "planpkg:plain", "", traits=frozenset({"exact"}))
    skipped = only_id(expand, tasks={"problem": task})
    assert skipped != only_id(expand, tasks={"problem": task}, methods={"plain": claiming})


RACE = Task("race", FAMILY, "planpkg:Problem", metrics=("score",), against="plain", alone=True)
RACES = {"tasks": {"race": RACE, "problem": Task("problem", FAMILY, "planpkg:Problem", metrics=("score",))}}


def race(expand, reference, **changes):
    (run,) = expand(f"tasks:\n- task: race\n  reference: {reference}\nmethods: [plain]\n", **RACES | changes)
    return run


def test_reference_is_the_task_s_unless_the_suite_names_another(expand):
    (run,) = expand("tasks: [race]\nmethods: [plain]\n", **RACES)
    assert (run.reference_target, run.alone) == ("planpkg:plain", True)
    assert run.task_params == {"length": 8, "lr": 0.001, "reference": {"method": "plain", "params": {"n": 3}}}
    assert race(expand, "plain").id == run.id
    assert race(expand, "plain").label == "plain on race reference=plain, seed 0"
    other = race(expand, "{method: typed, params: {f: 2}}")
    assert other.reference_target == "planpkg:typed"
    assert other.task_params["reference"]["params"]["f"] == 2.0
    assert len({run.id, other.id, race(expand, "typed").id}) == 3
    (posed,) = expand(BOTH)
    assert (posed.reference_target, posed.alone, "reference" in posed.task_params) == ("", False, False)


def test_code_of_the_reference_counts(expand, code, tmp_path):
    (tmp_path / "refpkg.py").write_text("def slow(*, x): return x\n")
    methods = {"plain": Method("plain", FAMILY, "planpkg:plain", ""), "slow": Method("slow", FAMILY, "refpkg:slow", "")}
    first = race(expand, "slow", methods=methods)
    (tmp_path / "refpkg.py").write_text("def slow(*, x): return x + x\n")
    code(CODE)
    second = race(expand, "slow", methods=methods)
    assert first.id != second.id
    assert first.task_source != second.task_source


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("plian", "s.yaml:3: unknown method 'plian'; did you mean 'plain'?"),
        ("[plain]", "s.yaml:3: 'reference' has to be a mapping, not a list"),
        ("{params: {n: 1}}", "s.yaml:3: a reference needs 'method': the name of a method"),
        ("{method: plain, grid: {n: [1]}}", "s.yaml:3: unknown key 'grid'"),
        ("{method: plain, params: {m: 1}}", "s.yaml:3: method 'plain' has no parameter 'm'"),
        ("{method: plain, params: {n: far}}", "s.yaml:3: parameter 'n' of method 'plain' has to be int, not the text"),
        ("needs", "s.yaml:3: method 'needs' needs the parameter 'n'"),
        ("odd", "s.yaml:3: method 'odd' can be no reference for task 'race': it is of the family 'odd'"),
    ],
)
def test_reference_that_is_wrong(expand, tmp_path, reference, message):
    methods = catalog().methods | {"odd": Method("odd", Family("odd", "", given=frozenset({"x"})), "planpkg:plain", "")}
    with pytest.raises(SuiteError) as caught:
        race(expand, reference, methods=methods)
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


def test_reference_lacks_what_the_task_requires(expand):
    tasks = {"race": dataclasses.replace(RACE, requires=frozenset({"fast"}))}
    with pytest.raises(SuiteError, match=r"method 'plain' can be no reference for task 'race': it does not claim fast"):
        race(expand, "plain", tasks=tasks)


def test_task_that_takes_no_reference(expand):
    text = "tasks:\n- task: problem\n  reference: plain\nmethods: [plain]\n"
    with pytest.raises(SuiteError, match=r"s.yaml:3: task 'problem' measures each method by itself and takes no ref"):
        expand(text, **RACES)


@pytest.fixture
def runs(expand):
    text = """
seeds: [0, 1]
tasks: [problem]
methods:
  - plain
  - method: typed
    grid: {f: [1, 1e-3], mode: [fast, slow], b: [true, false]}
"""
    return expand(text)


def test_selecting_nothing_keeps_all(runs):
    assert select(runs, []) == runs


@pytest.mark.parametrize(
    ("expressions", "count"),
    [
        (["method=plain"], 2),
        (["method=p*"], 2),
        (["method=*"], 18),
        (["seed=0|1"], 18),
        (["seed=1"], 9),
        ([" seed = 1 , method = typed "], 8),
        (["method=plain", "seed=0,mode=slow"], 6),
        (["mode=fast,b=true"], 4),
        (["family=kind,task=problem,length=8"], 18),
        (["f=1.0"], 8),
        (["f=1"], 8),
        (["f=1e-3|0.5"], 8),
        (["maybe=null,method=typed"], 16),
        (["lr=0.001,method=plain"], 2),
    ],
)
def test_select(runs, expressions, count):
    chosen = select(runs, expressions)
    assert len(chosen) == count
    assert [run for run in runs if run in chosen] == chosen


def test_select_by_id(runs):
    assert select(runs, [f"run={runs[3].id}"]) == [runs[3]]


def test_key_of_one_method_does_not_match_the_others(runs):
    assert {run.method for run in select(runs, ["mode=*"])} == {"typed"}


def test_select_looks_at_the_parameters_of_method_and_task(runs):
    both = dataclasses.replace(runs[0], method_params={"length": 4})
    assert select([both], ["length=4"]) == select([both], ["length=8"]) == [both]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("plain", "--select: 'plain' is not of the form key=pattern, such as method=s4*,init=legs"),
        ("method=", "--select: 'method=' is not of the form"),
        ("method=plain,", "--select: '' is not of the form"),
        ("metod=plain", "--select: unknown key 'metod'; did you mean 'method'?"),
        ("method=nothing", "--select matches none of the 18 runs; see them with --dry-run"),
        ("method=Plain", "--select matches none of the 18 runs"),
    ],
)
def test_select_that_means_nothing(runs, expression, message):
    with pytest.raises(BenchError) as caught:
        select(runs, [expression])
    assert str(caught.value).startswith(message)
