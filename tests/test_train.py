"""The training loop, on models of a few parameters."""

import dataclasses
import functools
import math
import random
import time
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from harness import train
from harness.errors import Diverged
from harness.measure import PeakMemory
from harness.spec import Seeds
from harness.testing import interrupted
from harness.train import Examples, Recipe, parameter_groups, predict, splits, supervised


class Context:
    device = "cpu"

    def __init__(self, order=3, method=4):
        self.seeds = Seeds(data=1, init=2, order=order, method=method)
        self.reports = []

    def report(self, step, steps, **latest):
        self.reports.append((step, steps, latest))

    def resume(self):
        return None

    def checkpoint(self, state):
        pass


class Constant(nn.Module):
    """Predict one number for everything; `calls` keeps the size of every batch and whether it was for training."""

    def __init__(self, value=0.0):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))
        self.calls = []

    def forward(self, x):
        self.calls.append((x[:, 0].tolist(), self.training))
        return self.value.expand(len(x), 1)


def examples(*targets):
    inputs = torch.arange(len(targets), dtype=torch.float32)[:, None]
    return Examples((inputs,), torch.tensor(targets, dtype=torch.float32)[:, None])


def mse(prediction, target):
    return (prediction - target).square().mean()


DATA = {"train": examples(*[1.0] * 8), "val": examples(0.4, 0.4, 0.4), "test": examples(5.0, 6.0)}
RECIPE = Recipe(steps=20, batch_size=4, lr=0.1, weight_decay=0.0, warmup=0.0, evaluations=20)


def trained(model=None, data=DATA, recipe=RECIPE, context=None, loss=mse):
    return list(supervised(model or Constant(), data, loss, recipe, context or Context(), PeakMemory("cpu")))


def of(outputs, split):
    return [one for one in outputs if one.split == split]


def held_out(outputs):
    return {one.step: float(mse(one.values["prediction"], one.values["target"])) for one in of(outputs, "val")}


def test_checkpoint_with_the_lowest_validation_loss_is_scored():
    """The value goes from 0 past 0.4, where validation is best, to 1, where training is."""
    model = Constant()
    outputs = trained(model)
    losses = held_out(outputs)
    (test,) = of(outputs, "test")
    assert test.step == min(losses, key=lambda step: losses[step])
    assert 1 < test.step < 20
    chosen = of(outputs, "val")[test.step - 1].values["prediction"]
    assert torch.equal(test.values["prediction"][0], chosen[0])
    assert model.value.item() == pytest.approx(chosen[0].item())


def test_last_checkpoint_is_scored_where_it_is_the_best():
    (test,) = of(trained(data={**DATA, "val": examples(1.0)}), "test")
    assert test.step == 20


def test_test_data_is_scored_once_and_never_trained_on():
    model = Constant()
    outputs = trained(model, data={**DATA, "test": Examples((torch.full((2, 1), -7.0),), torch.ones(2, 1))})
    assert len(of(outputs, "test")) == 1
    assert [call for call in model.calls if -7.0 in call[0]] == [([-7.0, -7.0], False)]
    assert outputs[-2].split == "test"


def test_costs_come_last():
    costs = trained()[-1]
    assert (costs.split, costs.step, costs.values["parameters"]) == ("train", 20, 1)
    assert 0 < costs.values["seconds_per_step"] < 1


def test_training_lowers_the_loss_and_is_reported():
    context = Context()
    trained(context=context)
    assert [(step, steps) for step, steps, _ in context.reports] == [(step, 20) for step in range(1, 21)]
    losses = [latest["loss"] for _, _, latest in context.reports]
    assert losses[0] == pytest.approx(1.0)
    assert losses[-1] < 0.2


