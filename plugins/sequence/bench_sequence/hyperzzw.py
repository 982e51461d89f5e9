"""HyperZ·Z·W: kernels drawn by slow networks, multiplied by the input to become its weights; ten branches of that.

Zhang 2024, "HyperZ·Z·W Operator Connects Slow-Fast Networks for Full Context Interaction", arXiv:2401.17948; details
from the code that the author released and later withdrew (hyperevolnet/Terminator, models/modules).

The layer is the multi-branch part of the paper's SFNE block, on the sequence laid out row by row as a square image;
for pixels in reading order that is the image itself. Places beyond the sequence's end are zero. With K_g a kernel of
the image's size, @ the matrix product of rows and columns in every channel, IS standardisation, * elementwise products:

    Ŵ = K_g * x                                     the operator's first half: weights that depend on the context
    m = IS(M x),  h = IS(c * x),  f = IS(rgu'(Ŵ) + rgu(x))
    g = Ŵ @ f,  Ŵ @ m,  Ŵ @ h,  sigmoid(g) * g,  f  five global branches
    gelu(BS(N (K_l(z) conv x'))) + bias             four local ones, K_l of 3, 9, 5, 7 squared, see `LocalBranch`
    sigmoid(c' * s) * x                             hyper interaction, see `channel_scores`, `space_scores`
    y = W [all ten] + b                             the bottleneck, 1 x 1

Not here: the block's group-wise standardisation (its file is lost), activation and dropout, for which the backbone has
its own; the Terminator around it, whose model file and optimiser are lost as well; the slow neural loss, since a mixer
has none. The paper's one-dimensional form was never released. `omega_0` scales the slow networks' frequencies; the
released value is lost with the configuration's code. Biases that a standardisation takes away at once are left out.

In the released layer, local kernels come from the mean over the batch and BS standardises over it, at test time too, so
that outputs depend on the others of the batch; `coupling="batch"` does so. By default every sequence is a batch of its
own. Not causal.

Symbols: x input, (B, L, H) and (B, H, S, S) as an image; B batch, L length, H channels, S = ceil(sqrt(l_max)).
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Gamma
from torch.nn.functional import adaptive_avg_pool2d, conv2d, gelu, normalize, pad

from harness import Skip

EPS = 1e-5  # of standardisation
ALPHA, BETA = 1.0, 0.1  # of the local kernels' renormalisation; the released code does not train them


class HyperZZW(nn.Module):
    """The multi-branch layer of hyper-kernels.

    Raises:
        Skip: causal is True.
        ValueError: coupling is none of the two; or, when called, the sequence is longer than l_max.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        omega_0: float = 1.0,
        coupling: Literal["sequence", "batch"] = "sequence",
    ) -> None:
        super().__init__()
        if causal:
            raise Skip("HyperZZW sees the whole sequence: it has no causal form")
        if coupling not in ("sequence", "batch"):
            raise ValueError(f"coupling must be sequence or batch, but is {coupling}")
        self.l_max = l_max
        self.side = math.isqrt(l_max - 1) + 1
        plane, channels = _grid(self.side, 2), _grid(d_model, 1)
        self.global_kernel = SlowNetwork(plane, d_model, hidden=64, omega_0=omega_0)
        self.gate_kernel = SlowNetwork(channels, 1, hidden=32, omega_0=omega_0)
        self.interaction_channels = SlowNetwork(channels, 1, hidden=16, omega_0=omega_0)
        self.interaction_places = SlowNetwork(plane, 1, hidden=64, omega_0=omega_0)
        self.mix = _pointwise(d_model, d_model, nn.init.kaiming_normal_, bias=False)
        self.rgu, self.rgu_weights = RecursiveGatedUnit(d_model, self.side), RecursiveGatedUnit(d_model, self.side)
        self.local = nn.ModuleList(LocalBranch(d_model, k, omega_0, coupling == "batch") for k in (3, 9, 5, 7))
        self.bottleneck = _pointwise(10 * d_model, d_model, nn.init.kaiming_normal_)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        length = x.shape[1]
        if length > self.l_max:
            raise ValueError(f"the kernels are made for up to {self.l_max} positions, but there are {length}")
        image = pad(x, (0, 0, 0, self.side**2 - length)).transpose(1, 2).unflatten(2, (self.side, self.side))
        return self.bottleneck(torch.cat(self.branches(image), dim=1)).flatten(2).transpose(1, 2)[:, :length]

    def branches(self, x: Tensor) -> list[Tensor]:
        """Return the ten branches, each (B, H, S, S), of an image, (B, H, S, S)."""
        W = self.global_kernel().T.unflatten(1, (self.side, self.side)) * x
        m = standardised(self.mix(x))
        h = standardised(torch.sigmoid(channel_scores(x, self.gate_kernel())) * x)
        f = standardised(self.rgu_weights(W) + self.rgu(x))
        g = W @ f
        l1, l2, l3, l4 = (
            branch(context, u) for branch, context, u in zip(self.local, (x, h, m, x), (h, x, x, m), strict=True)
        )
        scores = channel_scores(g, self.interaction_channels()) * space_scores(g, self.interaction_places())
        interaction = torch.sigmoid(scores) * x
        return [g, l2, f, W @ m, l1, torch.sigmoid(g) * g, l3, W @ h, l4, interaction]


