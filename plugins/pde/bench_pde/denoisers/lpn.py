"""Learned proximal networks (LPN; Fang, Buchanan & Sulam 2024, ICLR, arXiv:2310.14344).

The denoiser is the gradient of a function that is convex by construction, and so the proximal operator of some R:

    f = ∇ψ,    f(y) = argmin_x ½ |x - y|² + R(x),    R(f(y)) = ⟨y, f(y)⟩ - ½ |f(y)|² - ψ(y)    up to a constant
    z_1 = σ(W_1 y),    z_(l+1) = σ(W_(l+1) z_l + H_l y + b_l),    ψ = w·z + h·y + b + α |y|²

with σ(x) = log(1 + e^(βx)) / β, and all entries of W_2, W_3, …, w at least 0 (input-convex network; Amos, Xu & Kolter
2017, arXiv:1609.07152). The paper sets what is negative to 0 after every step of the optimiser; here that is done
before every use, which comes to the same.

Vectors, as for the paper's Laplacian: four layers W_2 … W_5, 50 wide, β = 10, α = 0. Images of n × n, as for its
MNIST: W_1 … W_4 are convolutions of 3 × 3 with strides 1, 2, 1, 2; beside the last three, H_1, H_2, H_3 (strides 2, 1,
2) see y at n, n/2, n/2 by bilinear interpolation; then come layers from (n/4)² places to 64 numbers, with y at n/4, and
to ψ, without h and b; 64 wide, β = 10, α = 0.01.

    y    (batch, *shape)
    ψ    (batch,)
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench_pde import denoiser_limits
from bench_pde.denoisers.losses import LossName


class ProximalNetwork(nn.Module):
    """∇ψ; a subclass computes ψ from weights of which those in `positive` are kept at 0 or above."""

    positive: nn.ModuleList
    alpha: float
    loss: LossName = "proximal-matching"

    def convex(self, y: Tensor) -> Tensor:
        """Return ψ without α |y|², (batch,)."""
        raise NotImplementedError

    def potential(self, y: Tensor) -> Tensor:
        """Return ψ, (batch,)."""
        with torch.no_grad():
            for layer in self.positive:
                if (layer.weight < 0).any():  # else what an earlier call has recorded would be taken for changed
                    layer.weight.clamp_(min=0)
        return self.convex(y) + self.alpha * y.flatten(1).square().sum(1)

    def forward(self, y: Tensor) -> Tensor:
        """y: (batch, *shape). Returns ∇ψ, the same shape; it can be differentiated by the weights where gradients are
        recorded.
        """
        recorded = torch.is_grad_enabled()
        with torch.enable_grad():
            at = y if y.requires_grad else y.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.potential(at).sum(), at, create_graph=recorded)
        return gradient

    def prior(self, y: Tensor) -> Tensor:
        """Return R at f(y), (batch,), up to a constant."""
        x = self(y)
        return (y * x - x * x / 2).flatten(1).sum(1) - self.potential(y)


class VectorNetwork(ProximalNetwork):
    """For vectors (batch, n)."""

    def __init__(self, size: int, hidden: int, layers: int, beta: float, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha
        self.first = nn.Linear(size, hidden, bias=False)
        self.positive = nn.ModuleList(nn.Linear(hidden, 1 if i == layers else hidden, False) for i in range(layers + 1))
        self.direct = nn.ModuleList(nn.Linear(size, 1 if i == layers else hidden) for i in range(layers + 1))
        self.softplus = nn.Softplus(beta)

    def convex(self, y: Tensor) -> Tensor:
        z = self.softplus(self.first(y))
        for i, (layer, direct) in enumerate(zip(self.positive, self.direct, strict=True)):
            z = layer(z) + direct(y)
            if i < len(self.positive) - 1:
                z = self.softplus(z)
        return z[:, 0]


class ImageNetwork(ProximalNetwork):
    """For square images (batch, channels, n, n) with n a multiple of 4."""

    def __init__(self, channels: int, size: int, hidden: int, beta: float, alpha: float) -> None:
        super().__init__()
        self.alpha, self._sizes = alpha, (size, size // 2, size // 2, size // 4)
        self.first = nn.Conv2d(channels, hidden, 3, padding=1, bias=False)
        convolutions = [nn.Conv2d(hidden, hidden, 3, stride, 1, bias=False) for stride in (2, 1, 2)]
        small = self._sizes[-1] ** 2
        ends = [nn.Linear(hidden * small, 64, bias=False), nn.Linear(64, 1, bias=False)]
        self.positive = nn.ModuleList([*convolutions, *ends])
        for layer in self.positive:  # as the authors' code begins with images: all near e^-10, where clipped ones are 0
            nn.init.normal_(layer.weight, -10, 0.1)
            layer.weight.data.exp_()
        seen = [nn.Conv2d(channels, hidden, 3, stride, 1) for stride in (2, 1, 2)]
        self.direct = nn.ModuleList([*seen, nn.Linear(channels * small, 64)])
        self.softplus = nn.Softplus(beta)

    def convex(self, y: Tensor) -> Tensor:
        z = self.softplus(self.first(y))
        for layer, direct, size in zip(self.positive, self.direct, self._sizes, strict=False):
            resized = functional.interpolate(y, (size, size), mode="bilinear")
            if isinstance(layer, nn.Linear):
                z, resized = z.flatten(1), resized.flatten(1)
            z = self.softplus(layer(z) + direct(resized))
        return self.positive[-1](z)[:, 0]


def lpn(
    *,
    shape: list[int],
    loss: LossName = "proximal-matching",
    hidden: int = 50,
    layers: int = 4,
    beta: float = 10.0,
    alpha: float = 0.0,
) -> ProximalNetwork:
    """Return a proximal network for vectors (n,) or images (channels, n, n); of images, the layers are as above.

    Args:
        loss: the paper's is "proximal-matching", which leads to the mode of the posterior; the others are what it is
            compared with.

    Raises:
        ValueError: images whose sides differ or are no multiple of 4, another shape, or a parameter out of range.
    """
    denoiser_limits.lpn(shape=shape, hidden=hidden, layers=layers, beta=beta, alpha=alpha)
    if len(shape) == 1:
        network: ProximalNetwork = VectorNetwork(shape[0], hidden, layers, beta, alpha)
    else:
        network = ImageNetwork(shape[0], shape[1], hidden, beta, alpha)
    network.loss = loss
    return network