def test_same_seeds_give_the_same_numbers():
    def numbers(order=3, method=4):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        torch.manual_seed(torch.seed())  # whatever went on before
        data = {**DATA, "train": examples(*range(8))}
        return of(trained(model, data, context=Context(order, method)), "test")[0].values["prediction"]

    assert torch.equal(numbers(), numbers())
    assert not torch.equal(numbers(), numbers(order=5))
    assert not torch.equal(numbers(), numbers(method=5))


@pytest.mark.parametrize(("steps", "count"), [(20, 4), (20, 20), (7, 3), (10, 1), (3, 5), (1000, 7)])
def test_evaluations_stand_at_equal_distances_and_the_last_at_the_end(steps, count):
    recipe = dataclasses.replace(RECIPE, steps=steps, evaluations=count)
    found = [step for step in range(1, steps + 1) if train._is_evaluation(step, recipe)]
    assert len(found) == min(steps, count)
    assert found[-1] == steps
    distances = {b - a for a, b in zip([0, *found], found, strict=False)}
    assert max(distances) - min(distances) <= 1


def test_evaluations_are_as_many_as_the_recipe_says():
    outputs = trained(recipe=dataclasses.replace(RECIPE, evaluations=5))
    assert [one.step for one in of(outputs, "val")] == [4, 8, 12, 16, 20]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_diverged(value):
    def loss(prediction, target):
        return mse(prediction, target) * (value if len(context.reports) == 2 else 1)

    context = Context()
    with pytest.raises(Diverged, match=r"the training loss is (nan|inf) at step 3"):
        trained(context=context, loss=loss)


def test_model_without_a_finite_validation_loss_has_diverged():
    """No checkpoint was ever chosen: the test score would be that of the untrained model."""

    def loss(prediction, target):
        return mse(prediction, target) * (1.0 if prediction.requires_grad else math.nan)

    with pytest.raises(Diverged, match="val"):
        trained(loss=loss)


def seen(count, batch_size, steps, order=3):
    model = Constant()
    recipe = dataclasses.replace(RECIPE, steps=steps, batch_size=batch_size, evaluations=1)
    trained(model, {**DATA, "train": examples(*[1.0] * count)}, recipe, Context(order))
    return [tuple(inputs) for inputs, training in model.calls if training]


def test_no_example_comes_twice_within_an_epoch():
    batches = seen(count=12, batch_size=4, steps=9)
    for epoch in (batches[:3], batches[3:6], batches[6:]):
        assert sorted(sum(epoch, ())) == list(range(12))
    assert batches[:3] != batches[3:6]


def test_what_does_not_fill_a_batch_waits_for_the_next_epoch():
    batches = seen(count=10, batch_size=4, steps=40)
    assert {len(batch) for batch in batches} == {4}
    assert all(len({*first, *second}) == 8 for first, second in zip(batches[::2], batches[1::2], strict=True))
    assert set(Counter(sum(batches, ()))) == set(range(10))


def test_order_follows_its_seed():
    assert seen(12, 4, 6, order=1) == seen(12, 4, 6, order=1)
    assert seen(12, 4, 6, order=1) != seen(12, 4, 6, order=2)


def test_batch_larger_than_the_data():
    with pytest.raises(ValueError, match="batch_size 9 is more than the 8 training examples"):
        trained(recipe=dataclasses.replace(RECIPE, batch_size=9))


def test_predict_is_in_evaluation_mode_and_whole():
    model = nn.Sequential(nn.Dropout(0.9), nn.Identity())
    split = examples(*range(10))
    assert torch.equal(predict(model, split, batch_size=3), split.inputs[0])
    assert model.training


class Asking(nn.Module):
    """A layer with a slow parameter, a fast one, and one that it does not name."""

    def __init__(self, ask=list):
        super().__init__()
        self.slow, self.fast, self.plain = (nn.Parameter(torch.zeros(2)) for _ in range(3))
        self.ask = ask

    def param_groups(self):
        return [
            {"params": self.ask([self.slow]), "max_lr": 1e-3, "weight_decay": 0.0},
            {"params": self.ask([self.fast]), "max_lr": 10.0},
        ]


