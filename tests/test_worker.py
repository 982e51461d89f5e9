"""One run in one process: its random streams, what it hands to the task, and how it scores."""

import dataclasses
import multiprocessing
import random
import shutil
import signal
import sys

import numpy as np
import pytest
import torch

from harness import source
from harness.checkpoint import Checkpoint
from harness.errors import Stopped
from harness.plan import Run
from harness.scoring import seeds
from harness.spec import Seeds
from harness.worker import execute

CODE = """
import os
import random
import signal
from dataclasses import dataclass

import numpy as np
import torch

from harness import Outputs, Skip
from harness.measure import PeakMemory
from harness.train import Examples, Recipe, supervised

# Methods: each returns one number.
def steady(*, x, scale: float = 1.0): return x * scale
def draws(*, x): return float(torch.rand(()))
def draws_much(*, x): return float(torch.rand(1000).sum())
def numpys(*, x): return float(np.random.rand())
def pythons(*, x): return random.random()
def infinite(*, x): return float("inf")
def breaks(*, x): raise KeyError("no such luck")
def declines(*, x): raise Skip("not to its liking")

# Metrics
def score(prediction): return prediction
def around(surrounding): return surrounding
def never(nothing, prediction): return 0.0

def numbers(*, count: int = 3): return {"numbers": np.arange(count) + int(os.environ.get("FIRST", 0))}

@dataclass(frozen=True)
class Plain:
    def run(self, build, context):
        yield Outputs(split="test", step=1, prediction=build(x=1.0))

@dataclass(frozen=True)
class Against:
    scale: float = 2.0
    def run(self, build, context):
        yield Outputs(split="test", step=1, prediction=build(x=self.scale) - context.reference(x=1.0))

@dataclass(frozen=True)
class Surrounded:
    \"\"\"Draw what surrounds the method before and after it is built.\"\"\"
    seeded: bool = True
    def run(self, build, context):
        if self.seeded:
            torch.manual_seed(context.seeds.init)
        before = float(torch.rand(()))
        prediction = build(x=1.0)
        after = float(torch.rand(()))
        yield Outputs(split="val", step=1, surrounding=before)
        yield Outputs(split="test", step=1, prediction=prediction, surrounding=after)

@dataclass(frozen=True)
class Pair:
    def run(self, build, context):
        yield Outputs(split="val", step=1, prediction=build(x=1.0))
        yield Outputs(split="val", step=2, prediction=build(x=1.0))
        yield Outputs(split="test-far", step=2, prediction=0.0)
        yield Outputs(split="test", step=2, prediction=0.0)

def unknown_cost(missing): return missing

def scaled(prediction, factor=2.0): return factor * prediction

@dataclass(frozen=True)
class Twice:
    def run(self, build, context):
        yield Outputs(split="test", step=1, prediction=1.0)
        yield Outputs(split="test", step=2, prediction=2.0)

@dataclass(frozen=True)
class Reads:
    name: str = "numbers"
    def run(self, build, context):
        yield Outputs(split="test", step=1, prediction=float(context.data(self.name, count=4)["numbers"].sum()))

@dataclass(frozen=True)
class Gives:
    def run(self, build, context):
        yield Outputs(split="test", step=1, prediction=build(x=1.0, width=3))

@dataclass(frozen=True)
class Reports:
    def run(self, build, context):
        yield Outputs(split="val", step=1, prediction=0.5)
        context.report(1, 3, loss=2.0)
        context.report(2, 3, loss=1.5)
        context.report(3, 3, loss=1.0)
        yield Outputs(split="test", step=3, prediction=build(x=1.0))

def breaks_off(step):
    # Breaks the run off in the step that $BREAK_AT names, as $BREAK_BY says.
    if step == int(os.environ.get("BREAK_AT", 0)):
        if os.environ["BREAK_BY"] == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        raise KeyboardInterrupt

@dataclass(frozen=True)
class Walks:
    # Adds up what every global stream and the method give, step by step.
    offers: bool = True
    repeats_test: bool = False
    def run(self, build, context):
        count = int(context.data("numbers", count=6)["numbers"].size)
        total, done = build(x=1.0), 0
        yield Outputs(split="test-before", step=0, prediction=total)
        state = context.resume() if self.offers else None
        if state is not None:
            done, total = state["done"], state["total"]
        for step in range(done + 1, count + 1):
            total += random.gauss(0.0, 1.0) + float(np.random.standard_normal()) + float(torch.randn(()))
            total += build(x=1.0)
            yield Outputs(split="val", step=step, prediction=total)
            if self.repeats_test and step == 3:
                yield Outputs(split="test", step=step, prediction=total)
            if step == 1:
                context.data("others", count=2)
            breaks_off(step)
            if self.offers:
                context.checkpoint(lambda: {"done": step, "total": total})
            context.report(step, count)
        yield Outputs(split="test", step=count, prediction=total)

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
        self.steps = 0
    def forward(self, x):
        if self.training:
            self.steps += 1
            breaks_off(self.steps)
        return self.body(x + 0.1 * random.random() + 0.1 * float(np.random.rand()))

@dataclass(frozen=True)
class Trains:
    def run(self, build, context):
        memory = PeakMemory(context.device)
        torch.manual_seed(context.seeds.init)
        some = Examples((torch.linspace(-1, 1, 10)[:, None],), torch.linspace(-1, 1, 10)[:, None] ** 2)
        splits = {"train": some, "val": some[:3], "test": some[3:]}
        recipe = Recipe(steps=12, batch_size=3, lr=0.05, evaluations=6)
        yield from supervised(Net(), splits, torch.nn.functional.mse_loss, recipe, context, memory)

def loss(prediction, target):
    return float((prediction - target).square().mean())

@dataclass(frozen=True)
class Undetermined:
    def run(self, build, context):
        index = torch.zeros(4, dtype=torch.long)
        torch.zeros(3).scatter_reduce_(0, index, torch.ones(4), "mean")
        yield Outputs(split="test", step=1, prediction=float(torch.are_deterministic_algorithms_enabled()))
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs a method on a task and returns the outcome."""
    (tmp_path / "workpkg.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    threads = torch.get_num_threads()

    def of(method="steady", task="Plain", metrics=("score",), send=lambda progress: None, by=execute, **columns):
        saved = columns.pop("saved", None)
        whole = Run(
            id="id", label="label", suite="s", family="f", method=method, method_target=f"workpkg:{method}",
            method_params={}, method_version="1", given=frozenset({"x"}), task=task.lower(),
            task_target=f"workpkg:{task}", task_params={}, task_version="1",
            metrics={name: f"workpkg:{name}" for name in metrics}, units=dict.fromkeys(metrics, ""),
            datasets=dict.fromkeys(("numbers", "others"), "workpkg:numbers"), seed=0, device="cpu", cpus=1,
            gpus=0, source="", task_source="", libraries={}, costs=frozenset(),
        )  # fmt: skip
        return by(dataclasses.replace(whole, **columns), send, saved)

    yield of
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True
    sys.modules.pop("workpkg", None)
    for name in ("_find", "_tree", "_code_digest", "_closure", "_imports", "_version"):
        getattr(source, name).cache_clear()


def values(outcome):
    assert (outcome.status, outcome.reason) == ("done", "")
    return {(value.split, value.step, value.metric): value.value for value in outcome.values}


def one(outcome):
    (value,) = values(outcome).values()
    return value


def test_reference_is_built_with_its_own_parameters(run):
    spelled = {"scale": 4.0, "reference": {"method": "steady", "params": {"scale": 10.0}}}
    assert one(run(task="Against", task_params=spelled, reference_target="workpkg:steady")) == 4.0 - 10.0
    draws = {"reference": {"method": "draws", "params": {}}}
    assert one(run("draws", "Against", task_params=draws, reference_target="workpkg:draws")) != 0  # a stream of its own


def test_task_that_asks_for_a_reference_and_declares_none(run):
    outcome = run(task="Against")
    assert outcome.status == "failed"
    assert outcome.reason == "LookupError: task 'against' asks for a reference, and does not declare one"


def test_streams_of_a_seed_differ_and_are_stable():
    assert seeds(0) == Seeds(
        data=5224382404683257410, init=8173559084650879483, order=1159612622834107724, method=2685878976819506824
    )
    drawn = [stream for seed in range(50) for stream in dataclasses.astuple(seeds(seed))]
    assert len(set(drawn)) == 200
    assert all(0 <= stream < 2**63 for stream in drawn)


def test_method_gets_its_parameters_and_what_the_task_gives(run):
    assert one(run(method_params={"scale": 2.5})) == 2.5


def test_same_run_gives_the_same_values(run):
    assert values(run("draws", "Surrounded", ("score", "around"))) == values(
        run("draws", "Surrounded", ("score", "around"))
    )


@pytest.mark.parametrize("method", ["draws", "numpys", "pythons"])
def test_method_draws_from_the_stream_of_its_seed(run, method):
    first, again, other = run(method), run(method), run(method, seed=1)
    assert one(first) == one(again)
    assert one(first) != one(other)


def test_two_builds_of_one_run_draw_differently_and_alike_in_each_run(run):
    first = values(run("draws", "Pair"))
    assert first["val", 1, "score"] != first["val", 2, "score"]
    assert first == values(run("draws", "Pair"))


def surroundings(outcome):
    return {key: value for key, value in values(outcome).items() if key[2] == "around"}


def test_what_surrounds_the_method_begins_alike_for_every_method(run):
    methods = ("steady", "draws", "draws_much")
    first, *others = (surroundings(run(method, "Surrounded", ("score", "around"))) for method in methods)
    assert len(set(first.values())) == 2  # before the method is built, and after
    assert all(other == first for other in others)
    assert surroundings(run("steady", "Surrounded", ("score", "around"), seed=1)) != first


def test_task_that_seeds_nothing_itself_begins_from_the_seed_too(run):
    def drawn(seed):
        found = run("steady", "Surrounded", ("score", "around"), seed=seed, task_params={"seeded": False})
        return surroundings(found)

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)


