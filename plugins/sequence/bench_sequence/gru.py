"""GRU: the recurrent baseline with the fewest gates.

Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation",
arXiv:1406.1078, equations 5 to 8, in the form that `torch.nn.GRU` computes and everybody means today: with biases,
which the paper leaves out, and with the reset gate applied to U h + b rather than to h before the product.

    r, z = sigmoid(W_r x + U_r h + b_r), sigmoid(W_z x + U_z h + b_z)
    n = tanh(W_n x + a_n + r * (U_n h + b_n)) ;  h <- z * h + (1 - z) * n ;  y = h

Symbols: x input, (B, H); h output, (B, H); r, z reset and update gates, n candidate, (B, H); B batch, H channels.
"""

from torch import Tensor, nn

from bench_sequence import limits


class GRU(nn.Module):
    """One GRU layer; `causal=False` concatenates two directions of d_model / 2 units each.

    Weights start as torch's do, uniform within 1/sqrt(units). `l_max` is not used.

    Raises:
        ValueError: d_model is odd and causal is False.
    """

    def __init__(self, *, d_model: int, l_max: int, causal: bool) -> None:
        super().__init__()
        limits.halves(d_model=d_model, causal=causal)
        self.causal = causal
        units = d_model if causal else d_model // 2
        self.gru = nn.GRU(d_model, units, batch_first=True, bidirectional=not causal)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        return self.gru(x)[0]

    def step(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map the next input, (B, H), to its output; the state is h, (1, B, H).

        Raises:
            ValueError: the layer is bidirectional.
        """
        if not self.causal:
            raise ValueError("step needs a layer built with causal=True")
        y, state = self.gru(x[:, None], state)
        return y[:, 0], state