class SlowNetwork(nn.Module):
    """A kernel, (places, outputs), as a function of coordinates: products of sinusoids, MAGNet without its envelopes.

        h_0 = sin(Ω_0 c),   h_i = sin(Ω_i c + φ_i) * (W_i h_{i-1} + b_i) + p,   K = W_o h_2 + b_o

    p, (places, 1), is one bias per place, for all channels and layers. W_o starts with 1 / sqrt(places) of its usual
    size.
    """

    LAYERS = 2

    def __init__(self, coordinates: Tensor, outputs: int, *, hidden: int, omega_0: float) -> None:
        super().__init__()
        places, dimensions = coordinates.shape
        self.register_buffer("coordinates", coordinates, persistent=False)
        self.sinusoids = nn.ModuleList(
            _sinusoid(dimensions, hidden, omega_0, concentration=6 / (layer + 1)) for layer in range(self.LAYERS + 1)
        )
        self.linears = nn.ModuleList(_linear(hidden, hidden, bias=1.0) for _ in range(self.LAYERS))
        self.place_bias = nn.Parameter(torch.zeros(places, 1))
        self.output = _linear(hidden, outputs, bias=0.0)
        with torch.no_grad():
            self.output.weight *= places**-0.5

    def forward(self) -> Tensor:
        """Return K, (places, outputs)."""
        h = torch.sin(self.sinusoids[0](self.coordinates))
        for i in range(self.LAYERS):
            h = self.layer(i, h)
        return self.output(h)

    def layer(self, i: int, h: Tensor) -> Tensor:
        """Return h_{i + 1}, (..., places, hidden)."""
        return torch.sin(self.sinusoids[i + 1](self.coordinates)) * self.linears[i](h) + self.place_bias


class ContextualSlowNetwork(SlowNetwork):
    """A slow network whose layers are multiplied by features of the input: the operator's first half, locally.

        h_i <- (α sg(h_i) + β h_i / |h_i|) * (V_i z + v_i),   z = gelu(B (mean over the batch of A (x pooled to k x k)))

    sg stops gradients; |h_i| is each channel's norm over places. V_i z, (B, places, hidden), makes the kernel one of
    the batch or, where no mean is taken, one for each sequence.
    """

    def __init__(self, k: int, channels: int, *, omega_0: float, batch: bool) -> None:
        hidden = 32
        super().__init__(_grid(k, 2), channels, hidden=hidden, omega_0=omega_0)
        self.k, self.batch = k, batch
        self.reduce, self.embed = nn.Linear(channels, hidden), nn.Linear(hidden, hidden)
        self.factors = nn.ModuleList(_linear(hidden, hidden, bias=1.0) for _ in range(self.LAYERS))

    def forward(self, x: Tensor) -> Tensor:
        """Return kernels, (B or 1, channels, k, k), for an image (B, channels, S, S)."""
        z = self.reduce(adaptive_avg_pool2d(x, self.k).flatten(2).transpose(1, 2))  # (B, k k, hidden)
        if self.batch:
            z = z.mean(dim=0, keepdim=True)
        z = gelu(self.embed(z))
        h = torch.sin(self.sinusoids[0](self.coordinates))[None]
        for i, factor in enumerate(self.factors):
            h = self.layer(i, h)
            h = (ALPHA * h.detach() + BETA * normalize(h, dim=1)) * factor(z)
        return self.output(h).transpose(1, 2).unflatten(2, (self.k, self.k))


