"""The Fourier neural operator (FNO).

Li, Kovachki, Azizzadenesheli, Liu, Bhattacharya, Stuart & Anandkumar, "Fourier Neural Operator for Parametric Partial
Differential Equations" (ICLR 2021), arXiv:2010.08895.

    v_0      = P(a, x)                         lift, pointwise                                  (batch, *grid, w)
    v_{l+1}  = σ( K_l v_l + W_l v_l + b_l )    l = 0 … L-1, without σ after the last            eq. (2)
    (K v)(x) = F^-1( R(k) · (F v)(k) )         over the lowest modes, 0 elsewhere               eq. (4)
    u        = Q(v_L)                          w -> 128 -> channels, GELU between

    w, L     width and number of layers
    m        modes kept per axis: rfft columns 0 … m-1, and on other axes rows -m … m-1
    R        (blocks, w, w, *modes) complex; one block in one dimension, two in two: rows 0 … m-1 and -m … -1

Initialisation: R is 1/w² times a complex number whose parts are both U(0, 1), as in the released code; σ is GELU and
there is no batch normalisation, as in its later version, which the paper's first one (ReLU, BatchNorm) is far behind.
Where the boundary is not periodic, the grid is padded with zeros behind its end, `padding` points, before the layers:
by default 9 in two dimensions, as in the released code, and 2 in one, as in PDEBench; there the release pads nothing.
The coordinates i/(n-1) are appended to the input, as in the released code, periodic grids included.

`variant="library"` is what the neuraloperator library (2.0) builds under the same name, a different network: an even
number 2m of rows and m+1 columns per axis in one tensor, R ~ N(0, 1/w), a bias after K and none in W, a lift and
projection of two layers of width 2w, coordinates i/n, and after each layer a pointwise two-layer network of width w/2
beside a learned gate, followed by σ.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad

from bench_pde import operator_limits
from bench_pde.grids import coordinates


class SpectralConvolution(nn.Module):
    """K, on (batch, *grid, w).

    Args:
        modes: m.
        is_library: whether rows, columns and initialisation are those of the library.
    """

    def __init__(self, width: int, modes: int, dimensions: int, *, is_library: bool = False) -> None:
        super().__init__()
        self.modes, self.dimensions, self.is_library = modes, dimensions, is_library
        columns = modes + 1 if is_library else modes
        shape = (width, width, *[2 * modes] * (dimensions - 1), columns, 2)  # pairs: optimisers and casts know numbers
        weight = torch.randn(shape) / math.sqrt(2 * width) if is_library else torch.rand(shape) / width**2
        self.weight = nn.Parameter(weight)

    def forward(self, v: Tensor) -> Tensor:
        grid, weight = v.shape[1:-1], torch.view_as_complex(self.weight.contiguous())
        last = _frequencies(0, weight.shape[-1], grid[-1])
        cos, sin = _waves(last, grid[-1], v)
        # The real transform along the last axis, for the kept columns only: (batch, …, columns, w)
        spectrum = torch.complex(cos @ v, -sin @ v)
        weight = weight[..., : len(last)]
        if self.dimensions == 1:
            product = torch.einsum("bxi,iox->bxo", spectrum, weight)
        else:
            product = self._along_rows(spectrum, weight, grid[0])
        twice = torch.where((last == 0) | (2 * last == grid[-1]), 1.0, 2.0)[:, None].to(v)  # k and -k are one column
        return (twice * cos).mT @ product.real / grid[-1] - (twice * sin).mT @ product.imag / grid[-1]

    def _along_rows(self, spectrum: Tensor, weight: Tensor, n: int) -> Tensor:
        """Return the product with the weight on the kept rows, back in space along the first axis."""
        count = weight.shape[2]
        rows = _frequencies(-(count // 2), count, n)
        cos, sin = _waves(rows, n, spectrum.real)
        wave = torch.complex(cos, -sin)
        kept = torch.einsum("rx,bxyi->bryi", wave, spectrum)
        product = torch.einsum("bryi,iory->bryo", kept, weight[:, :, rows + count // 2])
        return torch.einsum("rx,bryo->bxyo", wave.conj() / n, product)


def _frequencies(first: int, count: int, n: int) -> Tensor:
    """Return those of the frequencies first, first + 1, … that a grid of n points has; a real one has n/2 once."""
    frequencies = torch.arange(first, first + count)
    return frequencies[(frequencies >= -(n // 2)) & (frequencies < (n + 1) // 2 if first else frequencies <= n // 2)]


def _waves(frequencies: Tensor, n: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return cos and sin of 2π k j/n, (frequencies, n). For so few modes a product is faster than an FFT."""
    turns = (frequencies[:, None] * torch.arange(n)) % n  # whole numbers: no large angle is rounded
    angle = 2 * math.pi / n * turns.to(like.device, torch.float64)
    return angle.cos().to(like.dtype), angle.sin().to(like.dtype)