def test_run_uses_deterministic_algorithms_and_its_number_of_cores(run):
    assert one(run(task="Undetermined")) == 1.0
    assert torch.get_num_threads() == 1


def test_test_data_scored_twice_fails_the_run(run):
    outcome = run(task="Twice")
    assert outcome.status == "failed"
    assert outcome.reason == "RuntimeError: the task scores 'score' on 'test' twice; test data is scored once"
    assert [value.value for value in outcome.values] == [1.0]


def test_validation_may_be_scored_often_and_each_test_split_once(run):
    assert [key[:2] for key in values(run(task="Pair"))] == [("val", 1), ("val", 2), ("test-far", 2), ("test", 2)]


def test_metric_that_is_never_computed_fails_the_run(run):
    outcome = run(metrics=("score", "never"))
    assert outcome.status == "failed"
    assert outcome.reason == (
        "RuntimeError: metric 'never' needs nothing, prediction, which the task never yields together"
    )
    assert [value.metric for value in outcome.values] == ["score"]


def test_metric_is_computed_wherever_its_values_are(run):
    found = values(run(task="Surrounded", metrics=("score", "around")))
    assert list(found) == [("val", 1, "around"), ("test", 1, "score"), ("test", 1, "around")]


def test_data_comes_with_its_digest(run):
    outcome = run(task="Reads")
    assert one(outcome) == 6.0
    name, _, digest = outcome.data.partition(":")
    assert (name, len(digest)) == ("numbers", 16)
    assert run().data == ""


