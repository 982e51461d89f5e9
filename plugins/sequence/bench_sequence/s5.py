"""S5: one state-space system for all channels together, with a diagonal state matrix, computed by a parallel scan.

Smith, Warrington and Linderman, Simplified State Space Layers for Sequence Modeling (ICLR 2023, arXiv 2208.04933);
details from the released code (github.com/lindermanlab/S5).

    x_t = Λ̄ x_{t−1} + B̄ u_t,  y_t = 2 Re(C x_t) + D u_t
    zoh        Λ̄ = e^{ΔΛ},                   B̄ = (e^{ΔΛ} − 1)/Λ B
    bilinear   Λ̄ = (1 + ΔΛ/2)/(1 − ΔΛ/2),    B̄ = Δ/(1 − ΔΛ/2) B

Λ starts as the eigenvalues of J copies of the normal part of HiPPO-LegS of size N/J on a diagonal; with their
eigenvectors V, the start is B = V* B₀ and C = C₀ V for random real B₀ and complex C₀.

Symbols: B batch, L length, H channels (d_model), N state size, J blocks, n = N/2 stored conjugate pairs, c = 1 output
matrix or 2 if bidirectional (the second reads a scan from the end, which counts the present input once more).
    Λ, Λ̄, Δ  (n,)    B, B̄  (n, H)    C  (c, H, n)    D  (H,)    x  (B, n);  Δ and D real, all else complex
"""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from bench_sequence import limits
from bench_sequence.hippo import nplr
from bench_sequence.scan import linear_scan

MAX_REAL = -1e-4  # where clip_eigs holds Re Λ