class LocalBranch(nn.Module):
    """gelu(BS(N (kernel conv u))) + bias: a depthwise convolution with a kernel made from the context, then 1 x 1."""

    def __init__(self, channels: int, k: int, omega_0: float, batch: bool) -> None:
        super().__init__()
        self.batch = batch
        self.slow = ContextualSlowNetwork(k, channels, omega_0=omega_0, batch=batch)
        self.mix = _pointwise(channels, channels, nn.init.kaiming_normal_, bias=False)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, context: Tensor, u: Tensor) -> Tensor:
        """Map images (B, H, S, S) to the branch, (B, H, S, S)."""
        y = self.mix(convolve_each(u, self.slow(context)))
        return gelu(standardised(y, batch=self.batch)) + self.bias


class RecursiveGatedUnit(nn.Module):
    """RGU: Y (gelu(IS(K x * Q V x)) + p), with 1 x 1 convolutions K, Q, V, Y and a bias p per place."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.key, self.value, self.query = (_pointwise(channels, channels, _kaiming_linear) for _ in range(3))
        self.out = _pointwise(channels, channels, _kaiming_linear, bias=False)
        self.place_bias = nn.Parameter(torch.zeros(side, side))

    def forward(self, x: Tensor) -> Tensor:
        return self.out(gelu(standardised(self.key(x) * self.query(self.value(x)))) + self.place_bias)


def channel_scores(x: Tensor, kernel: Tensor) -> Tensor:
    """Return x̄ * k * x̄, (B, H, 1, 1), x̄ the mean over places; kernel (H, 1)."""
    mean = x.mean(dim=(2, 3), keepdim=True)
    return mean * kernel[:, :, None] * mean


def space_scores(x: Tensor, kernel: Tensor) -> Tensor:
    """Return x̃ * k * x̃, (B, 1, S, S), x̃ the mean over channels; kernel (S S, 1)."""
    mean = x.mean(dim=1, keepdim=True)
    return mean * kernel[:, 0].unflatten(0, x.shape[2:]) * mean


def convolve_each(u: Tensor, kernels: Tensor) -> Tensor:
    """Return each image's depthwise convolution, (B, H, S, S), with its own kernels, (B or 1, H, k, k), k odd."""
    B, H = u.shape[:2]
    weight = kernels.expand(B, -1, -1, -1).flatten(0, 1)[:, None]
    return conv2d(u.flatten(0, 1)[None], weight, padding=kernels.shape[-1] // 2, groups=B * H)[0].unflatten(0, (B, H))


def standardised(x: Tensor, batch: bool = False) -> Tensor:
    """Return x, (B, H, S, S), with mean zero and variance one over places, or over the batch as well."""
    dims = (0, 2, 3) if batch else (2, 3)
    variance, mean = torch.var_mean(x, dim=dims, correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(variance + EPS)


def _grid(size: int, dimensions: int) -> Tensor:
    """Return the coordinates in [-1, 1] of all places, (size^dimensions, dimensions), the first axis slowest."""
    axis = torch.linspace(-1, 1, size)
    return torch.stack(torch.meshgrid(*[axis] * dimensions, indexing="ij"), dim=-1).reshape(-1, dimensions)


def _sinusoid(dimensions: int, hidden: int, omega_0: float, concentration: float) -> nn.Linear:
    """Return the affine map inside a sine, its weights as torch's times 2π ω_0 and a Gamma variable."""
    linear = nn.Linear(dimensions, hidden)
    with torch.no_grad():
        linear.weight *= 2 * math.pi * omega_0 * Gamma(concentration, 1.0).sample((hidden, dimensions))
        linear.bias.zero_()
    return linear


def _linear(inputs: int, outputs: int, *, bias: float) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    _kaiming_linear(linear.weight)
    nn.init.constant_(linear.bias, bias)
    return linear


def _pointwise(inputs: int, outputs: int, initialise: Callable[[Tensor], object], *, bias: bool = True) -> nn.Conv2d:
    convolution = nn.Conv2d(inputs, outputs, 1, bias=bias)
    initialise(convolution.weight)
    if bias:
        nn.init.zeros_(convolution.bias)
    return convolution


def _kaiming_linear(weight: Tensor) -> None:
    nn.init.kaiming_uniform_(weight, nonlinearity="linear")
