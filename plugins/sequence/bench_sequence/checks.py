"""Conformance checks of sequence mixers: what the family's contract and its traits promise, measured.

Each `check_<name>(build)` calls `build(d_model=, l_max=, causal=)` for layers of one method and raises AssertionError
saying what it found. Checks named after a trait ("-" written as "_") are for the methods that claim it, the others
for every method. A method may refuse one of its two forms with ValueError unless it claims the trait that needs it.

A check that needs what the machine lacks raises unittest.SkipTest, which pytest shows as skipped. Equalities are
measured in float64, as the largest difference relative to the largest output.
"""

import functools
import io
import math
import unittest
from collections.abc import Iterator

import torch
from torch import nn

from bench_sequence.probing import (
    BATCH,
    D_MODEL,
    L_MAX,
    Build,
    effect,
    form_for_trait,
    forms,
    noise,
)
from harness import Context, Outputs
from harness.conformance import deterministic, difference, in_float64, seeded
from harness.measure import PeakMemory
from harness.testing import interrupted
from harness.train import Examples, Recipe, supervised

ROUNDING = 1e-9  # what float64 FFTs and long sums leave behind, with room to spare
BFLOAT16_TOLERANCE = 0.03  # eight times the rounding of one operation
RATE_TOLERANCE = 0.1  # discretisations agree to first or second order; a layer that ignores the rate is off by half
STEP_TOLERANCE = 1e-8  # a recurrence accumulates its errors over L_MAX steps


# The contract, which every method keeps.


def check_shape(build: Build) -> None:
    """The output has the shape and dtype of the input, for any batch, d_model and l_max."""
    for batch, d_model, l_max in ((BATCH, D_MODEL, L_MAX), (1, 32, 128)):
        for form, layer in forms(build, d_model=d_model, l_max=l_max):
            x = noise(batch, l_max, d_model)
            y = layer(x)
            assert y.shape == x.shape, f"{form}: input {tuple(x.shape)} gave output {tuple(y.shape)}"
            assert y.dtype == x.dtype, f"{form}: a {x.dtype} input gave a {y.dtype} output"


def check_finite(build: Build) -> None:
    """Outputs and gradients are finite for ordinary, zero, constant and large inputs."""
    for form, layer in forms(build):
        normal = noise(BATCH, L_MAX, D_MODEL)
        inputs = {"normal": normal, "zero": 0 * normal, "constant": torch.ones_like(normal), "large": 100 * normal}
        for kind, x in inputs.items():
            layer.zero_grad()
            x.requires_grad_()
            y = layer(x)
            assert y.isfinite().all(), f"{form}: {kind} inputs gave an output that is not finite"
            y.sum().backward()
            for name, tensor in (("the input", x), *layer.named_parameters()):
                finite = tensor.grad is None or tensor.grad.isfinite().all()
                assert finite, f"{form}: {kind} inputs gave {name} a gradient that is not finite"


def check_batch_independence(build: Build) -> None:
    """A sequence's output does not depend on the other sequences of its batch."""
    with in_float64():
        for form, layer in forms(build):
            x = noise(BATCH, L_MAX, D_MODEL)
            error = difference(layer(x)[:1], layer(x[:1]))
            assert error <= ROUNDING, f"{form}: a sequence alone and in a batch give outputs that differ by {error:.1e}"


def check_gradient_reaches_every_parameter(build: Build) -> None:
    """Every trainable parameter has a gradient that is not zero throughout."""
    for form, layer in forms(build):
        y = layer(noise(BATCH, L_MAX, D_MODEL).requires_grad_())  # a layer may have no parameters at all
        (y * noise(*y.shape, seed=1)).sum().backward()  # random weights, since some symmetric losses have no gradient
        for name, parameter in layer.named_parameters():
            if parameter.requires_grad:
                reached = parameter.grad is not None and bool(parameter.grad.any())
                assert reached, f"{form}: no gradient reaches the parameter {name}"


def check_state_dict_round_trip(build: Build) -> None:
    """A layer's saved state makes another layer, built from another seed, compute the same."""
    with in_float64():
        for (form, trained), (_, fresh) in zip(forms(build, seed=0), forms(build, seed=1), strict=True):
            x = noise(BATCH, L_MAX, D_MODEL)
            expected = trained(x)  # before saving: whatever the first call settles must be saved as well
            file = io.BytesIO()
            torch.save(trained.state_dict(), file)
            file.seek(0)
            fresh.load_state_dict(torch.load(file, weights_only=True))
            error = difference(fresh(x), expected)
            assert error <= ROUNDING, f"{form}: outputs before saving and after loading differ by {error:.1e}"


