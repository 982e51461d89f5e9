"""Tensor attention: softmax attention of each position to all pairs of positions, exact and in linear time.

Alman, Song 2024, "How to Capture Higher-Order Correlations? Generalizing Matrix Softmax Attention to Kronecker
Computation", arXiv:2310.04064.

    y_i = sum over j, k of A_ijk v1_j * v2_k / sum over j, k of A_ijk,   A_ijk = exp(sum over c of q_c k1_c k2_c / E)

with q of position i, k1 and v1 of j, k2 and v2 of k; j and k run over the whole sequence, or up to i if causal, and
may be equal. The paper defines no causal form; this is the mask that keeps to the definition's sums.

Approximation: exp(z) is replaced by its Taylor polynomial P_g(z) = sum over t <= g of z^t / t!. A monomial of z is a
product of one factor for each of q, k1 and k2, so that the sums over j and k part:

    P_g(z) = sum over α of w_α q^α k1^α k2^α,   w_α = 1 / (E^|α| α!),   α multi-indices of E with |α| <= g
    sum over j, k of P_g v1_j * v2_k = sum over α of w_α q^α (sum over j of k1_j^α v1_j) * (sum over k of k2_k^α v2_k)

in O(L r E) for the r = binomial(E + g, g) of them, and by running sums if causal. Where all |z| <= R, each weight is
within R^{g+1} e^R / (g+1)! of exp(z): with entries of q, k1 and k2 up to B, R = B^3, and the paper shows that
near-linear time is possible for B = o(cbrt(log L)) and not for larger. An even g keeps all weights positive, P_g
having no real zero.

Positions, heads and initialisation are those of `transformer`; the paper, which trains nothing, has none of them.

Symbols: x input, (B, L, H); q, k1, k2, v1, v2 (B, M, L, E); B batch (elsewhere: bound), L length, H channels, M heads,
E = H / M channels of one head, g `degree`, R bound on |z|.
"""

import functools
import itertools
import math
from collections import Counter

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.utils.checkpoint import checkpoint

from bench_sequence import limits
from bench_sequence.positions import add_positions

QUERIES = 16  # whose weights are held at a time, QUERIES L^2 of them