class FNO(nn.Module):
    """(batch, *grid, in_channels) to (batch, *grid, out_channels), on any grid.

    Args:
        modes: m, on each axis.
        width: w.
        layers: L.
        padding: points of zeros behind the grid where the boundary is not periodic; by default 9 in two dimensions,
            2 in one.
        variant: see above.

    Raises:
        ValueError: the grid has more than two dimensions, or fewer points than 2 m.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        grid: list[int],
        boundary: str,
        modes: int = 12,
        width: int = 20,
        layers: int = 4,
        padding: int | None = None,
        variant: Literal["original", "library"] = "original",
    ) -> None:
        super().__init__()
        dimensions = len(grid)
        if dimensions not in (1, 2):
            raise ValueError(f"the grid must have one or two dimensions, got {dimensions}")
        operator_limits.fno(grid=grid, modes=modes)
        self.is_library = variant == "library"
        self.padding = (9 if dimensions == 2 else 2) if padding is None else padding
        if boundary == "periodic" or self.is_library:
            self.padding = 0
        inner = 2 * width if self.is_library else 128
        lift = nn.Linear(in_channels + dimensions, width)
        deep = nn.Sequential(nn.Linear(in_channels + dimensions, inner), nn.GELU(), nn.Linear(inner, width))
        self.lift = deep if self.is_library else lift
        self.layers = nn.ModuleList(
            _Layer(width, modes, dimensions, self.is_library, is_last=i == layers - 1) for i in range(layers)
        )
        self.project = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, out_channels))

    def forward(self, a: Tensor) -> Tensor:
        grid = a.shape[1:-1]
        x = coordinates(grid, a, with_end=not self.is_library).expand(len(a), *[-1] * (len(grid) + 1))
        v = self.lift(torch.cat([a, x], -1))
        if self.padding:
            v = pad(v, (0, 0, *[0, self.padding] * len(grid)))
        for layer in self.layers:
            v = layer(v)
        if self.padding:
            v = v[(slice(None), *(slice(n) for n in grid))]
        return self.project(v)


class _Layer(nn.Module):
    def __init__(self, width: int, modes: int, dimensions: int, is_library: bool, is_last: bool) -> None:
        super().__init__()
        self.is_last = is_last
        self.kernel = SpectralConvolution(width, modes, dimensions, is_library=is_library)
        self.pointwise = nn.Linear(width, width, bias=not is_library)
        self.mlp: nn.Module | None = None
        if is_library:
            self.bias = nn.Parameter(torch.randn(width) / math.sqrt(width))
            self.gate = nn.Parameter(torch.ones(width))
            self.mlp = nn.Sequential(nn.Linear(width, width // 2), nn.GELU(), nn.Linear(width // 2, width))

    def forward(self, v: Tensor) -> Tensor:
        y = self.kernel(v) + self.pointwise(v)
        if self.mlp is None:
            return y if self.is_last else gelu(y)
        y = y + self.bias
        y = self.mlp(y if self.is_last else gelu(y)) + self.gate * v
        return y if self.is_last else gelu(y)