def test_data_set_that_the_task_does_not_declare_is_refused(run):
    outcome = run(task="Reads", task_params={"name": "labels"})
    assert outcome.status == "failed"
    assert outcome.reason == "DataError: task 'reads' asks for the data set 'labels', which it does not declare"


def test_task_that_gives_what_the_family_does_not_know(run):
    outcome = run(task="Gives")
    assert outcome.status == "failed"
    assert outcome.reason == "TypeError: task 'gives' gives 'width', which the family 'f' does not know"


@pytest.mark.parametrize(
    ("method", "status", "reason"),
    [
        ("infinite", "diverged", "score on test is inf at step 1"),
        ("declines", "skipped", "not to its liking"),
        ("breaks", "failed", "KeyError: 'no such luck'"),
        ("missing", "failed", "AttributeError: module 'workpkg' has no attribute 'missing'"),
    ],
)
def test_endings(run, capsys, method, status, reason):
    outcome = run(method)
    assert (outcome.status, outcome.reason, outcome.values) == (status, reason, [])
    assert ("Traceback" in capsys.readouterr().err) == (status == "failed")


def test_cost_that_the_system_does_not_tell_is_absent(run):
    found = values(run(metrics=("score", "unknown_cost"), costs=frozenset({"unknown_cost"})))
    assert {name for _, _, name in found} == {"score"}


