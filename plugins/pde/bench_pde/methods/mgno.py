"""MgNO: an operator whose linear maps are multigrid cycles with learned smoothers.

He, Liu & Xu, "MgNO: Efficient Parameterization of Linear Operators via Multigrid" (ICLR 2024), arXiv:2310.19809;
details from the released code (xlliu2017/MgNO, `MgNO_DC`).

    v_{i+1} = σ( W_i v_i + B_i v_i + b_i ),   u = Q v_L       σ GELU; B pointwise; Q pointwise, without bias
    W       a V-cycle, linear, from c_f channels f to c channels u, on levels l = 0 … J-1, l = 0 the finest:
      smooth     u <- u + S (f - A u), `pre` times on the way down and `post` times on the way up; u = S f the first
      time restrict   f_{l+1} = R f_l, or R (f_l - A u_l) with `restrict_residual`, which alone is classical;  u_{l+1} =
      P u_l prolong    u_l <- u_l + T u_{l+1}
    S, A    convolutions of 3, each step with its own;  R, P: of 3 with stride 2;  T: transposed, of 4 with stride 2, or
            of 3 on the axes where level l has an odd number of points

No lift, no coordinates: the first cycle has the inputs as f. The boundary is in the padding of all convolutions: zeros
where the field is 0 on it, circular where it is periodic, reflected where it is open. The coarsest level should have 4
to 8 points, or W does not reach across the domain. The released code also registers post-smoothing on the coarsest
level, and never runs it; it is left out here. Its T pads with zeros on periodic fields too, by which they do not move
with their input; here T wraps around. Sizes of the paper's Darcy networks: 4 layers, c = 24, six levels.
"""

from torch import Tensor, nn
from torch.nn.functional import gelu, pad

from bench_pde import operator_limits
from bench_pde.grids import channels_first, channels_last

_PADDING = {"periodic": "circular", "dirichlet": "zeros", "open": "reflect"}


class MgNO(nn.Module):
    """(batch, n_1, n_2, in_channels) to (batch, n_1, n_2, out_channels), on the grid that it was built for.

    Args:
        width: c.
        layers: L.
        levels: J; by default as many as leave four points or more on the coarsest.
        pre, post: smoothing steps on each level.
        restrict_residual: whether R acts on the residual.

    Raises:
        ValueError: the grid is not of two dimensions, too small for the levels, or periodic and not divisible.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        grid: list[int],
        boundary: str,
        width: int = 24,
        layers: int = 4,
        levels: int | None = None,
        pre: int = 1,
        post: int = 0,
        restrict_residual: bool = False,
    ) -> None:
        super().__init__()
        if len(grid) != 2:
            raise ValueError(f"MgNO works on grids of two dimensions, got {len(grid)}")
        sizes = operator_limits.mgno(grid=grid, levels=levels, boundary=boundary)
        widths = [in_channels, *[width] * layers]
        options = {"pre": pre, "post": post, "restrict_residual": restrict_residual, "mode": _PADDING[boundary]}
        self.cycles = nn.ModuleList(VCycle(f, width, sizes, **options) for f in widths[:-1])
        self.pointwise = nn.ModuleList(nn.Conv2d(f, width, 1) for f in widths[:-1])
        self.project = nn.Conv2d(width, out_channels, 1, bias=False)

    def forward(self, a: Tensor) -> Tensor:
        v = channels_first(a)
        for cycle, pointwise in zip(self.cycles, self.pointwise, strict=True):
            v = gelu(cycle(v) + pointwise(v))
        return channels_last(self.project(v))


class VCycle(nn.Module):
    """W, from (batch, c_f, n_1, n_2) to (batch, c, n_1, n_2).

    Args:
        sizes: the grid of each level, the finest first.
        mode: of padding.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        sizes: list[tuple[int, ...]],
        *,
        pre: int = 1,
        post: int = 0,
        restrict_residual: bool = False,
        mode: str = "zeros",
    ) -> None:
        super().__init__()

        def conv(i: int, o: int, stride: int = 1) -> nn.Module:
            return nn.Conv2d(i, o, 3, stride=stride, padding=1, bias=False, padding_mode=mode)

        def smoothers(count: int) -> nn.ModuleList:
            return nn.ModuleList(_Smoother(conv(inputs, width), conv(width, inputs)) for _ in range(count))

        finer = range(len(sizes) - 1)
        self.first = conv(inputs, width)
        self.down = nn.ModuleList(smoothers(pre - 1 if level == 0 else pre) for level in range(len(sizes)))
        self.up = nn.ModuleList(smoothers(post) for _ in finer)
        self.residual = nn.ModuleList(conv(width, inputs) for _ in finer if restrict_residual)
        self.restrict = nn.ModuleList(conv(inputs, inputs, 2) for _ in finer)
        self.carry = nn.ModuleList(conv(width, width, 2) for _ in finer)
        self.prolong = nn.ModuleList(_Prolongation(width, sizes[level], mode) for level in finer)

    def forward(self, f: Tensor) -> Tensor:
        u, right, seen = self._descended(self.first(f), f, 0), [f], []
        for level, (restrict, carry) in enumerate(zip(self.restrict, self.carry, strict=True)):
            seen.append(u)
            f = restrict(f - self.residual[level](u) if self.residual else f)
            right.append(f)
            u = self._descended(carry(u), f, level + 1)
        for level in reversed(range(len(seen))):
            u = seen[level] + self.prolong[level](u)
            for smooth in self.up[level]:
                u = smooth(u, right[level])
        return u

    def _descended(self, u: Tensor, f: Tensor, level: int) -> Tensor:
        for smooth in self.down[level]:
            u = smooth(u, f)
        return u


class _Smoother(nn.Module):
    def __init__(self, S: nn.Module, A: nn.Module) -> None:
        super().__init__()
        self.S, self.A = S, A

    def forward(self, u: Tensor, f: Tensor) -> Tensor:
        return u + self.S(f - self.A(u))


class _Prolongation(nn.Module):
    """T, onto a grid of the given size."""

    def __init__(self, width: int, size: tuple[int, ...], mode: str) -> None:
        super().__init__()
        self.wraps = mode == "circular"
        kernel = tuple(3 if n % 2 else 4 for n in size)
        self.conv = nn.ConvTranspose2d(width, width, kernel, stride=2, padding=3 if self.wraps else 1, bias=False)

    def forward(self, u: Tensor) -> Tensor:
        return self.conv(pad(u, (1, 1, 1, 1), mode="circular") if self.wraps else u)
