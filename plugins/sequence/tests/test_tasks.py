"""Every method runs on every task for a few steps, through the command line; and the tasks ask what they say."""

import pkgutil

import pandas as pd
import pytest
import torch
from torch import nn

import bench_sequence
from bench_sequence.backbone import Backbone
from harness import Skip
from harness.testing import Bench

SUITE = """\
pack: 20
seeds: [0]
tasks:
  {tasks}
methods: [{methods}]
"""
SMALL = {  # by whether a method is causal
    True: "- {task: adding, params: {length: 36, steps: 3, d_model: 8, layers: 1, batch_size: 8, evaluations: 1}}",
    False: "- {task: digits, params: {steps: 3, d_model: 8, layers: 1, causal: false}}",
}
OTHERS = """- {task: digits, params: {steps: 3, d_model: 8, layers: 1}}
  - {task: listops, params: {steps: 3, d_model: 8, layers: 1, train: 200}}
  - {task: delay, params: {steps: 3, d_model: 8, length: 64, lag: 16}}
"""
MIXERS = [method for method in bench_sequence.bench_methods() if method.family is bench_sequence.SEQUENCE_MIXER]
TRAITS = {method.name: method.traits for method in MIXERS}


def run_suite(folder, methods, tasks):
    """Run one, through the command line, and return its rows."""
    bench = Bench(folder, [])
    bench.write("smoke.yaml", SUITE.replace("{methods}", ", ".join(methods)).replace("{tasks}", tasks))
    done = bench("run", "smoke.yaml", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return pd.read_parquet(folder / "results" / "smoke")


@pytest.mark.parametrize("causal", [True, False])
def test_every_method_runs_in_the_form_that_it_has(tmp_path, causal):
    methods = [name for name, traits in TRAITS.items() if ("causal" in traits) == causal]
    table = run_suite(tmp_path, methods, SMALL[causal])
    assert set(table["status"]) == {"done"}
    assert set(table["method"]) == set(methods)
    assert set(table[table["split"] == "test"]["metric"]) == {"mse" if causal else "accuracy"}
    assert (table[table["metric"] == "seconds_per_step"]["value"] > 0).all()
    assert (table[table["metric"] == "parameters"]["value"] > 0).all()


FORMS = {"causal": True, "bidirectional": False}  # what claims that a mixer can be built with which `causal`
LACKING = [(one, trait) for one in MIXERS for trait in FORMS if trait not in one.traits]


@pytest.mark.parametrize(("method", "trait"), LACKING, ids=lambda one: getattr(one, "name", one))
def test_a_method_asks_to_be_skipped_for_a_form_that_it_does_not_claim(method, trait):
    with pytest.raises(Skip, match=r"form$"):
        pkgutil.resolve_name(method.target)(d_model=4, l_max=16, causal=FORMS[trait])


def test_methods_run_on_every_task_that_they_can_do(tmp_path):
    table = run_suite(tmp_path, ["s4d", "hyena", "fnet"], OTHERS)
    skipped = table[table["status"] == "skipped"].set_index(["method", "task"])["reason"].to_dict()
    assert skipped == {
        ("hyena", "listops"): "the task needs bidirectional, which the method does not claim",
        ("fnet", "delay"): "the task needs causal, which the method does not claim",
        ("fnet", "digits"): "FNet transforms the whole sequence: it has no causal form",
    }
    assert set(table["status"]) == {"done", "skipped"}
    assert table["run"].nunique() == 9
    test = table[table["split"] == "test"]
    assert set(test["metric"]) == {"accuracy", "mse", "root_operator_accuracy"}
    assert test[test["metric"] == "root_operator_accuracy"]["value"].nunique() == 1


class Copy(nn.Module):
    """A mixer that adds nothing, so that a model with it sees each position alone."""

    def __init__(self, *, d_model: int, l_max: int, causal: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, x):
        return x * self.weight


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Backbone(
        nn.Embedding(5, 8), Copy, d_model=8, l_max=10, layers=2, outputs=3, causal=True, pool=True, dropout=0.5
    ).eval()


def test_pooling_leaves_padding_out(model):
    tokens = torch.randint(1, 5, (4, 10))
    lengths = torch.tensor([3, 10, 1, 7])
    padded = torch.where(torch.arange(10) < lengths[:, None], tokens, 0)
    torch.testing.assert_close(model(padded, lengths), model(tokens, lengths))
    torch.testing.assert_close(model(tokens[:1, :3]), model(padded[:1], lengths[:1]))


def test_pooling_is_a_mean_and_blocks_are_residual(model):
    tokens = torch.randint(1, 5, (1, 10))
    alone = torch.stack([model(tokens[:, i : i + 1]) for i in range(10)]).mean(0)
    torch.testing.assert_close(model(tokens), alone)  # only a mixer could let positions meet


def test_outputs_from_a_position_on():
    torch.manual_seed(0)
    build = {"d_model": 8, "l_max": 10, "layers": 1, "outputs": 1, "causal": True, "pool": False, "norm": "none"}
    model = Backbone(nn.Linear(1, 8), Copy, first=4, **build)
    x = torch.randn(2, 10, 1)
    tail = model(x)
    model.first = 0
    assert tail.shape == (2, 6, 1)
    torch.testing.assert_close(tail, model(x)[:, 4:])
