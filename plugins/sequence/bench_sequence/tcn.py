"""TCN: a dilated convolutional network, residual blocks of causal convolutions whose reach doubles from block to block.

Bai, Kolter, Koltun 2018, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence
Modeling", arXiv:1803.01271, section 3 and figure 1; details from the released code (github.com/locuslab/TCN).

    block i = 0..n-1, dilation 2^i:   h_{i+1} = relu(h_i + g(h_i)),  g = two of [convolution, relu, dropout]
    convolution:   y_t = b + sum over j = 0..k-1 of W_j u_{t - (k-1-j) 2^i},   W = gain * direction / |direction|

With n blocks an output reaches 2 (k - 1)(2^n - 1) positions back, so that few blocks cover a long sequence, which the
paper asks for. `causal=False` centres each convolution on its output, which then reaches half as far either way.

Weights start as torch's do. The released code draws N(0, 0.01^2) instead, but to no effect: weight normalisation, set
up before, puts them back at the first call. Dropout is spatial, as in the paper: it takes whole channels.

Symbols: x = h_0 input, (B, L, H); W_j taps, (H, H); b bias, (H,); gain, (H, 1, 1); direction, (H, H, k), its norm
per output channel; B batch, L length, H channels, k `kernel_size`, n `blocks`.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu
from torch.nn.utils.parametrizations import weight_norm

from bench_sequence import limits


class TCN(nn.Module):
    """A stack of residual blocks; `blocks=None` takes as few as reach over l_max positions.

    Raises:
        ValueError: kernel_size is less than two, or even where causal is False; or blocks is less than one.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        kernel_size: int = 3,
        blocks: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        limits.tcn(kernel_size=kernel_size, blocks=blocks, dropout=dropout, causal=causal)
        self.causal = causal
        self.dropout = nn.Dropout1d(dropout)
        n = fewest_blocks(l_max, kernel_size, causal) if blocks is None else blocks
        self.convolutions = nn.ModuleList(
            weight_norm(nn.Conv1d(d_model, d_model, kernel_size, dilation=2**i)) for i in range(n) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        h = x.transpose(1, 2)
        for first, second in self._blocks():
            g = self._convolve(second, self._convolve(first, h))
            h = relu(h + g)
        return h.transpose(1, 2)

    def step(self, x: Tensor, state: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """Map the next input, (B, H), to its output; the state is what each convolution still needs of its past.

        That is one tensor (B, H, (k - 1) 2^i) for each of the 2 n convolutions.

        Raises:
            ValueError: the layer is not causal.
        """
        if not self.causal:
            raise ValueError("step needs a layer built with causal=True")
        pasts = iter([None] * len(self.convolutions) if state is None else state)
        h, state = x[:, :, None], []
        for block in self._blocks():
            g = h
            for convolution in block:
                g, past = self._convolve_next(convolution, g, next(pasts))
                state.append(past)
            h = relu(h + g)
        return h[:, :, 0], state

    def _blocks(self) -> list[tuple[nn.Conv1d, nn.Conv1d]]:
        return list(zip(self.convolutions[::2], self.convolutions[1::2], strict=True))

    def _convolve(self, convolution: nn.Conv1d, u: Tensor) -> Tensor:
        """Return dropout(relu(convolution)) of u, (B, H, L), as long as u."""
        reach = _reach(convolution)
        before = reach if self.causal else reach // 2
        return self.dropout(relu(convolution(pad(u, (before, reach - before)))))

    def _convolve_next(self, convolution: nn.Conv1d, u: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the same for the next position alone, (B, H, 1), and the past for the one after it."""
        if past is None:
            past = u.new_zeros(*u.shape[:2], _reach(convolution))
        window = torch.cat((past, u), dim=2)
        return self.dropout(relu(convolution(window))), window[:, :, 1:]


def fewest_blocks(length: int, kernel_size: int, causal: bool) -> int:
    """Return the fewest blocks with which the first of `length` positions reaches the last output."""
    reach = (2 if causal else 1) * (kernel_size - 1)  # of the first block; that of n blocks is 2^n - 1 times as far
    blocks = 1
    while reach * (2**blocks - 1) < length - 1:
        blocks += 1
    return blocks


def _reach(convolution: nn.Conv1d) -> int:
    """Return how many positions before the newest one a convolution sees."""
    return (convolution.kernel_size[0] - 1) * convolution.dilation[0]
