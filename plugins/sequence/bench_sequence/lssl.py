"""LSSL: a linear state-space layer with a structured, trainable state matrix; LSSL-fixed, which does not train it.

Gu et al. 2021, "Combining Recurrent, Convolutional, and Continuous-time Models with Linear State-Space Layers",
arXiv:2110.13985. For every channel on its own

    x' = A x + B u                                      in continuous time
    x_t = Ā x_{t-1} + B̄ u_t,  y_t = C x_t + D u_t       as a recurrence (bilinear discretisation with step Δ)
    y = K * u + D u,  K_l = C Ā^l B̄                     as a convolution
    A = -diag(p) (T^{-1} + diag(c)) diag(q),  B = p b   the structured class, T tridiagonal

At p_n = q_n = sqrt(2n+1), T = I - (ones below the diagonal), c_n = -n/(2n+1) and b = 1, this is HiPPO-LegS, where
training starts. As in the released code one (A, B) serves all channels, and each channel has its own Δ; M output
channels per input channel are mixed to one by a linear layer. (The paper's block puts a GELU before that layer;
here the backbone owns the activation, so it comes after.)

Nothing keeps a trained A stable: its learning rate is small, and the reference code has no constraint either.

Symbols: u input, (B, L, H); x state, (B, H, N); A, (N, N); Ā, (H, N, N); B̄, (H, N); C, (R, H, M, N); D, (H, M);
Δ (`dt`), (H,); p, q, c, b and T's diagonal, (N,); T's other diagonals, (N - 1,); 𝒦 (`krylov`) = (B̄, Ā B̄, ...,
Ā^{L-1} B̄), (H, N, L); B batch, L length, H channels, N state size, M outputs per channel, R directions.
"""

import math

import torch
from torch import Tensor, nn

from bench_sequence import limits
from bench_sequence.convolution import causal_convolution, two_sided_convolution
from bench_sequence.krylov import krylov

DT_MIN, DT_MAX = 0.001, 0.1

State = tuple[Tensor, Tensor, Tensor]


def discretise(A: Tensor, B: Tensor, dt: Tensor, alpha: float = 0.5) -> tuple[Tensor, Tensor]:
    """Return Ā, (H, N, N), and B̄, (H, N), by the generalised bilinear transform.

    Ā = (I - αΔA)^{-1} (I + (1-α)ΔA) and B̄ = (I - αΔA)^{-1} ΔB.

    Args:
        A, B: (N, N) and (N,).
        dt: (H,).
        alpha: 0 is Euler's method, 1/2 the bilinear, 1 the backward Euler method.
    """
    eye = torch.eye(len(B), dtype=A.dtype, device=A.device)
    dtA = dt[:, None, None] * A
    dtB = dt[:, None, None] * B[:, None]
    solved = torch.linalg.solve(eye - alpha * dtA, torch.cat([eye + (1 - alpha) * dtA, dtB], dim=-1))
    return solved[..., :-1], solved[..., -1]


def _forget_krylov(layer: "LSSL", _: object) -> None:
    layer._krylov = None


