"""S4: a state-space layer whose state matrix is diagonal plus rank one, started from HiPPO-LegS.

Gu, Goel and Ré, Efficiently Modeling Long Sequences with Structured State Spaces (ICLR 2022, arXiv 2111.00396), with
A = Λ − P P* (Goel et al., It's Raw!, 2022: Q = P keeps the system stable for all parameter values).

    x' = A x + B u,  y = C x + D u;   bilinear step:  Ā = (I − Δ/2 A)⁻¹ (I + Δ/2 A),  B̄ = (I − Δ/2 A)⁻¹ Δ B
    kernel K_l = C Ā^l B̄,  l < L;     its transform at ω_k = e^{−iθ_k}, θ_k = 2πk/L:  K̂_k = C̃ (I − ω_k Ā)⁻¹ B̄
    C̃ = C (I − Ā^L) is trained in place of C, so that no power of Ā is needed in training

Symbols: B batch, L length, H channels (d_model), N state size, n = N/2 stored conjugate pairs (the other half of the
state is the conjugate, every sum over the state is 2 Re of the stored half), c = 1 kernel per channel or 2 if
bidirectional, S independent copies of (Λ, P, B) (n_ssm), F = L//2 + 1 frequencies.
    Λ, P, B  (S, n) complex    C, C̃  (c, H, n) complex    D, Δ  (H,) real    K  (c, H, L)
    s, c     (F,) real         sin(θ/2), cos(θ/2)
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bench_sequence.convolution import causal_convolution, two_sided_convolution
from bench_sequence.hippo import legs_nplr


class S4State(NamedTuple):
    """What `S4.step` carries: the state x (B, H, n), and C (H, n), which is costly to recover from C̃; both complex."""

    x: Tensor
    C: Tensor


class S4(nn.Module):
    """NPLR HiPPO-LegS convolution plus D u.

    Args:
        d_model: H.
        l_max: length whose C̃ is trained. Shorter inputs use a prefix of the kernel; for longer ones C̃ is extended by
            doublings, which costs O(H N³) in every forward pass.
        causal: False adds a second kernel, with the same Λ, P, B and Δ, that runs backwards from lag one.
        d_state: N, even.
        n_ssm: copies of (Λ, P, B), a divisor of d_model; neighbouring channels share one (the reference code deals
            them out in turn, which makes no difference before training). None: one for each channel
            (the reference code's default); 1: one for all (its Long Range Arena settings, except Pathfinder).
        dt_min, dt_max: Δ starts log-uniform between them.
        b_clip: limit on |Im B| at the start. None is the paper's B; the reference code clips at 2 (see hippo.py).

    ValueError if one of them is out of range.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        d_state: int = 64,
        n_ssm: int | None = None,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
        b_clip: float | None = None,
    ) -> None:
        super().__init__()
        n_ssm = d_model if n_ssm is None else n_ssm
        if l_max < 1:
            raise ValueError(f"l_max must be at least 1, got {l_max}")
        if n_ssm < 1 or d_model % n_ssm:
            raise ValueError(f"n_ssm must divide d_model, got {n_ssm} and {d_model}")
        if not 0 < dt_min <= dt_max:
            raise ValueError(f"dt_min and dt_max must satisfy 0 < dt_min <= dt_max, got {dt_min} and {dt_max}")
        if b_clip is not None and b_clip < 0:
            raise ValueError(f"b_clip must not be negative, got {b_clip}")
        self.d_model, self.l_max, self.causal, self.copies = d_model, l_max, causal, d_model // n_ssm

        system = legs_nplr(d_state, b_clip)
        self.log_neg_real = _parameter(torch.log(-system.Lambda.real).expand(n_ssm, -1))
        self.imag = _parameter(system.Lambda.imag.expand(n_ssm, -1))
        self.P = _parameter(torch.view_as_real(system.P).expand(n_ssm, -1, -1))
        self.B = _parameter(torch.view_as_real(system.B).expand(n_ssm, -1, -1))
        log_dt = torch.rand(d_model, dtype=torch.float64) * math.log(dt_max / dt_min) + math.log(dt_min)
        self.log_dt = _parameter(log_dt)
        self.D = _parameter(torch.randn(d_model))
        C = torch.randn(1 if causal else 2, d_model, d_state // 2, dtype=torch.complex128)  # unit variance
        self.C_tilde = nn.Parameter(torch.empty(*C.shape, 2))
        self.set_output(C)

    def forward(self, u: Tensor) -> Tensor:
        """Map u (B, L, H) to y (B, L, H), for any L."""
        K = self.kernel(u.shape[1])
        y = causal_convolution(u, K[0]) if self.causal else two_sided_convolution(u, K[0], K[1])
        return y + self.D * u

    def kernel(self, length: int) -> Tensor:
        """Return K (c, H, length) by algorithm 1 of the paper: Cauchy sums joined by Woodbury's identity.

        1 − ω = 2i s e^{−iθ/2} and 1 + ω = 2 c e^{−iθ/2}, so with R = Δ / (2i s − c Δ Λ) the identity reads
        K̂ = e^{iθ/2} [C̃RB − c C̃RP P*RB / (1 + c P*RP)], which stays finite at ω = −1, where the paper's nodes do not.
        """
        L, C = self.l_max, torch.view_as_complex(self.C_tilde)
        if length > L:
            L, C = self._doubled(length)
        Lambda, P, B, dt = self._system()
        half_angle = torch.arange(L // 2 + 1, dtype=torch.float64, device=dt.device) * (math.pi / L)
        s, c = torch.sin(half_angle).to(dt.dtype), torch.cos(half_angle).to(dt.dtype)

        weights = torch.stack([*(C * B), *(C * P), P.conj() * B, P.conj() * P])  # (2c + 2, H, n)
        sums = _pair_sums(weights, dt[:, None] * Lambda, s, c) * dt[:, None]
        CB, CP, (PB, PP) = sums.split([len(C), len(C), 2])
        K_hat = torch.complex(c, s) * (CB - c * CP * PB / (1 + c * PP))
        return torch.fft.irfft(K_hat, n=L)[..., :length]

    def step(self, u: Tensor, state: S4State | None = None) -> tuple[Tensor, S4State]:
        """Map one input u (B, H) to y (B, H) and the next state, in O(H N); `state` None means the zero state.

        Ā x + B̄ u with the inverse of 2/Δ − A = (2/Δ − Λ) + P P* by Sherman and Morrison. ValueError if not causal.
        """
        if not self.causal:
            raise ValueError("step needs causal=True: a bidirectional output depends on later inputs")
        Lambda, P, B, dt = self._system()
        if state is None:
            state = S4State(Lambda.new_zeros(len(u), *Lambda.shape), self.output()[0])
        two_over_dt = 2 / dt[:, None]
        d = 1 / (two_over_dt - Lambda)
        v = (two_over_dt + Lambda) * state.x - P * _paired(P.conj() * state.x) + 2 * B * u[..., None]
        x = d * (v - P * _paired(P.conj() * d * v) / (1 + _paired(P.conj() * d * P)))
        return _paired(state.C * x).squeeze(-1) + self.D * u, S4State(x, state.C)

    def output(self) -> Tensor:
        """Return C (c, H, n), recovered from C̃ in float64."""
        eye, Abar_L = self._power(self.l_max)
        row = torch.linalg.solve(eye - Abar_L, self._row(self.C_tilde), left=False)
        return self._unrow(row).to(_complex_dtype(self.C_tilde))

    def set_output(self, C: Tensor) -> None:
        """Set C̃ so that the output matrix is C (c, H, n); computed in float64."""
        with torch.no_grad():
            eye, Abar_L = self._power(self.l_max)
            self.C_tilde.copy_(torch.view_as_real(self._unrow(self._row(torch.view_as_real(C)) @ (eye - Abar_L))))

    def param_groups(self) -> list[dict[str, Any]]:
        """Return Λ, P, B and Δ as the group with a small learning rate and no weight decay."""
        ssm = [self.log_neg_real, self.imag, self.P, self.B, self.log_dt]
        return [{"params": ssm, "max_lr": 1e-3, "weight_decay": 0.0}]

    def _system(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return Λ, P, B for each channel, (H, n), and Δ (H,)."""
        Lambda = torch.complex(-torch.exp(self.log_neg_real), self.imag)
        system = torch.stack([Lambda, torch.view_as_complex(self.P), torch.view_as_complex(self.B)])
        Lambda, P, B = system.repeat_interleave(self.copies, dim=1)
        return Lambda, P, B, torch.exp(self.log_dt)

    def _power(self, exponent: int) -> tuple[Tensor, Tensor]:
        """Return I (N, N) and Ā^exponent (H, N, N) in float64, in the real coordinates (Re x, Im x)."""
        Lambda, P, _, dt = (z.to(torch.complex128) for z in self._system())
        p = torch.cat([P.real, P.imag], dim=-1)
        re, im = torch.diag_embed(Lambda.real), torch.diag_embed(Lambda.imag)
        A = torch.cat([torch.cat([re, -im], dim=-1), torch.cat([im, re], dim=-1)], dim=-2)
        A = (A - 2 * p[..., :, None] * p[..., None, :]) * dt.real[:, None, None] / 2
        eye = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
        return eye, torch.linalg.matrix_power(torch.linalg.solve(eye - A, eye + A), exponent)

    def _doubled(self, length: int) -> tuple[int, Tensor]:
        """Return the first L = l_max 2^k >= length and its C̃ (c, H, n), by C̃_2L = C̃_L (I + Ā^L)."""
        L, row = self.l_max, self._row(self.C_tilde)
        eye, Abar_L = self._power(L)
        while length > L:
            row = row @ (eye + Abar_L)
            L, Abar_L = 2 * L, Abar_L @ Abar_L
        return L, self._unrow(row).to(_complex_dtype(self.C_tilde))

    @staticmethod
    def _row(C: Tensor) -> Tensor:
        """Turn C, (c, H, n, 2), into rows (H, c, N) on the coordinates (Re x, Im x), where 2 Re(C x) is a product."""
        C = 2 * C.to(torch.float64).transpose(0, 1)
        return torch.cat([C[..., 0], -C[..., 1]], dim=-1)

    @staticmethod
    def _unrow(row: Tensor) -> Tensor:
        """Undo `_row`, to complex128 (c, H, n)."""
        re, im = (row / 2).chunk(2, dim=-1)
        return torch.complex(re, -im).transpose(0, 1)


def _pair_sums(v: Tensor, lam: Tensor, s: Tensor, c: Tensor) -> Tensor:
    """Return the Cauchy sums over pairs, Σ v/(2is − cλ) + v̄/(2is − cλ̄), (m, H, F).

    A pair equals (4is Re v − 2c Re(v λ̄)) / (c²|λ|² − 4s² − 4isc Re λ): the weights are real, and the n terms of all m
    sums share their denominators and one real matrix product.

    Args:
        v: (m, H, n).
        lam: λ, (H, n).
        s, c: (F,).
    """
    squared_modulus = lam.real.square() + lam.imag.square()
    denominator = torch.complex(
        squared_modulus[..., None] * c.square() - 4 * s.square(),
        lam.real[..., None] * (-4 * s * c),
    )
    terms = torch.view_as_real(denominator.reciprocal()).flatten(-2)  # (H, n, 2F)
    weights = torch.cat([v.real, (v * lam.conj()).real]).transpose(0, 1)  # (H, 2m, n)
    sums = torch.view_as_complex((weights @ terms).unflatten(-1, (-1, 2))).transpose(0, 1)  # (2m, H, F)
    with_re_v, with_re_v_lam = sums.chunk(2)
    return 4j * s * with_re_v - 2 * c * with_re_v_lam


def _paired(z: Tensor) -> Tensor:
    """Sum z (..., n) over both halves of the conjugate pairs, keeping the dimension."""
    return 2 * z.real.sum(-1, keepdim=True)


def _complex_dtype(real: Tensor) -> torch.dtype:
    return torch.complex128 if real.dtype == torch.float64 else torch.complex64


def _parameter(value: Tensor) -> nn.Parameter:
    """Make a parameter of the default dtype with its own memory, from an initial value in float64."""
    return nn.Parameter(value.to(torch.get_default_dtype(), copy=True, memory_format=torch.contiguous_format))
