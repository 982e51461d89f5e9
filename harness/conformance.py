"""What the conformance checks of families share: streams of random numbers, float64, and differences of tensors."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def difference(actual: Tensor, expected: Tensor) -> float:
    """Return max |actual - expected| / max |expected|; infinite where that is not finite."""
    actual, expected = actual.detach(), expected.detach()
    error = (actual - expected).abs().max() / expected.abs().max().clamp(min=torch.finfo(expected.dtype).tiny)
    return float(error) if error.isfinite() else math.inf


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator inside the block, and put it back after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextmanager
def deterministic() -> Iterator[None]:
    """Let torch use only deterministic algorithms inside the block, as runs do."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


@contextmanager
def in_float64() -> Iterator[None]:
    """Make float64 torch's default inside the block, so that layers are built and constants made in it."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(default)