class DiagonalMIMO(nn.Module):
    """The layer of S5 and S5-PTD, which differ in the diagonalisation that it starts from.

    Args:
        Lambda, V, V_inverse: J equal blocks, each (n/J,), (N/J, n/J), (n/J, N/J), complex128.
        blocks: J.
        d_model, causal: as all mixers.
        discretization, c_init, clip_eigs, dt_min, dt_max: as of `S5`.

    ValueError if one of them is out of range.
    """

    def __init__(
        self,
        Lambda: Tensor,
        V: Tensor,
        V_inverse: Tensor,
        *,
        blocks: int,
        d_model: int,
        causal: bool,
        discretization: Literal["zoh", "bilinear"],
        c_init: Literal["truncated-normal", "lecun-normal", "complex-normal"],
        clip_eigs: bool,
        dt_min: float,
        dt_max: float,
    ) -> None:
        super().__init__()
        if discretization not in ("zoh", "bilinear"):
            raise ValueError(f"discretization must be zoh or bilinear, got {discretization!r}")
        self.causal, self.discretization, self.clip_eigs = causal, discretization, clip_eigs

        Lambda = Lambda.repeat(blocks)
        V, V_inverse = (torch.block_diag(*[block] * blocks) for block in (V, V_inverse))
        N, n = V.shape
        self.real, self.imag = _parameter(Lambda.real), _parameter(Lambda.imag)
        B = _truncated_normal(N, d_model, std=N**-0.5).to(V.dtype)
        self.B = _parameter(torch.view_as_real(V_inverse @ B))
        self.C = _parameter(torch.view_as_real(_initial_output(c_init, V, (1 if causal else 2, d_model))))
        self.D = _parameter(torch.randn(d_model))
        log_dt = torch.rand(n, dtype=torch.float64) * math.log(dt_max / dt_min) + math.log(dt_min)
        self.log_dt = _parameter(log_dt)

    def forward(
        self, u: Tensor, state: Tensor | None = None, *, rate: float = 1.0, return_state: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Map u (B, L, H) to y (B, L, H), for any L; with `return_state`, to y and the state after the last position.

        Args:
            u: inputs.
            state: the state before the first position, (B, n), from here or from `step`; None for zero.
            rate: samples of u are this many times as far apart in time as in training.
            return_state: also return the state.

        Raises:
            ValueError: a state is asked of or given to a bidirectional layer.
        """
        if (state is not None or return_state) and not self.causal:
            raise ValueError("a state needs causal=True: a bidirectional output depends on later inputs")
        Lambda_bar, B_bar = self.discretised(rate)
        C = torch.view_as_complex(self.C)
        Bu = u.to(B_bar.dtype) @ B_bar.mT
        states = linear_scan(Lambda_bar[None, None], Bu, state)
        outputs = states @ C[0].mT
        if not self.causal:
            outputs = outputs + linear_scan(Lambda_bar[None, None], Bu, reverse=True) @ C[1].mT
        y = 2 * outputs.real + self.D * u
        return (y, states[:, -1]) if return_state else y

    def step(self, u: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map one input u (B, H) to y (B, H) and the next state (B, n); `state` None means zero.

        ValueError if not causal.
        """
        y, state = self.forward(u[:, None], state, return_state=True)
        return y[:, 0], state

    def discretised(self, rate: float = 1.0) -> tuple[Tensor, Tensor]:
        """Return Λ̄ (n,) and B̄ (n, H), computed in complex128, in C's type."""
        if not rate > 0:
            raise ValueError(f"rate must be positive, got {rate}")
        real = self.real.double()
        Lambda = torch.complex(real.clamp(max=MAX_REAL) if self.clip_eigs else real, self.imag.double())
        dt = rate * torch.exp(self.log_dt.double())
        if self.discretization == "zoh":
            Lambda_bar, factor = torch.exp(dt * Lambda), torch.expm1(dt * Lambda) / Lambda
        else:
            half = dt * Lambda / 2
            Lambda_bar, factor = (1 + half) / (1 - half), dt / (1 - half)
        B = torch.view_as_complex(self.B)
        return Lambda_bar.to(B.dtype), (factor[:, None] * B).to(B.dtype)

    def param_groups(self) -> list[dict[str, Any]]:
        """Return Λ, B and Δ as the group with a small learning rate and no weight decay."""
        return [{"params": [self.real, self.imag, self.B, self.log_dt], "max_lr": 1e-3, "weight_decay": 0.0}]


class S5(DiagonalMIMO):
    """Diagonal state-space system with d_model inputs and outputs.

    Args:
        d_model: H.
        l_max: not used.
        causal: False adds a scan from the end with an output matrix of its own.
        d_state: N, a multiple of 2 J. (The authors' Long Range Arena settings have N from 16 to 384, J from 3 to 16.)
        blocks: J.
        discretization: zero-order hold or bilinear.
        c_init: C₀ truncated normal of variance 1/N; "lecun-normal", of variance 1/(H N); or "complex-normal", where C
            itself has unit variance.
        clip_eigs: hold Re Λ at or below −1e-4, where nothing else keeps the system stable.
        dt_min, dt_max: Δ, one for each state, starts log-uniform between them.

    ValueError if one of them is out of range.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        d_state: int = 64,
        blocks: int = 1,
        discretization: Literal["zoh", "bilinear"] = "zoh",
        c_init: Literal["truncated-normal", "lecun-normal", "complex-normal"] = "truncated-normal",
        clip_eigs: bool = False,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        limits.s5(d_state=d_state, blocks=blocks, dt_min=dt_min, dt_max=dt_max)
        system = nplr("legs", d_state // blocks)
        super().__init__(
            system.Lambda,
            system.V,
            system.V.mH,
            blocks=blocks,
            d_model=d_model,
            causal=causal,
            discretization=discretization,
            c_init=c_init,
            clip_eigs=clip_eigs,
            dt_min=dt_min,
            dt_max=dt_max,
        )


def _initial_output(c_init: str, V: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return C (c, H, n)."""
    N, n = V.shape
    if c_init == "complex-normal":
        return torch.randn(*shape, n, dtype=V.dtype)
    if c_init not in ("truncated-normal", "lecun-normal"):
        raise ValueError(f"c_init must be truncated-normal, lecun-normal or complex-normal, got {c_init!r}")
    std = N**-0.5 if c_init == "truncated-normal" else (N * shape[1]) ** -0.5
    return torch.view_as_complex(_truncated_normal(*shape, N, 2, std=std)) @ V


def _truncated_normal(*shape: int, std: float) -> Tensor:
    """Draw float64 values of this standard deviation from a normal distribution cut off at two of its own."""
    scale = std / 0.87962566103423978  # the standard deviation that the cut leaves of one
    return nn.init.trunc_normal_(torch.empty(shape, dtype=torch.float64), std=scale, a=-2 * scale, b=2 * scale)


def _parameter(value: Tensor) -> nn.Parameter:
    """Make a parameter of the default dtype with its own memory, from an initial value in float64."""
    return nn.Parameter(value.to(torch.get_default_dtype(), copy=True, memory_format=torch.contiguous_format))
