"""S4D: a state-space layer with a diagonal state matrix, and the design choices that its paper compares.

Gu, Gupta, Goel and Ré, On the Parameterization and Initialization of Diagonal State Space Models (NeurIPS 2022,
arXiv 2206.11893). The layer is that of diagonal.py, where the equations stand; here is where it starts. (Not offered:
the paper's arm with N unpaired complex states, whose initialisation neither paper nor released code gives.)

Symbols: H channels (d_model), N state size, n = N/2 stored conjugate pairs, S independent copies of (Λ, B) (n_ssm).
"""

import math
from typing import Literal

import torch
from torch import Tensor

from bench_sequence import limits
from bench_sequence.diagonal import DiagonalSSM
from bench_sequence.hippo import nplr

Init = Literal["legs", "lin", "inv", "quad", "real", "random"]


class S4D(DiagonalSSM):
    """Diagonal state-space convolution plus D u.

    Args:
        d_model: H.
        l_max: not used: the kernel is computed for the length of each input.
        causal: False adds a second kernel, with the same Λ, B and Δ, that runs backwards from lag one.
        init: Λ and B at the start, see `initial_system`.
        discretization: zero-order hold, bilinear, or the softmax over positions of DSS.
        real_transform: what keeps −Re Λ positive: exp, softplus, relu; none lets it go.
        real_state: S4D-Real with N real states in place of n complex ones; for init "real".
        train_b: train B. False leaves it as it starts.
        path: by convolution, or by a parallel scan of the states.
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
        init: Literal["legs", "lin", "inv", "quad", "real", "random"] = "legs",
        discretization: Literal["zoh", "bilinear", "dss"] = "zoh",
        real_transform: Literal["exp", "softplus", "relu", "none"] = "exp",
        real_state: bool = False,
        train_b: bool = True,
        path: Literal["convolution", "scan"] = "convolution",
        d_state: int = 64,
        n_ssm: int | None = None,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
        b_clip: float | None = None,
    ) -> None:
        limits.s4d(d_model=d_model, d_state=d_state, n_ssm=n_ssm, dt_min=dt_min, dt_max=dt_max, b_clip=b_clip,
                   init=init, real_state=real_state, path=path, discretization=discretization)  # fmt: skip
        copies = d_model if n_ssm is None else n_ssm
        super().__init__(
            *initial_system(init, copies, 2 * d_state if real_state else d_state, b_clip),
            d_model=d_model,
            causal=causal,
            discretization=discretization,
            real_transform=real_transform,
            real_state=real_state,
            train_b=train_b,
            path=path,
            dt_min=dt_min,
            dt_max=dt_max,
        )


def initial_system(init: Init, n_ssm: int, d_state: int, b_clip: float | None = None) -> tuple[Tensor, Tensor]:
    """Return Λ and B, (S, n) complex128, at the start of training.

    With k = 0..n−1 and B = 1 but for "legs":
        legs    the diagonal part of S4's system, and its B = V* B_LegS (the limit theorem has half of it)
        lin     −1/2 + iπk
        inv     −1/2 + i (N/π)(N/(2k + 1) − 1)
        quad    −1/2 + i (2k + 1)²/π
        real    −(k + 1), whose imaginary part is trained like the others
        random  −U(0, 1) + i exp(N(0, 1)), drawn for each copy; the reference code's "diag-rand" with real_random=True
                (its default keeps the real part at −1/2)

    ValueError if `init` is none of these, `d_state` is not even and at least 2, or another value is out of range.
    """
    limits.state_size(d_state=d_state)
    n = d_state // 2
    k, half = torch.arange(n, dtype=torch.float64), torch.full((n,), -0.5, dtype=torch.float64)
    B = torch.ones(n, dtype=torch.complex128)
    if init == "legs":
        Lambda, _, B, _ = nplr("legs", d_state, b_clip)
    elif init == "random":
        real = -torch.rand(n_ssm, n, dtype=torch.float64).clamp(min=1e-4)  # as the reference code, away from log 0
        Lambda = torch.complex(real, torch.exp(torch.randn(n_ssm, n, dtype=torch.float64)))
    else:
        closed_forms = {
            "lin": (half, math.pi * k),
            "inv": (half, d_state / math.pi * (d_state / (2 * k + 1) - 1)),
            "quad": (half, (2 * k + 1) ** 2 / math.pi),
            "real": (-(k + 1), 0 * k),
        }
        if init not in closed_forms:
            raise ValueError(f"init must be legs, lin, inv, quad, real or random, got {init!r}")
        Lambda = torch.complex(*closed_forms[init])
    return Lambda.expand(n_ssm, -1), B.expand(n_ssm, -1)
