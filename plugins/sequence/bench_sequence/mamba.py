"""Mamba: the block around the selective state-space layer.

Gu and Dao, Mamba: Linear-Time Sequence Modeling with Selective State Spaces (2023, arXiv 2312.00752), figure 3; details
from the released code (github.com/state-spaces/mamba). The mixer alone is S6 (s6.py). In the paper nothing but this
block and a normalisation makes a layer; here it stands where the other mixers do, inside the task's model.

    (v, z) = W_in u,   v = SiLU(conv(v)),   y = W_out (S6(v) ⊙ SiLU(z))

conv is depth-wise and causal, over d_conv positions.

Symbols: B batch, L length, H channels (d_model), E = expand H inner channels.
    u, y  (B, L, H)    v, z  (B, L, E)    W_in  (2E, H)    W_out  (H, E)
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bench_sequence import limits
from bench_sequence.s6 import S6


class MambaState(NamedTuple):
    """The last d_conv − 1 inputs of the convolution, (B, d_conv − 1, E), and S6's state, (B, E, N)."""

    recent: Tensor
    ssm: Tensor


class Mamba(nn.Module):
    """The block; parameters start as in the released code.

    Args:
        d_model: H.
        l_max: not used.
        causal: must be True: the paper has no other form.
        d_state: N, the state size of S6.
        d_conv: positions that the convolution reads.
        expand: E / H.
        dt_rank: rank of S6's Δ; None for H/16, rounded up.
        dt_min, dt_max: Δ at the start.

    ValueError if one of them is out of range.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        d_state: int = 16,
        d_conv: int = 4,
        expand: int = 2,
        dt_rank: int | None = None,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__()
        limits.mamba(d_state=d_state, d_conv=d_conv, expand=expand, dt_rank=dt_rank, dt_min=dt_min, dt_max=dt_max)
        E = expand * d_model
        self.in_proj = nn.Linear(d_model, 2 * E, bias=False)
        self.conv = nn.Conv1d(E, E, d_conv, groups=E)
        rank = -(-d_model // 16) if dt_rank is None else dt_rank
        self.ssm = S6(
            d_model=E, l_max=l_max, causal=causal, d_state=d_state, dt_rank=rank, dt_min=dt_min, dt_max=dt_max
        )
        self.out_proj = nn.Linear(E, d_model, bias=False)

    def forward(
        self, u: Tensor, state: MambaState | None = None, *, return_state: bool = False
    ) -> Tensor | tuple[Tensor, MambaState]:
        """Map u (B, L, H) to y (B, L, H), for any L; with `return_state`, to y and the state after the last position.

        `state` is the state before the first position, from here or from `step`; None for zero.
        """
        v, z = self.in_proj(u).chunk(2, dim=-1)
        kept = self.conv.kernel_size[0] - 1
        recent = v.new_zeros(len(v), kept, v.shape[-1]) if state is None else state.recent
        v = torch.cat([recent, v], dim=1)
        recent = v[:, v.shape[1] - kept :]
        v = nn.functional.silu(self.conv(v.mT).mT)
        y, ssm = self.ssm(v, None if state is None else state.ssm, return_state=True)
        y = self.out_proj(y * nn.functional.silu(z))
        return (y, MambaState(recent, ssm)) if return_state else y

    def step(self, u: Tensor, state: MambaState | None = None) -> tuple[Tensor, MambaState]:
        """Map one input u (B, H) to y (B, H) and the next state; `state` None means zero."""
        y, state = self.forward(u[:, None], state, return_state=True)
        return y[:, 0], state

    def param_groups(self) -> list[dict[str, Any]]:
        """Return A and D, which the released code leaves out of weight decay."""
        return self.ssm.param_groups()