def check_resumes(build: Build) -> None:
    """Four steps of training give bit-identical predictions when they are broken off after two and taken up again."""
    for form, _ in forms(build):
        with seeded(0), deterministic():
            run = functools.partial(_trained, build, form)
            straight, resumed = interrupted(run, at=None), interrupted(run, at=2)
        for expected, actual in zip(straight[:-1], resumed[:-1], strict=True):  # the last are the costs
            error = difference(actual.values["prediction"], expected.values["prediction"])
            assert error == 0, (
                f"{form}: predictions at step {expected.step} of a training that was taken up after step 2 differ by "
                f"{error:.1e}; what training changes has to be in state_dict()"
            )


def check_deterministic(build: Build) -> None:
    """Building and calling twice from the same torch seed gives identical outputs."""
    for (form, first), (_, second) in zip(forms(build, seed=0), forms(build, seed=0), strict=True):
        x = noise(BATCH, L_MAX, D_MODEL)
        with seeded(0):
            a = first(x)
        with seeded(0):
            b = second(x)
        assert torch.equal(a, b), f"{form}: two layers from one seed give outputs that differ by {difference(a, b):.1e}"


def check_cuda(build: Build) -> None:
    """On a GPU the layer's outputs and gradients are those on the CPU; skipped, saying so, where there is no GPU."""
    if not torch.cuda.is_available():
        raise unittest.SkipTest("no GPU here")
    with in_float64():
        for (form, layer), (_, moved) in zip(forms(build), forms(build), strict=True):
            moved = moved.cuda()
            x = noise(BATCH, L_MAX, D_MODEL).requires_grad_()  # a layer may have no parameters at all
            y, there = layer(x), moved(x.cuda())
            error = difference(there.cpu(), y)
            assert error <= STEP_TOLERANCE, f"{form}: outputs on the GPU and on the CPU differ by {error:.1e}"
            y.square().sum().backward()
            there.square().sum().backward()
            for (name, here), other in zip(layer.named_parameters(), moved.parameters(), strict=True):
                if here.grad is not None:
                    error = difference(other.grad.cpu(), here.grad)
                    assert error <= STEP_TOLERANCE, f"{form}: gradients of {name} on GPU and CPU differ by {error:.1e}"


def check_param_groups(build: Build) -> None:
    """param_groups(), where there is one, lists some of the layer's parameters, each once, with valid settings."""
    for form, layer in forms(build):
        if not hasattr(layer, "param_groups"):
            continue
        names = {id(parameter): name for name, parameter in layer.named_parameters()}
        seen = set()
        for group in layer.param_groups():
            keys = set(group)
            assert keys == {"params", "max_lr", "weight_decay"}, (
                f"{form}: a parameter group has the keys {sorted(keys)}"
            )
            assert isinstance(group["params"], list), f"{form}: a group's params are not a list"
            assert group["params"], f"{form}: a parameter group is empty"
            max_lr, weight_decay = group["max_lr"], group["weight_decay"]
            assert max_lr > 0, f"{form}: max_lr is {max_lr}, which is not positive"
            assert 0 <= weight_decay < math.inf, (
                f"{form}: weight_decay is {weight_decay}, which is negative or infinite"
            )
            for parameter in group["params"]:
                assert id(parameter) in names, f"{form}: a group holds a tensor that is no parameter of the layer"
                assert id(parameter) not in seen, f"{form}: {names[id(parameter)]} is listed twice"
                seen.add(id(parameter))


# The traits, for the methods that claim them.


