"""Linear attention: softmax's exp(q . k) replaced by phi(q) . phi(k), which makes attention a recurrence of fixed size.

Katharopoulos et al. 2020, "Transformers are RNNs", arXiv:2006.16236: equation 7 (phi), 5 and 6 (bidirectional),
8 to 12 (causal), 18 to 20 (recurrence).

    y_t = phi(q_t)^T S_t / (phi(q_t)^T z_t + eps),  S_t = sum over j of phi(k_j) v_j^T,  z_t = sum over j of phi(k_j)
    phi(x) = elu(x) + 1, element by element;  j runs over 0..t if causal, over the whole sequence otherwise

Positions, projections and initialisation are those of `transformer`, so that a comparison of the two is one of
the attention alone. eps = 1e-6 is not in the paper but in its released code; it matters only where a query's features
all vanish.

Symbols: q, k, v queries, keys and values, (B, M, L, E); S, (B, M, E, E); z, (B, M, E); B batch, L length, H channels,
M heads, E = H / M channels of one head; C positions of a chunk.
"""

from torch import Tensor, nn
from torch.nn.functional import elu, pad

from bench_sequence import limits
from bench_sequence.positions import add_positions

EPS = 1e-6
CHUNK = 32


class LinearAttention(nn.Module):
    """Linear attention; `causal=True` attends to the present and the past only. `l_max` is not used.

    Raises:
        ValueError: heads does not divide d_model.
    """

    def __init__(self, *, d_model: int, l_max: int, causal: bool, heads: int = 4) -> None:
        super().__init__()
        limits.split(d_model=d_model, heads=heads)
        self.causal = causal
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d_model, d_model, bias=False) for _ in range(4))
        for projection in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(projection.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        q, k, v = self._project(add_positions(x))
        v1 = pad(v, (0, 1), value=1.0)  # a channel of ones: its weighted sum is the denominator
        sums = _causal_sums(q, k, v1) if self.causal else q @ (k.transpose(-1, -2) @ v1)  # (B, M, L, E + 1)
        return self._merge(sums[..., :-1] / (sums[..., -1:] + EPS))

    def step(
        self, x: Tensor, state: tuple[Tensor, Tensor, int] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor, int]]:
        """Map the next input, (B, H), to its output; the state is (S, z, number of positions so far).

        Raises:
            ValueError: the layer is bidirectional.
        """
        if not self.causal:
            raise ValueError("step needs a layer built with causal=True")
        t = 0 if state is None else state[2]
        q, k, v = self._project(add_positions(x[:, None], start=t))  # (B, M, 1, E)
        S, z = k.transpose(-1, -2) @ v, k[:, :, 0]
        if state is not None:
            S, z = state[0] + S, state[1] + z
        y = (q @ S) / (q @ z[..., None] + EPS)
        return self._merge(y)[:, 0], (S, z, t + 1)

    def _project(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return phi of the queries, phi of the keys, and the values, each (B, M, L, E), of u, (B, L, H)."""
        q, k, v = (
            projection(u).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        return elu(q) + 1, elu(k) + 1, v

    def _merge(self, y: Tensor) -> Tensor:
        """Return the layer's output, (B, L, H), from that of its heads, (B, M, L, E)."""
        return self.out(y.transpose(1, 2).flatten(2))


def _causal_sums(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return sum over j = 0..t of (q_t . k_j) v_j for every t, exactly, in O(L C) time and memory.

    Chunk by chunk: the past chunks through their running sum of k v^T, the present one by masked products.

    Args:
        q, k: features, (B, M, L, E).
        v: values, (B, M, L, V).
    """
    L = q.shape[2]
    fill = -L % CHUNK
    q, k, v = (pad(a, (0, 0, 0, fill)).unflatten(2, (-1, CHUNK)) for a in (q, k, v))  # (B, M, L / C, C, .)
    within = (q @ k.transpose(-1, -2)).tril() @ v
    S = k.transpose(-1, -2) @ v  # (B, M, L / C, E, V), one per chunk
    before = pad(S.cumsum(2), (0, 0, 0, 0, 1, -1))  # of all earlier chunks
    return (within + q @ before).flatten(2, 3)[:, :, :L]
