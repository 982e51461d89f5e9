"""DnCNN (Zhang, Zuo, Chen, Meng & Zhang 2017, IEEE TIP, arXiv:1608.03981): a network that says what the noise is.

    f(y) = y - network(y)

The network is a convolution of 3 × 3 with ReLU, then `depth` - 2 convolutions with batch normalisation and ReLU, and a
last convolution. Published: depth 17, 64 wide. Nothing makes f the proximal operator of anything.

    y    (batch, channels, n, m)
"""

from torch import Tensor, nn

from bench_pde import denoiser_limits
from bench_pde.denoisers.losses import LossName


class DnCNN(nn.Module):
    """A residual denoiser of images, trained by the squared error."""

    loss: LossName = "l2"

    def __init__(self, *, shape: list[int], depth: int = 17, width: int = 64) -> None:
        """Raises ValueError where depth is below 2 or width not positive, and for shapes other than images."""
        super().__init__()
        denoiser_limits.dncnn(shape=shape, depth=depth, width=width)
        layers: list[nn.Module] = [nn.Conv2d(shape[0], width, 3, padding=1), nn.ReLU()]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        self.noise = nn.Sequential(*layers, nn.Conv2d(width, shape[0], 3, padding=1))

    def forward(self, y: Tensor) -> Tensor:
        """y: (batch, channels, n, m). Returns the same shape."""
        return y - self.noise(y)
