"""FNO: its spectral convolution is the propagator of linear equations when it is given their symbol."""

import pytest
import torch

from bench_pde.methods.fno import FNO, SpectralConvolution
from harness.conformance import in_float64, seeded

GIVEN = {"out_channels": 1, "boundary": "periodic"}


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.fixture(autouse=True)
def _float64():
    with in_float64(), seeded(0):
        yield


def convolution(symbol, dimensions):
    """Return a convolution of one channel with R(k) = symbol(k, ...), k in periods of the unit cube."""
    layer = SpectralConvolution(1, 6, dimensions).double()
    columns = torch.arange(6.0)
    k = (columns,) if dimensions == 1 else torch.meshgrid(torch.arange(-6.0, 6.0), columns, indexing="ij")
    layer.weight.data[0, 0] = torch.view_as_real(symbol(*k).to(torch.complex128))
    return layer


def test_it_can_be_the_propagator_of_advection():
    x = torch.arange(32) / 32
    u = torch.sin(2 * torch.pi * 3 * x) + 0.5 * torch.cos(2 * torch.pi * 5 * x) + 1
    moved = torch.sin(2 * torch.pi * 3 * (x - 0.3)) + 0.5 * torch.cos(2 * torch.pi * 5 * (x - 0.3)) + 1
    layer = convolution(lambda k: torch.exp(-2j * torch.pi * 0.3 * k), 1)
    assert (layer(u[None, :, None])[0, :, 0] - moved).abs().max() < 1e-13


def test_it_can_solve_the_poisson_equation():
    x = torch.arange(24) / 24
    x, y = torch.meshgrid(x, x, indexing="ij")
    u = (
        torch.sin(2 * torch.pi * (3 * x - 2 * y))
        + torch.cos(2 * torch.pi * (x + 4 * y))
        + torch.cos(2 * torch.pi * -6 * x)
    )
    f = (2 * torch.pi) ** 2 * (
        13 * torch.sin(2 * torch.pi * (3 * x - 2 * y)) + 17 * torch.cos(2 * torch.pi * (x + 4 * y))
    )

    def inverse(k, q):
        square = (2 * torch.pi) ** 2 * (k**2 + q**2)
        return torch.where(square > 0, 1 / square.clamp(min=1), 0)

    layer = convolution(inverse, 2)
    solved = layer(f[None, ..., None])[0, ..., 0]
    assert (solved - (u - torch.cos(2 * torch.pi * 6 * x))).abs().max() < 1e-13


def test_rows_that_are_kept_are_from_minus_m_to_m_less_one():
    x = torch.arange(24) / 24
    layer = convolution(lambda k, q: torch.ones_like(k), 2)
    for k, kept in ((5, 1.0), (6, 0.5), (7, 0.0)):  # of a cosine with k = m only the row -m remains
        wave = torch.cos(2 * torch.pi * k * x)[None, :, None, None].expand(1, 24, 24, 1)
        share = float(layer(wave).detach().abs().max())
        assert share == pytest.approx(kept, abs=1e-12)


def by_fft(layer, v):
    """The convolution as published: a whole transform, of which the lowest modes are multiplied."""
    axes, grid = tuple(range(1, v.ndim - 1)), v.shape[1:-1]
    spectrum = torch.fft.rfftn(v, dim=axes)
    weight, product = torch.view_as_complex(layer.weight), torch.zeros_like(spectrum)
    columns = weight.shape[-1]
    if len(grid) == 1:
        product[:, :columns] = torch.einsum("bxi,iox->bxo", spectrum[:, :columns], weight)
    else:
        half = weight.shape[2] // 2
        for rows, part in ((slice(None, half), weight[:, :, half:]), (slice(-half, None), weight[:, :, :half])):
            product[:, rows, :columns] = torch.einsum("bxyi,ioxy->bxyo", spectrum[:, rows, :columns], part)
    return torch.fft.irfftn(product, s=grid, dim=axes)


@pytest.mark.parametrize("is_library", [False, True])
@pytest.mark.parametrize("grid", [(24,), (17,), (8,), (24, 24), (17, 21), (8, 8)])
def test_convolution_is_that_of_a_fast_transform(grid, is_library):
    layer = SpectralConvolution(3, 4, len(grid), is_library=is_library).double()
    v = torch.randn(2, *grid, 3, requires_grad=True)
    expected, got = by_fft(layer, v), layer(v)
    assert (got - expected).abs().max() < 1e-13
    weights = torch.randn_like(got)
    for a, b in zip(
        *(torch.autograd.grad((u * weights).sum(), (v, layer.weight)) for u in (got, expected)), strict=True
    ):
        assert (a - b).abs().max() < 1e-12


@pytest.mark.parametrize("is_library", [False, True])
@pytest.mark.parametrize("grid", [(24,), (24, 24)])
def test_convolution_gives_the_same_on_finer_grids_and_moves_with_its_input(grid, is_library):
    layer = SpectralConvolution(3, 4, len(grid), is_library=is_library).double()
    spectrum = torch.zeros(2, *grid, 3, dtype=torch.complex128)
    low = tuple(slice(0, 3) for _ in grid)
    spectrum[(slice(None), *low)] = torch.randn(2, *[3] * len(grid), 3, dtype=torch.complex128)
    axes = tuple(range(1, len(grid) + 1))
    coarse = torch.fft.ifftn(spectrum, dim=axes, norm="forward").real
    fine = torch.fft.ifftn(spectrum, dim=axes, norm="forward", s=[2 * n for n in grid]).real
    every = (slice(None), *[slice(None, None, 2)] * len(grid))
    assert (layer(fine)[every] - layer(coarse)).abs().max() < 1e-12
    rolled = coarse.roll([5] * len(grid), axes)
    assert (layer(rolled) - layer(coarse).roll([5] * len(grid), axes)).abs().max() < 1e-12
    assert (layer(2 * coarse - rolled) - 2 * layer(coarse) + layer(rolled)).abs().max() < 1e-12


@pytest.mark.parametrize(
    ("frames", "width", "modes", "dimensions", "expected"),
    [(10, 20, 12, 1, 43_137), (10, 64, 16, 1, 550_145), (10, 20, 12, 2, 926_357)],
)
def test_parameters_are_as_published(frames, width, modes, dimensions, expected):
    model = FNO(in_channels=frames, grid=[64] * dimensions, width=width, modes=modes, **GIVEN)
    assert count(model) == expected


def test_modes_that_the_grid_lacks_are_an_error():
    with pytest.raises(ValueError, match="a grid of 16 points does not resolve 12 modes; at least 24 are needed"):
        FNO(in_channels=1, grid=[16, 64], **GIVEN)
    with pytest.raises(ValueError, match="one or two dimensions, got 3"):
        FNO(in_channels=1, grid=[64] * 3, **GIVEN)


def test_padding_goes_where_the_boundary_is():
    periodic = FNO(in_channels=1, grid=[32], **GIVEN)
    walled = FNO(in_channels=1, grid=[32], out_channels=1, boundary="dirichlet")
    assert (periodic.padding, walled.padding) == (0, 2)
    walled.load_state_dict(periodic.state_dict())
    a = torch.randn(1, 32, 1)
    assert not torch.allclose(periodic(a), walled(a))
