"""Conformance checks of forecasters: what the family's contract and its traits promise, measured.

Each `check_<name>(build)` calls `build(lookback=, horizon=, series=, calendar=)` and raises AssertionError saying what
it found. Equalities are measured in float64.
"""

import io
from collections.abc import Callable

import torch
from torch import Tensor, nn

from harness.conformance import difference, seeded

Build = Callable[..., nn.Module]

BATCH, LOOKBACK, HORIZON, SERIES, CALENDAR = 3, 96, 24, 3, 4
ROUNDING = 1e-8
SHIFT_TOLERANCE = 1e-6  # TimesNet divides by a standard deviation to which it adds a little


def check_shape(build: Build) -> None:
    """Forecasts are finite and of the horizon, in evaluation; with a calendar, without one, and of one series."""
    for calendar in (CALENDAR, 0):
        for series in (SERIES, 1):
            model, x, c = _built(build, series=series, calendar=calendar)
            y = model.eval()(x, c)
            assert y.shape == (BATCH, HORIZON, series), f"windows {tuple(x.shape)} gave forecasts {tuple(y.shape)}"
            assert y.isfinite().all(), "a forecast is not finite"


def check_batch_independence(build: Build) -> None:
    """The forecast of a window does not depend on the others of its batch."""
    model, x, c = _built(build)
    model.eval()
    error = difference(model(x, c)[:1], model(x[:1], c[:1]))
    assert error <= ROUNDING, f"a window alone and in a batch give forecasts that differ by {error:.1e}"


def check_gradient_reaches_every_parameter(build: Build) -> None:
    """In training, every parameter has a gradient, and all are finite."""
    model, x, c = _built(build)
    _loss(model, x, c).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, f"no gradient reaches the parameter {name}"
        assert parameter.grad.any(), f"no gradient reaches the parameter {name}"
        assert parameter.grad.isfinite().all(), f"the gradient of {name} is not finite"


def check_state_dict_round_trip(build: Build) -> None:
    """A model's saved state makes another one, built from another seed, forecast the same."""
    (saved, x, c), (fresh, _, _) = _built(build), _built(build, seed=1)
    file = io.BytesIO()
    torch.save(saved.state_dict(), file)
    file.seek(0)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    error = difference(fresh.eval()(x, c), saved.eval()(x, c))
    assert error <= ROUNDING, f"forecasts before saving and after loading differ by {error:.1e}"


def check_deterministic(build: Build) -> None:
    """One seed gives one model and one loss."""
    losses = []
    for _ in range(2):
        model, x, c = _built(build)
        with seeded(0):
            losses.append(_loss(model, x, c))
    assert torch.equal(*losses), "two models from one seed have different losses"


def check_shift(build: Build) -> None:
    """Numbers added to the series of a window are added to their forecasts."""
    model, x, c = _built(build)
    model.eval()
    shift = torch.tensor([-3.0, 0.5, 7.0], dtype=x.dtype)
    error = difference(model(x + shift, c), model(x, c) + shift)
    assert error <= SHIFT_TOLERANCE, f"with numbers added to the series, forecasts are off by {error:.1e}"


def check_separate(build: Build) -> None:
    """The series may change places, and a change of one leaves the forecasts of the others as they were."""
    model, x, c = _built(build)
    model.eval()
    y, turned, changed = model(x, c), model(x.flip(-1), c), x.clone()
    changed[..., 0] += torch.sin(torch.arange(LOOKBACK, dtype=x.dtype))
    error = max(difference(turned, y.flip(-1)), difference(model(changed, c)[..., 1:], y[..., 1:]))
    assert error <= ROUNDING, f"the forecast of a series depends on the others, by {error:.1e}"


def _built(
    build: Build, *, series: int = SERIES, calendar: int = CALENDAR, seed: int = 0
) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a model in training mode with windows and their calendar, all float64."""
    noise = torch.Generator().manual_seed(7)
    x = torch.randn(BATCH, LOOKBACK, series, dtype=torch.float64, generator=noise)
    c = torch.rand(BATCH, LOOKBACK, calendar, dtype=torch.float64, generator=noise) - 0.5
    with seeded(seed):
        model = build(lookback=LOOKBACK, horizon=HORIZON, series=series, calendar=calendar)
    return model.double().train(), x, c


def _loss(model: nn.Module, x: Tensor, c: Tensor) -> Tensor:
    target = torch.sin(torch.arange(BATCH * HORIZON * x.shape[-1], dtype=x.dtype)).view(BATCH, HORIZON, -1)
    output = model(x, c)
    return model.loss(output, target) if hasattr(model, "loss") else (output - target).square().mean()