class LSSL(nn.Module):
    """The state-space layer; `causal=False` adds a second C whose kernel runs backwards from lag one, as in S4.

    C and D start as N(0, 1), Δ log-uniform in [0.001, 0.1]. The paper's models have d_state = 128 or 256 (as d_model)
    and 1, 2 or 4 channels. `trainable=False` is LSSL-fixed: A, B and Δ are buffers, and 𝒦 is computed once, in
    float64, for l_max positions (and again if a longer sequence comes).

    Raises:
        ValueError: d_state or channels is less than one.
    """

    def __init__(
        self, *, d_model: int, l_max: int, causal: bool, d_state: int = 64, channels: int = 1, trainable: bool = True
    ) -> None:
        super().__init__()
        limits.lssl(d_state=d_state, channels=channels)
        self.l_max = l_max
        self.causal = causal
        self.trainable = trainable
        n = torch.arange(d_state, dtype=torch.get_default_dtype())
        system = {
            "p": torch.sqrt(2 * n + 1),
            "q": torch.sqrt(2 * n + 1),
            "c": -n / (2 * n + 1),
            "b": torch.ones(d_state),
            "T_lower": -torch.ones(d_state - 1),
            "T_diagonal": torch.ones(d_state),
            "T_upper": torch.zeros(d_state - 1),
            "log_dt": torch.empty(d_model).uniform_(math.log(DT_MIN), math.log(DT_MAX)),
        }
        for name, value in system.items():
            if trainable:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)
        self.C = nn.Parameter(torch.randn(1 if causal else 2, d_model, channels, d_state))
        self.D = nn.Parameter(torch.randn(d_model, channels))
        self.mix = nn.Linear(d_model * channels, d_model) if channels > 1 else nn.Identity()
        # 𝒦 of LSSL-fixed. No buffer: it can be as large as the batch, follows from log_dt, which a checkpoint brings,
        # and a buffer cast to a wider type would keep its rounding errors.
        self._krylov: Tensor | None = None
        self.register_load_state_dict_post_hook(_forget_krylov)
        if not trainable:
            self._fixed_krylov(l_max)

    def param_groups(self) -> list[dict]:
        """Return A's and B's parameters at 1e-4 and Δ's at 1e-3, without weight decay; LSSL-fixed has none."""
        if not self.trainable:
            return []
        structured = [self.p, self.q, self.c, self.b, self.T_lower, self.T_diagonal, self.T_upper]
        return [
            {"params": structured, "max_lr": 1e-4, "weight_decay": 0.0},
            {"params": [self.log_dt], "max_lr": 1e-3, "weight_decay": 0.0},
        ]

    def state_matrix(self, dtype: torch.dtype | None = None) -> Tensor:
        """Return A, (N, N), computed in `dtype`, by default that of the parameters."""
        p, q, c = (factor.to(dtype) for factor in (self.p, self.q, self.c))
        T = torch.diag(self.T_lower, -1) + torch.diag(self.T_diagonal) + torch.diag(self.T_upper, 1)
        return -p[:, None] * (torch.linalg.inv(T.to(dtype)) + torch.diag(c)) * q

    def discrete_system(self, dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
        """Return Ā, (H, N, N), and B̄, (H, N), computed in `dtype`, by default that of the parameters."""
        return discretise(self.state_matrix(dtype), (self.p * self.b).to(dtype), self.log_dt.to(dtype).exp())

    def kernel(self, length: int) -> Tensor:
        """Return the convolution kernels, (R, H, M, length)."""
        powers = krylov(*self.discrete_system(), length) if self.trainable else self._fixed_krylov(length)
        return self.C @ powers

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        u = x.repeat_interleave(self.D.shape[1], dim=-1)  # (B, L, H M)
        kernels = self.kernel(x.shape[1]).flatten(1, 2)  # (R, H M, L)
        y = causal_convolution(u, kernels[0]) if self.causal else two_sided_convolution(u, kernels[0], kernels[1])
        return self.mix(y + self.D.flatten() * u)

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Map the next input, (B, H), to its output; the state is (x, Ā, B̄), so that one sequence discretises once.

        Raises:
            ValueError: the layer is bidirectional.
        """
        if not self.causal:
            raise ValueError("step needs a layer built with causal=True")
        if state is None:
            A_bar, B_bar = self.discrete_system()
            hidden = x.new_zeros(*x.shape, B_bar.shape[-1])
        else:
            hidden, A_bar, B_bar = state
        hidden = torch.einsum("hij,bhj->bhi", A_bar, hidden) + B_bar * x[..., None]
        y = torch.einsum("hmn,bhn->bhm", self.C[0], hidden) + self.D * x[..., None]
        return self.mix(y.flatten(1)), (hidden, A_bar, B_bar)

    def _fixed_krylov(self, length: int) -> Tensor:
        """Return LSSL-fixed's 𝒦, (H, N, length), from the cache if that has the columns, the type and the device."""
        cached = self._krylov
        stale = cached is None or cached.dtype != self.C.dtype or cached.device != self.C.device
        if stale or cached.shape[-1] < length:
            with torch.inference_mode(False):  # what evaluation caches must serve training too
                columns = krylov(*self.discrete_system(torch.float64), max(length, self.l_max))
                cached = self._krylov = columns.to(self.C)
        return cached[..., :length]
