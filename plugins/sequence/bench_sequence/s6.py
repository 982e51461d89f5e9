"""S6: the selective state-space model, whose step size, input and output matrices depend on the input.

Gu and Dao, Mamba: Linear-Time Sequence Modeling with Selective State Spaces (2023, arXiv 2312.00752), algorithm 2;
details from the released code (github.com/state-spaces/mamba). Here is the selective layer alone, as in the paper's
ablation of it; mamba.py has the block around it: expansion, short convolution and gate.

    (δ_t, B_t, C_t) = W_x u_t,   Δ_t = softplus(W_Δ δ_t + b_Δ)
    x_t = exp(Δ_t A) x_{t−1} + Δ_t B_t u_t,   y_t = C_t x_t + D u_t          for every channel, A < 0 diagonal and real

B̄ = Δ B is the first-order form of the zero-order hold, as in the released code.

Symbols: B batch, L length, H channels, N state size, R rank of Δ.
    u  (B, L, H)    δ  (B, L, R)    Δ  (B, L, H)    B, C  (B, L, N)    A  (H, N)    D  (H,)    x  (B, H, N)
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from bench_sequence import limits
from bench_sequence.scan import in_chunks, linear_scan
from harness import Skip

CHUNK = 64  # positions whose states, (B, H, N) each, exist at once; more are slower on a CPU
DT_FLOOR = 1e-4  # least Δ at the start


def selective_scan(
    u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, state: Tensor | None = None, *, chunk: int = CHUNK
) -> tuple[Tensor, Tensor]:
    """Return y (B, L, H) without D u, and the state after the last position, (B, H, N).

    By a parallel scan within chunks of positions, which follow each other; shapes as at the top of this file. Narrower
    types than float32 are computed, and the state kept, in float32, as the released code does.

    Args:
        u, dt, A, B, C: inputs, Δ, and the system.
        state: before the first position; None for zero.
        chunk: positions in a chunk.
    """

    def advance(x: Tensor, u: Tensor, dt: Tensor, B: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
        decay = torch.exp(dt[..., None] * A)  # (B, L, H, N)
        states = linear_scan(decay, (dt * u)[..., None] * B[:, :, None], x)
        return torch.einsum("blhn,bln->blh", states, C), states[:, -1]

    wide = torch.promote_types(u.dtype, torch.float32)
    A = A.to(wide)
    state = A.new_zeros(len(u), *A.shape) if state is None else state
    y, last = in_chunks(advance, state, tuple(z.to(wide) for z in (u, dt, B, C)), chunk)
    return y.to(u.dtype), last


class S6(nn.Module):
    """The selective layer.

    A starts as −(1, ..., N), D as ones, and softplus(b_Δ) log-uniform between dt_min and dt_max.

    Args:
        d_model: H.
        l_max: not used.
        causal: must be True: the paper has no other form.
        d_state: N.
        dt_rank: R; None for H/16, rounded up.
        dt_min, dt_max: Δ at the start, for an input of zero.

    Skip if causal is False; ValueError if one of the others is out of range.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        d_state: int = 16,
        dt_rank: int | None = None,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__()
        if not causal:
            raise Skip("the selective scan is causal: it has no other form")
        rank = math.ceil(d_model / 16) if dt_rank is None else dt_rank
        limits.s6(d_state=d_state, dt_rank=dt_rank, dt_min=dt_min, dt_max=dt_max)
        self.sizes = (rank, d_state, d_state)
        self.x_proj = nn.Linear(d_model, sum(self.sizes), bias=False)
        self.dt_proj = nn.Linear(rank, d_model)
        dt = torch.exp(torch.rand(d_model) * math.log(dt_max / dt_min) + math.log(dt_min)).clamp(min=DT_FLOOR)
        with torch.no_grad():
            self.dt_proj.weight.uniform_(-(rank**-0.5), rank**-0.5)
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # the inverse of softplus
        self.log_A = nn.Parameter(torch.log(torch.arange(1.0, d_state + 1)).repeat(d_model, 1))
        self.D = nn.Parameter(torch.ones(d_model))

    def forward(
        self, u: Tensor, state: Tensor | None = None, *, return_state: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Map u (B, L, H) to y (B, L, H), for any L; with `return_state`, to y and the state after the last position.

        `state` is the state before the first position, (B, H, N), from here or from `step`; None for zero.
        """
        low, B, C = self.x_proj(u).split(self.sizes, dim=-1)
        dt = nn.functional.softplus(self.dt_proj(low))
        y, last = selective_scan(u, dt, -torch.exp(self.log_A), B, C, state)
        y = y + self.D * u
        return (y, last) if return_state else y

    def step(self, u: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map one input u (B, H) to y (B, H) and the next state (B, H, N); `state` None means zero."""
        y, state = self.forward(u[:, None], state, return_state=True)
        return y[:, 0], state

    def param_groups(self) -> list[dict[str, Any]]:
        """Return A and D, which the released code leaves out of weight decay."""
        return [{"params": [self.log_A, self.D], "max_lr": math.inf, "weight_decay": 0.0}]
