"""S4D: a state-space layer with a diagonal state matrix.

Gu, Gupta, Goel and Ré, On the Parameterization and Initialization of Diagonal State Space Models (NeurIPS 2022,
arXiv 2206.11893).

    x' = Λ x + B u,  y = 2 Re(C x) + D u                        kernel K_l = 2 Re Σ_n C_n B̄_n Ā_n^l
    ZOH: Ā = e^{ΔΛ}, B̄ = (e^{ΔΛ} − 1)/Λ B       bilinear: Ā = (1 + ΔΛ/2)/(1 − ΔΛ/2), B̄ = Δ B/(1 − ΔΛ/2)

Symbols: B batch, L length, H channels (d_model), N state size, n = N/2 stored conjugate pairs, c = 1 kernel per channel
or 2 if bidirectional, S independent copies of (Λ, B) (n_ssm).
    Λ, B  (S, n) complex    C  (c, H, n) complex    Ā, B̄  (H, n) complex    D, Δ  (H,) real    K  (c, H, L)
"""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from bench_sequence.convolution import causal_convolution, two_sided_convolution
from bench_sequence.hippo import nplr

Init = Literal["legs", "lin", "inv", "real", "random"]


class S4D(nn.Module):
    """Diagonal state-space convolution plus D u.

    Args:
        d_model: H.
        l_max: not used: the kernel is computed for the length of each input.
        causal: False adds a second kernel, with the same Λ, B and Δ, that runs backwards from lag one.
        init: Λ and B at the start, see `initial_system`.
        discretization: zero-order hold or bilinear.
        d_state: N, even.
        n_ssm: copies of (Λ, B), a divisor of d_model; neighbouring channels share one. None: one for each channel.
        dt_min, dt_max: Δ starts log-uniform between them.
        b_clip: for init "legs", limit on |Im B|. None is the paper's B; the reference code clips at 2 (see hippo.py).

    ValueError if one of them is out of range.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        init: Literal["legs", "lin", "inv", "real", "random"] = "legs",
        discretization: Literal["zoh", "bilinear"] = "zoh",
        d_state: int = 64,
        n_ssm: int | None = None,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
        b_clip: float | None = None,
    ) -> None:
        super().__init__()
        n_ssm = d_model if n_ssm is None else n_ssm
        if discretization not in ("zoh", "bilinear"):
            raise ValueError(f"discretization must be zoh or bilinear, got {discretization!r}")
        if n_ssm < 1 or d_model % n_ssm:
            raise ValueError(f"n_ssm must divide d_model, got {n_ssm} and {d_model}")
        if not 0 < dt_min <= dt_max:
            raise ValueError(f"dt_min and dt_max must satisfy 0 < dt_min <= dt_max, got {dt_min} and {dt_max}")
        if b_clip is not None and b_clip < 0:
            raise ValueError(f"b_clip must not be negative, got {b_clip}")
        self.d_model, self.causal, self.copies = d_model, causal, d_model // n_ssm
        self.discretization = discretization

        Lambda, B = initial_system(init, n_ssm, d_state, b_clip)
        self.log_neg_real = _parameter(torch.log(-Lambda.real))
        self.imag = _parameter(Lambda.imag)
        self.B = _parameter(torch.view_as_real(B))
        C = torch.randn(1 if causal else 2, d_model, d_state // 2, dtype=torch.complex128)  # unit variance
        self.C = _parameter(torch.view_as_real(C))
        log_dt = torch.rand(d_model, dtype=torch.float64) * math.log(dt_max / dt_min) + math.log(dt_min)
        self.log_dt = _parameter(log_dt)
        self.D = _parameter(torch.randn(d_model))

    def forward(self, u: Tensor) -> Tensor:
        """Map u (B, L, H) to y (B, L, H), for any L."""
        K = self.kernel(u.shape[1])
        y = causal_convolution(u, K[0]) if self.causal else two_sided_convolution(u, K[0], K[1])
        return y + self.D * u

    def kernel(self, length: int) -> Tensor:
        """Return K (c, H, length): C B̄ times the Vandermonde matrix of Ā, whose powers l = r s + q are factored.

        With s about √L the (H, n, L) matrix is never formed, and its two factors are cheap enough for complex128, which
        keeps the phases of high powers.
        """
        Abar, Bbar = self.discretised()
        s = math.isqrt(length - 1) + 1
        coarse = Bbar[..., None] * _powers(Abar**s, -(-length // s))  # (H, n, L/s)
        C = torch.view_as_complex(self.C)
        K = 2 * torch.einsum("chn,hnr,hnq->chrq", C, coarse.to(C.dtype), _powers(Abar, s).to(C.dtype)).real
        return K.flatten(-2)[..., :length]

    def step(self, u: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map one input u (B, H) to y (B, H) and the next state x (B, H, n) complex; `state` None means zero.

        ValueError if not causal.
        """
        if not self.causal:
            raise ValueError("step needs causal=True: a bidirectional output depends on later inputs")
        C = torch.view_as_complex(self.C[0])
        Abar, Bbar = (z.to(C.dtype) for z in self.discretised())
        x = Bbar * u[..., None] if state is None else Abar * state + Bbar * u[..., None]
        return 2 * (C * x).real.sum(-1) + self.D * u, x

    def discretised(self) -> tuple[Tensor, Tensor]:
        """Return Ā and B̄, (H, n), computed in complex128."""
        Lambda = torch.complex(-torch.exp(self.log_neg_real.double()), self.imag.double())
        system = torch.stack([Lambda, torch.view_as_complex(self.B.double())])
        Lambda, B = system.repeat_interleave(self.copies, dim=1)
        dt = torch.exp(self.log_dt.double())[:, None]
        if self.discretization == "zoh":
            return torch.exp(dt * Lambda), torch.expm1(dt * Lambda) / Lambda * B
        half = dt * Lambda / 2
        return (1 + half) / (1 - half), dt * B / (1 - half)

    def param_groups(self) -> list[dict[str, Any]]:
        """Return Λ, B and Δ as the group with a small learning rate and no weight decay."""
        ssm = [self.log_neg_real, self.imag, self.B, self.log_dt]
        return [{"params": ssm, "max_lr": 1e-3, "weight_decay": 0.0}]


