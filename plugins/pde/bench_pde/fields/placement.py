"""Where the kernels of NeuRBF lie and how wide they are: k-means weighted by where a signal has detail.

Chen et al. 2023 (arXiv:2309.15426), with their code's constants: 10 iterations of Lloyd from samples drawn with
probability ∝ weight, and covariances of what is nearest to each centre, divided by α = 1/2. A linear kernel reaches
twice the standard deviation, so that along an axis it is 1/2 there, as an inverse quadratic one is. A width is kept
between 1/200 of a sample's width and a tenth of the domain, as there. Correlations are multiplied by 0.999, where the
code bounds them by it, which in three dimensions leaves shapes that are not positive.
"""

import torch
from torch import Tensor

from bench_pde.fields.signal import Signal

ITERATIONS, ALPHA = 10, 0.5


def detail(signal: Signal) -> Tensor:
    """Return how much there is to see at each sample, (N,), with mean 1.

    For images the length of Sobel's gradient over all channels, with the edge repeated; for distances
    1 / (|distance| + 1e-9). A signal without any detail has the same everywhere.
    """
    if signal.kind == "distance":
        weight = 1 / (signal.values[:, 0].abs() + 1e-9)
    else:
        image = signal.values.T.reshape(-1, 1, *signal.shape)
        smooth, slope = torch.tensor([1.0, 2.0, 1.0]), torch.tensor([-1.0, 0.0, 1.0])
        masks = torch.stack([torch.outer(smooth, slope), torch.outer(slope, smooth)])[:, None]
        padded = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")
        weight = torch.nn.functional.conv2d(padded, masks.to(image)).square().sum((0, 1)).sqrt().flatten()
    mean = weight.mean()
    return weight / mean if mean > 0 else torch.ones_like(weight)


def nearest(points: Tensor, centres: Tensor, count: int) -> Tensor:
    """Return the `count` nearest centres of each point, the nearest first, (n, count)."""
    rows = max(1, 2**22 // len(centres))
    parts = [torch.cdist(part, centres, compute_mode="donot_use_mm_for_euclid_dist") for part in points.split(rows)]
    return torch.cat([part.topk(count, dim=1, largest=False).indices for part in parts])


def clustered(points: Tensor, weight: Tensor, count: int) -> Tensor:
    """Return `count` centres by weighted k-means, (count, d), drawing the first ones from torch's global generator.

    A cluster that has lost all its points keeps its centre.

    Raises:
        ValueError: fewer points with a weight than clusters.
    """
    if int((weight > 0).sum()) < count:
        raise ValueError(f"{count} kernels are more than the {int((weight > 0).sum())} samples that have detail")
    centres = points[torch.multinomial(weight, count)].clone()
    for _ in range(ITERATIONS):
        centres = lloyd(points, weight, centres)
    return centres


def lloyd(points: Tensor, weight: Tensor, centres: Tensor) -> Tensor:
    """Return the weighted mean of the points nearest to each centre."""
    mass, sums = by_cluster(points, weight, centres, points)
    return torch.where(mass[:, None] > 0, sums / mass.clamp(min=1e-30)[:, None], centres)


def by_cluster(points: Tensor, weight: Tensor, centres: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weight of each centre's points, (k,), and the weighted sum of their values, (k, …), in float64."""
    label = nearest(points, centres, 1)[:, 0]
    mass = torch.zeros(len(centres), dtype=torch.float64).index_add_(0, label, weight.double())
    sums = torch.zeros(len(centres), values.shape[1], dtype=torch.float64)
    sums.index_add_(0, label, weight[:, None].double() * values.double())
    return mass.to(points.dtype), sums.to(points.dtype)


def covariances(points: Tensor, weight: Tensor, centres: Tensor) -> Tensor:
    """Return Σ_k / α, (k, d, d): the weighted covariance of the points nearest to each centre, about it."""
    d = points.shape[1]
    label = nearest(points, centres, 1)[:, 0]
    offset = points - centres[label]
    products = (offset[:, :, None] * offset[:, None, :]).flatten(1)
    mass, sums = by_cluster(points, weight, centres, products)
    covariance = (sums / mass.clamp(min=1e-30)[:, None]).reshape(-1, d, d) / ALPHA
    low, high = _bounds(points)
    spread = covariance.diagonal(dim1=1, dim2=2).clamp(min=low**2).sqrt()
    correlation = 0.999 * covariance / (spread[:, :, None] * spread[:, None, :])
    kept = spread.clamp(max=high)
    return torch.where(torch.eye(d, dtype=torch.bool), 1.0, correlation) * kept[:, :, None] * kept[:, None, :]


def spreads(points: Tensor, weight: Tensor, centres: Tensor) -> Tensor:
    """Return the square of how far each linear kernel reaches, (k,): 4/α times its points' mean squared distance."""
    offset = points - centres[nearest(points, centres, 1)[:, 0]]
    mass, sums = by_cluster(points, weight, centres, offset.square().sum(1, keepdim=True))
    low, high = _bounds(points)
    return (4 * sums[:, 0] / mass.clamp(min=1e-30) / ALPHA).clamp(low**2, high**2)


def _bounds(points: Tensor) -> tuple[float, float]:
    """Return the least and largest width."""
    return 2 / len(points) ** (1 / points.shape[1]) / 200, 2 / 10