class Outer(nn.Module):
    """A container that passes on what its parts ask for, as they do themselves."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def param_groups(self):
        return [group for part in self.parts for group in part.param_groups()]


def settings(model, recipe=Recipe(steps=10, batch_size=1, lr=0.01, weight_decay=0.1)):  # noqa: B008 - it is frozen
    """Return learning rate and weight decay of each parameter by name; each may stand in one group only."""
    groups = torch.optim.AdamW(parameter_groups(model, recipe), lr=recipe.lr).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = [(names[id(p)], (group["lr"], group["weight_decay"])) for group in groups for p in group["params"]]
    assert len(found) == len(dict(found))
    return dict(found)


def test_asked_for_groups_have_a_ceiling_and_a_weight_decay_of_their_own():
    assert settings(nn.Sequential(nn.Linear(1, 1), Asking())) == {
        "0.weight": (0.01, 0.1),
        "0.bias": (0.01, 0.1),
        "1.slow": (1e-3, 0.0),
        "1.fast": (0.01, 0.1),  # a ceiling above the recipe's learning rate changes nothing
        "1.plain": (0.01, 0.1),
    }


def test_parameters_named_by_an_iterator_are_not_lost():
    assert settings(Asking(ask=iter)) == settings(Asking())


def test_parameter_that_two_modules_name_stands_in_one_group():
    first, second = Asking(), Asking()
    second.slow = first.slow
    found = settings(nn.Sequential(first, second))
    assert found["0.slow"] == (1e-3, 0.0)
    assert len(found) == 5


def test_container_that_passes_on_its_parts_groups():
    found = settings(Outer(Asking(), Asking()))
    assert len(found) == 6
    assert found["parts.1.slow"] == (1e-3, 0.0)


def test_frozen_parameters_are_left_out():
    model = nn.Linear(2, 2)
    model.bias.requires_grad = False
    assert list(settings(model)) == ["weight"]


def test_model_whose_modules_name_every_parameter():
    class All(nn.Linear):
        def param_groups(self):
            return [{"params": list(self.parameters()), "max_lr": 1e-4}]

    assert settings(All(1, 1)) == {"weight": (1e-4, 0.1), "bias": (1e-4, 0.1)}


def factors(steps, warmup):
    recipe = Recipe(steps=steps, batch_size=1, lr=1.0, warmup=warmup)
    return [train._learning_rate_factor(step, recipe) for step in range(steps + 1)]


def test_learning_rate_rises_linearly_and_falls_as_a_cosine_to_zero():
    found = factors(110, 0.1)
    assert found[:11] == pytest.approx([(i + 1) / 11 for i in range(11)])
    assert found[11] == pytest.approx(1.0)
    assert found[11 + 33] == pytest.approx(0.5 * (1 + math.cos(math.pi / 3)))
    assert found[110] == pytest.approx(0.0, abs=1e-12)
    assert found[11:] == sorted(found[11:], reverse=True)


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0.1), (2, 0.5), (10, 0.0), (10, 1.0), (3, 0.1)])
def test_no_step_is_without_a_learning_rate(steps, warmup):
    found = factors(steps, warmup)[:steps]
    assert all(0 < factor <= 1 for factor in found)
    assert max(found) == pytest.approx(1.0)


def test_ceiling_holds_through_the_schedule():
    rates = []

    class Layer(Asking):
        def forward(self, x):
            return x * self.plain.sum() + self.slow.sum() + self.fast.sum()

    model = nn.Sequential(Layer())
    step = torch.optim.AdamW.step

    class Watched(torch.optim.AdamW):
        def step(self, *arguments, **options):
            rates.append([group["lr"] for group in self.param_groups])
            return step(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "AdamW", Watched)
        trained(model, recipe=Recipe(steps=10, batch_size=4, lr=0.1, warmup=0.5))
    rest, slow, fast = np.array(rates).T
    assert max(rest) == max(fast) == pytest.approx(0.1)
    assert slow == pytest.approx(rest * 0.01)
    assert rest[0] == pytest.approx(0.1 / 5)


def arrays(**parts):
    return {f"{split}_{part}": array for split in ("train", "val", "test") for part, array in parts.items()}


def test_splits():
    data = arrays(inputs=np.ones((4, 2), np.float32), targets=np.arange(4, dtype=np.int32))
    data["val_targets"] = np.arange(2)
    found = splits(data)
    assert list(found) == ["train", "val", "test"]
    assert found["train"].inputs[0].dtype == torch.float32
    assert found["train"].targets.dtype == torch.int64
    assert [len(split) for split in found.values()] == [4, 2, 4]


def test_splits_with_several_inputs():
    data = arrays(left=np.ones(3), right=np.arange(3, dtype=np.uint8), targets=np.zeros(3, np.float32))
    left, right = splits(data, inputs=("left", "right"))["test"].inputs
    assert (left.dtype, right.dtype) == (torch.float64, torch.uint8)


def test_splits_keep_complex_numbers():
    found = splits(arrays(inputs=np.full(2, 1 + 2j, np.complex64), targets=np.zeros(2)))
    assert found["train"].inputs[0].tolist() == [1 + 2j, 1 + 2j]


def test_inputs_share_the_memory_of_read_only_arrays_and_targets_do_not():
    array = np.zeros(3, np.float32)
    array.setflags(write=False)
    found = splits(arrays(inputs=array, targets=array))
    assert found["train"].inputs[0].data_ptr() == found["val"].inputs[0].data_ptr() == array.ctypes.data
    assert found["train"].targets.data_ptr() != array.ctypes.data


def test_examples_are_sliced_together():
    both = Examples((torch.arange(4), torch.arange(4) * 10), torch.arange(4) * 100)
    part = both[torch.tensor([3, 1])]
    assert [tensor.tolist() for tensor in (*part.inputs, part.targets)] == [[3, 1], [30, 10], [300, 100]]
    assert len(both[1:]) == 3


class Hard(nn.Module):
    """A model with all that is hard to take up again: noise from every global stream, a running buffer, complex and
    shared parameters, and groups of their own."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(1, 8)
        self.norm = nn.BatchNorm1d(8)
        self.dropout = nn.Dropout(0.5)
        self.phase = nn.Parameter(torch.randn(8, dtype=torch.complex64))
        self.asking = Asking()
        self.last = nn.Linear(8, 1)
        self.tied = self.last

    def forward(self, x):
        h = self.dropout(self.norm(self.first(x) * self.phase.abs()) + (self.phase * self.phase).real)
        if self.training:
            h = h + random.gauss(0.0, 0.1) + 0.1 * float(np.random.standard_normal())
        asked = self.asking.slow.sum() + (self.asking.fast - 1).sum() + self.asking.plain.sum()
        return self.last(h) * (1 + asked) + self.tied(h)


