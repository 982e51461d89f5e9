"""S4: a state-space layer whose state matrix is diagonal plus low rank, started from a HiPPO matrix.

Gu, Goel and Ré, Efficiently Modeling Long Sequences with Structured State Spaces (ICLR 2022, arXiv 2111.00396), with
A = Λ − P P* (Goel et al., It's Raw!, 2022: Q = P keeps the system stable for all parameter values); the measures LegT
and FouT from Gu et al., How to Train Your HiPPO (2022, arXiv 2206.12037).

    x' = A x + B u,  y = C x + D u;   bilinear step:  Ā = (I − Δ/2 A)⁻¹ (I + Δ/2 A),  B̄ = (I − Δ/2 A)⁻¹ Δ B
    kernel K_l = C Ā^l B̄,  l < L;     its transform at ω_k = e^{−iθ_k}, θ_k = 2πk/L:  K̂_k = C̃ (I − ω_k Ā)⁻¹ B̄
    C̃ = C (I − Ā^L) is trained in place of C, so that no power of Ā is needed in training

Symbols: B batch, L length, H channels (d_model), N state size, n = N/2 stored conjugate pairs (the other half of the
state is the conjugate, every sum over the state is 2 Re of the stored half), c = 1 kernel per channel or 2 if
bidirectional, S independent copies of (Λ, P, B) (n_ssm), r rank of P (2 for LegT, else 1), F = L//2 + 1 frequencies.
    Λ, B  (S, n) complex    P  (r, S, n) complex    C, C̃  (c, H, n) complex    D, Δ  (H,) real    K  (c, H, L)
    s, c  (F,) real         sin(θ/2), cos(θ/2)
"""

import math
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from bench_sequence import limits
from bench_sequence.convolution import causal_convolution, two_sided_convolution
from bench_sequence.hippo import nplr
from bench_sequence.krylov import krylov

MIN_DECAY = 1e-4  # −Re Λ of LegT and FouT, which is 0; as in the reference code, the logarithm needs a positive number
CHUNK = 256  # positions whose powers of Ā exist at once when a state is carried along a sequence


class S4State(NamedTuple):
    """What `S4.step` carries: the state x (B, H, n), and C (H, n), which is costly to recover from C̃; both complex."""

    x: Tensor
    C: Tensor


