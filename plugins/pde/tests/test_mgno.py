"""MgNO: its cycle is linear, can be classical multigrid, and has the published size."""

import pytest
import torch

from bench_pde.methods.mgno import MgNO, VCycle
from bench_pde.operator_limits import mgno
from harness.conformance import in_float64, seeded


@pytest.fixture(autouse=True)
def _float64():
    with in_float64(), seeded(0):
        yield


def _sizes(levels):
    return mgno(grid=[32, 32], levels=levels, boundary="dirichlet")


@pytest.mark.parametrize("post", [0, 2])
@pytest.mark.parametrize("mode", ["zeros", "circular", "reflect"])
def test_cycle_is_linear(mode, post):
    cycle = VCycle(2, 3, _sizes(4), pre=2, post=post, restrict_residual=True, mode=mode)
    f, g = torch.randn(2, 1, 2, 32, 32)
    assert (cycle(2 * f - 3 * g) - 2 * cycle(f) + 3 * cycle(g)).abs().max() < 1e-12
    assert cycle(0 * f).abs().max() == 0


def test_parameters_are_those_of_the_paper():
    """573 thousand for Darcy, where the coarsest level smooths twice and the others once."""
    with torch.device("meta"):
        model = MgNO(in_channels=1, out_channels=1, grid=[256, 256], boundary="dirichlet", levels=6)
    extra = 18 * 24 * 1 + 3 * 18 * 24 * 24  # the second smoothing on the coarsest level, in the four layers
    assert sum(p.numel() for p in model.parameters()) + extra == 572_661


def test_periodic_operator_moves_with_its_input_by_as_many_points_as_a_coarse_cell_has():
    model = MgNO(in_channels=1, out_channels=1, grid=[32, 32], boundary="periodic", width=4, layers=2, levels=3, post=1)
    a = torch.randn(1, 32, 32, 1)
    u = model(a)
    assert (model(a.roll((4, 8), (1, 2))) - u.roll((4, 8), (1, 2))).abs().max() < 1e-12
    assert (model(a.roll(1, 1)) - u.roll(1, 1)).abs().max() > 1e-6


def test_reach_grows_with_the_levels():
    f = torch.zeros(1, 1, 32, 32)
    f[..., 16, 16] = 1
    local = VCycle(1, 1, _sizes(1))(f)
    assert (local.abs() > 0).sum() == 9
    assert (VCycle(1, 1, _sizes(5))(f).abs() > 0).all()


@pytest.mark.parametrize("grid", [[33, 47], [85, 32]])
def test_odd_grids(grid):
    model = MgNO(in_channels=1, out_channels=2, grid=grid, boundary="dirichlet", width=3, layers=1)
    assert model(torch.randn(1, *grid, 1)).shape == (1, *grid, 2)


def multigrid(levels, h):
    """Return a cycle that is classical multigrid for -Δ u = f, u = 0 beyond the grid: damped Jacobi, full weighting."""
    n = 2**levels - 1
    sizes = [(2 ** (levels - i) - 1,) * 2 for i in range(levels)]
    cycle = VCycle(1, 1, sizes, pre=1, post=1, restrict_residual=True)
    stencil = torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]])
    jacobi = torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])
    bilinear = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    with torch.no_grad():
        cycle.first.weight[0, 0] = 0.8 * h**2 / 4 * jacobi
        for level in range(len(sizes)):
            scale = (h * 2**level) ** 2
            for smooth in (*cycle.down[level], *(cycle.up[level] if level < len(sizes) - 1 else ())):
                smooth.S.weight[0, 0], smooth.A.weight[0, 0] = 0.8 * scale / 4 * jacobi, stencil / scale
            if level < len(sizes) - 1:
                cycle.residual[level].weight[0, 0] = stencil / scale
                cycle.restrict[level].weight[0, 0] = bilinear / 16
                cycle.carry[level].weight.zero_()
                cycle.prolong[level].conv.weight[0, 0] = bilinear / 4
                cycle.prolong[level].conv.padding = (0, 0)
    return cycle, n


@pytest.mark.parametrize("levels", [4, 5, 6])
def test_cycle_can_be_classical_multigrid(levels, monkeypatch):
    """With its weights, u <- u + W (f - A u) shrinks the error by about a third, whatever the grid."""
    monkeypatch.setattr(torch.nn.Conv2d, "forward", _cropped)
    cycle, n = multigrid(levels, h := 2.0**-levels)
    stencil = torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]])[None, None] / h**2
    u = torch.randn(1, 1, n, n)  # the error: f = 0
    for _ in range(8):
        before = u.norm()
        u = u - cycle(torch.nn.functional.conv2d(u, stencil, padding=1))
    assert float((u.norm() / before).detach()) < 0.45


@torch.no_grad()
def test_classical_multigrid_is_symmetric(monkeypatch):
    monkeypatch.setattr(torch.nn.Conv2d, "forward", _cropped)
    cycle, n = multigrid(4, 2.0**-4)
    f, g = torch.randn(2, 1, 1, n, n)
    assert float((cycle(f) * g).sum()) == pytest.approx(float((f * cycle(g)).sum()), rel=1e-12)
    weight = cycle.first.weight  # and with others it is not
    weight += 0.1 * weight.abs().max() * torch.randn_like(weight)
    assert float((cycle(f) * g).sum()) != pytest.approx(float((f * cycle(g)).sum()), rel=1e-6)


def _cropped(self, x):
    """Of 2^k - 1 inner nodes every second one, from the second on, is a node of the coarser grid."""
    if self.stride == (2, 2):
        return torch.nn.functional.conv2d(x, self.weight, stride=2)
    return torch.nn.functional.conv2d(x, self.weight, padding=1)


def test_grids_that_do_not_fit_are_an_error():
    given = {"in_channels": 1, "out_channels": 1}
    with pytest.raises(ValueError, match="two dimensions, got 1"):
        MgNO(grid=[64], boundary="open", **given)
    with pytest.raises(ValueError, match="a periodic grid of 36 x 32 points cannot be halved 3 times"):
        MgNO(grid=[36, 32], boundary="periodic", levels=4, **given)
    with pytest.raises(ValueError, match="a grid of 16 x 16 points is too small for 6 levels"):
        MgNO(grid=[16, 16], boundary="open", levels=6, **given)
