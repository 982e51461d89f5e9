"""MT-DeepONet: the sum over its basis, both published networks, and the problems that it was made for."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from bench_pde.equations import darcy_shapes, fisher
from bench_pde.methods.mt_deeponet import MTDeepONet
from bench_pde.tasks.normalised import Scale
from bench_pde.tasks.several import Masked
from harness.testing import bench  # noqa: F401 - a fixture


def count(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.fixture
def on_coefficients():
    """Four coefficients and the field at time 0, on six times and eight points."""
    torch.manual_seed(0)
    options = {"network": "coefficients", "coefficients": 4, "basis": 7, "width": 16}
    return MTDeepONet(in_channels=5, out_channels=2, grid=[6, 8], boundary="open", **options).double().eval()


def inputs():
    """Coefficients and a state, repeated over what they do not depend on."""
    c, u0 = torch.randn(3, 1, 1, 4, dtype=torch.float64), torch.randn(3, 1, 8, 1, dtype=torch.float64)
    return torch.cat([c.expand(3, 6, 8, 4), u0.expand(3, 6, 8, 1)], -1)


def test_output_is_the_sum_over_the_basis(on_coefficients):
    model, a = on_coefficients, inputs()
    b = model.branch(torch.cat([a[:, 0, 0, :4], a[:, 0, :, 4]], 1)).reshape(3, 7, 2)
    out = model(a)
    for t, x in ((0, 0), (2, 5), (5, 7)):
        y = torch.tensor([[t / 5, x / 7]], dtype=torch.float64)
        expected = (b * model.trunk(y)[0][:, None]).sum(1)
        assert (out[:, t, x] - expected).abs().max() < 1e-13


def test_network_for_coefficients_reads_them_and_the_first_time_alone(on_coefficients):
    a = inputs()
    changed = a.clone()
    changed[:, 1:] = torch.randn_like(changed[:, 1:])
    assert torch.equal(on_coefficients(a), on_coefficients(changed))
    changed[:, 0, :, 1] += 1
    assert not torch.equal(on_coefficients(a), on_coefficients(changed))


def test_output_is_linear_in_the_last_layer_of_the_branch_and_of_the_trunk(on_coefficients):
    a = inputs()
    before = on_coefficients(a)
    for last in (on_coefficients.branch[-1], on_coefficients.trunk[-1]):
        with torch.no_grad():
            last.weight *= 2
            last.bias *= 2
    assert (on_coefficients(a) - 4 * before).abs().max() < 1e-12


def test_networks_are_those_published():
    model = MTDeepONet(
        in_channels=5, out_channels=1, grid=[20, 64], boundary="open", network="coefficients", coefficients=4
    )
    branch = 68 * 128 + 128 + 128 * 128 + 128 + 128 * 300 + 300 + 2 * 256
    assert count(model.branch) == branch
    assert count(model.trunk) == 2 * 128 + 128 + 2 * (128 * 128 + 128) + 128 * 300 + 300
    norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm)]
    assert [norm.eps for norm in norms] == [1e-3, 1e-3]
    assert {module.negative_slope for module in model.modules() if isinstance(module, nn.LeakyReLU)} == {0.2}
    shapes = MTDeepONet(in_channels=2, out_channels=1, grid=[100, 100], boundary="open")
    convolutions = sum(25 * i * o + o for i, o in ((2, 16), (16, 32), (32, 64), (64, 64)))
    dense = 2304 * 128 + 128 + 128 * 128 + 128 + 128 * 150 + 150
    trunk = 2 * 64 + 64 + 64 * 128 + 128 + 2 * (128 * 128 + 128) + 128 * 150 + 150
    assert count(shapes) == convolutions + dense + trunk


def test_bad_grids_and_channels_are_refused():
    with pytest.raises(ValueError, match=r"16 points or more, got 12 x 30"):
        MTDeepONet(in_channels=2, out_channels=1, grid=[12, 30], boundary="open")
    with pytest.raises(ValueError, match="of 4 channels 4 cannot be coefficients"):
        MTDeepONet(in_channels=4, out_channels=1, grid=[30], boundary="open", coefficients=4)


def test_masked_output_is_0_outside_and_the_mask_stays_as_it_is():
    seen = []

    class Ones(nn.Module):
        def forward(self, a):
            seen.append(a)
            return torch.ones_like(a[..., :1])

    field = 5 + 2 * torch.randn(9, 4, 4, 1)
    mask = (torch.rand(9, 4, 4, 1) > 0.5).float()
    model = Masked(Ones(), Scale(field), Scale(3 * torch.randn(9, 4, 4, 1)))
    out = model(torch.cat([field, mask], -1))
    assert out.shape == (9, 1, 4, 4, 1)
    assert torch.equal(out[:, 0] != 0, mask != 0)
    assert torch.equal(seen[0][..., 1:], mask)
    assert seen[0][..., 0].mean().abs() < 1e-5


# --- Fisher


def laws(kind, alpha=1.0, beta=0.5, n=1):
    return (np.full(n, kind), np.full(n, alpha), np.full(n, beta))


@pytest.mark.parametrize("kind", [0, 1])
def test_coefficients_are_those_of_the_source(kind):
    u = np.linspace(0, 1, 11)[None]
    c = fisher.coefficients(*laws(kind, 0.7))[0]
    polynomial = sum(c[i] * u ** (i + 1) for i in range(4))
    assert np.abs(fisher.reaction(u, *laws(kind, 0.7)) - polynomial).max() < 1e-15


def test_coefficients_of_the_exponential_are_its_series_and_vanish_at_1():
    c = fisher.coefficients(*laws(2, 0.7, 1.3))[0]
    assert abs(c.sum()) < 1e-15
    h = 1e-3
    f = fisher.reaction(h * np.arange(-3, 4)[None], *laws(2, 0.7, 1.3))[0]
    assert (f[4] - f[2]) / (2 * h) == pytest.approx(c[0], abs=1e-6)
    assert (f[4] - 2 * f[3] + f[2]) / h**2 / 2 == pytest.approx(c[1], abs=1e-6)
    assert (f[5] - 2 * f[4] + 2 * f[2] - f[1]) / (2 * h**3) / 6 == pytest.approx(c[2], abs=1e-4)


def test_without_diffusion_growth_is_logistic():
    u0 = np.linspace(0.05, 0.95, 9)[None]
    u = fisher.solve(u0, *laws(0, 0.5), diffusivity=0.0, frames=5)
    grown = u0 * np.exp(5.0) / (1 + u0 * np.expm1(5.0))
    assert np.abs(u[:, -1] - grown).max() < 1e-9


def test_without_a_source_cosines_decay():
    x = np.linspace(0, 1, 17)
    u = fisher.solve(np.cos(3 * np.pi * x)[None], *laws(0, 0.0), diffusivity=0.02, frames=3)
    assert np.abs(u[0, -1] - np.exp(-0.02 * 9 * np.pi**2) * np.cos(3 * np.pi * x)).max() < 1e-13


def test_splitting_is_of_second_order():
    u0 = fisher.initial(33, np.random.default_rng(0))[None]
    solutions = [fisher.solve(u0, *laws(2, 0.3), 0.05, 3, step)[:, 1] for step in (0.02, 0.01, 0.005, 0.0025)]
    errors = [np.abs(a - b).max() for a, b in itertools.pairwise(solutions)]
    assert [np.log2(a / b) for a, b in itertools.pairwise(errors)] == pytest.approx([2, 2], abs=0.1)


def test_fisher_data():
    data = fisher.fisher(train=40, val=2, test=2, frames=4, points=32)
    assert data["train_inputs"].shape == (40, 4, 32, 5)
    assert np.allclose(data["train_targets"][:, 0], data["train_inputs"][:, 2, :, 4:])
    assert set(data["train_source"]) == {0, 1, 2}
    assert (data["train_targets"] > -1e-6).all()
    assert (data["train_targets"] < 1 + 1e-6).all()
    assert set(fisher.fisher(source="cubic", train=9, val=1, test=1)["train_source"]) == {1}
    with pytest.raises(ValueError, match="frames and points must be 2 or more"):
        fisher.fisher(frames=1)


# --- Darcy on shapes


def test_a_manufactured_pressure_is_found_inside_a_circle_to_first_order_of_the_staircase():
    errors = []
    for n in (33, 65, 129):
        x, y = np.meshgrid(np.linspace(-0.5, 0.5, n), np.linspace(-0.5, 0.5, n), indexing="ij")
        mask = darcy_shapes.inside("circle", n)
        exact = (0.25 - x**2 - y**2) / 4  # -Δu = 1, 0 on the circle
        errors.append(np.abs(darcy_shapes.solve(np.ones((n, n)), mask) - exact)[mask].max())
    assert errors[2] < 0.5 * errors[0]
    assert errors[2] < 0.01


def test_the_square_is_the_problem_of_darcy():
    from bench_pde.equations import darcy

    K = np.exp(darcy_shapes.log_conductivity(17, np.random.default_rng(0)))
    K = np.pad(K[1:-1, 1:-1], 1, mode="edge")  # what is beyond the shape is not seen
    assert np.abs(darcy_shapes.solve(K, darcy_shapes.inside("square", 17)) - darcy.solve(K)).max() < 1e-14


@pytest.mark.parametrize("shape", darcy_shapes.SHAPES)
def test_the_input_tells_all_that_the_pressure_depends_on(shape):
    K = np.exp(darcy_shapes.log_conductivity(24, np.random.default_rng(0)))
    mask = darcy_shapes.inside(shape, 24)
    assert np.array_equal(darcy_shapes.solve(np.where(mask, K, 9.0), mask), darcy_shapes.solve(K, mask))


def test_shapes_are_as_large_as_they_are():
    n = 401
    areas = {"square": 1, "circle": np.pi / 4, "triangle": np.sqrt(3) / 4, "cross": 1 - (2 * 0.5 * 0.15 - 0.15**2)}
    for name, area in areas.items():
        assert darcy_shapes.inside(name, n).mean() == pytest.approx(area, abs=0.01)
        assert not darcy_shapes.inside(name, n)[[0, -1]].any()


def test_shapes_data():
    data = darcy_shapes.darcy_shapes(points=17, train=20, val=1, test=1)
    mask = data["train_inputs"][..., 1:] > 0
    assert set(data["train_shape"]) == {0, 1, 2}
    assert not data["train_targets"][~mask].any()
    assert (data["train_targets"][mask] > 0).all()
    assert not data["train_inputs"][..., :1][~mask].any()
    logs = np.stack([darcy_shapes.log_conductivity(17, np.random.default_rng(i)) for i in range(400)])
    assert logs.std() == pytest.approx(1, abs=0.1)


SUITE = """
tasks:
  - {task: fisher, params: {frames: 24, points: 32, steps: 2, batch_size: 4, train: 8}}
  - {task: darcy-shapes, params: {points: 24, steps: 2, batch_size: 4, train: 8}}
methods:
  - {method: fno, params: {width: 4, layers: 1}}
  - {method: mt-deeponet, params: {basis: 4, width: 8}}
  - {method: mt-deeponet, preset: {fisher: fisher, darcy-shapes: darcy}, params: {basis: 5, width: 8}}
pack: 100
"""


def test_problems_are_scored_as_a_whole_and_one_by_one(bench):  # noqa: F811
    bench.write("s.yaml", SUITE)
    done = bench("run", "s.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_parquet(bench.folder / "results" / "s")
    assert (rows["status"] == "done").all(), rows[rows["status"] != "done"]["reason"].unique()
    errors = rows[(rows["metric"] == "relative_l2") & rows["split"].str.startswith("test")]
    named = {"fisher": fisher.SOURCES, "darcy-shapes": darcy_shapes.SHAPES[:3]}
    for task, names in named.items():
        splits = errors[errors["task"] == task].groupby("split")["value"].size()
        assert splits.to_dict() == {"test": 3} | {f"test-{name}": 3 for name in names}
