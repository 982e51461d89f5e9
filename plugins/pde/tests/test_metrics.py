"""Errors of fields: what they are of known errors."""

import math

import pytest
import torch

from bench_pde import metrics

ERRORS = ["relative_l2", "nrmse", "rmse", "max_error", "conserved_rmse", "boundary_rmse"]
BANDS = ["fourier_low", "fourier_mid", "fourier_high"]
SHAPES = [(3, 4, 32, 2), (3, 4, 16, 20, 2)]


@pytest.fixture(params=SHAPES, ids=str)
def target(request):
    return torch.randn(request.param, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("name", ERRORS + BANDS)
def test_no_error_is_zero(target, name):
    assert getattr(metrics, name)(target.float(), target.float()) == 0


def test_known_errors(target):
    zero = torch.zeros_like(target)
    assert metrics.nrmse(zero, target) == pytest.approx(1)
    assert metrics.relative_l2(2 * target, target) == pytest.approx(1)
    assert metrics.rmse(target + 0.5, target) == pytest.approx(0.5)
    assert metrics.max_error(target - 0.25, target) == pytest.approx(0.25)
    assert metrics.boundary_rmse(target + 0.5, target) == pytest.approx(0.5)
    assert metrics.conserved_rmse(target + 0.5, target) == pytest.approx(0.5)


def test_skill_is_what_is_left_of_the_target_and_never_negative(target):
    assert metrics.skill(target, target) == 1
    assert metrics.skill(0.75 * target, target) == pytest.approx(0.75)
    assert metrics.skill(-target, target) == 0
    halves = torch.cat([target[:1], 5 * target[1:2]])
    assert metrics.skill(halves, target[:2]) == pytest.approx(0.5), "each sample counts as much, however far off one is"


def test_conserved_error_does_not_see_what_sums_to_zero(target):
    wave = target - target.mean(tuple(range(2, target.ndim - 1)), keepdim=True)
    assert metrics.conserved_rmse(target + wave, target) < 1e-12


def test_boundary_error_sees_the_boundary_only(target):
    inside = target.clone()
    inside[(slice(None), slice(None), *[slice(1, -1)] * (target.ndim - 3))] += 1
    assert metrics.boundary_rmse(inside, target) == 0
    assert metrics.rmse(inside, target) > 0.5


def test_errors_of_samples_are_rooted_before_they_are_averaged():
    """As in PDEBench: of samples with errors of 1 and 3 the mean is 2, where a root of all squares would be √5."""
    target = torch.ones(2, 3, 8, 6, 1)
    prediction = target + torch.tensor([1.0, 3.0])[:, None, None, None, None]
    for name in ("rmse", "nrmse", "boundary_rmse"):
        assert getattr(metrics, name)(prediction, target) == pytest.approx(2), name
    assert metrics.conserved_rmse(prediction, target) == pytest.approx(math.sqrt(5))


def test_spectrum_sums_to_the_mean_square(target):
    spectrum = metrics.fourier_spectrum(target)
    mean_square = target.square().flatten(2, -2).mean((0, 2))
    assert torch.allclose(spectrum.square().sum(-1), mean_square, rtol=1e-12)


@pytest.mark.parametrize(
    ("k", "band"), [(3, "fourier_low"), (4, "fourier_mid"), (11, "fourier_mid"), (12, "fourier_high")]
)
def test_bands(k, band):
    x = torch.arange(64, dtype=torch.float64) / 64
    wave = torch.sin(2 * math.pi * k * x)[None, None, :, None]
    found = {name: getattr(metrics, name)(wave, torch.zeros_like(wave)) for name in BANDS}
    assert found.pop(band) > 0.01
    assert max(found.values()) < 1e-12


def test_a_wave_counts_with_both_of_its_signs():
    """sin kx has an amplitude of ½ at k and at -k: 1/√2 here, and ½ by PDEBench, which looks at k alone."""
    wave = torch.sin(2 * math.pi * 3 * torch.arange(16, dtype=torch.float64) / 16)[None, None, :, None]
    assert metrics.fourier_spectrum(wave)[0, 0, 3] == pytest.approx(1 / math.sqrt(2))


def test_correlation_is_lost_when_it_first_falls_below():
    target = torch.randn(2, 6, 50, 1, generator=torch.Generator().manual_seed(0))
    prediction = 3 * target + 7  # the scale does not matter
    assert metrics.correlation_time(prediction, target) == 6
    prediction[0, 4:] *= -1
    assert metrics.correlation_time(prediction, target) == 5
    prediction[1, 1] *= -1  # and comes back, too late
    assert metrics.correlation_time(prediction, target) == 2.5
