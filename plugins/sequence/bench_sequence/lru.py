"""LRU: the linear recurrent unit, a diagonal complex recurrence without continuous time.

Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu and De, Resurrecting Recurrent Neural Networks for Long Sequences (ICML
2023, arXiv 2303.06349).

    λ = exp(−e^ν + i e^θ)                      stable for all parameter values
    x_t = λ x_{t−1} + e^γ B u_t,  y_t = Re(C x_t) + D u_t

At the start |λ|² is uniform in [r_min², r_max²], the phase e^θ uniform in [0, max_phase], and e^γ = √(1 − |λ|²), which
gives the state unit variance on white noise. B and C have complex normal entries of variance 1/H and 2/n (both parts
taken together, as in the paper's appendix A).

Symbols: B batch, L length, H channels (d_model), n state size (d_state), c = 1 output matrix or 2 if bidirectional (the
paper is causal; the second reads a scan from the end, as in S5).
    ν, θ, γ  (n,) real    λ  (n,)    B  (n, H)    C  (c, H, n)    x  (B, n), all complex    D  (H,) real
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from bench_sequence import limits
from bench_sequence.scan import linear_scan


class LRU(nn.Module):
    """Complex diagonal linear recurrence, normalised at the start, plus D u.

    Args:
        d_model: H.
        l_max: not used.
        causal: False adds a scan from the end with an output matrix of its own.
        d_state: n complex states.
        r_min, r_max: 0 <= r_min < r_max <= 1, |λ| at the start. (The paper's settings have r_min up to 0.999.)
        max_phase: largest phase of λ at the start, in radians; the paper makes it small for long sequences.

    ValueError if one of them is out of range.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        d_state: int = 64,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = 6.28,
    ) -> None:
        super().__init__()
        limits.lru(d_state=d_state, r_min=r_min, r_max=r_max, max_phase=max_phase)
        self.causal = causal
        squared = r_min**2 + (r_max**2 - r_min**2) * torch.rand(d_state, dtype=torch.float64).clamp(1e-6, 1 - 1e-6)
        phase = max_phase * (1 - torch.rand(d_state, dtype=torch.float64))  # in (0, max_phase]
        self.nu = _parameter(torch.log(-0.5 * torch.log(squared)))
        self.theta = _parameter(torch.log(phase))
        self.gamma = _parameter(0.5 * torch.log(1 - squared))
        self.B = _parameter(torch.randn(d_state, d_model, 2) / math.sqrt(2 * d_model))
        self.C = _parameter(torch.randn(1 if causal else 2, d_model, d_state, 2) / math.sqrt(d_state))
        self.D = _parameter(torch.randn(d_model))

    def forward(
        self, u: Tensor, state: Tensor | None = None, *, return_state: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Map u (B, L, H) to y (B, L, H), for any L; with `return_state`, to y and the state after the last position.

        `state` is the state before the first position, (B, n), from here or from `step`; None for zero. ValueError if
        a state is asked of or given to a bidirectional layer.
        """
        if (state is not None or return_state) and not self.causal:
            raise ValueError("a state needs causal=True: a bidirectional output depends on later inputs")
        B, C = torch.view_as_complex(self.B), torch.view_as_complex(self.C)
        decay = self.decay()[None, None]
        Bu = u.to(B.dtype) @ (torch.exp(self.gamma)[:, None] * B).mT
        states = linear_scan(decay, Bu, state)
        outputs = states @ C[0].mT
        if not self.causal:
            outputs = outputs + linear_scan(decay, Bu, reverse=True) @ C[1].mT
        y = outputs.real + self.D * u
        return (y, states[:, -1]) if return_state else y

    def step(self, u: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map one input u (B, H) to y (B, H) and the next state (B, n); `state` None means zero.

        ValueError if not causal.
        """
        y, state = self.forward(u[:, None], state, return_state=True)
        return y[:, 0], state

    def decay(self) -> Tensor:
        """Return λ (n,)."""
        return torch.exp(torch.complex(-torch.exp(self.nu), torch.exp(self.theta)))

    def param_groups(self) -> list[dict[str, Any]]:
        """Return ν, θ, γ and B as the group with a small learning rate and no weight decay."""
        return [{"params": [self.nu, self.theta, self.gamma, self.B], "max_lr": 1e-3, "weight_decay": 0.0}]


def _parameter(value: Tensor) -> nn.Parameter:
    """Make a parameter of the default dtype from an initial value."""
    return nn.Parameter(value.to(torch.get_default_dtype(), copy=True))