HARD = {"train": examples(*[math.sin(i) for i in range(10)]), "val": DATA["val"], "test": DATA["test"]}
STEPS = 9
EACH_STEP = Recipe(steps=STEPS, batch_size=3, lr=0.05, evaluations=STEPS)


def hard(recipe, context):
    """Begin as a run does: the surroundings from their seed, whatever the streams gave before."""
    torch.manual_seed(context.seeds.init)
    random.seed(context.seeds.init)
    np.random.seed(context.seeds.init % 2**32)
    return supervised(Hard(), HARD, mse, recipe, context, PeakMemory("cpu"))


def predictions(outputs):
    return {(one.split, one.step): one.values["prediction"] for one in outputs if one.split != "train"}


def equal(found, expected):
    return found.keys() == expected.keys() and all(torch.equal(found[key], expected[key]) for key in expected)


@functools.cache
def straight(evaluations):
    return predictions(
        interrupted(functools.partial(hard, dataclasses.replace(EACH_STEP, evaluations=evaluations)), at=None)
    )


@pytest.mark.parametrize("evaluations", [STEPS, 4, 1])
@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_run_that_was_broken_off_ends_as_it_would_have(at, evaluations):
    """An epoch has three steps: broken off are its beginning, middle and end, steps with an evaluation and without."""
    recipe = dataclasses.replace(EACH_STEP, evaluations=evaluations)
    assert equal(predictions(interrupted(functools.partial(hard, recipe), at=at)), straight(evaluations))