def check_causal(build: Build) -> None:
    """Built with causal=True, no output changes when later inputs do."""
    with in_float64(), torch.no_grad():
        layer = form_for_trait(build, causal=True)
        x = noise(BATCH, L_MAX, D_MODEL)
        y = layer(x)
        for t in (0, L_MAX // 2 - 1, L_MAX - 2):
            changed = 10 * noise(BATCH, L_MAX, D_MODEL, seed=1)
            changed[:, : t + 1] = x[:, : t + 1]
            error = difference(layer(changed)[:, : t + 1], y[:, : t + 1])
            assert error <= ROUNDING, f"inputs after position {t} change outputs up to it by {error:.1e}"


def check_bidirectional(build: Build) -> None:
    """Built with causal=False, the first output can depend on the last input, and the last output on the first."""
    with in_float64(), torch.no_grad():
        layer = form_for_trait(build, causal=False)
        normal = noise(BATCH, L_MAX, D_MODEL)
        # At its initialisation a gated recurrence forgets noise, but holds on while a large input keeps its gates open.
        held = (30 * normal[:, :1]).expand_as(normal)
        for source, target in ((-1, 0), (0, -1)):
            reach = max(effect(layer, x, source, target) for x in (normal, held))
            places = {0: "first", -1: "last"}
            assert reach > ROUNDING, f"the {places[target]} output does not depend on the {places[source]} input"


def check_stepwise(build: Build) -> None:
    """step(), fed a causal layer's input one position at a time, gives the layer's parallel output."""
    with in_float64(), torch.no_grad():
        layer = form_for_trait(build, causal=True)
        assert hasattr(layer, "step"), "the layer has no step()"
        x = noise(BATCH, L_MAX, D_MODEL)
        outputs, state = [], None
        for t in range(L_MAX):
            y, state = layer.step(x[:, t], state)
            assert y.shape == x[:, t].shape, f"step() maps {tuple(x[:, t].shape)} to {tuple(y.shape)}"
            outputs.append(y)
        error = difference(torch.stack(outputs, dim=1), layer(x))
        assert error <= STEP_TOLERANCE, f"step() and the parallel form give outputs that differ by {error:.1e}"


def check_stateful(build: Build) -> None:
    """A sequence in two parts and a step between them, the state handed on, gives what it gives as a whole."""
    with in_float64(), torch.no_grad():
        layer = form_for_trait(build, causal=True)
        x = noise(BATCH, L_MAX, D_MODEL)
        cut = L_MAX // 2 - 3
        try:
            head, state = layer(x[:, :cut], return_state=True)
            middle, state = layer.step(x[:, cut], state)
            tail, _ = layer(x[:, cut + 1 :], state, return_state=True)
        except Exception as error:
            raise AssertionError(f"handing the state on raised {error!r}") from error
        error = difference(torch.cat([head, middle[:, None], tail], dim=1), layer(x))
        assert error <= STEP_TOLERANCE, f"a sequence in parts and as a whole gives outputs that differ by {error:.1e}"


def check_rate(build: Build) -> None:
    """A smooth input, each value twice and at half the rate, gives about the same output at every other position."""
    with in_float64(), torch.no_grad():
        for form, layer in forms(build):
            periods = torch.arange(1, 4) * (2 * math.pi / L_MAX)
            waves = torch.sin(torch.arange(L_MAX)[:, None] * periods)
            x = torch.einsum("lk,bkh->blh", waves, noise(BATCH, 3, D_MODEL))
            y = layer(x)
            error = float((layer(x.repeat_interleave(2, dim=1), rate=0.5)[:, 1::2] - y).norm() / y.norm())
            assert error <= RATE_TOLERANCE, (
                f"{form}: twice the samples at half the rate change the output by {error:.0%}"
            )


def check_bfloat16(build: Build) -> None:
    """A bfloat16 layer gives bfloat16 outputs within a few per cent, in root mean square, of the same in float32."""
    with torch.no_grad():
        for form, layer in forms(build):
            x = noise(BATCH, L_MAX, D_MODEL).bfloat16()
            layer = layer.bfloat16()  # its weights rounded, so that only the arithmetic differs
            exact = layer.float()(x.float())
            y = layer.bfloat16()(x)
            assert y.dtype == x.dtype, f"{form}: a {x.dtype} input gave a {y.dtype} output"
            error = float((y.float() - exact).norm() / exact.norm())
            assert error <= BFLOAT16_TOLERANCE, f"{form}: outputs in bfloat16 and in float32 differ by {error:.1e}"


def check_any_length(build: Build) -> None:
    """Sequences shorter and longer than l_max are accepted, and give finite outputs of the same shape."""
    with torch.no_grad():
        for form, layer in forms(build):
            for length in (1, L_MAX // 2 - 1, L_MAX + 1, 2 * L_MAX + 3):
                x = noise(BATCH, length, D_MODEL)
                try:
                    y = layer(x)
                except Exception as error:
                    raise AssertionError(f"{form}: length {length} with l_max {L_MAX} raised {error!r}") from error
                assert y.shape == x.shape, f"{form}: input {tuple(x.shape)} gave output {tuple(y.shape)}"
                assert y.isfinite().all(), (
                    f"{form}: length {length} with l_max {L_MAX} gave an output that is not finite"
                )


def check_linear(build: Build) -> None:
    """The output of 2 u - 3 v is 2 times that of u less 3 times that of v; a constant offset shows as well."""
    with in_float64(), torch.no_grad():
        for form, layer in forms(build):
            u, v = noise(2, BATCH, L_MAX, D_MODEL)
            error = difference(layer(2 * u - 3 * v), 2 * layer(u) - 3 * layer(v))
            assert error <= ROUNDING, f"{form}: superposition fails by {error:.1e}"


def _trained(build: Build, form: str, context: Context) -> Iterator[Outputs]:
    """Train a small model around a layer; three batches make an epoch, so that the second is in the middle of one."""
    torch.manual_seed(context.seeds.init)
    model = nn.Sequential(nn.Dropout(), dict(forms(build))[form], nn.Linear(D_MODEL, 1))
    examples = Examples((noise(10, L_MAX, D_MODEL),), noise(10, L_MAX, 1, seed=1))
    recipe = Recipe(steps=4, batch_size=3, lr=0.01, evaluations=4)
    splits = {"train": examples, "val": examples[:3], "test": examples[3:]}
    return supervised(model, splits, nn.functional.mse_loss, recipe, context, PeakMemory(context.device))
