"""Errors of fields. `prediction` and `target` are (n, frames, *grid, channels); a steady field has one frame.

Names and formulas are those of PDEBench (Takamoto et al. 2022, arXiv:2210.07182, appendix), and of Li et al. 2021
(arXiv:2010.08895) for the relative L2 error. Written here with e = prediction - target, mean_x over the grid.
"""

import torch
from torch import Tensor


def relative_l2(prediction: Tensor, target: Tensor) -> float:
    """mean_n ‖e‖ / ‖target‖, the norms over all entries of a sample (Li et al. 2021)."""
    return float(relative_l2_loss(prediction.double(), target.double()))


def skill(prediction: Tensor, target: Tensor) -> float:
    """mean_n max(0, 1 - ‖e‖ / ‖target‖): 1 for the target, 0 for the field 0 and whatever is no nearer than that.

    The skill score of forecasts (Murphy 1988, doi:10.1175/1520-0493(1988)116<2417:SSBOTM>2.0.CO;2), there of mean
    squares and not limited. What was not solved is all the same here, however large its error.
    """
    error, size = (tensor.double().flatten(1).norm(dim=1) for tensor in (prediction - target, target))
    return float((1 - _share(error, size)).clamp(min=0).mean())


def relative_l2_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """The same, to be trained with."""
    error, size = (tensor.flatten(1).norm(dim=1) for tensor in (prediction - target, target))
    return _share(error, size).mean()


def rmse(prediction: Tensor, target: Tensor) -> float:
    """mean over samples, frames and channels of √(mean_x e²)."""
    return float(_rms(prediction - target).mean())


def nrmse(prediction: Tensor, target: Tensor) -> float:
    """mean over samples, frames and channels of √(mean_x e²) / √(mean_x target²)."""
    return float(_share(_rms(prediction - target), _rms(target)).mean())


def max_error(prediction: Tensor, target: Tensor) -> float:
    """mean over frames and channels of max over samples and grid of |e|."""
    error = (prediction - target).double().abs()
    return float(error.flatten(2, -2).amax((0, 2)).mean())


def conserved_rmse(prediction: Tensor, target: Tensor) -> float:
    """mean over frames and channels of √(mean_n (mean_x e)²): the error of what the grid holds in all."""
    return float(_by_point(prediction - target).mean(2).square().mean(0).sqrt().mean())


def boundary_rmse(prediction: Tensor, target: Tensor) -> float:
    """mean over samples, frames and channels of √(mean e²) over the points of the boundary.

    In two dimensions each edge counts with all its points, corners twice, as in PDEBench.
    """
    error = (prediction - target).double()
    edges = [error.select(axis, end) for axis in range(2, error.ndim - 1) for end in (0, -1)]
    squares = [edge.unsqueeze(2).flatten(2, -2).square() for edge in edges]
    return float(torch.cat(squares, 2).mean(2).sqrt().mean())


def fourier_low(prediction: Tensor, target: Tensor) -> float:
    """Error of the wave numbers 0 to 3: see `fourier_spectrum`."""
    return _band(prediction, target, 0, 4)


def fourier_mid(prediction: Tensor, target: Tensor) -> float:
    """Error of the wave numbers 4 to 11."""
    return _band(prediction, target, 4, 12)


def fourier_high(prediction: Tensor, target: Tensor) -> float:
    """Error of the wave numbers from 12."""
    return _band(prediction, target, 12, None)


def fourier_spectrum(error: Tensor) -> Tensor:
    """Return √(mean_n Σ |ê_k|²) by wave number, frame and channel, (frames, channels, wave numbers).

    ê is the transform divided by the number of points, on all wave numbers of either sign; in two dimensions k is
    floor(√(k_x² + k_y²)). So the sum of squares over k is the mean square of the error (Parseval). PDEBench takes
    k >= 0 only, in two dimensions the quadrant k_x, k_y >= 0, and no ring beyond half of the points of an axis; in one
    dimension its numbers are those here over √2, but for k = 0.
    """
    axes = tuple(range(2, error.ndim - 1))
    power = torch.fft.fftn(error.double(), dim=axes, norm="forward").abs().square().mean(0)
    frequencies = [torch.fft.fftfreq(n, 1 / n, dtype=torch.float64) for n in error.shape[2:-1]]
    size = sum(k**2 for k in torch.meshgrid(*frequencies, indexing="ij")).sqrt().floor().long().flatten()
    rings = torch.zeros(*power.shape[:1], power.shape[-1], int(size.max()) + 1, dtype=power.dtype, device=power.device)
    rings.index_add_(2, size.to(power.device), power.movedim(-1, 1).flatten(2))
    return rings.sqrt()


def final_error(prediction: Tensor, target: Tensor) -> float:
    """Relative L2 error at the last index of the last axis of the grid, which is time."""
    return relative_l2(prediction[..., -1, :], target[..., -1, :])


def peak_error(prediction: Tensor, target: Tensor) -> float:
    """|max prediction - max target| / |max target| at the last index of the last axis of the grid, which is time.

    The mean over n. What a diffusive scheme takes off a bump; between grid points the maximum of either may be larger.
    """
    highest, true = (tensor[..., -1, :].double().flatten(1).amax(1) for tensor in (prediction, target))
    return float(_share((highest - true).abs(), true.abs()).mean())


def energy_error(prediction: Tensor, target: Tensor) -> float:
    """|energy of the prediction - that of the target| over the latter, at the last frame, the energy of a velocity
    (…, channels) being the sum of its squares; mean over n.
    """
    energy, true = (tensor[:, -1].double().flatten(1).square().sum(1) for tensor in (prediction, target))
    return float(_share((energy - true).abs(), true).mean())


def correlation_time(prediction: Tensor, target: Tensor) -> float:
    """Frames until the correlation with the target over the grid first falls below 0.8; mean over samples and channels.

    A prediction that never falls below counts with the number of frames.
    """
    p, t = (_by_point(tensor) - _by_point(tensor).mean(2, keepdim=True) for tensor in (prediction, target))
    is_lost = (_share((p * t).sum(2), p.norm(dim=2) * t.norm(dim=2)) < 0.8).double()
    frames = is_lost.shape[1]
    first = torch.where(is_lost.any(1), is_lost.argmax(1).double(), float(frames))
    return float(first.mean())


def persistence_relative_l2(persistence: Tensor, target: Tensor) -> float:
    """Relative L2 error of predicting that nothing changes; for steady problems, the mean of the training targets."""
    return relative_l2(persistence, target)


def linear_relative_l2(linear: Tensor, target: Tensor) -> float:
    """Relative L2 error of a ridge regression from the whole input to the whole output."""
    return relative_l2(linear, target)


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """Return part / whole; where both are 0 it is 0, as the error of a right answer is."""
    return part / whole.clamp(min=torch.finfo(whole.dtype).tiny)


def _by_point(field: Tensor) -> Tensor:
    """Return (n, frames, points, channels) in float64."""
    return field.double().flatten(2, -2)


def _rms(field: Tensor) -> Tensor:
    return _by_point(field).square().mean(2).sqrt()


def _band(prediction: Tensor, target: Tensor, low: int, high: int | None) -> float:
    """Return the mean over frames, channels and the wave numbers of a band; 0 where the grid has none of them."""
    band = fourier_spectrum(prediction - target)[..., low:high]
    return float(band.mean()) if band.numel() else 0.0