def test_every_step_of_the_hard_model_counts():
    """Otherwise the test above could not fail."""
    found = straight(STEPS)
    assert len({tuple(found["val", step].flatten().tolist()) for step in range(1, STEPS + 1)}) == STEPS


def resumed(training, steps, at):
    """Return the outputs of `training`, a function of a model, broken off at step `at`."""
    recipe = dataclasses.replace(RECIPE, steps=steps, evaluations=steps)

    def run(context):
        return supervised(training(), DATA, mse, recipe, context, PeakMemory("cpu"))

    return interrupted(run, at=at)


def test_chosen_checkpoint_is_taken_up_too():
    """Validation is best long before the run is broken off, and gets worse to its end."""
    whole, broken = (resumed(Constant, 20, at) for at in (None, 15))
    (test,) = of(broken, "test")
    assert test.step == of(whole, "test")[0].step < 15
    assert equal(predictions(broken), predictions(whole))


def test_costs_cover_all_attempts():
    class Slow(Constant):
        delay = iter([0.0] * 3 + [0.02] * 3 + [0.0] * 6)

        def forward(self, x):
            time.sleep(next(self.delay) if self.training else 0.0)
            return super().forward(x)

    costs = resumed(Slow, 6, at=6)[-1].values
    assert costs["seconds_per_step"] >= 0.02
    assert costs["parameters"] == 1


def test_peak_memory_goes_on_from_that_of_the_attempt_before():
    class Memory:
        mib = 7.0

        def resume(self, earlier):
            self.mib = earlier + 1.0

    def run(context):
        return supervised(Constant(), DATA, mse, RECIPE, context, Memory())

    assert interrupted(run, at=None)[-1].values["peak_memory"] == 7.0
    assert interrupted(run, at=3)[-1].values["peak_memory"] == 8.0


def test_model_trains_in_training_mode_from_the_first_step_on():
    model = Constant().eval()
    outputs = resumed(lambda: model, 4, at=2)
    assert of(outputs, "test")
    assert [training for inputs, training in model.calls if len(inputs) == 4] == [True] * 4


def test_finished_training_is_not_repeated():
    model = Constant()
    resumed(lambda: model, 5, at=5)
    assert len([inputs for inputs, training in model.calls if training]) == 5


class Counted(Context):
    def __init__(self):
        super().__init__()
        self.offered = []

    def checkpoint(self, state):
        self.offered.append(state()["step"])


def test_state_is_offered_after_each_step_and_its_evaluation():
    context = Counted()
    steps = [
        (one.split, list(context.offered))
        for one in supervised(
            Constant(), DATA, mse, dataclasses.replace(RECIPE, steps=4, evaluations=2), context, PeakMemory("cpu")
        )
    ]
    assert steps[:2] == [("val", [1]), ("val", [1, 2, 3])]
    assert context.offered == [1, 2, 3, 4]


def test_state_holds_the_chosen_model_apart_from_the_live_one():
    kept = []

    class Keeps(Context):
        def checkpoint(self, state):
            kept.append(state())

    trained(recipe=dataclasses.replace(RECIPE, steps=6, evaluations=1), context=Keeps())
    live = {kept[-1]["model"]["value"].data_ptr()}
    assert kept[0]["best"][2]["value"].data_ptr() not in live
    assert kept[0]["best"][2]["value"].item() == 0.0
