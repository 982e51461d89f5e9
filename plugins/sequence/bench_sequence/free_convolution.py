"""Free convolution: a long convolution whose kernel is not parameterised at all, one weight per channel and lag.

The null that every structured kernel (S4, S4D, SGConv, ...) has to beat: it can represent all of theirs up to lag
l_max, and has no prior among them.

    y_t = sum over j = 0..l_max-1 of K_j u_{t-j} + D u_t                       (causal)
        + sum over j = 0..l_max-1 of K'_j u_{t+1+j}                             (bidirectional adds this)

Symbols: u input, (B, L, H); K, K' kernels, (H, l_max); D skip, (H,); B batch, L length, H channels.
"""

import torch
from torch import Tensor, nn

from bench_sequence.convolution import causal_convolution, two_sided_convolution


class FreeConvolution(nn.Module):
    """A convolution with free taps, all N(0, 1/l_max), and a skip D ~ N(0, 1); lags from l_max on are never seen.

    With that scale each channel's kernel has a norm of about one, as SGConv's has by construction. The free kernel in
    S4's released code is smaller by another sqrt(H), and exempt from weight decay; this one has no optimiser settings
    of its own.

    Raises:
        ValueError: l_max is less than one.
    """

    def __init__(self, *, d_model: int, l_max: int, causal: bool) -> None:
        super().__init__()
        if l_max < 1:
            raise ValueError(f"the kernel needs at least one tap, but l_max is {l_max}")
        self.causal = causal
        directions = 1 if causal else 2
        self.kernel = nn.Parameter(torch.randn(directions, d_model, l_max) / l_max**0.5)
        self.D = nn.Parameter(torch.randn(d_model))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        if self.causal:
            y = causal_convolution(x, self.kernel[0])
        else:
            y = two_sided_convolution(x, self.kernel[0], self.kernel[1])
        return y + self.D * x
