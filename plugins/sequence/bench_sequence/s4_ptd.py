"""S4-PTD: S4D, started from a HiPPO-LegS that was perturbed before it was diagonalised.

Yu, Nigmetov, Morozov, Mahoney and Erichson (ICLR 2024, arXiv 2310.01698). The layer is that of diagonal.py, the start
that of ptd.py: Λ and B̃ = V⁻¹ B. As in S4D, C is drawn in the diagonal coordinates. The authors' perturbations are
published neither as matrices that we found nor as a recipe; ptd.py says which is used here and why.
"""

from typing import Literal

import torch

from bench_sequence import limits
from bench_sequence.diagonal import DiagonalSSM
from bench_sequence.hippo import legs
from bench_sequence.ptd import perturbed_legs


class S4PTD(DiagonalSSM):
    """Diagonal state-space convolution plus D u, from perturbed HiPPO-LegS.

    Args:
        d_model: H.
        l_max: not used: the kernel is computed for the length of each input.
        causal: False adds a second kernel, with the same Λ, B and Δ, that runs backwards from lag one.
        alpha: size of the perturbation, |E| = 0.785 α |A|, from 0.01 to 1; 1 is S4D-LegS. The paper recommends |E|
            about a tenth of |A|.
        discretization: zero-order hold or bilinear.
        d_state: N, even.
        n_ssm: copies of (Λ, B), a divisor of d_model; neighbouring channels share one. None: one for each channel.
        dt_min, dt_max: Δ starts log-uniform between them.

    ValueError if one of them is out of range, or together too small (see `perturbed_legs`).
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        alpha: float = 0.1,
        discretization: Literal["zoh", "bilinear"] = "zoh",
        d_state: int = 64,
        n_ssm: int | None = None,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        limits.s4_ptd(d_model=d_model, d_state=d_state, n_ssm=n_ssm, dt_min=dt_min, dt_max=dt_max, alpha=alpha)
        n_ssm = d_model if n_ssm is None else n_ssm
        system = perturbed_legs(d_state, alpha)
        B = system.V_inverse @ legs(d_state)[1].to(torch.complex128)
        super().__init__(
            system.Lambda.expand(n_ssm, -1),
            B.expand(n_ssm, -1),
            d_model=d_model,
            causal=causal,
            discretization=discretization,
            real_transform="exp",
            real_state=False,
            train_b=True,
            path="convolution",
            dt_min=dt_min,
            dt_max=dt_max,
        )