def test_argument_with_a_default_need_not_be_among_the_values(run):
    assert one(run(metrics=("scaled",))) == 2 * one(run())


def test_progress_comes_with_the_latest_numbers(run):
    sent = []
    run(task="Reports", send=sent.append)
    assert (sent[0].step, sent[-1].step, sent[-1].steps) == (1, 3, 3)
    assert sent[-1].latest == {"loss": 1.0, "val score": 0.5}
    assert len(sent) == 2  # the first and the last: the one between came too soon to be worth showing


@pytest.fixture
def file(tmp_path):
    return tmp_path / "id.pt"


@pytest.fixture
def broken(run, monkeypatch):
    """Return a function that runs a task until it breaks off in a step, in this process."""

    def of(at, **given):
        with monkeypatch.context() as patch:
            patch.setenv("BREAK_AT", str(at))
            patch.setenv("BREAK_BY", "KeyboardInterrupt")
            with pytest.raises(KeyboardInterrupt):
                run(**given)

    return of


@pytest.mark.parametrize("at", range(1, 7))
def test_run_that_was_broken_off_ends_with_the_values_it_would_have_had(run, broken, file, at):
    walk = {"method": "draws", "task": "Walks"}
    expected = values(run(**walk))
    assert len(expected) == 8
    broken(at, **walk, saved=Checkpoint(file, 0))
    outcome = run(**walk, saved=Checkpoint(file, 0))
    assert values(outcome) == expected
    assert [value.step for value in outcome.values] == [0, 1, 2, 3, 4, 5, 6, 6]
    assert outcome.data == run(**walk).data


def test_run_may_be_broken_off_again_and_again(run, broken, file):
    walk = {"method": "numpys", "task": "Walks"}
    for at in (2, 2, 3, 5, 6):
        broken(at, **walk, saved=Checkpoint(file, 0))
    assert values(run(**walk, saved=Checkpoint(file, 0))) == values(run(**walk))


@pytest.mark.parametrize("at", [1, 2, 7, 8, 12])
def test_training_that_was_broken_off_ends_with_the_values_it_would_have_had(run, broken, file, at):
    training = {"task": "Trains", "metrics": ("loss",)}
    broken(at, **training, saved=Checkpoint(file, 0))
    assert values(run(**training, saved=Checkpoint(file, 0))) == values(run(**training))


def test_training_that_was_killed_ends_with_the_values_it_would_have_had(run, file, monkeypatch):
    """Nothing but the file outlasts the process."""

    def killed(run, send, saved):
        process = multiprocessing.get_context("spawn").Process(target=execute, args=(run, print, saved))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL

    training = {"task": "Trains", "metrics": ("loss",)}
    with monkeypatch.context() as patch:
        patch.setenv("BREAK_AT", "8")
        patch.setenv("BREAK_BY", "SIGKILL")
        run(**training, saved=Checkpoint(file, 0), by=killed)
    assert file.exists()
    assert values(run(**training, saved=Checkpoint(file, 0))) == values(run(**training))


