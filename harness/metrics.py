"""The metrics that the core contributes. Shapes: n examples, C classes."""

from __future__ import annotations

from typing import Any


def accuracy(prediction: Any, target: Any) -> float:
    """Share of examples whose largest logit is that of their class; `prediction` (n, C), `target` (n,)."""
    return float((prediction.argmax(-1) == target).double().mean())


def mse(prediction: Any, target: Any) -> float:
    """Mean of the squared differences over all entries; equal shapes."""
    if prediction.shape != target.shape:
        raise ValueError(f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} differ in shape")
    return float((prediction.double() - target.double()).square().mean())


def parameters(parameters: int) -> float:
    """Trainable real parameters of the whole model."""
    return parameters


def seconds_per_step(seconds_per_step: float) -> float:
    """Median wall time of one training step."""
    return seconds_per_step


def peak_memory(peak_memory: float) -> float:
    """Peak memory of the run beyond the libraries it loads."""
    return peak_memory