def initial_system(init: Init, n_ssm: int, d_state: int, b_clip: float | None = None) -> tuple[Tensor, Tensor]:
    """Return Λ and B, (S, n) complex128, at the start of training.

    With k = 0..n−1 and B = 1 but for "legs":
        legs    the diagonal part of S4's system, and its B = V* B_LegS (the limit theorem has half of it)
        lin     −1/2 + iπk
        inv     −1/2 + i (N/π)(N/(2k + 1) − 1)
        real    −(k + 1), whose imaginary part is trained like the others
        random  −U(0, 1) + i exp(N(0, 1)), drawn for each copy; the reference code's "diag-rand" with real_random=True
                (its default keeps the real part at −1/2)

    ValueError if `init` is none of these or `d_state` is not even and at least 2.
    """
    if d_state < 2 or d_state % 2:
        raise ValueError(f"the state size must be even and at least 2, got {d_state}")
    k = torch.arange(d_state // 2, dtype=torch.float64)
    real, imag, B = torch.full_like(k, -0.5), torch.zeros_like(k), torch.ones_like(k)
    if init == "legs":
        Lambda, _, B, _ = nplr("legs", d_state, b_clip)
        real, imag = Lambda.real, Lambda.imag
    elif init == "lin":
        imag = math.pi * k
    elif init == "inv":
        imag = d_state / math.pi * (d_state / (2 * k + 1) - 1)
    elif init == "real":
        real = -(k + 1)
    elif init == "random":
        real = -torch.rand(n_ssm, len(k), dtype=torch.float64).clamp(min=1e-4)  # as the reference code, away from log 0
        imag = torch.exp(torch.randn(n_ssm, len(k), dtype=torch.float64))
    else:
        raise ValueError(f"init must be legs, lin, inv, real or random, got {init!r}")
    return torch.complex(real, imag).expand(n_ssm, -1), B.to(torch.complex128).expand(n_ssm, -1)


def _powers(z: Tensor, count: int) -> Tensor:
    """Return z^0, ..., z^(count − 1) along a new last dimension."""
    powers, z = torch.ones_like(z[..., None]), z[..., None]
    while powers.shape[-1] < count:
        powers, z = torch.cat([powers, powers * z], dim=-1), z * z
    return powers[..., :count]


def _parameter(value: Tensor) -> nn.Parameter:
    """Make a parameter of the default dtype with its own memory, from an initial value in float64."""
    return nn.Parameter(value.to(torch.get_default_dtype(), copy=True, memory_format=torch.contiguous_format))