def test_random_streams_and_values_are_put_back_whatever_came_between(run, broken, file):
    walk = {"method": "steady", "task": "Walks"}
    broken(4, **walk, saved=Checkpoint(file, 0))
    random.gauss(0.0, 1.0), np.random.standard_normal(), torch.rand(7)
    sent = []
    outcome = run(**walk, saved=Checkpoint(file, 0), send=sent.append)
    assert values(outcome) == values(run(**walk))
    assert [(sent[0].step, sent[-1].step)] == [(4, 6)]


def test_latest_validation_score_is_shown_after_resuming(run, broken, file):
    sent = []
    training = {"task": "Trains", "metrics": ("loss",)}
    broken(6, **training, saved=Checkpoint(file, 0))
    expected = values(run(**training, saved=Checkpoint(file, 0), send=sent.append))
    assert sent[0].step == 6
    assert sent[0].latest["val loss"] == expected["val", 4, "loss"]


def test_test_data_scored_again_after_resuming_fails_the_run(run, broken, file):
    twice = {"task": "Walks", "task_params": {"repeats_test": True}}
    broken(5, **twice, saved=Checkpoint(file, 0))
    outcome = run(**twice, saved=Checkpoint(file, 0))
    assert outcome.reason == "RuntimeError: the task scores 'score' on 'test' twice; test data is scored once"
    assert [value.step for value in outcome.values if value.split == "test"] == [3]


def test_task_without_checkpoints_is_as_ever(run, file):
    saved = Checkpoint(file, 0)
    assert values(run("draws", saved=saved)) == values(run("draws"))
    walk = {"task": "Walks", "task_params": {"offers": False}}
    assert values(run(**walk, saved=saved)) == values(run(**walk))
    assert not saved.used
    assert not file.exists()


def test_state_that_is_not_due_is_not_saved(run, file):
    saved = Checkpoint(file, 3600)
    assert values(run(task="Walks", saved=saved)) == values(run(task="Walks"))
    assert saved.used
    assert not file.exists()


def test_checkpoint_of_another_run_counts_as_none(run, broken, file, capsys):
    broken(4, task="Walks", saved=Checkpoint(file, 0))
    assert values(run(task="Walks", saved=Checkpoint(file, 0), id="other")) == values(run(task="Walks"))
    assert "bench: the run begins anew, for its checkpoint is that of another run or data" in capsys.readouterr().err


def test_checkpoint_of_a_run_on_other_data_counts_as_none(run, broken, file, capsys, tmp_path, monkeypatch):
    broken(4, task="Walks", saved=Checkpoint(file, 0))
    shutil.rmtree(tmp_path / "data")
    monkeypatch.setenv("FIRST", "1")
    outcome = run(task="Walks", saved=Checkpoint(file, 0))
    assert (values(outcome), outcome.data) == (values(run(task="Walks")), run(task="Walks").data)
    assert "bench: the run begins anew, for its checkpoint is that of another run or data" in capsys.readouterr().err


def test_file_of_something_else_counts_as_none(run, file, capsys):
    for other in ([1, 2], torch.ones(3), {"model": {}}):
        torch.save(other, file)
        assert values(run(task="Walks", saved=Checkpoint(file, 3600))) == values(run(task="Walks"))
        assert "bench: the run begins anew" in capsys.readouterr().err


def test_run_whose_checkpoint_cannot_be_written_is_done(run, tmp_path, capsys):
    (tmp_path / "taken").touch()
    assert values(run(task="Walks", saved=Checkpoint(tmp_path / "taken" / "id.pt", 0))) == values(run(task="Walks"))
    assert "bench: no checkpoint was saved: " in capsys.readouterr().err


def test_stop_saves_at_the_next_checkpoint_and_ends_the_run_there(run, file):
    def stop(progress):
        saved.stop = True

    walk = {"method": "draws", "task": "Walks"}
    saved = Checkpoint(file, 3600)
    with pytest.raises(Stopped):
        run(**walk, send=stop, saved=saved)
    assert torch.load(file, weights_only=True)["state"]["done"] == 2  # the first report comes after the first step
    assert values(run(**walk, saved=Checkpoint(file, 3600))) == values(run(**walk))
