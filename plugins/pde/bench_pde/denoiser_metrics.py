"""How good a denoiser is: against closed forms, and at an inverse problem. Images are (n, channels, size, size)."""

import math

import torch
from torch import Tensor


def mode_error(prediction: Tensor, mode: Tensor) -> float:
    """max |f(y) - mode of x given y|."""
    return _largest(prediction, mode)


def mean_error(prediction: Tensor, mean: Tensor) -> float:
    """max |f(y) - mean of x given y|."""
    return _largest(prediction, mean)


def median_error(prediction: Tensor, median: Tensor) -> float:
    """max |f(y) - median of x given y|."""
    return _largest(prediction, median)


def prior_error(recovered: Tensor, prior: Tensor) -> float:
    """Standard deviation of R - (-σ² log p) over that of -σ² log p, at the points f(y).

    Of deviations, for both are known up to constants.
    """
    error = recovered.double() - prior.double()
    return float(error.std() / prior.double().std())


def psnr(prediction: Tensor, target: Tensor) -> float:
    """Mean over images of -10 log10 of the mean squared error, of values from 0 to 1."""
    error = (prediction.double() - target.double()).square().flatten(1).mean(1)
    return float((-10 * error.clamp(min=torch.finfo(torch.float32).tiny).log() / math.log(10)).mean())


def denoising_psnr(denoised: Tensor, target: Tensor) -> float:
    """PSNR of what the denoiser makes of noisy images."""
    return psnr(denoised, target)


def measured_psnr(measured: Tensor, target: Tensor) -> float:
    """PSNR of what was measured."""
    return psnr(measured, target)


def tikhonov_psnr(linear: Tensor, target: Tensor) -> float:
    """PSNR of Tikhonov's answer, its penalty chosen on training images."""
    return psnr(linear, target)


def last_move(moved: float) -> float:
    """|x_k - x_(k-1)| / |x_k| in the last iteration of plug-and-play ADMM."""
    return moved


def _largest(prediction: Tensor, expected: Tensor) -> float:
    return float((prediction.double() - expected.double()).abs().max())
