"""How well a field keeps a signal. `prediction` and `target` are (n, channels)."""

import math

import torch
from torch import Tensor


def fitting_psnr(prediction: Tensor, target: Tensor) -> float:
    """-10 log10 of the mean squared error, of values from 0 to 1, on the pixels that the field was trained on."""
    error = float((prediction.double() - target.double()).square().mean())
    return -10 * math.log10(max(error, torch.finfo(torch.float32).tiny))


def iou(prediction: Tensor, target: Tensor) -> float:
    """Points inside both shapes over points inside either; inside is where the distance is negative."""
    inside, truth = prediction < 0, target < 0
    return float((inside & truth).sum() / (inside | truth).sum().clamp(min=1))


def distance_mae(prediction: Tensor, target: Tensor) -> float:
    """Mean |error| of the distance."""
    return float((prediction.double() - target.double()).abs().mean())


def surface_mae(prediction: Tensor, target: Tensor) -> float:
    """Mean |error| of the distance within 0.1 of the surface."""
    near = target.abs() < 0.1
    return distance_mae(prediction[near], target[near])


def stored_numbers(stored_numbers: int) -> float:
    """Numbers in the field's state, learned or not."""
    return stored_numbers
