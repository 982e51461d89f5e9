"""Learned proximal networks, what they are trained by and judged by, and deblurring."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from bench_pde.denoiser_checks import check_gradients, check_proximal
from bench_pde.denoiser_metrics import mode_error, prior_error, psnr
from bench_pde.denoisers.deblurring import blurred, data_step, gaussian_blur, plug_and_play, tikhonov
from bench_pde.denoisers.dncnn import DnCNN
from bench_pde.denoisers.losses import Stage, loss, stages, stages_for_pictures
from bench_pde.denoisers.lpn import ProximalNetwork, VectorNetwork, lpn
from bench_pde.denoisers.pictures import shapes
from bench_pde.denoisers.posteriors import Gaussian, Laplace
from bench_pde.tasks.denoising import PENALTIES, Deblur, DenoiseGaussian, DenoiseLaplace, best_penalty
from harness.testing import bench, interrupted  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_number_of_parameters_is_that_of_the_authors():
    assert sum(p.numel() for p in lpn(shape=[1]).parameters()) == 10_502


@pytest.mark.parametrize("shape", [[3], [1, 8, 8]])
def test_strong_convexity_makes_the_denoiser_monotone(shape):
    model = lpn(shape=shape, hidden=8, alpha=0.3).double()
    a, b = (3 * torch.randn(20, *shape, dtype=torch.float64) for _ in range(2))
    inner = ((model(a) - model(b)) * (a - b)).flatten(1).sum(1)
    assert (inner >= 2 * 0.3 * (a - b).flatten(1).square().sum(1) - 1e-10).all()


class Unbound(VectorNetwork):
    """The same network with weights that may be negative."""

    def potential(self, y):
        return self.convex(y)


def test_with_negative_weights_it_is_no_proximal_operator():
    def unbound(*, shape):
        if len(shape) > 1:
            raise ValueError
        model = Unbound(shape[0], 20, 2, 10.0, 0.0)
        with torch.no_grad():
            model.positive[-1].weight.sub_(0.5)
        return model

    with pytest.raises(AssertionError, match="eigenvalue"):
        check_proximal(unbound)


def test_two_inputs_with_one_output_have_one_prior():
    """Where ψ is flat, f is constant."""
    model = lpn(shape=[1], hidden=4, layers=1, beta=200.0).double()
    with torch.no_grad():
        model.first.weight[:] = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
        for layer in (*model.positive, *model.direct):
            layer.weight.zero_()
        for layer in model.direct:
            layer.bias.zero_()
        model.positive[0].weight.copy_(torch.eye(4))
        model.direct[0].bias.fill_(-1.0)
        model.positive[1].weight.fill_(0.5)
    y = torch.tensor([[-0.5], [0.0], [0.5], [2.0]], dtype=torch.float64)
    x, R = model(y), model.prior(y)
    assert torch.allclose(x[:, 0], torch.tensor([0, 0, 0, 1], dtype=torch.float64), atol=1e-12)  # soft sign
    assert float(R[:3].detach().std()) < 1e-12


class Quadratic(ProximalNetwork):
    """ψ = ½ yᵀMy."""

    def __init__(self, M):
        super().__init__()
        self.positive, self.alpha, self.M = torch.nn.ModuleList(), 0.0, M

    def convex(self, y):
        return (y @ self.M * y).sum(1) / 2


def test_a_quadratic_potential_has_the_closed_form_of_a_normal_prior():
    root = torch.randn(3, 3, dtype=torch.float64)
    truth = Gaussian(root @ root.T + 0.1 * torch.eye(3), 0.7)
    M = truth.mode(torch.eye(3))
    model, y = Quadratic(M), torch.randn(9, 3, dtype=torch.float64)
    assert torch.allclose(model(y), truth.mode(y), atol=1e-12)
    x = model(y)
    expected = (x @ (torch.linalg.inv(M) - torch.eye(3)) * x).sum(1) / 2
    assert torch.allclose(model.prior(y), expected, atol=1e-10)
    assert prior_error(model.prior(y).detach(), truth.prior(x.detach())) < 1e-10


def test_closed_forms_of_the_laplacian_are_those_of_the_paper_s_example():
    """Mean and median by quadrature elsewhere."""
    y = torch.tensor([0.5, 1.0, 1.5, 2.0, 3.0])
    truth = Laplace(1.0, 1.0)
    assert torch.allclose(truth.mean(y), torch.tensor([0.241, 0.503, 0.806, 1.161, 2.026]).double(), atol=6e-4)
    assert torch.allclose(truth.median(y), torch.tensor([0.190, 0.429, 0.732, 1.107, 2.012]).double(), atol=6e-4)
    assert torch.allclose(truth.mode(y), torch.tensor([0.0, 0.0, 0.5, 1.0, 2.0]))
    x = torch.linspace(-5, 5, 20_001)
    for at, mode in zip(y, truth.mode(y), strict=True):
        assert float(x[((x - at) ** 2 / 2 + truth.prior(x)).argmin()]) == pytest.approx(float(mode), abs=1e-3)


def test_samples_have_the_distributions_that_they_say():
    generator = torch.Generator().manual_seed(0)
    x = Laplace(2.0, 1.0).sample(100_000, generator)
    assert x.shape == (100_000, 1)
    assert float(x.abs().mean()) == pytest.approx(2, rel=0.02)
    assert float(x.mean()) == pytest.approx(0, abs=0.03)
    covariance = torch.tensor([[2.0, 0.7], [0.7, 0.5]])
    assert torch.allclose(Gaussian(covariance, 1.0).sample(100_000, generator).T.cov(), covariance, atol=0.03)


def test_losses_have_the_minimisers_that_they_are_named_for():
    """Over constants, for numbers of which 0 is the commonest, 1 the middle one, and 2.6 the mean."""
    x = torch.tensor([0.0, 0.0, 1.0, 4.0, 8.0])[:, None]
    guesses = torch.linspace(-1, 9, 1001)
    for name, expected in (("l2", 2.6), ("l1", 1.0), ("proximal-matching", 0.0)):
        values = torch.stack([loss(Stage(name, 0.1, 1.0, 1), guess.expand_as(x), x) for guess in guesses])
        assert float(guesses[values.argmin()]) == pytest.approx(expected, abs=0.02), name


def test_the_losses_of_one_entry_and_of_many_are_those_of_the_paper_and_of_its_code():
    clean, prediction = torch.zeros(3, 1, 4, 4), torch.randn(3, 1, 4, 4)
    assert torch.allclose(loss(Stage("l1", 0.0, 1.0, 1), prediction, clean), prediction.abs().mean())  # nn.L1Loss
    assert torch.allclose(loss(Stage("l2", 0.0, 1.0, 1), prediction, clean), 16 * prediction.square().mean())


def test_networks_of_images_begin_with_positive_weights_near_nothing():
    for layer in lpn(shape=[1, 8, 8], hidden=8).positive:
        assert float(layer.weight.detach().log().mean()) == pytest.approx(-10, abs=0.1)
        assert float(layer.weight.detach().log().std()) == pytest.approx(0.1, abs=0.03)


def test_stages_end_where_training_does_and_narrow():
    order = stages("proximal-matching", 1400, (0.5, 0.4, 0.1), (0.5,))
    assert [stage.loss for stage in order] == ["l1"] * 2 + ["proximal-matching"] * 4
    assert [stage.until for stage in order] == [300, 500, 725, 950, 1175, 1400]
    assert [stage.gamma for stage in order[2:]] == [0.5, 0.5, 0.4, 0.1]
    assert [stage.until for stage in stages("l2", 100, (), ())] == [60, 100]


def test_pictures_are_trained_on_as_in_the_paper():
    """40,000 steps, 20,000 of them by l1 at 1e-3, and four equal stages at 1e-4."""
    order = stages_for_pictures("proximal-matching", 40_000, (0.64, 0.32, 0.16, 0.08))
    assert [stage.loss for stage in order] == ["l1", *["proximal-matching"] * 4]
    assert [stage.gamma for stage in order[1:]] == [0.64, 0.32, 0.16, 0.08]
    assert [stage.factor for stage in order] == [1.0, 0.1, 0.1, 0.1, 0.1]
    assert [stage.until for stage in order] == [20_000, 25_000, 30_000, 35_000, 40_000]
    assert Deblur(steps=8).order("proximal-matching", (0.5, 0.1))[1].until == 6
    assert Deblur().order("l1", (0.5,)) == [Stage("l1", 0.0, 1.0, 1000), Stage("l1", 0.0, 0.1, 2000)]


@pytest.mark.parametrize("shape", [[3], [1, 8, 8]])
def test_two_outputs_may_be_in_one_loss(shape):
    """The weights that an earlier call has used are not changed by a later one."""
    model, y = lpn(shape=shape, hidden=5, alpha=0.01), torch.randn(2, 4, *shape)
    (model(y[0]).square().sum() + model.prior(y[1]).sum()).backward()
    assert all((layer.weight >= 0).all() for layer in model.positive)
    assert model.first.weight.grad.abs().max() > 0


def test_a_parameter_that_gradients_miss_is_found():
    class Held(torch.nn.Linear):
        def forward(self, y):
            return torch.nn.functional.linear(y, self.weight, self.bias.detach())

    with pytest.raises(AssertionError, match="no gradient reaches bias, on which the output depends"):
        check_gradients(lambda shape: Held(shape[-1], shape[-1]))


def test_a_network_trained_on_squares_comes_nearest_to_the_mean():
    """A short training."""
    task = DenoiseLaplace(steps=200, batch_size=200, lr=0.01)
    test, _ = interrupted(
        lambda context: task.run(lambda **given: lpn(**given, loss="l2", hidden=16, layers=1), context), at=None
    )
    errors = {name: mode_error(test.values["prediction"], test.values[name]) for name in ("mode", "mean")}
    assert errors["mean"] < 0.45
    assert errors["mean"] < 0.9 * errors["mode"]


def test_training_broken_off_ends_as_it_would_have():
    task = DenoiseGaussian(steps=9, batch_size=8, size=2)

    def run(context):
        torch.manual_seed(0)
        return task.run(lambda **given: lpn(**given, hidden=5), context)

    whole, broken = interrupted(run, at=None), interrupted(run, at=5)
    assert torch.equal(whole[0].values["prediction"], broken[0].values["prediction"])


def test_blurring_is_a_convolution_that_keeps_the_mean():
    A = gaussian_blur(8, 1.0)
    point = torch.zeros(1, 1, 8, 8)
    point[..., 3, 4] = 1.0
    spot = blurred(point, A)
    assert float(spot.sum()) == pytest.approx(1, rel=1e-5)
    assert torch.allclose(spot[0, 0, 3, 5] / spot[0, 0, 3, 4], torch.tensor(math.exp(-0.5)), rtol=1e-4)
    assert torch.allclose(blurred(point.roll((3, -2), (2, 3)), A), spot.roll((3, -2), (2, 3)), atol=1e-7)


def test_the_data_step_solves_its_normal_equations():
    A = gaussian_blur(8, 1.5)
    b, v = torch.randn(2, 1, 8, 8), torch.randn(2, 1, 8, 8)
    x = data_step(b, A, 0.3, v)
    left = blurred(blurred(x, A) - b, A) + 0.3 * (x - v)
    assert left.abs().max() < 1e-5
    assert torch.allclose(tikhonov(b, A, 1e6), b.mean((2, 3), keepdim=True).expand_as(b), atol=1e-3)


def test_plug_and_play_with_a_quadratic_prior_is_tikhonov_s_answer():
    """The proximal operator of λ/(2ρ) |x|² is a factor; ADMM then finds the minimiser of ½ |Ax - b|² + λ/2 |x|²."""
    A, rho, penalty = gaussian_blur(8, 1.0), 0.1, 0.05
    b = torch.randn(1, 1, 8, 8)
    b -= b.mean()
    z, moved = plug_and_play(lambda y: y / (1 + penalty / rho), b, A, rho, 200)
    assert torch.allclose(z, tikhonov(b, A, penalty), atol=1e-4)
    assert moved[-1] < 1e-5 < moved[0]


def test_errors_of_denoisers():
    y = torch.tensor([1.0, 2.0, 4.0])
    assert mode_error(y + torch.tensor([0.0, -0.5, 0.1]), y) == pytest.approx(0.5)
    assert prior_error(y + 3, y) < 1e-12
    assert prior_error(2 * y, y) == pytest.approx(1)
    assert psnr(torch.full((2, 1, 4, 4), 0.1), torch.zeros(2, 1, 4, 4)) == pytest.approx(20, abs=1e-4)


def test_pictures_are_drawn_from_their_seed():
    first, same, other = (shapes(seed=seed, count=20, size=8) for seed in (0, 0, 1))
    assert first["train_images"].shape == (20, 1, 8, 8)
    assert first["test_images"].shape == (2, 1, 8, 8)
    assert np.array_equal(first["train_images"], same["train_images"])
    assert not np.array_equal(first["train_images"], other["train_images"])
    assert not np.array_equal(first["train_images"][:2], first["test_images"])


@pytest.mark.parametrize("noise", [0.002, 0.02, 0.2, 0.5])
def test_the_penalty_of_the_classical_answer_is_not_at_an_end_of_what_is_tried(noise):
    clean, A = torch.tensor(shapes(seed=0, count=40)["train_images"]), gaussian_blur(16, 1.0)
    noisy = blurred(clean, A) + noise * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    assert PENALTIES[-1] < best_penalty(noisy, A, clean) < PENALTIES[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lpn(shape=[1, 6, 6]), "a side that is a multiple of 4"),
        (lambda: lpn(shape=[1], beta=0.0), "beta must be positive"),
        (lambda: DnCNN(shape=[3]), "DnCNN works on images"),
        (lambda: DnCNN(shape=[1, 8, 8], depth=1), "depth must be at least 2"),
        (lambda: DenoiseLaplace(scale=0.0), "scale must be positive, got 0"),
        (lambda: DenoiseGaussian(size=0), "size must be positive, got 0"),
        (lambda: Deblur(blur=-1.0), "blur must be positive, got -1"),
        (lambda: Deblur(rho=0.0), "rho must be positive, got 0"),
        (lambda: Deblur(steps=0), "steps must be positive, got 0"),
        (lambda: shapes(seed=0, size=6), "a multiple of 4"),
    ],
)
def test_bad_parameters_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


SUITE = """
tasks:
  - {task: denoise-laplace, params: {steps: 6, batch_size: 9}}
  - {task: denoise-gaussian, params: {steps: 6, batch_size: 9, size: 2}}
  - {task: deblur, params: {steps: 6, batch_size: 2, pictures: 20, size: 8, iterations: 2}}
methods:
  - {method: lpn, params: {hidden: 4, loss: l1}}
  - {method: dncnn, params: {depth: 2, width: 4}}
pack: 100
"""


def test_every_denoiser_on_every_task(bench):  # noqa: F811
    bench.write("s.yaml", SUITE)
    done = bench("run", "s.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_parquet(bench.folder / "results" / "s")
    skipped = rows[rows["status"] != "done"]
    assert set(skipped["method"]) == {"dncnn"}
    assert set(skipped["task"]) == {"denoise-laplace", "denoise-gaussian"}
    tests = rows[rows["split"] == "test"]
    assert {"mode_error", "mean_error", "median_error", "prior_error"} < set(tests["metric"])
    assert {"psnr", "denoising_psnr", "last_move", "measured_psnr", "tikhonov_psnr"} < set(tests["metric"])
