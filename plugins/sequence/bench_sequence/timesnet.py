"""TimesNet: the sequence folded at its strongest periods into images, and these convolved.

Wu et al. 2023, "TimesNet: Temporal 2D-Variation Modeling for General Time Series Analysis", arXiv:2210.02186,
equations 1 to 6; details from the released code (github.com/thuml/Time-Series-Library, models/TimesNet.py).

    A_f = mean over channels of |rfft(x)_f|, f = 1..floor(L / 2);   f_1..f_k the k largest;   p_i = floor(L / f_i)
    z_i = unfold(conv(gelu(conv(fold(x, p_i)))));   y = x + sum over i of softmax(A_{f_1}, ..., A_{f_k})_i z_i

fold pads x with zeros to rows of p_i positions: columns are places within the period, rows the periods. conv is an
Inception block, the mean of convolutions with kernels of 1 x 1, 3 x 3, ..., (2 K - 1)^2; being linear, that is one
convolution with the mean of the kernels, padded, which is how it is computed here (121 instead of 286 products for K =
6). (The paper rounds p_i up, the code down, which is followed.)

The layer is the TimesBlock with its residual. What surrounds it in TimesNet is the task's and not here: normalisation
of each window, embedding, the extension of the sequence by the horizon, the projection; also one LayerNorm shared by
all blocks, where the backbone has its own. Not causal.

In the released code the mean in A is over the batch as well, so that a prediction depends on the others of its batch;
`periods="batch"` does so. By default each sequence has its own periods, as in the paper's equations, where there is one
sequence.

Symbols: x input, (B, L, H); A amplitudes, (B, floor(L / 2)); p periods; B batch, L length, H channels, k `top_k`, K
`kernels`; F `d_ff`, channels between the two convolutions.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, gelu, pad

from bench_sequence import limits
from harness import Skip


class TimesNet(nn.Module):
    """A TimesBlock, with the scripts' top_k and kernels, and the d_ff that most of them have. `l_max` is not used.

    Raises:
        Skip: causal is True.
        ValueError: top_k, kernels or d_ff is less than one, or periods is none of the two.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        top_k: int = 5,
        kernels: int = 6,
        d_ff: int = 32,
        periods: Literal["sequence", "batch"] = "sequence",
    ) -> None:
        super().__init__()
        if causal:
            raise Skip("TimesNet finds periods in the whole sequence: it has no causal form")
        limits.timesnet(top_k=top_k, kernels=kernels, d_ff=d_ff)
        if periods not in ("sequence", "batch"):
            raise ValueError(f"periods must be sequence or batch, but is {periods}")
        self.top_k = top_k
        self.periods = periods
        self.widen, self.narrow = Inception(d_model, d_ff, kernels), Inception(d_ff, d_model, kernels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        periods, amplitudes = self.strongest_periods(x)
        weights = amplitudes.softmax(dim=1).to(x.dtype)  # (B, k)
        kernels = self.widen.merged(), self.narrow.merged()
        y = x
        for period in periods.unique().tolist():
            chosen = (periods == period) * weights  # (B, k)
            rows = chosen.any(dim=1).nonzero()[:, 0]
            z = _vary(x[rows], period, *kernels) * chosen.sum(dim=1)[rows, None, None]
            y = y.index_add(0, rows, z)
        return y

    def strongest_periods(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the periods, integers, and their amplitudes, both (B, k); a single position is its own period."""
        B, L, _ = x.shape
        if L == 1:
            return torch.ones(B, 1, dtype=torch.long, device=x.device), x.new_zeros(B, 1)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # half-precision types have no transform on the CPU
        amplitudes = torch.fft.rfft(wide, dim=1).abs().mean(-1)[:, 1:]  # (B, floor(L / 2)), from frequency one
        ranked = amplitudes.mean(0, keepdim=True).expand(B, -1) if self.periods == "batch" else amplitudes
        top = ranked.topk(min(self.top_k, L // 2), dim=1).indices
        return L // (top + 1), amplitudes.gather(1, top)


Kernel = tuple[Tensor, Tensor]  # (outputs, inputs, 2 K - 1, 2 K - 1) and bias, (outputs,)


class Inception(nn.Module):
    """The mean of `kernels` convolutions of 1 x 1, 3 x 3, ...: (B, inputs, rows, columns) to (B, outputs, ...)."""

    def __init__(self, inputs: int, outputs: int, kernels: int) -> None:
        super().__init__()
        self.weights = nn.ParameterList(torch.empty(outputs, inputs, 2 * i + 1, 2 * i + 1) for i in range(kernels))
        for weight in self.weights:
            nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
        self.bias = nn.Parameter(torch.zeros(kernels, outputs))

    def merged(self) -> Kernel:
        """Return the one kernel and bias that do the same as all of them."""
        reach = len(self.weights) - 1
        weight = sum(pad(weight, (reach - i,) * 4) for i, weight in enumerate(self.weights)) / len(self.weights)
        return weight, self.bias.mean(0)


def convolved(image: Tensor, kernel: Kernel) -> Tensor:
    """Convolve (B, inputs, rows, columns) with a merged kernel; zeros are around the image."""
    weight, bias = kernel
    return conv2d(image, weight, bias, padding=weight.shape[-1] // 2)


def _vary(x: Tensor, period: int, widen: Kernel, narrow: Kernel) -> Tensor:
    """Return unfold(conv(gelu(conv(fold(x))))), (B, L, H)."""
    L = x.shape[1]
    image = pad(x, (0, 0, 0, -L % period)).unflatten(1, (-1, period)).permute(0, 3, 1, 2)  # (B, H, rows, period)
    image = convolved(gelu(convolved(image, widen)), narrow)
    return image.permute(0, 2, 3, 1).flatten(1, 2)[:, :L]
