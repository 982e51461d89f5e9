"""LSTM: the recurrent baseline, whose state is a non-linear function of the past.

Hochreiter & Schmidhuber 1997, "Long Short-Term Memory", Neural Computation 9(8), in the form that `torch.nn.LSTM`
computes and everybody means today: with the forget gate of Gers et al. 2000, which the 1997 paper does not have,
and without peepholes.

    i, f, o = sigmoid(W_i x + U_i h + b_i), ... ;  g = tanh(W_g x + U_g h + b_g)
    c <- f * c + i * g ;  h <- o * tanh(c) ;  y = h

Symbols: x input, (B, H); h output and c cell, (B, H); i, f, o, g gates and candidate, (B, H); B batch, H channels.
"""

from torch import Tensor, nn

from bench_sequence import limits


class LSTM(nn.Module):
    """One LSTM layer; `causal=False` concatenates two directions of d_model / 2 units each.

    Weights start as torch's do, uniform within 1/sqrt(units), the forget gate's bias included. `l_max` is not used.

    Raises:
        ValueError: d_model is odd and causal is False.
    """

    def __init__(self, *, d_model: int, l_max: int, causal: bool) -> None:
        super().__init__()
        limits.halves(d_model=d_model, causal=causal)
        self.causal = causal
        units = d_model if causal else d_model // 2
        self.lstm = nn.LSTM(d_model, units, batch_first=True, bidirectional=not causal)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        return self.lstm(x)[0]

    def step(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Map the next input, (B, H), to its output; the state is (h, c), each (1, B, H).

        Raises:
            ValueError: the layer is bidirectional.
        """
        if not self.causal:
            raise ValueError("step needs a layer built with causal=True")
        y, state = self.lstm(x[:, None], state)
        return y[:, 0], state
