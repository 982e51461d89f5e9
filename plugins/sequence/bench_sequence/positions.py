"""Sinusoidal positions (Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, section 3.5).

    PE(t, 2i) = sin(t / 10000^(2i/H)),   PE(t, 2i + 1) = cos(t / 10000^(2i/H))

Symbols: t position, counted from 0; H channels; i = 0 .. ceil(H/2) - 1.
"""

import torch
from torch import Tensor


def add_positions(x: Tensor, start: int = 0) -> Tensor:
    """Return x plus the positions start, start + 1, ...

    Args:
        x: a stretch of a sequence, (B, L, H).
        start: the position of x[:, 0] in its sequence.
    """
    L, H = x.shape[1:]
    # float64: a float32 angle is off by 1e-3 after 16,000 positions.
    t = torch.arange(start, start + L, dtype=torch.float64, device=x.device)
    frequency = 10000.0 ** (-torch.arange(0, H, 2, dtype=torch.float64, device=x.device) / H)  # (ceil(H/2),)
    angle = t[:, None] * frequency  # (L, ceil(H/2))
    positions = torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)[:, :H]  # sines and cosines in turn
    return x + positions.to(x.dtype)