class TensorAttention(nn.Module):
    """Exact tensor attention, O(L^3) time and O(L^2) memory. `l_max` is not used.

    Raises:
        ValueError: heads does not divide d_model.
    """

    def __init__(self, *, d_model: int, l_max: int, causal: bool, heads: int = 4) -> None:
        super().__init__()
        limits.split(d_model=d_model, heads=heads)
        self.causal = causal
        self.heads = heads
        self.inputs = nn.ModuleDict(
            {name: nn.Linear(d_model, d_model, bias=False) for name in ("query", "key1", "key2", "value1", "value2")}
        )
        self.out = nn.Linear(d_model, d_model, bias=False)
        for projection in (*self.inputs.values(), self.out):
            nn.init.xavier_uniform_(projection.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        return self._merge(tensor_attention(*self._project(add_positions(x)), causal=self.causal))

    def step(self, x: Tensor, state: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """Map the next input, (B, H), to its output; the state is k1, k2, v1, v2 so far, each (B, M, t, E).

        Raises:
            ValueError: the layer is bidirectional.
        """
        if not self.causal:
            raise ValueError("step needs a layer built with causal=True")
        t = 0 if state is None else state[0].shape[2]
        q, *state_t = self._project(add_positions(x[:, None], start=t))
        if state is not None:
            state_t = [torch.cat(pair, dim=2) for pair in zip(state, state_t, strict=True)]
        return self._merge(tensor_attention(q, *state_t, causal=False))[:, 0], state_t

    def _project(self, u: Tensor) -> list[Tensor]:
        """Return q, k1, k2, v1, v2, each (B, M, L, E), of u, (B, L, H)."""
        return [projection(u).unflatten(-1, (self.heads, -1)).transpose(1, 2) for projection in self.inputs.values()]

    def _merge(self, y: Tensor) -> Tensor:
        """Return the layer's output, (B, L, H), from that of its heads, (B, M, L, E)."""
        return self.out(y.transpose(1, 2).flatten(2))


class PolynomialTensorAttention(TensorAttention):
    """Tensor attention with exp replaced by its Taylor polynomial of even degree g, O(L) time. `l_max` is not used.

    Heads have four channels each by default, which for g = 4 makes r = 70; r grows as E^g.

    Raises:
        ValueError: degree is odd or less than two, or heads does not divide d_model.
    """

    def __init__(self, *, d_model: int, l_max: int, causal: bool, heads: int | None = None, degree: int = 4) -> None:
        limits.polynomial(d_model=d_model, heads=heads, degree=degree)
        heads = max(d_model // 4, 1) if heads is None else heads
        super().__init__(d_model=d_model, l_max=l_max, causal=causal, heads=heads)
        self.degree = degree

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        inputs = self._project(add_positions(x))
        return self._merge(polynomial_tensor_attention(*inputs, causal=self.causal, degree=self.degree))

    def step(
        self, x: Tensor, state: tuple[Tensor, Tensor, int] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor, int]]:
        """Map the next input, (B, H), to its output; the state is both sums, (B, M, r, E + 1), and the position.

        Raises:
            ValueError: the layer is bidirectional.
        """
        if not self.causal:
            raise ValueError("step needs a layer built with causal=True")
        t = 0 if state is None else state[2]
        q, k1, k2, v1, v2 = self._project(add_positions(x[:, None], start=t))
        S1, S2 = (monomials(k, self.degree).transpose(-1, -2) @ _with_one(v) for k, v in ((k1, v1), (k2, v2)))
        if state is not None:
            S1, S2 = state[0] + S1, state[1] + S2
        y = _ratio((monomials(q, self.degree) * _weights(q, self.degree)) @ (S1 * S2))
        return self._merge(y)[:, 0], (S1, S2, t + 1)


def tensor_attention(q: Tensor, k1: Tensor, k2: Tensor, v1: Tensor, v2: Tensor, *, causal: bool) -> Tensor:
    """Return y, (..., Q, E), for queries (..., Q, E) and keys and values (..., L, E); causal needs Q = L.

    Weights are made, and made again for gradients, for QUERIES queries at a time.
    """
    outputs = []
    for start in range(0, q.shape[-2], QUERIES):
        end = min(start + QUERIES, q.shape[-2])
        seen = end if causal else k1.shape[-2]
        tensors = (q[..., start:end, :], *(a[..., :seen, :] for a in (k1, k2, v1, v2)))
        outputs.append(checkpoint(_attend, *tensors, start if causal else None, use_reentrant=False))
    return torch.cat(outputs, dim=-2)


def _attend(q: Tensor, k1: Tensor, k2: Tensor, v1: Tensor, v2: Tensor, start: int | None) -> Tensor:
    """Return y of some queries; with a start, query number i sees the keys up to start + i."""
    pairs = q[..., :, None, :] * k1[..., None, :, :] / q.shape[-1]  # (..., Q, L, E)
    logits = pairs @ k2[..., None, :, :].transpose(-1, -2)  # (..., Q, L, L)
    if start is not None:
        last = start + torch.arange(q.shape[-2], device=q.device)[:, None]
        hidden = torch.arange(k1.shape[-2], device=q.device) > last  # (Q, L)
        logits = logits.masked_fill(hidden[:, :, None] | hidden[:, None, :], -math.inf)
    A = logits.flatten(-2).softmax(-1).unflatten(-1, logits.shape[-2:])
    return ((A @ v2[..., None, :, :]) * v1[..., None, :, :]).sum(-2)


def polynomial_tensor_attention(
    q: Tensor, k1: Tensor, k2: Tensor, v1: Tensor, v2: Tensor, *, causal: bool, degree: int
) -> Tensor:
    """Return the approximation of y, (..., L, E), by monomials up to `degree`."""
    U = monomials(q, degree) * _weights(q, degree)  # (..., L, r)
    (U1, V1), (U2, V2) = ((monomials(k, degree), _with_one(v)) for k, v in ((k1, v1), (k2, v2)))
    if causal:
        S1, S2 = (torch.einsum("...lr,...le->...lre", U, V).cumsum(-3) for U, V in ((U1, V1), (U2, V2)))
        return _ratio(torch.einsum("...lr,...lre->...le", U, S1 * S2))
    return _ratio(U @ ((U1.transpose(-1, -2) @ V1) * (U2.transpose(-1, -2) @ V2)))


def monomials(x: Tensor, degree: int) -> Tensor:
    """Return x^α for all multi-indices of at most that degree, (..., r), of x, (..., E), the lowest degrees first."""
    levels = [torch.ones_like(x[..., :1])]
    for parents, channels in _extensions(x.shape[-1], degree):
        levels.append(levels[-1][..., parents] * x[..., channels])
    return torch.cat(levels, dim=-1)


@functools.cache
def _multi_indices(E: int, t: int) -> list[tuple[int, ...]]:
    """Return the multi-indices of degree t as the channels that they multiply, in ascending order."""
    return list(itertools.combinations_with_replacement(range(E), t))


@functools.cache
def _extensions(E: int, degree: int) -> list[tuple[list[int], list[int]]]:
    """Return, for each degree from one, which monomial one lower and which channel make each monomial."""
    levels = []
    for t in range(1, degree + 1):
        lower = {channels: i for i, channels in enumerate(_multi_indices(E, t - 1))}
        monomials_t = _multi_indices(E, t)
        levels.append(([lower[c[:-1]] for c in monomials_t], [c[-1] for c in monomials_t]))
    return levels


def _weights(x: Tensor, degree: int) -> Tensor:
    """Return w_α, (r,), in the order of `monomials`, in the type of x, (..., E)."""
    E = x.shape[-1]
    weights = [
        1 / (E**t * math.prod(math.factorial(power) for power in Counter(channels).values()))
        for t in range(degree + 1)
        for channels in _multi_indices(E, t)
    ]
    return x.new_tensor(weights)


def _with_one(v: Tensor) -> Tensor:
    """Return values with a channel of ones, whose weighted sum is the denominator: (..., E + 1)."""
    return pad(v, (0, 1), value=1.0)


def _ratio(sums: Tensor) -> Tensor:
    """Return y, (..., E), from the sums of `_with_one`."""
    return sums[..., :-1] / sums[..., -1:]
