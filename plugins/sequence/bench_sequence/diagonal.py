"""The layer of all state-space models with one diagonal system per channel; S4D and S4-PTD differ in where it starts.

Gu, Gupta, Goel and Ré, On the Parameterization and Initialization of Diagonal State Space Models (NeurIPS 2022,
arXiv 2206.11893); the softmax normalisation is that of Gupta, Gu and Berant, DSS (NeurIPS 2022, arXiv 2203.14343).

    x' = Λ x + B u,  y = 2 Re(C x) + D u                        kernel K_l = 2 Re Σ_n C_n B̄_n Ā_n^l
    zoh        Ā = e^{ΔΛ},                       B̄ = (e^{ΔΛ} − 1)/Λ B
    bilinear   Ā = (1 + ΔΛ/2)/(1 − ΔΛ/2),        B̄ = Δ B/(1 − ΔΛ/2)
    dss        K_l = Re Σ_n C_n B_n/Λ_n e^{lΔΛ_n} / Σ_{r<L} e^{rΔΛ_n}, which depends on L and so is no recurrence

Symbols: B batch, L length, H channels (d_model), N state size, n = N/2 stored conjugate pairs, c = 1 kernel per channel
or 2 if bidirectional, S independent copies of (Λ, B) (n_ssm).
    Λ, B  (S, n) complex    C  (c, H, n) complex    Ā, B̄  (H, n) complex    D, Δ  (H,) real    K  (c, H, L)
"""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from bench_sequence.convolution import causal_convolution, two_sided_convolution
from bench_sequence.scan import in_chunks, linear_scan

Discretization = Literal["zoh", "bilinear", "dss"]
RealTransform = Literal["exp", "softplus", "relu", "none"]
Path = Literal["convolution", "scan"]

CHUNK = 256  # positions whose states, or whose powers of Ā, exist at once
MIN_DECAY = 1e-4  # what the transform "relu" adds


