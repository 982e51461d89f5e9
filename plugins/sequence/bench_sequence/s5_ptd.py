"""S5-PTD: S5, started from a HiPPO-LegS that was perturbed before it was diagonalised.

Yu, Nigmetov, Morozov, Mahoney and Erichson (ICLR 2024, arXiv 2310.01698). The layer is that of s5.py, its blocks start
from ptd.py: Λ, B = V⁻¹ B₀ and C = C₀ V, where S5 has the unitary V of the normal part alone.
"""

from typing import Literal

from bench_sequence import limits
from bench_sequence.ptd import perturbed_legs
from bench_sequence.s5 import DiagonalMIMO


class S5PTD(DiagonalMIMO):
    """Diagonal state-space system with d_model inputs and outputs, from perturbed HiPPO-LegS.

    Args:
        d_model: H.
        l_max: not used.
        causal: False adds a scan from the end with an output matrix of its own.
        alpha: size of the perturbation, |E| = 0.785 α |A|, from 0.01 to 1; 1 is S5. The paper recommends |E| about a
            tenth of |A|.
        d_state: N, a multiple of 2 J.
        blocks: J.
        discretization, c_init, clip_eigs: as of S5.
        dt_min, dt_max: Δ, one for each state, starts log-uniform between them.

    ValueError if one of them is out of range, or together too small (see `perturbed_legs`).
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        alpha: float = 0.1,
        d_state: int = 64,
        blocks: int = 1,
        discretization: Literal["zoh", "bilinear"] = "zoh",
        c_init: Literal["truncated-normal", "lecun-normal", "complex-normal"] = "truncated-normal",
        clip_eigs: bool = False,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        limits.s5_ptd(d_state=d_state, blocks=blocks, dt_min=dt_min, dt_max=dt_max, alpha=alpha)
        system = perturbed_legs(d_state // blocks, alpha)
        super().__init__(
            system.Lambda,
            system.V,
            system.V_inverse,
            blocks=blocks,
            d_model=d_model,
            causal=causal,
            discretization=discretization,
            c_init=c_init,
            clip_eigs=clip_eigs,
            dt_min=dt_min,
            dt_max=dt_max,
        )