class S4(nn.Module):
    """NPLR HiPPO convolution plus D u.

    Args:
        d_model: H.
        l_max: length whose C̃ is trained. Shorter inputs use a prefix of the kernel; for longer ones C̃ is extended by
            doublings, which costs O(H N³) in every forward pass.
        causal: False adds a second kernel, with the same Λ, P, B and Δ, that runs backwards from lag one.
        measure: the HiPPO matrix at the start, see hippo.py. For the windows of LegT and FouT, Re Λ starts at −1e-4.
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
        measure: Literal["legs", "legt", "fourier"] = "legs",
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
        limits.s4(d_model=d_model, d_state=d_state, n_ssm=n_ssm, dt_min=dt_min, dt_max=dt_max, b_clip=b_clip)
        self.d_model, self.l_max, self.causal, self.copies = d_model, l_max, causal, d_model // n_ssm

        system = nplr(measure, d_state, b_clip)
        self.log_neg_real = _parameter(torch.log((-system.Lambda.real).clamp(min=MIN_DECAY)).expand(n_ssm, -1))
        self.imag = _parameter(system.Lambda.imag.expand(n_ssm, -1))
        self.P = _parameter(torch.view_as_real(system.P)[:, None].expand(-1, n_ssm, -1, -1))
        self.B = _parameter(torch.view_as_real(system.B).expand(n_ssm, -1, -1))
        log_dt = torch.rand(d_model, dtype=torch.float64) * math.log(dt_max / dt_min) + math.log(dt_min)
        self.log_dt = _parameter(log_dt)
        self.D = _parameter(torch.randn(d_model))
        C = torch.randn(1 if causal else 2, d_model, d_state // 2, dtype=torch.complex128)  # unit variance
        self.C_tilde = nn.Parameter(torch.empty(*C.shape, 2))
        self.set_output(C)

    def forward(
        self, u: Tensor, state: S4State | None = None, *, rate: float = 1.0, return_state: bool = False
    ) -> Tensor | tuple[Tensor, S4State]:
        """Map u (B, L, H) to y (B, L, H), for any L; with `return_state`, to y and the state after the last position.

        Args:
            u: inputs.
            state: the state before the first position, from here or from `step`; None for zero.
            rate: samples of u are this many times as far apart in time as in training.
            return_state: costs O(B L H N + L H N²), not needed otherwise.

        Raises:
            ValueError: a state is asked of or given to a bidirectional layer, or together with another rate.
        """
        if (state is not None or return_state) and (rate != 1 or not self.causal):
            raise ValueError("a state needs causal=True and rate=1")
        K = self.kernel(u.shape[1], rate)
        y = causal_convolution(u, K[0]) if self.causal else two_sided_convolution(u, K[0], K[1])
        y = y + self.D * u
        if state is None and not return_state:
            return y
        if state is None:
            state = self._zero_state(len(u))
        else:
            y = y + self._response(state, u.shape[1])
        return (y, self._carried(state, u)) if return_state else y

    def kernel(self, length: int, rate: float = 1.0) -> Tensor:
        """Return K (c, H, length) by algorithm 1 of the paper: Cauchy sums joined by Woodbury's identity.

        1 − ω = 2i s e^{−iθ/2} and 1 + ω = 2 c e^{−iθ/2}, so with R = Δ / (2i s − c Δ Λ) the identity reads
        K̂ = e^{iθ/2} [C̃RB − c C̃RP (I + c P*RP)⁻¹ P*RB], which stays finite at ω = −1, where the paper's nodes do not.

        At another rate than 1, Δ is `rate` times as long and L shorter by as much, so that C̃ stays (approximately, as
        e^{ΔLA} does) what it is; so the reference code. ValueError if `rate` is not positive.
        """
        if not rate > 0:
            raise ValueError(f"rate must be positive, got {rate}")
        L, C = self._extended(length, rate)
        Lambda, P, B, dt = self._system()
        dt = dt * rate
        half_angle = torch.arange(L // 2 + 1, dtype=torch.float64, device=dt.device) * (math.pi / L)
        s, c = torch.sin(half_angle).to(dt.dtype), torch.cos(half_angle).to(dt.dtype)

        left, right = torch.cat([C, P.conj()]), torch.cat([B[None], P])
        sums = _pair_sums((left[:, None] * right).flatten(0, 1), dt[:, None] * Lambda, s, c) * dt[:, None]
        sums = sums.unflatten(0, (len(left), len(right)))  # (c + r, 1 + r, H, F)
        CB, CP = sums[: len(C), 0], sums[: len(C), 1:]
        PB, PP = sums[len(C) :, 0], sums[len(C) :, 1:]
        K_hat = torch.complex(c, s) * (CB - c * torch.einsum("crhf,rhf->chf", CP, _solve(c * PP, PB)))
        return torch.fft.irfft(K_hat, n=L)[..., :length]

    def step(self, u: Tensor, state: S4State | None = None) -> tuple[Tensor, S4State]:
        """Map one input u (B, H) to y (B, H) and the next state, in O(H N); `state` None means the zero state.

        Ā x + B̄ u with the inverse of 2/Δ − A = (2/Δ − Λ) + P P* by Woodbury's identity. ValueError if not causal.
        """
        if not self.causal:
            raise ValueError("step needs causal=True: a bidirectional output depends on later inputs")
        Lambda, P, B, dt = self._system()
        if state is None:
            state = self._zero_state(len(u))
        two_over_dt = 2 / dt[:, None]
        d = 1 / (two_over_dt - Lambda)
        P = P[:, None]  # (r, 1, H, n) against a batch
        low_rank = (P * _paired(P.conj() * state.x)).sum(0)
        v = (two_over_dt + Lambda) * state.x - low_rank + 2 * B * u[..., None]
        PdP = _paired(P[:, None].conj() * d * P).squeeze(-1)  # (r, r, 1, H)
        x = d * (v - (P * _solve(PdP, _paired(P.conj() * d * v).squeeze(-1))[..., None]).sum(0))
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
        """Return Λ (H, n), P (r, H, n) and B (H, n), for each channel, and Δ (H,)."""
        Lambda = torch.complex(-torch.exp(self.log_neg_real), self.imag)
        B, P = torch.view_as_complex(self.B), torch.view_as_complex(self.P)
        Lambda, B, *rows = torch.stack([Lambda, B, *P]).repeat_interleave(self.copies, dim=1)
        return Lambda, torch.stack(rows), B, torch.exp(self.log_dt)

    def _dense(self) -> tuple[Tensor, Tensor]:
        """Return Ā (H, N, N) and B̄ (H, N) in float64, in the real coordinates (Re x, Im x)."""
        Lambda, P, B, dt = (z.to(torch.complex128) for z in self._system())
        p = torch.cat([P.real, P.imag], dim=-1)
        re, im = torch.diag_embed(Lambda.real), torch.diag_embed(Lambda.imag)
        A = torch.cat([torch.cat([re, -im], dim=-1), torch.cat([im, re], dim=-1)], dim=-2)
        A = (A - 2 * torch.einsum("rhi,rhj->hij", p, p)) * dt.real[:, None, None] / 2
        eye = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
        dtB = torch.cat([B.real, B.imag], dim=-1) * dt.real[:, None]
        solved = torch.linalg.solve(eye - A, torch.cat([eye + A, dtB[..., None]], dim=-1))
        return solved[..., :-1], solved[..., -1]

    def _power(self, exponent: int) -> tuple[Tensor, Tensor]:
        """Return I (N, N) and Ā^exponent (H, N, N), as `_dense` does."""
        A_bar, _ = self._dense()
        eye = torch.eye(A_bar.shape[-1], dtype=A_bar.dtype, device=A_bar.device)
        return eye, torch.linalg.matrix_power(A_bar, exponent)

    def _extended(self, length: int, rate: float) -> tuple[int, Tensor]:
        """Return L >= length, the first (l_max 2^k) / rate, rounded, and its C̃ (c, H, n), by C̃_2L = C̃_L (I + Ā^L)."""
        L, C = self.l_max, torch.view_as_complex(self.C_tilde)
        if round(L / rate) < length:
            row = self._row(self.C_tilde)
            eye, Abar_L = self._power(L)
            while round(L / rate) < length:
                row = row @ (eye + Abar_L)
                L, Abar_L = 2 * L, Abar_L @ Abar_L
            C = self._unrow(row).to(C.dtype)
        return round(L / rate), C

    def _zero_state(self, batch: int) -> S4State:
        C = self.output()[0]
        return S4State(C.new_zeros(batch, *C.shape), C)

    def _carried(self, state: S4State, u: Tensor) -> S4State:
        """Return the state after the inputs u (B, L, H)."""
        A_bar, B_bar = self._dense()
        x = torch.cat([state.x.real, state.x.imag], dim=-1).to(A_bar.dtype)
        columns = krylov(A_bar, B_bar, min(CHUNK, u.shape[1]))  # Ā^j B̄
        for part in u.to(A_bar.dtype).split(CHUNK, dim=1):
            T = part.shape[1]
            over = torch.linalg.matrix_power(A_bar, T)
            x = torch.einsum("hij,bhj->bhi", over, x) + torch.einsum("hnt,bth->bhn", columns[..., :T].flip(-1), part)
        return S4State(torch.complex(*x.chunk(2, dim=-1)).to(state.x.dtype), state.C)

    def _response(self, state: S4State, length: int) -> Tensor:
        """Return C Ā^{t+1} x for t < length, (B, length, H): what the state before the first position adds to y."""
        A_bar, _ = self._dense()
        row = self._row(torch.view_as_real(state.C)[None])[:, 0]
        rows = krylov(A_bar.mT, (row[:, None] @ A_bar)[:, 0], min(CHUNK, length))  # C Ā^{j+1}
        x = torch.cat([state.x.real, state.x.imag], dim=-1).to(A_bar.dtype)
        over, parts = torch.linalg.matrix_power(A_bar, CHUNK), []
        for start in range(0, length, CHUNK):
            parts.append(torch.einsum("hnt,bhn->bth", rows[..., : length - start], x))
            x = torch.einsum("hij,bhj->bhi", over, x)
        return torch.cat(parts, dim=1).to(self.D.dtype)

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


def _solve(M: Tensor, v: Tensor) -> Tensor:
    """Return (I + M)⁻¹ v, for M (r, r, ...) and v (r, ...), at a rank r of 1 or 2."""
    if len(v) == 1:
        return v / (1 + M[0])
    (a, b), (c, d) = M
    a, d = 1 + a, 1 + d
    return torch.stack([d * v[0] - b * v[1], a * v[1] - c * v[0]]) / (a * d - b * c)


def _paired(z: Tensor) -> Tensor:
    """Sum z (..., n) over both halves of the conjugate pairs, keeping the dimension."""
    return 2 * z.real.sum(-1, keepdim=True)


def _complex_dtype(real: Tensor) -> torch.dtype:
    return torch.complex128 if real.dtype == torch.float64 else torch.complex64


def _parameter(value: Tensor) -> nn.Parameter:
    """Make a parameter of the default dtype with its own memory, from an initial value in float64."""
    return nn.Parameter(value.to(torch.get_default_dtype(), copy=True, memory_format=torch.contiguous_format))