class DiagonalSSM(nn.Module):
    """Diagonal state-space convolution plus D u.

    Args:
        Lambda, B: the system at the start, (S, n) complex128; S has to divide d_model, neighbouring channels share one.
        d_model, causal: as all mixers; causal=False adds a second kernel, with the same Λ, B and Δ, that runs
            backwards from lag one.
        discretization: as at the top of this file.
        real_transform: −Re Λ is this function of its parameter: exp, softplus, relu (plus 1e-4) or the parameter
            itself, under which Λ can become unstable.
        real_state: Λ, B and C are real; their imaginary parts are dropped.
        train_b: B is trained; only C B matters to the output.
        path: the output by convolution with K, or by a parallel scan of the states: O(L log L) against O(L N).
        dt_min, dt_max: Δ starts log-uniform between them.

    ValueError if one of them is out of range, or for "dss" by scan.
    """

    def __init__(
        self,
        Lambda: Tensor,
        B: Tensor,
        *,
        d_model: int,
        causal: bool,
        discretization: Discretization,
        real_transform: RealTransform,
        real_state: bool,
        train_b: bool,
        path: Path,
        dt_min: float,
        dt_max: float,
    ) -> None:
        super().__init__()
        if discretization not in ("zoh", "bilinear", "dss"):
            raise ValueError(f"discretization must be zoh, bilinear or dss, got {discretization!r}")
        if path not in ("convolution", "scan"):
            raise ValueError(f"path must be convolution or scan, got {path!r}")
        self.causal, self.copies = causal, d_model // len(Lambda)
        self.discretization, self.real_transform, self.path = discretization, real_transform, path

        self.decay = _parameter(_untransformed(-Lambda.real, real_transform))
        C = torch.randn(1 if causal else 2, d_model, Lambda.shape[1], dtype=torch.complex128)  # unit variance
        if real_state:
            B, C = B.real, C.real * math.sqrt(2)
        else:
            self.imag = _parameter(Lambda.imag)
            B, C = torch.view_as_real(B), torch.view_as_real(C)
        self.C = _parameter(C)
        if train_b:
            self.B = _parameter(B)
        else:
            self.register_buffer("B", _parameter(B).detach())
        self.real_state = real_state
        log_dt = torch.rand(d_model, dtype=torch.float64) * math.log(dt_max / dt_min) + math.log(dt_min)
        self.log_dt = _parameter(log_dt)
        self.D = _parameter(torch.randn(d_model))

    def forward(
        self, u: Tensor, state: Tensor | None = None, *, rate: float = 1.0, return_state: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Map u (B, L, H) to y (B, L, H), for any L; with `return_state`, to y and the state after the last position.

        Args:
            u: inputs.
            state: the state before the first position, (B, H, n), from here or from `step`; None for zero.
            rate: samples of u are this many times as far apart in time as in training.
            return_state: also return the state.

        Raises:
            ValueError: a state is asked of or given to a layer that has none, being bidirectional or "dss".
        """
        if state is not None or return_state:
            self._needs_state("a state")
        if self.path == "scan":
            y, last = self._scanned(u, state, rate)
        else:
            K = self.kernel(u.shape[1], rate)
            y = causal_convolution(u, K[0]) if self.causal else two_sided_convolution(u, K[0], K[1])
            if state is not None:
                y = y + self._response(state, u.shape[1], rate)
            last = self._carried(state, u, rate) if return_state else None
        y = y + self.D * u
        return (y, last) if return_state else y

    def kernel(self, length: int, rate: float = 1.0) -> Tensor:
        """Return K (c, H, length); ValueError if `rate` is not positive."""
        if self.discretization == "dss":
            return self._softmax_kernel(length, rate)
        Abar, Bbar = self.discretised(rate)
        return 2 * _vandermonde(self._output(), Bbar, Abar, length)

    def step(self, u: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map one input u (B, H) to y (B, H) and the next state x (B, H, n) complex; `state` None means zero.

        ValueError if the layer has no state, being bidirectional or "dss".
        """
        self._needs_state("step")
        C = self._output()[0]
        Abar, Bbar = (z.to(C.dtype) for z in self.discretised())
        x = Bbar * u[..., None] if state is None else Abar * state + Bbar * u[..., None]
        return 2 * (C * x).real.sum(-1) + self.D * u, x

    def system(self, rate: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        """Return Λ and B for each channel, (H, n) complex128, and Δ (H, 1), `rate` times as long."""
        if not rate > 0:
            raise ValueError(f"rate must be positive, got {rate}")
        real = -_transformed(self.decay.double(), self.real_transform)
        Lambda = torch.complex(real, torch.zeros_like(real) if self.real_state else self.imag.double())
        B = self.B.double().to(Lambda.dtype) if self.real_state else torch.view_as_complex(self.B.double())
        Lambda, B = torch.stack([Lambda, B]).repeat_interleave(self.copies, dim=1)
        return Lambda, B, rate * torch.exp(self.log_dt.double())[:, None]

    def discretised(self, rate: float = 1.0) -> tuple[Tensor, Tensor]:
        """Return Ā and B̄ of "zoh" and "bilinear", (H, n), computed in complex128, which keeps long phases."""
        Lambda, B, dt = self.system(rate)
        if self.discretization == "zoh":
            return torch.exp(dt * Lambda), torch.expm1(dt * Lambda) / Lambda * B
        half = dt * Lambda / 2
        return (1 + half) / (1 - half), dt * B / (1 - half)

    def param_groups(self) -> list[dict[str, Any]]:
        """Return Λ, B and Δ, where they are trained, as the group with a small learning rate and no weight decay."""
        names = {"decay", "imag", "B", "log_dt"}
        ssm = [parameter for name, parameter in self.named_parameters() if name in names]
        return [{"params": ssm, "max_lr": 1e-3, "weight_decay": 0.0}]

    def _output(self) -> Tensor:
        if self.real_state:
            return torch.complex(self.C, torch.zeros_like(self.C))
        return torch.view_as_complex(self.C)

    def _needs_state(self, what: str) -> None:
        if not self.causal:
            raise ValueError(f"{what} needs causal=True: a bidirectional output depends on later inputs")
        if self.discretization == "dss":
            raise ValueError(f"{what} needs another discretization than dss, whose kernel depends on the length")

    def _softmax_kernel(self, length: int, rate: float) -> Tensor:
        """Return K of "dss". Where Re Λ > 0 the powers run from the last tap back, so that none exceeds one."""
        Lambda, B, dt = self.system(rate)
        growing = Lambda.real > 0
        z = torch.where(growing, -dt * Lambda, dt * Lambda)
        weights = B / Lambda * torch.expm1(z) / torch.expm1(length * z)
        zero = torch.zeros_like(weights)
        K = _vandermonde(self._output(), torch.where(growing, zero, weights), torch.exp(z), length)
        if growing.any():
            K = K + _vandermonde(self._output(), torch.where(growing, weights, zero), torch.exp(z), length).flip(-1)
        return K

    def _scanned(self, u: Tensor, state: Tensor | None, rate: float) -> tuple[Tensor, Tensor]:
        """Return the output less D u, (B, L, H), and the last state, by scans in both directions."""
        C = self._output()
        Abar, Bbar = (z.to(C.dtype) for z in self.discretised(rate))

        def advance(C: Tensor, x: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
            states = linear_scan(Abar[None, None], Bbar * u[..., None], x)
            return 2 * torch.einsum("hn,blhn->blh", C, states).real, states[:, -1]

        zero = C.new_zeros(len(u), *Abar.shape)
        y, last = in_chunks(lambda x, u: advance(C[0], x, u), zero if state is None else state, (u,), CHUNK)
        if not self.causal:
            back, _ = in_chunks(lambda x, u: advance(C[1], x, u), zero, (u.flip(1),), CHUNK)
            y = y + nn.functional.pad(back.flip(1)[:, 1:], (0, 0, 0, 1))
        return y, last

    def _carried(self, state: Tensor | None, u: Tensor, rate: float) -> Tensor:
        """Return the state after the inputs u (B, L, H), in C's type."""
        Abar, Bbar = self.discretised(rate)
        x = Abar.new_zeros(len(u), *Abar.shape) if state is None else state.to(Abar.dtype)
        powers = _powers(Abar, min(CHUNK, u.shape[1]) + 1)
        for part in u.to(Abar.dtype).split(CHUNK, dim=1):
            T = part.shape[1]
            x = powers[..., T] * x + Bbar * torch.einsum("hnt,bth->bhn", powers[..., :T].flip(-1), part)
        return x.to(self._output().dtype)

    def _response(self, state: Tensor, length: int, rate: float) -> Tensor:
        """Return 2 Re C Ā^{t+1} x for t < length, (B, length, H): what the state before the first position adds."""
        Abar, _ = self.discretised(rate)
        x, parts = state.to(Abar.dtype), []
        powers = _powers(Abar, min(CHUNK, length) + 1)
        for start in range(0, length, CHUNK):
            T = min(CHUNK, length - start)
            parts.append(2 * torch.einsum("hnt,bhn->bth", powers[..., 1 : T + 1], self._output()[0] * x).real)
            x = powers[..., T] * x
        return torch.cat(parts, dim=1).to(self.D.dtype)


def _vandermonde(C: Tensor, B: Tensor, A: Tensor, length: int) -> Tensor:
    """Return Re Σ_n C_n B_n A_n^l for l < length, (c, H, length); the powers l = r s + q are factored.

    With s about √L the (H, n, L) matrix is never formed, and its two factors are cheap enough for complex128, which
    keeps the phases of high powers.
    """
    s = math.isqrt(length - 1) + 1
    coarse = B[..., None] * _powers(A**s, -(-length // s))  # (H, n, L/s)
    K = torch.einsum("chn,hnr,hnq->chrq", C, coarse.to(C.dtype), _powers(A, s).to(C.dtype)).real
    return K.flatten(-2)[..., :length]


def _powers(z: Tensor, count: int) -> Tensor:
    """Return z^0, ..., z^(count − 1) along a new last dimension."""
    powers, z = torch.ones_like(z[..., None]), z[..., None]
    while powers.shape[-1] < count:
        powers, z = torch.cat([powers, powers * z], dim=-1), z * z
    return powers[..., :count]


def _transformed(decay: Tensor, transform: RealTransform) -> Tensor:
    if transform == "exp":
        return torch.exp(decay)
    if transform == "softplus":
        return nn.functional.softplus(decay)
    if transform == "relu":
        return torch.relu(decay) + MIN_DECAY
    return decay


def _untransformed(value: Tensor, transform: RealTransform) -> Tensor:
    """Return the parameter that `_transformed` makes `value` of; ValueError if there is no such transform."""
    if transform == "exp":
        return torch.log(value)
    if transform == "softplus":
        return value + torch.log(-torch.expm1(-value))
    if transform == "relu":
        return value - MIN_DECAY
    if transform == "none":
        return value
    raise ValueError(f"real_transform must be exp, softplus, relu or none, got {transform!r}")


def _parameter(value: Tensor) -> nn.Parameter:
    """Make a parameter of the default dtype with its own memory, from an initial value in float64."""
    return nn.Parameter(value.to(torch.get_default_dtype(), copy=True, memory_format=torch.contiguous_format))
